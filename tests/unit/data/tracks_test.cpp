#include "cheri/data/tracks.hpp"

#include "data/packed_positions.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

namespace cheri::data {
namespace {

using cheri::testing::message_of;
using cheri::testing::read_bytes;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::SmallTracks;
using cheri::testing::write_bytes;

class Tracks : public ::testing::Test {
 protected:
  /// A file of one chromosome "c" and one track "t" with these values.
  void write_signal(const std::vector<float>& values) const {
    TracksWriter writer(m_path, {{"c", static_cast<std::int64_t>(values.size())}}, {{"t", 0, ".", false}}, "a test");
    writer.sequence(0, std::vector<Code>(values.size(), 1));
    writer.signal(0, 0, values);
    writer.close();
  }

  /// The message of the InputError which opening to write with these tables throws.
  std::string creating(const std::vector<Chromosome>& chromosomes, const std::vector<Track>& tracks) const {
    return message_of<InputError>([&] { TracksWriter(m_path, chromosomes, tracks, "a test"); });
  }

  ScratchFolder m_folder;
  const std::string m_path = m_folder.file("tracks.h5");
};

TEST_F(Tracks, EverythingReturnsAsWritten) {
  const SmallTracks small;
  small.write(m_path);
  const TracksFile file(m_path);
  EXPECT_EQ(file.made_by(), "a test");
  EXPECT_EQ(file.chromosomes(), small.chromosomes);
  EXPECT_EQ(file.tracks(), small.tracks);
  EXPECT_EQ(file.loci_sets(), (std::vector<std::string>{"negatives", "peaks"}));
  EXPECT_EQ(file.loci("peaks"), small.peaks);
  EXPECT_EQ(file.loci("negatives"), small.negatives);
  EXPECT_EQ(file.left_out("peaks"), (LociReport{0, 2, 0, 5, 0}));
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(file.sequence(c), small.codes[static_cast<std::size_t>(c)]);
    for (int t = 0; t < 5; ++t) {
      const auto& expected = small.signals[static_cast<std::size_t>(t)][static_cast<std::size_t>(c)];
      EXPECT_EQ(file.signal(t, c), expected);
      EXPECT_EQ(file.total(t, c), std::accumulate(expected.begin(), expected.end(), 0.0));
    }
  }
  EXPECT_EQ(file.chromosome_index("chrII"), 1);
}

TEST_F(Tracks, SignalsTakeTheNarrowestExactType) {
  const std::vector<std::pair<float, ElementType>> cases = {
      {255.0f, ElementType::u8},    {256.0f, ElementType::u16},        {65535.0f, ElementType::u16},
      {65536.0f, ElementType::u32}, {4294967040.0f, ElementType::u32}, {4294967296.0f, ElementType::f32},
      {0.5f, ElementType::f32},     {1e30f, ElementType::f32},         {0.0f, ElementType::u8}};
  for (const auto& [value, type] : cases) {
    write_signal({0, value, 1});
    const TracksFile file(m_path);
    EXPECT_EQ(file.signal_type(0), type) << value;
    EXPECT_EQ(file.signal(0, 0), (std::vector<float>{0, value, 1}));
  }
}

TEST_F(Tracks, ATypeHoldsEveryChromosome) {
  TracksWriter writer(m_path, {{"a", 2}, {"b", 2}}, {{"t", 0, ".", false}}, "a test");
  for (int c = 0; c < 2; ++c) writer.sequence(c, {0, 0});
  writer.signal(0, 0, {70000, 0});
  writer.signal(0, 1, {0.5f, 0});
  writer.close();
  EXPECT_EQ(TracksFile(m_path).signal_type(0), ElementType::f32);
}

TEST_F(Tracks, LongStretchesOfZeroTakeNoRoom) {
  std::vector<float> values(2000000, 0.0f);
  values[1234567] = 9;
  write_signal(values);
  EXPECT_EQ(TracksFile(m_path).signal(0, 0), values);
  EXPECT_LT(std::filesystem::file_size(m_path), 20000u);
}

TEST_F(Tracks, TheSameContentMakesTheSameBytes) {
  SmallTracks().write(m_folder.file("one.h5"));
  SmallTracks().write(m_folder.file("two.h5"));
  EXPECT_EQ(read_bytes(m_folder.file("one.h5")), read_bytes(m_folder.file("two.h5")));
}

/// Values over several chunks, the last of them short, one of them zero.
std::vector<float> signal_of_four_chunks(float largest) {
  std::vector<float> values(200000, 0.0F);
  for (std::size_t i = 0; i < values.size(); i += 3 + i % 5) values[i] = std::fmod(static_cast<float>(i) * 0.75F, largest);
  std::fill(values.begin() + 65536, values.begin() + 131072, 0.0F);
  return values;
}

TEST_F(Tracks, TheNumberOfThreadsChangesNoByte) {
  std::vector<std::vector<float>> signals;
  for (const float largest : {7.0F, 250.0F, 60000.0F, 3e9F}) signals.push_back(signal_of_four_chunks(largest));
  for (std::size_t t = 0; t + 1 < signals.size(); ++t) {
    for (float& value : signals[t]) value = std::floor(value);
  }
  std::vector<Code> codes(signals[0].size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<Code>((i * i / 7) % 5);
  const std::vector<Track> tracks = {{"a", 0, ".", false}, {"b", 1, ".", false}, {"c", 2, ".", false}, {"d", 3, ".", false}};
  const auto write = [&](const std::string& path, int threads) {
    TracksWriter writer(path, {{"c", static_cast<std::int64_t>(codes.size())}}, tracks, "a test");
    writer.sequence(0, pack_sequence(path, "/sequence/c", codes, threads));
    for (int t = 0; t < 4; ++t) {
      writer.signal(t, 0, pack_signal(path, "a signal", signals[static_cast<std::size_t>(t)], threads));
    }
    writer.close();
    return read_bytes(path);
  };
  const auto bytes = write(m_path, 1);
  for (const int threads : {2, 5}) EXPECT_EQ(write(m_folder.file("other.h5"), threads), bytes) << threads;
  const TracksFile file(m_path);
  EXPECT_EQ(file.sequence(0), codes);
  for (int t = 0; t < 4; ++t) {
    const auto& expected = signals[static_cast<std::size_t>(t)];
    EXPECT_EQ(file.signal(t, 0), expected) << t;
    EXPECT_DOUBLE_EQ(file.total(t, 0), std::accumulate(expected.begin(), expected.end(), 0.0)) << t;
  }
}

TEST_F(Tracks, ChunksThatAreNotAllThereAreRefused) {
  const std::vector<float> values = signal_of_four_chunks(200.0F);
  TracksWriter writer(m_path, {{"c", static_cast<std::int64_t>(values.size())}}, {{"t", 0, ".", false}}, "a test");
  PackedPositions packed = pack_signal(m_path, "/signal/t/c", values, 1);
  packed.bytes.pop_back();
  EXPECT_TRUE(says(message_of<Error>([&] { writer.signal(0, 0, packed); }), {"/signal/t/c", "bytes in all"}));
}

TEST_F(Tracks, ADamagedChunkIsRefused) {
  const std::vector<float> values = signal_of_four_chunks(200.0F);
  write_signal(values);
  const auto whole = read_bytes(m_path);
  // Chunks are the greater part of the file, and the signal's the last of it.
  for (const std::size_t from_the_end : {whole.size() / 4, whole.size() / 3, whole.size() / 2}) {
    auto bytes = whole;
    bytes[bytes.size() - from_the_end] ^= 16;
    write_bytes(m_path, bytes);
    EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(TracksFile(m_path).signal(0, 0)); }),
                     {m_path, "/signal/t/c is damaged"}));
  }
}

