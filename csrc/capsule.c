/* What Python runs when a DLPack capsule that nobody consumed ends. It is the one thing in csrc/ for CFFI's module
 * that knows CPython; PyPy has no capsules that CFFI could make. */
#include "tvmbind_c.h"

#ifdef TVMB_PYPY

uintptr_t tvmb_capsule_destructor(void) { return 0; }

#else

#include <pyconfig.h>
#ifndef Py_GIL_DISABLED /* with it there is no limited API */
#define Py_LIMITED_API 0x03090000
#endif
#include <Python.h>

static void end_capsule(PyObject *capsule) {
  static const char *const names[] = {"dltensor", "dltensor_versioned"}; /* one that was consumed has another */
  for (int versioned = 0; versioned < 2; ++versioned)
    if (PyCapsule_IsValid(capsule, names[versioned]))
      tvmb_delete_managed((uintptr_t)PyCapsule_GetPointer(capsule, names[versioned]), versioned);
}

uintptr_t tvmb_capsule_destructor(void) { return (uintptr_t)end_capsule; }

#endif
