/* The classic C API on top of tvm-ffi (TVM 0.22 and later): the second provider of the table.
 *
 * Each function below does what the function of its name (less the prefix modern_) does on a classic runtime.
 * What tvm-ffi has no C function for is a global function there. Handles are tvm-ffi's objects; an array's
 * handle is the address of its DLTensor, as ever, which follows the object's header.
 */
#include "tvmbind_c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 12, HOST_ALIGNMENT = 128 };

#define PAYLOAD(object) ((void *)((char *)(object) + sizeof(TVMFFIObject)))
#define OBJECT_OF(tensor) ((void *)((char *)(tensor) - sizeof(TVMFFIObject)))

static TVMFFIByteArray text_of(const char *text) {
  TVMFFIByteArray array = {text, strlen(text)};
  return array;
}

/* ------------------------------------------------------------------------------------------------- errors */

static TVMB_THREAD char *last_error = NULL;

static int fail(const char *kind, const char *message) {
  TVMFFIErrorSetRaisedFromCStr(kind, message);
  return -1;
}

static int is_kind(const char *text, size_t length) {
  for (size_t i = 0; i < length; ++i)
    if (strchr(" \t\n", text[i])) return 0;
  return length > 0;
}

/* Text is "Kind: message", then "Stack trace:" and frames. What is for machines goes to the backtrace: the
 * frames, and the mark of a Python exception (src/tvmbind/_core/carry.py), which ends the first line. */
static void modern_TVMAPISetLastError(const char *text) {
  static const char HEADING[] = "\nStack trace:\n", MARK[] = " [Python exception #";
  static const char FRAME[] = "\n  File \"tvmbind\", line 1, in"; /* tvm_ffi's Python keeps frames only */
  const char *colon = strstr(text, ": "), *trace = strstr(text, HEADING), *mark = strstr(text, MARK);
  TVMFFIByteArray kind = {"RuntimeError", 12}, message = text_of(text), backtrace = {"", 0};
  TVMFFIObjectHandle error = NULL;
  char *said = malloc(strlen(text) + 1), *frames = malloc(strlen(text) + sizeof(FRAME));
  if (said && frames) {
    size_t frames_size = 0;
    if (colon && is_kind(text, (size_t)(colon - text))) {
      kind.data = text;
      kind.size = (size_t)(colon - text);
      message.data = colon + 2;
    }
    message.size = (trace ? trace : text + strlen(text)) - message.data;
    if (trace) frames_size = (size_t)sprintf(frames, "%s", trace + sizeof(HEADING) - 1);
    if (mark && mark >= message.data && mark < message.data + message.size) {
      size_t length = strcspn(mark, "]") + 1, before = (size_t)(mark - message.data);
      memcpy(said, message.data, before);
      memcpy(said + before, mark + length, message.size - before - length);
      message.data = said;
      message.size -= length;
      frames_size += (size_t)sprintf(frames + frames_size, "%s%.*s", FRAME, (int)length, mark);
    }
    backtrace.data = frames;
    backtrace.size = frames_size;
  }
  if (TVMFFIErrorCreate(&kind, &message, &backtrace, &error) == 0) {
    TVMFFIErrorSetRaised(error);
    TVMFFIObjectDecRef(error);
  }
  free(said);
  free(frames);
}

/* Takes the raised error, if there is one, as text; it stays until the next error on this thread. */
static const char *modern_TVMGetLastError(void) {
  TVMFFIObjectHandle error = NULL;
  TVMFFIErrorMoveFromRaised(&error);
  if (error) {
    const TVMFFIErrorCell *cell = PAYLOAD(error);
    const char *heading = cell->backtrace.size ? "\nStack trace:\n" : "";
    size_t size = cell->kind.size + cell->message.size + cell->backtrace.size + 32;
    free(last_error);
    if ((last_error = malloc(size)) != NULL)
      snprintf(last_error, size, "%.*s: %.*s%s%.*s", (int)cell->kind.size, cell->kind.data, (int)cell->message.size,
               cell->message.data, heading, (int)cell->backtrace.size, cell->backtrace.data);
    TVMFFIObjectDecRef(error);
  }
  return last_error ? last_error : "";
}

