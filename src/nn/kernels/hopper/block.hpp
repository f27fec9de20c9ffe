// The Cheri block on Hopper GPUs (compute capability 9.0): the matrix unit's wgmma instructions, fed by bulk copies. C = 128
// with H = 256 has an MLP of its own, whose hidden layer never leaves the multiprocessor ("fused"); other C and H that are
// multiples of 32 take one product at a time through memory ("wide").
//
// Same mathematics and contract as block_forward and block_backward of cheri/nn/ops.hpp, with two precisions:
//
//   Tf32Class  activations fp32; operands of the MLP's products in fp16, whose 10-bit mantissa is TF32's
//   Bf16       activations and operands bf16
//
// In both, products are accumulated and statistics and parameter gradients kept in fp32. Tf32Class stays in fp16's range in
// both directions: z is bounded by sqrt(L C), gelu saturates at fp16's maximum, and the gradient that enters the products is
// multiplied by a power of two chosen per gradient slice from a rigorous bound. A NaN or Inf is never hidden.
//
// Contract: any N, L and dilation >= 1 (limits: see Problem). Nothing is allocated, nothing waits for the device, so all of
// it can be captured in a CUDA graph. The kernels are launched such that one may start while the one before it ends, and
// order themselves; other kernels of the stream see all of their results. Results depend neither on the number of slices in
// a call nor on the GPU's number of multiprocessors. Every pointer is 256-byte aligned, except into the flat parameter and
// gradient buffers. Errors of the CUDA runtime are thrown as std::runtime_error.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace cheri::nn::hopper {

inline constexpr int channels = 128;   ///< C of the fused MLP
inline constexpr int hidden = 256;     ///< H of the fused MLP
inline constexpr int max_channels = 1024;
inline constexpr int max_layers = 32;

/// The sizes of all blocks of a model.
struct Width {
  int channels = 0;   ///< C
  int hidden = 0;     ///< H

  [[nodiscard]] constexpr bool is_fused() const { return channels == hopper::channels && hidden == hopper::hidden; }
};

/// Whether these kernels take the width: C and H multiples of 32, 64 <= C <= 1024, 64 <= H <= 16384.
bool blocks_serve(const Width& width);

struct Tf32Class {
  using Activation = float;
};
struct Bf16 {
  using Activation = __nv_bfloat16;
};

/// One block's sizes. Refused (std::runtime_error): length > 2^19, examples * length > 2^30.
struct Problem {
  int examples = 0;     ///< N
  int length = 0;       ///< L
  int dilation = 1;     ///< may exceed L
  int slice_size = 1;   ///< examples of a gradient slice; divides N. Only the backward reads it
  float residual_scale = 0;
  Width width;

  [[nodiscard]] int n_slices() const { return examples / slice_size; }
  [[nodiscard]] std::int64_t elements() const { return static_cast<std::int64_t>(examples) * length * width.channels; }
};

/// Sets the kernels' shared memory limits on the current device: once, before the first launch and outside of graph capture.
template <class Mode>
void prepare();

// ---- weights ---------------------------------------------------------------------------------------------------------

/// Where a block's parameters lie in the flat buffer: conv (3,C), linear1 (H,C), linear2 (C,H).
struct LayerOffsets {
  std::int64_t conv = 0, linear1 = 0, linear2 = 0;
};

/// Bytes of one layer's packed weights: 16-bit images of W1 and W2 as the products of the forward and of the backward take
/// them, and the sums and norms that the backward needs.
std::size_t packed_layer_bytes(const Width& width);

/// Packs all layers: layer i at packed + i * packed_layer_bytes(width). Once a step.
template <class Mode>
void pack_weights(cudaStream_t stream, std::byte* packed, const float* parameters, const LayerOffsets* layers, int n_layers,
                  const Width& width, float residual_scale);

// ---- forward ---------------------------------------------------------------------------------------------------------

