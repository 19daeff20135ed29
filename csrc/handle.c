/* Letting go of what Python owns. When the interpreter closes, TVM's own statics may already be gone
 * and Python must not be entered: from then on handles are left to the system. */
#include "tvmbind_c.h"

#include <stdio.h>
#include <stdlib.h>

static volatile int closing = 0;

void tvmb_closing(void) { closing = 1; }
int tvmb_is_closing(void) { return closing; }

void tvmb_free_object(uintptr_t handle) {
  if (!closing && handle) TVMObjectFree((TVMObjectHandle)handle);
}

void tvmb_free_module(uintptr_t handle) {
  if (!closing && handle) TVMModFree((TVMModuleHandle)handle);
}

void tvmb_free_function(uintptr_t handle) {
  if (!closing && handle) TVMFuncFree((TVMFunctionHandle)handle);
}

void tvmb_free_array(uintptr_t handle) {
  if (!closing && handle) TVMArrayFree((TVMArrayHandle)handle);
}

unsigned tvmb_type_index(uintptr_t object) {
  unsigned index = 0;
  TVMObjectGetTypeIndex((TVMObjectHandle)object, &index);
  return index;
}

/* The runtime gives memory of malloc's: copied and freed here, by the same C library. */
int tvmb_type_key(unsigned index, char *text, size_t size) {
  char *key = NULL;
  int rc = TVMObjectTypeIndex2Key(index, &key);
  if (rc == 0) snprintf(text, size, "%.*s", (int)size - 1, key);
  free(key);
  return rc;
}

/* A String and a shape each hold a pointer and a size, in every version that has them. */
static const void *pair(uintptr_t object, size_t *size) {
  const char *payload = (const char *)object + tvmb_header_size;
  *size = *(const size_t *)(payload + sizeof(void *));
  return *(const void *const *)payload;
}

const char *tvmb_text(uintptr_t string, size_t *size) { return pair(string, size); }
const int64_t *tvmb_extents(uintptr_t shape, size_t *size) { return pair(shape, size); }
