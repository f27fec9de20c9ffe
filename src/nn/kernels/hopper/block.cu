// block_forward and block_backward as lists of stages, and the sizes of their memory.
#include "nn/kernels/hopper/block.hpp"

#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/launch.hpp"

namespace cheri::nn::hopper {
namespace {

void require_limits(const Problem& p) {
  const bool fits = p.examples >= 1 && p.length >= 1 && p.dilation >= 1 && p.slice_size >= 1 &&
                    p.examples % p.slice_size == 0 && p.length <= 1 << 19 &&
                    static_cast<std::int64_t>(p.examples) * p.length <= 1 << 30;
  if (fits) return;
  throw std::runtime_error(
      "cheri::nn::hopper: expected examples, length, dilation, slice_size >= 1, length <= 2^19, examples * length <= 2^30 "
      "and "
      "whole slices, not " +
      std::to_string(p.examples) + ", " + std::to_string(p.length) + ", " + std::to_string(p.dilation) + ", " +
      std::to_string(p.slice_size));
}

std::size_t elements_of(int examples, int length) { return static_cast<std::size_t>(examples) * length * channels; }

}   // namespace

template <class Mode>
void prepare() {
  prepare_forward_mlp<Mode>();
  prepare_backward_mlp<Mode>();
}

std::size_t saved_z_bytes(int examples, int length) { return 2 * elements_of(examples, length); }

ForwardScratchBytes forward_scratch_bytes(int examples, int length) {
  const auto n = static_cast<std::size_t>(examples);
  return {n * most_moments(length) * sizeof(float4), n * sizeof(unsigned)};
}

template <class Mode>
BackwardScratchBytes backward_scratch_bytes(int examples, int length, int n_slices) {
  using F = Format<Mode>;
  const auto n = static_cast<std::size_t>(examples), slices = static_cast<std::size_t>(n_slices);
  const auto tiles = static_cast<std::size_t>(ceil_div(length, backward_tile_rows));
  return {2 * 2 * elements_of(examples, length),
          slices * block_parts_per_slice * part_floats * sizeof(float),
          n * most_conv_parts(length) * conv_part_floats * sizeof(float),
          n * tiles * sums_per_tile * sizeof(float4),
          n * sizeof(float4),
          F::is_scaled ? 2 * elements_of(examples, length) : 0,
          F::is_scaled ? slices * sizeof(SliceRange) : 0};
}

template <class Mode>
void block_forward(cudaStream_t stream, const Problem& problem, typename Mode::Activation* out_NLC, float* statistics_N2,
                   std::uint16_t* saved_z, const typename Mode::Activation* x_NLC, const float* conv_3C,
                   const std::byte* packed_layer, const ForwardScratch& scratch) {
  require_limits(problem);
  convolution_statistics<Mode>(stream, problem, statistics_N2, x_NLC, conv_3C, scratch);
  forward_mlp<Mode>(stream, problem, out_NLC, saved_z, x_NLC, statistics_N2, conv_3C, packed_layer);
}

template <class Mode>
void block_backward(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                    typename Mode::Activation* gradient_NLC, const typename Mode::Activation* x_NLC,
                    const float* statistics_N2, const std::uint16_t* saved_z, const float* conv_3C,
                    const std::byte* packed_layer, const std::byte* packed_below, const BackwardScratch& scratch) {
  require_limits(problem);
  backward_mlp<Mode>(stream, problem, gradient_NLC, saved_z, packed_layer, scratch);
  combine_backward<Mode>(stream, problem, gradients, statistics_N2, conv_3C, packed_layer, packed_below, scratch);
  backward_convolution<Mode>(stream, problem, gradient_NLC, x_NLC, conv_3C, packed_below != nullptr, scratch);
  combine_taps<Mode>(stream, problem, gradients, scratch);
}

#define CHERI_HOPPER_BLOCK(Mode)                                                                                     \
  template void prepare<Mode>();                                                                                     \
  template BackwardScratchBytes backward_scratch_bytes<Mode>(int, int, int);                                         \
  template void block_forward<Mode>(cudaStream_t, const Problem&, Mode::Activation*, float*, std::uint16_t*,         \
                                    const Mode::Activation*, const float*, const std::byte*, const ForwardScratch&); \
  template void block_backward<Mode>(cudaStream_t, const Problem&, const LayerGradients&, Mode::Activation*,         \
                                     const Mode::Activation*, const float*, const std::uint16_t*, const float*,      \
                                     const std::byte*, const std::byte*, const BackwardScratch&);
CHERI_HOPPER_BLOCK(Tf32Class)
CHERI_HOPPER_BLOCK(Bf16)
#undef CHERI_HOPPER_BLOCK

}   // namespace cheri::nn::hopper
