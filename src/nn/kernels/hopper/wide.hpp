// The MLP of any width, one product at a time: what its files share.
#pragma once

#include "nn/kernels/hopper/kernels.hpp"
#include "nn/kernels/hopper/launch.hpp"

namespace cheri::nn::hopper {

/// Rows of an example and columns of the result that one block multiplies.
inline constexpr int wide_tile_rows = 128;
inline constexpr int wide_tile_columns = 128;

/// What a layer's packed weights hold for the wide MLP, in bytes from its start. An image is the right operand of one
/// product: its columns as rows of 16-bit numbers, in an order in which a lane of the result owns 16 consecutive bytes.
struct WideLayout {
  std::size_t linear1;              ///< (H, C): h = z W1^T
  std::size_t linear2;              ///< (C, H): m = a (fraction W2)^T
  std::size_t linear1_transposed;   ///< (C, H): dz = dh W1
  std::size_t linear2_transposed;   ///< (H, C): da = dout (fraction W2)
  std::size_t row_sums;             ///< float[H]: sum over c of W1(h,c), as rounded
  std::size_t linear2_norms;        ///< float[H], linear1_norms float[C / 32]: see LayerNorms
  std::size_t linear1_norms;
  std::size_t bytes;

  explicit constexpr WideLayout(const Width& width)
      : linear1(0),
        linear2(image(width)),
        linear1_transposed(2 * image(width)),
        linear2_transposed(3 * image(width)),
        row_sums(4 * image(width)),
        linear2_norms(row_sums + sizeof(float) * static_cast<std::size_t>(width.hidden)),
        linear1_norms(linear2_norms + sizeof(float) * static_cast<std::size_t>(width.hidden)),
        bytes((linear1_norms + sizeof(float) * static_cast<std::size_t>(width.channels / 32) + 255) / 256 * 256) {}

 private:
  static constexpr std::size_t image(const Width& width) {
    return 2 * static_cast<std::size_t>(width.channels) * static_cast<std::size_t>(width.hidden);
  }
};

constexpr int wide_sums_per_example(const Width& width, int length) {
  const int columns = ceil_div(width.hidden, wide_tile_columns) + ceil_div(width.channels, wide_tile_columns);
  return ceil_div(length, wide_tile_rows) * columns * 8;   // one per warp
}

/// z = norm(conv(x)).
template <class Mode>
void normalise(cudaStream_t stream, const Problem& problem, std::uint16_t* z_NLC, const typename Mode::Activation* x_NLC,
               const float* statistics_N2, const float* conv_3C);

/// Parts of dW1 (H,C) = sum dh^T z and dW2 (C,H) = sum dout^T a over the rows of a slice.
template <class Mode>
void prepare_wide_gradients();
template <class Mode>
void wide_gradients(cudaStream_t stream, const Problem& problem, float* linear_parts, const std::uint16_t* z_NLC,
                    const std::uint16_t* dout_NLC, const std::uint16_t* a_NLH, const std::uint16_t* dh_NLH);

}   // namespace cheri::nn::hopper
