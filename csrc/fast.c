/* The module tvmbind._core._fast: what Python calls to set it up, and a few short cuts. Interface: _fast.pyi. */
#include "fast.h"

const tvmb_functions *tvm;
python_functions python;

/* setup(address, functions): the table of tvmbind._tvm, and what does the rest, by name. */
static PyObject *setup(PyObject *module, PyObject *args) {
  unsigned long long address;
  PyObject *given;
  const struct {
    const char *name;
    PyObject **place;
  } wanted[] = {
      {"call", &python.call}, {"in_place", &python.in_place}, {"decode", &python.decode}, {"give", &python.give},
      {"end_borrowing", &python.end_borrowing}, {"raise_error", &python.raise_error}, {"park", &python.park},
      {"find", &python.find}, {"bool_code", &python.bool_code}, {"numbers", &python.numbers},
      {"waiting", &python.waiting}, {"parked", &python.parked}, {"numpy_type", &python.numpy_type},
      {"for_handle", &python.for_handle},
  };
  (void)module;
  if (!PyArg_ParseTuple(args, "KO!", &address, &PyDict_Type, &given)) return NULL;
  for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); ++i) {
    PyObject *function = PyDict_GetItemString(given, wanted[i].name);
    if (function == NULL) return PyErr_Format(PyExc_KeyError, "%s", wanted[i].name);
    Py_INCREF(function);
    *wanted[i].place = function;
  }
  tvm = (const tvmb_functions *)(uintptr_t)address;
  Py_RETURN_NONE;
}

static PyObject *module_register_type(PyObject *module, PyObject *args) {
  PyObject *type;
  int code;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!i", &PyType_Type, &type, &code)) return NULL;
  if (!PyType_IsSubtype((PyTypeObject *)type, (PyTypeObject *)handle_type))
    return PyErr_Format(PyExc_TypeError, "%R is no class of handles", type);
  if (register_type(type, code)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *module_register_class(PyObject *module, PyObject *args) {
  PyObject *type;
  int code;
  (void)module;
  if (!PyArg_ParseTuple(args, "iO!", &code, &PyType_Type, &type) || register_class(code, type)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *module_register_device(PyObject *module, PyObject *type) {
  (void)module;
  register_device(type);
  Py_RETURN_NONE;
}

static PyObject *module_after_fork(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  after_fork();
  Py_RETURN_NONE;
}

static PyObject *module_make_function(PyObject *module, PyObject *args) {
  PyObject *func, *name = Py_None;
  (void)module;
  if (!PyArg_ParseTuple(args, "O|O", &func, &name)) return NULL;
  return make_function(func, name);
}

/* find_global(class, name). */
static PyObject *find_global(PyObject *module, PyObject *args) {
  PyObject *type, *name;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &type, &name)) return NULL;
  return find_global_of((PyTypeObject *)type, name);
}

static PyMethodDef methods[] = {
    {"setup", setup, METH_VARARGS, NULL},
    {"register_type", module_register_type, METH_VARARGS, NULL},
    {"register_class", module_register_class, METH_VARARGS, NULL},
    {"register_object", register_object, METH_VARARGS, NULL},
    {"register_device", module_register_device, METH_O, NULL},
    {"after_fork", module_after_fork, METH_NOARGS, NULL},
    {"make_function", module_make_function, METH_VARARGS, NULL},
    {"find_global", find_global, METH_VARARGS, NULL},
    {"set_registry", set_registry, METH_O, NULL},
    {"set_list_maker", set_list_maker, METH_VARARGS, NULL},
    {"make_array", make_array, METH_O, NULL},
    {"make_shape", (PyCFunction)(void (*)(void))make_shape, METH_FASTCALL, NULL},
    {"register_callables", register_callables, METH_O, NULL},
    {"quicken", quicken, METH_VARARGS, NULL},
    {"quicken_method", quicken_method, METH_VARARGS, NULL},
    {"note_dtype", note_dtype, METH_VARARGS, NULL},
    {"compare", (PyCFunction)(void (*)(void))compare, METH_FASTCALL, NULL},
    {"rebind", (PyCFunction)(void (*)(void))rebind, METH_FASTCALL, NULL},
    {"copy_array", (PyCFunction)(void (*)(void))copy_array, METH_FASTCALL, NULL},
    {"vectorcalled", vectorcalled, METH_O, NULL},
    {"lend", lend, METH_O, NULL},
    {"alloc_array", alloc_array, METH_VARARGS, NULL},
    {"register_ndarray", register_ndarray, METH_VARARGS, NULL},
    {"adopt", adopt, METH_VARARGS, NULL},
    {"export_capsule", export_capsule, METH_VARARGS, NULL},
    {"adopt_capsule", adopt_capsule, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_fast", "Calls and callbacks in C.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__fast(void) {
  PyObject *module = PyModule_Create(&definition);
  if (module == NULL) return NULL;
  if (make_handle_types(module) || make_function_type(module) || make_closure_type(module) || make_lease_type(module))
    Py_CLEAR(module);
  return module;
}
