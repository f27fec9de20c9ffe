// From raw files to a tracks file: what arrives, what is told, and what is refused.
#include "cheri/data/import.hpp"
#include "cheri/base/check.hpp"
#include "data/import_pieces.hpp"
#include "data/parallel_for.hpp"
#include "data/raw_files.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <utility>

namespace cheri::data {
namespace {

using cheri::testing::message_of;
using cheri::testing::read_bytes;
using cheri::testing::says;
using cheri::testing::ScratchFolder;

TEST(ParallelFor, CallsEveryIndexOnceAndThrowsTheFirstError) {
  for (const int threads : {0, 1, 3, 20}) {
    std::vector<int> calls(100, 0);
    parallel_for(threads, calls.size(), [&](std::size_t i) { ++calls[i]; });
    EXPECT_EQ(calls, std::vector<int>(100, 1)) << threads;
    const auto fails_from_40 = [](std::size_t i) { CHERI_REQUIRE_INPUT(i < 40, "index " << i); };
    EXPECT_EQ(message_of<InputError>([&] { parallel_for(threads, 100, fails_from_40); }), "index 40") << threads;
  }
  parallel_for(4, 0, [](std::size_t) { FAIL(); });
}

TEST(ParallelFor, HandsOverInOrder) {
  for (const int threads : {1, 4}) {
    std::vector<std::size_t> taken;
    const auto take = [&](std::size_t i, std::size_t square) {
      EXPECT_EQ(square, i * i);
      taken.push_back(i);
    };
    parallel_in_order(
        threads, 1000, [](std::size_t i) { return i * i; }, take);
    std::vector<std::size_t> expected(1000);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(taken, expected) << threads;

    taken.clear();
    const auto fails_at_700 = [](std::size_t i) {
      CHERI_REQUIRE_INPUT(i != 700, "index " << i);
      return i * i;
    };
    EXPECT_EQ(message_of<InputError>([&] { parallel_in_order(threads, 1000, fails_at_700, take); }), "index 700");
    expected.resize(taken.size());
    EXPECT_EQ(taken, expected) << threads;
    EXPECT_LE(taken.size(), 700U);
  }
}

/// Threads that take the places of ranks; who sends waits until that is received, as with MPI, or until rank 0 has ended.
class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : m_size(size) {}

  void end() {
    const std::lock_guard lock(m_mutex);
    m_ended = true;
    m_changed.notify_all();
  }

  ImportRanks of(int rank) {
    return {rank, m_size, [this, rank](int to, const std::vector<std::byte>& bytes) { send(rank, to, bytes); },
            [this, rank](int from) { return receive(from, rank); }};
  }

 private:
  void send(int from, int to, const std::vector<std::byte>& bytes) {
    std::unique_lock lock(m_mutex);
    m_waiting[{from, to}].push_back(bytes);
    m_changed.notify_all();
    m_changed.wait(lock, [&] { return m_ended || m_waiting[{from, to}].empty(); });
  }

  std::vector<std::byte> receive(int from, int to) {
    std::unique_lock lock(m_mutex);
    auto& waiting = m_waiting[{from, to}];
    m_changed.wait(lock, [&] { return !waiting.empty(); });
    std::vector<std::byte> bytes = std::move(waiting.front());
    waiting.pop_front();
    m_changed.notify_all();
    return bytes;
  }

