// Tensor maps: how the copy engine sees rows of channels (N, L, C).
#pragma once

#include "nn/kernels/hopper/block.hpp"

#include <cuda.h>

#include <type_traits>

namespace cheri::nn::hopper {

/// Boxes of 128 bytes of channels by box_rows rows of one example, stored as column blocks (wgmma.cuh).
/// Channels * bytes of an element: a multiple of 16.
CUtensorMap rows_map(const void* rows_NLC, CUtensorMapDataType type, int examples, int length, int n_channels, int box_rows);

template <class Element>
CUtensorMap rows_map(const void* rows_NLC, int examples, int length, int n_channels, int box_rows) {
  constexpr auto type = std::is_same_v<Element, float>           ? CU_TENSOR_MAP_DATA_TYPE_FLOAT32
                        : std::is_same_v<Element, __nv_bfloat16> ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                                 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  return rows_map(rows_NLC, type, examples, length, n_channels, box_rows);
}

}   // namespace cheri::nn::hopper
