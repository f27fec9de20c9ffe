// block_forward and block_backward as lists of stages, and the sizes of their memory.
#include "nn/kernels/hopper/block.hpp"

#include "nn/kernels/hopper/formats.cuh"
#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/launch.hpp"
#include "nn/kernels/hopper/wide.hpp"

#include <algorithm>

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

/// Bytes of (N, L, columns) numbers of 16 bit.
std::size_t row_bytes(int examples, int length, int columns) {
  return 2 * static_cast<std::size_t>(examples) * static_cast<std::size_t>(length) * static_cast<std::size_t>(columns);
}

}   // namespace

bool blocks_serve(const Width& width) {
  return width.channels >= 64 && width.channels <= max_channels && width.channels % 32 == 0 && width.hidden >= 64 &&
         width.hidden <= 16 * max_channels && width.hidden % 32 == 0;
}

template <class Mode>
void prepare() {
  prepare_forward_mlp<Mode>();
  prepare_backward_mlp<Mode>();
  prepare_wide_mlp<Mode>();
}

std::size_t packed_layer_bytes(const Width& width) {
  return width.is_fused() ? std::size_t{PackedLayout::bytes} : WideLayout(width).bytes;
}

LayerNorms norms_of(const Width& width, const std::byte* packed_layer) {
  if (packed_layer == nullptr) return {};
  const auto at = [&](std::size_t offset) { return reinterpret_cast<const float*>(packed_layer + offset); };
  if (width.is_fused()) return {at(PackedLayout::linear1_norms), at(PackedLayout::linear2_norms), channels / 32, hidden};
  const WideLayout layout(width);
  return {at(layout.linear1_norms), at(layout.linear2_norms), width.channels / 32, width.hidden};
}

int sums_per_example(const Width& width, int length) {
  return width.is_fused() ? sums_per_tile * ceil_div(length, backward_tile_rows) : wide_sums_per_example(width, length);
}

template <class Mode>
void pack_weights(cudaStream_t stream, std::byte* packed, const float* parameters, const LayerOffsets* layers, int n_layers,
                  const Width& width, float residual_scale) {
  if (n_layers < 1 || n_layers > max_layers) {
    throw std::runtime_error("cheri::nn::hopper::pack_weights: 1 to 32 layers, not " + std::to_string(n_layers));
  }
  Layers all{};
  std::copy_n(layers, n_layers, all.offsets);
  if (width.is_fused()) {
    pack_fused_weights<Mode>(stream, packed, parameters, all, n_layers, residual_scale);
  } else {
    pack_wide_weights<Mode>(stream, packed, parameters, all, n_layers, width, residual_scale);
  }
}

std::size_t saved_z_bytes(int examples, int length, const Width& width) {
  return row_bytes(examples, length, width.channels);
}

ForwardScratchBytes forward_scratch_bytes(int examples, int length, const Width& width, bool training) {
  const auto n = static_cast<std::size_t>(examples);
  return {n * most_moments(length, width.channels) * sizeof(float4), n * sizeof(unsigned),
          width.is_fused() || training ? 0 : row_bytes(examples, length, width.channels),
          width.is_fused() ? 0 : row_bytes(examples, length, width.hidden)};
}

template <class Mode>
BackwardScratchBytes backward_scratch_bytes(int examples, int length, const Width& width, int n_slices) {
  using F = Format<Mode>;
  const auto n = static_cast<std::size_t>(examples), slices = static_cast<std::size_t>(n_slices);
  const std::size_t rows = row_bytes(examples, length, width.channels);
  std::size_t published = 0, linear_floats = 0;
  for_mlp(width, [&](auto mlp) {
    published = mlp.published;
    linear_floats = static_cast<std::size_t>(mlp.linear_parts) * static_cast<std::size_t>(mlp.part_floats());
  });
  return {rows,
          slices * linear_floats * sizeof(float),
          n * most_conv_parts(length, width.channels) * 3 * static_cast<std::size_t>(width.channels) * sizeof(float),
          n * static_cast<std::size_t>(sums_per_example(width, length)) * sizeof(float4),
          slices * published * sizeof(unsigned),
          n * sizeof(float4),
          F::is_scaled ? rows : 0,
          F::is_scaled ? slices * sizeof(SliceRange) : 0,
          width.is_fused() ? 0 : 2 * row_bytes(examples, length, width.hidden)};
}

template <class Mode>
void block_forward(cudaStream_t stream, const Problem& problem, typename Mode::Activation* out_NLC, float* statistics_N2,
                   std::uint16_t* saved_z, const typename Mode::Activation* x_NLC, const float* conv_3C,
                   const std::byte* packed_layer, const ForwardScratch& scratch) {
  require_limits(problem);
  convolution_statistics<Mode>(stream, problem, statistics_N2, x_NLC, conv_3C, scratch);
  if (problem.width.is_fused()) {
    forward_mlp<Mode>(stream, problem, out_NLC, saved_z, x_NLC, statistics_N2, conv_3C, packed_layer);
  } else {
    wide_forward_mlp<Mode>(stream, problem, out_NLC, saved_z ? saved_z : scratch.z, x_NLC, statistics_N2, conv_3C,
                           packed_layer, scratch.hidden);
  }
}

template <class Mode>
void block_backward(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                    typename Mode::Activation* gradient_NLC, const typename Mode::Activation* x_NLC,
                    const float* statistics_N2, const std::uint16_t* saved_z, const float* conv_3C,
                    const std::byte* packed_layer, const std::byte* packed_below, const BackwardScratch& scratch) {
  require_limits(problem);
  const auto mlp = problem.width.is_fused() ? backward_mlp<Mode> : wide_backward_mlp<Mode>;
  mlp(stream, problem, gradient_NLC, saved_z, packed_layer, scratch);
  combine_backward<Mode>(stream, problem, gradients, statistics_N2, conv_3C, packed_layer, packed_below, scratch);
  backward_convolution<Mode>(stream, problem, gradient_NLC, x_NLC, conv_3C, packed_below != nullptr, scratch);
  combine_taps<Mode>(stream, problem, gradients, scratch);
}

#define CHERI_HOPPER_BLOCK(Mode)                                                                                           \
  template void prepare<Mode>();                                                                                           \
  template BackwardScratchBytes backward_scratch_bytes<Mode>(int, int, const Width&, int);                                 \
  template void pack_weights<Mode>(cudaStream_t, std::byte*, const float*, const LayerOffsets*, int, const Width&, float); \
  template void block_forward<Mode>(cudaStream_t, const Problem&, Mode::Activation*, float*, std::uint16_t*,               \
                                    const Mode::Activation*, const float*, const std::byte*, const ForwardScratch&);       \
  template void block_backward<Mode>(cudaStream_t, const Problem&, const LayerGradients&, Mode::Activation*,               \
                                     const Mode::Activation*, const float*, const std::uint16_t*, const float*,            \
                                     const std::byte*, const std::byte*, const BackwardScratch&);
CHERI_HOPPER_BLOCK(Tf32Class)
CHERI_HOPPER_BLOCK(Bf16)
#undef CHERI_HOPPER_BLOCK

}   // namespace cheri::nn::hopper
