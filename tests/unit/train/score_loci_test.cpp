// Expected values were computed in Python from the same inputs: scipy 1.17 softmax and pearsonr; 0.5 (rel_entr(p, m).sum() +
// rel_entr(q, m).sum()); -multinomial(total, p).logpmf(counts); log1p(total).
#include "cheri/base/check.hpp"
#include "cheri/train/metrics.hpp"
#include "cheri/train/score_table.hpp"
#include "support/spaces.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace cheri::train {
namespace {

constexpr std::size_t n_loci = 3, n_tracks = 3, n_groups = 2, window = 7;
const std::vector<int> groups = {2, 1};
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Inputs and scores of the example, in the memory of a space.
template <class Exec>
struct Case {
  explicit Case(std::size_t n = n_loci, std::size_t t = n_tracks, std::size_t w = window)
      : output{View<float***, Exec>("logits", n, t, w), View<float**, Exec>("log_counts", n, n_groups)},
        signal_NTW("signal", n, t, w),
        scores{View<double**, Exec>("pearson", n, t), View<double**, Exec>("jsd", n, t),
               View<double**, Exec>("mnll", n, n_groups), View<double**, Exec>("observed", n, n_groups),
               View<double**, Exec>("predicted", n, n_groups)} {}

  nn::ModelOutput<float, Exec> output;
  View<float***, Exec> signal_NTW;
  LocusScores<Exec> scores;
};

template <class ViewType, class F>
void fill(const ViewType& view, const F& value) {
  const auto host = Kokkos::create_mirror_view(view);
  for (std::size_t n = 0; n < view.extent(0); ++n) {
    for (std::size_t t = 0; t < view.extent(1); ++t) {
      for (std::size_t i = 0; i < view.extent(2); ++i) host(n, t, i) = static_cast<float>(value(n, t, i));
    }
  }
  Kokkos::deep_copy(view, host);
}

template <class ViewType>
std::vector<double> values_of(const ViewType& view) {
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
  return std::vector<double>(host.data(), host.data() + host.size());
}

template <class Exec>
Case<Exec> example() {
  Case<Exec> c;
  fill(c.output.logits_NTW, [](std::size_t n, std::size_t t, std::size_t i) {
    if (n == 2 && t == 1) return 0.5;   // constant prediction
    return static_cast<double>((7 * n + 5 * t + 3 * i) % 11) * 0.25 - 1.0;
  });
  fill(c.signal_NTW, [](std::size_t n, std::size_t t, std::size_t i) -> std::size_t {
    if (n == 1 && t == 0) return 0;   // no counts
    if (n == 1 && t == 2) return 2;   // constant counts
    return (n + 2 * t + i * i) % 5;
  });
  return c;
}

template <class Exec>
void score(const Case<Exec>& c) {
  score_loci<Exec>(Exec(), c.scores, c.output, c.signal_NTW, groups);
  Exec().fence("cheri::tests::score");
}

/// Both sides sum 14 doubles; lgamma and exp differ by some units in the last place between libraries.
void expect_near(const std::vector<double>& values, const std::vector<double>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(values[i])) << "element " << i << " is " << values[i];
    } else {
      EXPECT_NEAR(values[i], expected[i], 1e-13 * std::max(1.0, std::abs(expected[i]))) << "element " << i;
    }
  }
}

template <class Exec>
class ScoreLoci : public ::testing::Test {};

TYPED_TEST_SUITE(ScoreLoci, cheri::testing::Spaces);

TYPED_TEST(ScoreLoci, PearsonAgreesWithScipyAndIsZeroForConstants) {
  const auto c = example<TypeParam>();
  score(c);
  expect_near(values_of(c.scores.profile_pearson_NT), {0.733420275566182, 0.3382081807228261, 0.5534982421950065, 0,
                                                       -0.5301074291041696, 0, 0.14525114375405818, 0, 0.14525114375405818});
}

TYPED_TEST(ScoreLoci, JsdAgreesWithScipyAndIsNaNWithoutCounts) {
  const auto c = example<TypeParam>();
  score(c);
  expect_near(values_of(c.scores.profile_jsd_NT),
              {0.08317260046448147, 0.053602854300631345, 0.12590931799618177, nan, 0.09540682722464894, 0.06404103760044533,
               0.06762442432906304, 0.17999408450171966, 0.14618492090534646});
}

