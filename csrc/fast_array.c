/* numpy's arrays as arguments and as arrays of TVM's, and numpy's views of TVM's arrays. What is not C-contiguous,
 * aligned, writable and of a common type is left to Python: _core/tensor.py, interchange.py and ndarray.py. */
#include "fast.h"

#include <stdlib.h>
#include <string.h>

static PyTypeObject *ndarray_type; /* numpy's, once there is one */
static uintptr_t alignment_mask; /* bits that are 0 in the address of what kernels can use; 0: not known yet */
static DLDataType bool_type;
static PyObject *warn; /* (place, array, count): of copies in a call */

/* register_ndarray(type, alignment, bool's code, bool's bits, warn) */
PyObject *register_ndarray(PyObject *module, PyObject *args) {
  PyObject *type, *function;
  int alignment, code, bits;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!iiiO", &PyType_Type, &type, &alignment, &code, &bits, &function)) return NULL;
  Py_INCREF(type);
  Py_INCREF(function);
  warn = function;
  alignment_mask = (uintptr_t)alignment - 1;
  bool_type.code = (uint8_t)code;
  bool_type.bits = (uint8_t)bits;
  bool_type.lanes = 1;
  ndarray_type = (PyTypeObject *)type;
  Py_RETURN_NONE;
}

int is_ndarray(PyObject *value) { return Py_TYPE(value) == ndarray_type; }

/* The element type of a buffer's format (module struct's letters); 0 where it is none of the common ones. */
static int element(const Py_buffer *view, DLDataType *dtype) {
  const char *format = view->format ? view->format : "B";
  if (*format == '@' || *format == '=') ++format;
  int complex = *format == 'Z';
  format += complex;
  if (format[0] == 0 || format[1] != 0) return 0;
  dtype->bits = (uint8_t)(view->itemsize * 8);
  dtype->lanes = 1;
  if (strchr("bhilq", *format) && !complex)
    dtype->code = 0; /* kDLInt */
  else if (strchr("BHILQ", *format) && !complex)
    dtype->code = 1; /* kDLUInt */
  else if (*format == 'e' || *format == 'f' || *format == 'd')
    dtype->code = complex ? 5 : 2; /* kDLComplex, kDLFloat */
  else if (*format == '?' && !complex)
    *dtype = bool_type;
  else
    return 0;
  return 1;
}

int is_aligned(uintptr_t address) { return alignment_mask && !(address & alignment_mask); }

/* Fills the tensor from an array, whose memory it borrows until the view is released. Not 0, with no error set:
 * Python has to do it. */
int borrow(PyObject *value, Py_buffer *view, DLTensor *tensor) {
  if (PyObject_GetBuffer(value, view, PyBUF_ND | PyBUF_WRITABLE | PyBUF_FORMAT)) {
    PyErr_Clear(); /* it is read-only, or not contiguous, or of a type without a letter */
    return -1;
  }
  if (!element(view, &tensor->dtype)) {
    PyBuffer_Release(view);
    return -1;
  }
  tensor->data = view->buf;
  tensor->device.device_type = 1; /* kDLCPU */
  tensor->device.device_id = 0;
  tensor->ndim = view->ndim;
  tensor->shape = (int64_t *)view->shape;
  tensor->strides = NULL;
  tensor->byte_offset = 0;
  return 0;
}

int pack_ndarray(PyObject *value, TVMValue *slot, int *code, Lent *lent) {
  enum { MOST = 1 << 20 }; /* to copy more takes so long that Python may as well do it */
  if (borrow(value, &lent->view, &lent->tensor)) return -1;
  lent->copy = NULL;
  if (!is_aligned((uintptr_t)lent->view.buf)) {
    size_t size = (size_t)lent->view.len, alignment = (size_t)alignment_mask + 1;
    void *copy = NULL;
    if (size == 0 || size > MOST || posix_memalign(&copy, alignment, 2 * size)) {
      PyBuffer_Release(&lent->view);
      return -1;
    }
    lent->copy = lent->tensor.data = memcpy(copy, lent->view.buf, size);
    memcpy(lent->copy + size, copy, size);
  }
  *code = kTVMDLTensorHandle;
  slot->v_handle = &lent->tensor;
  return HELD;
}

