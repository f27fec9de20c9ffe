// A thousand truncated and a thousand bit-flipped bigWig, BED and FASTA files each: every one is read or ends in an
// InputError, and what is read of a compressed bigWig is what was written, since its blocks carry checksums.
#include "cheri/base/check.hpp"
#include "data/bed.hpp"
#include "data/bigwig.hpp"
#include "data/fasta.hpp"
#include "data/raw_files.hpp"
#include "fuzz/damaged_files.hpp"
#include "support/mutate.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <zlib.h>
#include <cstring>
#include <filesystem>
#include <functional>

namespace cheri::data {
namespace {

using cheri::testing::bit_flipped;
using cheri::testing::Counts;
using cheri::testing::n_files;
using cheri::testing::read_bytes;
using cheri::testing::read_damaged;
using cheri::testing::ScratchFolder;
using cheri::testing::truncated;

// ---- bigWig ------------------------------------------------------------------------------------------------------------

/// Three chromosomes, several blocks, an index of one node, zoom levels.
class BigWigFuzz : public ::testing::Test {
 protected:
  BigWigFuzz() {
    NumpyRandom random(1);
    for (auto& chromosome : values) {
      for (float& value : chromosome) value = static_cast<float>(random.interval(3));
    }
    write_bigwig(path, {{"chrI", &values[0]}, {"chrII", &values[1]}, {"chrIII", &values[2]}});
    whole = read_bytes(path);
  }

  /// Reads all there is; each chromosome that has its name and length still must have its values.
  void read() const {
    const BigWigFile file(path);
    for (std::size_t c = 0; c < file.chromosomes().size(); ++c) {
      const auto& chromosome = file.chromosomes()[c];
      if (chromosome.length > 1'000'000) continue;   // import compares lengths with the genome before it reads
      const auto found = file.values(static_cast<int>(c), 2);
      for (std::size_t i = 0; i < values.size(); ++i) {
        const bool same_length = static_cast<std::size_t>(chromosome.length) == values[i].size();
        if (chromosome.name == names[i] && same_length) {
          EXPECT_EQ(found, values[i]) << chromosome.name;
        }
      }
    }
  }

  ScratchFolder folder;
  std::string path = folder.file("signal.bw");
  std::vector<std::string> names = {"chrI", "chrII", "chrIII"};
  std::vector<std::vector<float>> values = {std::vector<float>(20'000), std::vector<float>(5'000), std::vector<float>(300)};
  std::vector<char> whole;
};

TEST_F(BigWigFuzz, TruncatedFilesAreRejected) {
  const Counts counts = read_damaged(
      path, [&](NumpyRandom& random) { return truncated(whole, random); }, [&] { read(); });
  // The zoom levels come last: a file without them is whole for us.
  EXPECT_GT(counts.rejected, n_files / 2);
}

TEST_F(BigWigFuzz, FlippedBitsAreRejectedOrHarmless) {
  const Counts counts = read_damaged(
      path, [&](NumpyRandom& random) { return bit_flipped(whole, 1, random); }, [&] { read(); });
  EXPECT_GT(counts.rejected, n_files / 4);
  EXPECT_GT(counts.read, 0);
}

/// Flips where it hurts: header, list of chromosomes and index have no checksum.
TEST_F(BigWigFuzz, FlippedBitsOutsideOfTheDataAreRejectedOrHarmless) {
  std::uint64_t data = 0, index = 0;
  std::memcpy(&data, whole.data() + 16, sizeof(data));
  std::memcpy(&index, whole.data() + 24, sizeof(index));
  const auto damage = [&](NumpyRandom& random) {
    std::vector<char> bytes = whole;
    const auto flip_between = [&](std::uint64_t begin, std::uint64_t end) {
      const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                 last = bytes.begin() + static_cast<std::ptrdiff_t>(end);
      const std::vector<char> flipped = bit_flipped({first, last}, 1, random);
      std::copy(flipped.begin(), flipped.end(), first);
    };
    if (random.interval(1) == 0) flip_between(0, data);
    else flip_between(index, std::min<std::uint64_t>(index + 600, bytes.size()));
    return bytes;
  };
  const Counts counts = read_damaged(path, damage, [&] { read(); });
  EXPECT_GT(counts.rejected, n_files / 4);
  EXPECT_GT(counts.read, 0);   // padding, zoom levels, the summary
}

// ---- text --------------------------------------------------------------------------------------------------------------

class TextFuzz : public ::testing::Test {
 protected:
  static std::vector<char> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

  /// The text in a gzip file.
  std::vector<char> gzipped(const std::string& text) const {
    const gzFile file = gzopen(path.c_str(), "wb");
    EXPECT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
    EXPECT_EQ(gzclose(file), Z_OK);
    return read_bytes(path);
  }

  /// Damages the text, plain and compressed, in both ways.
  void fuzz(const std::string& text, const std::function<void()>& read) const {
    const std::vector<char> plain = bytes_of(text), packed = gzipped(text);
    const auto cut = [](const std::vector<char>& bytes) { return [&bytes](NumpyRandom& r) { return truncated(bytes, r); }; };
    const auto flip = [](const std::vector<char>& bytes, int n) {
      return [&bytes, n](NumpyRandom& r) { return bit_flipped(bytes, n, r); };
    };
    const Counts cut_plain = read_damaged(path, cut(plain), read);
    EXPECT_GT(cut_plain.read, 0);   // up to the end of a line a part is whole
    EXPECT_GT(cut_plain.rejected, 0);
    EXPECT_GT(read_damaged(path, flip(plain, 20), read).rejected, n_files / 2);
    EXPECT_LT(read_damaged(path, cut(packed), read).read, 10);   // nothing left: an empty file, good BED
    // One bit flipped is found by gzip's checksum, save in the ten bytes of its header.
    EXPECT_GT(read_damaged(path, flip(packed, 1), read).rejected, n_files * 9 / 10);
  }

  ScratchFolder folder;
  std::string path = folder.file("text");
};

TEST_F(TextFuzz, DamagedBedIsReadOrRejected) {
  const std::vector<Chromosome> genome = {{"chrI", 100'000}, {"chrII", 90'000}};
  std::string text = "track name=\"peaks\"\n";
  for (int i = 0; i < 300; ++i) {
    const std::string start = std::to_string(i * 250), end = std::to_string(i * 250 + 200);
    text += (i % 2 == 0 ? "chrI\t" : "chrII\t") + start + "\t" + end;
    text += i % 3 == 0 ? "\n" : "\tpeak\t5\t.\t3.5\t-1\t-1\t" + std::to_string(i % 200) + "\n";
  }
  fuzz(text, [&] { static_cast<void>(read_bed(path, genome)); });
}

TEST_F(TextFuzz, DamagedFastaIsReadOrRejected) {
  NumpyRandom random(2);
  std::string text;
  for (const char* name : {"chrI", "chrII", "chrIII", "chrIV"}) {
    text += std::string(">") + name + " some words\n";
    for (int i = 0; i < 30; ++i) {
      for (int j = 0; j < 60; ++j) text += "ACGTNacgtn"[random.interval(9)];
      text += '\n';
    }
  }
  fuzz(text, [&] { static_cast<void>(fasta_index(path)); });
}

}   // namespace
}   // namespace cheri::data
