// Expected values marked "scipy" or "scikit-learn" were computed with scipy 1.17 (pearsonr, spearmanr) and scikit-learn 1.9
// (roc_auc_score, average_precision_score) on the same inputs.
#include "cheri/train/metrics.hpp"
#include "cheri/base/check.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace cheri::train {
namespace {

// Both sides sum some ten doubles, in different orders.
constexpr double tolerance = 1e-14;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

const std::vector<double> x = {3, 1, 4, 1, 5, 9, 2, 6};
const std::vector<double> y = {2, 7, 1, 8, 2, 8, 1, 8};
const std::vector<double> score = {.9, .8, .8, .7, .6, .6, .6, .4, .3, .1};
const std::vector<bool> label = {true, true, false, true, false, true, false, false, true, false};

TEST(Pearson, AgreesWithScipy) { EXPECT_NEAR(pearson(x, y), 0.2096553190730121, tolerance); }

TEST(Pearson, IsOneForALineAndUnmovedByALargeMean) {
  const std::vector<double> far = {1e8 + 1, 1e8 + 2, 1e8 + 4};
  const std::vector<double> falling = {-2, -4, -8};
  EXPECT_NEAR(pearson(far, falling), -1, 1e-12);
}

TEST(Pearson, HasNoMeaningForAConstant) {
  EXPECT_TRUE(std::isnan(pearson({1, 2, 3}, {0.1, 0.1, 0.1})));
  EXPECT_TRUE(std::isnan(pearson({0.1, 0.1, 0.1}, {1, 2, 3})));
  EXPECT_TRUE(std::isnan(pearson({1}, {2})));
  EXPECT_TRUE(std::isnan(pearson({}, {})));
  EXPECT_TRUE(std::isnan(pearson({1, nan, 3}, {1, 2, 3})));
}

TEST(Pearson, RejectsListsOfDifferentLength) { EXPECT_THROW((void)pearson({1, 2}, {1, 2, 3}), Error); }

TEST(Spearman, AgreesWithScipyOnTies) { EXPECT_NEAR(spearman(x, y), 0.19885368120992467, tolerance); }

TEST(Spearman, SeesOnlyTheOrder) {
  EXPECT_NEAR(spearman({1, 2, 3, 4}, {1, 10, 1000, 1e6}), 1, tolerance);
  EXPECT_TRUE(std::isnan(spearman({1, nan, 3}, {1, 2, 3})));
}

TEST(Auroc, AgreesWithScikitLearnOnTies) { EXPECT_NEAR(auroc(score, label), 0.7, tolerance); }

TEST(Auroc, CountsPairs) {
  EXPECT_EQ(auroc({1, 2, 3, 4}, {false, false, true, true}), 1);
  EXPECT_EQ(auroc({4, 3, 2, 1}, {false, false, true, true}), 0);
  EXPECT_EQ(auroc({5, 5, 5, 5}, {false, true, true, false}), 0.5);   // all tied: each pair counts half
}

TEST(Auprc, AgreesWithScikitLearnOnTies) { EXPECT_NEAR(auprc(score, label), 0.7087301587301587, tolerance); }

TEST(Auprc, IsTheShareOfPositivesWhenAllTie) {
  EXPECT_EQ(auprc({1, 1, 1, 1}, {true, false, false, false}), 0.25);
  EXPECT_EQ(auprc({1, 2, 3, 4}, {false, false, true, true}), 1);
}

TEST(Ranking, HasNoMeaningForOneClassOrNaN) {
  for (const auto& measure : {auroc, auprc}) {
    EXPECT_TRUE(std::isnan(measure({1, 2}, {true, true})));
    EXPECT_TRUE(std::isnan(measure({1, 2}, {false, false})));
    EXPECT_TRUE(std::isnan(measure({}, {})));
    EXPECT_TRUE(std::isnan(measure({1, nan, 2}, {true, false, true})));
    EXPECT_THROW((void)measure({1, 2}, {true}), Error);
  }
}

/// Two groups (a pair and a single), three peaks and two negatives; every value tells where it stands.
SplitScores example() {
  SplitScores scores;
  scores.signal_groups = {2, 1};
  scores.n_peaks = 3;
  scores.n_negatives = 2;
  scores.profile_pearson = {.1, .2, .3, /**/ .4, .5, .6, /**/ .7, .8, .9, /**/ 9, 9, 9, /**/ 9, 9, 9};
  scores.profile_jsd = {.1, nan, .3, /**/ .2, .6, nan, /**/ nan, .3, nan, /**/ 9, 9, 9, /**/ 9, 9, 9};
  scores.profile_mnll = {10, 1, /**/ 20, 2, /**/ 60, 6, /**/ 99, 99, /**/ 99, 99};
  scores.observed = {1, 5, /**/ 2, 3, /**/ 3, 4, /**/ 0, 0, /**/ 1, 1};
  scores.predicted = {1, 5, /**/ 3, 4, /**/ 5, 3, /**/ 0, 4, /**/ 2, 1};
  return scores;
}

TEST(Summarise, TakesProfileMetricsOverPeaksAndTracksOfTheGroup) {
  const Metrics metrics = summarise(example());
  ASSERT_EQ(metrics.groups.size(), 2u);
  EXPECT_NEAR(metrics.groups[0].profile_pearson, (.1 + .2 + .4 + .5 + .7 + .8) / 6, tolerance);
  EXPECT_NEAR(metrics.groups[1].profile_pearson, (.3 + .6 + .9) / 3, tolerance);
  EXPECT_EQ(metrics.groups[0].profile_mnll, 30);
  EXPECT_EQ(metrics.groups[1].profile_mnll, 3);
}

TEST(Summarise, LeavesChannelsWithoutCountsOutOfTheJsd) {
  const Metrics metrics = summarise(example());
  EXPECT_NEAR(metrics.groups[0].profile_jsd, (.1 + .2 + .6 + .3) / 4, tolerance);
  EXPECT_NEAR(metrics.groups[1].profile_jsd, .3, tolerance);
}

TEST(Summarise, TakesCountMetricsOverPeaksAndOverAll) {
  const Metrics metrics = summarise(example());
  EXPECT_NEAR(metrics.groups[0].count_pearson, 1, tolerance);
  EXPECT_NEAR(metrics.groups[0].count_mse, 5.0 / 3, tolerance);
  EXPECT_NEAR(metrics.groups[0].count_mse_all, 6.0 / 5, tolerance);
  EXPECT_NEAR(metrics.groups[1].count_pearson, 0.5, tolerance);
  EXPECT_NEAR(metrics.groups[1].count_spearman, 0.5, tolerance);
  // numpy.corrcoef([1, 3, 5, 0, 2], [1, 2, 3, 0, 1])
  EXPECT_NEAR(metrics.groups[0].count_pearson_all, 0.9803156180632392, tolerance);
}

TEST(Summarise, RanksPeaksAgainstNegatives) {
  const Metrics metrics = summarise(example());
  // Group 0: peaks 1, 3, 5 against 0, 2: five of six pairs are right. Group 1: 5, 4, 3 against 4, 1: four and one tie.
  EXPECT_NEAR(metrics.groups[0].auroc, 5.0 / 6, tolerance);
  EXPECT_NEAR(metrics.groups[1].auroc, 4.5 / 6, tolerance);
  EXPECT_NEAR(metrics.groups[0].auprc, (1 + 1 + 3.0 / 4) / 3, tolerance);
}

TEST(Summarise, AveragesOverGroups) {
  const Metrics metrics = summarise(example());
  EXPECT_EQ(metrics.mean.profile_mnll, 16.5);
  EXPECT_NEAR(metrics.mean.count_pearson, 0.75, tolerance);
}

TEST(Summarise, LeavesOutWhatNeedsNegativesWhenThereAreNone) {
  SplitScores scores = example();
  scores.n_negatives = 0;
  scores.profile_pearson.resize(9);
  scores.profile_jsd.resize(9);
  scores.profile_mnll.resize(6);
  scores.observed.resize(6);
  scores.predicted.resize(6);
  const GroupMetrics mean = summarise(scores).mean;
  EXPECT_NEAR(mean.count_pearson, 0.75, tolerance);
  for (const double value : {mean.auroc, mean.auprc, mean.count_pearson_all, mean.count_mse_all})
    EXPECT_TRUE(std::isnan(value));
}

TEST(Summarise, SurvivesAnEmptySplit) {
  SplitScores scores;
  scores.signal_groups = {1};
  const Metrics metrics = summarise(scores);
  EXPECT_TRUE(std::isnan(metrics.mean.profile_pearson));
  EXPECT_TRUE(std::isnan(metrics.mean.count_mse));
}

TEST(Summarise, RejectsArraysOfTheWrongSize) {
  SplitScores scores = example();
  scores.observed.pop_back();
  EXPECT_THROW((void)summarise(scores), Error);
  scores = example();
  scores.profile_jsd.push_back(0);
  EXPECT_THROW((void)summarise(scores), Error);
}

TEST(SelectionScore, CountsAGroupWithoutCorrelationAsZero) {
  SplitScores scores = example();
  for (std::size_t locus = 0; locus < 5; ++locus) scores.predicted[2 * locus] = 1;   // constant in group 0
  const Metrics metrics = summarise(scores);
  EXPECT_TRUE(std::isnan(metrics.groups[0].count_pearson));
  EXPECT_NEAR(selection_score(metrics, Criterion::count_pearson), 0.25, tolerance);
}

TEST(SelectionScore, IsTheCriterionsMeanOverGroups) {
  const Metrics metrics = summarise(example());
  const double count = selection_score(metrics, Criterion::count_pearson);
  const double profile = selection_score(metrics, Criterion::profile_pearson);
  EXPECT_NEAR(count, metrics.mean.count_pearson, tolerance);
  EXPECT_NEAR(profile, metrics.mean.profile_pearson, tolerance);
  EXPECT_GT(std::abs(count - profile), 0.01);
  EXPECT_NEAR(selection_score(metrics, Criterion::mean_pearson), (count + profile) / 2, tolerance);
}

TEST(MetricsJson, NamesEveryMetricAndWritesNullForNaN) {
  SplitScores scores = example();
  scores.profile_jsd.assign(15, nan);
  const std::string json = to_json(summarise(scores));
  EXPECT_NE(json.find("\"profile_jsd\": null"), std::string::npos) << json;
  EXPECT_NE(json.find("\"profile_mnll\": 16.5"), std::string::npos) << json;
  for (const char* name : {"mean", "groups", "profile_pearson", "count_pearson", "count_spearman", "count_mse",
                           "count_pearson_all", "count_mse_all", "auroc", "auprc"}) {
    EXPECT_NE(json.find('"' + std::string(name) + '"'), std::string::npos) << name;
  }
}

}   // namespace
}   // namespace cheri::train
