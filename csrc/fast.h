/* What the files of src/tvmbind/_core/_fast share: csrc/fast*.c, a C extension for CPython, optional.
 *
 * It does what _core/pure.py does, for the values that are common; what is not, and every error, it leaves to
 * the Python code of _core, which does the same more slowly: no rule is written twice. TVM is called through
 * the functions of tvmbind._tvm only, which come as a table.
 *
 * CPython's limited API of 3.9, so that one file serves 3.9 and all later: no macros that look into objects.
 */
#ifndef TVMBIND_FAST_H
#define TVMBIND_FAST_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include "tvmbind_c.h"

/* In the stable ABI from 3.10 and 3.11 on. CPython 3.9 and 3.10, which will not change any more, export them too,
 * the same: the buffer protocol is as PEP 3118 has it. */
#if Py_LIMITED_API + 0 < 0x030A0000
PyAPI_FUNC(const char *) PyUnicode_AsUTF8AndSize(PyObject *unicode, Py_ssize_t *size);
#endif
#if Py_LIMITED_API + 0 < 0x030B0000
typedef struct {
  void *buf;
  PyObject *obj;
  Py_ssize_t len;
  Py_ssize_t itemsize;
  int readonly;
  int ndim;
  char *format;
  Py_ssize_t *shape;
  Py_ssize_t *strides;
  Py_ssize_t *suboffsets;
  void *internal;
} Py_buffer;
enum { PyBUF_WRITABLE = 1, PyBUF_FORMAT = 4, PyBUF_ND = 8 };
PyAPI_FUNC(int) PyObject_GetBuffer(PyObject *object, Py_buffer *view, int flags);
PyAPI_FUNC(void) PyBuffer_Release(Py_buffer *view);
PyAPI_FUNC(int) PyBuffer_FillInfo(Py_buffer *view, PyObject *object, void *memory, Py_ssize_t size, int readonly,
                                  int flags);
#endif
#ifndef Py_bf_getbuffer
#define Py_bf_getbuffer 1
#endif

/* PEP 590, as CPython has it since 3.8, and a convention of 3.7's: both came into the stable ABI later, unchanged. */
#ifndef Py_TPFLAGS_HAVE_VECTORCALL
#define Py_TPFLAGS_HAVE_VECTORCALL (1UL << 11)
#endif
#ifndef METH_FASTCALL
#define METH_FASTCALL 0x0080
#endif
typedef PyObject *(*Vectorcall)(PyObject *self, PyObject *const *args, size_t nargs, PyObject *names);
#define COUNT_OF(nargs) ((Py_ssize_t)((nargs) & ~((size_t)1 << (8 * sizeof(size_t) - 1))))

typedef struct {
  PyObject_HEAD
  PyObject *weakrefs;
  uint64_t handle; /* 0: closed */
  PyObject *owner; /* NULL or None: this object owns the handle */
  int users;       /* calls under way that were given the handle */
  uint64_t late;   /* a handle that was closed during such calls, and is let go of after the last; */
  PyObject *late_owner;
} Handle;

/* With room for what is known of an array; all of it is None until it is asked for. */
typedef struct {
  Handle base;
  PyObject *tensor;
  PyObject *memory;
  PyObject *shape;
  PyObject *dtype;
} ArrayHandle;

typedef struct {
  Handle base;
  Vectorcall vectorcall;
  PyObject *name;
  PyObject *keep;
  uint64_t tensors; /* bits: a kernel takes this argument for an array, and does not look whether it is one */
  int direct;       /* a closure of Python's, and nothing else */
} Function;

/* A tensor with memory that is borrowed from numpy for the time of a call. */
typedef struct {
  Py_buffer view;
  DLTensor tensor;
  char *copy; /* where that is not aligned: an aligned copy, and what it was before the call; else NULL */
} Lent;

/* What an argument needs beside its slot. */
typedef union {
  TVMByteArray bytes;
  Lent lent;
  int64_t made; /* an Array, of a list; a function, of a callable */
} Room;

/* The functions of Python that do the rest: see setup() in fast.c. */
typedef struct {
  PyObject *call;          /* (function, *args): a call with any arguments */
  PyObject *for_handle;    /* (function, *args): a call whose result is a handle */
  PyObject *in_place;      /* (function, *args): the same if they can go as they are, else NotImplemented */
  PyObject *decode;        /* (code, bits): any value of TVM's */
  PyObject *give;          /* (ret, value): any result of a callback */
  PyObject *end_borrowing; /* (tensors, error or None) */
  PyObject *raise_error;   /* (code, function, args) */
  PyObject *park;          /* (error): the text that carries it */
  PyObject *find;          /* (name): what a removed global function goes on as */
  PyObject *bool_code;     /* (): the type code of a bool in this runtime */
  PyObject *numbers;       /* of errors that wait: an iterator, */
  PyObject *waiting;       /* a mapping from such a number */
  PyObject *parked;        /* to an object of this class, a named tuple: error, thread, message */
  PyObject *numpy_type;    /* (code, bits, lanes): numpy's type; None where it has none */
} python_functions;

