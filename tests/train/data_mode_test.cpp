// Whole runs and their scores have the same bits wherever their records are: in the memory of each rank, once a node, or in
// the file; for any number of ranks. What is wrong with a record is said when a step needs it.
#include "cheri/train/data_mode.hpp"
#include "cheri/base/check.hpp"
#include "cheri/train/results.hpp"
#include "cheri/train/trainer.hpp"
#include "support/messages.hpp"
#include "support/model_case.hpp"
#include "support/random_checkpoint.hpp"
#include "support/scratch.hpp"
#include "support/shared_folder.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

namespace cheri::train {
namespace {

using cheri::testing::message_of;
using cheri::testing::read_bytes;
using cheri::testing::says;
using cheri::testing::shared_folder;
using cheri::testing::SmallTracks;
using cheri::testing::write_bytes;
using parallel::Communicator;
using parallel::StopSignals;

/// Three signals in two groups and two controls, in an examples file whose records are wider than the deck's windows.
class DataModes : public ::testing::Test {
 protected:
  /// The first signal has its values changed, so that all are kept in another type.
  void write(const std::function<float(float)>& change) {
    config.data.path = folder + "/examples.h5";
    if (world.root()) {
      SmallTracks small;
      for (auto& chromosome : small.signals[0])
        std::transform(chromosome.begin(), chromosome.end(), chromosome.begin(), change);
      for (auto& chromosome : small.signals[1])
        for (float& value : chromosome) value = std::min(value, 200.0f);   // would take two bytes
      data::DataSpec spec;
      spec.path = folder + "/tracks.h5";
      spec.windows = {80, 30, 9};
      small.write(spec.path);
      data::pack_examples(spec, config.data.path, "a test");
    }
    world.barrier();
  }

  DataModes() {
    config.name = "test";
    config.model = cheri::testing::small_shape(6, 2, {2, 1}, 2, 60, 20);
    config.data.windows = {60, 20, 5};
    config.training_chromosomes = {"chrI"};
    config.validation_chromosomes = {"chrII"};
    config.batch_size = 8;
    config.gradient_slices = 4;
    config.max_epochs = 3;
    config.min_total_steps = 1;
    config.checkpoint.seconds = 1e9;
  }

  /// The state at the end of a run; its log tells what was validated.
  TrainState trained(const Communicator& ranks, const std::string& mode, Observer observer = {}) {
    config.data_mode = mode;
    config.directory = folder + "/" + mode + std::to_string(ranks.size());
    std::filesystem::create_directories(config.directory);
    const StopSignals signals;
    Trainer trainer(ranks, signals, config, open_splits(ranks, config), {}, std::move(observer));
    EXPECT_EQ(name_of(trainer.data_plan().mode), mode);
    EXPECT_EQ(trainer.run(), Outcome::finished);
    return trainer.state();
  }

  const Communicator world = Communicator::world();
  const std::string folder = shared_folder(world, "modes");
  TrainConfig config;
};

bool same_log(const std::vector<LogRow>& a, const std::vector<LogRow>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const LogRow& x, const LogRow& y) {
    return x.training_mnll == y.training_mnll && x.validation_mnll == y.validation_mnll &&
           x.validation_count_pearson == y.validation_count_pearson;
  });
}

TEST_F(DataModes, HaveTheSameBits) {
  struct Case {
    data::ElementType type;
    std::function<float(float)> change;
  };
  const std::vector<Case> cases = {{data::ElementType::u8, [](float value) { return value; }},
                                   {data::ElementType::u16, [](float value) { return 300 * value; }},
                                   {data::ElementType::u32, [](float value) { return 70000 * value; }},
                                   {data::ElementType::f32, [](float value) { return 0.3f * value; }}};
  std::vector<std::string> digests;
  for (const Case& test : cases) {
    SCOPED_TRACE(data::name_of(test.type));
    world.barrier();
    write(test.change);
    EXPECT_EQ(open_splits(world, config).training.layout.signal_type, test.type);
    const TrainState device = trained(world, "device");
    digests.push_back(state_digest(device));
    for (const char* mode : {"node", "stream"}) {
      SCOPED_TRACE(mode);
      const TrainState other = trained(world, mode);
      EXPECT_EQ(state_digest(other), digests.back());
      EXPECT_TRUE(same_log(other.log, device.log));
    }
    config.data.path = folder + "/tracks.h5";
    for (const char* mode : {"device", "node"}) EXPECT_EQ(state_digest(trained(world, mode)), digests.back()) << mode;
  }
  // Must fail: other signals give other bits.
  for (std::size_t i = 1; i < digests.size(); ++i) EXPECT_NE(digests[i], digests[0]);
}

std::atomic<int> allocations = 0;

