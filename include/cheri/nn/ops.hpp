// The fused operations of a Cherimoya model, for both execution spaces, in float and double (spec.md gives the mathematics).
//
// Shapes: N batch, L length, C channels, H hidden, T tracks, G groups, W output window, K control channels, S slices, P
// parameters. Contract of every op: outputs overwrite, nothing is allocated, nothing waits for the device, and the result
// depends neither on the number of threads nor on how many slices a call holds. Parameter gradients come per gradient slice:
// row s of gradient_SP is the gradient over the examples [s*slice_size, (s+1)*slice_size), written at `offset` in the layout
// of nn::ParameterTable.
#pragma once

#include "cheri/base/arena.hpp"
#include "cheri/base/types.hpp"
#include "cheri/nn/shape.hpp"

#include <vector>

namespace cheri::nn {

/// Where the parameter gradients of an op go.
template <class T, class Exec>
struct GradientRows {
  View<T**, Exec> gradient_SP;
  int slice_size = 1;

  [[nodiscard]] int n_slices(int n_examples) const { return n_examples / slice_size; }
};

/// Partial sums of one op's parameter gradients: a fixed number of parts a slice, each summed in row order, then added
/// in part order. Taken once, large enough for the largest op, and shared by all of them.
template <class T, class Exec>
struct PartialSums {
  View<T*, Exec> values;
  static std::size_t size_for(const ModelShape& shape, int n_slices);
};

// ---- stem: convolution of one-hot bases (4 -> C, 21 taps, zero padding) and GELU -------------------------------------

template <class T, class Exec>
struct StemWeights {
  View<T*, Exec> taps;   ///< packed by load(): (21 taps, 5 codes, channels), code 4 = 0
  View<const T*, Exec> bias_C;
  std::int64_t weight_offset = 0, bias_offset = 0;

  void lay_out(Arena<Exec>& arena, const ModelShape& shape, const ParameterTable& table);
  void load(const Exec& exec, const View<const T*, Exec>& parameters_P, const ModelShape& shape);
};

/// out(n,l,c) = gelu(bias(c) + sum_k W(c, code(n, l+k-10), k)).
template <class T, class Exec>
void stem_forward(const Exec& exec, const View<T***, Exec>& out_NLC, const View<const Code**, Exec>& codes_NL,
                  const StemWeights<T, Exec>& weights);

template <class T, class Exec>
void stem_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<const T***, Exec>& dout_NLC,
                   const View<const Code**, Exec>& codes_NL, const StemWeights<T, Exec>& weights,
                   const PartialSums<T, Exec>& partial);

/// d_input(n,b,l): the gradient with respect to the one-hot input. dout_NLC is overwritten by the gradient before the GELU.
template <class T, class Exec>
void stem_input_gradient(const Exec& exec, const View<T***, Exec>& d_input_N4L, const View<T***, Exec>& dout_NLC,
                         const View<const Code**, Exec>& codes_NL, const StemWeights<T, Exec>& weights);

// ---- block: dilated depthwise convolution, per-example norm, MLP, residual ------------------------------------------

template <class T, class Exec>
struct BlockWeights {
  View<const T**, Exec> conv_3C;
  View<const T**, Exec> linear1_HC, linear2_CH;   ///< in the flat buffer: what a GPU reads
  View<T*, Exec> linear1_t, linear2_t;            ///< W1^T (C,H) and W2^T (H,C) in tile order: the forward products of cores
  View<T*, Exec> linear1, linear2;   ///< W1 (H,C) and W2 (C,H) in tile order: the backward products; null in inference
  int hidden = 0;                    ///< H
  int dilation = 1;
  T residual_scale = 0;
  std::int64_t conv_offset = 0, linear1_offset = 0, linear2_offset = 0;

  void lay_out(Arena<Exec>& arena, const ModelShape& shape, const ParameterTable& table, int layer, bool training);
  void load(const Exec& exec, const View<const T*, Exec>& parameters_P, const ModelShape& shape);
};