  int m_size;
  bool m_ended = false;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> m_waiting;
};

/// A world of three chromosomes, of which the last has no signal, and files that hold it.
class Import : public ::testing::Test {
 protected:
  Import() {
    for (std::size_t c = 0; c < codes.size(); ++c) {
      for (std::size_t p = 0; p < codes[c].size(); ++p) codes[c][p] = static_cast<Code>((p * 7 + p / 13 + c) % 5 % 4);
    }
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t p = 0; p < plus[c].size(); p += 3 + c) {
        plus[c][p] = static_cast<float>(p % 11);
        minus[c][p / 2] = static_cast<float>(p % 5) / 4.0F;
      }
    }
    spec.sequences = m_folder.file("genome.fa.gz");
    spec.out_path = m_folder.file("tracks.h5");
    spec.signals = {{m_folder.file("plus.bw"), {"plus", 0, "+", false}},
                    {m_folder.file("minus.bw"), {"minus", 0, "-", false}},
                    {m_folder.file("control.bw"), {"control", 0, ".", true}}};
    spec.peaks = {m_folder.file("peaks.bed")};
    spec.negatives = {m_folder.file("negatives.bed")};
    spec.threads = 2;
    write_all();
  }

  void write_all() {
    write_fasta(spec.sequences, {{"chrI", &codes[0]}, {"chrII", &codes[1]}, {"chrM", &codes[2]}});
    write_bigwig(spec.signals[0].path, {{"chrI", &plus[0]}, {"chrII", &plus[1]}});
    write_bigwig(spec.signals[1].path, {{"chrII", &minus[1]}, {"chrI", &minus[0]}});
    write_bigwig(spec.signals[2].path, {{"chrI", &minus[0]}, {"chrII", &plus[1]}, {"chrM", &plus[2]}});
    write("peaks.bed", "chrI\t100\t200\nchrII\t50\t90\nchrI\t900\t1000\n");
    write("negatives.bed", "chrI\t400\t500\nchrM\t0\t200\n");
  }

  void write(const std::string& name, const std::string& text) const {
    cheri::testing::write_bytes(m_folder.file(name), {text.begin(), text.end()});
  }
  [[nodiscard]] std::string path(const std::string& name) const { return m_folder.file(name); }

  /// All notes in one text.
  std::string run() {
    const ImportReport report = import_tracks(spec, "a test", {});
    return std::accumulate(report.notes.begin(), report.notes.end(), std::string(),
                           [](const std::string& a, const std::string& b) { return a + b + "\n"; });
  }
  std::string error() {
    return message_of<InputError>([&] { run(); });
  }

  /// The notes of rank 0 of several, or the message of the InputError which it throws. The last rank has a spec of its own.
  std::string run_by(int n_ranks, const ImportSpec& of_last) const {
    ThreadRanks ranks(n_ranks);
    std::vector<std::jthread> others;
    for (int rank = 1; rank < n_ranks; ++rank) {
      others.emplace_back([&, rank] {
        const ImportReport report = import_tracks(rank + 1 == n_ranks ? of_last : spec, "a test", {}, ranks.of(rank));
        EXPECT_TRUE(report.notes.empty());
      });
    }
    std::string notes;
    const std::string message = message_of<InputError>([&] {
      for (const std::string& note : import_tracks(spec, "a test", {}, ranks.of(0)).notes) notes += note + "\n";
      throw InputError("");
    });
    ranks.end();
    return message.empty() ? notes : message;
  }
  std::string run_by(int n_ranks) const { return run_by(n_ranks, spec); }

  ImportSpec spec;
  std::vector<std::vector<Code>> codes = {std::vector<Code>(40'000), std::vector<Code>(30'000), std::vector<Code>(200)};
  std::vector<std::vector<float>> plus = {std::vector<float>(40'000), std::vector<float>(30'000), std::vector<float>(200)};
  std::vector<std::vector<float>> minus = plus;

 private:
  ScratchFolder m_folder;
};

