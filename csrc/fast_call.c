/* Function: what is called here is TVM. As Function in _core/pure.py. */
#include "fast.h"

#include <stddef.h>

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

/* What C cannot pack, and errors of arguments. */
static PyObject *call_in_python(PyObject *self, PyObject *args, PyObject *kwargs) {
  Py_ssize_t n = PyTuple_Size(args);
  PyObject *all = PyTuple_New(n + 1), *result;
  if (all == NULL) return NULL;
  Py_INCREF(self);
  PyTuple_SetItem(all, 0, self);
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject *arg = PyTuple_GetItem(args, i);
    Py_INCREF(arg);
    PyTuple_SetItem(all, i + 1, arg);
  }
  result = PyObject_Call(python.call, all, kwargs);
  Py_DECREF(all);
  return result;
}

static void release(PyObject *args, Room *rooms, Py_ssize_t n) {
  for (Py_ssize_t i = 0; i < n; ++i) release_room(PyTuple_GetItem(args, i), &rooms[i]);
}

/* Calls with these arguments if they all can go as they are; *done says whether. */
static PyObject *call_in_c(PyObject *self, PyObject *args, int *done) {
  TVMValue values[FEW];
  int codes[FEW];
  Room rooms[FEW];
  int64_t bits;
  uintptr_t handle = (uintptr_t)((Handle *)self)->handle;
  Py_ssize_t n = PyTuple_Size(args);
  *done = 0;
  if (n > FEW || !handle || (forked && PyThread_get_thread_ident() == stale_thread)) return NULL;
  for (Py_ssize_t i = 0; i < n; ++i)
    if (pack(PyTuple_GetItem(args, i), &values[i], &codes[i], &rooms[i])) {
      release(args, rooms, i);
      return NULL;
    }
  int code;
  if (((Function *)self)->direct) {
    lock_is_held = 1;
    code = tvm->call(handle, values, codes, (int)n, &bits);
    lock_is_held = 0;
  } else {
    PyThreadState *state = PyEval_SaveThread();
    code = tvm->call(handle, values, codes, (int)n, &bits);
    PyEval_RestoreThread(state);
  }
  PyObject *result = code < 0 ? raise_code(code, self, args) : to_python(code, bits);
  release(args, rooms, n);
  *done = 1;
  return result;
}

static PyObject *function_call(PyObject *self, PyObject *args, PyObject *kwargs) {
  int done = 0;
  PyObject *result = kwargs ? NULL : call_in_c(self, args, &done);
  return done ? result : call_in_python(self, args, kwargs);
}

/* The call, if every argument can go as it is; else NotImplemented, and nothing has been called. */
static PyObject *function_in_place(PyObject *self, PyObject *args) {
  int done;
  PyObject *result = call_in_c(self, args, &done);
  if (done) return result;
  Py_INCREF(Py_NotImplemented);
  return Py_NotImplemented;
}

static PyObject *function_from_handle(PyObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"handle", "owner", "name", "keep", "direct", NULL};
  unsigned long long handle;
  int direct = 0;
  PyObject *owner = NULL, *name = NULL, *keep = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "K|OOOp", names, &handle, &owner, &name, &keep, &direct)) return NULL;
  PyObject *made = PyType_GenericAlloc((PyTypeObject *)type, 0);
  if (made == NULL) return NULL;
  Py_XINCREF(owner);
  Py_XINCREF(name);
  Py_XINCREF(keep);
  ((Handle *)made)->handle = handle;
  ((Handle *)made)->owner = owner;
  ((Function *)made)->name = name;
  ((Function *)made)->keep = keep;
  ((Function *)made)->direct = direct;
  return made;
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
  Py_CLEAR(((Function *)self)->keep);
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
    {"_in_place", function_in_place, METH_VARARGS,
     "The call, if every argument can go as it is; else NotImplemented, and nothing has been called."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"_name", function_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"_keep", T_OBJECT, offsetof(Function, keep), 0, NULL},
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

static PyType_Spec spec = {"tvmbind._core._fast.Function", sizeof(Function), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

int make_function_type(PyObject *module) {
  function_type = make_type(module, &spec, handle_type, "Function");
  return function_type ? 0 : -1;
}