TEST_F(DataModes, StreamingAllocatesNothingAfterTheFirstStep) {
  write([](float value) { return value; });
  config.data_mode = "stream";
  config.directory = folder;
  const StopSignals signals;
  const Splits splits = open_splits(world, config);
  Trainer trainer(world, signals, config, splits, {}, {});
  trainer.begin_epoch(data::centred_order(4 * config.batch_size, 5));
  trainer.take_steps(1);
  Kokkos::Tools::Experimental::set_allocate_data_callback(
      [](Kokkos_Profiling_SpaceHandle, const char*, const void*, std::uint64_t bytes) { allocations += bytes > 0 ? 1 : 0; });
  trainer.take_steps(1);
  trainer.take_steps(1);
  EXPECT_EQ(allocations, 0);
  const View<float*, Device> counted("counted", 1);   // the count works
  EXPECT_EQ(allocations, 1);
  Kokkos::Tools::Experimental::set_allocate_data_callback(nullptr);
  EXPECT_THROW(trainer.take_steps(100), Error);   // an order that is streamed ends
}

TEST_F(DataModes, ScoreAlike) {
  write([](float value) { return value; });
  const Checkpoint checkpoint = cheri::testing::random_checkpoint();
  config.test_chromosomes = {"chrI", "chrM"};
  std::vector<std::string> metrics;
  for (const char* mode : {"device", "node", "stream"}) {
    config.data_mode = mode;
    metrics.push_back(metrics_json(config, checkpoint, evaluate(world, config, checkpoint, "test")));
  }
  EXPECT_EQ(metrics[1], metrics[0]);
  EXPECT_EQ(metrics[2], metrics[0]);
}

TEST_F(DataModes, TracksAreNotStreamed) {
  write([](float value) { return value; });
  config.data.path = folder + "/tracks.h5";
  config.data_mode = "stream";
  const StopSignals signals;
  const auto message = message_of<InputError>([&] { Trainer(world, signals, config, open_splits(world, config), {}, {}); });
  EXPECT_TRUE(says(message, {"data.mode = \"stream\"", "tracks.h5 is a tracks file", "cheri pack"}));
}

/// A negative that is drawn in epoch 1 for the first time.
std::int64_t first_drawn_later(const TrainConfig& config, const data::Examples& training) {
  const data::ExampleIndex& index = training.index;
  const data::SamplerSpec sampler{config.seed,           index.n_peaks,    index.n_negatives,
                                  config.negative_ratio, index.max_jitter, config.reverse_complement};
  const auto draws_of = [&](std::int64_t epoch) {   // of its whole batches
    auto order = data::epoch_order(sampler, epoch);
    order.resize(order.size() / static_cast<std::size_t>(config.batch_size) * static_cast<std::size_t>(config.batch_size));
    return order;
  };
  const auto before = draws_of(0), later = draws_of(1);
  for (const data::Draw& draw : later) {
    const bool is_new = std::none_of(before.begin(), before.end(), [&](const auto& d) { return d.example == draw.example; });
    if (is_new && draw.example >= index.n_peaks) return draw.example;
  }
  return -1;
}

TEST_F(DataModes, AnImpossibleCodeIsSaidInTheEpochThatReadsIt) {
  write([](float value) { return value; });
  if (!world.root()) return;
  const Communicator alone = Communicator::alone();
  const data::Examples training = open_splits(alone, config).training;
  const std::int64_t example = first_drawn_later(config, training);
  ASSERT_GE(example, 0);
  const auto row = static_cast<std::uint64_t>(training.records[static_cast<std::size_t>(example)]);
  constexpr std::uint64_t record = 80 + 2 * 9, middle = record / 2;
  const std::uint64_t place =
      data::Hdf5File(config.data.path, data::Hdf5File::Access::read).raw_offset("/sequence") + row * record + middle;
  auto bytes = read_bytes(config.data.path);
  bytes[place] = 7;
  write_bytes(config.data.path, bytes);

  std::int64_t epochs = 0;
  Observer observer;
  observer.epoch = [&](const LogRow&) { ++epochs; };
  const std::string reason =
      config.data.path + ": /sequence holds 7 at " + std::to_string(row * record + middle) + "; codes must be";
  EXPECT_TRUE(says(message_of<InputError>([&] { trained(alone, "stream", observer); }), {reason}));
  EXPECT_EQ(epochs, 1);
  EXPECT_TRUE(says(message_of<InputError>([&] { trained(alone, "device", observer); }), {reason}));
  EXPECT_EQ(epochs, 1);   // before the first step
}

TEST_F(DataModes, AFileThatIsCutWhileItIsReadIsSaid) {
  write([](float value) { return value; });
  if (!world.root()) return;
  const Communicator alone = Communicator::alone();
  const std::uint64_t signals = data::Hdf5File(config.data.path, data::Hdf5File::Access::read).raw_offset("/signal");
  Observer observer;
  observer.epoch = [&](const LogRow&) { std::filesystem::resize_file(config.data.path, signals); };
  const std::string message = message_of<InputError>([&] { trained(alone, "stream", observer); });
  EXPECT_TRUE(
      says(message, {config.data.path, "is cut off: it reaches to byte ", "and the file has " + std::to_string(signals)}));
}

}   // namespace
}   // namespace cheri::train
