// Scores and predictions are the same bits for any number of ranks, and scores cost one copy.
#include "cheri/train/evaluate.hpp"
#include "cheri/train/predictions.hpp"
#include "cheri/train/results.hpp"
#include "support/random_checkpoint.hpp"
#include "support/shared_folder.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

namespace cheri::train {
namespace {

using cheri::testing::random_checkpoint;
using cheri::testing::shared_folder;
using cheri::testing::SmallTracks;
using parallel::Communicator;

/// A deck over small tracks, written by rank 0 and read by all.
TrainConfig small_deck(const Communicator& world, const std::string& name) {
  TrainConfig config;
  config.data.path = shared_folder(world, name) + "/tracks.h5";
  config.data.windows = {60, 20, 5};
  config.training_chromosomes = {"chrI"};
  config.validation_chromosomes = {"chrII"};
  config.test_chromosomes = {"chrM"};
  if (world.root()) SmallTracks().write(config.data.path);
  world.barrier();
  return config;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {   // NaN is NaN
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

TEST(Evaluate, BitsDoNotDependOnTheRanks) {
  const Communicator world = Communicator::world(), alone = Communicator::alone();
  const TrainConfig config = small_deck(world, "evaluate");
  const Checkpoint checkpoint = random_checkpoint();
  // chrM has one example, a negative: fewer than ranks, and no peak.
  for (const char* split : {"training", "validation", "test"}) {
    SCOPED_TRACE(split);
    const Evaluation together = evaluate(world, config, checkpoint, split);
    const Evaluation single = evaluate(alone, config, checkpoint, split);
    EXPECT_TRUE(same_bits(together.scores.profile_pearson, single.scores.profile_pearson));
    EXPECT_TRUE(same_bits(together.scores.profile_jsd, single.scores.profile_jsd));
    EXPECT_TRUE(same_bits(together.scores.profile_mnll, single.scores.profile_mnll));
    EXPECT_TRUE(same_bits(together.scores.observed, single.scores.observed));
    EXPECT_TRUE(same_bits(together.scores.predicted, single.scores.predicted));
    if (world.root()) {   // the baseline is rank 0's
      EXPECT_EQ(metrics_json(config, checkpoint, together), metrics_json(config, checkpoint, single));
    }
    EXPECT_EQ(together.loci, single.loci);
    EXPECT_EQ(together.scores.n_peaks + together.scores.n_negatives, static_cast<std::int64_t>(together.loci.size()));
  }
}

// Must fail: one parameter moved by one part in 10^6 shows in the bits.
TEST(Evaluate, AnotherModelHasOtherBits) {
  const Communicator world = Communicator::world();
  const TrainConfig config = small_deck(world, "other");
  Checkpoint other = random_checkpoint();
  const Evaluation before = evaluate(world, config, other, "validation");
  for (float& value : other.state.ema) value *= 1.000001f;
  const Evaluation after = evaluate(world, config, other, "validation");
  EXPECT_FALSE(same_bits(before.scores.predicted, after.scores.predicted));
  EXPECT_FALSE(same_bits(before.scores.profile_mnll, after.scores.profile_mnll));
  EXPECT_TRUE(same_bits(before.scores.observed, after.scores.observed));
}

TEST(Evaluate, TheReportsProfilesAreThoseOfRankZero) {
  const Communicator world = Communicator::world();
  const Evaluation evaluation = evaluate(world, small_deck(world, "profiles"), random_checkpoint(), "validation");
  EXPECT_EQ(evaluation.profiles.size(), world.root() ? 6u : 0u);
  EXPECT_EQ(evaluation.track_names, (std::vector<std::string>{"pair.plus", "pair.minus", "single"}));
  EXPECT_EQ(evaluation.group_names, (std::vector<std::string>{"pair.plus", "single"}));
}

std::atomic<int> copies = 0, allocations = 0;

// However many chunks: a validation ends each epoch, and epochs may be short.
TEST(Predictor, ScoresWithOneCopyAndNoAllocation) {
  namespace tools = Kokkos::Tools::Experimental;
  const Communicator world = Communicator::world();
  const TrainConfig config = small_deck(world, "copies");
  const Checkpoint checkpoint = random_checkpoint();
  const data::Examples opened = data::open_examples(config.data, {config.training_chromosomes, 0, false});
  const data::ExampleIndex& examples = opened.index;
  auto feed = data::Feed<Device>::resident(opened);
  const Device exec;
  nn::Model<float, Device> model = inference_model(exec, checkpoint, 2, nn::Precision::fp32);
  Predictor predictor(checkpoint.shape, examples, feed, 2);
  EXPECT_GT(examples.size(), 2 * world.size());   // a rank has chunks
  predictor.score(exec, world, model);            // takes what is taken once
  tools::set_begin_deep_copy_callback([](Kokkos_Profiling_SpaceHandle, const char*, const void*,
                                         Kokkos_Profiling_SpaceHandle, const char*, const void*,
                                         std::uint64_t) { ++copies; });
  tools::set_allocate_data_callback(
      [](Kokkos_Profiling_SpaceHandle, const char*, const void*, std::uint64_t bytes) { allocations += bytes > 0 ? 1 : 0; });
  const SplitScores scores = predictor.score(exec, world, model);
  EXPECT_EQ(copies, 1);
  EXPECT_EQ(allocations, 0);
  const View<int*, Device> counted("counted", 1);   // the count works
  EXPECT_EQ(allocations, 1);
  tools::set_begin_deep_copy_callback(nullptr);
  tools::set_allocate_data_callback(nullptr);
  EXPECT_EQ(scores.predicted.size(), 2 * static_cast<std::size_t>(examples.size()));
}

TEST(Predict, BitsDoNotDependOnTheRanks) {
  const Communicator world = Communicator::world(), alone = Communicator::alone();
  const TrainConfig config = small_deck(world, "predict");
  const Checkpoint checkpoint = random_checkpoint();
  for (const char* chromosome : {"chrI", "chrII", "chrM"}) {
    const data::Examples examples = data::open_examples(config.data, {{chromosome}, 0, false});
    const Predictions together = predict(world, checkpoint, examples), single = predict(alone, checkpoint, examples);
    EXPECT_EQ(single.log_counts.size(), 2 * static_cast<std::size_t>(examples.index.size()));
    EXPECT_TRUE(same_bits(together.logits, single.logits)) << chromosome;
    EXPECT_TRUE(same_bits(together.log_counts, single.log_counts)) << chromosome;
  }
}

}   // namespace
}   // namespace cheri::train