extern const tvmb_functions *tvm;
extern python_functions python;
extern PyObject *handle_type, *array_type, *function_type, *closure_type;

enum { FEW = 12, NO_CODE = -1, HELD = 1 };

/* fast_handle.c */
int make_handle_types(PyObject *module);
PyObject *make_type(PyObject *module, PyType_Spec *spec, PyObject *base, const char *name);
int handle_traverse(PyObject *self, visitproc visit, void *arg);
void handle_dealloc(PyObject *self);
void let_go(Handle *self);
void let_go_late(Handle *self);
void release_handle(uint64_t handle, int code);
int register_type(PyObject *type, int code);
PyObject *wrap(PyTypeObject *type, int64_t handle, int code);

/* The classes of handles and their type codes, found by a class's address. */
enum { KNOWN = 64 }; /* a power of two, and twice what tvmbind has or more */
typedef struct {
  PyTypeObject *type;
  int code;
} Known;
extern Known known[KNOWN];

static inline size_t place_of(const PyTypeObject *type) {
  size_t place = ((uintptr_t)type >> 5) % KNOWN;
  while (known[place].type != NULL && known[place].type != type) place = (place + 1) % KNOWN;
  return place;
}

/* The type code of a class that was registered, NO_CODE of any other. */
static inline int code_of(const PyTypeObject *type) {
  const Known *found = &known[place_of(type)];
  return found->type ? found->code : NO_CODE;
}

/* A call has the handle: another thread, or a callback of the call, may close it meanwhile. */
static inline void hold(PyObject *self) { ++((Handle *)self)->users; }

static inline void end_hold(PyObject *self) {
  if (--((Handle *)self)->users == 0 && ((Handle *)self)->late) let_go_late((Handle *)self);
}

/* fast_value.c */
int pack(PyObject *value, TVMValue *slot, int *code, Room *room);
void release_room(PyObject *value, Room *room);
PyObject *to_python(int code, int64_t bits);
PyTypeObject *class_of(int code);
int is_callable(PyTypeObject *type);
PyObject *register_callables(PyObject *module, PyObject *types);
PyObject *set_list_maker(PyObject *module, PyObject *args);
PyObject *make_array(PyObject *module, PyObject *items);
PyObject *make_shape(PyObject *module, PyObject *const *args, Py_ssize_t n);
int register_class(int code, PyObject *type);
PyObject *register_object(PyObject *module, PyObject *args);
void register_device(PyObject *type);

/* fast_array.c */
int is_ndarray(PyObject *value);
int is_aligned(uintptr_t address);
int borrow(PyObject *value, Py_buffer *view, DLTensor *tensor);
int pack_ndarray(PyObject *value, TVMValue *slot, int *code, Lent *lent);
void release_ndarray(Lent *lent);
int warn_of_copies(int place, PyObject *first, int count);
PyObject *register_ndarray(PyObject *module, PyObject *args);
PyObject *adopt_ndarray(PyTypeObject *type, PyObject *value);
PyObject *adopt(PyObject *module, PyObject *args);
int make_lease_type(PyObject *module);
PyObject *lend(PyObject *module, PyObject *array);
PyObject *leased(PyObject *array, PyObject *unused);
PyObject *same_array(PyObject *array, PyObject *unused);

/* fast_slot.c */
PyObject *compare(PyObject *module, PyObject *const *args, Py_ssize_t n);
PyObject *rebind(PyObject *module, PyObject *const *args, Py_ssize_t n);
PyObject *copy_array(PyObject *module, PyObject *const *args, Py_ssize_t n);

/* fast_capsule.c */
PyObject *plain_capsule(PyObject *array, int versioned);
PyObject *export_capsule(PyObject *module, PyObject *args);
PyObject *adopt_capsule(PyObject *module, PyObject *args);

/* fast_quick.c */
PyObject *find_global_of(PyTypeObject *type, PyObject *name);
PyObject *set_registry(PyObject *module, PyObject *given);
PyObject *alloc_array(PyObject *module, PyObject *args);
PyObject *note_dtype(PyObject *module, PyObject *args);
PyObject *quicken(PyObject *module, PyObject *args);
PyObject *quicken_method(PyObject *module, PyObject *args);

/* fast_call.c */
extern TVMB_THREAD int lock_is_held;
int make_function_type(PyObject *module);
void after_fork(void);
PyObject *call_without_arguments(PyObject *function);
PyObject *raise_code(int code, PyObject *function, PyObject *args);
PyObject *call_python(PyObject *func, PyObject *first, PyObject *const *args, Py_ssize_t n, PyObject *names);
Function *wrap_function(PyTypeObject *type, int64_t handle, PyObject *name, PyObject *keep);
PyObject *vectorcalled(PyObject *module, PyObject *type);

/* fast_callback.c */
int make_closure_type(PyObject *module);
PyObject *make_function(PyObject *func, PyObject *name);
int64_t function_of(PyObject *func);

#endif