/* ------------------------------------------------------------------------------------------------- values */

/* A classic value as a view: it borrows. */
static TVMFFIAny view_of(TVMValue value, int code) {
  TVMFFIAny any;
  any.small_str_len = 0;
  any.v_int64 = value.v_int64;
  switch (code) {
    case kTVMArgInt: any.type_index = kTVMFFIInt; break;
    case kTVMArgBool: any.type_index = kTVMFFIBool; break;
    case kTVMArgFloat: any.type_index = kTVMFFIFloat; break;
    case kTVMOpaqueHandle: any.type_index = value.v_handle ? kTVMFFIOpaquePtr : kTVMFFINone; break;
    case kTVMDataType:
      any.type_index = kTVMFFIDataType;
      any.v_int64 = 0;
      any.v_dtype = value.v_type;
      break;
    case kDLDevice: any.type_index = kTVMFFIDevice; break;
    case kTVMDLTensorHandle: any.type_index = kTVMFFIDLTensorPtr; break;
    case kTVMStr: any.type_index = kTVMFFIRawStr; break;
    case kTVMBytes: any.type_index = kTVMFFIByteArrayPtr; break;
    case kTVMPackedFuncHandle: any.type_index = kTVMFFIFunction; break;
    case kTVMModuleHandle: any.type_index = kTVMFFIModule; break;
    case kTVMNDArrayHandle:
      any.type_index = kTVMFFITensor;
      any.v_ptr = OBJECT_OF(value.v_handle);
      break;
    case kTVMObjectHandle: any.type_index = value.v_handle ? any.v_obj->type_index : kTVMFFINone; break;
    default: any.type_index = kTVMFFINone; any.v_int64 = 0;
  }
  return any;
}

static int is_text(int32_t type) { return type == kTVMFFISmallStr || type == kTVMFFIStr; }

static TVMFFIByteArray contents(const TVMFFIAny *any) {
  if (any->type_index == kTVMFFISmallStr || any->type_index == kTVMFFISmallBytes) {
    TVMFFIByteArray small = {any->v_bytes, any->small_str_len};
    return small;
  }
  return *(const TVMFFIByteArray *)PAYLOAD(any->v_obj);
}

/* A view, or what is owned elsewhere, as a classic value that borrows from it. bytes is room for a pair. */
static int classic_of(const TVMFFIAny *any, TVMValue *value, TVMByteArray *bytes) {
  value->v_int64 = any->v_int64;
  switch (any->type_index) {
    case kTVMFFINone: return kTVMNullptr;
    case kTVMFFIInt: return kTVMArgInt;
    case kTVMFFIBool: return kTVMArgBool;
    case kTVMFFIFloat: return kTVMArgFloat;
    case kTVMFFIOpaquePtr: return kTVMOpaqueHandle;
    case kTVMFFIDataType: return kTVMDataType;
    case kTVMFFIDevice: return kDLDevice;
    case kTVMFFIDLTensorPtr: return kTVMDLTensorHandle;
    case kTVMFFIRawStr: return kTVMStr;
    case kTVMFFIByteArrayPtr: return kTVMBytes;
    case kTVMFFIFunction: return kTVMPackedFuncHandle;
    case kTVMFFIModule: return kTVMModuleHandle;
    case kTVMFFITensor: value->v_handle = PAYLOAD(any->v_obj); return kTVMNDArrayHandle;
    case kTVMFFISmallStr:
    case kTVMFFIStr: {
      TVMFFIByteArray text = contents(any);
      value->v_str = text.data;
      if (memchr(text.data, 0, text.size) == NULL) return kTVMStr;
      if (any->type_index == kTVMFFIStr) {
        value->v_handle = any->v_ptr;
        return kTVMObjectHandle;
      }
    } /* fall through: a short text with a NUL is no object; as bytes it is whole */
    case kTVMFFISmallBytes:
    case kTVMFFIBytes: {
      TVMFFIByteArray data = contents(any);
      bytes->data = data.data;
      bytes->size = data.size;
      value->v_handle = bytes;
      return kTVMBytes;
    }
    case kTVMFFIObjectRValueRef: value->v_handle = *(void **)any->v_ptr; return kTVMObjectHandle;
    default: return kTVMObjectHandle;
  }
}

