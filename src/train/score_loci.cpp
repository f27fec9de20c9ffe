// Per-locus scores of predictions. One team an (example, track) or an (example, group). Every sum over positions has one
// order: lane j adds the positions j, j + lanes, ..., then the lanes are added in their order; so the bits depend neither
// on the number of threads nor on the size of a team.
#include "cheri/train/metrics.hpp"

#include "cheri/base/check.hpp"

#include <numeric>
#include <type_traits>

namespace cheri::train {

namespace {

constexpr int lanes = 32;   // a warp
constexpr float infinity = Kokkos::Experimental::infinity_v<float>;

// ---- mathematics -----------------------------------------------------------------------------------------------------

/// Largest and smallest logit, largest and smallest count, and the sum of counts.
struct Extent {
  float max_logit = -infinity, min_logit = infinity;
  float max_count = -infinity, min_count = infinity;
  double total = 0;

  KOKKOS_INLINE_FUNCTION void join(const Extent& other) {
    max_logit = Kokkos::fmax(max_logit, other.max_logit);
    min_logit = Kokkos::fmin(min_logit, other.min_logit);
    max_count = Kokkos::fmax(max_count, other.max_count);
    min_count = Kokkos::fmin(min_count, other.min_count);
    total += other.total;
  }
  KOKKOS_INLINE_FUNCTION bool constant() const { return max_logit == min_logit || max_count == min_count; }
};

KOKKOS_INLINE_FUNCTION Extent extent_of(float logit, float count) { return {logit, logit, count, count, count}; }

struct Sum {
  double value = 0;
  KOKKOS_INLINE_FUNCTION void join(const Sum& other) { value += other.value; }
};

/// Sums over positions of what compares a predicted profile p with counts y, whose share of the total is q.
struct Comparison {
  double covariance = 0, variance_p = 0, variance_y = 0, divergence = 0;

  KOKKOS_INLINE_FUNCTION void join(const Comparison& other) {
    covariance += other.covariance;
    variance_p += other.variance_p;
    variance_y += other.variance_y;
    divergence += other.divergence;
  }
};

/// p log(p / m), 0 at p = 0.
KOKKOS_INLINE_FUNCTION double relative_entropy(double p, double m) { return p > 0 ? p * Kokkos::log(p / m) : 0; }

KOKKOS_INLINE_FUNCTION Comparison compare(double p, double mean_p, double y, double mean_y, double q) {
  const double dp = p - mean_p;
  const double dy = y - mean_y;
  const double middle = 0.5 * (p + q);
  return {dp * dy, dp * dp, dy * dy, 0.5 * (relative_entropy(p, middle) + relative_entropy(q, middle))};
}

/// log(y!) - y log p, 0 at y = 0.
KOKKOS_INLINE_FUNCTION double nll_term(double y, double log_p) { return y > 0 ? Kokkos::lgamma(y + 1) - y * log_p : 0; }

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// The join of term(0) ... term(n - 1), in the order that the head of this file gives, on every thread of the team.
template <class Value, class Team, class Term>
KOKKOS_INLINE_FUNCTION Value join_all(const Team& team, int n, const Term& term) {
  Value* const lane_values =
      static_cast<Value*>(team.team_scratch(0).get_shmem_aligned(lanes * sizeof(Value), alignof(Value)));
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, lanes), [&](const int lane) {
    Value value;
    for (int i = lane; i < n; i += lanes) value.join(term(i));
    lane_values[lane] = value;
  });
  team.team_barrier();
  Value all;
  for (int lane = 0; lane < lanes; ++lane) all.join(lane_values[lane]);
  return all;
}

/// log sum_i exp(logit(i)), the normaliser of a softmax.
template <class Team, class Logit>
KOKKOS_INLINE_FUNCTION double log_sum_exp(const Team& team, int n, const Logit& logit, double max_logit) {
  const auto term = [&](int i) { return Sum{Kokkos::exp(logit(i) - max_logit)}; };
  return max_logit + Kokkos::log(join_all<Sum>(team, n, term).value);
}

constexpr std::size_t scratch_bytes = lanes * (sizeof(Extent) + sizeof(Sum) + sizeof(Comparison)) + 64;

template <class Exec>
Kokkos::TeamPolicy<Exec> one_team_each(const Exec& exec, int league_size) {
  const int team_size = std::is_same_v<Exec, Host> ? 1 : lanes;
  return Kokkos::TeamPolicy<Exec>(exec, league_size, team_size).set_scratch_size(0, Kokkos::PerTeam(scratch_bytes));
}

