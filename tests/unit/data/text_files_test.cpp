// FASTA and BED: what is read, and what is refused with which words.
#include "cheri/base/check.hpp"
#include "data/bed.hpp"
#include "data/fasta.hpp"
#include "data/text_input.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <zlib.h>
#include <string>

namespace cheri::data {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;
using cheri::testing::ScratchFolder;

std::vector<char> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

void write_gzip(const std::string& path, const std::vector<std::string>& members) {
  for (std::size_t i = 0; i < members.size(); ++i) {
    const gzFile file = gzopen(path.c_str(), i == 0 ? "wb" : "ab");
    ASSERT_EQ(gzwrite(file, members[i].data(), static_cast<unsigned>(members[i].size())),
              static_cast<int>(members[i].size()));
    ASSERT_EQ(gzclose(file), Z_OK);
  }
}

class TextFiles : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = m_folder.file("file");
    cheri::testing::write_bytes(path, bytes_of(text));
    return path;
  }
  [[nodiscard]] std::string gzipped(const std::vector<std::string>& members) const {
    write_gzip(m_folder.file("file.gz"), members);
    return m_folder.file("file.gz");
  }

 private:
  ScratchFolder m_folder;
};

// ---- FASTA -------------------------------------------------------------------------------------------------------------

class Fasta : public TextFiles {
 protected:
  static std::vector<FastaRecord> read(const std::string& path) {
    FastaReader reader(path);
    std::vector<FastaRecord> records;
    for (FastaRecord record; reader.next(record);) records.push_back(record);
    return records;
  }
  std::string error(const std::string& text) {
    return message_of<InputError>([&] { fasta_index(write(text)); });
  }
};

TEST_F(Fasta, ReadsBothCasesAndOtherLetters) {
  const auto records = read(write(">chrI the first\nACGT\nacgt\n\nNnRyX*-\n>chrII\nT\n"));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].name, "chrI");
  EXPECT_EQ(records[0].codes, (std::vector<Code>{0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4}));
  EXPECT_EQ(records[1].name, "chrII");
  EXPECT_EQ(records[1].codes, (std::vector<Code>{3}));
}

TEST_F(Fasta, LineEndsDoNotMatter) {
  for (const char* text : {">a\nAC\nGT\n>b\nA", ">a\r\nAC\r\nGT\r\n>b\r\nA\r\n", "\n>a\nACGT\n\n\n>b\nA\n\n"}) {
    const auto records = read(write(text));
    ASSERT_EQ(records.size(), 2U) << text;
    EXPECT_EQ(records[0].codes, (std::vector<Code>{0, 1, 2, 3})) << text;
    EXPECT_EQ(records[1].name, "b") << text;
  }
}

TEST_F(Fasta, ReadsGzipAndSeveralMembersAsBgzipHas) {
  const auto records = read(gzipped({">a\nAC", "GT\n>", "b\nTT\n"}));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].codes, (std::vector<Code>{0, 1, 2, 3}));
  EXPECT_EQ(records[1].codes, (std::vector<Code>{3, 3}));
}

TEST_F(Fasta, ReadsALineThatIsLongerThanTheBuffer) {
  const std::string sequence(3'000'001, 'G');
  const auto records = fasta_index(write(">one\n" + sequence + "\n>two\n" + sequence));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].chromosome, (Chromosome{"one", 3'000'001}));
  EXPECT_EQ(records[1].chromosome, (Chromosome{"two", 3'000'001}));
}

