/* What a classic runtime before 0.8 has under the same name, but with other arguments or another end.
 *
 * A symbol does not tell: src/tvmbind/library/classic.py does, by what it knows of the version (tvmb_adapt_classic),
 * and the functions here then stand in the table before the runtime's own.
 */
#include "tvmbind_c.h"

#include <stdlib.h>
#include <string.h>

/* Up to 0.6 the code goes by value: nothing is moved there, so it never changes. */
static int (*arg_to_return)(TVMValue *value, int code);

static int old_TVMCbArgToReturn(TVMValue *value, int *code) { return arg_to_return(value, *code); }

/* Up to 0.7 C++'s bad_alloc leaves the C function, and ends the process. */
static int (*array_alloc)(const int64_t *shape, int ndim, int code, int bits, int lanes, int device, int index,
                          TVMArrayHandle *out);

int tvmb_has_memory(uint64_t nbytes) {
  void *memory = NULL;
  if (nbytes > SIZE_MAX / 2 || posix_memalign(&memory, 128, nbytes ? (size_t)nbytes : 1)) return 0;
  free(memory);
  return 1;
}

static int old_TVMArrayAlloc(const int64_t *shape, int ndim, int code, int bits, int lanes, int device, int index,
                             TVMArrayHandle *out) {
  double wanted = (bits * lanes + 7) / 8;
  for (int i = 0; i < ndim; ++i) wanted *= (double)shape[i];
  if (device == 1 && !(wanted < 9e18 && tvmb_has_memory((uint64_t)wanted))) {
    TVMAPISetLastError("MemoryError: no memory for that array");
    return -1;
  }
  return array_alloc(shape, ndim, code, bits, lanes, device, index, out);
}

void *tvmb_old_function(const char *name, void *theirs, int which) {
  if (which & TVMB_CODE_BY_VALUE && strcmp(name, "TVMCbArgToReturn") == 0) {
    *(void **)&arg_to_return = theirs;
    return (void *)old_TVMCbArgToReturn;
  }
  /* In 0.7 it has nine arguments. Nothing here calls it: rather none than one that nobody has run. */
  if (which & TVMB_OTHER_COPY && strcmp(name, "TVMDeviceCopyDataFromTo") == 0) return NULL;
  if (which & TVMB_BAD_ALLOC_ENDS && strcmp(name, "TVMArrayAlloc") == 0) {
    *(void **)&array_alloc = theirs;
    return (void *)old_TVMArrayAlloc;
  }
  return theirs;
}

/* Up to 0.6 the runtime calls compiled functions with the first three arguments only. One compiled since may
 * write its result to where the fourth should point, so it is called from here. */
typedef struct {
  int (*call)(TVMValue *args, int *codes, int n, TVMValue *ret, int *ret_code, void *resource);
  TVMFunctionHandle theirs; /* keeps the module */
} compiled;

static int call_compiled(TVMValue *args, int *codes, int n, TVMRetValueHandle ret, void *self) {
  TVMValue value;
  int code = kTVMNullptr;
  value.v_int64 = 0;
  int rc = ((compiled *)self)->call(args, codes, n, &value, &code, NULL);
  return rc || code == kTVMNullptr ? rc : TVMCFuncSetReturn(ret, &value, &code, 1);
}

static void free_compiled(void *self) {
  tvmb_free_function((uintptr_t)((compiled *)self)->theirs);
  free(self);
}

int tvmb_compiled_function(const char *file, const char *name, TVMFunctionHandle theirs, TVMFunctionHandle *out) {
  void *library = tvmb_open(file, 0, 0), *address = NULL;
  compiled *made = malloc(sizeof(*made));
  if (library && strcmp(name, "__tvm_main__") == 0) { /* whose text is the name of the function that is meant */
    const char *text = tvmb_symbol(library, name);
    if (text) address = tvmb_symbol(library, text);
  } else if (library) {
    address = tvmb_symbol(library, name);
  }
  if (library) tvmb_close(library); /* theirs keeps it open */
  if (!made || !address) {
    free(made);
    *out = theirs;
    return made ? 0 : TVMB_MEMORY;
  }
  *(void **)&made->call = address;
  made->theirs = theirs;
  return TVMFuncCreateFromCFunc(call_compiled, made, free_compiled, out);
}