TEST_F(Tracks, UnknownNamesAreAnsweredWithTheKnownOnes) {
  SmallTracks().write(m_path);
  const TracksFile file(m_path);
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(file.loci("peak")); }),
                   {m_path, "\"peak\"", "negatives and peaks"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(file.chromosome_index("chr1")); }),
                   {m_path, "\"chr1\"", "chrI, chrII and chrM"}));
}

TEST_F(Tracks, ImpossibleTablesAreRefused) {
  const std::vector<Chromosome> genome = {{"c", 10}};
  const std::vector<Track> tracks = {{"t", 0, ".", false}};
  EXPECT_TRUE(says(creating({}, tracks), {m_path, "no chromosome"}));
  EXPECT_TRUE(says(creating({{"c", 0}}, tracks), {"\"c\" has the length 0"}));
  EXPECT_TRUE(says(creating({{"c", 1}, {"c", 2}}, tracks), {"two chromosomes have the name \"c\""}));
  EXPECT_TRUE(says(creating({{"c/d", 1}}, tracks), {"\"c/d\" cannot be the name of a chromosome"}));
  EXPECT_TRUE(says(creating(genome, {}), {"the first track must be a signal"}));
  EXPECT_TRUE(says(creating(genome, {{"t", 0, ".", true}}), {"the first track must be a signal"}));
  EXPECT_TRUE(says(creating(genome, {{"t", 0, "x", false}}), {"track \"t\" has the strand \"x\""}));
  EXPECT_TRUE(says(creating(genome, {{"t", 1, ".", false}}), {"track \"t\" has the group 1 after -1"}));
  EXPECT_TRUE(says(creating(genome, {{"a", 0, ".", false}, {"b", 1, ".", false}, {"c", 0, ".", false}}),
                   {"track \"c\" has the group 0 after 1"}));
  EXPECT_TRUE(says(creating(genome, {{"a", 0, ".", false}, {"b", 0, ".", true}, {"c", 0, ".", false}}),
                   {"signals must come before controls"}));
}

