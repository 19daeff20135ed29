/* Packed functions, both ways.
 *
 * Python hands arguments over as a packet, so that one crossing carries them all: a byte for each
 * argument's code, and a block of memory that starts with an 8-byte slot for each argument:
 *
 *   a scalar or a handle   the TVMValue itself
 *   kTVMStr, kTVMBytes     the length; the text follows the slots, in the arguments' order, each with a NUL
 *   TVMB_TENSOR            nothing; the next two of buffers are a tvmb_tensor with its shape, and the memory
 */
#include "tvmbind_c.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL = 12 };

/* Python exceptions raised in callbacks on this thread that no failing call has delivered yet. */
static TVMB_THREAD int raised = 0;
/* Those raised, ever, on threads that Python did not start: workers of a thread pool. */
static int raised_by_workers = 0;

void tvmb_note_worker(void) { __atomic_add_fetch(&raised_by_workers, 1, __ATOMIC_SEQ_CST); }

static int workers(void) { return __atomic_load_n(&raised_by_workers, __ATOMIC_SEQ_CST); }

typedef struct {
  DLTensor tensor;
  void *origin; /* where a copy came from; NULL: the memory itself went in */
  void *before; /* a second copy, to tell by whether the first was changed; NULL: it cannot go back */
  size_t nbytes;
} argument_tensor;

typedef struct {
  TVMValue *values;
  int *codes;
  TVMByteArray *bytes;
  argument_tensor *tensors;
  int num_tensors;
} arguments;

static int is_handle(int code) {
  return code == kTVMDLTensorHandle || code == kTVMObjectHandle || code == kTVMModuleHandle ||
         code == kTVMPackedFuncHandle || code == kTVMNDArrayHandle;
}

static void *aligned_memory(size_t nbytes, size_t align) {
  void *memory = NULL;
  return posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, nbytes ? nbytes : 1) ? NULL : memory;
}

static int add_tensor(arguments *to, const char *description, char *data) {
  const tvmb_tensor *t = (const tvmb_tensor *)description;
  argument_tensor *a = &to->tensors[to->num_tensors];
  a->origin = NULL;
  a->before = NULL;
  a->nbytes = (size_t)t->nbytes;
  /* A kernel cannot tell that memory is read-only: it never gets it. */
  if (!t->writable || (uintptr_t)data % (uintptr_t)t->align != 0) {
    char *copy = aligned_memory(a->nbytes * (t->writable ? 2 : 1), (size_t)t->align);
    if (copy == NULL) return TVMB_MEMORY;
    memcpy(copy, data, a->nbytes);
    if (t->writable) a->before = memcpy(copy + a->nbytes, data, a->nbytes);
    a->origin = data;
    data = copy;
  }
  a->tensor.data = data;
  a->tensor.device.device_type = 1; /* kDLCPU */
  a->tensor.device.device_id = 0;
  a->tensor.ndim = t->ndim;
  a->tensor.dtype = t->dtype;
  a->tensor.shape = (int64_t *)(description + sizeof(tvmb_tensor));
  a->tensor.strides = NULL;
  a->tensor.byte_offset = 0;
  to->num_tensors++;
  return 0;
}

static int unpack(arguments *to, const char *codes, int n, const char *packet, char **buffers) {
  const int64_t *slots = (const int64_t *)packet;
  const char *text = packet + n * sizeof(int64_t);
  for (int i = 0; i < n; ++i) {
    int code = (unsigned char)codes[i];
    to->codes[i] = code;
    if (code == kTVMStr) {
      to->values[i].v_str = text;
      text += slots[i] + 1;
    } else if (code == kTVMBytes) {
      to->bytes[i].size = (size_t)slots[i];
      to->bytes[i].data = text;
      to->values[i].v_handle = &to->bytes[i];
      text += slots[i] + 1;
    } else if (code == TVMB_TENSOR) {
      int rc = add_tensor(to, buffers[0], buffers[1]);
      if (rc) return rc;
      buffers += 2;
      to->codes[i] = kTVMDLTensorHandle;
      to->values[i].v_handle = &to->tensors[to->num_tensors - 1].tensor;
    } else if (is_handle(code) && slots[i] == 0) {
      return TVMB_CLOSED;
    } else {
      to->values[i].v_int64 = slots[i];
    }
  }
  return 0;
}

