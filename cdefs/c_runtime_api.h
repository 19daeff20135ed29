/* Declarations of tvm/runtime/c_runtime_api.h: every function of TVM 0.7 to 0.20, in the header's order.
 *
 * Read by CFFI's parser and by the C compiler: plain C, no preprocessor. A function declared here is
 * all that build_ffi.py needs to make its slot in the table, its look-up and its forwarding function;
 * declare a function once, here. A runtime may lack some (see src/tvmbind/facts.py): calling
 * a missing one returns TVMB_MISSING and its name.
 *
 * Two functions changed their arguments but not their name: TVMCbArgToReturn (int by value up to 0.6)
 * and TVMDeviceCopyDataFromTo (nine arguments in 0.7). Declared here as 0.8 and later have them; csrc/old.c
 * stands before those of older runtimes.
 */
typedef enum {
  kTVMArgInt = 0,
  kTVMArgFloat = 2,
  kTVMOpaqueHandle = 3,
  kTVMNullptr = 4,
  kTVMDataType = 5,
  kDLDevice = 6,
  kTVMDLTensorHandle = 7,
  kTVMObjectHandle = 8,
  kTVMModuleHandle = 9,
  kTVMPackedFuncHandle = 10,
  kTVMStr = 11,
  kTVMBytes = 12,
  kTVMNDArrayHandle = 13,
  kTVMObjectRValueRefArg = 14,
  kTVMArgBool = 15
} TVMArgTypeCode;

typedef DLTensor *TVMArrayHandle;

typedef union {
  int64_t v_int64;
  double v_float64;
  void *v_handle;
  const char *v_str;
  DLDataType v_type;
  DLDevice v_device;
} TVMValue;

typedef struct {
  const char *data;
  size_t size;
} TVMByteArray;

typedef void *TVMModuleHandle;
typedef void *TVMFunctionHandle;
typedef void *TVMRetValueHandle;
typedef void *TVMStreamHandle;
typedef void *TVMObjectHandle;

typedef int (*TVMPackedCFunc)(TVMValue *args, int *type_codes, int num_args, TVMRetValueHandle ret,
                              void *resource_handle);
typedef void (*TVMPackedCFuncFinalizer)(void *resource_handle);

void TVMAPISetLastError(const char *msg);
void TVMAPISetLastPythonError(void *py_object);
void *TVMGetLastPythonError(void);
const char *TVMGetLastError(void);
const char *TVMGetLastBacktrace(void);
void TVMDropLastPythonError(void);
void TVMThrowLastError(void);

int TVMModLoadFromFile(const char *file_name, const char *format, TVMModuleHandle *out);
int TVMModImport(TVMModuleHandle mod, TVMModuleHandle dep);
int TVMModGetFunction(TVMModuleHandle mod, const char *func_name, int query_imports, TVMFunctionHandle *out);
int TVMModFree(TVMModuleHandle mod);

int TVMFuncFree(TVMFunctionHandle func);
int TVMFuncCall(TVMFunctionHandle func, TVMValue *arg_values, int *type_codes, int num_args, TVMValue *ret_val,
                int *ret_type_code);
int TVMCFuncSetReturn(TVMRetValueHandle ret, TVMValue *value, int *type_code, int num_ret);
int TVMCbArgToReturn(TVMValue *value, int *code);
int TVMFuncCreateFromCFunc(TVMPackedCFunc func, void *resource_handle, TVMPackedCFuncFinalizer fin,
                           TVMFunctionHandle *out);
int TVMFuncRegisterGlobal(const char *name, TVMFunctionHandle f, int override);
int TVMFuncGetGlobal(const char *name, TVMFunctionHandle *out);
int TVMFuncListGlobalNames(int *out_size, const char ***out_array);
int TVMFuncRemoveGlobal(const char *name);

int TVMArrayAlloc(const int64_t *shape, int ndim, int dtype_code, int dtype_bits, int dtype_lanes, int device_type,
                  int device_id, TVMArrayHandle *out);
int TVMArrayFree(TVMArrayHandle handle);
int TVMArrayCopyFromBytes(TVMArrayHandle handle, void *data, size_t nbytes);
int TVMArrayCopyToBytes(TVMArrayHandle handle, void *data, size_t nbytes);
int TVMArrayCopyFromTo(TVMArrayHandle from, TVMArrayHandle to, TVMStreamHandle stream);
int TVMArrayFromDLPack(DLManagedTensor *from, TVMArrayHandle *out);
int TVMArrayToDLPack(TVMArrayHandle from, DLManagedTensor **out);
void TVMDLManagedTensorCallDeleter(DLManagedTensor *dltensor);

int TVMStreamCreate(int device_type, int device_id, TVMStreamHandle *out);
int TVMStreamFree(int device_type, int device_id, TVMStreamHandle stream);
int TVMSetStream(int device_type, int device_id, TVMStreamHandle handle);
int TVMSynchronize(int device_type, int device_id, TVMStreamHandle stream);
int TVMStreamStreamSynchronize(int device_type, int device_id, TVMStreamHandle src, TVMStreamHandle dst);

int TVMObjectGetTypeIndex(TVMObjectHandle obj, unsigned *out_tindex);
int TVMObjectTypeKey2Index(const char *type_key, unsigned *out_tindex);
int TVMObjectTypeIndex2Key(unsigned tindex, char **out_type_key);
int TVMObjectRetain(TVMObjectHandle obj);
int TVMObjectFree(TVMObjectHandle obj);
int TVMByteArrayFree(TVMByteArray *arr);

int TVMDeviceAllocDataSpace(DLDevice dev, size_t nbytes, size_t alignment, DLDataType type_hint, void **out_data);
int TVMDeviceAllocDataSpaceWithScope(DLDevice dev, int ndim, const int64_t *shape, DLDataType dtype,
                                     const char *mem_scope, void **out_data);
int TVMDeviceFreeDataSpace(DLDevice dev, void *ptr);
int TVMDeviceCopyDataFromTo(DLTensor *from, DLTensor *to, TVMStreamHandle stream);
int TVMObjectDerivedFrom(uint32_t child_type_index, uint32_t parent_type_index, int *is_derived);
