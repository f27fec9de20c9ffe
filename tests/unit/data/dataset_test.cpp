// The gather of a batch against a plain loop over the examples, for every element type.
#include "cheri/data/dataset.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"
#include "support/arrays.hpp"
#include "support/spaces.hpp"

#include <array>
#include <cstring>

namespace cheri::data {
namespace {

using cheri::testing::values;

constexpr int n_examples = 7, in_window = 11, out_window = 6, max_jitter = 4;

template <class T>
void fill(SignalBlock& block, std::size_t size, std::uint32_t seed) {
  NumpyRandom random(seed);
  block.type = element_type<T>();
  block.bytes.resize(size * sizeof(T));
  for (std::size_t i = 0; i < size; ++i) {
    // Beyond the next narrower type, and a fraction where there can be one: a wrong type reads other numbers.
    T value = static_cast<T>(random.interval(200));
    if (i % 3 == 0 && sizeof(T) > 1) value = static_cast<T>(value + 300);
    if (i % 5 == 0 && sizeof(T) > 2) value = static_cast<T>(value + 70000);
    if (std::is_floating_point_v<T>) value = static_cast<T>(value + static_cast<T>(0.25));
    std::memcpy(block.bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
}

/// A pair, a single and a triple of signals; controls: `controls` channels, the first two a pair.
template <class T>
ExampleSet examples_of(int controls) {
  ExampleSet examples;
  for (const int group : {0, 0, 1, 2, 2, 2}) examples.tracks.push_back({"", group, ".", false});
  for (int k = 0; k < controls; ++k) examples.tracks.push_back({"", k < 2 ? 0 : k - 1, ".", true});
  examples.n_peaks = 4;
  examples.n_negatives = n_examples - 4;
  examples.windows = {in_window, out_window, max_jitter};
  examples.max_jitter = max_jitter;
  NumpyRandom random(1);
  examples.codes.resize(n_examples * (in_window + 2 * max_jitter));
  for (Code& code : examples.codes) code = static_cast<Code>(random.interval(4));
  fill<T>(examples.signal, std::size_t{n_examples * 6 * (out_window + 2 * max_jitter)}, 2);
  fill<T>(examples.control, static_cast<std::size_t>(n_examples * controls * (in_window + 2 * max_jitter)), 3);
  return examples;
}

/// Both strands at both ends and in the middle, and one example twice.
std::vector<Draw> all_draws() {
  std::vector<Draw> draws;
  for (const std::int32_t offset : {0, max_jitter, 2 * max_jitter, 3}) {
    for (const std::int32_t reverse : {0, 1}) draws.push_back({(offset + 5 * reverse) % n_examples, offset, reverse});
  }
  draws.push_back(draws[3]);
  return draws;
}

struct Expected {
  std::vector<double> codes, signal, control;
};

/// Channel which stands for c on the other strand: the channels of its group in reverse order.
std::size_t mirrored(const std::vector<Track>& tracks, std::size_t c) {
  std::size_t first = c, last = c;
  const auto alike = [&](std::size_t d) {
    return tracks[d].group == tracks[c].group && tracks[d].control == tracks[c].control;
  };
  while (first > 0 && alike(first - 1)) --first;
  while (last + 1 < tracks.size() && alike(last + 1)) ++last;
  return first + last - c;
}

Expected expected_of(const ExampleSet& examples, const std::vector<Draw>& draws) {
  Expected expected;
  const auto signals = static_cast<std::size_t>(examples.n_signals()), all = examples.tracks.size();
  for (const Draw& draw : draws) {
    const bool reverse = draw.reverse_complement == 1;
    const auto example = static_cast<std::size_t>(draw.example);
    const auto position = [&](int window, int i) {
      return static_cast<std::size_t>(draw.offset + (reverse ? window - 1 - i : i));
    };
    const auto wide = static_cast<std::size_t>(in_window + 2 * max_jitter),
               narrow = static_cast<std::size_t>(out_window + 2 * max_jitter);
    for (int l = 0; l < in_window; ++l) {
      const int code = examples.codes[example * wide + position(in_window, l)];
      expected.codes.push_back(reverse ? std::array{3, 2, 1, 0, 4}[static_cast<std::size_t>(code)] : code);
    }
    for (std::size_t c = 0; c < all; ++c) {
      const std::size_t from = reverse ? mirrored(examples.tracks, c) : c;
      const bool control = c >= signals;
      for (int i = 0; i < (control ? in_window : out_window); ++i) {
        if (control) {
          const std::size_t row = example * (all - signals) + from - signals;
          expected.control.push_back(static_cast<double>(examples.control.at(row * wide + position(in_window, i))));
        } else {
          const std::size_t row = example * signals + from;
          expected.signal.push_back(static_cast<double>(examples.signal.at(row * narrow + position(out_window, i))));
        }
      }
    }
  }
  return expected;
}

template <class Exec>
Batch<Exec> gathered(const ExampleSet& examples, const std::vector<Draw>& draws) {
  const Dataset<Exec> dataset(examples);
  EXPECT_EQ(dataset.size(), n_examples);
  const Batch<Exec> batch = dataset.make_batch(static_cast<int>(draws.size()));
  const View<Draw*, Exec> order("draws", draws.size());
  Kokkos::deep_copy(order, HostView<const Draw*>(draws.data(), draws.size()));
  const Exec exec;
  dataset.gather(exec, batch, order);
  exec.fence("test");
  return batch;
}

template <class T, class Exec>
void check(int controls) {
  SCOPED_TRACE(name_of(element_type<T>()));
  const ExampleSet examples = examples_of<T>(controls);
  const auto draws = all_draws();
  const auto batch = gathered<Exec>(examples, draws);
  const Expected expected = expected_of(examples, draws);
  EXPECT_EQ(values(batch.codes_NL), expected.codes);
  EXPECT_EQ(values(batch.signal_NTW), expected.signal);
  EXPECT_EQ(values(batch.control_NKL), expected.control);
}

template <class Exec>
class DatasetTest : public ::testing::Test {};
TYPED_TEST_SUITE(DatasetTest, cheri::testing::Spaces);

TYPED_TEST(DatasetTest, GathersEveryTypeOnBothStrands) {
  for (const int controls : {0, 1, 3}) {
    check<std::uint8_t, TypeParam>(controls);
    check<std::uint16_t, TypeParam>(controls);
    check<std::uint32_t, TypeParam>(controls);
    check<std::int32_t, TypeParam>(controls);
    check<std::int64_t, TypeParam>(controls);
    check<float, TypeParam>(controls);
    check<double, TypeParam>(controls);
  }
}

TYPED_TEST(DatasetTest, KnowsItsSize) {
  const ExampleSet examples = examples_of<std::uint16_t>(3);
  const Dataset<TypeParam> dataset(examples);
  EXPECT_EQ(dataset.bytes(), std::size_t{n_examples * (19 + 2 * 6 * 14 + 2 * 3 * 19)});
  const auto batch = dataset.make_batch(2);
  EXPECT_EQ(batch.codes_NL.extent(1), std::size_t{in_window});
  EXPECT_EQ(batch.signal_NTW.extent(1), 6u);
  EXPECT_EQ(batch.signal_NTW.extent(2), std::size_t{out_window});
  EXPECT_EQ(batch.control_NKL.extent(1), 3u);
  EXPECT_EQ(batch.control_NKL.extent(2), std::size_t{in_window});
}

TYPED_TEST(DatasetTest, ABatchOfAnotherSizeIsRefused) {
  const Dataset<TypeParam> dataset(examples_of<std::uint8_t>(0));
  const View<Draw*, TypeParam> draws("draws", 3);
  EXPECT_THROW(dataset.gather(TypeParam(), dataset.make_batch(2), draws), Error);
}

// Must fail: one draw on the other strand, one base to the side.
TYPED_TEST(DatasetTest, PlantedFaultsAreCaught) {
  const ExampleSet examples = examples_of<std::uint8_t>(3);
  const auto batch = gathered<TypeParam>(examples, all_draws());
  auto other_strand = all_draws(), shifted = all_draws();
  other_strand[2].reverse_complement = 1 - other_strand[2].reverse_complement;
  shifted[0].offset += 1;
  for (const auto& draws : {other_strand, shifted}) {
    const Expected wrong = expected_of(examples, draws);
    EXPECT_NE(values(batch.codes_NL), wrong.codes);
    EXPECT_NE(values(batch.signal_NTW), wrong.signal);
    EXPECT_NE(values(batch.control_NKL), wrong.control);
  }
}

TEST(SignalBlockTest, ReadsEveryType) {
  const ExampleSet bytes = examples_of<std::uint8_t>(0), floats = examples_of<float>(0), wide = examples_of<std::int64_t>(0);
  EXPECT_EQ(bytes.signal.at(4), static_cast<float>(static_cast<std::uint8_t>(bytes.signal.bytes[4])));
  EXPECT_GT(floats.signal.at(0), 70300.0f);
  EXPECT_EQ(floats.signal.at(0), wide.signal.at(0) + 0.25f);
}

}   // namespace
}   // namespace cheri::data