/* After the call. What was not changed does not go back: the memory may be another argument's too. */
void release_ndarray(Lent *lent) {
  size_t size = (size_t)lent->view.len;
  if (lent->copy && memcmp(lent->copy, lent->copy + size, size) != 0) memcpy(lent->view.buf, lent->copy, size);
  free(lent->copy);
  PyBuffer_Release(&lent->view);
}

int warn_of_copies(int place, PyObject *first, int count) {
  PyObject *done = PyObject_CallFunction(warn, "iOi", place, first, count);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

/* ---------------------------------------------------------------------------------------------- arrays of TVM's */

static void release_view(void *resource) {
  PyObject *type, *value, *traceback;
  PyGILState_STATE state = PyGILState_Ensure();
  PyErr_Fetch(&type, &value, &traceback);
  PyBuffer_Release(resource);
  PyMem_Free(resource);
  PyErr_Restore(type, value, traceback);
  PyGILState_Release(state);
}

/* An array of TVM's with the memory of numpy's; NotImplemented where that cannot be. */
PyObject *adopt_ndarray(PyTypeObject *type, PyObject *value) {
  DLTensor tensor;
  Py_buffer *view = is_ndarray(value) ? PyMem_Malloc(sizeof(Py_buffer)) : NULL;
  int borrowed = view && borrow(value, view, &tensor) == 0;
  if (borrowed && !is_aligned((uintptr_t)view->buf)) {
    PyBuffer_Release(view);
    borrowed = 0;
  }
  if (!borrowed) {
    PyMem_Free(view);
    Py_INCREF(Py_NotImplemented);
    return Py_NotImplemented;
  }
  int64_t handle = tvm->adopt(&tensor, release_view, view);
  if (handle >= 0) return wrap(type, handle, kTVMNDArrayHandle);
  PyBuffer_Release(view);
  PyMem_Free(view);
  return raise_code((int)handle, Py_None, Py_None);
}

/* adopt(class, array) */
PyObject *adopt(PyObject *module, PyObject *args) {
  PyObject *type, *value;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &type, &value)) return NULL;
  return adopt_ndarray((PyTypeObject *)type, value);
}

/* ------------------------------------------------------------------------------------------- numpy's views of ours */

/* Owns an array's handle on behalf of numpy's views of its memory: it is freed with the last of them. */
typedef struct {
  PyObject_HEAD
  uint64_t handle;
  char *data;
  Py_ssize_t nbytes;
} Lease;

static PyObject *lease_type;

static void lease_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  release_handle(((Lease *)self)->handle, kTVMNDArrayHandle);
  PyObject_Free(self);
  Py_DECREF(type);
}

static int lease_buffer(PyObject *self, Py_buffer *view, int flags) {
  return PyBuffer_FillInfo(view, self, ((Lease *)self)->data, ((Lease *)self)->nbytes, 0, flags);
}

static PyObject *lease_keep(PyObject *self, PyObject *memory) {
  (void)self, (void)memory;
  Py_RETURN_NONE;
}

