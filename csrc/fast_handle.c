/* Handle and ArrayHandle: a native handle with its owner, as _core/handle.py has it. Nothing is sent here. */
#include "fast.h"

#include <stddef.h>

PyObject *handle_type, *array_type;

/* ------------------------------------------------------------------------------------- classes and their codes */

Known known[KNOWN];

int register_type(PyObject *type, int code) {
  static int count = 0;
  size_t place = place_of((PyTypeObject *)type);
  if (known[place].type == NULL && ++count > KNOWN / 2) {
    PyErr_SetString(PyExc_RuntimeError, "no room for another class of handles");
    return -1;
  }
  Py_INCREF(type);
  known[place].type = (PyTypeObject *)type;
  known[place].code = code;
  return 0;
}

/* As code_of, also of subclasses: what frees a handle does not change below. */
static int inherited_code(PyTypeObject *type) {
  for (; type != NULL && (PyObject *)type != handle_type; type = PyType_GetSlot(type, Py_tp_base)) {
    int code = code_of(type);
    if (code != NO_CODE) return code;
  }
  return NO_CODE;
}

/* -------------------------------------------------------------------------------------------- making, letting go */

/* A new object of this class, which takes over the reference. */
PyObject *wrap(PyTypeObject *type, int64_t handle, int code) {
  PyObject *made = PyType_GenericAlloc(type, 0);
  if (made)
    ((Handle *)made)->handle = (uint64_t)handle;
  else
    tvm->release(handle, code);
  return made;
}

/* Whether freeing takes less time than letting Python's lock go. Whoever deletes what is lent by DLPack may need the
 * lock, and takes it on this thread. */
static int is_small(uint64_t handle, int code) {
  if (code != kTVMNDArrayHandle) return 0; /* nothing else has a tensor to look at */
  const DLTensor *tensor = (const DLTensor *)(uintptr_t)handle;
  int64_t size = tensor->dtype.bits;
  if (tensor->device.device_type != 1) return 0;
  for (int i = 0; i < tensor->ndim && size < 1 << 20; ++i) size *= tensor->shape[i];
  return size < 1 << 20;
}

/* Freeing may run anything: a callable's finalizer, another library's deleter on another thread. */
void release_handle(uint64_t handle, int code) {
  PyObject *type, *value, *traceback;
  if (!handle || tvm->is_closing()) return;
  PyErr_Fetch(&type, &value, &traceback);
  if (is_small(handle, code)) {
    tvm->release((int64_t)handle, code);
  } else {
    PyThreadState *state = PyEval_SaveThread();
    tvm->release((int64_t)handle, code);
    PyEval_RestoreThread(state);
  }
  PyErr_Restore(type, value, traceback);
}

static void release_of(Handle *self, uint64_t handle, PyObject *owner) {
  if (owner == NULL || owner == Py_None) release_handle(handle, inherited_code(Py_TYPE(self)));
  Py_XDECREF(owner);
}

void let_go(Handle *self) {
  uint64_t handle = self->handle;
  PyObject *owner = self->owner;
  self->handle = 0;
  self->owner = NULL;
  if (self->users && handle) {
    self->late = handle;
    self->late_owner = owner;
  } else {
    release_of(self, handle, owner);
  }
}

/* What was closed during calls that had it. */
void let_go_late(Handle *self) {
  uint64_t handle = self->late;
  PyObject *owner = self->late_owner;
  self->late = 0;
  self->late_owner = NULL;
  release_of(self, handle, owner);
}

void handle_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (((Handle *)self)->weakrefs) PyObject_ClearWeakRefs(self);
  let_go((Handle *)self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

int handle_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(((Handle *)self)->owner);
  return 0;
}

/* The owner stays until the end: without it, this object would take the handle for its own. */
static int array_traverse(PyObject *self, visitproc visit, void *arg) {
  ArrayHandle *array = (ArrayHandle *)self;
  Py_VISIT(array->tensor);
  Py_VISIT(array->memory);
  Py_VISIT(array->shape);
  Py_VISIT(array->dtype);
  return handle_traverse(self, visit, arg);
}

static int array_clear(PyObject *self) {
  ArrayHandle *array = (ArrayHandle *)self;
  Py_CLEAR(array->tensor);
  Py_CLEAR(array->memory);
  Py_CLEAR(array->shape);
  Py_CLEAR(array->dtype);
  return 0;
}

static void array_dealloc(PyObject *self) {
  PyObject_GC_UnTrack(self);
  array_clear(self);
  handle_dealloc(self);
}

/* ------------------------------------------------------------------------------------------------------- methods */

static int handle_init(PyObject *self, PyObject *args, PyObject *kwargs) {
  PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__name__");
  (void)args, (void)kwargs;
  if (name) PyErr_Format(PyExc_TypeError, "a %U is made by the functions of tvmbind, not by its class", name);
  Py_XDECREF(name);
  return -1;
}

static PyObject *handle_from_handle(PyObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"handle", "owner", NULL};
  unsigned long long handle;
  PyObject *owner = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "K|O", names, &handle, &owner)) return NULL;
  PyObject *made = PyType_GenericAlloc((PyTypeObject *)type, 0);
  if (made == NULL) return NULL;
  Py_XINCREF(owner);
  ((Handle *)made)->handle = handle;
  ((Handle *)made)->owner = owner;
  return made;
}

