// The bigWig reader against libBigWig on files that libBigWig wrote, and against hand-made files that lie.
#include "data/bigwig.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"
#include "data/libbigwig.hpp"
#include "data/raw_files.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"
#include "support/small_bigwig.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

namespace cheri::data {
namespace {

using cheri::testing::Bytes;
using cheri::testing::message_of;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::SmallBigWig;

/// What libBigWig reads, NaN and gaps as 0.
std::vector<float> library_values(const std::string& path, const std::string& chromosome, std::size_t length) {
  const std::unique_ptr<bigWigFile_t, void (*)(bigWigFile_t*)> file(bwOpen(path.c_str(), nullptr, "r"), bwClose);
  const std::unique_ptr<bwOverlappingIntervals_t, void (*)(bwOverlappingIntervals_t*)> found(
      bwGetValues(file.get(), chromosome.c_str(), 0, static_cast<std::uint32_t>(length), 1), bwDestroyOverlappingIntervals);
  std::vector<float> values(length, 0.0F);
  if (!found) return values;
  for (std::size_t i = 0; i < length; ++i) values[i] = std::isnan(found->value[i]) ? 0.0F : found->value[i];
  return values;
}

/// Runs of random values and lengths; a third of them 0.
std::vector<float> random_values(std::size_t length, std::uint32_t longest_run, NumpyRandom& random) {
  std::vector<float> values(length, 0.0F);
  for (std::size_t begin = 0; begin < length;) {
    const std::size_t end = std::min(length, begin + 1 + random.interval(longest_run - 1));
    const float value = random.interval(2) == 0 ? 0.0F : static_cast<float>(random.interval(1000)) / 8.0F;
    for (; begin < end; ++begin) values[begin] = value;
  }
  return values;
}

class BigWig : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return m_folder.file("signal.bw"); }
  std::string write(const SmallBigWig& file) {
    cheri::testing::write_bytes(path(), file.bytes());
    return path();
  }
  /// The error of reading the first chromosome.
  std::string error(const SmallBigWig& file) {
    write(file);
    return message_of<InputError>([&] { static_cast<void>(BigWigFile(path()).values(0, 2)); });
  }

 private:
  ScratchFolder m_folder;
};

// 300000 runs of one or two positions are more than 64 blocks of libBigWig: the index has inner nodes.
TEST_F(BigWig, AgreesWithTheLibraryForAnyNumberOfThreads) {
  NumpyRandom random(1);
  const std::vector<float> dense = random_values(450'000, 2, random), sparse = random_values(30'000, 900, random);
  const std::vector<float> silent(700, 0.0F);
  write_bigwig(path(), {{"chrI", &dense}, {"chrII", &silent}, {"chrIII", &sparse}});
  const BigWigFile file(path());
  EXPECT_EQ(file.chromosomes(), (std::vector<Chromosome>{{"chrI", 450'000}, {"chrII", 700}, {"chrIII", 30'000}}));
  EXPECT_TRUE(file.has_values(0));
  EXPECT_FALSE(file.has_values(1));
  for (const int threads : {1, 2, 3, 16}) {
    EXPECT_EQ(file.values(0, threads), dense) << threads;
    EXPECT_EQ(file.values(1, threads), silent) << threads;
    EXPECT_EQ(file.values(2, threads), sparse) << threads;
  }
  EXPECT_EQ(library_values(path(), "chrI", dense.size()), dense);
  EXPECT_EQ(library_values(path(), "chrIII", sparse.size()), sparse);
}

// Between the two kinds libBigWig writes a block without items over the bounds of the last one.
TEST_F(BigWig, ReadsTheLibrarysVariableAndFixedSteps) {
  {
    const std::unique_ptr<bigWigFile_t, void (*)(bigWigFile_t*)> file(bwOpen(path().c_str(), nullptr, "w"), bwClose);
    ASSERT_EQ(bwCreateHdr(file.get(), 0), 0);
    const char* const names[] = {"chrI", "chrII"};
    const std::uint32_t lengths[] = {900, 800};
    file->cl = bwCreateChromList(names, lengths, 2);
    ASSERT_EQ(bwWriteHdr(file.get()), 0);
    const std::uint32_t starts[] = {3, 10, 890};
    const float values[] = {1.5F, 0.0F, 7.25F};
    ASSERT_EQ(bwAddIntervalSpans(file.get(), "chrI", starts, 7, values, 3), 0);
    ASSERT_EQ(bwAddIntervalSpanSteps(file.get(), "chrII", 100, 5, 20, values, 3), 0);
  }
  const BigWigFile file(path());
  for (const int c : {0, 1}) {
    const auto& chromosome = file.chromosomes()[static_cast<std::size_t>(c)];
    const auto values = file.values(c, 2);
    EXPECT_EQ(values, library_values(path(), chromosome.name, static_cast<std::size_t>(chromosome.length)))
        << chromosome.name;
  }
  EXPECT_EQ(file.values(0, 1)[9], 1.5F);
  EXPECT_EQ(file.values(0, 1)[896], 7.25F);
  EXPECT_EQ(file.values(1, 1)[144], 7.25F);
  EXPECT_EQ(file.values(1, 1)[145], 0.0F);
}

