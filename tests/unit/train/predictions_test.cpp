// Predictions against the model itself, and the files made of them.
#include "cheri/train/predictions.hpp"
#include "cheri/base/check.hpp"
#include "cheri/data/dataset.hpp"
#include "cheri/data/hdf5.hpp"
#include "cheri/train/results.hpp"
#include "data/bigwig.hpp"
#include "support/messages.hpp"
#include "support/random_checkpoint.hpp"
#include "support/scratch.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

namespace cheri::train {
namespace {

using cheri::testing::message_of;
using cheri::testing::random_checkpoint;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::SmallTracks;
using cheri::testing::values;

class PredictionsTest : public ::testing::Test {
 protected:
  PredictionsTest() {
    SmallTracks().write(folder.file("tracks.h5"));
    data::DataSpec spec;
    spec.path = folder.file("tracks.h5");
    spec.windows = {60, 20, 0};
    examples = data::read_examples(spec, {});
  }

  ScratchFolder folder;
  data::ExampleSet examples;
  const Checkpoint checkpoint = random_checkpoint();
  const parallel::Communicator alone = parallel::Communicator::alone();
};

/// All examples in one batch through a model with the given parameters.
nn::ModelOutput<float, Device> forward(const data::ExampleSet& examples, const nn::ModelShape& shape,
                                       const std::vector<float>& parameters) {
  const int n = static_cast<int>(examples.size());
  const Device exec;
  nn::Model<float, Device> model(shape, n, 1, nn::Model<float, Device>::Mode::inference);
  const View<float*, Device> on_device("parameters", parameters.size());
  Kokkos::deep_copy(on_device, HostView<const float*>(parameters.data(), parameters.size()));
  const data::Dataset<Device> dataset(examples);
  const data::Batch<Device> batch = dataset.make_batch(n);
  const auto order = data::centred_order(n, examples.max_jitter);
  const View<data::Draw*, Device> draws("draws", order.size());
  Kokkos::deep_copy(draws, HostView<const data::Draw*>(order.data(), order.size()));
  const auto size = [](int value) { return static_cast<std::size_t>(value); };
  const nn::ModelOutput<float, Device> output{
      View<float***, Device>("logits", size(n), size(shape.n_tracks()), size(shape.out_window)),
      View<float**, Device>("log_counts", size(n), size(shape.n_groups()))};
  model.load(exec, on_device);
  dataset.gather(exec, batch, draws);
  model.forward(exec, output, {batch.codes_NL, batch.control_NKL});
  exec.fence("test");
  return output;
}

std::vector<double> in_double(const std::vector<float>& v) { return {v.begin(), v.end()}; }

TEST_F(PredictionsTest, AreThoseOfTheMovingAverage) {
  ASSERT_GT(examples.size(), 64);   // more than one chunk
  const Predictions found = predict(alone, checkpoint, data::examples_of(examples));
  const auto expected = forward(examples, checkpoint.shape, checkpoint.state.ema);
  EXPECT_EQ(in_double(found.logits), values(expected.logits_NTW));
  EXPECT_EQ(in_double(found.log_counts), values(expected.log_counts_NG));
  EXPECT_EQ(found.signal_groups, checkpoint.shape.signal_groups);
  EXPECT_EQ(found.window, 20);
  // Must fail: the parameters themselves predict otherwise.
  EXPECT_NE(in_double(found.logits), values(forward(examples, checkpoint.shape, checkpoint.state.parameters).logits_NTW));
}

TEST_F(PredictionsTest, OtherTracksAreRefused) {
  Checkpoint other = checkpoint;
  other.shape.signal_groups = {3};
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(predict(alone, other, data::examples_of(examples))); }),
                   {"tracks"}));
  other = checkpoint;
  other.shape.n_controls = 1;
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(predict(alone, other, data::examples_of(examples))); }),
                   {"3 signals in 2 groups and 2 controls for 3 in 2 and 1"}));
}

