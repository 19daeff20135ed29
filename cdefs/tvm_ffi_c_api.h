/* Declarations of tvm/ffi/c_api.h: the part of tvm-ffi's C API that csrc/modern.c builds the classic API on.
 *
 * Read by the C compiler only: Python sees the classic API. Everything here is in libtvm_ffi 0.1.0, and its
 * layout has not changed since. As with c_runtime_api.h, declaring a function is enough to have it looked up.
 */
typedef void *TVMFFIObjectHandle;

typedef struct {
  uint32_t major;
  uint32_t minor;
  uint32_t patch;
} TVMFFIVersion;

enum {
  kTVMFFINone = 0,
  kTVMFFIInt = 1,
  kTVMFFIBool = 2,
  kTVMFFIFloat = 3,
  kTVMFFIOpaquePtr = 4,
  kTVMFFIDataType = 5,
  kTVMFFIDevice = 6,
  kTVMFFIDLTensorPtr = 7,
  kTVMFFIRawStr = 8,
  kTVMFFIByteArrayPtr = 9,
  kTVMFFIObjectRValueRef = 10,
  kTVMFFISmallStr = 11,
  kTVMFFISmallBytes = 12,
  kTVMFFIObject = 64,
  kTVMFFIStr = 65,
  kTVMFFIBytes = 66,
  kTVMFFIError = 67,
  kTVMFFIFunction = 68,
  kTVMFFIShape = 69,
  kTVMFFITensor = 70,
  kTVMFFIModule = 73
};

typedef struct {
  uint64_t combined_ref_count;
  int32_t type_index;
  uint32_t padding;
  void (*deleter)(void *self, int flags);
} TVMFFIObject;

typedef struct {
  int32_t type_index;
  uint32_t small_str_len; /* 0 for all but small strings */
  union {
    int64_t v_int64;
    double v_float64;
    void *v_ptr;
    const char *v_c_str;
    TVMFFIObject *v_obj;
    DLDataType v_dtype;
    DLDevice v_device;
    char v_bytes[8];
  };
} TVMFFIAny;

typedef struct {
  const char *data;
  size_t size;
} TVMFFIByteArray;

/* The heads of what follows an object's header. */
typedef struct {
  TVMFFIByteArray kind;
  TVMFFIByteArray message;
  TVMFFIByteArray backtrace;
} TVMFFIErrorCell;

typedef struct {
  TVMFFIByteArray name;
  TVMFFIByteArray doc;
  TVMFFIByteArray metadata;
  int64_t flags;
  int64_t size;
  int64_t alignment;
  int64_t offset;
  int (*getter)(void *field, TVMFFIAny *result);
  void *setter;
  TVMFFIAny default_value;
  int32_t field_static_type_index;
} TVMFFIFieldInfo;

typedef struct {
  int32_t type_index;
  int32_t type_depth;
  TVMFFIByteArray type_key;
  const void *type_ancestors;
  uint64_t type_key_hash;
  int32_t num_fields;
  int32_t num_methods;
  const TVMFFIFieldInfo *fields;
} TVMFFITypeInfo;

typedef int (*TVMFFISafeCallType)(void *handle, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result);

typedef void (*TVMFFIDeleter)(void *self);

void TVMFFIGetVersion(TVMFFIVersion *out_version);
int TVMFFIObjectIncRef(TVMFFIObjectHandle obj);
int TVMFFIObjectDecRef(TVMFFIObjectHandle obj);
int TVMFFITypeKeyToIndex(const TVMFFIByteArray *type_key, int32_t *out_tindex);
int TVMFFIFunctionCreate(void *self, TVMFFISafeCallType safe_call, TVMFFIDeleter deleter, TVMFFIObjectHandle *out);
int TVMFFIFunctionGetGlobal(const TVMFFIByteArray *name, TVMFFIObjectHandle *out);
int TVMFFIFunctionSetGlobal(const TVMFFIByteArray *name, TVMFFIObjectHandle f, int allow_override);
int TVMFFIFunctionCall(TVMFFIObjectHandle func, TVMFFIAny *args, int32_t num_args, TVMFFIAny *result);
int TVMFFIAnyViewToOwnedAny(const TVMFFIAny *any_view, TVMFFIAny *out);
void TVMFFIErrorMoveFromRaised(TVMFFIObjectHandle *result);
void TVMFFIErrorSetRaisedFromCStr(const char *kind, const char *message);
void TVMFFIErrorSetRaised(TVMFFIObjectHandle error);
int TVMFFIErrorCreate(const TVMFFIByteArray *kind, const TVMFFIByteArray *message, const TVMFFIByteArray *backtrace,
                      TVMFFIObjectHandle *out);
int TVMFFITensorFromDLPack(DLManagedTensor *from, int32_t require_alignment, int32_t require_contiguous,
                           TVMFFIObjectHandle *out);
int TVMFFITensorToDLPack(TVMFFIObjectHandle from, DLManagedTensor **out);
const TVMFFITypeInfo *TVMFFIGetTypeInfo(int32_t type_index);
