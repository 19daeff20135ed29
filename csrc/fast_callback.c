/* TVM calls Python. A closure of TVM's holds a Closure, which holds the callable. As _core/callback.py. */
#include "fast.h"

#include <stdio.h>

PyObject *closure_type;
static int runtime_is_known; /* from the first function on, which Python made after it had looked for a runtime */

typedef struct {
  PyObject_HEAD
  PyObject *func; /* NULL: removed from the registry, or replaced */
  PyObject *name; /* of a global function, else None */
} Closure;

/* ------------------------------------------------------------------------------------------------------- errors */

/* Takes the error that is set, as one object with its traceback. */
static PyObject *take_error(void) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
}

/* Where Python has no stack or memory left to write the text: runs no Python code. */
static void park_without_text(PyObject *error) {
  char text[96];
  PyObject *number = PyIter_Next(python.numbers);
  PyObject *entry = NULL;
  if (number) /* as the class does in Python */
    entry = PyObject_CallMethod((PyObject *)&PyTuple_Type, "__new__", "O(Oks)", python.parked, error,
                                PyThread_get_thread_ident(), "");
  if (entry) PyObject_SetItem(python.waiting, number, entry);
  PyErr_Clear();
  snprintf(text, sizeof(text), "RuntimeError: in Python [Python exception #%ld]", number ? PyLong_AsLong(number) : 0L);
  Py_XDECREF(entry);
  Py_XDECREF(number);
  tvm->set_error(text);
}

/* Keeps the error until its text comes by; lets go of it here. */
static void park(PyObject *error) {
  PyObject *text = PyObject_CallFunctionObjArgs(python.park, error, NULL);
  char *chars = text ? PyBytes_AsString(text) : NULL;
  if (chars)
    tvm->set_error(chars);
  else {
    PyErr_Clear();
    park_without_text(error);
  }
  Py_XDECREF(text);
  Py_DECREF(error);
  tvm->note_raised();
}

/* ---------------------------------------------------------------------------------------------------- arguments */

static PyObject *argument(TVMValue value, int code, PyObject **borrowed) {
  int rc = tvm->own(&value, &code);
  if (rc) return raise_code(rc, Py_None, Py_None);
  PyObject *made = to_python(code, value.v_int64);
  if (code != kTVMDLTensorHandle || made == NULL) return made;
  if (*borrowed == NULL) *borrowed = PyList_New(0);
  if (*borrowed == NULL || PyList_Append(*borrowed, made)) Py_CLEAR(made);
  return made;
}

static PyObject *arguments(TVMValue *values, int *codes, int n, PyObject **borrowed) {
  PyObject *args = PyTuple_New(n);
  for (int i = 0; args && i < n; ++i) {
    PyObject *made = argument(values[i], codes[i], borrowed);
    if (made)
      PyTuple_SetItem(args, i, made);
    else
      Py_CLEAR(args);
  }
  return args;
}

/* ------------------------------------------------------------------------------------------------------- result */

