/* Values between Python and TVM: those that C knows. The rules are those of _core/encode.py and decode.py. */
#include "fast.h"

#include <limits.h>
#include <string.h>

static PyTypeObject *classes[16]; /* by type code: what a handle becomes with nothing more than itself */
static PyTypeObject *device_type;

int register_class(int code, PyObject *type) {
  if (code < 0 || code >= (int)(sizeof(classes) / sizeof(classes[0]))) {
    PyErr_SetString(PyExc_ValueError, "no such type code");
    return -1;
  }
  Py_INCREF(type);
  classes[code] = (PyTypeObject *)type;
  return 0;
}

/* The class that a handle becomes; NULL where more than the handle is needed. */
PyTypeObject *class_of(int code) { return classes[code]; }

void register_device(PyObject *type) {
  Py_INCREF(type);
  device_type = (PyTypeObject *)type;
}

static int pack_bool(PyObject *value, TVMValue *slot, int *code) {
  static int bool_code = NO_CODE; /* a runtime is known by the time that a value goes to it */
  if (bool_code == NO_CODE) {
    PyObject *number = PyObject_CallObject(python.bool_code, NULL);
    bool_code = number ? (int)PyLong_AsLong(number) : NO_CODE;
    Py_XDECREF(number);
    if (PyErr_Occurred()) {
      PyErr_Clear();
      bool_code = NO_CODE;
      return -1;
    }
  }
  *code = bool_code;
  slot->v_int64 = value == Py_True;
  return 0;
}

static int pack_str(PyObject *value, TVMValue *slot, int *code) {
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize(value, &size); /* the object keeps it */
  if (text == NULL) { /* lone surrogates */
    PyErr_Clear();
    return -1;
  }
  *code = kTVMStr;
  slot->v_str = text;
  return strlen(text) == (size_t)size ? 0 : -1;
}

static int pack_bytes(PyObject *value, TVMValue *slot, int *code, TVMByteArray *bytes) {
  char *data;
  Py_ssize_t size;
  if (PyBytes_AsStringAndSize(value, &data, &size)) return -1;
  bytes->data = data;
  bytes->size = (size_t)size;
  *code = kTVMBytes;
  slot->v_handle = bytes;
  return 0;
}

static int small(PyObject *value, int *number) {
  int overflow = 0;
  long given = value && PyLong_Check(value) ? PyLong_AsLongAndOverflow(value, &overflow) : -1;
  *number = (int)given;
  return !overflow && given >= 0 && given == *number;
}

static int pack_device(PyObject *value, TVMValue *slot, int *code) {
  static PyObject *last; /* a device is a tuple, which never changes, and nearly always the same */
  static TVMValue known;
  *code = kDLDevice;
  if (value != last) {
    int type, index;
    if (!small(PyTuple_GetItem(value, 0), &type) || !small(PyTuple_GetItem(value, 1), &index)) return -1;
    PyObject *before = last;
    known.v_int64 = 0;
    known.v_device.device_type = type;
    known.v_device.device_id = index;
    Py_INCREF(value);
    last = value;
    Py_XDECREF(before);
  }
  *slot = known;
  return 0;
}

/* ---------------------------------------------------------------------------------------------------- sequences */

static uintptr_t list_maker; /* the runtime's function that makes an Array of its arguments */

/* set_list_maker(handle): for a runtime whose Array holds numbers as they are. */
PyObject *set_list_maker(PyObject *module, PyObject *args) {
  unsigned long long handle;
  (void)module;
  if (!PyArg_ParseTuple(args, "K", &handle)) return NULL;
  list_maker = (uintptr_t)handle;
  Py_RETURN_NONE;
}

/* A new Array of the items of a list or tuple, where they are plain values; 0 with no error set where Python has to
 * make it. No lists in lists: how deep they go is Python's to watch. */
static int64_t array_of(PyObject *value) {
  TVMValue few_values[FEW], *values = few_values;
  int few_codes[FEW], *codes = few_codes;
  Room few_rooms[FEW], *rooms = few_rooms;
  int is_list = PyList_Check(value);
  int64_t made = 0;
  Py_ssize_t n = is_list ? PyList_Size(value) : PyTuple_Size(value), done = 0;
  if (!list_maker || n > INT_MAX) return 0;
  if (n > FEW) {
    values = PyMem_Malloc((size_t)n * sizeof(TVMValue));
    codes = PyMem_Malloc((size_t)n * sizeof(int));
    rooms = PyMem_Malloc((size_t)n * sizeof(Room));
  }
  if (values && codes && rooms)
    for (; done < n; ++done) {
      PyObject *item = is_list ? PyList_GetItem(value, done) : PyTuple_GetItem(value, done);
      if (item == NULL || is_ndarray(item) || PyList_Check(item) || PyTuple_Check(item) || PyBytes_Check(item) ||
          Py_TYPE(item) == device_type || pack(item, &values[done], &codes[done], &rooms[done]))
        break;
    }
  PyErr_Clear(); /* the list has become shorter */
  if (done == n && tvm->call(list_maker, values, codes, (int)n, &made) != kTVMObjectHandle) made = 0;
  for (Py_ssize_t i = 0; i < done; ++i)
    if (codes[i] == kTVMPackedFuncHandle) {
      PyObject *item = is_list ? PyList_GetItem(value, i) : PyTuple_GetItem(value, i);
      if (item) release_room(item, &rooms[i]);
    }
  if (n > FEW) {
    PyMem_Free(values);
    PyMem_Free(codes);
    PyMem_Free(rooms);
  }
  return made;
}