/* What was not changed does not go back: the memory may be another argument's too, and that one's result. */
static void copy_back(arguments *from) {
  for (int i = 0; i < from->num_tensors; ++i) {
    argument_tensor *a = &from->tensors[i];
    if (a->before && memcmp(a->before, a->tensor.data, a->nbytes) != 0)
      memcpy(a->origin, a->tensor.data, a->nbytes);
    if (a->origin) free(a->tensor.data);
  }
}

/* Calls, and returns the type code of the result, or a negative return code. An exception that a callback
 * raised is delivered by the error; where the runtime lost it, TVMB_SWALLOWED tells: a parallel launch with
 * one worker ignores its body's return code, one of OpenMP's does always, and tvm-ffi's pool now and then. A
 * worker does not say for whom it works: of calls that run at once, the first to end gets its exception. */
int tvmb_call_values(uintptr_t func, TVMValue *values, int *codes, int n, int64_t *ret) {
  TVMValue value;
  int code = kTVMNullptr, before = raised, elsewhere = workers();
  value.v_int64 = 0;
  int rc = TVMFuncCall((TVMFunctionHandle)func, values, codes, n, &value, &code);
  int swallowed = raised > before || elsewhere != workers();
  raised = before;
  if (rc) return rc;
  *ret = value.v_int64;
  return swallowed ? TVMB_SWALLOWED : code;
}

int tvmb_call_ints(uintptr_t func, int n, const int64_t *args, int64_t *ret) {
  TVMValue values[SMALL];
  int codes[SMALL];
  if (!func) return TVMB_CLOSED;
  if (n > SMALL) return TVMB_MEMORY;
  for (int i = 0; i < n; ++i) {
    values[i].v_int64 = args[i];
    codes[i] = kTVMArgInt;
  }
  return tvmb_call_values(func, values, codes, n, ret);
}

int tvmb_call_str(uintptr_t func, const char *text, int64_t *ret) {
  TVMValue value;
  int code = kTVMStr;
  value.v_str = text;
  return func ? tvmb_call_values(func, &value, &code, 1, ret) : TVMB_CLOSED;
}

int tvmb_call(uintptr_t func, const char *codes, int n, const char *packet, char **buffers, int64_t *ret) {
  TVMValue values[SMALL];
  int type_codes[SMALL];
  TVMByteArray bytes[SMALL];
  argument_tensor tensors[SMALL];
  arguments args = {values, type_codes, bytes, tensors, 0};
  char *large = NULL;
  if (!func) return TVMB_CLOSED;
  if (n > SMALL) {
    size_t each = sizeof(TVMValue) + sizeof(TVMByteArray) + sizeof(argument_tensor) + sizeof(int);
    if ((large = malloc((size_t)n * each)) == NULL) return TVMB_MEMORY;
    args.tensors = (argument_tensor *)large;
    args.bytes = (TVMByteArray *)(args.tensors + n);
    args.values = (TVMValue *)(args.bytes + n);
    args.codes = (int *)(args.values + n);
  }
  int rc = unpack(&args, codes, n, packet, buffers);
  if (rc == 0) rc = tvmb_call_values(func, args.values, args.codes, n, ret);
  copy_back(&args);
  free(large);
  return rc;
}

int tvmb_return(uintptr_t ret, const char *codes, const char *packet) {
  TVMValue value;
  int code;
  TVMByteArray bytes;
  arguments args = {&value, &code, &bytes, NULL, 0};
  int rc = unpack(&args, codes, 1, packet, NULL);
  return rc ? rc : TVMCFuncSetReturn((TVMRetValueHandle)ret, &value, &code, 1);
}

int tvmb_return_int(uintptr_t ret, int64_t number) {
  TVMValue value;
  int code = kTVMArgInt;
  value.v_int64 = number;
  return TVMCFuncSetReturn((TVMRetValueHandle)ret, &value, &code, 1);
}

