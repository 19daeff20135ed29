/* Memory of others: numpy's arrays as arguments and as arrays of TVM's, DLPack capsules. What is not C-contiguous,
 * aligned, writable and of a common type is left to Python: _core/tensor.py and interchange.py. */
#include "fast.h"

#include <string.h>

static PyTypeObject *ndarray_type; /* numpy's, once there is one */
static uintptr_t alignment_mask;
static DLDataType bool_type;

/* register_ndarray(type, alignment, bool's code, bool's bits) */
PyObject *register_ndarray(PyObject *module, PyObject *args) {
  PyObject *type;
  int alignment, code, bits;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!iii", &PyType_Type, &type, &alignment, &code, &bits)) return NULL;
  Py_INCREF(type);
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

/* Fills the tensor from an array, whose memory it borrows until the view is released. Not 0, with no error set:
 * Python has to do it. */
static int borrow(PyObject *value, Py_buffer *view, DLTensor *tensor) {
  if (PyObject_GetBuffer(value, view, PyBUF_ND | PyBUF_WRITABLE | PyBUF_FORMAT)) {
    PyErr_Clear(); /* it is read-only, or not contiguous, or of a type without a letter */
    return -1;
  }
  if (((uintptr_t)view->buf & alignment_mask) || !element(view, &tensor->dtype)) {
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
  if (borrow(value, &lent->view, &lent->tensor)) return -1;
  *code = kTVMDLTensorHandle;
  slot->v_handle = &lent->tensor;
  return 0;
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

/* adopt(class, array): an array of TVM's with the memory of numpy's; NotImplemented where that cannot be. */
PyObject *adopt(PyObject *module, PyObject *args) {
  PyObject *type, *value;
  DLTensor tensor;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &type, &value)) return NULL;
  Py_buffer *view = is_ndarray(value) ? PyMem_Malloc(sizeof(Py_buffer)) : NULL;
  if (view == NULL || borrow(value, view, &tensor)) {
    PyMem_Free(view);
    Py_INCREF(Py_NotImplemented);
    return Py_NotImplemented;
  }
  int64_t handle = tvm->adopt(&tensor, release_view, view);
  if (handle >= 0) return wrap((PyTypeObject *)type, handle, kTVMNDArrayHandle);
  PyBuffer_Release(view);
  PyMem_Free(view);
  return raise_code((int)handle, Py_None, Py_None);
}

/* --------------------------------------------------------------------------------------------------- capsules */

static const char *const NAMES[] = {"dltensor", "dltensor_versioned"};
static const char *const USED[] = {"used_dltensor", "used_dltensor_versioned"};

/* export_capsule(array, versioned, code, bits, lanes, flags) */
PyObject *export_capsule(PyObject *module, PyObject *args) {
  PyObject *array;
  int versioned, code, bits, lanes;
  unsigned long long flags;
  uintptr_t managed = 0;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!piiiK", array_type, &array, &versioned, &code, &bits, &lanes, &flags)) return NULL;
  DLDataType dtype = {(uint8_t)code, (uint8_t)bits, (uint16_t)lanes};
  int rc = tvm->export_array((uintptr_t)((Handle *)array)->handle, versioned, dtype, flags, &managed);
  if (rc) return raise_code(rc, Py_None, Py_None);
  PyObject *capsule = PyCapsule_New((void *)managed, NAMES[versioned], (PyCapsule_Destructor)tvm->capsule_destructor());
  if (capsule == NULL) tvm->delete_managed(managed, versioned);
  return capsule;
}

/* adopt_capsule(class, capsule): an array with its memory; NotImplemented where Python has to look, or to say why
 * that cannot be. */
PyObject *adopt_capsule(PyObject *module, PyObject *args) {
  PyObject *type, *capsule;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &type, &capsule)) return NULL;
  int versioned = PyCapsule_IsValid(capsule, NAMES[1]);
  void *managed = versioned || PyCapsule_IsValid(capsule, NAMES[0]) ? PyCapsule_GetPointer(capsule, NAMES[versioned]) : NULL;
  const DLManagedTensorVersioned *current = managed;
  const DLTensor *tensor = NULL;
  if (managed && !versioned) tensor = &((DLManagedTensor *)managed)->dl_tensor;
  if (managed && versioned && current->version.major == 1 && current->flags == 0) tensor = &current->dl_tensor;
  if (tensor == NULL || tensor->device.device_type != 1 || tensor->dtype.code > 2 || tensor->dtype.bits < 8 ||
      (((uintptr_t)tensor->data + tensor->byte_offset) & alignment_mask) || !alignment_mask || !tvm->contiguous(tensor)) {
    Py_INCREF(Py_NotImplemented);
    return Py_NotImplemented;
  }
  int64_t handle = tvm->adopt_managed((uintptr_t)managed, versioned, tensor->dtype);
  if (handle < 0) return raise_code((int)handle, Py_None, Py_None);
  PyCapsule_SetName(capsule, USED[versioned]);
  return wrap((PyTypeObject *)type, handle, kTVMNDArrayHandle);
}
