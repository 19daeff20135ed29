/* Functions of tvmbind's that are called so often that Python's own call costs too much: the usual case in C, the rest
 * by the Python function of the same name, which has the documentation. */
#include "fast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PyObject *registry; /* name to Registration, of Python's global functions */

/* A global function as an object of this class; None if there is none, the name is none, or there is no runtime yet.
 * Python's lock is kept: a look-up takes less time than letting it go, and waits for nobody who wants it. */
PyObject *find_global_of(PyTypeObject *type, PyObject *name) {
  Py_ssize_t size;
  if (!PyUnicode_Check(name)) Py_RETURN_NONE;
  const char *text = PyUnicode_AsUTF8AndSize(name, &size);
  if (text == NULL) return NULL;
  if (size == 0 || strlen(text) != (size_t)size) Py_RETURN_NONE;
  int64_t handle = tvm->get_global(text);
  if (handle == 0 || handle == TVMB_MISSING) Py_RETURN_NONE;
  if (handle < 0) return raise_code((int)handle, Py_None, Py_None);
  return (PyObject *)wrap_function(type, handle, name, registry ? PyDict_GetItem(registry, name) : NULL);
}

PyObject *set_registry(PyObject *module, PyObject *given) {
  (void)module;
  if (!PyDict_Check(given)) return PyErr_Format(PyExc_TypeError, "the registry is a dict");
  Py_INCREF(given);
  registry = given;
  Py_RETURN_NONE;
}

/* -------------------------------------------------------------------------------------------------- the functions */

static PyObject *get_global_func(PyObject *function, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  PyTypeObject *type = class_of(kTVMPackedFuncHandle);
  if (n == 1 && names == NULL && type) {
    PyObject *found = find_global_of(type, args[0]);
    if (found != Py_None) return found;
    Py_DECREF(found);
  }
  return call_python(function, NULL, args, n, names);
}

static PyObject *array_of(PyObject *function, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  PyTypeObject *type = class_of(kTVMNDArrayHandle);
  if (n == 1 && names == NULL && type && is_ndarray(args[0])) {
    PyObject *made = adopt_ndarray(type, args[0]);
    if (made != Py_NotImplemented) return made;
    Py_DECREF(made);
  }
  return call_python(function, NULL, args, n, names);
}

static PyObject *convert(PyObject *function, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  PyTypeObject *type = class_of(kTVMPackedFuncHandle);
  int64_t handle = n == 1 && names == NULL && type && is_callable(Py_TYPE(args[0])) ? function_of(args[0]) : 0;
  if (handle == 0) return call_python(function, NULL, args, n, names);
  PyObject *name = PyObject_GetAttrString(args[0], "__qualname__");
  if (name == NULL) PyErr_Clear();
  Function *made = wrap_function(type, handle, name, NULL);
  if (made) made->direct = 1;
  Py_XDECREF(name);
  return (PyObject *)made;
}

/* ------------------------------------------------------------------------------------------------------- arrays */

static PyObject *dtypes; /* name to (code, bits, lanes), of element types that were used once */

/* note_dtype(name, code, bits, lanes) */
PyObject *note_dtype(PyObject *module, PyObject *args) {
  PyObject *name;
  int code, bits, lanes;
  (void)module;
  if (!PyArg_ParseTuple(args, "Uiii", &name, &code, &bits, &lanes)) return NULL;
  if (dtypes == NULL && (dtypes = PyDict_New()) == NULL) return NULL;
  PyObject *number = PyLong_FromLong(code | bits << 8 | (long)lanes << 16);
  int rc = number ? PyDict_SetItem(dtypes, name, number) : -1;
  Py_XDECREF(number);
  if (rc) return NULL;
  Py_RETURN_NONE;
}

