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

enum { OBJECT_TYPES = 512 };
static PyTypeObject *object_classes[OBJECT_TYPES]; /* by type index; str for a String */

/* register_object(index, class) */
PyObject *register_object(PyObject *module, PyObject *args) {
  unsigned index;
  PyObject *type;
  (void)module;
  if (!PyArg_ParseTuple(args, "IO!", &index, &PyType_Type, &type)) return NULL;
  if (index < OBJECT_TYPES && object_classes[index] == NULL) {
    Py_INCREF(type);
    object_classes[index] = (PyTypeObject *)type;
  }
  Py_RETURN_NONE;
}

/* The Python value of an object; NULL with no error set where Python has to make it. */
static PyObject *object_to_python(int64_t bits) {
  unsigned index = bits ? tvm->type_index((uintptr_t)bits) : OBJECT_TYPES;
  PyTypeObject *type = index < OBJECT_TYPES ? object_classes[index] : NULL;
  if (type == NULL) return NULL;
  if (type != &PyUnicode_Type) return wrap(type, bits, kTVMObjectHandle);
  size_t size;
  const char *text = tvm->text((uintptr_t)bits, &size);
  PyObject *made = PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "strict");
  if (made)
    tvm->release(bits, kTVMObjectHandle);
  else
    PyErr_Clear();
  return made;
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

static struct {
  uintptr_t array;  /* the runtime's function that makes an Array of its arguments; 0 until it is known */
  uintptr_t string; /* that makes a String, where an Array holds objects only; else 0 */
  int functions;    /* whether an Array holds functions, */
  int numbers;      /* and numbers */
} maker;

/* set_list_maker(array, string, functions, numbers) */
PyObject *set_list_maker(PyObject *module, PyObject *args) {
  unsigned long long array, string;
  (void)module;
  if (!PyArg_ParseTuple(args, "KKpp", &array, &string, &maker.functions, &maker.numbers)) return NULL;
  maker.array = (uintptr_t)array;
  maker.string = (uintptr_t)string;
  Py_RETURN_NONE;
}

/* An argument of the function that makes an Array; *made: to be let go of after the call. Not 0: Python has to do it. */
static int pack_item(PyObject *item, TVMValue *slot, int *code, int *made) {
  PyTypeObject *type = Py_TYPE(item);
  Room room;
  *made = 0;
  if (is_ndarray(item) || type == &PyList_Type || type == &PyTuple_Type || type == &PyBytes_Type || type == device_type)
    return -1;
  if (pack(item, slot, code, &room) < 0) return -1;
  *made = is_callable(type);
  if (*code == kTVMPackedFuncHandle) return !maker.functions;
  if (*code == kTVMStr && maker.string) {
    TVMValue text = *slot;
    *code = tvm->call(maker.string, &text, code, 1, &slot->v_int64);
    *made = *code == kTVMObjectHandle;
    return !*made;
  }
  return !maker.numbers && *code != kTVMStr && *code != kTVMNullptr && code_of(type) == NO_CODE;
}

/* A new Array of the items of a list or tuple, where they are plain values; 0 with no error set where Python has to
 * make it. No lists in lists: how deep they go is Python's to watch. */
static int64_t array_of(PyObject *value) {
  TVMValue few_values[FEW], *values = few_values;
  int few_codes[2 * FEW], *codes = few_codes;
  int is_list = PyList_Check(value);
  int64_t array = 0;
  Py_ssize_t n = is_list ? PyList_Size(value) : PyTuple_Size(value), done = 0;
  if (!maker.array || n > INT_MAX) return 0;
  if (n > FEW) {
    values = PyMem_Malloc((size_t)n * sizeof(TVMValue));
    codes = PyMem_Malloc(2 * (size_t)n * sizeof(int));
  }
  if (values && codes) {
    int failed = 0, *made = codes + n;
    for (; done < n && !failed; ++done) {
      PyObject *item = is_list ? PyList_GetItem(value, done) : PyTuple_GetItem(value, done);
      made[done] = 0;
      failed = item == NULL || pack_item(item, &values[done], &codes[done], &made[done]);
    }
    PyErr_Clear(); /* the list has become shorter, as it may when a callable's name is asked for */
    if (!failed && tvm->call(maker.array, values, codes, (int)n, &array) != kTVMObjectHandle) array = 0;
    for (Py_ssize_t i = 0; i < done; ++i)
      if (made[i]) tvm->release(values[i].v_int64, codes[i]);
  }
  if (n > FEW) {
    PyMem_Free(values);
    PyMem_Free(codes);
  }
  return array;
}