/// Transient memory of the block ops, for at most n_examples.
template <class T, class Exec>
struct BlockScratch {
  View<double***, Exec> sums;   ///< (N, tiles, 2) partial sums of an example
  View<double**, Exec> example_sums_N2;
  View<T***, Exec> dz_NLC;           ///< gradient at the normalised convolution, then at the convolution; training only
  View<T*, Exec> hidden, d_hidden;   ///< (N L, H in whole quads) on a GPU
  View<T***, Exec> z_NLC;            ///< the normalised convolution, on a GPU; training only
  PartialSums<T, Exec> partial;

  void lay_out(Arena<Exec>& arena, const ModelShape& shape, int n_examples, int n_slices, bool training);
};

/// out = x + s W2 gelu(W1 norm(conv(x))); statistics_N2 = mean and 1/sqrt(var + 1e-3) of the convolution, for the backward.
template <class T, class Exec>
void block_forward(const Exec& exec, const View<T***, Exec>& out_NLC, const View<T**, Exec>& statistics_N2,
                   const View<const T***, Exec>& x_NLC, const BlockWeights<T, Exec>& weights,
                   const BlockScratch<T, Exec>& scratch);

/// dout_NLC becomes dx. The hidden layer is computed again from x and the statistics.
template <class T, class Exec>
void block_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dout_NLC,
                    const View<const T***, Exec>& x_NLC, const View<const T**, Exec>& statistics_N2,
                    const BlockWeights<T, Exec>& weights, const BlockScratch<T, Exec>& scratch);

// ---- heads ----------------------------------------------------------------------------------------------------------

template <class T, class Exec>
struct HeadWeights {
  View<T*, Exec> profile;                ///< packed by load(): (T tracks, 75 taps, channels)
  View<const T*, Exec> profile_weight;   ///< (T, C+K, 75) in the flat buffer: the controls' part is read here
  View<const T*, Exec> profile_bias;     ///< (T)
  View<const T*, Exec> count_weight;     ///< (G, C [+1])
  View<const T*, Exec> count_bias;       ///< (G)
  View<T**, Exec> mean_NC;               ///< mean of the features over the output window; kept for the backward
  View<T*, Exec> control_N;              ///< log(1 + sum of the controls over it)
  View<T*, Exec> tap_products;           ///< (N L, 75 in whole quads), of one track at a time; on a GPU
  int n_tracks = 1, n_groups = 1, n_controls = 0, trimming = 0;
  std::int64_t profile_weight_offset = 0, profile_bias_offset = 0, count_weight_offset = 0, count_bias_offset = 0;

  void lay_out(Arena<Exec>& arena, const ModelShape& shape, const ParameterTable& table, int n_examples);
  void load(const Exec& exec, const View<const T*, Exec>& parameters_P, const ModelShape& shape);
};

/// logits(n,t,w) = bias(t) + sum over 75 taps and the C + K channels, zero padding, of positions [trimming, L - trimming).
template <class T, class Exec>
void profile_head_forward(const Exec& exec, const View<T***, Exec>& logits_NTW, const View<const T***, Exec>& features_NLC,
                          const View<const T***, Exec>& control_NKL, const HeadWeights<T, Exec>& weights);

/// dfeatures_NLC overwritten with the profile head's part. It may be the memory of the features, which are read before.
template <class T, class Exec>
void profile_head_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dfeatures_NLC,
                           const View<const T***, Exec>& dlogits_NTW, const View<const T***, Exec>& features_NLC,
                           const View<const T***, Exec>& control_NKL, const HeadWeights<T, Exec>& weights,
                           const PartialSums<T, Exec>& partial);

/// log_counts(n,g) = bias(g) + W(g,:) [mean of the features over the output window, log(1 + sum of the controls over it)].
template <class T, class Exec>
void count_head_forward(const Exec& exec, const View<T**, Exec>& log_counts_NG, const View<const T***, Exec>& features_NLC,
                        const View<const T***, Exec>& control_NKL, const HeadWeights<T, Exec>& weights);

/// Adds to dfeatures_NLC: call it after profile_head_backward.
template <class T, class Exec>
void count_head_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dfeatures_NLC,
                         const View<const T**, Exec>& dlog_counts_NG, const HeadWeights<T, Exec>& weights);

}   // namespace cheri::nn