TEST_F(Tracks, ImpossibleValuesAreRefused) {
  EXPECT_TRUE(says(message_of<InputError>([&] { write_signal({0, 1, -3}); }), {m_path, "/signal/t/c holds -3 at 2"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { write_signal({std::nanf("")}); }), {"/signal/t/c holds nan at 0"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { write_signal({std::numeric_limits<float>::infinity()}); }), {"holds inf"}));

  TracksWriter writer(m_path, {{"c", 4}}, {{"t", 0, ".", false}}, "a test");
  EXPECT_TRUE(says(message_of<InputError>([&] { writer.sequence(0, {0, 1, 5, 0}); }), {"/sequence/c holds 5 at 2"}));
  EXPECT_TRUE(says(message_of<Error>([&] { writer.sequence(0, {0}); }), {"/sequence/c must have 4 codes, and not 1"}));
  EXPECT_TRUE(says(message_of<Error>([&] { writer.signal(0, 0, {0}); }), {"/signal/t/c must have 4 values, and not 1"}));
  EXPECT_TRUE(says(message_of<Error>([&] { writer.close(); }), {m_path, "no sequence of c"}));
  EXPECT_TRUE(says(message_of<InputError>([&] {
                     writer.loci("p", {{1, 0, 2, -1}});
                   }),
                   {"locus 0 of p is on chromosome 1 of 1"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { writer.loci("p", {{0, 0, 5, -1}}); }), {"c:0-5, is not inside"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { writer.loci("p", {{0, 2, 2, -1}}); }), {"c:2-2, is not inside"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { writer.loci("p", {{0, -1, 2, -1}}); }), {"c:-1-2, is not inside"}));
  EXPECT_TRUE(says(message_of<InputError>([&] {
                     writer.loci("p", {{0, 1, 3, 2}});
                   }),
                   {"c:1-3, has its summit outside, at 2"}));
}

/// A file as a user's script may write it, without chunks or totals, with the chromosome as long as it should not be.
TEST_F(Tracks, FilesOfOthersAreChecked) {
  const auto write = [&](const std::vector<float>& signal) {
    Hdf5File file(m_path, Hdf5File::Access::create);
    set_format(file, tracks_format, tracks_format_version, "by hand");
    file.write_strings("/chromosomes/name", {"c"});
    file.write<std::int64_t>("/chromosomes/length", {3});
    file.write_strings("/tracks/name", {"t"});
    file.write<std::int64_t>("/tracks/group", {0});
    file.write_strings("/tracks/strand", {"."});
    file.write_strings("/tracks/role", {"signal"});
    file.write<std::int64_t>("/sequence/c", {0, 1, 2});
    file.write("/signal/t/c", std::vector<double>(signal.begin(), signal.end()));
    file.close();
  };
  write({1, 2, 0.5f});
  EXPECT_EQ(TracksFile(m_path).signal(0, 0), (std::vector<float>{1, 2, 0.5f}));
  EXPECT_EQ(TracksFile(m_path).total(0, 0), 3.5);
  EXPECT_EQ(TracksFile(m_path).signal_type(0), ElementType::f32);
  EXPECT_EQ(TracksFile(m_path).sequence(0), (std::vector<Code>{0, 1, 2}));
  EXPECT_TRUE(TracksFile(m_path).loci_sets().empty());
  write({1, 2});
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(TracksFile(m_path).signal(0, 0)); }),
                   {m_path, "/signal/t/c", "each of the 3 positions of \"c\""}));
  write({1, std::nanf(""), 0});
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(TracksFile(m_path).signal(0, 0)); }),
                   {m_path, "/signal/t/c holds nan at 1"}));
}

}   // namespace
}   // namespace cheri::data
