/* Packed functions that do nothing, so that a call of one is all overhead.
 *
 * They have the calling convention of TVM's compiled kernels (0.7 to 0.20): TVM's Python and tvmbind load
 * this library with load_module, as they would a compiled model, and so call the very same function. The same
 * for tvm-ffi is in nop_modern.c.
 */
#include <stdint.h>

typedef union {
  int64_t v_int64;
  double v_float64;
  void *v_handle;
  const char *v_str;
} TVMValue;

typedef int (*packed)(TVMValue *, int *, int, void *ret, void *resource);

/* Of the runtime in this process. */
extern int TVMFuncCreateFromCFunc(packed func, void *resource, void (*finalizer)(void *), void **out);
extern int TVMCFuncSetReturn(void *ret, TVMValue *value, int *type_code, int num_ret);

enum { NONE = 4, FUNCTION = 10, STR = 11 };

/* Takes anything, returns None. */
int nop(TVMValue *args, int *type_codes, int num_args, TVMValue *ret, int *ret_type_code, void *resource) {
  *ret_type_code = NONE;
  return 0;
}

static int echo(TVMValue *args, int *type_codes, int num_args, void *ret, void *resource) {
  return TVMCFuncSetReturn(ret, args, type_codes, 1);
}

static int text(TVMValue *args, int *type_codes, int num_args, void *ret, void *resource) {
  TVMValue value = {.v_str = "GraphExecutor"};
  int code = STR;
  return TVMCFuncSetReturn(ret, &value, &code, 1);
}

static int make(packed func, TVMValue *ret, int *ret_type_code) {
  *ret_type_code = FUNCTION;
  return TVMFuncCreateFromCFunc(func, 0, 0, &ret->v_handle);
}

/* Returns a function that returns its argument. A kernel itself cannot return an array or a str. */
int make_echo(TVMValue *args, int *type_codes, int num_args, TVMValue *ret, int *ret_type_code, void *resource) {
  return make(echo, ret, ret_type_code);
}

/* Returns a function that returns a str. */
int make_text(TVMValue *args, int *type_codes, int num_args, TVMValue *ret, int *ret_type_code, void *resource) {
  return make(text, ret, ret_type_code);
}
