/* Function: what is called here is TVM. As Function in _core/pure.py. */
#include "fast.h"

#include <stddef.h>
#include <string.h>

PyObject *function_type;

/* Whether this thread is in a call of a function that is nothing but a closure of Python's: Python's lock is kept for
 * it, since its callback comes at once, with nothing of anybody else's before it. */
TVMB_THREAD int lock_is_held;

/* A thread that was forked cannot run kernels: see _FreshThread in _core/fork.py. */
static int forked = 0;
static unsigned long stale_thread;

void after_fork(void) {
  forked = 1;
  stale_thread = PyThread_get_thread_ident();
}

PyObject *raise_code(int code, PyObject *function, PyObject *args) {
  PyObject *none = PyObject_CallFunction(python.raise_error, "iOO", code, function, args);
  if (none) PyErr_SetString(PyExc_SystemError, "a failed call raised nothing");
  Py_XDECREF(none);
  return NULL;
}

/* The arguments as a tuple, after the function if one is given. */
static PyObject *tuple_of(PyObject *first, PyObject *const *args, Py_ssize_t n) {
  Py_ssize_t start = first != NULL;
  PyObject *all = PyTuple_New(start + n);
  if (all == NULL) return NULL;
  Py_XINCREF(first);
  if (first) PyTuple_SetItem(all, 0, first);
  for (Py_ssize_t i = 0; i < n; ++i) {
    Py_INCREF(args[i]);
    PyTuple_SetItem(all, start + i, args[i]);
  }
  return all;
}

/* A call of a Python function; the values of keywords come after the n other arguments. */
PyObject *call_python(PyObject *func, PyObject *first, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  PyObject *all = tuple_of(first, args, n), *kwargs = NULL, *result = NULL;
  if (all && names && (kwargs = PyDict_New()) != NULL)
    for (Py_ssize_t i = 0; kwargs && i < PyTuple_Size(names); ++i)
      if (PyDict_SetItem(kwargs, PyTuple_GetItem(names, i), args[n + i])) Py_CLEAR(kwargs);
  if (all && (names == NULL || kwargs)) result = PyObject_Call(func, all, kwargs);
  Py_XDECREF(all);
  Py_XDECREF(kwargs);
  return result;
}

static PyObject *raise_of_call(int code, PyObject *self, PyObject *const *args, Py_ssize_t n) {
  PyObject *given = tuple_of(NULL, args, n);
  if (given) raise_code(code, self, given);
  Py_XDECREF(given);
  return NULL;
}

/* What a call has of its arguments, a bit for each: handles, and rooms. */
typedef struct {
  unsigned handles, rooms;
} Held;

static void release(PyObject *const *args, Room *rooms, Held held) {
  for (int i = 0; held.handles >> i; ++i)
    if (held.handles >> i & 1) end_hold(args[i]);
  for (int i = 0; held.rooms >> i; ++i)
    if (held.rooms >> i & 1) release_room(args[i], &rooms[i]);
}

static void end_function(PyObject *self) {
  end_hold(self);
  if (!((Handle *)self)->handle && !((Handle *)self)->users) Py_CLEAR(((Function *)self)->keep);
}

static void change_holds(PyObject *const *args, Py_ssize_t n, void (*change)(PyObject *)) {
  for (Py_ssize_t i = 0; i < n; ++i)
    if (code_of(Py_TYPE(args[i])) != NO_CODE) change(args[i]);
}

/* As call_python, of a method of a function's, which and whose arguments may be closed meanwhile. */
static PyObject *call_held(PyObject *method, PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  hold(self);
  change_holds(args, n, hold);
  PyObject *result = call_python(method, self, args, n, names);
  change_holds(args, n, end_hold);
  end_function(self);
  return result;
}

enum { RAISED = -1000, NOT_CALLED };

/* 0 if no argument was copied, or a warning told of it. */
static int told_of_copies(PyObject *const *args, const Room *rooms, Py_ssize_t n, int allowed) {
  int first = -1, count = 0;
  for (Py_ssize_t i = 0; i < n; ++i)
    if (is_ndarray(args[i]) && rooms[i].lent.copy && count++ == 0) first = (int)i;
  if (count == 0) return 0;
  if (!allowed) return NOT_CALLED;
  return warn_of_copies(first, args[first], count) ? RAISED : 0;
}

/* Calls with these arguments if they all can go as they are: the result's type code, and the result as Python has it
 * if that is wanted. RAISED: an error is set. */
