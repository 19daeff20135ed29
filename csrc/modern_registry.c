/* Global functions and modules of the classic API on tvm-ffi. */
#include "modern.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* tvm-ffi keeps its global functions in a table that no lock guards: who changes it has to see to that. Ours is
 * not held while anything runs that could ask for it again, or for Python's: a function that leaves the table is
 * let go of after. Compiled code and other bindings look up without it. */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock_table(void) { pthread_mutex_lock(&table_lock); }
static void unlock_table(void) { pthread_mutex_unlock(&table_lock); }

/* A child of fork() has one thread, and no other to unlock what it held. */
void modern_registry_init(void) {
  static int done = 0;
  if (!done) pthread_atfork(lock_table, unlock_table, unlock_table);
  done = 1;
}

static int look_up(const char *name, TVMFunctionHandle *out) {
  TVMFFIByteArray text = modern_text(name);
  *out = NULL;
  return TVMFFIFunctionGetGlobal(&text, out);
}

static TVMFFIAny nothing(void) {
  TVMFFIAny any;
  any.type_index = kTVMFFINone;
  any.small_str_len = 0;
  any.v_int64 = 0;
  return any;
}

static int call(TVMFunctionHandle func, const char *name, TVMFFIAny *args, int n, TVMFFIAny *result) {
  *result = nothing();
  if (func == NULL) {
    char message[256];
    snprintf(message, sizeof(message), "this tvm-ffi runtime has no function %s; libtvm_runtime.so has it", name);
    return modern_fail("NotImplementedError", message);
  }
  return TVMFFIFunctionCall(func, args, n, result);
}

int modern_TVMFuncGetGlobal(const char *name, TVMFunctionHandle *out) {
  lock_table();
  int rc = look_up(name, out);
  unlock_table();
  return rc;
}

int modern_TVMFuncRegisterGlobal(const char *name, TVMFunctionHandle f, int override) {
  TVMFFIByteArray text = modern_text(name);
  TVMFunctionHandle replaced = NULL;
  lock_table();
  int rc = look_up(name, &replaced);
  if (rc == 0) rc = TVMFFIFunctionSetGlobal(&text, f, override);
  unlock_table();
  if (replaced) TVMFFIObjectDecRef(replaced);
  return rc;
}

int modern_TVMFuncRemoveGlobal(const char *name) {
  static const char REMOVE[] = "ffi.FunctionRemoveGlobal";
  TVMFFIAny result, arg = modern_view_handle((void *)name, kTVMStr);
  TVMFunctionHandle remove = NULL, removed = NULL;
  lock_table();
  int rc = look_up(REMOVE, &remove);
  if (rc == 0) rc = look_up(name, &removed);
  if (rc == 0) rc = call(remove, REMOVE, &arg, 1, &result);
  unlock_table();
  if (removed) TVMFFIObjectDecRef(removed);
  if (remove) TVMFFIObjectDecRef(remove);
  return rc;
}

int modern_call_global(const char *name, TVMFFIAny *args, int n, TVMFFIAny *result) {
  TVMFunctionHandle func = NULL;
  if (modern_TVMFuncGetGlobal(name, &func)) return -1;
  int rc = call(func, name, args, n, result);
  if (func) TVMFFIObjectDecRef(func);
  return rc;
}

/* A function that gives the names one by one, of the table as it was. */
static int names_now(TVMFFIAny *functor) {
  static const char LIST[] = "ffi.FunctionListGlobalNamesFunctor";
  TVMFunctionHandle list = NULL;
  lock_table();
  int rc = look_up(LIST, &list);
  if (rc == 0) rc = call(list, LIST, NULL, 0, functor);
  unlock_table();
  if (list) TVMFFIObjectDecRef(list);
  return rc;
}

int modern_TVMFuncListGlobalNames(int *out_size, const char ***out_array) {
  static TVMB_THREAD char **names = NULL;
  static TVMB_THREAD int size = 0;
  TVMFFIAny functor, result = nothing(), arg = modern_view_int(-1);
  if (names_now(&functor)) return -1;
  for (int i = 0; i < size; ++i) free(names[i]);
  free(names);
  size = 0;
  int rc = TVMFFIFunctionCall(functor.v_obj, &arg, 1, &result);
  int count = rc ? 0 : (int)result.v_int64;
  names = calloc((size_t)count + 1, sizeof(char *));
  for (; rc == 0 && names && size < count; ++size) {
    TVMFFIByteArray text;
    arg = modern_view_int(size);
    result = nothing();
    if ((rc = TVMFFIFunctionCall(functor.v_obj, &arg, 1, &result)) != 0) break;
    text = modern_contents(&result);
    if ((names[size] = calloc(text.size + 1, 1)) != NULL) memcpy(names[size], text.data, text.size);
    if (result.type_index >= kTVMFFIObject) TVMFFIObjectDecRef(result.v_obj);
    if (names[size] == NULL) break;
  }
  TVMFFIObjectDecRef(functor.v_obj);
  if (rc == 0 && size < count) rc = modern_fail("MemoryError", "no memory for the names of global functions");
  *out_size = size;
  *out_array = (const char **)names;
  return rc;
}

/* ------------------------------------------------------------------------------------------------ modules */

int modern_TVMModLoadFromFile(const char *file, const char *format, TVMModuleHandle *out) {
  static const char *const shared[] = {"dll", "dylib", "dso"}; /* one format to TVM */
  char name[128] = "ffi.ModuleLoadFromFile";
  int with_format = format && *format;
  for (size_t i = 0; with_format && i < sizeof(shared) / sizeof(shared[0]); ++i)
    if (strcmp(format, shared[i]) == 0) format = "so";
  TVMFFIAny result, args[2] = {modern_view_handle((void *)file, kTVMStr), modern_view_handle((void *)format, kTVMStr)};
  if (with_format) {
    TVMFunctionHandle loader = NULL;
    snprintf(name, sizeof(name), "ffi.Module.load_from_file.%s", format);
    if (modern_TVMFuncGetGlobal(name, &loader)) return -1;
    if (loader == NULL) {
      char message[256];
      snprintf(message, sizeof(message), "no loader for modules of the format %.100s in this runtime", format);
      return modern_fail("ValueError", message);
    }
    TVMFFIObjectDecRef(loader);
  }
  if (modern_call_global(name, args, with_format ? 2 : 1, &result)) return -1;
  *out = result.v_ptr;
  return 0;
}

int modern_TVMModImport(TVMModuleHandle module, TVMModuleHandle dependency) {
  TVMFFIAny result, args[2] = {modern_view_handle(module, kTVMModuleHandle), modern_view_handle(dependency, kTVMModuleHandle)};
  return modern_call_global("ffi.ModuleImportModule", args, 2, &result);
}

int modern_TVMModGetFunction(TVMModuleHandle module, const char *name, int query_imports,
                                    TVMFunctionHandle *out) {
  TVMFFIAny result, args[3] = {modern_view_handle(module, kTVMModuleHandle), modern_view_handle((void *)name, kTVMStr),
                               modern_view_int(query_imports != 0)};
  args[2].type_index = kTVMFFIBool;
  *out = NULL;
  if (modern_call_global("ffi.ModuleGetFunction", args, 3, &result)) return -1;
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
  return modern_fail("NotImplementedError", "this libtvm_ffi does not tell what a module imports");
}
