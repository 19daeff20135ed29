/* What executor/slots.py does with an executor's inputs and outputs, and NDArray with another array's elements: arrays
 * are compared, copied, and set in the place of an executor's own. What is not usual is left to Python. */
#include "fast.h"

#include <string.h>

/* Of two arrays in the processor's memory: SAME, they have one shape and element type; IN_PLACE, a kernel can use the
 * first where it is, too. */
enum { SAME = 1, IN_PLACE = 2 };

static int same_kind(const DLTensor *a, const DLTensor *b) {
  if (a->ndim != b->ndim || memcmp(&a->dtype, &b->dtype, sizeof(a->dtype))) return 0;
  for (int i = 0; i < a->ndim; ++i)
    if (a->shape[i] != b->shape[i]) return 0;
  return 1;
}

static int compare_arrays(PyObject *one, PyObject *other) {
  if (!PyObject_TypeCheck(one, (PyTypeObject *)array_type) || !PyObject_TypeCheck(other, (PyTypeObject *)array_type))
    return 0;
  const DLTensor *a = (const DLTensor *)(uintptr_t)((Handle *)one)->handle;
  const DLTensor *b = (const DLTensor *)(uintptr_t)((Handle *)other)->handle;
  if (!a || !b || a->device.device_type != 1 || b->device.device_type != 1 || !same_kind(a, b)) return 0;
  return is_aligned((uintptr_t)a->data) && !a->byte_offset && tvm->contiguous(a) ? SAME | IN_PLACE : SAME;
}

/* compare(array, other) */
PyObject *compare(PyObject *module, PyObject *const *args, Py_ssize_t n) {
  (void)module;
  if (n != 2) return PyErr_Format(PyExc_TypeError, "expected two arrays");
  return PyLong_FromLong(compare_arrays(args[0], args[1]));
}

/* Gives memory to the runtime's function that sets an input or output of a number, and notes it among the pins: the
 * executor's own array, the memory by an object that nobody else can close, and what was given. */
static int set_memory(PyObject *const *args, PyObject *memory, int code, void *handle) {
  TVMValue values[2];
  int codes[2] = {kTVMArgInt, code};
  int64_t nothing;
  values[0].v_int64 = PyLong_AsLongLong(args[3]);
  values[1].v_handle = handle;
  int rc = tvm->call((uintptr_t)((Handle *)args[2])->handle, values, codes, 2, &nothing);
  if (rc < 0) {
    raise_code(rc, args[2], Py_None);
    return -1;
  }
  PyObject *bound = PyTuple_Pack(3, args[1], memory, args[0]);
  rc = bound ? PyObject_SetItem(args[4], args[5], bound) : -1;
  Py_XDECREF(bound);
  return rc;
}

/* rebind(array, own, function, number, pins, key): whether an array now stands in for an executor's own one. Only for
 * an array that can be used where it is: TVM's, or numpy's. */
PyObject *rebind(PyObject *module, PyObject *const *args, Py_ssize_t n) {
  int rc = -1;
  (void)module;
  if (n != 6 || !PyObject_TypeCheck(args[2], (PyTypeObject *)function_type) || !((Handle *)args[2])->handle)
    Py_RETURN_FALSE;
  if (is_ndarray(args[0])) {
    const DLTensor *own = (const DLTensor *)(uintptr_t)((Handle *)args[1])->handle;
    Py_buffer view;
    DLTensor tensor;
    if (!own || own->device.device_type != 1 || borrow(args[0], &view, &tensor)) Py_RETURN_FALSE;
    int usable = is_aligned((uintptr_t)view.buf) && same_kind(&tensor, own);
    if (usable) rc = set_memory(args, args[0], kTVMDLTensorHandle, &tensor);
    PyBuffer_Release(&view);
    if (!usable) Py_RETURN_FALSE;
  } else {
    if (Py_TYPE(args[0]) != class_of(kTVMNDArrayHandle) || !(compare_arrays(args[0], args[1]) & IN_PLACE))
      Py_RETURN_FALSE;
    PyObject *again = same_array(args[0], NULL);
    if (again) rc = set_memory(args, again, kTVMNDArrayHandle, (void *)(uintptr_t)((Handle *)again)->handle);
    Py_XDECREF(again);
  }
  if (rc < 0) return NULL;
  Py_RETURN_TRUE;
}

/* copy_array(from, to): whether it has been done; only between arrays of one shape and type in the processor's
 * memory. */
PyObject *copy_array(PyObject *module, PyObject *const *args, Py_ssize_t n) {
  (void)module;
  if (n != 2 || !compare_arrays(args[0], args[1])) Py_RETURN_FALSE;
  uint64_t from = ((Handle *)args[0])->handle, to = ((Handle *)args[1])->handle;
  hold(args[0]);
  hold(args[1]);
  PyThreadState *state = PyEval_SaveThread();
  int rc = tvm->copy_array((DLTensor *)(uintptr_t)from, (DLTensor *)(uintptr_t)to, NULL);
  PyEval_RestoreThread(state);
  end_hold(args[0]);
  end_hold(args[1]);
  if (rc) return raise_code(rc, Py_None, Py_None);
  Py_RETURN_TRUE;
}