/* A result that the caller owns, as a classic result. Text and bytes are this thread's until the next. */
static void classic_result(TVMFFIAny *any, TVMValue *value, int *code) {
  static TVMB_THREAD TVMFFIAny kept;
  static TVMB_THREAD TVMByteArray kept_bytes;
  int32_t type = any->type_index;
  if (is_text(type) || type == kTVMFFISmallBytes || type == kTVMFFIBytes) {
    if (kept.type_index >= kTVMFFIObject) TVMFFIObjectDecRef(kept.v_obj);
    kept = *any;
    *code = classic_of(&kept, value, &kept_bytes);
    if (*code == kTVMObjectHandle) kept.type_index = kTVMFFINone; /* handed over */
  } else {
    *code = classic_of(any, value, NULL);
  }
}

/* ---------------------------------------------------------------------------------------------- functions */

static int modern_TVMFuncCall(TVMFunctionHandle func, TVMValue *values, int *codes, int n, TVMValue *ret,
                              int *ret_code) {
  TVMFFIAny few[FEW], *args = few, result;
  if (n > FEW && (args = malloc((size_t)n * sizeof(TVMFFIAny))) == NULL) return fail("MemoryError", "no memory");
  for (int i = 0; i < n; ++i) args[i] = view_of(values[i], codes[i]);
  result.type_index = kTVMFFINone;
  result.small_str_len = 0;
  result.v_int64 = 0;
  int rc = TVMFFIFunctionCall(func, args, n, &result);
  if (args != few) free(args);
  if (rc) return -1;
  classic_result(&result, ret, ret_code);
  return 0;
}

/* A classic C function inside a tvm-ffi function. */
typedef struct {
  TVMPackedCFunc function;
  void *resource;
  TVMPackedCFuncFinalizer finalizer;
} closure;

static int call_closure(void *self, const TVMFFIAny *args, int32_t n, TVMFFIAny *result) {
  closure *c = self;
  TVMValue few_values[FEW], *values = few_values;
  int few_codes[FEW], *codes = few_codes;
  TVMByteArray few_bytes[FEW], *bytes = few_bytes;
  char *memory = NULL;
  if (n > FEW) {
    memory = malloc((size_t)n * (sizeof(TVMValue) + sizeof(TVMByteArray) + sizeof(int)));
    if (memory == NULL) return fail("MemoryError", "no memory for a callback's arguments");
    values = (TVMValue *)memory;
    bytes = (TVMByteArray *)(values + n);
    codes = (int *)(bytes + n);
  }
  for (int i = 0; i < n; ++i) codes[i] = classic_of(&args[i], &values[i], &bytes[i]);
  int rc = c->function(values, codes, n, result, c->resource);
  free(memory);
  return rc ? -1 : 0;
}

static void delete_closure(void *self) {
  closure *c = self;
  if (c->finalizer) c->finalizer(c->resource);
  free(c);
}

static int modern_TVMFuncCreateFromCFunc(TVMPackedCFunc function, void *resource, TVMPackedCFuncFinalizer finalizer,
                                         TVMFunctionHandle *out) {
  closure *c = malloc(sizeof(closure));
  if (c == NULL) return fail("MemoryError", "no memory for a function");
  c->function = function;
  c->resource = resource;
  c->finalizer = finalizer;
  return TVMFFIFunctionCreate(c, call_closure, delete_closure, out);
}