static PyObject *new_array(PyTypeObject *type, const int64_t *extents, int ndim, DLDataType dtype, DLDevice device) {
  PyThreadState *state = PyEval_SaveThread();
  int64_t handle = tvm->array_alloc(extents, ndim, dtype.code, dtype.bits, dtype.lanes, device.device_type,
                                    device.device_id);
  PyEval_RestoreThread(state);
  return handle < 0 ? raise_code((int)handle, Py_None, Py_None) : wrap(type, handle, kTVMNDArrayHandle);
}

/* alloc_array(class, shape, code, bits, lanes, device_type, device_id). */
PyObject *alloc_array(PyObject *module, PyObject *args) {
  PyObject *type, *shape, *made = NULL;
  int code, bits, lanes, device, index;
  int64_t few[FEW], *extents = few;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO!iiiii", &type, &PyTuple_Type, &shape, &code, &bits, &lanes, &device, &index))
    return NULL;
  Py_ssize_t ndim = PyTuple_Size(shape);
  if (ndim > FEW && (extents = PyMem_Malloc((size_t)ndim * sizeof(int64_t))) == NULL) return PyErr_NoMemory();
  for (Py_ssize_t i = 0; i < ndim; ++i) extents[i] = PyLong_AsLongLong(PyTuple_GetItem(shape, i));
  DLDataType dtype = {(uint8_t)code, (uint8_t)bits, (uint16_t)lanes};
  if (!PyErr_Occurred())
    made = new_array((PyTypeObject *)type, extents, (int)ndim, dtype, (DLDevice){device, index});
  if (extents != few) PyMem_Free(extents);
  return made;
}

/* empty(shape, dtype) of a plain tuple of less than 2**31 elements, of a type that was used before. */
static PyObject *empty(PyObject *function, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  PyTypeObject *type = class_of(kTVMNDArrayHandle);
  PyObject *number = NULL;
  int64_t extents[FEW], size = 1;
  if (type && dtypes && names == NULL && (n == 1 || n == 2) && Py_TYPE(args[0]) == &PyTuple_Type) {
    if (n == 1)
      number = PyDict_GetItemString(dtypes, "float32");
    else if (PyUnicode_Check(args[1]))
      number = PyDict_GetItem(dtypes, args[1]);
  }
  Py_ssize_t ndim = number ? PyTuple_Size(args[0]) : FEW + 1;
  for (Py_ssize_t i = 0; i < ndim && ndim <= FEW; ++i) {
    PyObject *extent = PyTuple_GetItem(args[0], i);
    int overflow = 1;
    if (PyLong_Check(extent)) extents[i] = PyLong_AsLongLongAndOverflow(extent, &overflow);
    if (overflow || extents[i] < 0 || extents[i] >= INT32_MAX || (size *= extents[i]) >= INT32_MAX) ndim = FEW + 1;
  }
  if (ndim > FEW) return call_python(function, NULL, args, n, names);
  long dtype = PyLong_AsLong(number);
  return new_array(type, extents, (int)ndim,
                   (DLDataType){(uint8_t)(dtype & 0xFF), (uint8_t)(dtype >> 8 & 0xFF), (uint16_t)(dtype >> 16)},
                   (DLDevice){1, 0});
}

/* ------------------------------------------------------------------------------------------------------- methods */

enum { NUMPY, COPY, DLPACK, DLPACK_DEVICE, RUN, METHODS };
static PyObject *in_python[METHODS]; /* the Python functions */

static int is_plain(PyObject *array) {
  return Py_TYPE(array) == class_of(kTVMNDArrayHandle) && ((Handle *)array)->handle;
}

static PyObject *array_numpy(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  PyObject *view = is_plain(self) && n == 0 && names == NULL ? ((ArrayHandle *)self)->memory : NULL;
  if (view == NULL || view == Py_None) return call_python(in_python[NUMPY], self, args, n, names);
  Py_INCREF(view); /* making another may run anything */
  PyObject *made = PyObject_GetItem(view, Py_Ellipsis);
  Py_DECREF(view);
  return made;
}

