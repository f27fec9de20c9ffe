// Small things between a model and the files that say what it is worth.
#include "cheri/train/results.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"
#include "cheri/train/checkpoint.hpp"
#include "cheri/train/evaluate.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

namespace cheri::train {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;

std::vector<float> expected(const std::vector<int>& groups, int window, const std::vector<float>& logits,
                            const std::vector<float>& log_counts) {
  return expected_counts(groups, window, logits.data(), log_counts.data());
}

void expect_near(const std::vector<float>& values, const std::vector<double>& exact) {
  ASSERT_EQ(values.size(), exact.size());
  // One rounding to float, of numbers whose logarithms were floats.
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(values[i]), exact[i], 1e-6 * exact[i]) << i;
  }
}

TEST(ExpectedCounts, AreSharedAmongTheChannelsOfAGroup) {
  const auto l = [](double x) { return static_cast<float>(std::log(x)); };
  // The pair: shares 1 ... 6 of 21 of exp(log 43) - 1 = 42; the single: 1, 1, 2 of 4 of exp(log 9) - 1 = 8.
  expect_near(expected({2, 1}, 3, {l(1), l(2), l(3), l(4), l(5), l(6), l(1), l(1), l(2)}, {l(43), l(9)}),
              {2, 4, 6, 8, 10, 12, 2, 2, 4});
}

TEST(ExpectedCounts, AreNeverNegative) {
  for (const float value : expected({1}, 2, {0, 1}, {-0.5f})) EXPECT_EQ(value, 0);
}

TEST(ExpectedCounts, StandFarLogits) {
  const float counts = static_cast<float>(std::log(11.0));
  expect_near(expected({1}, 2, {1e4f, 1e4f}, {counts}), {5, 5});
  expect_near(expected({1}, 2, {-1e4f, -1e4f}, {counts}), {5, 5});
  expect_near(expected({1}, 2, {1e4f, -1e4f}, {counts}), {10, 0});
}

TEST(ChromosomesOf, AreThoseOfTheDeck) {
  TrainConfig config;
  config.training_chromosomes = {"a", "b"};
  config.validation_chromosomes = {"c"};
  EXPECT_EQ(chromosomes_of(config, "training"), config.training_chromosomes);
  EXPECT_EQ(chromosomes_of(config, "validation"), config.validation_chromosomes);
  EXPECT_TRUE(
      says(message_of<InputError>([&] { static_cast<void>(chromosomes_of(config, "test")); }), {"no test chromosomes"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(chromosomes_of(config, "all")); }),
                   {"training, validation or test", "all"}));
}

TEST(ModelPath, OfADirectoryIsItsBest) {
  const cheri::testing::ScratchFolder folder;
  const auto message = [&] { return message_of<InputError>([&] { static_cast<void>(model_path(folder.file(""))); }); };
  EXPECT_TRUE(says(message(), {folder.file("") + " is no directory of a run", "best.h5"}));
  write_text_file(folder.file("deck.toml"), "");
  EXPECT_TRUE(says(message(), {folder.file("") + " has no best.h5 yet", "checkpoint.seconds", "`cheri train`"}));
  EXPECT_EQ(message().find("Or name"), std::string::npos);
  std::filesystem::create_directory(folder.file("checkpoints"));
  write_text_file(checkpoint_path(folder.file(""), 7), "");
  EXPECT_TRUE(says(message(), {"newest checkpoint instead, " + checkpoint_path(folder.file(""), 7)}));
  write_text_file(folder.file("best.h5"), "");
  EXPECT_EQ(model_path(folder.file("")), folder.file("best.h5"));
  EXPECT_EQ(model_path(folder.file("final.h5")), folder.file("final.h5"));
}

TEST(LocusNames, AreTheOutputWindows) {
  data::ExampleSet examples;
  examples.chromosomes = {{"chrI", 1000}, {"chrII", 1000}};
  examples.loci = {{0, 90, 110, -1}, {1, 0, 1, -1}};
  examples.centres = {100, 55};
  examples.n_peaks = 2;
  examples.windows = {40, 11, 0};
  EXPECT_EQ(locus_names(examples), (std::vector<std::string>{"chrI:95-106", "chrII:50-61"}));
}

// ---- baseline ----------------------------------------------------------------------------------------------------------

