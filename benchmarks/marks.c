/* What the counted process says to valgrind's callgrind: a no-op where it runs without. */
#include <valgrind/callgrind.h>

void start(void) { CALLGRIND_START_INSTRUMENTATION; }

/* Counts begin again at nothing. */
void zero(void) { CALLGRIND_ZERO_STATS; }

/* Writes the counts to a file, with this name in it. */
void dump(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