static PyObject *handle_closed(PyObject *self, void *unused) {
  (void)unused;
  return PyBool_FromLong(((Handle *)self)->handle == 0);
}

static PyObject *handle_close(PyObject *self, PyObject *unused) {
  (void)unused;
  let_go((Handle *)self);
  Py_RETURN_NONE;
}

static PyObject *handle_open_handle(PyObject *self, PyObject *unused) {
  (void)unused;
  if (((Handle *)self)->handle) return PyLong_FromUnsignedLongLong(((Handle *)self)->handle);
  PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__name__");
  if (name) PyErr_Format(PyExc_ValueError, "this %U has been closed", name);
  Py_XDECREF(name);
  return NULL;
}

static PyObject *handle_enter(PyObject *self, PyObject *unused) {
  (void)unused;
  Py_INCREF(self);
  return self;
}

static PyObject *handle_exit(PyObject *self, PyObject *args) {
  (void)args;
  return PyObject_CallMethod(self, "close", NULL); /* a subclass may have its own */
}

static PyObject *handle_copy(PyObject *self, PyObject *unused) {
  PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__name__");
  (void)unused;
  if (name)
    PyErr_Format(PyExc_TypeError, "a %U cannot be copied or pickled: it lives in this process's runtime", name);
  Py_XDECREF(name);
  return NULL;
}

static PyMethodDef handle_methods[] = {
    {"_from_handle", (PyCFunction)(void (*)(void))handle_from_handle, METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "Wraps a handle. With no owner the wrapper takes over the caller's reference."},
    {"close", handle_close, METH_NOARGS,
     "Lets go of the native object now; what else uses it keeps it alive. Twice does no harm."},
    {"_open_handle", handle_open_handle, METH_NOARGS, "The handle; an error if it is closed."},
    {"__enter__", handle_enter, METH_NOARGS, NULL},
    {"__exit__", handle_exit, METH_VARARGS, NULL},
    {"__copy__", handle_copy, METH_NOARGS, NULL},
    {"__reduce__", handle_copy, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef handle_properties[] = {
    {"closed", handle_closed, NULL, "Whether the handle has been let go.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *array_close(PyObject *self, PyObject *unused) {
  PyObject *memory = ((ArrayHandle *)self)->memory;
  (void)unused;
  ((ArrayHandle *)self)->memory = NULL;
  let_go((Handle *)self);
  Py_XDECREF(memory);
  Py_RETURN_NONE;
}

static PyMethodDef array_methods[] = {
    {"close", array_close, METH_NOARGS,
     "Lets go of the array; its memory lives on while a view of it does. Twice does no harm."},
    {"_again", same_array, METH_NOARGS, "Another object for the same array: either may be closed."},
    {"_leased", leased, METH_NOARGS, "What keeps the memory when the array is closed."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef handle_members[] = {
    {"_handle", T_ULONGLONG, offsetof(Handle, handle), 0, NULL},
    {"_owner", T_OBJECT, offsetof(Handle, owner), 0, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Handle, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef array_members[] = {
    {"_tensor", T_OBJECT, offsetof(ArrayHandle, tensor), 0, NULL},
    {"_memory", T_OBJECT, offsetof(ArrayHandle, memory), 0, NULL},
    {"_shape", T_OBJECT, offsetof(ArrayHandle, shape), 0, NULL},
    {"_dtype", T_OBJECT, offsetof(ArrayHandle, dtype), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot handle_slots[] = {
    {Py_tp_doc, "A native handle, as an integer address, with its owner."},
    {Py_tp_init, handle_init},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_traverse, handle_traverse},
    {Py_tp_methods, handle_methods},
    {Py_tp_getset, handle_properties},
    {Py_tp_members, handle_members},
    {0, NULL},
};

static PyType_Slot array_slots[] = {
    {Py_tp_doc, "A Handle with room for what is known of an array."},
    {Py_tp_dealloc, array_dealloc},
    {Py_tp_traverse, array_traverse},
    {Py_tp_clear, array_clear},
    {Py_tp_methods, array_methods},
    {Py_tp_members, array_members},
    {0, NULL},
};

enum { FLAGS = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC };
static PyType_Spec handle_spec = {"tvmbind._core._fast.Handle", sizeof(Handle), 0, FLAGS, handle_slots};
static PyType_Spec array_spec = {"tvmbind._core._fast.ArrayHandle", sizeof(ArrayHandle), 0, FLAGS, array_slots};

/* A new class, under its name in the module; NULL for no base. */
PyObject *make_type(PyObject *module, PyType_Spec *spec, PyObject *base, const char *name) {
  PyObject *bases = base ? Py_BuildValue("(O)", base) : NULL;
  PyObject *type = base && !bases ? NULL : PyType_FromSpecWithBases(spec, bases);
  Py_XDECREF(bases);
  if (type && PyObject_SetAttrString(module, name, type)) Py_CLEAR(type);
  return type;
}

int make_handle_types(PyObject *module) {
  handle_type = make_type(module, &handle_spec, NULL, "Handle");
  if (handle_type) array_type = make_type(module, &array_spec, handle_type, "ArrayHandle");
  return array_type ? 0 : -1;
}