// From each record to each one behind it, some in the bytes at hand and some far from them, the last one with a fault.
TEST_F(Fasta, GoesOnAtARecordFurtherDown) {
  std::string text = "\n";
  for (const std::size_t length : {10UL, 20UL, 700'000UL, 30UL, 600'000UL, 40UL}) {
    text += ">r" + std::to_string(length) + "\r\n" + std::string(length, 'C') + "\n\n";
  }
  for (const std::string& path : {write(text), gzipped({text.substr(0, 400'000), text.substr(400'000)})}) {
    const auto records = fasta_index(path);
    ASSERT_EQ(records.size(), 6U);
    EXPECT_EQ(records[0].header.byte, 1);
    EXPECT_EQ(records[5].header.lines_before, 16);
    for (std::size_t from = 0; from < records.size(); ++from) {
      for (std::size_t to = from + 1; to < records.size(); ++to) {
        FastaReader reader(path);
        FastaRecord record;
        for (const std::size_t i : {from, to}) {
          reader.go_to(records[i].header);
          ASSERT_TRUE(reader.next(record));
          EXPECT_EQ(record.name, records[i].chromosome.name);
          EXPECT_EQ(record.codes, std::vector<Code>(static_cast<std::size_t>(records[i].chromosome.length), 1));
        }
        EXPECT_EQ(reader.next(record), to < 5);
      }
    }
  }
  text[text.size() - 5] = '1';
  FastaReader reader(write(text));
  reader.go_to({static_cast<std::int64_t>(text.rfind('>')), 16});
  FastaRecord record;
  EXPECT_TRUE(says(message_of<InputError>([&] { reader.next(record); }), {"file:18", "\"1\""}));
}

TEST_F(Fasta, HasNoRecordBeyondItsEnd) {
  FastaReader reader(write(">a\nAC\n"));
  reader.go_to({100, 2});
  FastaRecord record;
  EXPECT_FALSE(reader.next(record));
}

TEST_F(Fasta, RefusesWhatIsNoFasta) {
  for (const char* nothing : {"", "\n\n"}) EXPECT_TRUE(says(error(nothing), {"file", "empty"}));
  EXPECT_TRUE(says(error("ACGT\n"), {"file:1", "\"ACGT\"", ">name"}));
  EXPECT_TRUE(says(error(">a\nAC\n>a\nAC\n"), {"file:3", "second", "\"a\""}));
  EXPECT_TRUE(says(error(">a\n>b\nAC\n"), {"file:1", "\"a\"", "empty"}));
  EXPECT_TRUE(says(error(">a\nAC\n>b\n"), {"file:3", "\"b\"", "empty"}));
  EXPECT_TRUE(says(error("> \nAC\n"), {"file:1", "without a name"}));
  EXPECT_TRUE(says(error(">a\nACGT\nAC1T\n"), {"file:3", "\"1\"", "byte 49"}));
  EXPECT_TRUE(says(error(std::string(">a\nAC\0GT\n", 9)), {"file:2", "byte 0"}));
  EXPECT_TRUE(says(error(">a\nAC>GT\n"), {"file:2", "\">\""}));
}

TEST_F(Fasta, RefusesDamagedGzip) {
  const std::string path = gzipped({">a\n" + std::string(5000, 'A') + "CGT\n"});
  auto bytes = cheri::testing::read_bytes(path);
  auto flipped = bytes;
  flipped[flipped.size() - 6] ^= 1;   // in the checksum
  cheri::testing::write_bytes(path, flipped);
  EXPECT_TRUE(says(message_of<InputError>([&] { read(path); }), {"file.gz"}));
  bytes.resize(bytes.size() - 9);
  cheri::testing::write_bytes(path, bytes);
  EXPECT_TRUE(says(message_of<InputError>([&] { read(path); }), {"file.gz", "truncated"}));
}

TEST_F(Fasta, NamesAFileThatIsNotThere) {
  EXPECT_TRUE(says(message_of<InputError>([&] { read("/no/such/genome.fa"); }), {"/no/such/genome.fa", "No such file"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { read("/tmp"); }), {"/tmp", "folder"}));
}

// ---- BED ---------------------------------------------------------------------------------------------------------------

const std::vector<Chromosome> genome = {{"chrI", 1000}, {"chrII", 500}};

class Bed : public TextFiles {
 protected:
  std::string error(const std::string& text) {
    return message_of<InputError>([&] { read_bed(write(text), genome); });
  }
};

