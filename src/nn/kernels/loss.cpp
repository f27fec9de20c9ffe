// Multinomial profile loss and squared error of log-counts: values an example, and gradients in place of the predictions.
#include "cheri/nn/loss.hpp"

#include "nn/kernels/tiles.hpp"

namespace cheri::nn {
namespace {

/// The channels [begin, end) of a group.
struct Channels {
  int begin, end;
};

/// One team an example. On a GPU that is few teams and much double arithmetic each: teams of 256 threads.
template <class Exec>
TeamPolicy<Exec> example_policy(const Exec& exec, int n_examples) {
  return TeamPolicy<Exec>(exec, n_examples, is_host_space<Exec> ? 1 : 256, 1);
}

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// Sums over the channels and positions of one group of one example; every sum is in double.
template <class T, class Exec>
struct GroupLoss {
  View<T***, Exec> logits_NTW;
  View<T**, Exec> log_counts_NG;
  View<const T***, Exec> signal_NTW;
  View<double**, Exec> profile_NG, count_NG;
  View<const double**, Exec> counts_NG;
  View<const T*, Exec> lw0_G, lw1_G;
  View<const double*, Exec> mean_counts_G;
  Channels channels;
  int group, window, global_batch;
  bool given_weights;
  double given_profile, given_count;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const int n = team.league_rank();
    const double counts = counts_NG(n, group);
    const double log_partition = log_sum_exp(team, n);
    double dot = 0, log_factorials = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, size()),
        [&](const int i, double& dot_part, double& factorial_part) {
          const double y = signal(n, i);
          if (y == 0) return;
          dot_part += y * (static_cast<double>(logit(n, i)) - log_partition);
          if (y != 1) factorial_part += Kokkos::lgamma(y + 1);
        },
        dot, log_factorials);
    const double scale = profile_weight() / global_batch;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, size()), [&](const int i) {
      T& at = logit(n, i);
      const double p = Kokkos::exp(static_cast<double>(at) - log_partition);
      at = static_cast<T>(scale * (counts * p - signal(n, i)));
    });
    Kokkos::single(Kokkos::PerTeam(team), [&]() {
      profile_NG(n, group) = -Kokkos::lgamma(counts + 1) + log_factorials - dot;
      const double error = static_cast<double>(log_counts_NG(n, group)) - Kokkos::log1p(counts);
      count_NG(n, group) = error * error;
      log_counts_NG(n, group) = static_cast<T>(count_weight() / global_batch * 2 * error);
    });
  }

  [[nodiscard]] KOKKOS_FUNCTION int size() const { return (channels.end - channels.begin) * window; }
  [[nodiscard]] KOKKOS_FUNCTION T& logit(int n, int i) const {
    return logits_NTW(n, channels.begin + i / window, i % window);
  }
  [[nodiscard]] KOKKOS_FUNCTION double signal(int n, int i) const {
    return static_cast<double>(signal_NTW(n, channels.begin + i / window, i % window));
  }

  [[nodiscard]] KOKKOS_FUNCTION double log_sum_exp(const TeamMember<Exec>& team, int n) const {
    double largest = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, size()),
        [&](const int i, double& part) { part = Kokkos::max(part, static_cast<double>(logit(n, i))); },
        Kokkos::Max<double>(largest));
    double total = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, size()),
        [&](const int i, double& part) { part += Kokkos::exp(static_cast<double>(logit(n, i)) - largest); }, total);
    return largest + Kokkos::log(total);
  }

  /// d total / d profile_g and d total / d count_g.
  [[nodiscard]] KOKKOS_FUNCTION double profile_weight() const {
    if (given_weights) return given_profile / Kokkos::max(1.0, mean_counts_G(group));
    return 0.5 / (static_cast<double>(lw0_G(group)) * static_cast<double>(lw0_G(group)));
  }
  [[nodiscard]] KOKKOS_FUNCTION double count_weight() const {
    if (given_weights) return given_count;
    return 0.5 / (static_cast<double>(lw1_G(group)) * static_cast<double>(lw1_G(group)));
  }
};

/// Gradient of total at one learned weight, from the slice's share of the mean loss: d/dw [m/(2w^2) + log(w)^2 share].
KOKKOS_FORCEINLINE_FUNCTION double learned_gradient(double weight, double loss_share, double share) {
  return -loss_share / (weight * weight * weight) + share * 2 * Kokkos::log(weight) / weight;
}

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void LossBuffers<T, Exec>::lay_out(Arena<Exec>& arena, const ModelShape& shape, int n_examples) {
  const auto examples = static_cast<std::size_t>(n_examples);
  const auto groups = static_cast<std::size_t>(shape.n_groups());
  profile_NG = arena.template take<View<double**, Exec>>("profile_loss", examples, groups);
  count_NG = arena.template take<View<double**, Exec>>("count_loss", examples, groups);
  counts_NG = arena.template take<View<double**, Exec>>("counts", examples, groups);
}