static PyMethodDef lease_methods[] = {
    {"keep", lease_keep, METH_O, "Does nothing; holding this bound method is what keeps the lease."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot lease_slots[] = {
    {Py_tp_methods, lease_methods},
    {Py_tp_doc, "Owns an array's handle on behalf of the views of its memory."},
    {Py_tp_dealloc, lease_dealloc},
    {Py_bf_getbuffer, lease_buffer},
    {0, NULL},
};

static PyType_Spec lease_spec = {"tvmbind._core._fast.Lease", sizeof(Lease), 0, Py_TPFLAGS_DEFAULT, lease_slots};

int make_lease_type(PyObject *module) {
  lease_type = make_type(module, &lease_spec, NULL, "Lease");
  return lease_type ? 0 : -1;
}

/* numpy's type of an element; NULL with no error set where Python has to look. */
static PyObject *numpy_type(DLDataType dtype) {
  enum { SEEN = 16 };
  static struct {
    DLDataType dtype;
    PyObject *type;
  } seen[SEEN];
  static int count = 0;
  for (int i = 0; i < count; ++i)
    if (memcmp(&seen[i].dtype, &dtype, sizeof(dtype)) == 0) return seen[i].type;
  PyObject *type = PyObject_CallFunction(python.numpy_type, "iii", dtype.code, dtype.bits, dtype.lanes);
  if (type == NULL || type == Py_None || count == SEEN) {
    PyErr_Clear();
    Py_XDECREF(type);
    return NULL;
  }
  seen[count].dtype = dtype;
  seen[count++].type = type;
  return type;
}

/* What keeps an array's memory when the array is closed: its owner, a new lease where that is the array itself.
 * Nothing of Python's runs between looking at the owner and changing it, so there are never two. */
PyObject *leased(PyObject *self, PyObject *unused) {
  Handle *array = (Handle *)self;
  (void)unused;
  Lease *lease = PyObject_New(Lease, (PyTypeObject *)lease_type);
  if (lease == NULL) return NULL;
  lease->handle = 0;
  lease->data = NULL;
  lease->nbytes = 0;
  if (array->handle && (array->owner == NULL || array->owner == Py_None)) {
    PyObject *none = array->owner;
    lease->handle = array->handle;
    array->owner = (PyObject *)lease; /* both hold it: the reference that was made here is the array's */
    Py_INCREF(lease);
    Py_XDECREF(none);
    return (PyObject *)lease;
  }
  Py_DECREF(lease);
  if (!array->handle) return PyErr_Format(PyExc_ValueError, "this array has been closed");
  Py_INCREF(array->owner);
  return array->owner;
}

/* Another object for the same array: either may be closed. */
PyObject *same_array(PyObject *self, PyObject *unused) {
  PyObject *owner = leased(self, unused);
  ArrayHandle *made = owner ? (ArrayHandle *)PyType_GenericAlloc(class_of(kTVMNDArrayHandle), 0) : NULL;
  if (made) {
    made->base.handle = ((Handle *)self)->handle;
    made->base.owner = owner;
  } else {
    Py_XDECREF(owner);
  }
  return (PyObject *)made;
}

/* lend(array): makes numpy's view of an array's memory, notes it, and returns it; None where Python has to do it:
 * memory of a device, with strides, that is borrowed, of a type that numpy has not. */
PyObject *lend(PyObject *module, PyObject *given) {
  enum { DIMENSIONS = 8 };
  ArrayHandle *array = (ArrayHandle *)given;
  int64_t extents[DIMENSIONS];
  PyObject *type = NULL;
  (void)module;
  if (!PyObject_TypeCheck(given, (PyTypeObject *)array_type)) Py_RETURN_NONE;
  uint64_t handle = array->base.handle;
  const DLTensor *tensor = (const DLTensor *)(uintptr_t)handle;
  if (!handle || !ndarray_type || (array->base.owner && array->base.owner != Py_None) ||
      tensor->device.device_type != 1 || tensor->dtype.lanes != 1 || tensor->ndim > DIMENSIONS || !tvm->contiguous(tensor))
    Py_RETURN_NONE;
  /* What is made below may run anything, and that may close the array: the tensor is looked at before only. */
  Py_ssize_t nbytes = (tensor->dtype.bits + 7) / 8;
  int ndim = tensor->ndim;
  char *data = (char *)tensor->data + tensor->byte_offset;
  for (int i = 0; i < ndim; ++i) nbytes *= (Py_ssize_t)(extents[i] = tensor->shape[i]);
  if ((type = numpy_type(tensor->dtype)) == NULL) Py_RETURN_NONE;
  PyObject *shape = PyTuple_New(ndim), *memory = NULL;
  for (int i = 0; shape && i < ndim; ++i) PyTuple_SetItem(shape, i, PyLong_FromLongLong(extents[i]));
  PyObject *lease = shape && array->base.handle == handle ? leased(given, NULL) : NULL;
  if (lease && Py_TYPE(lease) == (PyTypeObject *)lease_type) {
    ((Lease *)lease)->data = data;
    ((Lease *)lease)->nbytes = nbytes;
    memory = PyObject_CallFunctionObjArgs((PyObject *)ndarray_type, shape, type, lease, NULL);
  }
  Py_XDECREF(shape);
  Py_XDECREF(lease);
  if (memory == NULL) {
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
  }
  PyObject *before = array->memory;
  Py_INCREF(memory);
  array->memory = memory;
  Py_XDECREF(before);
  return memory;
}