TEST_F(BigWig, ReadsEveryKindWithoutCompression) {
  SmallBigWig file;
  file.block(0, 10, 30, 0, 0, SmallBigWig::bed_graph, 2, Bytes().add(10U, 12U, 1.0F, 20U, 30U, 2.0F));
  file.block(0, 40, 60, 0, 3, SmallBigWig::variable_step, 2, Bytes().add(40U, 3.0F, 57U, 4.0F));
  file.block(0, 100, 115, 10, 5, SmallBigWig::fixed_step, 2, Bytes().add(5.0F, 6.0F));
  const auto values = BigWigFile(write(file)).values(0, 1);
  std::vector<float> expected(1000, 0.0F);
  const auto fill = [&](int start, int end, float value) {
    for (int i = start; i < end; ++i) expected[static_cast<std::size_t>(i)] = value;
  };
  fill(10, 12, 1), fill(20, 30, 2), fill(40, 43, 3), fill(57, 60, 4), fill(100, 105, 5), fill(110, 115, 6);
  EXPECT_EQ(values, expected);
}

TEST_F(BigWig, NanAndMinusZeroAreZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  SmallBigWig file;
  file.block(0, 0, 3, 1, 1, SmallBigWig::fixed_step, 3, Bytes().add(nan, -0.0F, 2.0F));
  const auto values = BigWigFile(write(file)).values(0, 1);
  EXPECT_EQ(values[0], 0.0F);
  EXPECT_FALSE(std::signbit(values[1]));
  EXPECT_EQ(values[2], 2.0F);
}

TEST_F(BigWig, RefusesNegativeAndInfiniteValues) {
  SmallBigWig file;
  file.block(0, 5, 8, 1, 1, SmallBigWig::fixed_step, 3, Bytes().add(1.0F, -2.5F, 1.0F));
  EXPECT_TRUE(says(error(file), {"signal.bw", "-2.5", "position 6", "chrI"}));
  SmallBigWig infinite;
  infinite.block(0, 5, 6, 1, 1, SmallBigWig::fixed_step, 1, Bytes().add(std::numeric_limits<float>::infinity()));
  EXPECT_TRUE(says(error(infinite), {"signal.bw", "inf", "position 5", "chrI"}));
}

// Each thread decodes blocks of its own: the error must be that of the first bad block all the same.
TEST_F(BigWig, TheFirstErrorWinsForAnyNumberOfThreads) {
  SmallBigWig file;
  for (std::uint32_t b = 0; b < 100; ++b) {
    file.block(0, b * 10, b * 10 + 1, 1, 1, SmallBigWig::fixed_step, 1, Bytes().add(b < 30 ? 1.0F : -1.0F));
  }
  write(file);
  for (const int threads : {1, 2, 8}) {
    EXPECT_TRUE(
        says(message_of<InputError>([&] { static_cast<void>(BigWigFile(path()).values(0, threads)); }), {"position 300 "}));
  }
}

// ---- lies --------------------------------------------------------------------------------------------------------------

SmallBigWig one_block() {
  SmallBigWig file;
  return file.block(0, 10, 30, 0, 0, SmallBigWig::bed_graph, 1, Bytes().add(10U, 30U, 1.0F));
}

TEST_F(BigWig, RefusesOtherFiles) {
  cheri::testing::write_bytes(path(), {});
  EXPECT_TRUE(says(message_of<InputError>([&] { BigWigFile{path()}; }), {"signal.bw", "no bigWig"}));
  auto bytes = one_block().bytes();
  bytes[0] = '\xEB', bytes[1] = '\xF2', bytes[2] = '\x89', bytes[3] = '\x87';
  cheri::testing::write_bytes(path(), bytes);
  EXPECT_TRUE(says(message_of<InputError>([&] { BigWigFile{path()}; }), {"signal.bw", "bigBed"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { BigWigFile{"/no/such.bw"}; }), {"/no/such.bw", "No such file"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { BigWigFile{"/tmp"}; }), {"/tmp"}));
}

TEST_F(BigWig, RefusesEveryTruncation) {
  const auto whole = one_block().bytes();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    cheri::testing::write_bytes(path(), {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)});
    EXPECT_TRUE(says(message_of<InputError>([&] { BigWigFile{path()}; }), {"signal.bw"})) << n;
  }
}