static int modern_TVMCFuncSetReturn(TVMRetValueHandle ret, TVMValue *value, int *code, int n) {
  TVMFFIAny view;
  if (n != 1) return fail("ValueError", "a function returns one value");
  view = view_of(*value, *code);
  return TVMFFIAnyViewToOwnedAny(&view, ret);
}

static int modern_TVMCbArgToReturn(TVMValue *value, int *code) {
  TVMFFIAny view = view_of(*value, *code);
  return view.type_index >= kTVMFFIObject ? TVMFFIObjectIncRef(view.v_obj) : 0;
}

static int modern_TVMFuncGetGlobal(const char *name, TVMFunctionHandle *out) {
  TVMFFIByteArray text = text_of(name);
  *out = NULL;
  return TVMFFIFunctionGetGlobal(&text, out);
}

static int modern_TVMFuncRegisterGlobal(const char *name, TVMFunctionHandle f, int override) {
  TVMFFIByteArray text = text_of(name);
  return TVMFFIFunctionSetGlobal(&text, f, override);
}

/* Calls a global function of the runtime's. */
static int call_global(const char *name, TVMFFIAny *args, int n, TVMFFIAny *result) {
  TVMFunctionHandle func = NULL;
  result->type_index = kTVMFFINone;
  result->small_str_len = 0;
  result->v_int64 = 0;
  if (modern_TVMFuncGetGlobal(name, &func)) return -1;
  if (func == NULL) {
    char message[256];
    snprintf(message, sizeof(message), "this tvm-ffi runtime has no function %s; libtvm_runtime.so has it", name);
    return fail("NotImplementedError", message);
  }
  int rc = TVMFFIFunctionCall(func, args, n, result);
  TVMFFIObjectDecRef(func);
  return rc;
}


static TVMFFIAny any_int(int64_t number) {
  TVMValue value;
  value.v_int64 = number;
  return view_of(value, kTVMArgInt);
}

static TVMFFIAny any_handle(void *handle, int code) {
  TVMValue value;
  value.v_handle = handle;
  return view_of(value, code);
}

static int modern_TVMFuncRemoveGlobal(const char *name) {
  TVMFFIAny result, arg = any_handle((void *)name, kTVMStr);
  return call_global("ffi.FunctionRemoveGlobal", &arg, 1, &result);
}

static int modern_TVMFuncListGlobalNames(int *out_size, const char ***out_array) {
  static TVMB_THREAD char **names = NULL;
  static TVMB_THREAD int size = 0;
  TVMFFIAny functor, result, arg = any_int(-1);
  if (call_global("ffi.FunctionListGlobalNamesFunctor", NULL, 0, &functor)) return -1;
  for (int i = 0; i < size; ++i) free(names[i]);
  free(names);
  size = 0;
  result.type_index = kTVMFFINone;
  result.v_int64 = 0;
  int rc = TVMFFIFunctionCall(functor.v_obj, &arg, 1, &result);
  int count = rc ? 0 : (int)result.v_int64;
  names = calloc((size_t)count + 1, sizeof(char *));
  for (; rc == 0 && size < count; ++size) {
    TVMFFIByteArray text;
    arg = any_int(size);
    result.type_index = kTVMFFINone;
    if ((rc = TVMFFIFunctionCall(functor.v_obj, &arg, 1, &result)) != 0) break;
    text = contents(&result);
    names[size] = calloc(text.size + 1, 1);
    memcpy(names[size], text.data, text.size);
    if (result.type_index >= kTVMFFIObject) TVMFFIObjectDecRef(result.v_obj);
  }
  TVMFFIObjectDecRef(functor.v_obj);
  *out_size = size;
  *out_array = (const char **)names;
  return rc;
}

/* ------------------------------------------------------------------------------------------------ modules */

