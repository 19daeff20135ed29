/* Function: what is called here is TVM. As Function in _core/pure.py. */
#include "fast.h"

#include <stddef.h>

PyObject *function_type;

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

static PyObject *function_call(PyObject *self, PyObject *args, PyObject *kwargs) {
  TVMValue values[FEW];
  int codes[FEW];
  TVMByteArray bytes[FEW];
  int64_t bits;
  uintptr_t handle = (uintptr_t)((Handle *)self)->handle;
  Py_ssize_t n = PyTuple_Size(args);
  if (n > FEW || kwargs || !handle || (forked && PyThread_get_thread_ident() == stale_thread))
    return call_in_python(self, args, kwargs);
  for (Py_ssize_t i = 0; i < n; ++i)
    if (pack(PyTuple_GetItem(args, i), &values[i], &codes[i], &bytes[i])) return call_in_python(self, args, kwargs);
  PyThreadState *state = PyEval_SaveThread();
  int code = tvm->call(handle, values, codes, (int)n, &bits);
  PyEval_RestoreThread(state);
  return code < 0 ? raise_code(code, self, args) : to_python(code, bits);
}

static PyObject *function_from_handle(PyObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"handle", "owner", "name", "keep", NULL};
  unsigned long long handle;
  PyObject *owner = NULL, *name = NULL, *keep = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "K|OOO", names, &handle, &owner, &name, &keep)) return NULL;
  PyObject *made = PyType_GenericAlloc((PyTypeObject *)type, 0);
  if (made == NULL) return NULL;
  Py_XINCREF(owner);
  Py_XINCREF(name);
  Py_XINCREF(keep);
  ((Handle *)made)->handle = handle;
  ((Handle *)made)->owner = owner;
  ((Function *)made)->name = name;
  ((Function *)made)->keep = keep;
  return made;
}

static PyObject *function_name(PyObject *self, void *unused) {
  PyObject *name = ((Function *)self)->name;
  (void)unused;
  if (name == NULL) return PyUnicode_FromString("");
  Py_INCREF(name);
  return name;
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