/* make_array(list or tuple): the handle of a new Array; 0 where Python has to make it. */
PyObject *make_array(PyObject *module, PyObject *items) {
  (void)module;
  return PyLong_FromLongLong(PyList_Check(items) || PyTuple_Check(items) ? array_of(items) : 0);
}

static int pack_sequence(PyObject *value, TVMValue *slot, int *code, Room *room) {
  *code = kTVMObjectHandle;
  slot->v_int64 = room->made = array_of(value);
  return slot->v_int64 == 0;
}

/* -------------------------------------------------------------------------------------------------------- callables */

static PyTypeObject *callables[4];

/* register_callables(types): plain functions and what else is nothing but called. */
PyObject *register_callables(PyObject *module, PyObject *types) {
  enum { ROOM = sizeof(callables) / sizeof(callables[0]) };
  (void)module;
  if (!PyTuple_Check(types) || PyTuple_Size(types) > ROOM) return PyErr_Format(PyExc_TypeError, "a few types, please");
  for (Py_ssize_t i = 0; i < PyTuple_Size(types); ++i) {
    callables[i] = (PyTypeObject *)PyTuple_GetItem(types, i);
    Py_INCREF(callables[i]);
  }
  Py_RETURN_NONE;
}

int is_callable(PyTypeObject *type) {
  return type == callables[0] || type == callables[1] || type == callables[2] || type == callables[3];
}

static int pack_callable(PyObject *value, TVMValue *slot, int *code, Room *room) {
  *code = kTVMPackedFuncHandle;
  slot->v_int64 = room->made = function_of(value);
  return slot->v_int64 == 0;
}

void release_room(PyObject *value, Room *room) {
  PyTypeObject *type = Py_TYPE(value);
  if (is_ndarray(value))
    PyBuffer_Release(&room->lent.view);
  else if (type == &PyList_Type || type == &PyTuple_Type)
    tvm->release(room->made, kTVMObjectHandle);
  else if (is_callable(type))
    tvm->release(room->made, kTVMPackedFuncHandle);
}

/* Fills the slot of an argument, which borrows from the value; what it needs beside that is let go of by release_room,
 * after the call. Not 0, with no error set: Python has to do it. */
int pack(PyObject *value, TVMValue *slot, int *code, Room *room) {
  PyTypeObject *type = Py_TYPE(value);
  if (type == &PyLong_Type) {
    int overflow;
    *code = kTVMArgInt;
    slot->v_int64 = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow;
  }
  if ((*code = code_of(type)) != NO_CODE) {
    slot->v_int64 = (int64_t)((Handle *)value)->handle;
    return slot->v_int64 == 0;
  }
  if (type == &PyUnicode_Type) return pack_str(value, slot, code);
  if (type == &PyFloat_Type) {
    *code = kTVMArgFloat;
    slot->v_float64 = PyFloat_AsDouble(value);
    return 0;
  }
  if (value == Py_None) {
    *code = kTVMNullptr;
    slot->v_int64 = 0;
    return 0;
  }
  if (type == &PyBool_Type) return pack_bool(value, slot, code);
  if (type == device_type) return pack_device(value, slot, code);
  if (is_ndarray(value)) return pack_ndarray(value, slot, code, &room->lent);
  if (type == &PyBytes_Type) return pack_bytes(value, slot, code, &room->bytes);
  if (type == &PyList_Type || type == &PyTuple_Type) return pack_sequence(value, slot, code, room);
  if (is_callable(type)) return pack_callable(value, slot, code, room);
  return -1;
}

/* The Python value of a type code and 8 bytes; what is a handle is ours, but a borrowed tensor. */
PyObject *to_python(int code, int64_t bits) {
  TVMValue value;
  value.v_int64 = bits;
  switch (code) {
    case kTVMArgInt: return PyLong_FromLongLong(bits);
    case kTVMNullptr: Py_RETURN_NONE;
    case kTVMArgFloat: return PyFloat_FromDouble(value.v_float64);
    case kTVMArgBool: return PyBool_FromLong(bits != 0);
    case kTVMStr: return PyUnicode_DecodeUTF8(value.v_str, (Py_ssize_t)strlen(value.v_str), "surrogateescape");
    case kTVMBytes: {
      const TVMByteArray *array = value.v_handle;
      return PyBytes_FromStringAndSize(array->data, (Py_ssize_t)array->size);
    }
    case kTVMPackedFuncHandle:
      if (classes[code]) return (PyObject *)wrap_function(classes[code], bits, NULL, NULL);
      break;
    case kTVMModuleHandle:
    case kTVMNDArrayHandle:
      if (classes[code]) return wrap(classes[code], bits, code);
  }
  return PyObject_CallFunction(python.decode, "iL", code, (long long)bits);
}
