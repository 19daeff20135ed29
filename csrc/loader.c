/* Opening a runtime. Nothing is linked against TVM: symbols are looked up when a library is bound.
 * The tables and the functions that fill them are generated from cdefs/ by build_ffi.py. */
#define _GNU_SOURCE
#include "tvmbind_c.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static TVMB_THREAD char open_error[1024];
static TVMB_THREAD const char *missing_name = "";

/* now: a symbol that is not there is an error here, not the end of the process at its first use. */
void *tvmb_open(const char *path, int global, int now) {
  void *library = dlopen(path, (now ? RTLD_NOW : RTLD_LAZY) | (global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (library == NULL) {
    const char *text = dlerror();
    snprintf(open_error, sizeof(open_error), "%s", text ? text : "unknown error");
  }
  return library;
}

void tvmb_close(void *library) { dlclose(library); }

/* Makes the symbols of a library that is already open visible to libraries opened later. */
int tvmb_promote(const char *path) {
#ifdef RTLD_NOLOAD
  return dlopen(path, RTLD_LAZY | RTLD_GLOBAL | RTLD_NOLOAD) ? 0 : -1;
#else
  return dlopen(path, RTLD_LAZY | RTLD_GLOBAL) ? 0 : -1;
#endif
}

const char *tvmb_open_error(void) { return open_error; }

/* The file of the library that already gives this process the symbol, or NULL. */
const char *tvmb_loaded_path(const char *symbol) {
  Dl_info info;
  void *address = dlsym(RTLD_DEFAULT, symbol);
  return address && dladdr(address, &info) ? info.dli_fname : NULL;
}

void *tvmb_symbol(void *library, const char *name) { return dlsym(library, name); }

int tvmb_missing(const char *name) {
  missing_name = name;
  return TVMB_MISSING;
}

const char *tvmb_missing_name(void) { return missing_name; }