static int give_in_python(PyObject *value, TVMRetValueHandle ret) {
  PyObject *done = PyObject_CallFunction(python.give, "KO", (unsigned long long)(uintptr_t)ret, value);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

static int give(PyObject *value, TVMRetValueHandle ret) {
  TVMValue slot;
  Room room;
  int code;
  if (value == Py_None) return 0;
  int held = is_ndarray(value) ? -1 : pack(value, &slot, &code, &room);
  if (held < 0 || code == kTVMDLTensorHandle) return give_in_python(value, ret);
  int rc = tvm->set_return(ret, &slot, &code, 1);
  if (held) release_room(value, &room);
  if (rc) raise_code(rc, Py_None, Py_None);
  return rc;
}

/* Tensors that are kept are copied now, for their memory is the caller's. If it fails the list has what is not done. */
static int end_borrowing(PyObject *borrowed, PyObject *error) {
  PyObject *done = PyObject_CallFunctionObjArgs(python.end_borrowing, borrowed, error, NULL);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

/* --------------------------------------------------------------------------------------------------------- call */

static PyObject *callable_of(Closure *self) {
  if (self->func == NULL) return PyObject_CallFunctionObjArgs(python.find, self->name, NULL);
  Py_INCREF(self->func);
  return self->func;
}

static int run(Closure *self, TVMValue *values, int *codes, int n, TVMRetValueHandle ret) {
  PyObject *borrowed = NULL, *args = NULL, *value = NULL, *func = callable_of(self), *error = NULL;
  int rc = -1;
  if (func && (n == 0 || (args = arguments(values, codes, n, &borrowed)) != NULL))
    value = PyObject_CallObject(func, args);
  Py_XDECREF(args);
  if (value) rc = give(value, ret);
  Py_XDECREF(value);
  if (borrowed && rc == 0) rc = end_borrowing(borrowed, Py_None);
  if (rc) error = take_error();
  if (borrowed && rc && end_borrowing(borrowed, error)) {
    Py_XDECREF(error);
    error = take_error();
  }
  Py_XDECREF(borrowed);
  Py_XDECREF(func);
  if (error) park(error);
  return rc ? -1 : 0;
}

static int on_call(TVMValue *values, int *codes, int n, TVMRetValueHandle ret, void *resource) {
  if (tvm->is_closing()) {
    tvm->set_error("RuntimeError: the Python interpreter is shutting down");
    return -1;
  }
  if (lock_is_held) {
    lock_is_held = 0; /* what the callable calls is another call */
    return run(resource, values, codes, n, ret);
  }
  PyGILState_STATE state = PyGILState_Ensure();
  int rc = run(resource, values, codes, n, ret);
  PyGILState_Release(state);
  return rc;
}

static void on_finalize(void *resource) {
  PyObject *type, *value, *traceback;
  if (tvm->is_closing()) return;
  PyGILState_STATE state = PyGILState_Ensure();
  PyErr_Fetch(&type, &value, &traceback);
  Py_DECREF((PyObject *)resource);
  PyErr_Restore(type, value, traceback);
  PyGILState_Release(state);
}

/* A packed function of a callable: its handle; NULL with an error set. Of the Closure TVM has a reference, too. */
static TVMFunctionHandle new_function(PyObject *func, PyObject *name, Closure **token) {
  TVMFunctionHandle handle = NULL;
  Closure *closure = PyObject_New(Closure, (PyTypeObject *)closure_type);
  if (closure == NULL) return NULL;
  Py_INCREF(func);
  Py_INCREF(name);
  closure->func = func;
  closure->name = name;
  *token = closure;
  Py_INCREF(closure);
  int rc = tvm->make_function(on_call, closure, on_finalize, &handle);
  if (rc == 0) {
    runtime_is_known = 1;
    return handle;
  }
  Py_DECREF(closure);
  Py_DECREF(closure);
  raise_code(rc, Py_None, Py_None);
  return NULL;
}

/* Its handle, and the Closure. */
PyObject *make_function(PyObject *func, PyObject *name) {
  Closure *closure;
  TVMFunctionHandle handle = new_function(func, name, &closure);
  return handle ? Py_BuildValue("KN", (unsigned long long)(uintptr_t)handle, closure) : NULL;
}

/* The handle of a new function, or 0 with no error set where Python has to make it. */
int64_t function_of(PyObject *func) {
  Closure *closure;
  if (!runtime_is_known) return 0;
  TVMFunctionHandle handle = new_function(func, Py_None, &closure);
  if (handle)
    Py_DECREF(closure);
  else
    PyErr_Clear();
  return (int64_t)(intptr_t)handle;
}

/* --------------------------------------------------------------------------------------------------------- type */

static PyObject *closure_forget(PyObject *self, PyObject *unused) {
  (void)unused;
  Py_CLEAR(((Closure *)self)->func);
  Py_RETURN_NONE;
}

static void closure_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  Py_CLEAR(((Closure *)self)->func);
  Py_CLEAR(((Closure *)self)->name);
  PyObject_Free(self);
  Py_DECREF(type);
}

static PyObject *closure_func(PyObject *self, void *unused) {
  PyObject *func = ((Closure *)self)->func ? ((Closure *)self)->func : Py_None;
  (void)unused;
  Py_INCREF(func);
  return func;
}

static PyGetSetDef properties[] = {
    {"func", closure_func, NULL, "The callable; None if it was let go of.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"forget", closure_forget, METH_NOARGS, "Lets go of the callable."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "What a closure of TVM's knows a callable by."},
    {Py_tp_dealloc, closure_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

static PyType_Spec spec = {"tvmbind._core._fast.Closure", sizeof(Closure), 0, Py_TPFLAGS_DEFAULT, slots};

int make_closure_type(PyObject *module) {
  closure_type = make_type(module, &spec, NULL, "Closure");
  return closure_type ? 0 : -1;
}
