/* Arrays and streams of the classic API on tvm-ffi. */
#include "modern.h"

#include <stdlib.h>
#include <string.h>

enum { HOST_ALIGNMENT = 128 };

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
  if (tensor == NULL) return modern_fail("MemoryError", "no memory for an array");
  memset(tensor, 0, sizeof(*tensor));
  DLTensor *dl = &tensor->managed.dl_tensor;
  if (posix_memalign(&dl->data, HOST_ALIGNMENT, size ? size : HOST_ALIGNMENT)) {
    free(tensor);
    return modern_fail("MemoryError", "no memory for an array of that size");
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

int modern_TVMArrayAlloc(const int64_t *shape, int ndim, int code, int bits, int lanes, int device_type,
                                int device_id, TVMArrayHandle *out) {
  DLDataType dtype = {(uint8_t)code, (uint8_t)bits, (uint16_t)lanes};
  DLDevice device = {device_type, device_id};
  TVMFFIAny few[FEW], *extents = few, made, result, args[4];
  TVMValue value;
  if (on_host(device_type)) return host_alloc(shape, ndim, dtype, out);
  if (ndim > FEW) return modern_fail("ValueError", "too many dimensions");
  for (int i = 0; i < ndim; ++i) extents[i] = modern_view_int(shape[i]);
  if (modern_call_global("ffi.Shape", extents, ndim, &made)) return -1;
  args[0] = made;
  value.v_int64 = 0;
  value.v_type = dtype;
  args[1] = modern_view(value, kTVMDataType);
  value.v_device = device;
  args[2] = modern_view(value, kDLDevice);
  args[3] = modern_view_handle(NULL, kTVMNullptr);
  int rc = modern_call_global("runtime.TVMTensorAllocWithScope", args, 4, &result);
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

static char *start_of(const DLTensor *t) { return (char *)t->data + t->byte_offset; }

static int copy_bytes(const char *global, DLTensor *array, void *data, size_t nbytes, int in) {
  TVMFFIAny result, args[3] = {modern_view_handle(array, kTVMDLTensorHandle), modern_view_handle(data, kTVMOpaqueHandle),
                               modern_view_int((int64_t)nbytes)};
  if (nbytes != bytes_of(array)) return modern_fail("ValueError", "the number of bytes is not that of the array");
  if (!tvmb_contiguous(array)) return modern_fail("ValueError", "the array is not contiguous");
  if (!on_host(array->device.device_type)) return modern_call_global(global, args, 3, &result);
  if (nbytes) memcpy(in ? start_of(array) : data, in ? data : start_of(array), nbytes);
  return 0;
}

int modern_TVMArrayCopyFromBytes(TVMArrayHandle array, void *data, size_t nbytes) {
  return copy_bytes("runtime.TVMTensorCopyFromBytes", array, data, nbytes, 1);
}

int modern_TVMArrayCopyToBytes(TVMArrayHandle array, void *data, size_t nbytes) {
  return copy_bytes("runtime.TVMTensorCopyToBytes", array, data, nbytes, 0);
}

int modern_TVMArrayCopyFromTo(TVMArrayHandle from, TVMArrayHandle to, TVMStreamHandle stream) {
  TVMFFIAny result, args[2] = {modern_view_handle(from, kTVMDLTensorHandle), modern_view_handle(to, kTVMDLTensorHandle)};
  (void)stream;
  if (bytes_of(from) != bytes_of(to)) return modern_fail("ValueError", "the arrays are not of the same size");
  if (!tvmb_contiguous(from) || !tvmb_contiguous(to)) return modern_fail("ValueError", "only contiguous arrays can be copied");
  if (on_host(from->device.device_type) && on_host(to->device.device_type)) {
    if (bytes_of(from)) memmove(start_of(to), start_of(from), bytes_of(from));
    return 0;
  }
  return modern_call_global("runtime.TVMTensorCopyFromTo", args, 2, &result);
}

int modern_TVMArrayFromDLPack(DLManagedTensor *from, TVMArrayHandle *out) {
  TVMFFIObjectHandle object = NULL;
  if (TVMFFITensorFromDLPack(from, 0, 0, &object)) return -1;
  *out = PAYLOAD(object);
  return 0;
}

int modern_TVMArrayToDLPack(TVMArrayHandle from, DLManagedTensor **out) {
  return TVMFFITensorToDLPack(OBJECT_OF(from), out);
}

void modern_TVMDLManagedTensorCallDeleter(DLManagedTensor *tensor) {
  if (tensor->deleter) tensor->deleter(tensor);
}

/* ------------------------------------------------------------------------------------------------ streams */

static int stream_call(const char *name, int device_type, int device_id, void *stream, TVMFFIAny *result) {
  TVMValue value;
  DLDevice device = {device_type, device_id};
  value.v_device = device;
  TVMFFIAny args[2] = {modern_view(value, kDLDevice), modern_view_int((int64_t)(intptr_t)stream)};
  return modern_call_global(name, args, 2, result);
}

int modern_TVMSynchronize(int device_type, int device_id, TVMStreamHandle stream) {
  TVMFFIAny result;
  return on_host(device_type) ? 0 : stream_call("runtime.Device_StreamSync", device_type, device_id, stream, &result);
}

int modern_TVMSetStream(int device_type, int device_id, TVMStreamHandle stream) {
  TVMFFIAny result;
  return on_host(device_type) ? 0 : stream_call("runtime.Device_SetStream", device_type, device_id, stream, &result);
}

int modern_TVMStreamFree(int device_type, int device_id, TVMStreamHandle stream) {
  TVMFFIAny result;
  return on_host(device_type) ? 0 : stream_call("runtime.Device_StreamFree", device_type, device_id, stream, &result);
}

int modern_TVMStreamCreate(int device_type, int device_id, TVMStreamHandle *out) {
  TVMValue value;
  DLDevice device = {device_type, device_id};
  TVMFFIAny result, arg;
  value.v_device = device;
  arg = modern_view(value, kDLDevice);
  *out = NULL;
  if (on_host(device_type)) return 0;
  if (modern_call_global("runtime.Device_StreamCreate", &arg, 1, &result)) return -1;
  *out = (void *)(intptr_t)result.v_int64;
  return 0;
}
