#include "nn/kernels/hopper/tensor_map.hpp"

#include "nn/kernels/hopper/launch.hpp"

#include <cudaTypedefs.h>

namespace cheri::nn::hopper {
namespace {

/// The driver's encoder, found through the runtime: nothing need be linked against the driver.
PFN_cuTensorMapEncodeTiled_v12000 encoder() {
  static const auto function = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    require_success(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &result),
                    "cuTensorMapEncodeTiled");
    if (result != cudaDriverEntryPointSuccess) throw std::runtime_error("cuTensorMapEncodeTiled: not in this driver");
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(entry);
  }();
  return function;
}

}   // namespace

CUtensorMap rows_map(const void* rows_NLC, CUtensorMapDataType type, int examples, int length, int n_channels,
                     int box_rows) {
  const cuuint32_t element_bytes = type == CU_TENSOR_MAP_DATA_TYPE_FLOAT32 ? 4 : 2;
  const cuuint64_t row_channels = static_cast<cuuint64_t>(n_channels), row_bytes = row_channels * element_bytes;
  const cuuint64_t extents[] = {row_channels, static_cast<cuuint64_t>(length), static_cast<cuuint64_t>(examples)};
  const cuuint64_t strides[] = {row_bytes, row_bytes * static_cast<cuuint64_t>(length)};
  const cuuint32_t box[] = {128 / element_bytes, static_cast<cuuint32_t>(box_rows), 1};
  const cuuint32_t steps[] = {1, 1, 1};
  CUtensorMap map{};
  const CUresult status =
      encoder()(&map, type, 3, const_cast<void*>(rows_NLC), extents, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) throw std::runtime_error("cuTensorMapEncodeTiled: error " + std::to_string(status));
  return map;
}

}   // namespace cheri::nn::hopper