static PyObject *array_copy(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  const DLTensor *from = is_plain(self) ? (const DLTensor *)(uintptr_t)((Handle *)self)->handle : NULL;
  if (n || names || !from || from->device.device_type != 1 || from->ndim > FEW || !tvm->contiguous(from))
    return call_python(in_python[COPY], self, args, n, names);
  PyObject *keep = leased(self, NULL); /* another thread may close the array meanwhile */
  PyObject *made = keep ? new_array(Py_TYPE(self), from->shape, from->ndim, from->dtype, from->device) : NULL;
  if (made) {
    PyThreadState *state = PyEval_SaveThread();
    int rc = tvm->copy_array((DLTensor *)from, (DLTensor *)(uintptr_t)((Handle *)made)->handle, NULL);
    PyEval_RestoreThread(state);
    if (rc) {
      raise_code(rc, Py_None, Py_None);
      Py_CLEAR(made);
    }
  }
  Py_XDECREF(keep);
  return made;
}

/* Whether what is asked for is a capsule of this very memory; *versioned: of which kind. */
static int is_usual(PyObject *const *args, PyObject *names, int *versioned) {
  *versioned = 0;
  for (Py_ssize_t i = 0; names && i < PyTuple_Size(names); ++i) {
    PyObject *name = PyTuple_GetItem(names, i), *value = args[i];
    if (value == Py_None) continue;
    if (Py_TYPE(value) == &PyTuple_Type && PyTuple_Size(value) == 2) {
      long first = PyLong_AsLong(PyTuple_GetItem(value, 0)), second = PyLong_AsLong(PyTuple_GetItem(value, 1));
      if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
      }
      if (PyUnicode_CompareWithASCIIString(name, "max_version") == 0) {
        *versioned = first >= 1;
        continue;
      }
      if (PyUnicode_CompareWithASCIIString(name, "dl_device") == 0 && first == 1 && second == 0) continue;
    }
    if (value == Py_False && PyUnicode_CompareWithASCIIString(name, "copy") == 0) continue;
    return 0;
  }
  return 1;
}

static PyObject *array_dlpack(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  int versioned;
  if (is_plain(self) && n == 0 && is_usual(args, names, &versioned)) {
    PyObject *capsule = plain_capsule(self, versioned);
    if (capsule || PyErr_Occurred()) return capsule;
  }
  return call_python(in_python[DLPACK], self, args, n, names);
}

static PyObject *array_dlpack_device(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  static PyObject *host;
  const DLTensor *tensor = is_plain(self) ? (const DLTensor *)(uintptr_t)((Handle *)self)->handle : NULL;
  if (tensor == NULL || tensor->device.device_type != 1 || tensor->device.device_id || n || names)
    return call_python(in_python[DLPACK_DEVICE], self, args, n, names);
  if (host == NULL && (host = Py_BuildValue("(ii)", 1, 0)) == NULL) return NULL;
  Py_INCREF(host);
  return host;
}

/* run() of an executor: its function, if nothing is to be set before or copied after. */
static PyObject *executor_run(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  static PyObject *run_name, *copies_name;
  if (run_name == NULL) run_name = PyUnicode_InternFromString("_run");
  if (copies_name == NULL) copies_name = PyUnicode_InternFromString("_copies");
  if (run_name && copies_name && n == 0 && names == NULL) {
    PyObject *result = NULL, *copies = PyObject_GetAttr(self, copies_name);
    PyObject *run = copies ? PyObject_GetAttr(self, run_name) : NULL;
    if (run && PyDict_Check(copies) && PyDict_Size(copies) == 0 &&
        PyObject_TypeCheck(run, (PyTypeObject *)function_type))
      result = call_without_arguments(run);
    Py_XDECREF(copies);
    Py_XDECREF(run);
    if (result || PyErr_Occurred()) return result;
  }
  return call_python(in_python[RUN], self, args, n, names);
}