TEST_F(PredictionsTest, TheFileHoldsThemWithTheirPlaces) {
  const Predictions predictions = predict(alone, checkpoint, data::examples_of(examples));
  const std::string path = folder.file("predictions.h5");
  write_predictions(path, predictions, examples, "a test");
  const data::Hdf5File file(path, data::Hdf5File::Access::read);
  const auto n = static_cast<std::uint64_t>(examples.size());
  EXPECT_EQ(file.extents("/logits"), (std::vector<std::uint64_t>{n, 3, 20}));
  EXPECT_EQ(file.extents("/log_counts"), (std::vector<std::uint64_t>{n, 2}));
  EXPECT_EQ(file.read<float>("/logits"), predictions.logits);
  EXPECT_EQ(file.read<float>("/log_counts"), predictions.log_counts);
  EXPECT_EQ(file.read_strings("/tracks/name"), (std::vector<std::string>{"pair.plus", "pair.minus", "single"}));
  EXPECT_EQ(file.read_strings("/chromosomes/name"), (std::vector<std::string>{"chrI", "chrII", "chrM"}));
  const auto chromosomes = file.read<std::int32_t>("/loci/chrom");
  const auto starts = file.read<std::int64_t>("/loci/start"), ends = file.read<std::int64_t>("/loci/end");
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_EQ(chromosomes[i], examples.loci[i].chromosome);
    EXPECT_EQ(starts[i], examples.centres[i] - 10);
    EXPECT_EQ(ends[i], examples.centres[i] + 10);
  }
}

/// Mean of the expected counts of all windows over each position of a chromosome.
std::vector<double> expected_track(const data::ExampleSet& examples, const Predictions& predictions, int chromosome,
                                   std::size_t track) {
  const auto length = static_cast<std::size_t>(examples.chromosomes[static_cast<std::size_t>(chromosome)].length);
  std::vector<double> sum(length, 0), windows(length, 0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(examples.size()); ++i) {
    if (examples.loci[i].chromosome != chromosome) continue;
    const auto counts = expected_counts({2, 1}, 20, &predictions.logits[i * 60], &predictions.log_counts[i * 2]);
    for (std::size_t w = 0; w < 20; ++w) {
      const std::size_t at = static_cast<std::size_t>(examples.centres[i]) - 10 + w;
      sum[at] += static_cast<double>(counts[track * 20 + w]);
      windows[at] += 1;
    }
  }
  for (std::size_t p = 0; p < length; ++p) sum[p] /= std::max(1.0, windows[p]);
  return sum;
}

TEST_F(PredictionsTest, OverlappingWindowsAreAveragedInBigWigs) {
  Predictions predictions = predict(alone, checkpoint, data::examples_of(examples));
  for (float& log_count : predictions.log_counts) log_count = std::abs(log_count) + 1;   // counts above 1.7 everywhere
  const auto paths = write_prediction_tracks(folder.file("out"), predictions, examples);
  ASSERT_EQ(paths, (std::vector<std::string>{folder.file("out.pair.plus.bw"), folder.file("out.pair.minus.bw"),
                                             folder.file("out.single.bw")}));
  for (std::size_t t = 0; t < 3; ++t) {
    const data::BigWigFile file(paths[t]);
    for (std::size_t c = 0; c < file.chromosomes().size(); ++c) {
      const auto found = in_double(file.values(static_cast<int>(c), 1));
      const std::string& name = file.chromosomes()[c].name;
      const int chromosome = name == "chrI" ? 0 : name == "chrII" ? 1 : 2;
      const auto expected = expected_track(examples, predictions, chromosome, t);
      ASSERT_EQ(found.size(), expected.size());
      EXPECT_LT(cheri::testing::relative_l2(found, expected), 1e-6) << name;   // sums of a few floats
    }
    EXPECT_EQ(file.chromosomes().size(), 3u);
  }
}

TEST_F(PredictionsTest, BigWigsNeedTheLengthsOfChromosomes) {
  const Predictions predictions = predict(alone, checkpoint, data::examples_of(examples));
  examples.chromosomes[1].length = 0;
  EXPECT_TRUE(says(
      message_of<InputError>([&] { static_cast<void>(write_prediction_tracks(folder.file("out"), predictions, examples)); }),
      {"length of chrII"}));
}

}   // namespace
}   // namespace cheri::train