static int modern_TVMModLoadFromFile(const char *file, const char *format, TVMModuleHandle *out) {
  static const char *const shared[] = {"dll", "dylib", "dso"}; /* one format to TVM */
  char name[128] = "ffi.ModuleLoadFromFile";
  int with_format = format && *format;
  for (size_t i = 0; with_format && i < sizeof(shared) / sizeof(shared[0]); ++i)
    if (strcmp(format, shared[i]) == 0) format = "so";
  TVMFFIAny result, args[2] = {any_handle((void *)file, kTVMStr), any_handle((void *)format, kTVMStr)};
  if (with_format) {
    TVMFunctionHandle loader = NULL;
    snprintf(name, sizeof(name), "ffi.Module.load_from_file.%s", format);
    if (modern_TVMFuncGetGlobal(name, &loader)) return -1;
    if (loader == NULL) {
      char message[256];
      snprintf(message, sizeof(message), "no loader for modules of the format %.100s in this runtime", format);
      return fail("ValueError", message);
    }
    TVMFFIObjectDecRef(loader);
  }
  if (call_global(name, args, with_format ? 2 : 1, &result)) return -1;
  *out = result.v_ptr;
  return 0;
}

static int modern_TVMModImport(TVMModuleHandle module, TVMModuleHandle dependency) {
  TVMFFIAny result, args[2] = {any_handle(module, kTVMModuleHandle), any_handle(dependency, kTVMModuleHandle)};
  return call_global("ffi.ModuleImportModule", args, 2, &result);
}

static int modern_TVMModGetFunction(TVMModuleHandle module, const char *name, int query_imports,
                                    TVMFunctionHandle *out) {
  TVMFFIAny result, args[3] = {any_handle(module, kTVMModuleHandle), any_handle((void *)name, kTVMStr),
                               any_int(query_imports != 0)};
  args[2].type_index = kTVMFFIBool;
  *out = NULL;
  if (call_global("ffi.ModuleGetFunction", args, 3, &result)) return -1;
  if (result.type_index == kTVMFFIFunction) *out = result.v_ptr;
  return 0;
}

/* The modules that one imports, as an Array: no global function tells, the type's table of fields does. */
int tvmb_modern_imports(uintptr_t module, uintptr_t *array) {
  const TVMFFITypeInfo *info = TVMFFIGetTypeInfo(kTVMFFIModule);
  for (int i = 0; info && i < info->num_fields; ++i) {
    const TVMFFIFieldInfo *field = &info->fields[i];
    TVMFFIAny result;
    if (field->name.size != 8 || memcmp(field->name.data, "imports_", 8) != 0) continue;
    result.type_index = kTVMFFINone;
    result.small_str_len = 0;
    result.v_int64 = 0;
    if (field->getter((char *)module + field->offset, &result)) return -1;
    *array = (uintptr_t)result.v_ptr;
    return 0;
  }
  return fail("NotImplementedError", "this libtvm_ffi does not tell what a module imports");
}

static int modern_TVMObjectFree(TVMObjectHandle object) { return TVMFFIObjectDecRef(object); }
static int modern_TVMModFree(TVMModuleHandle module) { return TVMFFIObjectDecRef(module); }
static int modern_TVMFuncFree(TVMFunctionHandle func) { return TVMFFIObjectDecRef(func); }
static int modern_TVMObjectRetain(TVMObjectHandle object) { return TVMFFIObjectIncRef(object); }
static int modern_TVMArrayFree(TVMArrayHandle array) { return TVMFFIObjectDecRef(OBJECT_OF(array)); }
static int modern_TVMByteArrayFree(TVMByteArray *array) { (void)array; return 0; }

/* ------------------------------------------------------------------------------------------------- arrays */

typedef struct {
  DLManagedTensor managed;
  int64_t shape[1]; /* as many as there are dimensions */
} host_tensor;

static void delete_host_tensor(DLManagedTensor *self) {
  free(self->dl_tensor.data);
  free(self);
}

static int on_host(int device_type) { return device_type == 1; }