TEST_F(Import, EverythingArrives) {
  const std::string notes = run();
  const TracksFile file(spec.out_path);
  EXPECT_EQ(file.chromosomes(), (std::vector<Chromosome>{{"chrI", 40'000}, {"chrII", 30'000}, {"chrM", 200}}));
  ASSERT_EQ(file.tracks().size(), 3U);
  EXPECT_EQ(file.tracks()[1].name, "minus");
  EXPECT_EQ(file.tracks()[1].strand, "-");
  EXPECT_TRUE(file.tracks()[2].control);
  for (int c = 0; c < 3; ++c) {
    const auto i = static_cast<std::size_t>(c);
    EXPECT_EQ(file.sequence(c), codes[i]) << c;
    EXPECT_EQ(file.signal(0, c), plus[i]) << c;
    EXPECT_EQ(file.signal(1, c), minus[i]) << c;
    EXPECT_EQ(file.signal(2, c), c == 0 ? minus[0] : plus[i]) << c;
  }
  EXPECT_EQ(file.loci("peaks"), (std::vector<Locus>{{0, 100, 200, -1}, {1, 50, 90, -1}, {0, 900, 1000, -1}}));
  EXPECT_EQ(file.loci("negatives"), (std::vector<Locus>{{0, 400, 500, -1}, {2, 0, 200, -1}}));
  EXPECT_TRUE(says(notes, {"3 of 3 chromosomes", "70200 positions", "plus.bw: no signal, taken as 0: chrM",
                           "control.bw: no signal, taken as 0: chrM", "peaks.bed: 3 loci"}));
}

TEST_F(Import, TheFileIsTheSameForAnyNumberOfThreads) {
  spec.negatives.clear();
  spec.negative_window = 500;
  spec.threads = 1;
  run();
  const auto expected = read_bytes(spec.out_path);
  for (const int threads : {0, 2, 5}) {
    spec.threads = threads;
    run();
    EXPECT_EQ(read_bytes(spec.out_path), expected) << threads;
  }
}

TEST_F(Import, TheFileIsTheSameForAnyNumberOfRanks) {
  for (const bool draws : {false, true}) {
    if (draws) spec.negatives.clear();
    spec.negative_window = 500;
    spec.threads = 1;
    const std::string notes = run();
    const auto expected = read_bytes(spec.out_path);
    for (const int ranks : {2, 3, 4, 14}) {   // there are 12 pieces
      for (const int threads : {1, 2}) {
        spec.threads = threads;
        EXPECT_EQ(run_by(ranks), notes) << ranks;
        EXPECT_EQ(read_bytes(spec.out_path), expected) << ranks << " ranks of " << threads << " threads";
      }
    }
  }
}

