// The count head: the mean of the features over the output window, and one scalar of the controls, to the log-counts.
#include "cheri/nn/ops.hpp"
#include "nn/kernels/tiles.hpp"

namespace cheri::nn {
namespace {

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// Means of one example, then its log-counts.
template <class T, class Exec>
struct CountForward {
  using P = Pack<Exec, T>;
  View<T**, Exec> log_counts_NG, mean_NC;
  View<T*, Exec> control_N;
  View<const T***, Exec> features_NLC, control_NKL;
  View<const T*, Exec> weight, bias;
  int channels, groups, controls, begin, end;   ///< [begin, end): the output window

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const int n = team.league_rank();
    const int packs = padded<P>(channels) / width<P>;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, packs), [&](const int pack) {
      const int c = pack * width<P>;
      P total(T(0));
      for (int l = begin; l < end; ++l) total = total + load<P>(&features_NLC(n, l, c), channels - c);
      store(&mean_NC(n, c), total / P(static_cast<T>(end - begin)), channels - c);
    });
    Kokkos::single(Kokkos::PerTeam(team), [&]() { control_N(n) = log_control(n); });
    team.team_barrier();
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, groups), [&](const int g) {
      const T* row = &weight(g * (channels + (controls > 0 ? 1 : 0)));
      T total = bias(g);
      for (int c = 0; c < channels; ++c) total += row[c] * mean_NC(n, c);
      if (controls > 0) total += row[channels] * control_N(n);
      log_counts_NG(n, g) = total;
    });
  }

  KOKKOS_FUNCTION T log_control(int n) const {
    double total = 0;
    for (int j = 0; j < controls; ++j) {
      for (int l = begin; l < end; ++l) total += static_cast<double>(control_NKL(n, j, l));
    }
    return static_cast<T>(Kokkos::log1p(total));
  }
};

/// dfeatures += dlog_counts W / window, inside the window.
template <class T, class Exec>
struct CountBackwardInput {
  using P = Pack<Exec, T>;
  View<T***, Exec> dfeatures_NLC;
  View<const T**, Exec> dlog_counts_NG;
  View<const T*, Exec> weight;
  int channels, groups, inputs, begin, end;

  KOKKOS_FUNCTION void operator()(const TeamMember<Exec>& team) const {
    const Tile tile = tile_at(team.league_rank(), end - begin);
    const int packs = padded<P>(channels) / width<P>;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, packs), [&](const int pack) {
      const int c = pack * width<P>;
      P added(T(0));
      for (int g = 0; g < groups; ++g) {
        added = Kokkos::fma(P(dlog_counts_NG(tile.example, g)), load<P>(&weight(g * inputs + c), channels - c), added);
      }
      added = added / P(static_cast<T>(end - begin));
      for (int r = 0; r < tile.rows; ++r) {
        T* at = &dfeatures_NLC(tile.example, begin + tile.begin + r, c);
        store(at, load<P>(at, channels - c) + added, channels - c);
      }
    });
  }
};

}   // namespace

// ---- launchers -------------------------------------------------------------------------------------------------------

template <class T, class Exec>
void count_head_forward(const Exec& exec, const View<T**, Exec>& log_counts_NG, const View<const T***, Exec>& features_NLC,
                        const View<const T***, Exec>& control_NKL, const HeadWeights<T, Exec>& weights) {
  const int length = static_cast<int>(features_NLC.extent(1));
  const CountForward<T, Exec> kernel{
      log_counts_NG,    weights.mean_NC,      weights.control_N,  features_NLC,
      control_NKL,      weights.count_weight, weights.count_bias, static_cast<int>(features_NLC.extent(2)),
      weights.n_groups, weights.n_controls,   weights.trimming,   length - weights.trimming};
  Kokkos::parallel_for("cheri::nn::count_head_forward", team_policy(exec, static_cast<int>(features_NLC.extent(0))), kernel);
}

template <class T, class Exec>
void count_head_backward(const Exec& exec, const GradientRows<T, Exec>& gradient, const View<T***, Exec>& dfeatures_NLC,
                         const View<const T**, Exec>& dlog_counts_NG, const HeadWeights<T, Exec>& weights) {
  const int examples = static_cast<int>(dfeatures_NLC.extent(0));
  const int length = static_cast<int>(dfeatures_NLC.extent(1));
  const int channels = static_cast<int>(dfeatures_NLC.extent(2));
  const int inputs = channels + (weights.n_controls > 0 ? 1 : 0);
  const int groups = weights.n_groups;
  const int slice_size = gradient.slice_size;
  const int n_slices = gradient.n_slices(examples);
  const auto gradient_SP = gradient.gradient_SP;
  const auto mean_NC = weights.mean_NC;
  const auto control_N = weights.control_N;
  const std::int64_t weight_offset = weights.count_weight_offset, bias_offset = weights.count_bias_offset;
  // Item (s, g, i): input i of group g's weights; i = inputs is the bias.
  Kokkos::parallel_for(
      "cheri::nn::count_head_backward::weights", Kokkos::RangePolicy<Exec>(exec, 0, n_slices * groups * (inputs + 1)),
      KOKKOS_LAMBDA(const int index) {
        const int i = index % (inputs + 1);
        const int g = index / (inputs + 1) % groups;
        const int s = index / (inputs + 1) / groups;
        T total = 0;
        for (int n = s * slice_size; n < (s + 1) * slice_size; ++n) {
          const T input = i == inputs ? T(1) : (i == channels ? control_N(n) : mean_NC(n, i));
          total += dlog_counts_NG(n, g) * input;
        }
        gradient_SP(s, i == inputs ? bias_offset + g : weight_offset + g * inputs + i) = total;
      });

  const CountBackwardInput<T, Exec> kernel{dfeatures_NLC, dlog_counts_NG, weights.count_weight, channels,
                                           groups,        inputs,         weights.trimming,     length - weights.trimming};
  Kokkos::parallel_for("cheri::nn::count_head_backward::input",
                       team_policy(exec, examples * tiles_of(length - 2 * weights.trimming)), kernel);
}

#define CHERI_COUNT_HEAD(T, Exec)                                                                                \
  template void count_head_forward<T, Exec>(const Exec&, const View<T**, Exec>&, const View<const T***, Exec>&,  \
                                            const View<const T***, Exec>&, const HeadWeights<T, Exec>&);         \
  template void count_head_backward<T, Exec>(const Exec&, const GradientRows<T, Exec>&, const View<T***, Exec>&, \
                                             const View<const T**, Exec>&, const HeadWeights<T, Exec>&);
#define CHERI_COUNT_HEAD_BOTH(Exec) CHERI_COUNT_HEAD(float, Exec) CHERI_COUNT_HEAD(double, Exec)
CHERI_FOR_EACH_SPACE(CHERI_COUNT_HEAD_BOTH)

}   // namespace cheri::nn