template <class T, class Exec>
void group_counts(const Exec& exec, const LossBuffers<T, Exec>& buffers, const View<const T***, Exec>& signal_NTW,
                  const std::vector<int>& signal_groups) {
  const int window = static_cast<int>(signal_NTW.extent(2));
  const auto counts_NG = buffers.counts_NG;
  int first = 0;
  for (int g = 0; g < static_cast<int>(signal_groups.size()); ++g) {
    const Channels channels{first, first + signal_groups[static_cast<std::size_t>(g)]};
    first = channels.end;
    Kokkos::parallel_for(
        "cheri::nn::group_counts", example_policy(exec, static_cast<int>(signal_NTW.extent(0))),
        KOKKOS_LAMBDA(const TeamMember<Exec>& team) {
          const int n = team.league_rank();
          double total = 0;
          Kokkos::parallel_reduce(
              Kokkos::TeamThreadRange(team, (channels.end - channels.begin) * window),
              [&](const int i, double& part) {
                part += static_cast<double>(signal_NTW(n, channels.begin + i / window, i % window));
              },
              total);
          Kokkos::single(Kokkos::PerTeam(team), [&]() { counts_NG(n, g) = total; });
        });
  }
}

template <class T, class Exec>
void mixture_loss(const Exec& exec, const GradientRows<T, Exec>& gradient, std::int64_t losses_offset,
                  const View<T***, Exec>& logits_NTW, const View<T**, Exec>& log_counts_NG,
                  const View<const T***, Exec>& signal_NTW, const LossBuffers<T, Exec>& buffers,
                  const View<const T*, Exec>& parameters_P, const View<const double*, Exec>& mean_counts_G,
                  const std::vector<int>& signal_groups, const LossMixture& mixture, int global_batch) {
  const int examples = static_cast<int>(logits_NTW.extent(0));
  const int groups = static_cast<int>(signal_groups.size());
  const auto lw0_G = Kokkos::subview(parameters_P, std::make_pair(0, groups));
  const auto lw1_G = Kokkos::subview(parameters_P, std::make_pair(groups, 2 * groups));
  GroupLoss<T, Exec> kernel{logits_NTW,
                            log_counts_NG,
                            signal_NTW,
                            buffers.profile_NG,
                            buffers.count_NG,
                            buffers.counts_NG,
                            lw0_G,
                            lw1_G,
                            mean_counts_G,
                            {0, 0},
                            0,
                            static_cast<int>(logits_NTW.extent(2)),
                            global_batch,
                            mixture.weights.has_value(),
                            mixture.weights ? (*mixture.weights)[0] : 0,
                            mixture.weights ? (*mixture.weights)[1] : 0};
  for (int g = 0; g < groups; ++g) {
    kernel.group = g;
    kernel.channels = {kernel.channels.end, kernel.channels.end + signal_groups[static_cast<std::size_t>(g)]};
    Kokkos::parallel_for("cheri::nn::mixture_loss", example_policy(exec, examples), kernel);
  }

  const bool learned = mixture.learned && !mixture.weights;
  const int slice_size = gradient.slice_size;
  const auto gradient_SP = gradient.gradient_SP;
  const auto profile_NG = buffers.profile_NG, count_NG = buffers.count_NG;
  Kokkos::parallel_for(
      "cheri::nn::mixture_loss::slices", Kokkos::RangePolicy<Exec>(exec, 0, gradient.n_slices(examples) * groups),
      KOKKOS_LAMBDA(const int index) {
        const int s = index / groups;
        const int g = index % groups;
        double profile = 0, count = 0;
        for (int n = s * slice_size; n < (s + 1) * slice_size; ++n) {
          profile += profile_NG(n, g);
          count += count_NG(n, g);
        }
        profile /= global_batch;
        count /= global_batch;
        const double share = static_cast<double>(slice_size) / global_batch;
        gradient_SP(s, g) = static_cast<T>(learned ? learned_gradient(static_cast<double>(lw0_G(g)), profile, share) : 0);
        gradient_SP(s, groups + g) =
            static_cast<T>(learned ? learned_gradient(static_cast<double>(lw1_G(g)), count, share) : 0);
        gradient_SP(s, losses_offset + g) = static_cast<T>(profile);
        gradient_SP(s, losses_offset + groups + g) = static_cast<T>(count);
      });
}

#define CHERI_LOSS(T, Exec)                                                                                               \
  template struct LossBuffers<T, Exec>;                                                                                   \
  template void group_counts<T, Exec>(const Exec&, const LossBuffers<T, Exec>&, const View<const T***, Exec>&,            \
                                      const std::vector<int>&);                                                           \
  template void mixture_loss<T, Exec>(const Exec&, const GradientRows<T, Exec>&, std::int64_t, const View<T***, Exec>&,   \
                                      const View<T**, Exec>&, const View<const T***, Exec>&, const LossBuffers<T, Exec>&, \
                                      const View<const T*, Exec>&, const View<const double*, Exec>&,                      \
                                      const std::vector<int>&, const LossMixture&, int);
#define CHERI_LOSS_BOTH(Exec) CHERI_LOSS(float, Exec) CHERI_LOSS(double, Exec)
CHERI_FOR_EACH_SPACE(CHERI_LOSS_BOTH)

}   // namespace cheri::nn