/* make_array(list or tuple): the handle of a new Array; 0 where Python has to make it. */
PyObject *make_array(PyObject *module, PyObject *items) {
  (void)module;
  return PyLong_FromLongLong(PyList_Check(items) || PyTuple_Check(items) ? array_of(items) : 0);
}

/* make_shape(function, tuple): the handle of what the runtime's function makes of a few ints, a ShapeTuple; 0 where
 * Python has to call it. */
PyObject *make_shape(PyObject *module, PyObject *const *args, Py_ssize_t n) {
  TVMValue values[FEW];
  int codes[FEW], overflow = 0;
  int64_t made = 0;
  (void)module;
  int usual = n == 2 && PyObject_TypeCheck(args[0], (PyTypeObject *)function_type) && PyTuple_Check(args[1]);
  uintptr_t function = usual ? (uintptr_t)((Handle *)args[0])->handle : 0;
  Py_ssize_t count = function ? PyTuple_Size(args[1]) : FEW + 1;
  for (Py_ssize_t i = 0; i < count && count <= FEW; ++i) {
    PyObject *extent = PyTuple_GetItem(args[1], i);
    codes[i] = kTVMArgInt;
    if (PyLong_Check(extent)) values[i].v_int64 = PyLong_AsLongLongAndOverflow(extent, &overflow);
    if (!PyLong_Check(extent) || overflow) count = FEW + 1;
  }
  if (count > FEW || tvm->call(function, values, codes, (int)count, &made) != kTVMObjectHandle) made = 0;
  return PyLong_FromLongLong(made);
}

static int pack_sequence(PyObject *value, TVMValue *slot, int *code, Room *room) {
  *code = kTVMObjectHandle;
  slot->v_int64 = room->made = array_of(value);
  return slot->v_int64 ? HELD : -1;
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
  return slot->v_int64 ? HELD : -1;
}

void release_room(PyObject *value, Room *room) {
  PyTypeObject *type = Py_TYPE(value);
  if (is_ndarray(value))
    release_ndarray(&room->lent);
  else if (type == &PyList_Type || type == &PyTuple_Type)
    tvm->release(room->made, kTVMObjectHandle);
  else if (is_callable(type))
    tvm->release(room->made, kTVMPackedFuncHandle);
}

/* Fills the slot of an argument, which borrows from the value. HELD: release_room is to be called after the call.
 * Less than 0, with no error set: Python has to do it. */
int pack(PyObject *value, TVMValue *slot, int *code, Room *room) {
  PyTypeObject *type = Py_TYPE(value);
  if (type == &PyLong_Type) {
    int overflow;
    *code = kTVMArgInt;
    slot->v_int64 = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow ? -1 : 0;
  }
  if ((*code = code_of(type)) != NO_CODE) {
    slot->v_int64 = (int64_t)((Handle *)value)->handle;
    return slot->v_int64 ? 0 : -1;
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
    case kTVMObjectHandle: {
      PyObject *made = object_to_python(bits);
      if (made || PyErr_Occurred()) return made;
      break;
    }
    case kTVMModuleHandle:
    case kTVMNDArrayHandle:
      if (classes[code]) return wrap(classes[code], bits, code);
  }
  return PyObject_CallFunction(python.decode, "iL", code, (long long)bits);
}