static int host_alloc(const int64_t *shape, int ndim, DLDataType dtype, TVMArrayHandle *out) {
  size_t size = (size_t)(dtype.bits * dtype.lanes + 7) / 8;
  host_tensor *tensor = malloc(sizeof(host_tensor) + (size_t)ndim * sizeof(int64_t));
  TVMFFIObjectHandle object = NULL;
  for (int i = 0; i < ndim; ++i) size *= (size_t)shape[i];
  if (tensor == NULL) return fail("MemoryError", "no memory for an array");
  memset(tensor, 0, sizeof(*tensor));
  DLTensor *dl = &tensor->managed.dl_tensor;
  if (posix_memalign(&dl->data, HOST_ALIGNMENT, size ? size : HOST_ALIGNMENT)) {
    free(tensor);
    return fail("MemoryError", "no memory for an array of that size");
  }
  memcpy(tensor->shape, shape, (size_t)ndim * sizeof(int64_t));
  dl->device.device_type = 1;
  dl->ndim = ndim;
  dl->dtype = dtype;
  dl->shape = tensor->shape;
  tensor->managed.deleter = delete_host_tensor;
  if (TVMFFITensorFromDLPack(&tensor->managed, 0, 0, &object)) {
    delete_host_tensor(&tensor->managed);
    return -1;
  }
  *out = PAYLOAD(object);
  return 0;
}

static int modern_TVMArrayAlloc(const int64_t *shape, int ndim, int code, int bits, int lanes, int device_type,
                                int device_id, TVMArrayHandle *out) {
  DLDataType dtype = {(uint8_t)code, (uint8_t)bits, (uint16_t)lanes};
  DLDevice device = {device_type, device_id};
  TVMFFIAny few[FEW], *extents = few, made, result, args[4];
  TVMValue value;
  if (on_host(device_type)) return host_alloc(shape, ndim, dtype, out);
  if (ndim > FEW) return fail("ValueError", "too many dimensions");
  for (int i = 0; i < ndim; ++i) extents[i] = any_int(shape[i]);
  if (call_global("ffi.Shape", extents, ndim, &made)) return -1;
  args[0] = made;
  value.v_int64 = 0;
  value.v_type = dtype;
  args[1] = view_of(value, kTVMDataType);
  value.v_device = device;
  args[2] = view_of(value, kDLDevice);
  args[3] = any_handle(NULL, kTVMNullptr);
  int rc = call_global("runtime.TVMTensorAllocWithScope", args, 4, &result);
  TVMFFIObjectDecRef(made.v_obj);
  if (rc) return rc;
  *out = PAYLOAD(result.v_obj);
  return 0;
}

static size_t bytes_of(const DLTensor *t) {
  size_t size = (size_t)((t->dtype.bits + 7) / 8) * t->dtype.lanes;
  for (int i = 0; i < t->ndim; ++i) size *= (size_t)t->shape[i];
  return size;
}

static int contiguous(const DLTensor *t) {
  int64_t expected = 1;
  if (t->strides == NULL) return 1;
  for (int i = t->ndim - 1; i >= 0; --i) {
    if (t->shape[i] == 0) return 1;
    if (t->shape[i] != 1 && t->strides[i] != expected) return 0;
    expected *= t->shape[i];
  }
  return 1;
}

static char *start_of(const DLTensor *t) { return (char *)t->data + t->byte_offset; }

static int copy_bytes(const char *global, DLTensor *array, void *data, size_t nbytes, int in) {
  TVMFFIAny result, args[3] = {any_handle(array, kTVMDLTensorHandle), any_handle(data, kTVMOpaqueHandle),
                               any_int((int64_t)nbytes)};
  if (nbytes != bytes_of(array)) return fail("ValueError", "the number of bytes is not that of the array");
  if (!contiguous(array)) return fail("ValueError", "the array is not contiguous");
  if (!on_host(array->device.device_type)) return call_global(global, args, 3, &result);
  if (nbytes) memcpy(in ? start_of(array) : data, in ? data : start_of(array), nbytes);
  return 0;
}