/// Peaks of two groups (a pair and a single), 3 positions and a flank of 1 on either side.
data::ExampleSet three_peaks(const std::vector<std::uint8_t>& signal, std::int64_t n_peaks) {
  data::ExampleSet examples;
  examples.tracks = {{"a", 0, "+", false}, {"b", 0, "-", false}, {"c", 1, ".", false}};
  examples.windows = {3, 3, 1};
  examples.max_jitter = 1;
  examples.n_peaks = n_peaks;
  examples.n_negatives = static_cast<std::int64_t>(signal.size()) / 15 - n_peaks;
  for (const std::uint8_t value : signal) examples.signal.bytes.push_back(std::byte{value});
  examples.codes.resize(static_cast<std::size_t>(examples.size()) * 5);
  return examples;
}

// Flanks and negatives do not count; a channel without counts adds nothing to the mean profile.
TEST(BaselineTest, IsTheMeanProfileAndTheMeanLogCount) {
  const Baseline baseline = mean_baseline(
      data::examples_of(three_peaks({9,  1,  2,  1,  9,  /**/ 9, 0,  0,  0,  9,  /**/ 9, 0,  5,  0,  9,   // peak
                                     9,  2,  0,  0,  9,  /**/ 9, 0,  0,  1,  9,  /**/ 9, 1,  1,  2,  9,   // peak
                                     50, 50, 50, 50, 50, 50,     50, 50, 50, 50, 50,     50, 50, 50, 50},
                                    2)));
  expect_near(baseline.profile, {0.625, 0.25, 0.125, /**/ 0, 0, 0.5, /**/ 0.125, 0.625, 0.25});
  ASSERT_EQ(baseline.log_counts.size(), 2u);
  EXPECT_NEAR(baseline.log_counts[0], (std::log(5.0) + std::log(4.0)) / 2, 1e-15);
  EXPECT_NEAR(baseline.log_counts[1], (std::log(6.0) + std::log(5.0)) / 2, 1e-15);
}

// 70 examples are more than one chunk; the observed counts tell that they are in order.
TEST(BaselineTest, IsScoredLikeAModel) {
  std::vector<std::uint8_t> signal;
  for (int n = 0; n < 70; ++n) {
    for (int i = 0; i < 15; ++i) signal.push_back(static_cast<std::uint8_t>((n * 7 + i * i) % 5));
  }
  const data::ExampleSet examples = three_peaks(signal, 50);
  const Baseline baseline{{0.5f, 0.25f, 0.25f, 0.1f, 0.2f, 0.7f, 0.3f, 0.3f, 0.4f}, {2.5, 1.5}};
  auto feed = data::Feed<Device>::resident(data::examples_of(examples));
  const SplitScores scores = score_baseline(Device(), baseline, examples, feed);
  EXPECT_EQ(scores.n_peaks, 50);
  EXPECT_EQ(scores.n_negatives, 20);
  ASSERT_EQ(scores.predicted.size(), 140u);
  ASSERT_EQ(scores.profile_pearson.size(), 210u);
  for (std::size_t n = 0; n < 70; ++n) {
    EXPECT_EQ(scores.predicted[2 * n], 2.5);
    EXPECT_EQ(scores.predicted[2 * n + 1], 1.5);
    const auto at = [&](std::size_t t, std::size_t w) { return static_cast<double>(signal[n * 15 + t * 5 + 1 + w]); };
    double pair = 0;
    for (std::size_t w = 0; w < 3; ++w) pair += at(0, w) + at(1, w);
    EXPECT_NEAR(scores.observed[2 * n], std::log1p(pair), 1e-14);
    // Pearson of the single's counts against 0.3, 0.3, 0.4.
    const double mean = (at(2, 0) + at(2, 1) + at(2, 2)) / 3, d0 = at(2, 0) - mean, d1 = at(2, 1) - mean,
                 d2 = at(2, 2) - mean;
    const double spread = std::sqrt((d0 * d0 + d1 * d1 + d2 * d2) * 0.02 / 3);
    const double expected = spread > 0 ? (d2 * 0.2 / 3 - (d0 + d1) * 0.1 / 3) / spread : 0;
    EXPECT_NEAR(scores.profile_pearson[3 * n + 2], expected, 1e-6) << n;   // logits are floats
  }
}

}   // namespace
}   // namespace cheri::train
