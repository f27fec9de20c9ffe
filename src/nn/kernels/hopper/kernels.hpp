// The stages of block_forward and block_backward, each a launch; block.cu puts them in order.
#pragma once

#include "nn/kernels/hopper/block.hpp"

namespace cheri::nn::hopper {

/// What the kernels around the MLP must know of it. They are compiled once for the fused one, whose sizes fold into their
/// address arithmetic, and once for any other.
struct FusedMlp {
  static constexpr int channels = hopper::channels, hidden = hopper::hidden;
  static constexpr int hidden_parts = 2;   ///< halves of the hidden units, each with its dW1 and dW2, and its term of dz
  static constexpr int linear_parts = 8;   ///< partial sums of a slice's dW1 and dW2. Part of the numerics
  static constexpr int part_floats() { return 2 * hidden * channels; }
  static constexpr int published = 2 * linear_parts;   ///< counters of a slice, one per part and half of the channels
};
struct AnyMlp {
  int channels, hidden, linear_parts;
  static constexpr int hidden_parts = 1, published = 0;
  [[nodiscard]] __host__ __device__ constexpr int part_floats() const { return 2 * hidden * channels; }
};
AnyMlp any_mlp(const Width& width);

/// Calls f(FusedMlp or AnyMlp).
template <class F>
void for_mlp(const Width& width, const F& f) {
  if (width.is_fused()) {
    f(FusedMlp{});
  } else {
    f(any_mlp(width));
  }
}

/// Bounds on what the products of a layer can grow to: sums of magnitudes in its packed weights.
struct LayerNorms {
  const float* linear1 = nullptr;   ///< [n_linear1]: sum over h of |W1(h,c)|, the largest of 32 channels
  const float* linear2 = nullptr;   ///< [hidden]: sum over c of |fraction W2(c,h)|
  int n_linear1 = 0, hidden = 0;
};
/// Null pointers if packed_layer is null.
LayerNorms norms_of(const Width& width, const std::byte* packed_layer);

/// float4 of an example in BackwardScratch::tile_sums: (sum dz, sum dz z, max |dz| as stored, 0) of tiles in any division.
int sums_per_example(const Width& width, int length);

/// What a layer's packed weights hold for the fused MLP, in bytes from its start.
struct PackedLayout {
  static constexpr int image = 2 * hidden * channels * 2;   ///< W1 and W2 in 16 bit
  static constexpr int forward = 0;
  static constexpr int backward = image;                             ///< half of it per half of the hidden units
  static constexpr int row_sums = 2 * image;                         ///< float[hidden]: sum over c of W1(h,c), as rounded
  static constexpr int linear2_norms = row_sums + 4 * hidden;        ///< float[hidden]: sum over c of |fraction W2(c,h)|
  static constexpr int linear1_norms = linear2_norms + 4 * hidden;   ///< float[4]: sum over h of |W1(h,c)|, largest of 32 c
  static constexpr int bytes = linear1_norms + 256;
};

/// Of all blocks, as an argument of a kernel.
struct Layers {
  LayerOffsets offsets[max_layers];
};
template <class Mode>
void pack_fused_weights(cudaStream_t stream, std::byte* packed, const float* parameters, const Layers& layers, int n_layers,
                        float residual_scale);
template <class Mode>
void pack_wide_weights(cudaStream_t stream, std::byte* packed, const float* parameters, const Layers& layers, int n_layers,
                       const Width& width, float residual_scale);

/// Mean and 1/sqrt(var + eps) of the convolution, per example.
template <class Mode>
void convolution_statistics(cudaStream_t stream, const Problem& problem, float* statistics_N2,
                            const typename Mode::Activation* x_NLC, const float* conv_3C, const ForwardScratch& scratch);
std::size_t most_moments(int length, int channels);   ///< float4 an example

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
inline constexpr int sums_per_tile = 16;   ///< one per half, warpgroup and warp

/// The same of the wide MLP.
template <class Mode>
void prepare_wide_mlp();
template <class Mode>
void wide_forward_mlp(cudaStream_t stream, const Problem& problem, typename Mode::Activation* out_NLC, std::uint16_t* z_NLC,
                      const typename Mode::Activation* x_NLC, const float* statistics_N2, const float* conv_3C,
                      const std::byte* packed_layer, std::uint16_t* hidden_NLH);
template <class Mode>
void wide_backward_mlp(cudaStream_t stream, const Problem& problem, const typename Mode::Activation* gradient_NLC,
                       const std::uint16_t* saved_z, const std::byte* packed_layer, const BackwardScratch& scratch);

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
std::size_t most_conv_parts(int length, int channels);   ///< an example, of 3 C floats each
int conv_parts(const Problem& problem);

/// The taps' gradient from its parts; the next range becomes the current one.
template <class Mode>
void combine_taps(cudaStream_t stream, const Problem& problem, const LayerGradients& gradients,
                  const BackwardScratch& scratch);

}   // namespace cheri::nn::hopper
