/* The functions of nop.c by the calling convention of tvm-ffi (TVM 0.22 and later). */
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int32_t type_index;
  uint32_t padding;
  union {
    int64_t v_int64;
    double v_float64;
    void *v_obj;
  };
} TVMFFIAny;

typedef struct {
  const char *data;
  size_t size;
} TVMFFIByteArray;

/* Of the libtvm_ffi in this process. */
extern int TVMFFIAnyViewToOwnedAny(const TVMFFIAny *view, TVMFFIAny *out);
extern int TVMFFIStringFromByteArray(const TVMFFIByteArray *input, TVMFFIAny *out);

/* Takes anything, returns None: what the result is from the start. */
int __tvm_ffi_nop(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) { return 0; }

/* Returns its argument. */
int __tvm_ffi_echo(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  return TVMFFIAnyViewToOwnedAny(args, result);
}

/* Returns a str. */
int __tvm_ffi_text(void *self, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result) {
  TVMFFIByteArray text = {"GraphExecutor", sizeof "GraphExecutor" - 1};
  return TVMFFIStringFromByteArray(&text, result);
}
