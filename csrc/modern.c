/* The classic C API on top of tvm-ffi (TVM 0.22 and later): the second provider of the table.
 *
 * Each function modern_X does what the function X does on a classic runtime: errors, objects and the list of all
 * here, the rest in the files csrc/modern_*.c. What tvm-ffi has no C function for is a global function there.
 * Handles are tvm-ffi's objects; an array's handle is the address of its DLTensor, as ever, which follows the
 * object's header.
 */
#include "modern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------- errors */

static TVMB_THREAD char *last_error = NULL;

int modern_fail(const char *kind, const char *message) {
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
void modern_TVMAPISetLastError(const char *text) {
  static const char HEADING[] = "\nStack trace:\n", MARK[] = " [Python exception #";
  static const char FRAME[] = "\n  File \"tvmbind\", line 1, in"; /* tvm_ffi's Python keeps frames only */
  const char *colon = strstr(text, ": "), *trace = strstr(text, HEADING), *mark = strstr(text, MARK);
  TVMFFIByteArray kind = {"RuntimeError", 12}, message = modern_text(text), backtrace = {"", 0};
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
const char *modern_TVMGetLastError(void) {
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
/* ------------------------------------------------------------------------------------------------ objects */

int modern_TVMObjectGetTypeIndex(TVMObjectHandle object, unsigned *index) {
  *index = (unsigned)((TVMFFIObject *)object)->type_index;
  return 0;
}

int modern_TVMObjectTypeKey2Index(const char *key, unsigned *index) {
  TVMFFIByteArray text = modern_text(key);
  int32_t found = 0;
  int rc = TVMFFITypeKeyToIndex(&text, &found);
  *index = (unsigned)found;
  return rc;
}

int modern_TVMObjectTypeIndex2Key(unsigned index, char **out) {
  const TVMFFITypeInfo *info = TVMFFIGetTypeInfo((int32_t)index);
  if (info == NULL || (*out = calloc(info->type_key.size + 1, 1)) == NULL) return modern_fail("KeyError", "no such type");
  memcpy(*out, info->type_key.data, info->type_key.size);
  return 0;
}

int modern_TVMObjectFree(TVMObjectHandle object) { return TVMFFIObjectDecRef(object); }
int modern_TVMModFree(TVMModuleHandle module) { return TVMFFIObjectDecRef(module); }
int modern_TVMFuncFree(TVMFunctionHandle func) { return TVMFFIObjectDecRef(func); }
int modern_TVMObjectRetain(TVMObjectHandle object) { return TVMFFIObjectIncRef(object); }
int modern_TVMArrayFree(TVMArrayHandle array) { return TVMFFIObjectDecRef(OBJECT_OF(array)); }
int modern_TVMByteArrayFree(TVMByteArray *array) { (void)array; return 0; }

/* --------------------------------------------------------------------------------------------------- binding */

/* What compiled code asks of the runtime by "__" and the name. libtvm_runtime registers all of them from 0.26
 * on; where it is older, or not there, a kernel that calls a packed function by name would jump to NULL. */
void tvmb_modern_context(void *library) {
  modern_registry_init();
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

#define PROVIDES(name) {#name, (void *)modern_##name},

static const struct {
  const char *name;
  void *function;
} provided[] = {MODERN_FUNCTIONS(PROVIDES)};

/* The function of this provider for a name of the classic API's; NULL: tvm-ffi has nothing like it. */
void *tvmb_modern_function(const char *name) {
  for (size_t i = 0; i < sizeof(provided) / sizeof(provided[0]); ++i)
    if (strcmp(provided[i].name, name) == 0) return provided[i].function;
  return NULL;
}
