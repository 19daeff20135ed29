/* What our own C adds to the C API of TVM: declarations of csrc/.
 *
 * Read by CFFI's parser and by the C compiler: plain C, no preprocessor. Handles cross from Python as
 * integers (uintptr_t), which costs less than a cdata pointer; 0 is no handle.
 */

/* Return codes of ours, beside TVM's 0, -1 (error text in TVMGetLastError) and -2. */
enum {
  TVMB_MISSING = -64,   /* the runtime lacks a function: tvmb_missing_name() */
  TVMB_SWALLOWED = -65, /* the call succeeded, but a Python callback in it had raised */
  TVMB_CLOSED = -66,    /* an argument's handle is 0: a closed object */
  TVMB_MEMORY = -67,    /* out of memory while packing arguments */
  TVMB_NO_STACK = -68,  /* of tvmb_on_call: Python had no stack left to say what was raised */
  TVMB_LOST = -69       /* of tvmb_on_call: what was raised is lost, for a signal's handler raised on top of it */
};

/* What tvmb_on_call returns when all went well: not 0, for that is what CFFI returns when it had no memory to call it. */
enum { TVMB_DONE = 1 };

/* Codes of ours in a packet, beside TVMArgTypeCode (see csrc/call.c). */
enum { TVMB_TENSOR = 64 };

/* What tvmb_adapt_classic is to make up for, each a fact of src/tvmbind/facts.py that does not hold. */
enum { TVMB_CODE_BY_VALUE = 1, TVMB_OTHER_COPY = 2, TVMB_BAD_ALLOC_ENDS = 4 };

/* How a host buffer looks to a packed function; its shape follows, an int64_t each. */
typedef struct {
  int64_t nbytes;
  int32_t ndim;
  int32_t align;    /* the address must be a multiple of this, or a copy goes in */
  int32_t writable; /* a copy that was changed goes back */
  DLDataType dtype;
} tvmb_tensor;

/* loader.c: opening a runtime; filling the table, from a classic runtime or from libtvm_ffi (csrc/modern.c). */
void *tvmb_open(const char *path, int global, int now);
void tvmb_close(void *library);
int tvmb_promote(const char *path);
const char *tvmb_open_error(void);
const char *tvmb_loaded_path(const char *symbol);
void *tvmb_symbol(void *library, const char *name);
int tvmb_bind_classic(void *library);
void tvmb_adapt_classic(int which);
int tvmb_bind_modern(void *library);
void tvmb_modern_version(unsigned *numbers);
void tvmb_modern_context(void *library);
int tvmb_modern_imports(uintptr_t module, uintptr_t *array);
int tvmb_has(const char *name);
const char *tvmb_missing_name(void);

/* old.c: whether there is memory of that size; what serves as a compiled function of a library, given the
 * runtime's own function of it, which is taken over. */
int tvmb_has_memory(uint64_t nbytes);
int tvmb_compiled_function(const char *file, const char *name, TVMFunctionHandle theirs, TVMFunctionHandle *out);

/* call.c: packed functions, both ways. */
int tvmb_call(uintptr_t func, const char *codes, int num_args, const char *packet, char **buffers, int64_t *ret);
int tvmb_call_ints(uintptr_t func, int num_args, const int64_t *args, int64_t *ret);
int tvmb_call_str(uintptr_t func, const char *text, int64_t *ret);
int tvmb_return(uintptr_t ret, const char *codes, const char *packet);
int tvmb_return_int(uintptr_t ret, int64_t value);
void tvmb_note_worker(void);
int tvmb_make_function(intptr_t id, TVMFunctionHandle *out);
double tvmb_as_double(int64_t bits);
/* A new reference as an address; 0: there is none; negative: a return code. So does the next. */
int64_t tvmb_get_global(const char *name);
int64_t tvmb_array_alloc(const int64_t *shape, int ndim, int code, int bits, int lanes, int device, int index);
/* The address of the table of functions that src/tvmbind/_core/_fast calls. */
uintptr_t tvmb_functions_address(void);

/* dlpack.c: arrays that other libraries see, and theirs that the runtime sees; no element is copied. */
/* A managed tensor of an array, for another library: the address, which is then the receiver's to delete. */
int tvmb_export(uintptr_t array, int versioned, DLDataType dtype, uint64_t flags, uintptr_t *managed);
void tvmb_delete_managed(uintptr_t managed, int versioned);
/* A new array of the runtime's with the memory of another; negative: a return code, and nothing was taken. The
 * runtime's deleter lets go of the managed tensor, or calls tvmb_on_release(id). */
int64_t tvmb_adopt_managed(uintptr_t managed, int versioned, DLDataType dtype);
int64_t tvmb_adopt_memory(const void *data, DLDataType dtype, const int64_t *shape, int ndim, intptr_t id);

/* capsule.c: the destructor of a DLPack capsule, a function of CPython's; 0 on PyPy. */
uintptr_t tvmb_capsule_destructor(void);

/* handle.c: letting go of what Python owns (nothing is done once the interpreter is closing), looking inside. */
void tvmb_free_object(uintptr_t handle);
void tvmb_free_module(uintptr_t handle);
void tvmb_free_function(uintptr_t handle);
void tvmb_free_array(uintptr_t handle);
unsigned tvmb_type_index(uintptr_t object);
int tvmb_type_key(unsigned index, char *text, size_t size);
const char *tvmb_text(uintptr_t string, size_t *size);
const int64_t *tvmb_extents(uintptr_t shape, size_t *size);
void tvmb_closing(void);
int tvmb_is_closing(void);
