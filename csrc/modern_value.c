/* Values and packed functions of the classic API on tvm-ffi. */
#include "modern.h"

#include <stdlib.h>
#include <string.h>

TVMFFIByteArray modern_text(const char *text) {
  TVMFFIByteArray array = {text, strlen(text)};
  return array;
}
/* ------------------------------------------------------------------------------------------------- values */

/* A classic value as a view: it borrows. */
TVMFFIAny modern_view(TVMValue value, int code) {
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

TVMFFIByteArray modern_contents(const TVMFFIAny *any) {
  if (any->type_index == kTVMFFISmallStr || any->type_index == kTVMFFISmallBytes) {
    TVMFFIByteArray small = {any->v_bytes, any->small_str_len};
    return small;
  }
  return *(const TVMFFIByteArray *)PAYLOAD(any->v_obj);
}

/* A view, or what is owned elsewhere, as a classic value that borrows from it. bytes is room for a pair. */
int modern_classic(const TVMFFIAny *any, TVMValue *value, TVMByteArray *bytes) {
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
      TVMFFIByteArray text = modern_contents(any);
      value->v_str = text.data;
      if (memchr(text.data, 0, text.size) == NULL) return kTVMStr;
      if (any->type_index == kTVMFFIStr) {
        value->v_handle = any->v_ptr;
        return kTVMObjectHandle;
      }
    } /* fall through: a short text with a NUL is no object; as bytes it is whole */
    case kTVMFFISmallBytes:
    case kTVMFFIBytes: {
      TVMFFIByteArray data = modern_contents(any);
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
    *code = modern_classic(&kept, value, &kept_bytes);
    if (*code == kTVMObjectHandle) kept.type_index = kTVMFFINone; /* handed over */
  } else {
    *code = modern_classic(any, value, NULL);
  }
}

TVMFFIAny modern_view_int(int64_t number) {
  TVMValue value;
  value.v_int64 = number;
  return modern_view(value, kTVMArgInt);
}

TVMFFIAny modern_view_handle(void *handle, int code) {
  TVMValue value;
  value.v_handle = handle;
  return modern_view(value, code);
}

/* ---------------------------------------------------------------------------------------------- functions */

int modern_TVMFuncCall(TVMFunctionHandle func, TVMValue *values, int *codes, int n, TVMValue *ret,
                              int *ret_code) {
  TVMFFIAny few[FEW], *args = few, result;
  if (n > FEW && (args = malloc((size_t)n * sizeof(TVMFFIAny))) == NULL) return modern_fail("MemoryError", "no memory");
  for (int i = 0; i < n; ++i) args[i] = modern_view(values[i], codes[i]);
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
    if (memory == NULL) return modern_fail("MemoryError", "no memory for a callback's arguments");
    values = (TVMValue *)memory;
    bytes = (TVMByteArray *)(values + n);
    codes = (int *)(bytes + n);
  }
  for (int i = 0; i < n; ++i) codes[i] = modern_classic(&args[i], &values[i], &bytes[i]);
  int rc = c->function(values, codes, n, result, c->resource);
  free(memory);
  return rc ? -1 : 0;
}

static void delete_closure(void *self) {
  closure *c = self;
  if (c->finalizer) c->finalizer(c->resource);
  free(c);
}

int modern_TVMFuncCreateFromCFunc(TVMPackedCFunc function, void *resource, TVMPackedCFuncFinalizer finalizer,
                                         TVMFunctionHandle *out) {
  closure *c = malloc(sizeof(closure));
  if (c == NULL) return modern_fail("MemoryError", "no memory for a function");
  c->function = function;
  c->resource = resource;
  c->finalizer = finalizer;
  return TVMFFIFunctionCreate(c, call_closure, delete_closure, out);
}

int modern_TVMCFuncSetReturn(TVMRetValueHandle ret, TVMValue *value, int *code, int n) {
  TVMFFIAny view;
  if (n != 1) return modern_fail("ValueError", "a function returns one value");
  view = modern_view(*value, *code);
  return TVMFFIAnyViewToOwnedAny(&view, ret);
}

int modern_TVMCbArgToReturn(TVMValue *value, int *code) {
  TVMFFIAny view = modern_view(*value, *code);
  return view.type_index >= kTVMFFIObject ? TVMFFIObjectIncRef(view.v_obj) : 0;
}