TEST_F(Import, TakesTheChromosomesThatAreWanted) {
  spec.chromosomes = {"chrII"};
  spec.negatives = spec.peaks;
  const std::string notes = run();
  const TracksFile file(spec.out_path);
  EXPECT_EQ(file.chromosomes(), (std::vector<Chromosome>{{"chrII", 30'000}}));
  EXPECT_EQ(file.sequence(0), codes[1]);
  EXPECT_EQ(file.signal(1, 0), minus[1]);
  EXPECT_EQ(file.loci("peaks"), (std::vector<Locus>{{0, 50, 90, -1}}));
  EXPECT_EQ(file.left_out("peaks").other_chromosome, 2);
  EXPECT_TRUE(says(notes, {"1 of 3 chromosomes", "peaks.bed: 2 loci dropped", "\"chrI\""}));
  spec.chromosomes = {"chrIV"};
  EXPECT_TRUE(says(error(), {"genome.fa.gz", "chrIV", "nearest"}));
}

TEST_F(Import, DrawsNegatives) {
  spec.negatives.clear();
  spec.negative_window = 500;
  EXPECT_TRUE(says(run(), {"3 negatives drawn"}));
  const TracksFile file(spec.out_path);
  const auto negatives = file.loci("negatives");
  ASSERT_EQ(negatives.size(), 3U);
  EXPECT_EQ(std::count_if(negatives.begin(), negatives.end(), [](const Locus& l) { return l.chromosome == 0; }), 2);
  spec.negatives_per_peak = 60;
  EXPECT_TRUE(says(run(), {"180 negatives were wanted"}));
}

TEST_F(Import, DropsWhatOverlapsAnExclusion) {
  write("exclusion.bed", "chrI\t199\t300\nchrI\t200\t450\nchrX\t1\t2\n");
  spec.exclusions = {path("exclusion.bed")};
  EXPECT_TRUE(says(run(), {"1 peaks dropped", "1 negatives dropped", "exclusion.bed: 1 loci dropped"}));
  const TracksFile file(spec.out_path);
  EXPECT_EQ(file.loci("peaks"), (std::vector<Locus>{{1, 50, 90, -1}, {0, 900, 1000, -1}}));
  EXPECT_EQ(file.loci("negatives"), (std::vector<Locus>{{2, 0, 200, -1}}));
  EXPECT_EQ(file.left_out("peaks").excluded, 1);
  write("exclusion.bed", "chrI\t0\t40000\nchrII\t0\t30000\n");
  EXPECT_TRUE(says(error(), {"all 3 peaks", "exclusion"}));
  write("exclusion.bed", "");
  EXPECT_TRUE(says(run(), {"exclusion.bed: 0 loci"}));
}

TEST_F(Import, JoinsSeveralFilesOfPeaks) {
  write("more.bed", "chrM\t1\t100\n");
  spec.peaks.push_back(path("more.bed"));
  run();
  EXPECT_EQ(TracksFile(spec.out_path).loci("peaks").back(), (Locus{2, 1, 100, -1}));
}

TEST_F(Import, TellsItsProgress) {
  std::vector<double> fractions;
  std::string text;
  import_tracks(spec, "a test", [&](double fraction, const std::string& what) {
    fractions.push_back(fraction);
    text += what + "\n";
  });
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_EQ(fractions.front(), 0.0);
  EXPECT_EQ(fractions.back(), 1.0);
  EXPECT_TRUE(says(text, {"chrI sequence", "chrII minus", "chrM control"}));
}

TEST_F(Import, RefusesAnotherAssembly) {
  std::vector<float> longer(40'001, 1.0F);
  write_bigwig(spec.signals[1].path, {{"chrI", &longer}});
  EXPECT_TRUE(says(error(), {"chrI", "40001", "minus.bw", "40000", "genome.fa.gz", "assemblies"}));
  write_bigwig(spec.signals[1].path, {{"1", &plus[0]}, {"2", &plus[1]}});
  EXPECT_TRUE(says(error(), {"minus.bw", "genome.fa.gz", "no chromosome in common", "1, 2", "chrI, chrII, chrM"}));
  write_bigwig(spec.signals[1].path, {{"chrI", &plus[0]}, {"2", &plus[1]}});
  EXPECT_TRUE(
      says(run(), {"minus.bw: left out, not in", "genome.fa.gz: 2\n", "minus.bw: no signal, taken as 0: chrII, chrM"}));
}

// Whatever goes wrong, there is no file of the final name, and an old one stays.
TEST_F(Import, RefusesNegativeValuesAndLeavesNoFile) {
  minus[1][77] = -1.0F;
  write_all();
  EXPECT_TRUE(says(error(), {"minus.bw", "-1", "position 77", "chrII"}));
  EXPECT_FALSE(std::filesystem::exists(spec.out_path));
}

// One rank is told of the first fault in the order of the file, and so are several, whoever has found it.
TEST_F(Import, RanksFindTheErrorThatOneFinds) {
  plus[1][88] = -2.0F;
  minus[1][77] = -1.0F;
  write_all();
  const std::string alone = error();
  EXPECT_TRUE(says(alone, {"plus.bw", "-2", "position 88", "chrII"}));
  std::set<int> finders;
  const std::vector<FastaEntry> genome = {{{"chrI", 40'000}, {}}, {{"chrII", 30'000}, {}}, {{"chrM", 200}, {}}};
  for (const int ranks : {2, 3, 4, 5}) {
    EXPECT_EQ(run_by(ranks), alone) << ranks;
    EXPECT_FALSE(std::filesystem::exists(spec.out_path));
    EXPECT_FALSE(std::filesystem::exists(spec.out_path + ".part"));
    finders.insert(share_pieces(genome, 3, ranks)[5].rank);
  }
  EXPECT_GT(*finders.rbegin(), 0);   // or the test would be of rank 0 alone
}

TEST_F(Import, ARankThatCannotReadTellsIt) {
  ImportSpec of_last = spec;
  of_last.signals[0].path = path("not_on_this_node.bw");
  EXPECT_TRUE(says(run_by(3, of_last), {"on rank 2: ", "not_on_this_node.bw", "No such file"}));
  EXPECT_FALSE(std::filesystem::exists(spec.out_path + ".part"));
  EXPECT_TRUE(says(run_by(14, of_last), {"peaks.bed: 3 loci"}));   // it has nothing to do
}

TEST(ImportPieces, AreSharedByLength) {
  std::vector<FastaEntry> genome;
  for (int c = 0; c < 24; ++c) genome.push_back({{std::to_string(c), 250'000'000 - 8'000'000 * c}, {}});
  for (const int n_ranks : {1, 2, 4, 7}) {
    const auto pieces = share_pieces(genome, 2, n_ranks);
    ASSERT_EQ(pieces.size(), 72U);
    std::vector<double> positions(static_cast<std::size_t>(n_ranks));
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      EXPECT_EQ(pieces[i].chromosome, i / 3);
      EXPECT_EQ(pieces[i].signal.has_value(), i % 3 > 0);
      EXPECT_EQ(pieces[i].signal.value_or(0), i % 3 == 2 ? 1U : 0U);
      const double weight = pieces[i].signal ? 1.0 : 1.6;
      positions.at(static_cast<std::size_t>(pieces[i].rank)) +=
          weight * static_cast<double>(genome[i / 3].chromosome.length);
    }
    const auto [least, most] = std::minmax_element(positions.begin() + (n_ranks > 1 ? 1 : 0), positions.end());
    EXPECT_LE(*most, 1.1 * *least) << n_ranks;
    EXPECT_LE(positions[0], *most) << "rank 0 writes, too";
  }
}

TEST_F(Import, WhatSendingThrowsIsNoErrorOfAPiece) {
  std::vector<std::byte> genome;
  const ImportRanks root{0, 2, [&](int, const std::vector<std::byte>& bytes) { genome = bytes; },
                         [](int) -> std::vector<std::byte> { throw Error("enough"); }};
  EXPECT_EQ(message_of<Error>([&] { import_tracks(spec, "a test", {}, root); }), "enough");
  int sent = 0;   // the second message holds the bytes of the first piece
  const ImportRanks other{1, 2,
                          [&](int, const std::vector<std::byte>&) {
                            if (++sent == 2) throw Error("no way");
                          },
                          [&](int) { return genome; }};
  EXPECT_EQ(message_of<Error>([&] { import_tracks(spec, "a test", {}, other); }), "no way");
  EXPECT_EQ(sent, 2);
}

TEST_F(Import, RefusesLociThatFitNowhere) {
  write("peaks.bed", "chr1\t100\t200\nchr2\t1\t2\n");
  EXPECT_TRUE(says(error(), {"peaks.bed", "\"chr1\", \"chr2\"", "imported are chrI, chrII, chrM"}));
  write("peaks.bed", "# nothing\n");
  EXPECT_TRUE(says(error(), {"peaks.bed has no locus"}));
  write("peaks.bed", "chrI\t39000\t40001\n");
  EXPECT_TRUE(says(error(), {"peaks.bed:1", "40001", "chrI", "40000"}));
}

TEST_F(Import, RefusesIncompleteSpecs) {
  const ImportSpec whole = spec;
  spec.peaks.clear();
  EXPECT_TRUE(says(error(), {"peaks"}));
  spec = whole;
  spec.signals.clear();
  EXPECT_TRUE(says(error(), {"signal"}));
  spec = whole;
  spec.signals[1].track.name = "plus";
  EXPECT_TRUE(says(error(), {"two tracks", "plus"}));
  spec = whole;
  spec.threads = -1;
  EXPECT_TRUE(says(error(), {"threads", "-1"}));
  spec = whole;
  spec.signals[2].path = path("nowhere.bw");
  EXPECT_TRUE(says(error(), {"nowhere.bw", "No such file"}));
}

}   // namespace
}   // namespace cheri::data
