/* What TVM's portable C output needs of TVM's header of this name, and no more:
 * with `-I models/shim` a C or C++ compiler builds deploy.c and myadd.c without TVM. */
#ifndef TVMBIND_SHIM_C_RUNTIME_API_H_
#define TVMBIND_SHIM_C_RUNTIME_API_H_

#include <stddef.h>
#include <stdint.h>

#define TVM_DLL __attribute__((visibility("default")))

typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides; /* NULL: compact, row by row */
  uint64_t byte_offset;
} DLTensor;

typedef union {
  int64_t v_int64;
  double v_float64;
  void* v_handle;
  const char* v_str;
  DLDataType v_type;
  DLDevice v_device;
} TVMValue;

#endif