static int invoke(PyObject *self, PyObject *const *args, Py_ssize_t n, int64_t *bits, int copies, PyObject **result) {
  TVMValue values[FEW];
  int codes[FEW];
  Room rooms[FEW];
  uintptr_t handle = (uintptr_t)((Handle *)self)->handle;
  if (n > FEW || !handle || (forked && PyThread_get_thread_ident() == stale_thread)) return NOT_CALLED;
  uint64_t tensors = ((Function *)self)->tensors;
  Held held = {0, 0};
  int code = 0;
  hold(self);
  for (Py_ssize_t i = 0; i < n && code == 0; ++i) {
    PyTypeObject *type = Py_TYPE(args[i]);
    if (type != &PyLong_Type && (codes[i] = code_of(type)) != NO_CODE) {
      values[i].v_handle = (void *)(uintptr_t)((Handle *)args[i])->handle;
      if (values[i].v_handle) {
        hold(args[i]);
        held.handles |= 1u << i;
      } else {
        code = NOT_CALLED;
      }
    } else {
      int more = pack(args[i], &values[i], &codes[i], &rooms[i]);
      if (more == HELD) held.rooms |= 1u << i;
      if (more < 0) code = NOT_CALLED;
    }
    if (tensors >> i & 1 && code == 0 && codes[i] != kTVMNDArrayHandle && codes[i] != kTVMDLTensorHandle)
      code = NOT_CALLED;
  }
  if (code == 0 && held.rooms) code = told_of_copies(args, rooms, n, copies);
  if (code) {
    release(args, rooms, held);
    end_function(self);
    return code;
  }
  if (!((Function *)self)->direct) {
    PyThreadState *state = PyEval_SaveThread();
    code = tvm->call(handle, values, codes, (int)n, bits);
    PyEval_RestoreThread(state);
  } else if (Py_EnterRecursiveCall(" in a call of TVM's") == 0) { /* a vectorcall does not count by itself */
    lock_is_held = 1;
    code = tvm->call(handle, values, codes, (int)n, bits);
    lock_is_held = 0;
    Py_LeaveRecursiveCall();
  } else {
    code = RAISED;
  }
  if (code < 0 && code != RAISED) {
    raise_of_call(code, self, args, n);
    code = RAISED;
  } else if (code == kTVMNullptr && result) { /* what most kernels give */
    Py_INCREF(Py_None);
    *result = Py_None;
  } else if (code >= 0 && result) { /* before anything is freed: that may call TVM, which changes a text of TVM's */
    *result = to_python(code, *bits);
  }
  if (held.handles | held.rooms) release(args, rooms, held);
  end_function(self);
  return code;
}

/* The same, with the result as Python has it; NULL with no error set if nothing was called. */
static PyObject *call_in_c(PyObject *self, PyObject *const *args, Py_ssize_t n, int copies) {
  PyObject *result = NULL;
  int64_t bits;
  invoke(self, args, n, &bits, copies, &result);
  return result;
}

PyObject *call_without_arguments(PyObject *function) { return call_in_c(function, NULL, 0, 1); }

static PyObject *function_vectorcall(PyObject *self, PyObject *const *args, size_t nargs, PyObject *names) {
  Py_ssize_t n = COUNT_OF(nargs);
  PyObject *result = names ? NULL : call_in_c(self, args, n, 1);
  /* What C cannot pack, and errors of arguments. */
  return result || PyErr_Occurred() ? result : call_held(python.call, self, args, n, names);
}

/* Of classes that Python code made of this one, before CPython 3.12. */
static PyObject *function_call(PyObject *self, PyObject *args, PyObject *kwargs) {
  Py_ssize_t n = PyTuple_Size(args);
  PyObject *few[FEW], **given = n <= FEW ? few : PyMem_Malloc((size_t)n * sizeof(PyObject *)), *result = NULL;
  if (given == NULL) return PyErr_NoMemory();
  for (Py_ssize_t i = 0; i < n; ++i) given[i] = PyTuple_GetItem(args, i);
  if (kwargs == NULL) {
    result = function_vectorcall(self, given, (size_t)n, NULL);
  } else {
    PyObject *all = tuple_of(self, given, n);
    hold(self);
    change_holds(given, n, hold);
    if (all) result = PyObject_Call(python.call, all, kwargs);
    change_holds(given, n, end_hold);
    end_function(self);
    Py_XDECREF(all);
  }
  if (given != few) PyMem_Free(given);
  return result;
}

/* The call, if every argument can go as it is; else NotImplemented, and nothing has been called. */
static PyObject *function_in_place(PyObject *self, PyObject *const *args, Py_ssize_t n) {
  PyObject *result = call_in_c(self, args, n, 0);
  return result || PyErr_Occurred() ? result : call_held(python.in_place, self, args, n, NULL);
}

/* As a call, but the result is the handle itself, for an object that would arrive as something else. */
static PyObject *function_for_handle(PyObject *self, PyObject *const *args, Py_ssize_t n) {
  int64_t bits;
  int code = invoke(self, args, n, &bits, 1, NULL);
  if (code == RAISED) return NULL;
  return code < 0 ? call_held(python.for_handle, self, args, n, NULL) : PyLong_FromLongLong(bits);
}

/* A new object of this class, which takes over the reference to the function; name and keep may be NULL. */
Function *wrap_function(PyTypeObject *type, int64_t handle, PyObject *name, PyObject *keep) {
  Function *made = (Function *)wrap(type, handle, kTVMPackedFuncHandle);
  if (made == NULL) return NULL;
  Py_XINCREF(name);
  Py_XINCREF(keep);
  made->vectorcall = function_vectorcall;
  made->name = name;
  made->keep = keep;
  return made;
}

