// The profile head (75 taps, C channels to T tracks) and the count head (mean over the output window, C to G groups) on
// Hopper GPUs, as one product: a track has 80 columns, 75 taps, then the weights of the group of the same index, then zeros.
// Weights, gradients of logits and float features count as two bf16 each (relative error 2^-16 of a product, the range of a
// float), so the results are good for every precision of the model. T: float or __nv_bfloat16, the type of the features.
#pragma once

#include "nn/kernels/hopper/slices.hpp"

#include <cstddef>
#include <cstdint>

namespace cheri::nn::hopper {

/// The output window is centred: [trimming, trimming + window).
struct HeadShape {
  int examples, length, channels, tracks, groups, window;
  int controls = 0;

  /// Rows of 75 taps of a track in fconv.weight, and weights of a group in linear.weight: the controls' stand last.
  [[nodiscard]] constexpr int profile_inputs() const { return channels + controls; }
  [[nodiscard]] constexpr int count_inputs() const { return channels + (controls > 0 ? 1 : 0); }
  [[nodiscard]] constexpr int trimming() const { return (length - window) / 2; }
};

/// Whether these kernels take the shape: channels a multiple of 32, groups <= tracks <= 16.
bool heads_serve(const HeadShape& shape);

/// Where the four parameters lie in a row of the gradient: fconv.weight (T,C+K,75), fconv.bias (T), linear.weight
/// (G,C[+1]), linear.bias (G).
struct HeadOffsets {
  std::int64_t profile_weight, profile_bias, count_weight, count_bias;
};

/// Bytes of the packed weights, 16-byte aligned.
std::size_t heads_packed_size(const HeadShape& shape);

/// From fconv.weight and linear.weight to the order of the kernels for features of type T; once after every change of them.
template <class T>
void heads_pack(cudaStream_t stream, void* packed, const float* profile_weight, const float* count_weight,
                const HeadShape& shape);

/// Bytes that heads_forward and heads_backward need beside their arguments; n_slices 0: the forward alone.
std::size_t heads_scratch_size(const HeadShape& shape, int n_slices);

/// logits(n,t,w) = bias(t) + sum_{k,c} W(t,c,k) features(n, trimming + w + k - 37, c), zero outside the example;
/// log_counts(n,g) = bias(g) + sum_c W(g,c) mean of features(n, :, c) over the window. What controls add: controls.hpp.
template <class T>
void heads_forward(cudaStream_t stream, float* logits_NTW, float* log_counts_NG, const T* features_NLC, const void* packed,
                   const float* profile_bias, const float* count_bias, const HeadShape& shape, void* scratch);

/// dfeatures overwritten with both heads' parts, and the gradients of the four parameters, by slice. dfeatures may be the
/// memory of the features, which are read before.
template <class T>
void heads_backward(cudaStream_t stream, const SliceGradients& gradient, const HeadOffsets& offsets, T* dfeatures_NLC,
                    const float* dlogits_NTW, const float* dlog_counts_NG, const T* features_NLC, const void* packed,
                    const HeadShape& shape, void* scratch);

}   // namespace cheri::nn::hopper
