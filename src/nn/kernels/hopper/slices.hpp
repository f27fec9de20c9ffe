// What the launchers of this folder share: a check after every launch, and where parameter gradients go.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

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

inline void check_cuda(cudaError_t status, const char* label) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(label) + ": " + cudaGetErrorString(status));
}

}   // namespace cheri::nn::hopper

/// After a launch: throws std::runtime_error with the label if it failed.
#define CHERI_CHECK_LAUNCH(label) ::cheri::nn::hopper::check_cuda(cudaGetLastError(), label)