struct ForwardScratch {
  float4* moments = nullptr;             ///< partial statistics
  unsigned* finished_blocks = nullptr;   ///< counters; zeros before the first call, and again after each
  std::uint16_t* z = nullptr;            ///< (N,L,C) in inference; wide alone
  std::uint16_t* hidden = nullptr;       ///< gelu(h) (N,L,H); wide alone
};
struct ForwardScratchBytes {
  std::size_t moments, finished_blocks, z, hidden;
};
ForwardScratchBytes forward_scratch_bytes(int examples, int length, const Width& width, bool training);

/// Bytes of the 16-bit z that a training forward keeps for each layer.
std::size_t saved_z_bytes(int examples, int length, const Width& width);

/// out = x + s W2 gelu(W1 norm(conv(x))). statistics_N2: mean and 1/sqrt(var + 1e-3) of each example's convolution.
/// saved_z (N,L,C) receives the normalised convolution for the backward; null in inference. conv_3C in fp32.
template <class Mode>
void block_forward(cudaStream_t stream, const Problem& problem, typename Mode::Activation* out_NLC, float* statistics_N2,
                   std::uint16_t* saved_z, const typename Mode::Activation* x_NLC, const float* conv_3C,
                   const std::byte* packed_layer, const ForwardScratch& scratch);

// ---- backward --------------------------------------------------------------------------------------------------------

/// The range of one slice's gradient, which Tf32Class follows from block to block.
struct SliceRange {
  float scale;             ///< the fp16 copy is scale * gradient: a power of two, or NaN if the gradient is not finite
  float next_scale;        ///< of the copy that the current block's backward writes
  unsigned largest_bits;   ///< max |gradient|, as the bits of a float: integer maxima do not depend on their order
  unsigned unused;
};

struct BackwardScratch {
  std::uint16_t* dz = nullptr;       ///< (N,L,C)
  float* linear_parts = nullptr;     ///< dW1 and dW2, part by part
  float* conv_parts = nullptr;       ///< gradients of the taps
  float4* tile_sums = nullptr;       ///< sums over dz of each tile
  unsigned* published = nullptr;     ///< counters; zeros before the first call, and again after each; fused alone
  float4* coefficients = nullptr;    ///< of the norm's backward, per example
  std::uint16_t* scaled = nullptr;   ///< fp16 copy of the gradient (N,L,C), scaled; Tf32Class only
  SliceRange* ranges = nullptr;      ///< per slice; Tf32Class only
  std::uint16_t* hidden = nullptr;   ///< gelu(h), then dh (N,L,H); wide alone
};
struct BackwardScratchBytes {
  std::size_t dz, linear_parts, conv_parts, tile_sums, published, coefficients, scaled, ranges, hidden;
};
template <class Mode>
BackwardScratchBytes backward_scratch_bytes(int examples, int length, const Width& width, int n_slices);

/// Before the backward of the last block: measures the heads' gradient and writes its scaled copy (Bf16: nothing to do).
/// packed_layer: the last block's.
template <class Mode>
void begin_backward(cudaStream_t stream, const Problem& problem, const typename Mode::Activation* gradient_NLC,
                    const std::byte* packed_layer, const BackwardScratch& scratch);

/// Where parameter gradients go: slice s to values + s * row_stride, at the layer's offsets.
struct LayerGradients {
  float* values = nullptr;
  std::int64_t row_stride = 0;
  LayerOffsets offsets;
};

/// gradient_NLC is dout and becomes dx; with it the scratch's scaled copy, for the block below. packed_below: the packed
/// weights of that block, null for the first block of the model.
template <class Mode>
void block_backward(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                    typename Mode::Activation* gradient_NLC, const typename Mode::Activation* x_NLC,
                    const float* statistics_N2, const std::uint16_t* saved_z, const float* conv_3C,
                    const std::byte* packed_layer, const std::byte* packed_below, const BackwardScratch& scratch);

}   // namespace cheri::nn::hopper