static int modern_TVMArrayCopyFromBytes(TVMArrayHandle array, void *data, size_t nbytes) {
  return copy_bytes("runtime.TVMTensorCopyFromBytes", array, data, nbytes, 1);
}

static int modern_TVMArrayCopyToBytes(TVMArrayHandle array, void *data, size_t nbytes) {
  return copy_bytes("runtime.TVMTensorCopyToBytes", array, data, nbytes, 0);
}

static int modern_TVMArrayCopyFromTo(TVMArrayHandle from, TVMArrayHandle to, TVMStreamHandle stream) {
  TVMFFIAny result, args[2] = {any_handle(from, kTVMDLTensorHandle), any_handle(to, kTVMDLTensorHandle)};
  (void)stream;
  if (bytes_of(from) != bytes_of(to)) return fail("ValueError", "the arrays are not of the same size");
  if (!contiguous(from) || !contiguous(to)) return fail("ValueError", "only contiguous arrays can be copied");
  if (on_host(from->device.device_type) && on_host(to->device.device_type)) {
    if (bytes_of(from)) memmove(start_of(to), start_of(from), bytes_of(from));
    return 0;
  }
  return call_global("runtime.TVMTensorCopyFromTo", args, 2, &result);
}

static int modern_TVMArrayFromDLPack(DLManagedTensor *from, TVMArrayHandle *out) {
  TVMFFIObjectHandle object = NULL;
  if (TVMFFITensorFromDLPack(from, 0, 0, &object)) return -1;
  *out = PAYLOAD(object);
  return 0;
}

static int modern_TVMArrayToDLPack(TVMArrayHandle from, DLManagedTensor **out) {
  return TVMFFITensorToDLPack(OBJECT_OF(from), out);
}

static void modern_TVMDLManagedTensorCallDeleter(DLManagedTensor *tensor) {
  if (tensor->deleter) tensor->deleter(tensor);
}

/* ------------------------------------------------------------------------------------------------ streams */

static int stream_call(const char *name, int device_type, int device_id, void *stream, TVMFFIAny *result) {
  TVMValue value;
  DLDevice device = {device_type, device_id};
  value.v_device = device;
  TVMFFIAny args[2] = {view_of(value, kDLDevice), any_int((int64_t)(intptr_t)stream)};
  return call_global(name, args, 2, result);
}

static int modern_TVMSynchronize(int device_type, int device_id, TVMStreamHandle stream) {
  TVMFFIAny result;
  return on_host(device_type) ? 0 : stream_call("runtime.Device_StreamSync", device_type, device_id, stream, &result);
}

static int modern_TVMSetStream(int device_type, int device_id, TVMStreamHandle stream) {
  TVMFFIAny result;
  return on_host(device_type) ? 0 : stream_call("runtime.Device_SetStream", device_type, device_id, stream, &result);
}

static int modern_TVMStreamFree(int device_type, int device_id, TVMStreamHandle stream) {
  TVMFFIAny result;
  return on_host(device_type) ? 0 : stream_call("runtime.Device_StreamFree", device_type, device_id, stream, &result);
}

static int modern_TVMStreamCreate(int device_type, int device_id, TVMStreamHandle *out) {
  TVMValue value;
  DLDevice device = {device_type, device_id};
  TVMFFIAny result, arg;
  value.v_device = device;
  arg = view_of(value, kDLDevice);
  *out = NULL;
  if (on_host(device_type)) return 0;
  if (call_global("runtime.Device_StreamCreate", &arg, 1, &result)) return -1;
  *out = (void *)(intptr_t)result.v_int64;
  return 0;
}

/* ------------------------------------------------------------------------------------------------ objects */

static int modern_TVMObjectGetTypeIndex(TVMObjectHandle object, unsigned *index) {
  *index = (unsigned)((TVMFFIObject *)object)->type_index;
  return 0;
}

