/* The two functions that TVM's portable C output calls. The runtime that loads
 * the library provides them, so its symbols must be global in the process. */
#ifndef TVMBIND_SHIM_C_BACKEND_API_H_
#define TVMBIND_SHIM_C_BACKEND_API_H_

#include "c_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

TVM_DLL void* TVMBackendAllocWorkspace(int device_type, int device_id, uint64_t nbytes,
                                       int dtype_code_hint, int dtype_bits_hint);
TVM_DLL int TVMBackendFreeWorkspace(int device_type, int device_id, void* ptr);

#ifdef __cplusplus
}
#endif

#endif
