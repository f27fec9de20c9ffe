// The losses: multinomial negative log-likelihood of the profile, squared error of the log-counts, mixed by learned or
// given weights.
#pragma once

#include "cheri/nn/ops.hpp"

#include <array>
#include <optional>
#include <vector>

namespace cheri::nn {

/// How profile and count losses become one number.
/// Learned: sum_g profile_g / (2 lw0_g^2) + count_g / (2 lw1_g^2) + log(lw0_g)^2 + log(lw1_g)^2, the bracket of logarithms
/// only while the weights are learned. Given [w0, w1]: sum_g w0 profile_g / max(1, mean counts of g) + w1 count_g.
struct LossMixture {
  std::optional<std::array<double, 2>> weights;
  bool learned = true;   ///< false after the freeze: lw0 and lw1 get no gradient
};

/// Per-example results and the work of one batch.
template <class T, class Exec>
struct LossBuffers {
  View<double**, Exec> profile_NG;   ///< multinomial NLL with the lgamma terms
  View<double**, Exec> count_NG;     ///< (log(1 + counts) - prediction)^2
  View<double**, Exec> counts_NG;    ///< sum of the signal over the group

  void lay_out(Arena<Exec>& arena, const ModelShape& shape, int n_examples);
};

/// Sums the signal of each group: counts_NG.
template <class T, class Exec>
void group_counts(const Exec& exec, const LossBuffers<T, Exec>& buffers, const View<const T***, Exec>& signal_NTW,
                  const std::vector<int>& signal_groups);

/// After group_counts: the losses of each example, and in place of logits and log-counts their gradients of the mean over
/// `global_batch` examples. `mean_counts_G` is the mean of counts over the global batch (read only with given weights).
/// Writes lw0 and lw1 of gradient.gradient_SP, and after the P parameters, at `losses_offset`, the slice's share of
/// the mean profile loss (G) and of the mean count loss (G).
template <class T, class Exec>
void mixture_loss(const Exec& exec, const GradientRows<T, Exec>& gradient, std::int64_t losses_offset,
                  const View<T***, Exec>& logits_NTW, const View<T**, Exec>& log_counts_NG,
                  const View<const T***, Exec>& signal_NTW, const LossBuffers<T, Exec>& buffers,
                  const View<const T*, Exec>& parameters_P, const View<const double*, Exec>& mean_counts_G,
                  const std::vector<int>& signal_groups, const LossMixture& mixture, int global_batch);

}   // namespace cheri::nn
