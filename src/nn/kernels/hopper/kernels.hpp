// The stages of block_forward and block_backward, each a launch; block.cu puts them in order.
#pragma once

#include "nn/kernels/hopper/block.hpp"

namespace cheri::nn::hopper {

/// What a layer's packed weights hold, in bytes from its start.
struct PackedLayout {
  static constexpr int image = 2 * hidden * channels * 2;   ///< W1 and W2 in 16 bit
  static constexpr int forward = 0;
  static constexpr int backward = image;                             ///< half of it per half of the hidden units
  static constexpr int row_sums = 2 * image;                         ///< float[hidden]: sum over c of W1(h,c), as rounded
  static constexpr int linear2_norms = row_sums + 4 * hidden;        ///< float[hidden]: sum over c of |fraction W2(c,h)|
  static constexpr int linear1_norms = linear2_norms + 4 * hidden;   ///< float[4]: sum over h of |W1(h,c)|, largest of 32 c
  static constexpr int bytes = linear1_norms + 256;
};

/// Mean and 1/sqrt(var + eps) of the convolution, per example.
template <class Mode>
void convolution_statistics(cudaStream_t stream, const Problem& problem, float* statistics_N2,
                            const typename Mode::Activation* x_NLC, const float* conv_3C, const ForwardScratch& scratch);
std::size_t most_moments(int length);   ///< float4 an example

template <class Mode>
void prepare_forward_mlp();
template <class Mode>
void forward_mlp(cudaStream_t stream, const Problem& problem, typename Mode::Activation* out_NLC, std::uint16_t* saved_z,
                 const typename Mode::Activation* x_NLC, const float* statistics_N2, const float* conv_3C,
                 const std::byte* packed_layer);

template <class Mode>
void prepare_backward_mlp();
/// dz, sums of each tile, parts of dW1 and dW2.
template <class Mode>
void backward_mlp(cudaStream_t stream, const Problem& problem, const typename Mode::Activation* gradient_NLC,
                  const std::uint16_t* saved_z, const std::byte* packed_layer, const BackwardScratch& scratch);

inline constexpr int backward_tile_rows = 64;
inline constexpr int sums_per_tile = 16;                    ///< one per half, warpgroup and warp
inline constexpr int part_floats = 2 * hidden * channels;   ///< of one part: dW1 (H,C), dW2 (C,H), by halves

/// The norm's coefficients and the next gradient's range from the sums of the tiles; dW1 and dW2 from their parts.
template <class Mode>
void combine_backward(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                      const float* statistics_N2, const float* conv_3C, const std::byte* packed_layer,
                      const std::byte* packed_below, const BackwardScratch& scratch);

/// gradient_NLC becomes dx; parts of the taps' gradient.
template <class Mode>
void backward_convolution(cudaStream_t stream, const Problem& problem, typename Mode::Activation* gradient_NLC,
                          const typename Mode::Activation* x_NLC, const float* conv_3C, bool write_copy,
                          const BackwardScratch& scratch);
std::size_t most_conv_parts(int length);   ///< an example
int conv_parts(int length, int dilation);
inline constexpr int conv_part_floats = 3 * channels;

/// The taps' gradient from its parts; the next range becomes the current one.
template <class Mode>
void combine_taps(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                  const BackwardScratch& scratch);

}   // namespace cheri::nn::hopper
