/* C calls Python: the functions that src/tvmbind/_core defines with ffi.def_extern.
 *
 * Plain prototypes; build_ffi.py hands them to CFFI as extern "Python+C".
 */

/* A packed function made from a Python callable was called. values holds num_args TVMValues as bits,
 * codes a byte for each; handles among them are owned by the callee. Returns TVMB_DONE, -1 with the error
 * set, TVMB_NO_STACK or TVMB_LOST. */
int tvmb_on_call(intptr_t id, int num_args, char *codes, int64_t *values, uintptr_t ret);

/* The last reference to such a function is gone. */
void tvmb_on_finalize(intptr_t id);

/* The runtime needs memory no more that it was lent by tvmb_adopt_memory. */
void tvmb_on_release(intptr_t id);