template <class Exec>
void score_tracks(const Exec& exec, const View<double**, Exec>& pearson_NT, const View<double**, Exec>& jsd_NT,
                  const View<const float***, Exec>& logits_NTW, const View<const float***, Exec>& signal_NTW) {
  const int n_examples = static_cast<int>(logits_NTW.extent(0));
  const int n_tracks = static_cast<int>(logits_NTW.extent(1));
  const int window = static_cast<int>(logits_NTW.extent(2));
  Kokkos::parallel_for(
      "cheri::train::score_tracks", one_team_each(exec, n_examples * n_tracks),
      KOKKOS_LAMBDA(const typename Kokkos::TeamPolicy<Exec>::member_type& team) {
        const int n = team.league_rank() / n_tracks;
        const int t = team.league_rank() % n_tracks;
        const auto logit = [&](int i) { return static_cast<double>(logits_NTW(n, t, i)); };
        const Extent extent =
            join_all<Extent>(team, window, [&](int i) { return extent_of(logits_NTW(n, t, i), signal_NTW(n, t, i)); });
        const double normaliser = log_sum_exp(team, window, logit, extent.max_logit);
        const double mean_p = 1.0 / window;
        const double mean_y = extent.total / window;
        const Comparison sums = join_all<Comparison>(team, window, [&](int i) {
          const double y = signal_NTW(n, t, i);
          return compare(Kokkos::exp(logit(i) - normaliser), mean_p, y, mean_y, y / extent.total);
        });
        Kokkos::single(Kokkos::PerTeam(team), [&]() {
          pearson_NT(n, t) = extent.constant() ? 0 : sums.covariance / Kokkos::sqrt(sums.variance_p * sums.variance_y);
          jsd_NT(n, t) = extent.total > 0 ? sums.divergence : Kokkos::Experimental::quiet_NaN_v<double>;
        });
      });
}

/// Group g holds the channels [first_track, first_track + n_tracks), whose positions are one multinomial.
template <class Exec>
void score_group(const Exec& exec, const LocusScores<Exec>& scores, const nn::ModelOutput<float, Exec>& predicted,
                 const View<const float***, Exec>& signal_NTW, int g, int first_track, int n_tracks) {
  const auto logits_NTW = predicted.logits_NTW;
  const auto log_counts_NG = predicted.log_counts_NG;
  const auto mnll_NG = scores.profile_mnll_NG, observed_NG = scores.observed_NG, predicted_NG = scores.predicted_NG;
  const int n_examples = static_cast<int>(logits_NTW.extent(0));
  const int window = static_cast<int>(logits_NTW.extent(2));
  Kokkos::parallel_for(
      "cheri::train::score_group", one_team_each(exec, n_examples),
      KOKKOS_LAMBDA(const typename Kokkos::TeamPolicy<Exec>::member_type& team) {
        const int n = team.league_rank();
        const auto logit = [&](int i) { return static_cast<double>(logits_NTW(n, first_track + i / window, i % window)); };
        const auto count = [&](int i) { return signal_NTW(n, first_track + i / window, i % window); };
        const int positions = n_tracks * window;
        const Extent extent =
            join_all<Extent>(team, positions, [&](int i) { return extent_of(static_cast<float>(logit(i)), count(i)); });
        const double normaliser = log_sum_exp(team, positions, logit, extent.max_logit);
        const Sum nll =
            join_all<Sum>(team, positions, [&](int i) { return Sum{nll_term(count(i), logit(i) - normaliser)}; });
        Kokkos::single(Kokkos::PerTeam(team), [&]() {
          mnll_NG(n, g) = nll.value - Kokkos::lgamma(extent.total + 1);
          observed_NG(n, g) = Kokkos::log1p(extent.total);
          predicted_NG(n, g) = log_counts_NG(n, g);
        });
      });
}

}   // namespace

// ---- launcher --------------------------------------------------------------------------------------------------------

template <class Exec>
void score_loci(const Exec& exec, const LocusScores<Exec>& scores, const nn::ModelOutput<float, Exec>& predicted,
                const View<const float***, Exec>& signal_NTW, const std::vector<int>& signal_groups) {
  for (std::size_t i = 0; i < 3; ++i) {
    CHERI_REQUIRE(predicted.logits_NTW.extent(i) == signal_NTW.extent(i),
                  "logits and signal must have the same shape; extent " << i << " is " << predicted.logits_NTW.extent(i)
                                                                        << " and " << signal_NTW.extent(i));
  }
  const int n_grouped = std::reduce(signal_groups.begin(), signal_groups.end());
  CHERI_REQUIRE(static_cast<std::size_t>(n_grouped) == signal_NTW.extent(1),
                "groups of " << n_grouped << " tracks cannot score " << signal_NTW.extent(1));
  if (signal_NTW.extent(0) == 0) return;

  score_tracks<Exec>(exec, scores.profile_pearson_NT, scores.profile_jsd_NT, predicted.logits_NTW, signal_NTW);
  int first_track = 0;
  for (std::size_t g = 0; g < signal_groups.size(); ++g) {
    score_group(exec, scores, predicted, signal_NTW, static_cast<int>(g), first_track, signal_groups[g]);
    first_track += signal_groups[g];
  }
}

#define CHERI_INSTANTIATE(Exec)                                                                              \
  template void score_loci<Exec>(const Exec&, const LocusScores<Exec>&, const nn::ModelOutput<float, Exec>&, \
                                 const View<const float***, Exec>&, const std::vector<int>&);
CHERI_FOR_EACH_SPACE(CHERI_INSTANTIATE)
#undef CHERI_INSTANTIATE

}   // namespace cheri::train
