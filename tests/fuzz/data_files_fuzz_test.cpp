// A thousand truncated and a thousand bit-flipped tracks and examples files each: every one is an InputError that names the
// file, or reads as the whole file does.
#include "cheri/base/check.hpp"
#include "cheri/data/examples.hpp"
#include "fuzz/damaged_files.hpp"
#include "support/mutate.hpp"
#include "support/scratch.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

namespace cheri::data {
namespace {

using cheri::testing::bit_flipped;
using cheri::testing::Counts;
using cheri::testing::n_files;
using cheri::testing::read_bytes;
using cheri::testing::read_damaged;
using cheri::testing::ScratchFolder;
using cheri::testing::SmallTracks;
using cheri::testing::truncated;

/// Reads n_files damaged copies of what is at `path`; `read` returns all that is in it, and what is read is what was
/// written.
template <class Content>
Counts read_damaged_as_whole(const std::string& path,
                             const std::function<std::vector<char>(std::vector<char>, NumpyRandom&)>& damage,
                             const std::function<Content()>& read) {
  const auto whole = read_bytes(path);
  const Content expected = read();
  return read_damaged(
      path, [&](NumpyRandom& random) { return damage(whole, random); }, [&] { EXPECT_TRUE(read() == expected); });
}

std::vector<char> cut(std::vector<char> bytes, NumpyRandom& random) { return truncated(std::move(bytes), random); }

std::vector<char> flip(std::vector<char> bytes, NumpyRandom& random) {
  const int n = 1 + static_cast<int>(random.interval(3));
  return bit_flipped(std::move(bytes), n, random);
}

class DataFilesFuzz : public ::testing::Test {
 protected:
  DataFilesFuzz() {
    small.write(tracks);
    spec.path = tracks;
    spec.windows = {60, 20, 5};
  }

  SmallTracks small;
  ScratchFolder folder;
  const std::string tracks = folder.file("tracks.h5"), examples = folder.file("examples.h5");
  DataSpec spec;
};

// ---- tracks --------------------------------------------------------------------------------------------------------------

struct TracksContent {
  std::string made_by;
  std::vector<Chromosome> chromosomes;
  std::vector<Track> tracks;
  std::map<std::string, std::vector<Locus>> loci;
  std::map<std::string, LociReport> left_out;
  std::vector<std::vector<Code>> sequences;
  std::vector<std::vector<float>> signals;
  std::vector<double> totals;
  std::vector<ElementType> types;

  bool operator==(const TracksContent&) const = default;
};

TracksContent read_whole(const std::string& path) {
  const TracksFile file(path);
  TracksContent content{file.made_by(), file.chromosomes(), file.tracks(), {}, {}, {}, {}, {}, {}};
  for (const std::string& set : file.loci_sets()) {
    content.loci[set] = file.loci(set);
    content.left_out[set] = file.left_out(set);
  }
  for (int c = 0; c < static_cast<int>(content.chromosomes.size()); ++c) {
    content.sequences.push_back(file.sequence(c));
    for (int t = 0; t < static_cast<int>(content.tracks.size()); ++t) {
      content.signals.push_back(file.signal(t, c));
      content.totals.push_back(file.total(t, c));
    }
  }
  for (int t = 0; t < static_cast<int>(content.tracks.size()); ++t) content.types.push_back(file.signal_type(t));
  return content;
}

TEST_F(DataFilesFuzz, TruncatedTracksAreRejected) {
  const Counts counts = read_damaged_as_whole<TracksContent>(tracks, cut, [&] { return read_whole(tracks); });
  EXPECT_EQ(counts.rejected, n_files);
}

TEST_F(DataFilesFuzz, FlippedBitsOfTracksAreRejectedOrHarmless) {
  const Counts counts = read_damaged_as_whole<TracksContent>(tracks, flip, [&] { return read_whole(tracks); });
  EXPECT_GT(counts.rejected, n_files / 2);
}

// ---- examples ------------------------------------------------------------------------------------------------------------

struct ExamplesContent {
  std::vector<Chromosome> chromosomes;
  std::vector<Locus> loci;
  std::vector<std::int64_t> centres;
  std::int64_t n_peaks, n_negatives;
  std::vector<Track> tracks;
  std::vector<Code> codes;
  std::vector<std::byte> signal, control;
  ElementType signal_type, control_type;

  bool operator==(const ExamplesContent&) const = default;
};

ExamplesContent read_whole(const DataSpec& spec) {
  const ExampleSet set = read_examples(spec, {{}, spec.windows.max_jitter, false});
  return {set.chromosomes, set.loci,         set.centres,       set.n_peaks,     set.n_negatives, set.tracks,
          set.codes,       set.signal.bytes, set.control.bytes, set.signal.type, set.control.type};
}

TEST_F(DataFilesFuzz, TruncatedExamplesAreRejected) {
  pack_examples(spec, examples, "a test");
  spec.path = examples;
  const Counts counts = read_damaged_as_whole<ExamplesContent>(examples, cut, [&] { return read_whole(spec); });
  EXPECT_EQ(counts.rejected, n_files);
}

TEST_F(DataFilesFuzz, FlippedBitsOfExamplesAreRejectedOrHarmless) {
  pack_examples(spec, examples, "a test");
  spec.path = examples;
  const Counts counts = read_damaged_as_whole<ExamplesContent>(examples, flip, [&] { return read_whole(spec); });
  EXPECT_GT(counts.rejected, n_files / 2);
}

// Values lie in most of the file; this flips only what stands before and between them: headers, tables, attributes.
TEST_F(DataFilesFuzz, FlippedBitsOfTheIndexOfExamplesAreRejectedOrHarmless) {
  pack_examples(spec, examples, "a test");
  spec.path = examples;
  std::vector<std::pair<std::size_t, std::size_t>> values;
  {
    const Hdf5File file(examples, Hdf5File::Access::read);
    for (const char* dataset : {"/sequence", "/signal", "/control"}) {
      std::size_t bytes = size_of(file.type(dataset));
      for (const std::uint64_t extent : file.extents(dataset)) bytes *= extent;
      values.emplace_back(file.raw_offset(dataset), file.raw_offset(dataset) + bytes);
    }
  }
  const auto flip_index = [&](std::vector<char> bytes, NumpyRandom& random) {
    const auto is_value = [&](std::size_t place) {
      return std::any_of(values.begin(), values.end(), [=](const auto& v) { return v.first <= place && place < v.second; });
    };
    std::size_t place = 0;
    do place = random.interval(static_cast<std::uint32_t>(bytes.size() - 1));
    while (is_value(place));
    bytes[place] = static_cast<char>(bytes[place] ^ (1 << random.interval(7)));
    return bytes;
  };
  const Counts counts = read_damaged_as_whole<ExamplesContent>(examples, flip_index, [&] { return read_whole(spec); });
  EXPECT_GT(counts.rejected, n_files / 4);
}

}   // namespace
}   // namespace cheri::data