static int modern_TVMObjectTypeKey2Index(const char *key, unsigned *index) {
  TVMFFIByteArray text = text_of(key);
  int32_t found = 0;
  int rc = TVMFFITypeKeyToIndex(&text, &found);
  *index = (unsigned)found;
  return rc;
}

static int modern_TVMObjectTypeIndex2Key(unsigned index, char **out) {
  const TVMFFITypeInfo *info = TVMFFIGetTypeInfo((int32_t)index);
  if (info == NULL || (*out = calloc(info->type_key.size + 1, 1)) == NULL) return fail("KeyError", "no such type");
  memcpy(*out, info->type_key.data, info->type_key.size);
  return 0;
}

/* --------------------------------------------------------------------------------------------------- binding */

/* What compiled code asks of the runtime by "__" and the name. libtvm_runtime registers all of them from 0.26
 * on; where it is older, or not there, a kernel that calls a packed function by name would jump to NULL. */
void tvmb_modern_context(void *library) {
  static const char *const names[] = {"__TVMFFIFunctionCall", "__TVMFFIEnvModLookupFromImports",
                                      "__TVMFFIHandleInitOnce"};
  int (*add)(const char *, void *) = tvmb_symbol(library, "TVMFFIEnvModRegisterContextSymbol");
  for (size_t i = 0; add && i < sizeof(names) / sizeof(names[0]); ++i) {
    void *function = tvmb_symbol(library, names[i] + 2);
    if (function) add(names[i], function);
  }
}

void tvmb_modern_version(unsigned *numbers) {
  TVMFFIVersion version;
  TVMFFIGetVersion(&version);
  numbers[0] = version.major;
  numbers[1] = version.minor;
  numbers[2] = version.patch;
}

#define PROVIDES(name) {#name, (void *)modern_##name}

static const struct {
  const char *name;
  void *function;
} provided[] = {
    PROVIDES(TVMAPISetLastError), PROVIDES(TVMGetLastError), PROVIDES(TVMModLoadFromFile), PROVIDES(TVMModImport),
    PROVIDES(TVMModGetFunction), PROVIDES(TVMModFree), PROVIDES(TVMFuncFree), PROVIDES(TVMFuncCall),
    PROVIDES(TVMCFuncSetReturn), PROVIDES(TVMCbArgToReturn), PROVIDES(TVMFuncCreateFromCFunc),
    PROVIDES(TVMFuncRegisterGlobal), PROVIDES(TVMFuncGetGlobal), PROVIDES(TVMFuncListGlobalNames),
    PROVIDES(TVMFuncRemoveGlobal), PROVIDES(TVMArrayAlloc), PROVIDES(TVMArrayFree), PROVIDES(TVMArrayCopyFromBytes),
    PROVIDES(TVMArrayCopyToBytes), PROVIDES(TVMArrayCopyFromTo), PROVIDES(TVMArrayFromDLPack),
    PROVIDES(TVMArrayToDLPack), PROVIDES(TVMDLManagedTensorCallDeleter), PROVIDES(TVMStreamCreate),
    PROVIDES(TVMStreamFree), PROVIDES(TVMSetStream), PROVIDES(TVMSynchronize), PROVIDES(TVMObjectGetTypeIndex),
    PROVIDES(TVMObjectTypeKey2Index), PROVIDES(TVMObjectTypeIndex2Key), PROVIDES(TVMObjectRetain),
    PROVIDES(TVMObjectFree), PROVIDES(TVMByteArrayFree),
};

/* The function of this provider for a name of the classic API's; NULL: tvm-ffi has nothing like it. */
void *tvmb_modern_function(const char *name) {
  for (size_t i = 0; i < sizeof(provided) / sizeof(provided[0]); ++i)
    if (strcmp(provided[i].name, name) == 0) return provided[i].function;
  return NULL;
}