TEST_F(BigWig, RefusesCycles) {
  SmallBigWig file = one_block();
  file.index_is_cyclic = true;
  EXPECT_TRUE(says(error(file), {"damaged", "index"}));
}

TEST_F(BigWig, RefusesCountsThatAreWrong) {
  SmallBigWig file = one_block();
  file.blocks_said = 2;
  EXPECT_TRUE(says(error(file), {"index", "1 items", "says 2"}));
  file.blocks_said = 0;
  EXPECT_TRUE(says(error(file), {"index", "more items"}));
  file.blocks_said = ~std::uint64_t{0};
  EXPECT_TRUE(says(error(file), {"index"}));
  file = one_block();
  file.chromosomes_said = 2;
  EXPECT_TRUE(says(error(file), {"list of chromosomes"}));
}

TEST_F(BigWig, RefusesImpossibleChromosomes) {
  SmallBigWig file = one_block();
  file.chromosomes = {{"chrI", 0, 1000}, {"chrI", 1, 1000}};
  file.chromosomes_said = 2;
  EXPECT_TRUE(says(error(file), {"\"chrI\" twice"}));
  file.chromosomes = {{"chrI", 0, 1000}, {"chrII", 0, 1000}};
  EXPECT_TRUE(says(error(file), {"number 0"}));
  file = one_block();
  file.chromosomes = {{"chrI", 3, 1000}};
  EXPECT_TRUE(says(error(file), {"block of no chromosome"}));
}

TEST_F(BigWig, RefusesBlocksThatOverlapOrReachBeyondTheChromosome) {
  SmallBigWig overlapping = one_block();
  overlapping.block(0, 29, 35, 0, 0, SmallBigWig::bed_graph, 1, Bytes().add(29U, 35U, 1.0F));
  EXPECT_TRUE(says(error(overlapping), {"chrI", "[29, 35)", "overlap"}));
  SmallBigWig beyond;
  beyond.block(0, 990, 1001, 0, 0, SmallBigWig::bed_graph, 1, Bytes().add(990U, 1001U, 1.0F));
  EXPECT_TRUE(says(error(beyond), {"chrI", "[990, 1001)", "beyond"}));
}

TEST_F(BigWig, RefusesItemsOutsideOfTheirBlock) {
  const auto bed_graph = [&](std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    SmallBigWig file;
    return error(file.block(0, 10, 30, 0, 0, SmallBigWig::bed_graph, 2, Bytes().add(a, b, 1.0F, c, d, 1.0F)));
  };
  EXPECT_EQ(bed_graph(10, 20, 20, 30), "");
  EXPECT_TRUE(says(bed_graph(9, 20, 20, 30), {"[10, 30) of chrI", "outside"}));
  EXPECT_TRUE(says(bed_graph(10, 20, 20, 31), {"outside"}));
  EXPECT_TRUE(says(bed_graph(10, 21, 20, 30), {"overlap"}));
  EXPECT_TRUE(says(bed_graph(10, 10, 20, 30), {"overlap"}));
  SmallBigWig wrapping;   // 10 + 2^32 - 5 must not come round to 5
  wrapping.block(0, 10, 30, 0, 0xFFFFFFFBU, SmallBigWig::variable_step, 1, Bytes().add(10U, 1.0F));
  EXPECT_TRUE(says(error(wrapping), {"outside"}));
  SmallBigWig standing;
  standing.block(0, 10, 30, 0, 1, SmallBigWig::fixed_step, 2, Bytes().add(1.0F, 1.0F));
  EXPECT_TRUE(says(error(standing), {"overlap"}));
}

TEST_F(BigWig, RefusesBlocksOfAnotherSizeOrKind) {
  SmallBigWig longer;
  longer.block(0, 10, 30, 0, 0, SmallBigWig::bed_graph, 1, Bytes().add(10U, 20U, 1.0F, 0U));
  EXPECT_TRUE(says(error(longer), {"longer or shorter"}));
  SmallBigWig shorter;
  shorter.block(0, 10, 30, 0, 0, SmallBigWig::bed_graph, 2, Bytes().add(10U, 20U, 1.0F));
  EXPECT_TRUE(says(error(shorter), {"longer or shorter"}));
  SmallBigWig unknown;
  unknown.block(0, 10, 30, 0, 0, 4, 1, Bytes().add(1.0F));
  EXPECT_TRUE(says(error(unknown), {"kind"}));
  SmallBigWig other = one_block();
  other.blocks[0].data.bytes[0] = 1;
  EXPECT_TRUE(says(error(other), {"another chromosome"}));
}

}   // namespace
}   // namespace cheri::data
