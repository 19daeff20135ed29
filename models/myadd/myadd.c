// tvm target: c -keys=cpu 
#define TVM_EXPORTS
#include "tvm/runtime/c_runtime_api.h"
#include "tvm/runtime/c_backend_api.h"
#include <math.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t myadd(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t myadd(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t a_code = arg_type_ids[0];
  int32_t b_code = arg_type_ids[1];
  int32_t c_code = arg_type_ids[2];
  void* a = (((TVMValue*)args)[0].v_handle);
  void* b = (((TVMValue*)args)[1].v_handle);
  void* c = (((TVMValue*)args)[2].v_handle);
  void* a_1 = (((DLTensor*)a)[0].data);
  void* myadd_a_shape = (((DLTensor*)a)[0].shape);
  int32_t n = ((int32_t)((int64_t*)myadd_a_shape)[0]);
  void* myadd_a_strides = (((DLTensor*)a)[0].strides);
  int32_t condval;
  if ((n == 1)) {
    condval = 0;
  } else {
    int32_t condval_1;
    if ((myadd_a_strides == NULL)) {
      condval_1 = 1;
    } else {
      condval_1 = ((int32_t)((int64_t*)myadd_a_strides)[0]);
    }
    condval = condval_1;
  }
  int32_t stride = condval;
  int32_t dev_id = (((DLTensor*)a)[0].device.device_id);
  void* b_1 = (((DLTensor*)b)[0].data);
  void* myadd_b_shape = (((DLTensor*)b)[0].shape);
  void* myadd_b_strides = (((DLTensor*)b)[0].strides);
  int32_t condval_2;
  if ((n == 1)) {
    condval_2 = 0;
  } else {
    int32_t condval_3;
    if ((myadd_b_strides == NULL)) {
      condval_3 = 1;
    } else {
      condval_3 = ((int32_t)((int64_t*)myadd_b_strides)[0]);
    }
    condval_2 = condval_3;
  }
  int32_t stride_1 = condval_2;
  void* c_1 = (((DLTensor*)c)[0].data);
  void* myadd_c_shape = (((DLTensor*)c)[0].shape);
  void* myadd_c_strides = (((DLTensor*)c)[0].strides);
  int32_t condval_4;
  if ((n == 1)) {
    condval_4 = 0;
  } else {
    int32_t condval_5;
    if ((myadd_c_strides == NULL)) {
      condval_5 = 1;
    } else {
      condval_5 = ((int32_t)((int64_t*)myadd_c_strides)[0]);
    }
    condval_4 = condval_5;
  }
  int32_t stride_2 = condval_4;
  for (int32_t i = 0; i < n; ++i) {
    ((float*)c_1)[(i * stride_2)] = (((float*)a_1)[(i * stride)] + ((float*)b_1)[(i * stride_1)]);
  }
  return 0;
}

// CodegenC: NOTE: Auto-generated entry function
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t __tvm_main__(void* args, int* arg_type_ids, int num_args, void* out_ret_value, int* out_ret_tcode, void* resource_handle) {
  return myadd(args, arg_type_ids, num_args, out_ret_value, out_ret_tcode, resource_handle);
}