static PyObject *function_from_handle(PyObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"handle", "owner", "name", "keep", "direct", "tensors", NULL};
  unsigned long long handle, tensors = 0;
  int direct = 0;
  PyObject *owner = NULL, *name = NULL, *keep = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "K|OOOpK", names, &handle, &owner, &name, &keep, &direct, &tensors))
    return NULL;
  Function *made = wrap_function((PyTypeObject *)type, 0, name, keep);
  if (made == NULL) return NULL;
  Py_XINCREF(owner);
  made->base.handle = handle;
  made->base.owner = owner;
  made->direct = direct;
  made->tensors = tensors;
  return (PyObject *)made;
}

/* The same function as another object, which may be closed by itself. */
static PyObject *function_again(PyObject *self, PyObject *unused) {
  Function *of = (Function *)self;
  (void)unused;
  Function *made = wrap_function(Py_TYPE(self), 0, of->name, of->keep);
  if (made == NULL) return NULL;
  Py_INCREF(self);
  made->base.handle = of->base.handle;
  made->base.owner = self;
  made->direct = of->direct;
  made->tensors = of->tensors;
  return (PyObject *)made;
}

static PyObject *function_name(PyObject *self, void *unused) {
  PyObject *name = ((Function *)self)->name;
  (void)unused;
  if (name == NULL) return PyUnicode_FromString("");
  Py_INCREF(name);
  return name;
}

static PyObject *function_close(PyObject *self, PyObject *unused) {
  (void)unused;
  let_go((Handle *)self);
  if (!((Handle *)self)->users) Py_CLEAR(((Function *)self)->keep);
  Py_RETURN_NONE;
}

static int function_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((Function *)self)->name);
  Py_VISIT(((Function *)self)->keep);
  return handle_traverse(self, visit, arg);
}

static int function_clear(PyObject *self) {
  Py_CLEAR(((Function *)self)->keep);
  return 0;
}

static void function_dealloc(PyObject *self) {
  PyObject_GC_UnTrack(self);
  Py_CLEAR(((Function *)self)->name);
  Py_CLEAR(((Function *)self)->keep);
  handle_dealloc(self);
}

static PyMethodDef methods[] = {
    {"_from_handle", (PyCFunction)(void (*)(void))function_from_handle, METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "Wraps a handle. With no owner the wrapper takes over the caller's reference."},
    {"close", function_close, METH_NOARGS, "Lets go of the function, and of what it kept. Twice does no harm."},
    {"_again", function_again, METH_NOARGS, "The same function as another object, which may be closed by itself."},
    {"call_for_handle", (PyCFunction)(void (*)(void))function_for_handle, METH_FASTCALL,
     "As a call, but the result is the handle itself, for an object that would arrive as something else."},
    {"_in_place", (PyCFunction)(void (*)(void))function_in_place, METH_FASTCALL,
     "The call, if every argument can go as it is; else NotImplemented, and nothing has been called."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"_name", function_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"_keep", T_OBJECT, offsetof(Function, keep), 0, NULL},
    {"_tensors", T_ULONGLONG, offsetof(Function, tensors), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Function, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A packed function: calling it is calling TVM."},
    {Py_tp_call, function_call},
    {Py_tp_dealloc, function_dealloc},
    {Py_tp_traverse, function_traverse},
    {Py_tp_clear, function_clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_members, members},
    {0, NULL},
};

enum { FLAGS = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL };
static PyType_Spec spec = {"tvmbind._core._fast.Function", sizeof(Function), 0, FLAGS, slots};

/* vectorcalled(class): a subclass that is called as quickly. One that Python makes is, from CPython 3.12 on. */
PyObject *vectorcalled(PyObject *module, PyObject *type) {
  PyObject *doc = PyObject_GetAttrString(type, "__doc__"), *home = PyObject_GetAttrString(type, "__module__");
  PyObject *own = PyObject_GetAttrString(type, "__name__"), *name = NULL, *made = NULL;
  const char *text = doc ? PyUnicode_AsUTF8AndSize(doc, NULL) : NULL, *title = NULL;
  (void)module;
  if (text && home && own && (name = PyUnicode_FromFormat("%U.%U", home, own)) != NULL)
    title = PyUnicode_AsUTF8AndSize(name, NULL);
  PyObject *bases = title ? PyTuple_Pack(1, type) : NULL;
  if (bases) {
    PyType_Slot same[] = {{Py_tp_doc, (void *)text},          {Py_tp_dealloc, function_dealloc},
                          {Py_tp_traverse, function_traverse}, {Py_tp_clear, function_clear},
                          {Py_tp_call, function_call},         {Py_tp_members, &members[2]},
                          {0, NULL}};
    PyType_Spec of_class = {strdup(title), sizeof(Function), 0, FLAGS, same}; /* CPython keeps the name's text */
    made = PyType_FromSpecWithBases(&of_class, bases);
  }
  Py_XDECREF(doc);
  Py_XDECREF(home);
  Py_XDECREF(own);
  Py_XDECREF(name);
  Py_XDECREF(bases);
  return made;
}

int make_function_type(PyObject *module) {
  function_type = make_type(module, &spec, handle_type, "Function");
  return function_type ? 0 : -1;
}
