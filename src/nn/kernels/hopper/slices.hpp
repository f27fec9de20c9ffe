// What stem and heads share: where parameter gradients go, and in how many parts they are summed.
#pragma once

#include "nn/kernels/hopper/launch.hpp"

#include <cstdint>

namespace cheri::nn::hopper {

/// Parts of a gradient slice: each is summed by one thread block in a fixed order, then the parts in theirs. Part of the
/// numerics: changing it changes rounding.
inline constexpr int parts_per_slice = 16;

/// Row s of `values`, `stride` elements long, is the gradient over the examples [s*slice_size, (s+1)*slice_size).
struct SliceGradients {
  float* values;
  std::int64_t stride;
  int slice_size;

  [[nodiscard]] int n_slices(int n_examples) const { return n_examples / slice_size; }
};

}   // namespace cheri::nn::hopper
