// tvm target: c -keys=cpu 
#define TVM_EXPORTS
#include "tvm/runtime/c_runtime_api.h"
#include "tvm/runtime/c_backend_api.h"
#include <math.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_layout_transform(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_layout_transform_nn_batch_flatten(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_dense_pack_add(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_max_pool2d(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_max_pool2d_1(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_softmax(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL float expf(float);
#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_layout_transform(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t T_layout_trans_code = arg_type_ids[1];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* T_layout_trans = (((TVMValue*)args)[1].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_layout_transform_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_layout_transform_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* T_layout_trans_1 = (((DLTensor*)T_layout_trans)[0].data);
  void* tvmgen_default_fused_layout_transform_T_layout_trans_shape = (((DLTensor*)T_layout_trans)[0].shape);
  void* tvmgen_default_fused_layout_transform_T_layout_trans_strides = (((DLTensor*)T_layout_trans)[0].strides);
  if (!(tvmgen_default_fused_layout_transform_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_layout_transform_T_layout_trans_strides == NULL)) {
  }
  for (int32_t ax0_ax1_fused_ax2_fused = 0; ax0_ax1_fused_ax2_fused < 8; ++ax0_ax1_fused_ax2_fused) {
    for (int32_t ax3 = 0; ax3 < 8; ++ax3) {
      int32_t cse_var_1 = ((ax0_ax1_fused_ax2_fused * 8) + ax3);
      ((float*)T_layout_trans_1)[cse_var_1] = ((float*)p0_1)[cse_var_1];
    }
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_layout_transform_nn_batch_flatten(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t tensor_code = arg_type_ids[1];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* tensor = (((TVMValue*)args)[1].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_layout_transform_nn_batch_flatten_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_layout_transform_nn_batch_flatten_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* tensor_1 = (((DLTensor*)tensor)[0].data);
  void* tvmgen_default_fused_layout_transform_nn_batch_flatten_tensor_shape = (((DLTensor*)tensor)[0].shape);
  void* tvmgen_default_fused_layout_transform_nn_batch_flatten_tensor_strides = (((DLTensor*)tensor)[0].strides);
  if (!(tvmgen_default_fused_layout_transform_nn_batch_flatten_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_layout_transform_nn_batch_flatten_tensor_strides == NULL)) {
  }
  for (int32_t ax1_outer = 0; ax1_outer < 8; ++ax1_outer) {
    for (int32_t ax1_inner = 0; ax1_inner < 16; ++ax1_inner) {
      int32_t cse_var_1 = (ax1_outer * 16);
      ((float*)tensor_1)[(cse_var_1 + ax1_inner)] = ((float*)p0_1)[((cse_var_1 + ((ax1_inner & 3) * 4)) + (ax1_inner >> 2))];
    }
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t p1_code = arg_type_ids[1];
  int32_t p2_code = arg_type_ids[2];
  int32_t p3_code = arg_type_ids[3];
  int32_t T_relu_code = arg_type_ids[4];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* p1 = (((TVMValue*)args)[1].v_handle);
  void* p2 = (((TVMValue*)args)[2].v_handle);
  void* p3 = (((TVMValue*)args)[3].v_handle);
  void* T_relu = (((TVMValue*)args)[4].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* p1_1 = (((DLTensor*)p1)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p1_shape = (((DLTensor*)p1)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p1_strides = (((DLTensor*)p1)[0].strides);
  void* p2_1 = (((DLTensor*)p2)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p2_shape = (((DLTensor*)p2)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p2_strides = (((DLTensor*)p2)[0].strides);
  void* p3_1 = (((DLTensor*)p3)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p3_shape = (((DLTensor*)p3)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p3_strides = (((DLTensor*)p3)[0].strides);
  void* T_relu_1 = (((DLTensor*)T_relu)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_T_relu_shape = (((DLTensor*)T_relu)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_T_relu_strides = (((DLTensor*)T_relu)[0].strides);
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p1_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p2_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_p3_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_T_relu_strides == NULL)) {
  }
  float data_pad[100];
  for (int32_t i0_i1_fused_i2_fused = 0; i0_i1_fused_i2_fused < 10; ++i0_i1_fused_i2_fused) {
    for (int32_t i3 = 0; i3 < 10; ++i3) {
      float condval;
      if (((((1 <= i0_i1_fused_i2_fused) && (i0_i1_fused_i2_fused < 9)) && (1 <= i3)) && (i3 < 9))) {
        condval = ((float*)p0_1)[(((i0_i1_fused_i2_fused * 8) + i3) - 9)];
      } else {
        condval = 0.000000e+00f;
      }
      data_pad[((i0_i1_fused_i2_fused * 10) + i3)] = condval;
    }
  }
  for (int32_t ax0_ax1_fused_ax2_fused = 0; ax0_ax1_fused_ax2_fused < 32; ++ax0_ax1_fused_ax2_fused) {
    float conv2d_NCHWc_global[32];
    for (int32_t oc_block_c_init = 0; oc_block_c_init < 4; ++oc_block_c_init) {
      conv2d_NCHWc_global[oc_block_c_init] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_1 = 0; oc_block_c_init_1 < 4; ++oc_block_c_init_1) {
      conv2d_NCHWc_global[(oc_block_c_init_1 + 4)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_2 = 0; oc_block_c_init_2 < 4; ++oc_block_c_init_2) {
      conv2d_NCHWc_global[(oc_block_c_init_2 + 8)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_3 = 0; oc_block_c_init_3 < 4; ++oc_block_c_init_3) {
      conv2d_NCHWc_global[(oc_block_c_init_3 + 12)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_4 = 0; oc_block_c_init_4 < 4; ++oc_block_c_init_4) {
      conv2d_NCHWc_global[(oc_block_c_init_4 + 16)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_5 = 0; oc_block_c_init_5 < 4; ++oc_block_c_init_5) {
      conv2d_NCHWc_global[(oc_block_c_init_5 + 20)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_6 = 0; oc_block_c_init_6 < 4; ++oc_block_c_init_6) {
      conv2d_NCHWc_global[(oc_block_c_init_6 + 24)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_7 = 0; oc_block_c_init_7 < 4; ++oc_block_c_init_7) {
      conv2d_NCHWc_global[(oc_block_c_init_7 + 28)] = 0.000000e+00f;
    }
    for (int32_t kh = 0; kh < 3; ++kh) {
      for (int32_t kw = 0; kw < 3; ++kw) {
        for (int32_t oc_block_c = 0; oc_block_c < 4; ++oc_block_c) {
          conv2d_NCHWc_global[oc_block_c] = (conv2d_NCHWc_global[oc_block_c] + (data_pad[(((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c)]));
        }
        for (int32_t oc_block_c_1 = 0; oc_block_c_1 < 4; ++oc_block_c_1) {
          int32_t cse_var_1 = (oc_block_c_1 + 4);
          conv2d_NCHWc_global[cse_var_1] = (conv2d_NCHWc_global[cse_var_1] + (data_pad[((((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw) + 1)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c_1)]));
        }
        for (int32_t oc_block_c_2 = 0; oc_block_c_2 < 4; ++oc_block_c_2) {
          int32_t cse_var_2 = (oc_block_c_2 + 8);
          conv2d_NCHWc_global[cse_var_2] = (conv2d_NCHWc_global[cse_var_2] + (data_pad[((((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw) + 2)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c_2)]));
        }
        for (int32_t oc_block_c_3 = 0; oc_block_c_3 < 4; ++oc_block_c_3) {
          int32_t cse_var_3 = (oc_block_c_3 + 12);
          conv2d_NCHWc_global[cse_var_3] = (conv2d_NCHWc_global[cse_var_3] + (data_pad[((((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw) + 3)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c_3)]));
        }
        for (int32_t oc_block_c_4 = 0; oc_block_c_4 < 4; ++oc_block_c_4) {
          int32_t cse_var_4 = (oc_block_c_4 + 16);
          conv2d_NCHWc_global[cse_var_4] = (conv2d_NCHWc_global[cse_var_4] + (data_pad[((((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw) + 4)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c_4)]));
        }
        for (int32_t oc_block_c_5 = 0; oc_block_c_5 < 4; ++oc_block_c_5) {
          int32_t cse_var_5 = (oc_block_c_5 + 20);
          conv2d_NCHWc_global[cse_var_5] = (conv2d_NCHWc_global[cse_var_5] + (data_pad[((((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw) + 5)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c_5)]));
        }
        for (int32_t oc_block_c_6 = 0; oc_block_c_6 < 4; ++oc_block_c_6) {
          int32_t cse_var_6 = (oc_block_c_6 + 24);
          conv2d_NCHWc_global[cse_var_6] = (conv2d_NCHWc_global[cse_var_6] + (data_pad[((((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw) + 6)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c_6)]));
        }
        for (int32_t oc_block_c_7 = 0; oc_block_c_7 < 4; ++oc_block_c_7) {
          int32_t cse_var_7 = (oc_block_c_7 + 28);
          conv2d_NCHWc_global[cse_var_7] = (conv2d_NCHWc_global[cse_var_7] + (data_pad[((((kh * 10) + ((ax0_ax1_fused_ax2_fused & 7) * 10)) + kw) + 7)] * ((float*)p1_1)[(((((ax0_ax1_fused_ax2_fused >> 3) * 36) + (kh * 12)) + (kw * 4)) + oc_block_c_7)]));
        }
      }
    }
    for (int32_t ax3_inner = 0; ax3_inner < 8; ++ax3_inner) {
      for (int32_t ax4 = 0; ax4 < 4; ++ax4) {
        int32_t cse_var_9 = (ax3_inner * 4);
        int32_t cse_var_8 = (((ax0_ax1_fused_ax2_fused >> 3) * 4) + ax4);
        float v_ = (conv2d_NCHWc_global[(cse_var_9 + ax4)] + ((float*)p2_1)[cse_var_8]) + ((float*)p3_1)[cse_var_8];
        ((float*)T_relu_1)[(((ax0_ax1_fused_ax2_fused * 32) + cse_var_9) + ax4)] = ((v_) > (0.000000e+00f) ? (v_) : (0.000000e+00f));
      }
    }
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t p1_code = arg_type_ids[1];
  int32_t p2_code = arg_type_ids[2];
  int32_t p3_code = arg_type_ids[3];
  int32_t T_relu_code = arg_type_ids[4];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* p1 = (((TVMValue*)args)[1].v_handle);
  void* p2 = (((TVMValue*)args)[2].v_handle);
  void* p3 = (((TVMValue*)args)[3].v_handle);
  void* T_relu = (((TVMValue*)args)[4].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* p1_1 = (((DLTensor*)p1)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p1_shape = (((DLTensor*)p1)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p1_strides = (((DLTensor*)p1)[0].strides);
  void* p2_1 = (((DLTensor*)p2)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p2_shape = (((DLTensor*)p2)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p2_strides = (((DLTensor*)p2)[0].strides);
  void* p3_1 = (((DLTensor*)p3)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p3_shape = (((DLTensor*)p3)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p3_strides = (((DLTensor*)p3)[0].strides);
  void* T_relu_1 = (((DLTensor*)T_relu)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_T_relu_shape = (((DLTensor*)T_relu)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_T_relu_strides = (((DLTensor*)T_relu)[0].strides);
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p1_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p2_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_p3_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_1_T_relu_strides == NULL)) {
  }
  void* data_pad = TVMBackendAllocWorkspace(1, dev_id, (uint64_t)6400, 2, 32);
  if (data_pad == NULL) {
    return -1;
  }
  for (int32_t i0_i1_fused_i2_fused = 0; i0_i1_fused_i2_fused < 40; ++i0_i1_fused_i2_fused) {
    for (int32_t i3 = 0; i3 < 10; ++i3) {
      for (int32_t i4 = 0; i4 < 4; ++i4) {
        int32_t cse_var_2 = (i0_i1_fused_i2_fused % 10);
        int32_t cse_var_1 = (i3 * 4);
        float condval;
        if (((((1 <= cse_var_2) && (cse_var_2 < 9)) && (1 <= i3)) && (i3 < 9))) {
          condval = ((float*)p0_1)[((((((i0_i1_fused_i2_fused / 10) * 256) + (cse_var_2 * 32)) + cse_var_1) + i4) - 36)];
        } else {
          condval = 0.000000e+00f;
        }
        ((float*)data_pad)[(((i0_i1_fused_i2_fused * 40) + cse_var_1) + i4)] = condval;
      }
    }
  }
  for (int32_t ax0_ax1_fused_ax2_fused = 0; ax0_ax1_fused_ax2_fused < 64; ++ax0_ax1_fused_ax2_fused) {
    float conv2d_NCHWc_global[32];
    for (int32_t oc_block_c_init = 0; oc_block_c_init < 4; ++oc_block_c_init) {
      conv2d_NCHWc_global[oc_block_c_init] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_1 = 0; oc_block_c_init_1 < 4; ++oc_block_c_init_1) {
      conv2d_NCHWc_global[(oc_block_c_init_1 + 4)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_2 = 0; oc_block_c_init_2 < 4; ++oc_block_c_init_2) {
      conv2d_NCHWc_global[(oc_block_c_init_2 + 8)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_3 = 0; oc_block_c_init_3 < 4; ++oc_block_c_init_3) {
      conv2d_NCHWc_global[(oc_block_c_init_3 + 12)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_4 = 0; oc_block_c_init_4 < 4; ++oc_block_c_init_4) {
      conv2d_NCHWc_global[(oc_block_c_init_4 + 16)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_5 = 0; oc_block_c_init_5 < 4; ++oc_block_c_init_5) {
      conv2d_NCHWc_global[(oc_block_c_init_5 + 20)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_6 = 0; oc_block_c_init_6 < 4; ++oc_block_c_init_6) {
      conv2d_NCHWc_global[(oc_block_c_init_6 + 24)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_7 = 0; oc_block_c_init_7 < 4; ++oc_block_c_init_7) {
      conv2d_NCHWc_global[(oc_block_c_init_7 + 28)] = 0.000000e+00f;
    }
    for (int32_t ic_outer = 0; ic_outer < 4; ++ic_outer) {
      for (int32_t kh = 0; kh < 3; ++kh) {
        for (int32_t kw = 0; kw < 3; ++kw) {
          for (int32_t ic_inner = 0; ic_inner < 4; ++ic_inner) {
            for (int32_t oc_block_c = 0; oc_block_c < 4; ++oc_block_c) {
              conv2d_NCHWc_global[oc_block_c] = (conv2d_NCHWc_global[oc_block_c] + (((float*)data_pad)[(((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c)]));
            }
            for (int32_t oc_block_c_1 = 0; oc_block_c_1 < 4; ++oc_block_c_1) {
              int32_t cse_var_3 = (oc_block_c_1 + 4);
              conv2d_NCHWc_global[cse_var_3] = (conv2d_NCHWc_global[cse_var_3] + (((float*)data_pad)[((((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner) + 4)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_1)]));
            }
            for (int32_t oc_block_c_2 = 0; oc_block_c_2 < 4; ++oc_block_c_2) {
              int32_t cse_var_4 = (oc_block_c_2 + 8);
              conv2d_NCHWc_global[cse_var_4] = (conv2d_NCHWc_global[cse_var_4] + (((float*)data_pad)[((((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner) + 8)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_2)]));
            }
            for (int32_t oc_block_c_3 = 0; oc_block_c_3 < 4; ++oc_block_c_3) {
              int32_t cse_var_5 = (oc_block_c_3 + 12);
              conv2d_NCHWc_global[cse_var_5] = (conv2d_NCHWc_global[cse_var_5] + (((float*)data_pad)[((((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner) + 12)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_3)]));
            }
            for (int32_t oc_block_c_4 = 0; oc_block_c_4 < 4; ++oc_block_c_4) {
              int32_t cse_var_6 = (oc_block_c_4 + 16);
              conv2d_NCHWc_global[cse_var_6] = (conv2d_NCHWc_global[cse_var_6] + (((float*)data_pad)[((((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner) + 16)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_4)]));
            }
            for (int32_t oc_block_c_5 = 0; oc_block_c_5 < 4; ++oc_block_c_5) {
              int32_t cse_var_7 = (oc_block_c_5 + 20);
              conv2d_NCHWc_global[cse_var_7] = (conv2d_NCHWc_global[cse_var_7] + (((float*)data_pad)[((((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner) + 20)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_5)]));
            }
            for (int32_t oc_block_c_6 = 0; oc_block_c_6 < 4; ++oc_block_c_6) {
              int32_t cse_var_8 = (oc_block_c_6 + 24);
              conv2d_NCHWc_global[cse_var_8] = (conv2d_NCHWc_global[cse_var_8] + (((float*)data_pad)[((((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner) + 24)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_6)]));
            }
            for (int32_t oc_block_c_7 = 0; oc_block_c_7 < 4; ++oc_block_c_7) {
              int32_t cse_var_9 = (oc_block_c_7 + 28);
              conv2d_NCHWc_global[cse_var_9] = (conv2d_NCHWc_global[cse_var_9] + (((float*)data_pad)[((((((ic_outer * 400) + (kh * 40)) + ((ax0_ax1_fused_ax2_fused & 7) * 40)) + (kw * 4)) + ic_inner) + 28)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 3) * 576) + (ic_outer * 144)) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_7)]));
            }
          }
        }
      }
    }
    for (int32_t ax3_inner = 0; ax3_inner < 8; ++ax3_inner) {
      for (int32_t ax4 = 0; ax4 < 4; ++ax4) {
        int32_t cse_var_11 = (ax3_inner * 4);
        int32_t cse_var_10 = (((ax0_ax1_fused_ax2_fused >> 3) * 4) + ax4);
        float v_ = (conv2d_NCHWc_global[(cse_var_11 + ax4)] + ((float*)p2_1)[cse_var_10]) + ((float*)p3_1)[cse_var_10];
        ((float*)T_relu_1)[(((ax0_ax1_fused_ax2_fused * 32) + cse_var_11) + ax4)] = ((v_) > (0.000000e+00f) ? (v_) : (0.000000e+00f));
      }
    }
  }
  if (TVMBackendFreeWorkspace(1, dev_id, data_pad) != 0) {
    return -1;
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t p1_code = arg_type_ids[1];
  int32_t p2_code = arg_type_ids[2];
  int32_t p3_code = arg_type_ids[3];
  int32_t T_relu_code = arg_type_ids[4];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* p1 = (((TVMValue*)args)[1].v_handle);
  void* p2 = (((TVMValue*)args)[2].v_handle);
  void* p3 = (((TVMValue*)args)[3].v_handle);
  void* T_relu = (((TVMValue*)args)[4].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* p1_1 = (((DLTensor*)p1)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p1_shape = (((DLTensor*)p1)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p1_strides = (((DLTensor*)p1)[0].strides);
  void* p2_1 = (((DLTensor*)p2)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p2_shape = (((DLTensor*)p2)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p2_strides = (((DLTensor*)p2)[0].strides);
  void* p3_1 = (((DLTensor*)p3)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p3_shape = (((DLTensor*)p3)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p3_strides = (((DLTensor*)p3)[0].strides);
  void* T_relu_1 = (((DLTensor*)T_relu)[0].data);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_T_relu_shape = (((DLTensor*)T_relu)[0].shape);
  void* tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_T_relu_strides = (((DLTensor*)T_relu)[0].strides);
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p1_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p2_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_p3_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu_2_T_relu_strides == NULL)) {
  }
  void* data_pad = TVMBackendAllocWorkspace(1, dev_id, (uint64_t)4608, 2, 32);
  if (data_pad == NULL) {
    return -1;
  }
  for (int32_t i0_i1_fused_i2_fused = 0; i0_i1_fused_i2_fused < 48; ++i0_i1_fused_i2_fused) {
    for (int32_t i3 = 0; i3 < 6; ++i3) {
      for (int32_t i4 = 0; i4 < 4; ++i4) {
        int32_t cse_var_2 = (i0_i1_fused_i2_fused % 6);
        int32_t cse_var_1 = (i3 * 4);
        float condval;
        if (((((1 <= cse_var_2) && (cse_var_2 < 5)) && (1 <= i3)) && (i3 < 5))) {
          condval = ((float*)p0_1)[((((((i0_i1_fused_i2_fused / 6) * 64) + (cse_var_2 * 16)) + cse_var_1) + i4) - 20)];
        } else {
          condval = 0.000000e+00f;
        }
        ((float*)data_pad)[(((i0_i1_fused_i2_fused * 24) + cse_var_1) + i4)] = condval;
      }
    }
  }
  for (int32_t ax0_ax1_fused_ax2_fused = 0; ax0_ax1_fused_ax2_fused < 32; ++ax0_ax1_fused_ax2_fused) {
    float conv2d_NCHWc_global[16];
    for (int32_t oc_block_c_init = 0; oc_block_c_init < 4; ++oc_block_c_init) {
      conv2d_NCHWc_global[oc_block_c_init] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_1 = 0; oc_block_c_init_1 < 4; ++oc_block_c_init_1) {
      conv2d_NCHWc_global[(oc_block_c_init_1 + 4)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_2 = 0; oc_block_c_init_2 < 4; ++oc_block_c_init_2) {
      conv2d_NCHWc_global[(oc_block_c_init_2 + 8)] = 0.000000e+00f;
    }
    for (int32_t oc_block_c_init_3 = 0; oc_block_c_init_3 < 4; ++oc_block_c_init_3) {
      conv2d_NCHWc_global[(oc_block_c_init_3 + 12)] = 0.000000e+00f;
    }
    for (int32_t ic_outer = 0; ic_outer < 8; ++ic_outer) {
      for (int32_t kh = 0; kh < 3; ++kh) {
        for (int32_t kw = 0; kw < 3; ++kw) {
          for (int32_t ic_inner = 0; ic_inner < 4; ++ic_inner) {
            for (int32_t oc_block_c = 0; oc_block_c < 4; ++oc_block_c) {
              int32_t cse_var_3 = (ic_outer * 144);
              conv2d_NCHWc_global[oc_block_c] = (conv2d_NCHWc_global[oc_block_c] + (((float*)data_pad)[((((cse_var_3 + (kh * 24)) + ((ax0_ax1_fused_ax2_fused & 3) * 24)) + (kw * 4)) + ic_inner)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 2) * 1152) + cse_var_3) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c)]));
            }
            for (int32_t oc_block_c_1 = 0; oc_block_c_1 < 4; ++oc_block_c_1) {
              int32_t cse_var_5 = (ic_outer * 144);
              int32_t cse_var_4 = (oc_block_c_1 + 4);
              conv2d_NCHWc_global[cse_var_4] = (conv2d_NCHWc_global[cse_var_4] + (((float*)data_pad)[(((((cse_var_5 + (kh * 24)) + ((ax0_ax1_fused_ax2_fused & 3) * 24)) + (kw * 4)) + ic_inner) + 4)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 2) * 1152) + cse_var_5) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_1)]));
            }
            for (int32_t oc_block_c_2 = 0; oc_block_c_2 < 4; ++oc_block_c_2) {
              int32_t cse_var_7 = (ic_outer * 144);
              int32_t cse_var_6 = (oc_block_c_2 + 8);
              conv2d_NCHWc_global[cse_var_6] = (conv2d_NCHWc_global[cse_var_6] + (((float*)data_pad)[(((((cse_var_7 + (kh * 24)) + ((ax0_ax1_fused_ax2_fused & 3) * 24)) + (kw * 4)) + ic_inner) + 8)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 2) * 1152) + cse_var_7) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_2)]));
            }
            for (int32_t oc_block_c_3 = 0; oc_block_c_3 < 4; ++oc_block_c_3) {
              int32_t cse_var_9 = (ic_outer * 144);
              int32_t cse_var_8 = (oc_block_c_3 + 12);
              conv2d_NCHWc_global[cse_var_8] = (conv2d_NCHWc_global[cse_var_8] + (((float*)data_pad)[(((((cse_var_9 + (kh * 24)) + ((ax0_ax1_fused_ax2_fused & 3) * 24)) + (kw * 4)) + ic_inner) + 12)] * ((float*)p1_1)[(((((((ax0_ax1_fused_ax2_fused >> 2) * 1152) + cse_var_9) + (kh * 48)) + (kw * 16)) + (ic_inner * 4)) + oc_block_c_3)]));
            }
          }
        }
      }
    }
    for (int32_t ax3_inner = 0; ax3_inner < 4; ++ax3_inner) {
      for (int32_t ax4 = 0; ax4 < 4; ++ax4) {
        int32_t cse_var_11 = (ax3_inner * 4);
        int32_t cse_var_10 = (((ax0_ax1_fused_ax2_fused >> 2) * 4) + ax4);
        float v_ = (conv2d_NCHWc_global[(cse_var_11 + ax4)] + ((float*)p2_1)[cse_var_10]) + ((float*)p3_1)[cse_var_10];
        ((float*)T_relu_1)[(((ax0_ax1_fused_ax2_fused * 16) + cse_var_11) + ax4)] = ((v_) > (0.000000e+00f) ? (v_) : (0.000000e+00f));
      }
    }
  }
  if (TVMBackendFreeWorkspace(1, dev_id, data_pad) != 0) {
    return -1;
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_contrib_dense_pack_add(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t p1_code = arg_type_ids[1];
  int32_t p2_code = arg_type_ids[2];
  int32_t T_add_code = arg_type_ids[3];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* p1 = (((TVMValue*)args)[1].v_handle);
  void* p2 = (((TVMValue*)args)[2].v_handle);
  void* T_add = (((TVMValue*)args)[3].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* p1_1 = (((DLTensor*)p1)[0].data);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_p1_shape = (((DLTensor*)p1)[0].shape);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_p1_strides = (((DLTensor*)p1)[0].strides);
  void* p2_1 = (((DLTensor*)p2)[0].data);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_p2_shape = (((DLTensor*)p2)[0].shape);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_p2_strides = (((DLTensor*)p2)[0].strides);
  void* T_add_1 = (((DLTensor*)T_add)[0].data);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_T_add_shape = (((DLTensor*)T_add)[0].shape);
  void* tvmgen_default_fused_nn_contrib_dense_pack_add_T_add_strides = (((DLTensor*)T_add)[0].strides);
  if (!(tvmgen_default_fused_nn_contrib_dense_pack_add_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_dense_pack_add_p1_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_dense_pack_add_p2_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_contrib_dense_pack_add_T_add_strides == NULL)) {
  }
  for (int32_t ax1_outer_ax0_outer_fused = 0; ax1_outer_ax0_outer_fused < 2; ++ax1_outer_ax0_outer_fused) {
    float compute_global[5];
    for (int32_t x_c_init = 0; x_c_init < 5; ++x_c_init) {
      compute_global[x_c_init] = 0.000000e+00f;
    }
    for (int32_t k_outer = 0; k_outer < 128; ++k_outer) {
      for (int32_t x_c = 0; x_c < 5; ++x_c) {
        compute_global[x_c] = (compute_global[x_c] + (((float*)p0_1)[k_outer] * ((float*)p1_1)[(((ax1_outer_ax0_outer_fused * 640) + (k_outer * 5)) + x_c)]));
      }
    }
    for (int32_t ax1_inner_inner = 0; ax1_inner_inner < 5; ++ax1_inner_inner) {
      int32_t cse_var_1 = ((ax1_outer_ax0_outer_fused * 5) + ax1_inner_inner);
      ((float*)T_add_1)[cse_var_1] = (compute_global[ax1_inner_inner] + ((float*)p2_1)[cse_var_1]);
    }
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_max_pool2d(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t pool_max_code = arg_type_ids[1];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* pool_max = (((TVMValue*)args)[1].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_nn_max_pool2d_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_nn_max_pool2d_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* pool_max_1 = (((DLTensor*)pool_max)[0].data);
  void* tvmgen_default_fused_nn_max_pool2d_pool_max_shape = (((DLTensor*)pool_max)[0].shape);
  void* tvmgen_default_fused_nn_max_pool2d_pool_max_strides = (((DLTensor*)pool_max)[0].strides);
  if (!(tvmgen_default_fused_nn_max_pool2d_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_max_pool2d_pool_max_strides == NULL)) {
  }
  for (int32_t ax0_ax1_fused_ax2_fused = 0; ax0_ax1_fused_ax2_fused < 32; ++ax0_ax1_fused_ax2_fused) {
    for (int32_t ax3 = 0; ax3 < 4; ++ax3) {
      for (int32_t ax4_init = 0; ax4_init < 4; ++ax4_init) {
        ((float*)pool_max_1)[(((ax0_ax1_fused_ax2_fused * 16) + (ax3 * 4)) + ax4_init)] = -3.402823e+38f;
      }
      for (int32_t rv0_rv1_fused = 0; rv0_rv1_fused < 4; ++rv0_rv1_fused) {
        for (int32_t ax4 = 0; ax4 < 4; ++ax4) {
          int32_t cse_var_1 = (((ax0_ax1_fused_ax2_fused * 16) + (ax3 * 4)) + ax4);
          float v_ = ((float*)pool_max_1)[cse_var_1];
          float v__1 = ((float*)p0_1)[(((((ax0_ax1_fused_ax2_fused * 64) + ((rv0_rv1_fused >> 1) * 32)) + (ax3 * 8)) + ((rv0_rv1_fused & 1) * 4)) + ax4)];
          ((float*)pool_max_1)[cse_var_1] = ((v_) > (v__1) ? (v_) : (v__1));
        }
      }
    }
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_max_pool2d_1(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t pool_max_code = arg_type_ids[1];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* pool_max = (((TVMValue*)args)[1].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_nn_max_pool2d_1_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_nn_max_pool2d_1_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* pool_max_1 = (((DLTensor*)pool_max)[0].data);
  void* tvmgen_default_fused_nn_max_pool2d_1_pool_max_shape = (((DLTensor*)pool_max)[0].shape);
  void* tvmgen_default_fused_nn_max_pool2d_1_pool_max_strides = (((DLTensor*)pool_max)[0].strides);
  if (!(tvmgen_default_fused_nn_max_pool2d_1_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_max_pool2d_1_pool_max_strides == NULL)) {
  }
  for (int32_t ax0_ax1_fused_ax2_fused = 0; ax0_ax1_fused_ax2_fused < 16; ++ax0_ax1_fused_ax2_fused) {
    for (int32_t ax3 = 0; ax3 < 2; ++ax3) {
      for (int32_t ax4_init = 0; ax4_init < 4; ++ax4_init) {
        ((float*)pool_max_1)[(((ax0_ax1_fused_ax2_fused * 8) + (ax3 * 4)) + ax4_init)] = -3.402823e+38f;
      }
      for (int32_t rv0_rv1_fused = 0; rv0_rv1_fused < 4; ++rv0_rv1_fused) {
        for (int32_t ax4 = 0; ax4 < 4; ++ax4) {
          int32_t cse_var_1 = (((ax0_ax1_fused_ax2_fused * 8) + (ax3 * 4)) + ax4);
          float v_ = ((float*)pool_max_1)[cse_var_1];
          float v__1 = ((float*)p0_1)[(((((ax0_ax1_fused_ax2_fused * 32) + ((rv0_rv1_fused >> 1) * 16)) + (ax3 * 8)) + ((rv0_rv1_fused & 1) * 4)) + ax4)];
          ((float*)pool_max_1)[cse_var_1] = ((v_) > (v__1) ? (v_) : (v__1));
        }
      }
    }
  }
  return 0;
}

#ifdef __cplusplus
extern "C"
#endif
TVM_DLL int32_t tvmgen_default_fused_nn_softmax(void* args, int32_t* arg_type_ids, int32_t num_args, void* out_ret_value, int32_t* out_ret_tcode, void* resource_handle) {
  int32_t p0_code = arg_type_ids[0];
  int32_t T_softmax_norm_code = arg_type_ids[1];
  void* p0 = (((TVMValue*)args)[0].v_handle);
  void* T_softmax_norm = (((TVMValue*)args)[1].v_handle);
  void* p0_1 = (((DLTensor*)p0)[0].data);
  void* tvmgen_default_fused_nn_softmax_p0_shape = (((DLTensor*)p0)[0].shape);
  void* tvmgen_default_fused_nn_softmax_p0_strides = (((DLTensor*)p0)[0].strides);
  int32_t dev_id = (((DLTensor*)p0)[0].device.device_id);
  void* T_softmax_norm_1 = (((DLTensor*)T_softmax_norm)[0].data);
  void* tvmgen_default_fused_nn_softmax_T_softmax_norm_shape = (((DLTensor*)T_softmax_norm)[0].shape);
  void* tvmgen_default_fused_nn_softmax_T_softmax_norm_strides = (((DLTensor*)T_softmax_norm)[0].strides);
  if (!(tvmgen_default_fused_nn_softmax_p0_strides == NULL)) {
  }
  if (!(tvmgen_default_fused_nn_softmax_T_softmax_norm_strides == NULL)) {
  }
  float T_softmax_maxelem[1];
  float T_softmax_exp[10];
  float T_softmax_expsum[1];
  T_softmax_maxelem[0] = -3.402823e+38f;
  for (int32_t k = 0; k < 10; ++k) {
    float v_ = T_softmax_maxelem[0];
    float v__1 = ((float*)p0_1)[k];
    T_softmax_maxelem[0] = ((v_) > (v__1) ? (v_) : (v__1));
  }
  for (int32_t i1 = 0; i1 < 10; ++i1) {
    T_softmax_exp[i1] = expf((((float*)p0_1)[i1] - T_softmax_maxelem[0]));
  }
  T_softmax_expsum[0] = 0.000000e+00f;
  for (int32_t k_1 = 0; k_1 < 10; ++k_1) {
    T_softmax_expsum[0] = (T_softmax_expsum[0] + T_softmax_exp[k_1]);
  }
  for (int32_t i1_1 = 0; i1_1 < 10; ++i1_1) {
    ((float*)T_softmax_norm_1)[i1_1] = (T_softmax_exp[i1_1] / T_softmax_expsum[0]);
  }
  return 0;
}

