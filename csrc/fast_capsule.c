/* DLPack capsules, given and taken. What is not plain memory of the processor's is left to Python: _core/capsule.py. */
#include "fast.h"

static const char *const NAMES[] = {"dltensor", "dltensor_versioned"};
static const char *const USED[] = {"used_dltensor", "used_dltensor_versioned"};

static PyObject *capsule_of(PyObject *array, int versioned, DLDataType dtype, uint64_t flags) {
  uintptr_t managed = 0;
  if (!((Handle *)array)->handle) return PyErr_Format(PyExc_ValueError, "this array has been closed");
  int rc = tvm->export_array((uintptr_t)((Handle *)array)->handle, versioned, dtype, flags, &managed);
  if (rc) return raise_code(rc, Py_None, Py_None);
  PyObject *capsule = PyCapsule_New((void *)managed, NAMES[versioned], (PyCapsule_Destructor)tvm->capsule_destructor());
  if (capsule == NULL) tvm->delete_managed(managed, versioned);
  return capsule;
}

/* A capsule of an array in the processor's memory, of a type that has one code in every runtime; NULL with no error
 * set where Python has to make it. */
PyObject *plain_capsule(PyObject *array, int versioned) {
  const DLTensor *tensor = (const DLTensor *)(uintptr_t)((Handle *)array)->handle;
  if (!tensor || tensor->device.device_type != 1 || tensor->dtype.code > 2 || tensor->dtype.bits < 8) return NULL;
  return capsule_of(array, versioned, tensor->dtype, 0);
}

/* export_capsule(array, versioned, code, bits, lanes, flags) */
PyObject *export_capsule(PyObject *module, PyObject *args) {
  PyObject *array;
  int versioned, code, bits, lanes;
  unsigned long long flags;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!piiiK", array_type, &array, &versioned, &code, &bits, &lanes, &flags)) return NULL;
  DLDataType dtype = {(uint8_t)code, (uint8_t)bits, (uint16_t)lanes};
  return capsule_of(array, versioned, dtype, flags);
}

/* Whether each extent is one: who makes a capsule may err. */
static int has_a_shape(const DLTensor *tensor) {
  for (int i = 0; i < tensor->ndim; ++i)
    if (tensor->shape[i] < 0) return 0;
  return tensor->ndim >= 0;
}

/* adopt_capsule(class, capsule): an array with its memory; NotImplemented where Python has to look, or to say why
 * that cannot be. */
PyObject *adopt_capsule(PyObject *module, PyObject *args) {
  PyObject *type, *capsule;
  (void)module;
  if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &type, &capsule)) return NULL;
  int versioned = PyCapsule_IsValid(capsule, NAMES[1]);
  int known = versioned || PyCapsule_IsValid(capsule, NAMES[0]);
  void *managed = known ? PyCapsule_GetPointer(capsule, NAMES[versioned]) : NULL;
  const DLManagedTensorVersioned *current = managed;
  const DLTensor *tensor = NULL;
  if (managed && !versioned) tensor = &((DLManagedTensor *)managed)->dl_tensor;
  if (managed && versioned && current->version.major == 1 && current->flags == 0) tensor = &current->dl_tensor;
  if (tensor == NULL || !has_a_shape(tensor) || tensor->device.device_type != 1 || tensor->dtype.code > 2 ||
      tensor->dtype.bits < 8 || !is_aligned((uintptr_t)tensor->data + tensor->byte_offset) ||
      !tvm->contiguous(tensor)) {
    Py_INCREF(Py_NotImplemented);
    return Py_NotImplemented;
  }
  int64_t handle = tvm->adopt_managed((uintptr_t)managed, versioned, tensor->dtype);
  if (handle < 0) return raise_code((int)handle, Py_None, Py_None);
  PyCapsule_SetName(capsule, USED[versioned]);
  return wrap((PyTypeObject *)type, handle, kTVMNDArrayHandle);
}