TEST_F(Bed, ReadsThreeToTenColumns) {
  const BedFile file = read_bed(write("chrI\t10\t20\n"
                                      "chrII\t0\t500\tname\t7\t+\n"
                                      "chrI\t30\t40\tname\t0\t.\t1.5\t-1\t-1\t9\n"
                                      "chrI\t50\t60\t\t0\t.\t1.5\t-1\t-1\t-1\n"),
                                genome);
  EXPECT_EQ(file.loci, (std::vector<Locus>{{0, 10, 20, -1}, {1, 0, 500, -1}, {0, 30, 40, 9}, {0, 50, 60, -1}}));
  EXPECT_TRUE(file.elsewhere.empty());
}

TEST_F(Bed, TheTenthOfTwelveColumnsIsNoSummit) {
  const BedFile file = read_bed(write("chrI\t10\t90\tgene\t0\t+\t10\t90\t0\t2\t5,5\t0,75\n"), genome);
  EXPECT_EQ(file.loci, (std::vector<Locus>{{0, 10, 90, -1}}));
}

TEST_F(Bed, SkipsCommentsHeadersAndEmptyLines) {
  const BedFile file =
      read_bed(write("# comment\ntrack name=\"x\"\nbrowser position chrI:1-2\n\n  \nchrI 10   20\r\n"), genome);
  EXPECT_EQ(file.loci, (std::vector<Locus>{{0, 10, 20, -1}}));
}

TEST_F(Bed, CountsLociElsewhere) {
  const BedFile file = read_bed(write("chrX\t10\t20\nchrI\t1\t2\nchrX\t99999\t100000\ntrack1\t3\t4\n"), genome);
  EXPECT_EQ(file.loci.size(), 1U);
  EXPECT_EQ(file.elsewhere, (std::map<std::string, std::int64_t>{{"chrX", 2}, {"track1", 1}}));
}

TEST_F(Bed, ReadsGzip) { EXPECT_EQ(read_bed(gzipped({"chrI\t10\t20\nchr", "II\t0\t5"}), genome).loci.size(), 2U); }

TEST_F(Bed, NamesLineAndText) {
  EXPECT_TRUE(says(error("chrI\t1\t2\nchrI\t5\n"), {"file:2", "\"chrI 5\""}));
  EXPECT_TRUE(says(error("chrI\tx1\t20\n"), {"file:1", "start", "\"x1\""}));
  EXPECT_TRUE(says(error("chrI\t-1\t20\n"), {"file:1", "start", "\"-1\""}));
  EXPECT_TRUE(says(error("chrI\t1\t20.5\n"), {"file:1", "end", "\"20.5\""}));
  EXPECT_TRUE(says(error("chrI\t1\t99999999999999999999\n"), {"file:1", "end"}));
  EXPECT_TRUE(says(error("chrI\t20\t20\n"), {"file:1", "empty"}));
  EXPECT_TRUE(says(error("chrI\t30\t20\n"), {"file:1", "before it begins"}));
  EXPECT_TRUE(says(error("#\n\nchrII\t490\t501\n"), {"file:3", "501", "chrII", "500"}));
  EXPECT_TRUE(says(error("chrI\t30\t40\tn\t0\t.\t1\t-1\t-1\t10\n"), {"file:1", "summit", "\"10\""}));
  EXPECT_TRUE(says(error("chrI\t30\t40\tn\t0\t.\t1\t-1\t-1\t-2\n"), {"file:1", "summit", "\"-2\""}));
}

TEST_F(Bed, ShowsBinaryTextSafelyAndShortly) {
  const std::string message = error("\x01\x02\xff" + std::string(2000, 'x'));
  EXPECT_TRUE(says(message, {"file:1", "\"???xxx", "...\""}));
  EXPECT_LT(message.size(), 400U);
  EXPECT_TRUE(says(error(std::string(2'000'000, 'x')), {"file:1", "1 MiB"}));
}

}   // namespace
}   // namespace cheri::data