TYPED_TEST(ScoreLoci, MnllIsTheMultinomialOfTheWholeGroup) {
  const auto c = example<TypeParam>();
  score(c);
  expect_near(values_of(c.scores.profile_mnll_NG), {19.808350783483277, 10.653378481486559, 31.878049807439865,
                                                    10.923051028706094, 24.899898513655344, 8.080963712777608});
}

TYPED_TEST(ScoreLoci, ObservedIsTheLogCountOfTheGroup) {
  const auto c = example<TypeParam>();
  score(c);
  expect_near(values_of(c.scores.observed_NG),
              {std::log(27.0), std::log(15.0), std::log(23.0), std::log(15.0), std::log(30.0), std::log(9.0)});
}

/// What is tolerated above, in units of which the values differ where both are numbers.
double largest_excess(const std::vector<double>& values, const std::vector<double>& expected) {
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double allowed = 1e-13 * std::max(1.0, std::abs(expected[i]));
    if (std::isfinite(expected[i])) largest = std::max(largest, std::abs(values[i] - expected[i]) / allowed);
  }
  return largest;
}

// Must fail: channels grouped otherwise, and logits one position to the side.
TYPED_TEST(ScoreLoci, PlantedFaultsAreCaught) {
  const auto right = example<TypeParam>(), regrouped = example<TypeParam>(), shifted = example<TypeParam>();
  score(right);
  score_loci<TypeParam>(TypeParam(), regrouped.scores, regrouped.output, regrouped.signal_NTW, {1, 2});
  TypeParam().fence("cheri::tests::score");
  fill(shifted.output.logits_NTW, [](std::size_t n, std::size_t t, std::size_t i) {
    return static_cast<double>((7 * n + 5 * t + 3 * (i + 1)) % 11) * 0.25 - 1.0;
  });
  score(shifted);
  EXPECT_GT(largest_excess(values_of(regrouped.scores.profile_mnll_NG), values_of(right.scores.profile_mnll_NG)), 1e6);
  EXPECT_GT(largest_excess(values_of(regrouped.scores.observed_NG), values_of(right.scores.observed_NG)), 1e6);
  EXPECT_GT(largest_excess(values_of(shifted.scores.profile_pearson_NT), values_of(right.scores.profile_pearson_NT)), 1e6);
  EXPECT_GT(largest_excess(values_of(shifted.scores.profile_jsd_NT), values_of(right.scores.profile_jsd_NT)), 1e6);
  EXPECT_GT(largest_excess(values_of(shifted.scores.profile_mnll_NG), values_of(right.scores.profile_mnll_NG)), 1e6);
}

TYPED_TEST(ScoreLoci, SurvivesExtremeLogits) {
  const auto c = example<TypeParam>();
  fill(c.output.logits_NTW, [](std::size_t, std::size_t, std::size_t i) { return i == 3 ? 1e30 : -1e30; });
  score(c);
  for (const double value : values_of(c.scores.profile_pearson_NT)) EXPECT_TRUE(std::isfinite(value));
  for (const double value : values_of(c.scores.profile_mnll_NG)) EXPECT_TRUE(std::isfinite(value));
}

TYPED_TEST(ScoreLoci, ShowsNaNPredictions) {
  const auto c = example<TypeParam>();
  fill(c.output.logits_NTW, [](std::size_t, std::size_t, std::size_t) { return nan; });
  score(c);
  EXPECT_TRUE(std::isnan(values_of(c.scores.profile_pearson_NT)[0]));
  EXPECT_TRUE(std::isnan(values_of(c.scores.profile_mnll_NG)[0]));
}