double tvmb_as_double(int64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

int64_t tvmb_get_global(const char *name) {
  TVMFunctionHandle found = NULL;
  int rc = TVMFuncGetGlobal(name, &found);
  return rc ? rc : (int64_t)(intptr_t)found;
}

int64_t tvmb_array_alloc(const int64_t *shape, int ndim, int code, int bits, int lanes, int device, int index) {
  TVMArrayHandle made = NULL;
  int rc = TVMArrayAlloc(shape, ndim, code, bits, lanes, device, index, &made);
  return rc ? rc : (int64_t)(intptr_t)made;
}

static void release(int64_t handle, int code) {
  if (code == kTVMObjectHandle) tvmb_free_object((uintptr_t)handle);
  if (code == kTVMModuleHandle) tvmb_free_module((uintptr_t)handle);
  if (code == kTVMPackedFuncHandle) tvmb_free_function((uintptr_t)handle);
  if (code == kTVMNDArrayHandle) tvmb_free_array((uintptr_t)handle);
}

/* Arguments are borrowed from the caller; what can be kept is made ours, for Python may keep it. */
static int own_one(TVMValue *value, int *code) {
  if ((is_handle(*code) && *code != kTVMDLTensorHandle) || *code == kTVMObjectRValueRefArg)
    return TVMCbArgToReturn(value, code);
  return 0;
}

static int own(TVMValue *args, int *type_codes, int n, int64_t *values, char *codes) {
  for (int i = 0; i < n; ++i) {
    TVMValue value = args[i];
    int code = type_codes[i], rc = own_one(&value, &code);
    if (rc) {
      while (i-- > 0) release(values[i], codes[i]);
      return rc;
    }
    values[i] = value.v_int64;
    codes[i] = (char)code;
  }
  return 0;
}

/* The return code of a callback, of what Python returned. */
static int outcome(int rc) {
  if (rc == TVMB_DONE) return 0;
  if (rc == 0) TVMAPISetLastError("MemoryError: no memory to call a Python function");
  if (rc == TVMB_NO_STACK) TVMAPISetLastError("RecursionError: in a callback [Python stack overflow]");
  if (rc == TVMB_LOST) TVMAPISetLastError("RuntimeError: in a callback; a signal's handler raised on top, see stderr");
  raised += rc != 0;
  return -1;
}

static int trampoline(TVMValue *args, int *type_codes, int n, TVMRetValueHandle ret, void *id) {
  int64_t values[SMALL], *v = values;
  char codes[SMALL], *c = codes;
  if (tvmb_is_closing()) {
    TVMAPISetLastError("RuntimeError: the Python interpreter is shutting down");
    return -1;
  }
  if (n > SMALL) {
    v = malloc((size_t)n * (sizeof(int64_t) + 1));
    if (v == NULL) {
      TVMAPISetLastError("MemoryError: no memory for a callback's arguments");
      return -1;
    }
    c = (char *)(v + n);
  }
  int rc = own(args, type_codes, n, v, c);
  if (rc == 0) rc = outcome(tvmb_on_call((intptr_t)id, n, c, v, (uintptr_t)ret));
  if (v != values) free(v);
  return rc;
}

static void finalize(void *id) {
  if (!tvmb_is_closing()) tvmb_on_finalize((intptr_t)id);
}

int tvmb_make_function(intptr_t id, TVMFunctionHandle *out) {
  return TVMFuncCreateFromCFunc(trampoline, (void *)id, finalize, out);
}

static void note_raised(void) { raised++; }

uintptr_t tvmb_functions_address(void) {
  static const tvmb_functions functions = {
      .call = tvmb_call_values,
      .set_return = TVMCFuncSetReturn,
      .own = own_one,
      .release = release,
      .make_function = TVMFuncCreateFromCFunc,
      .set_error = TVMAPISetLastError,
      .note_raised = note_raised,
      .is_closing = tvmb_is_closing,
      .get_global = tvmb_get_global,
      .array_alloc = tvmb_array_alloc,
      .export_array = tvmb_export,
      .adopt = tvmb_adopt,
      .adopt_managed = tvmb_adopt_managed,
      .delete_managed = tvmb_delete_managed,
      .contiguous = tvmb_contiguous,
      .capsule_destructor = tvmb_capsule_destructor,
      .copy_array = TVMArrayCopyFromTo,
      .type_index = tvmb_type_index,
      .text = tvmb_text,
  };
  return (uintptr_t)&functions;
}
