/* What the files csrc/modern*.c share: the classic C API on top of tvm-ffi. See modern.c. */
#ifndef TVMBIND_MODERN_H
#define TVMBIND_MODERN_H
#include "tvmbind_c.h"

enum { FEW = 12 };

#define PAYLOAD(object) ((void *)((char *)(object) + sizeof(TVMFFIObject)))
#define OBJECT_OF(tensor) ((void *)((char *)(tensor) - sizeof(TVMFFIObject)))

/* The functions of the classic API that there are on tvm-ffi. */
#define MODERN_FUNCTIONS(X) \
  X(TVMAPISetLastError) X(TVMGetLastError) X(TVMModLoadFromFile) X(TVMModImport) X(TVMModGetFunction) X(TVMModFree) \
  X(TVMFuncFree) X(TVMFuncCall) X(TVMCFuncSetReturn) X(TVMCbArgToReturn) X(TVMFuncCreateFromCFunc) \
  X(TVMFuncRegisterGlobal) X(TVMFuncGetGlobal) X(TVMFuncListGlobalNames) X(TVMFuncRemoveGlobal) X(TVMArrayAlloc) \
  X(TVMArrayFree) X(TVMArrayCopyFromBytes) X(TVMArrayCopyToBytes) X(TVMArrayCopyFromTo) X(TVMArrayFromDLPack) \
  X(TVMArrayToDLPack) X(TVMDLManagedTensorCallDeleter) X(TVMStreamCreate) X(TVMStreamFree) X(TVMSetStream) \
  X(TVMSynchronize) X(TVMObjectGetTypeIndex) X(TVMObjectTypeKey2Index) X(TVMObjectTypeIndex2Key) \
  X(TVMObjectRetain) X(TVMObjectFree) X(TVMByteArrayFree)

/* Each is declared as its namesake is, so that the compiler compares the two. */
#define DECLARE(name) __typeof__(name) modern_##name;
MODERN_FUNCTIONS(DECLARE)
#undef DECLARE

/* modern.c: raises an error of that kind; returns -1. */
int modern_fail(const char *kind, const char *message);

/* modern_value.c: a classic value as tvm-ffi's, which borrows it; and the other way around. bytes is room for a
 * pair. modern_contents gives what a text or bytes object holds. */
TVMFFIAny modern_view(TVMValue value, int code);
TVMFFIAny modern_view_int(int64_t number);
TVMFFIAny modern_view_handle(void *handle, int code);
int modern_classic(const TVMFFIAny *any, TVMValue *value, TVMByteArray *bytes);
TVMFFIByteArray modern_contents(const TVMFFIAny *any);
TVMFFIByteArray modern_text(const char *text);

/* modern_registry.c: makes the registry ready; calls a global function of the runtime's. */
void modern_registry_init(void);
int modern_call_global(const char *name, TVMFFIAny *args, int n, TVMFFIAny *result);

#endif
