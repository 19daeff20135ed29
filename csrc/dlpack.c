/* DLPack: the runtime's arrays for other libraries, and their memory as arrays of the runtime's.
 *
 * The runtime speaks the legacy form only, and its own type codes: the versioned form and the codes of DLPack 1.x
 * are put on here. Managed tensors may be deleted on any thread, with or without Python's lock: nothing here takes it.
 */
#include "tvmbind_c.h"

#include <stdlib.h>
#include <string.h>

enum { MAJOR = 1, MINOR = 0 };

int tvmb_contiguous(const DLTensor *t) {
  int64_t expected = 1;
  if (t->strides == NULL) return 1;
  for (int i = t->ndim - 1; i >= 0; --i) {
    if (t->shape[i] == 0) return 1;
    if (t->shape[i] != 1 && t->strides[i] != expected) return 0;
    expected *= t->shape[i];
  }
  return 1;
}

/* ------------------------------------------------------------------------------------------------------ export */

typedef struct {
  DLManagedTensor *source; /* the runtime's own, which keeps the array */
  int versioned;
  union {
    DLManagedTensor legacy;
    DLManagedTensorVersioned current;
  } managed;
  int64_t extents[]; /* the shape, then the strides */
} export;

static void let_go(export *self) {
  if (!tvmb_is_closing()) TVMDLManagedTensorCallDeleter(self->source);
  free(self);
}

static void delete_legacy(DLManagedTensor *managed) { let_go(managed->manager_ctx); }
static void delete_current(DLManagedTensorVersioned *managed) { let_go(managed->manager_ctx); }

/* Strides are spelt out: from DLPack 1.2 on they have to be. */
static void fill(DLTensor *to, const DLTensor *from, DLDataType dtype, int64_t *extents) {
  int64_t stride = 1;
  *to = *from;
  to->dtype = dtype;
  to->shape = extents;
  to->strides = extents + from->ndim;
  for (int i = from->ndim - 1; i >= 0; --i) {
    to->shape[i] = from->shape[i];
    to->strides[i] = from->strides ? from->strides[i] : stride;
    stride *= from->shape[i];
  }
}

int tvmb_export(uintptr_t array, int versioned, DLDataType dtype, uint64_t flags, uintptr_t *out) {
  DLManagedTensor *source = NULL;
  int rc = TVMArrayToDLPack((TVMArrayHandle)array, &source);
  if (rc) return rc;
  const DLTensor *tensor = &source->dl_tensor;
  int same = memcmp(&tensor->dtype, &dtype, sizeof(dtype)) == 0;
  if (same && !versioned && tensor->strides && tensor->device.device_type == 1) {
    *out = (uintptr_t)source; /* tvm-ffi's own says all that is asked for */
    return 0;
  }
  export *made = malloc(sizeof(export) + (size_t)source->dl_tensor.ndim * 2 * sizeof(int64_t));
  if (made == NULL) {
    TVMDLManagedTensorCallDeleter(source);
    return TVMB_MEMORY;
  }
  made->source = source;
  made->versioned = versioned;
  if (versioned) {
    DLManagedTensorVersioned *managed = &made->managed.current;
    managed->version.major = MAJOR;
    managed->version.minor = MINOR;
    managed->manager_ctx = made;
    managed->deleter = delete_current;
    managed->flags = flags;
    fill(&managed->dl_tensor, &source->dl_tensor, dtype, made->extents);
    *out = (uintptr_t)managed;
  } else {
    DLManagedTensor *managed = &made->managed.legacy;
    managed->manager_ctx = made;
    managed->deleter = delete_legacy;
    fill(&managed->dl_tensor, &source->dl_tensor, dtype, made->extents);
    *out = (uintptr_t)managed;
  }
  return 0;
}

void tvmb_delete_managed(uintptr_t address, int versioned) {
  if (versioned) {
    DLManagedTensorVersioned *managed = (DLManagedTensorVersioned *)address;
    if (managed && managed->deleter) managed->deleter(managed);
  } else {
    DLManagedTensor *managed = (DLManagedTensor *)address;
    if (managed && managed->deleter) managed->deleter(managed);
  }
}

/* ------------------------------------------------------------------------------------------------------- adopt */

typedef struct {
  DLManagedTensor managed; /* what the runtime gets */
  void (*release)(void *resource);
  void *resource;
  int64_t shape[];
} adopted;

static void delete_adopted(DLManagedTensor *managed) {
  adopted *self = managed->manager_ctx;
  if (!tvmb_is_closing()) self->release(self->resource);
  free(self);
}

/* The tensor is contiguous and, on the host, aligned: the caller has seen to that, for not every version does. */
int64_t tvmb_adopt(const DLTensor *tensor, void (*release)(void *), void *resource) {
  TVMArrayHandle made = NULL;
  adopted *self = malloc(sizeof(adopted) + (size_t)tensor->ndim * sizeof(int64_t));
  if (self == NULL) return TVMB_MEMORY;
  DLTensor *mine = &self->managed.dl_tensor;
  *mine = *tensor;
  mine->shape = self->shape;
  mine->strides = NULL;
  for (int i = 0; i < tensor->ndim; ++i) self->shape[i] = tensor->shape[i];
  if (tensor->device.device_type == 1) { /* before 0.9 zero copy looks at the address alone */
    mine->data = (char *)mine->data + mine->byte_offset;
    mine->byte_offset = 0;
  }
  self->managed.manager_ctx = self;
  self->managed.deleter = delete_adopted;
  self->release = release;
  self->resource = resource;
  int rc = TVMArrayFromDLPack(&self->managed, &made);
  if (rc == 0) return (int64_t)(intptr_t)made;
  free(self); /* a runtime that refuses does not call the deleter */
  return rc;
}

static void release_legacy(void *managed) { tvmb_delete_managed((uintptr_t)managed, 0); }
static void release_current(void *managed) { tvmb_delete_managed((uintptr_t)managed, 1); }
static void release_id(void *id) { tvmb_on_release((intptr_t)id); }

int64_t tvmb_adopt_managed(uintptr_t managed, int versioned, DLDataType dtype) {
  DLTensor tensor = versioned ? ((DLManagedTensorVersioned *)managed)->dl_tensor : ((DLManagedTensor *)managed)->dl_tensor;
  tensor.dtype = dtype;
  return tvmb_adopt(&tensor, versioned ? release_current : release_legacy, (void *)managed);
}

int64_t tvmb_adopt_memory(const void *data, DLDataType dtype, const int64_t *shape, int ndim, intptr_t id) {
  DLTensor tensor = {(void *)data, {1, 0}, ndim, dtype, (int64_t *)shape, NULL, 0};
  return tvmb_adopt(&tensor, release_id, (void *)id);
}