template <class Exec>
std::vector<double> all_scores(const Case<Exec>& c) {
  std::vector<double> all = values_of(c.scores.profile_pearson_NT);
  for (const auto& more : {values_of(c.scores.profile_jsd_NT), values_of(c.scores.profile_mnll_NG)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// A window that no number of lanes divides; the locus `first` of a batch of 9 is the first of a batch of n.
template <class Exec>
Case<Exec> wide_case(std::size_t n, std::size_t first) {
  Case<Exec> c(n, n_tracks, 1013);
  fill(c.output.logits_NTW, [=](std::size_t k, std::size_t t, std::size_t i) {
    return std::sin(0.37 * static_cast<double>((k + first) * 91 + t * 17 + i));
  });
  fill(c.signal_NTW, [=](std::size_t k, std::size_t t, std::size_t i) { return ((k + first) * 13 + t + i * i) % 23 % 6; });
  return c;
}

TYPED_TEST(ScoreLoci, HasTheSameBitsAloneAndInABatch) {
  const auto batch = wide_case<TypeParam>(9, 0);
  score(batch);
  const std::vector<double> mnll = values_of(batch.scores.profile_mnll_NG);
  const std::vector<double> pearson = values_of(batch.scores.profile_pearson_NT);
  for (std::size_t n = 0; n < 9; ++n) {
    const auto alone = wide_case<TypeParam>(1, n);
    score(alone);
    EXPECT_TRUE(same_bits(values_of(alone.scores.profile_mnll_NG), {mnll.begin() + 2 * static_cast<std::ptrdiff_t>(n),
                                                                    mnll.begin() + 2 * static_cast<std::ptrdiff_t>(n) + 2}));
    EXPECT_TRUE(same_bits(
        values_of(alone.scores.profile_pearson_NT),
        {pearson.begin() + 3 * static_cast<std::ptrdiff_t>(n), pearson.begin() + 3 * static_cast<std::ptrdiff_t>(n) + 3}));
  }
}

#ifdef KOKKOS_ENABLE_OPENMP
TEST(ScoreLociThreads, HaveNoInfluence) {
  const auto on_one = wide_case<Host>(9, 0);
  const auto on_all = wide_case<Host>(9, 0);
  score_loci<Host>(Host(1), on_one.scores, on_one.output, on_one.signal_NTW, groups);
  score_loci<Host>(Host(), on_all.scores, on_all.output, on_all.signal_NTW, groups);
  EXPECT_TRUE(same_bits(all_scores(on_one), all_scores(on_all)));
}
#endif

TEST(ScoreTable, HoldsEachScoreInItsPlace) {
  const auto c = example<Device>();
  const auto log_counts = Kokkos::create_mirror_view(c.output.log_counts_NG);
  for (std::size_t i = 0; i < n_loci * n_groups; ++i) log_counts(i / n_groups, i % n_groups) = 0.5f * static_cast<float>(i);
  Kokkos::deep_copy(c.output.log_counts_NG, log_counts);
  score(c);
  const ScoreTable table(n_loci + 2, groups);
  score_loci<Device>(Device(), table.rows({1, n_loci + 1}), c.output, c.signal_NTW, groups);
  const SplitScores scores = table.scores(table.to_host(Device(), {1, n_loci + 1}), 2);
  EXPECT_EQ(scores.n_peaks, 2);
  EXPECT_EQ(scores.n_negatives, 1);
  EXPECT_TRUE(same_bits(scores.profile_pearson, values_of(c.scores.profile_pearson_NT)));
  EXPECT_TRUE(same_bits(scores.profile_jsd, values_of(c.scores.profile_jsd_NT)));
  EXPECT_TRUE(same_bits(scores.profile_mnll, values_of(c.scores.profile_mnll_NG)));
  EXPECT_TRUE(same_bits(scores.observed, values_of(c.scores.observed_NG)));
  EXPECT_EQ(scores.predicted, (std::vector<double>{0, 0.5, 1, 1.5, 2, 2.5}));
}

TYPED_TEST(ScoreLoci, TakesAnEmptyBatch) {
  const Case<TypeParam> c(0);
  EXPECT_NO_THROW(score(c));
}

TYPED_TEST(ScoreLoci, RejectsShapesThatDisagree) {
  const Case<TypeParam> c;
  const Case<TypeParam> wider(n_loci, n_tracks, window + 1);
  const TypeParam exec;
  EXPECT_THROW(score_loci<TypeParam>(exec, c.scores, c.output, wider.signal_NTW, groups), Error);
  EXPECT_THROW(score_loci<TypeParam>(exec, c.scores, c.output, c.signal_NTW, {1, 1}), Error);
}

}   // namespace
}   // namespace cheri::train