/* -------------------------------------------------------------------------------------------- in Python's place */

typedef PyObject *(*Quick)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

/* A definition with the name and the documentation of a Python function; it lives as long as the process does. */
static PyMethodDef *definition_of(PyObject *function, const char *signature, Quick quick) {
  PyObject *name = PyObject_GetAttrString(function, "__name__"), *doc = PyObject_GetAttrString(function, "__doc__");
  const char *title = name ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL, *text = NULL;
  PyMethodDef *definition = NULL;
  if (title && doc) text = PyUnicode_Check(doc) ? PyUnicode_AsUTF8AndSize(doc, NULL) : "";
  if (text) {
    size_t size = strlen(title) + strlen(signature) + strlen(text) + 8;
    char *title_copy = malloc(strlen(title) + 1), *text_copy = malloc(size);
    definition = calloc(1, sizeof(PyMethodDef));
    if (definition && title_copy && text_copy) {
      strcpy(title_copy, title);
      snprintf(text_copy, size, "%s%s\n--\n\n%s", title, signature, text);
      definition->ml_name = title_copy;
      definition->ml_doc = text_copy;
      definition->ml_flags = METH_FASTCALL | METH_KEYWORDS;
      definition->ml_meth = (PyCFunction)(void (*)(void))quick;
    } else {
      definition = NULL;
      PyErr_NoMemory();
    }
  }
  Py_XDECREF(name);
  Py_XDECREF(doc);
  return definition;
}

/* quicken(function, signature): a built-in function that does what the Python function does. */
PyObject *quicken(PyObject *module, PyObject *args) {
  static const struct {
    const char *name;
    Quick function;
  } known[] = {{"get_global_func", get_global_func}, {"from_dlpack", array_of}, {"asarray", array_of},
               {"convert", convert},                 {"empty", empty}};
  PyObject *function, *made = NULL;
  const char *signature;
  (void)module;
  if (!PyArg_ParseTuple(args, "Os", &function, &signature)) return NULL;
  PyObject *name = PyObject_GetAttrString(function, "__name__"), *home = PyObject_GetAttrString(function, "__module__");
  for (size_t i = 0; name && home && i < sizeof(known) / sizeof(known[0]); ++i)
    if (PyUnicode_CompareWithASCIIString(name, known[i].name) == 0) {
      PyMethodDef *definition = definition_of(function, signature, known[i].function);
      if (definition) made = PyCFunction_NewEx(definition, function, home);
    }
  if (made == NULL && !PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "there is no quick %S", name);
  Py_XDECREF(name);
  Py_XDECREF(home);
  return made;
}

/* quicken_method(class, name, signature): puts a built-in method in place of a Python function. */
PyObject *quicken_method(PyObject *module, PyObject *args) {
  static const struct {
    const char *name;
    Quick function;
  } known[METHODS] = {{"numpy", array_numpy},
                      {"copy", array_copy},
                      {"__dlpack__", array_dlpack},
                      {"__dlpack_device__", array_dlpack_device},
                      {"run", executor_run}};
  PyObject *type;
  const char *name, *signature;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!ss", &PyType_Type, &type, &name, &signature)) return NULL;
  for (int i = 0; i < METHODS; ++i) {
    if (strcmp(known[i].name, name) != 0) continue;
    PyObject *function = PyObject_GetAttrString(type, name);
    PyMethodDef *definition = function ? definition_of(function, signature, known[i].function) : NULL;
    PyObject *method = definition ? PyDescr_NewMethod((PyTypeObject *)type, definition) : NULL;
    in_python[i] = function;
    int rc = method ? PyObject_SetAttrString(type, name, method) : -1;
    Py_XDECREF(method);
    if (rc) return NULL;
    Py_RETURN_NONE;
  }
  return PyErr_Format(PyExc_ValueError, "there is no quick method %s", name);
}
