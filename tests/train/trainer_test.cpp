// Whole runs on random data: the same bits for any number of ranks, resumed or not; nothing allocated after the first step;
// a loss that is no number ends the run with the state before it on disk.
#include "cheri/train/trainer.hpp"
#include "cheri/base/check.hpp"
#include "cheri/train/benchmark.hpp"
#include "support/model_case.hpp"
#include "support/shared_folder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>

namespace cheri::train {
namespace {

using cheri::testing::shared_folder;
using parallel::Communicator;
using parallel::StopSignals;

TrainConfig small_config(const std::string& directory) {
  TrainConfig config;
  config.name = "test";
  config.directory = directory;
  config.model = cheri::testing::small_shape(6, 2, {1, 2}, 1, 40, 20);
  config.data.windows = {40, 20, 3};
  config.training_chromosomes = {"random"};
  config.batch_size = 8;
  config.gradient_slices = 4;
  config.max_epochs = 4;
  config.min_total_steps = 1;
  config.checkpoint.seconds = 1e9;
  return config;
}

Splits small_splits(const TrainConfig& config) {
  return {data::examples_of(random_examples(config.model, 24, config.data.windows.max_jitter)),
          data::examples_of(random_examples(config.model, 11, 0))};
}

TEST(Trainer, BitsDoNotDependOnTheRanks) {
  const Communicator world = Communicator::world(), alone = Communicator::alone();
  const StopSignals signals;
  const TrainConfig config = small_config(shared_folder(world, "ranks"));
  TrainConfig lone_config = config;
  lone_config.directory += "/alone-" + std::to_string(world.rank());
  std::filesystem::create_directories(lone_config.directory);
  Trainer together(world, signals, config, small_splits(config), {}, {});
  Trainer single(alone, signals, lone_config, small_splits(config), {}, {});
  EXPECT_EQ(together.run(), Outcome::finished);
  EXPECT_EQ(single.run(), Outcome::finished);
  EXPECT_EQ(state_digest(together.state()), state_digest(single.state()));
  for (std::size_t i = 0; i < single.state().log.size(); ++i) {
    EXPECT_EQ(together.state().log[i].validation_mnll, single.state().log[i].validation_mnll);
    EXPECT_EQ(together.state().log[i].validation_count_pearson, single.state().log[i].validation_count_pearson);
  }
}

TEST(Trainer, GivenLossWeightsDoNotDependOnTheRanksEither) {
  const Communicator world = Communicator::world(), alone = Communicator::alone();
  const StopSignals signals;
  TrainConfig config = small_config(shared_folder(world, "weights"));
  config.loss_weights = {0.5, 2.0};
  config.max_epochs = 1;
  TrainConfig lone_config = config;
  lone_config.directory += "/alone-" + std::to_string(world.rank());
  std::filesystem::create_directories(lone_config.directory);
  Trainer together(world, signals, config, small_splits(config), {}, {});
  Trainer single(alone, signals, lone_config, small_splits(config), {}, {});
  together.run();
  single.run();
  EXPECT_EQ(state_digest(together.state()), state_digest(single.state()));
  EXPECT_EQ(together.state().parameters[0], 1.0f);   // lw0 is not used
}

// Stopped by a signal after every step, resumed from the checkpoint, alternately by all ranks and by each alone.
TEST(Trainer, StoppedAndResumedIsUninterrupted) {
  const Communicator world = Communicator::world(), alone = Communicator::alone();
  const TrainConfig config = small_config(shared_folder(world, "resume"));
  TrainConfig whole_config = config;
  whole_config.directory = shared_folder(world, "whole");
  {
    const StopSignals signals;
    Trainer whole(world, signals, whole_config, small_splits(config), {}, {});
    EXPECT_EQ(whole.run(), Outcome::finished);
  }
  const std::string expected = state_digest(read_checkpoint(whole_config.directory + "/final.h5").state);
  for (int turn = 0; turn < 100; ++turn) {
    const bool by_all = turn % 2 == 0;
    const StopSignals signals;
    const Communicator& ranks = by_all ? world : alone;
    Outcome outcome = Outcome::interrupted;
    if (by_all || world.root()) {
      const Found found = newest_checkpoint(config.directory);
      EXPECT_TRUE(found.skipped.empty()) << found.skipped.front();
      if (found.checkpoint && found.checkpoint->state.best_epoch >= 0) {
        EXPECT_EQ(read_checkpoint(config.directory + "/best.h5").state.best_epoch, found.checkpoint->state.best_epoch);
      }
      Trainer trainer(ranks, signals, config, small_splits(config), found.checkpoint, {});
      if (world.root()) std::raise(SIGTERM);
      outcome = trainer.run();
      if (outcome == Outcome::finished) {
        EXPECT_EQ(state_digest(trainer.state()), expected);
      }
    }
    world.barrier();
    if (world.broadcast(std::int64_t{outcome == Outcome::finished}) == 1) {
      EXPECT_GT(turn, 2);   // an epoch a turn at the most, however many steps a device is given at once
      for (const std::string model : {"/final.h5", "/best.h5"}) {
        EXPECT_EQ(state_digest(read_checkpoint(config.directory + model).state),
                  state_digest(read_checkpoint(whole_config.directory + model).state));
      }
      return;
    }
  }
  FAIL() << "the run did not end";
}

std::atomic<int> allocations = 0;

TEST(Trainer, AllocatesNothingAfterTheFirstStep) {
  const Communicator world = Communicator::world();
  const StopSignals signals;
  const TrainConfig config = small_config(shared_folder(world, "memory"));
  Trainer trainer(world, signals, config, small_splits(config), {}, {});
  trainer.begin_epoch(data::centred_order(8, 3));
  trainer.take_steps(2);
  Kokkos::Tools::Experimental::set_allocate_data_callback(
      [](Kokkos_Profiling_SpaceHandle, const char*, const void*, std::uint64_t bytes) { allocations += bytes > 0 ? 1 : 0; });
  trainer.take_steps(2);
  EXPECT_EQ(allocations, 0);
  const View<float*, Device> counted("counted", 1);   // the count works
  EXPECT_EQ(allocations, 1);
  Kokkos::Tools::Experimental::set_allocate_data_callback(nullptr);
}

TEST(Trainer, ANumberThatIsNoneEndsTheRunWithTheStateBeforeItOnDisk) {
  const Communicator world = Communicator::world();
  const StopSignals signals;
  const TrainConfig config = small_config(shared_folder(world, "finite"));
  data::ExampleSet training = random_examples(config.model, 24, config.data.windows.max_jitter);
  std::vector<float> values(training.signal.bytes.size(), 1);
  values.back() = std::numeric_limits<float>::quiet_NaN();   // only the last example of the set
  training.signal = {data::ElementType::f32, std::vector<std::byte>(values.size() * sizeof(float))};
  std::memcpy(training.signal.bytes.data(), values.data(), training.signal.bytes.size());
  const Splits splits{data::examples_of(training), data::examples_of(random_examples(config.model, 11, 0))};
  Trainer trainer(world, signals, config, splits, {}, {});
  std::vector<data::Draw> order = data::centred_order(16, 6);
  order.back().example = static_cast<std::int32_t>(training.size() - 1);
  trainer.begin_epoch(order);
  trainer.take_steps(1);
  const std::string before = state_digest(trainer.state());
  try {
    trainer.take_steps(2);
    FAIL() << "a loss that is no number was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("step 2"), std::string::npos) << error.what();
  }
  world.barrier();
  EXPECT_EQ(state_digest(newest_checkpoint(config.directory).checkpoint.value().state), before);
}

TEST(Trainer, ACheckpointOfAnotherModelIsRefused) {
  const Communicator world = Communicator::world();
  const StopSignals signals;
  TrainConfig config = small_config(shared_folder(world, "other"));
  Trainer trainer(world, signals, config, small_splits(config), {}, {});
  const Checkpoint checkpoint{trainer.shape(), "", "", trainer.state()};
  config.model.n_filters = 7;
  EXPECT_THROW(Trainer(world, signals, config, small_splits(config), checkpoint, {}), InputError);
}

TEST(Trainer, TooFewExamplesForABatchAreRefused) {
  const Communicator world = Communicator::world();
  const StopSignals signals;
  TrainConfig config = small_config(shared_folder(world, "few"));
  config.batch_size = 64;
  EXPECT_THROW(Trainer(world, signals, config, small_splits(config), {}, {}), InputError);
}

}   // namespace
}   // namespace cheri::train
