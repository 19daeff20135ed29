/* What every file of csrc/ sees: the declarations of cdefs/, as plain C, and what the files share. */
#ifndef TVMBIND_C_H
#define TVMBIND_C_H
#include <stddef.h>
#include <stdint.h>
#include "../cdefs/dlpack.h"
#include "../cdefs/c_runtime_api.h"
#include "../cdefs/tvm_ffi_c_api.h"
#include "../cdefs/tvmbind.h"
#include "../cdefs/callbacks.h"

#if defined(_MSC_VER)
#define TVMB_THREAD __declspec(thread)
#else
#define TVMB_THREAD __thread
#endif

/* Remembers, for this thread, which C function the runtime lacks; returns TVMB_MISSING. */
int tvmb_missing(const char *name);

/* The size of an object's header in the runtime that is bound: what an object holds comes after. */
extern size_t tvmb_header_size;

/* call.c: what fast.c, which is compiled into a library of its own, calls; it gets them by address. */
typedef struct {
  int (*call)(uintptr_t func, TVMValue *values, int *codes, int n, int64_t *ret);
  int (*set_return)(TVMRetValueHandle ret, TVMValue *value, int *code, int n);
  int (*own)(TVMValue *value, int *code);
  void (*release)(int64_t handle, int code);
  int (*make_function)(TVMPackedCFunc func, void *resource, TVMPackedCFuncFinalizer fin, TVMFunctionHandle *out);
  void (*set_error)(const char *text);
  void (*note_raised)(void);
  int (*is_closing)(void);
  int64_t (*get_global)(const char *name);
  int64_t (*array_alloc)(const int64_t *shape, int ndim, int code, int bits, int lanes, int device, int index);
  int (*export_array)(uintptr_t array, int versioned, DLDataType dtype, uint64_t flags, uintptr_t *managed);
  int64_t (*adopt)(const DLTensor *tensor, void (*release)(void *), void *resource);
  int64_t (*adopt_managed)(uintptr_t managed, int versioned, DLDataType dtype);
  void (*delete_managed)(uintptr_t managed, int versioned);
  int (*contiguous)(const DLTensor *tensor);
  uintptr_t (*capsule_destructor)(void);
  int (*copy_array)(DLTensor *from, DLTensor *to, TVMStreamHandle stream);
  unsigned (*type_index)(uintptr_t object);
  const char *(*text)(uintptr_t string, size_t *size);
} tvmb_functions;

/* Calls; returns the result's type code, or a negative return code. */
int tvmb_call_values(uintptr_t func, TVMValue *values, int *codes, int n, int64_t *ret);

/* dlpack.c: whether a tensor's elements lie one after the other in C order. */
int tvmb_contiguous(const DLTensor *tensor);
/* A new array with memory that is lent until release is called, on any thread. */
int64_t tvmb_adopt(const DLTensor *tensor, void (*release)(void *), void *resource);

/* old.c: what serves as a function of the classic API on a runtime that differs so; mostly its own. */
void *tvmb_old_function(const char *name, void *theirs, int which);

/* modern.c: what serves as a function of the classic API on tvm-ffi, or NULL. */
void *tvmb_modern_function(const char *name);

#endif
