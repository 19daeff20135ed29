/* What every file of csrc/ sees: the declarations of cdefs/, as plain C, and what the files share. */
#ifndef TVMBIND_C_H
#define TVMBIND_C_H
#include <stddef.h>
#include <stdint.h>
#include "../cdefs/dlpack.h"
#include "../cdefs/c_runtime_api.h"
#include "../cdefs/tvmbind.h"
#include "../cdefs/callbacks.h"

#if defined(_MSC_VER)
#define TVMB_THREAD __declspec(thread)
#else
#define TVMB_THREAD __thread
#endif

/* Remembers, for this thread, which C function the runtime lacks; returns TVMB_MISSING. */
int tvmb_missing(const char *name);

#endif
