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

/* quicken(function, signature): a built-in function that does what the Python function does. */
PyObject *quicken(PyObject *module, PyObject *args) {
  static const struct {
    const char *name;
    PyObject *(*function)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
  } known[] = {{"get_global_func", get_global_func}, {"from_dlpack", array_of}, {"asarray", array_of}, {"convert", convert}};
  PyObject *function, *name = NULL, *doc = NULL, *made = NULL, *home = NULL;
  const char *signature, *title = NULL, *text = NULL;
  (void)module;
  if (!PyArg_ParseTuple(args, "Os", &function, &signature)) return NULL;
  if ((name = PyObject_GetAttrString(function, "__name__")) != NULL) title = PyUnicode_AsUTF8AndSize(name, NULL);
  if (title && (doc = PyObject_GetAttrString(function, "__doc__")) != NULL)
    text = PyUnicode_Check(doc) ? PyUnicode_AsUTF8AndSize(doc, NULL) : "";
  if (text && (home = PyObject_GetAttrString(function, "__module__")) != NULL) {
    /* A method definition lives as long as the process does. */
    PyMethodDef *definition = calloc(1, sizeof(PyMethodDef));
    size_t size = strlen(title) + strlen(signature) + strlen(text) + 8;
    char *name_copy = malloc(strlen(title) + 1), *doc_copy = malloc(size);
    if (definition && name_copy && doc_copy) {
      strcpy(name_copy, title);
      snprintf(doc_copy, size, "%s%s\n--\n\n%s", title, signature, text);
      definition->ml_name = name_copy;
      definition->ml_doc = doc_copy;
      definition->ml_flags = METH_FASTCALL | METH_KEYWORDS;
      for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); ++i)
        if (strcmp(known[i].name, title) == 0) definition->ml_meth = (PyCFunction)(void (*)(void))known[i].function;
      if (definition->ml_meth)
        made = PyCFunction_NewEx(definition, function, home);
      else
        PyErr_Format(PyExc_ValueError, "there is no quick %s", title);
    } else {
      PyErr_NoMemory();
    }
  }
  Py_XDECREF(name);
  Py_XDECREF(doc);
  Py_XDECREF(home);
  return made;
}
