// Examples from a tracks file, from an examples file, and the way from one to the other.
#include "cheri/data/examples.hpp"
#include "support/messages.hpp"
#include "support/same_examples.hpp"
#include "support/scratch.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace cheri::data {
namespace {

using cheri::testing::expect_same_examples;
using cheri::testing::message_of;
using cheri::testing::read_bytes;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::SmallTracks;
using cheri::testing::write_bytes;

class Examples : public ::testing::Test {
 protected:
  Examples() { small.write(path); }

  [[nodiscard]] DataSpec spec(const Windows& windows, bool summits = false) const {
    DataSpec spec;
    spec.path = path;
    spec.windows = windows;
    spec.summits = summits;
    return spec;
  }

  SmallTracks small;
  ScratchFolder folder;
  const std::string path = folder.file("tracks.h5"), packed = folder.file("examples.h5");
};

// ---- from a tracks file, against a plain loop ----------------------------------------------------------------------------

std::int64_t centre_of(const Locus& locus, bool summits) {
  return summits && locus.summit >= 0 ? locus.start + locus.summit : locus.start + (locus.end - locus.start) / 2;
}

/// Position p of a chromosome, `outside` beyond its ends.
template <class T>
T at(const std::vector<T>& values, std::int64_t p, T outside) {
  return p >= 0 && p < static_cast<std::int64_t>(values.size()) ? values[static_cast<std::size_t>(p)] : outside;
}

/// The loci of a set which have room: wide = the widest window, both ends of it `jitter` further out.
std::vector<Locus> with_room(const SmallTracks& small, const std::vector<Locus>& loci, int wide, int jitter, bool summits) {
  std::vector<Locus> kept;
  for (const Locus& locus : loci) {
    const std::int64_t first = centre_of(locus, summits) - wide / 2 - jitter, last = first + wide + 2 * jitter - 1;
    if (first >= 0 && last < small.chromosomes[static_cast<std::size_t>(locus.chromosome)].length) kept.push_back(locus);
  }
  return kept;
}

/// Records of one example, as the tracks hold them around its centre.
void expect_records(const SmallTracks& small, const ExampleSet& examples, std::size_t i) {
  const auto chromosome = static_cast<std::size_t>(examples.loci[i].chromosome);
  const int in = examples.windows.in_window, out = examples.windows.out_window, jitter = examples.max_jitter;
  const auto wide = static_cast<std::size_t>(in + 2 * jitter), narrow = static_cast<std::size_t>(out + 2 * jitter);
  const std::int64_t in_begin = examples.centres[i] - in / 2 - jitter, out_begin = examples.centres[i] - out / 2 - jitter;
  for (std::size_t l = 0; l < wide; ++l) {
    const std::int64_t p = in_begin + static_cast<std::int64_t>(l);
    ASSERT_EQ(examples.codes[i * wide + l], at(small.codes[chromosome], p, Code{4})) << "example " << i << " base " << l;
    for (std::size_t k = 0; k < 2; ++k) {
      ASSERT_EQ(examples.control.at((i * 2 + k) * wide + l), at(small.signals[3 + k][chromosome], p, 0.0f));
    }
  }
  for (std::size_t w = 0; w < narrow; ++w) {
    for (std::size_t t = 0; t < 3; ++t) {
      ASSERT_EQ(examples.signal.at((i * 3 + t) * narrow + w),
                at(small.signals[t][chromosome], out_begin + static_cast<std::int64_t>(w), 0.0f));
    }
  }
}

TEST_F(Examples, AreTheWindowsAroundTheCentres) {
  // Odd and even widths, an output window as wide as the input, flanks, summits.
  for (const Windows& windows : {Windows{100, 40, 7}, Windows{101, 33, 0}, Windows{60, 60, 25}}) {
    for (const bool summits : {false, true}) {
      SCOPED_TRACE(std::to_string(windows.in_window) + (summits ? " summits" : " middles"));
      const ExampleSet examples = read_examples(spec(windows, summits), {{}, windows.max_jitter, false});
      const auto peaks = with_room(small, small.peaks, windows.in_window, windows.max_jitter, summits);
      const auto negatives = with_room(small, small.negatives, windows.in_window, 0, summits);
      ASSERT_EQ(examples.n_peaks, static_cast<std::int64_t>(peaks.size()));
      ASSERT_EQ(examples.n_negatives, static_cast<std::int64_t>(negatives.size()));
      ASSERT_LT(peaks.size(), small.peaks.size());   // some reach over an end
      auto loci = peaks;
      loci.insert(loci.end(), negatives.begin(), negatives.end());
      EXPECT_EQ(examples.loci, loci);
      for (std::size_t i = 0; i < loci.size(); ++i) {
        EXPECT_EQ(examples.centres[i], centre_of(loci[i], summits));
        expect_records(small, examples, i);
      }
    }
  }
}

TEST_F(Examples, TheReportCountsWhatIsLeftOut) {
  const Windows windows{100, 40, 7};
  const ExampleSet examples = read_examples(spec(windows), {{"chrII"}, 7, false});
  const auto on = [&](const std::vector<Locus>& loci, int chromosome) {
    return std::count_if(loci.begin(), loci.end(), [=](const Locus& l) { return l.chromosome == chromosome; });
  };
  const std::int64_t kept = on(with_room(small, small.peaks, 100, 7, false), 1);
  EXPECT_EQ(examples.peaks_report, (LociReport{kept, on(small.peaks, 0), on(small.peaks, 1) - kept, 0, 0}));
  const std::int64_t kept_negatives = on(with_room(small, small.negatives, 100, 0, false), 1);
  EXPECT_EQ(examples.negatives_report,
            (LociReport{kept_negatives, on(small.negatives, 0) + 1, on(small.negatives, 1) - kept_negatives, 0, 0}));
  for (const Locus& locus : examples.loci) EXPECT_EQ(locus.chromosome, 1);
}

TEST_F(Examples, KnowTheirTracks) {
  const ExampleSet examples = read_examples(spec({100, 40, 7}), {});
  EXPECT_EQ(examples.tracks, small.tracks);
  EXPECT_EQ(examples.n_signals(), 3);
  EXPECT_EQ(examples.n_controls(), 2);
  EXPECT_EQ(examples.signal_groups(), (std::vector<int>{2, 1}));
  EXPECT_EQ(examples.signal.type, ElementType::u16);   // pair.minus reaches 300
  EXPECT_EQ(examples.control.type, ElementType::u8);
  EXPECT_EQ(read_tracks(path), small.tracks);
}

TEST_F(Examples, NoNegativesAreAsked) {
  DataSpec peaks_alone = spec({100, 40, 7});
  peaks_alone.negatives = "";
  EXPECT_EQ(read_examples(peaks_alone, {}).n_negatives, 0);
}

TEST_F(Examples, WhatTheFileLacksIsNamed) {
  const auto message = [](const DataSpec& data, const Selection& selection) {
    return message_of<InputError>([&] { static_cast<void>(read_examples(data, selection)); });
  };
  DataSpec data = spec({100, 40, 7});
  EXPECT_TRUE(says(message(data, {{"chrI", "chr9"}, 0, false}), {path, "no chromosome \"chr9\"", "chrI, chrII and chrM"}));
  data.peaks = "summits";
  EXPECT_TRUE(says(message(data, {}), {path, "no loci \"summits\"", "negatives and peaks"}));
  data.path = folder.file("absent.h5");
  EXPECT_TRUE(says(message(data, {}), {"absent.h5", "No such file"}));
}

TEST_F(Examples, RegionsAreCentredWithoutJitter) {
  const std::string bed = folder.file("regions.bed");
  const std::string text = "chrI\t500\t600\nchrII\t0\t10\nchrII\t1000\t1001\n";
  write_bytes(bed, {text.begin(), text.end()});
  const ExampleSet examples = read_all(open_regions(spec({100, 40, 7}), bed));
  EXPECT_EQ(examples.loci, (std::vector<Locus>{{0, 500, 600, -1}, {1, 1000, 1001, -1}}));
  EXPECT_EQ(examples.centres, (std::vector<std::int64_t>{550, 1000}));
  EXPECT_EQ(examples.n_peaks, 2);
  EXPECT_EQ(examples.max_jitter, 0);
  EXPECT_EQ(examples.peaks_report.beyond_chromosome, 1);
  for (std::size_t i = 0; i < 2; ++i) expect_records(small, examples, i);
}

// ---- outliers ----------------------------------------------------------------------------------------------------------

/// Peaks 40 bp apart with these counts for two groups, all of them at the last position of the record: 9 bp right of the
/// centre, for an output window of 10 and a jitter of 5.
class Outliers : public ::testing::Test {
 protected:
  void write(const std::vector<float>& first, const std::vector<float>& second) const {
    const std::size_t length = 40 * first.size() + 80;
    TracksWriter writer(path, {{"c", static_cast<std::int64_t>(length)}}, {{"a", 0, ".", false}, {"b", 1, ".", false}},
                        "a test");
    writer.sequence(0, std::vector<Code>(length, 1));
    std::vector<Locus> peaks;
    std::vector<float> a(length, 0), b(length, 0);
    for (std::size_t i = 0; i < first.size(); ++i) {
      const std::size_t centre = 40 * i + 40;
      peaks.push_back({0, static_cast<std::int64_t>(centre), static_cast<std::int64_t>(centre) + 1, -1});
      a[centre + 9] = first[i];
      b[centre + 9] = second[i];
    }
    writer.signal(0, 0, a);
    writer.signal(1, 0, b);
    writer.loci("peaks", peaks);
    writer.loci("negatives", peaks);
    writer.close();
  }

  [[nodiscard]] ExampleSet read(double quantile, double factor, bool drop = true) const {
    return read_examples({path, "peaks", "negatives", {20, 10, 5}, false, quantile, factor}, {{}, 5, drop});
  }

  /// Which peaks are kept, by their places in the file.
  static std::vector<std::int64_t> kept(const ExampleSet& examples) {
    std::vector<std::int64_t> places;
    for (std::size_t i = 0; i < static_cast<std::size_t>(examples.n_peaks); ++i)
      places.push_back(examples.centres[i] / 40 - 1);
    return places;
  }

  ScratchFolder folder;
  const std::string path = folder.file("tracks.h5");
};

TEST_F(Outliers, AboveTheThresholdInAnyGroupAreDropped) {
  // The median of 10, 12, 13, 8, 9 is 10, the threshold 12: it is not above itself. That of the second group is 2.4.
  write({10, 12, 13, 8, 9}, {2, 2, 2, 2, 3});
  const ExampleSet examples = read(0.5, 1.2);
  EXPECT_EQ(kept(examples), (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_EQ(examples.n_negatives, 5);   // negatives are none
  EXPECT_EQ(examples.peaks_report, (LociReport{3, 0, 0, 0, 2}));
  // Records move with their loci: the counts tell whose they are.
  const std::vector<float> counts = {10, 12, 8, /* negatives */ 10, 12, 13, 8, 9};
  ASSERT_EQ(examples.loci.size(), counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_EQ(examples.signal.at(i * 2 * 20 + 19), counts[i]) << i;
  EXPECT_EQ(examples.codes.size(), counts.size() * 30);
}

TEST_F(Outliers, TheQuantileInterpolates) {
  // Of 1 ... 99 and 1000 the 0.99 quantile is 99 + 0.01 (1000 - 99) = 108.01; the threshold 129.612.
  std::vector<float> counts(100);
  for (std::size_t i = 0; i < 100; ++i) counts[i] = static_cast<float>(i + 1);
  counts[99] = 1000;
  write(counts, std::vector<float>(100, 1));
  EXPECT_EQ(read(0.99, 1.2).n_peaks, 99);
  EXPECT_EQ(read(0.99, 9.25).n_peaks, 99);    // 999.09
  EXPECT_EQ(read(0.99, 9.26).n_peaks, 100);   // 1000.17
}

TEST_F(Outliers, AreKeptWhereAsked) {
  write({10, 12, 1300, 8, 9}, {2, 2, 2, 2, 3});
  EXPECT_EQ(read(0.5, 0).n_peaks, 5);
  EXPECT_EQ(read(0.5, 1.2, false).n_peaks, 5);
  EXPECT_EQ(read(1, 1).n_peaks, 5);   // the largest is the threshold
}

// ---- signals alone -----------------------------------------------------------------------------------------------------

/// Counts what is read of another source.
struct Watched : RecordSource {
  explicit Watched(std::shared_ptr<const RecordSource> source) : of(std::move(source)) {}
  void read(std::span<const std::int64_t> records, const RecordMemory& to) const override {
    sizes.push_back(records.size());
    of->read(records, to);
  }
  [[nodiscard]] std::string why_not_streamed() const override { return of->why_not_streamed(); }

  std::shared_ptr<const RecordSource> of;
  mutable std::vector<std::size_t> sizes;
};

// Peaks chromosome by chromosome are read so; others at once, for no chromosome is read twice.
TEST_F(Examples, SignalsAreVisitedInOrder) {
  for (const bool mixed : {false, true}) {
    if (mixed) std::swap(small.peaks[5], small.peaks[small.peaks.size() - 5]);
    small.write(path);
    auto opened = open_examples(spec({101, 40, 9}), {{}, 9, false});
    const ExampleSet all = read_examples(spec({101, 40, 9}), {{}, 9, false});
    const auto watched = std::make_shared<Watched>(opened.source);
    opened.source = watched;
    std::int64_t next = 3;
    const auto bytes = static_cast<std::int64_t>(opened.layout.signal_bytes());
    opened.visit_signals(next, opened.index.n_peaks, [&](std::int64_t i, const std::byte* signals) {
      EXPECT_EQ(i, next++);
      EXPECT_TRUE(std::equal(signals, signals + bytes, all.signal.bytes.begin() + i * bytes)) << i;
    });
    EXPECT_EQ(next, opened.index.n_peaks);
    const auto on_first = std::count_if(opened.index.loci.begin() + 3, opened.index.loci.begin() + opened.index.n_peaks,
                                        [](const Locus& locus) { return locus.chromosome == 0; });
    const auto n = static_cast<std::size_t>(opened.index.n_peaks - 3), first = static_cast<std::size_t>(on_first);
    EXPECT_EQ(watched->sizes, mixed ? std::vector{n} : (std::vector{first, n - first}));
  }
}

// ---- packed ------------------------------------------------------------------------------------------------------------

TEST_F(Examples, PackedOnesAreTheSame) {
  const Windows windows{101, 40, 9};
  pack_examples(spec(windows), packed, "a test");
  DataSpec from_file = spec(windows);
  from_file.path = packed;
  for (const Selection& selection : {Selection{{}, 9, false}, Selection{{}, 3, false}, Selection{{"chrII"}, 0, false},
                                     Selection{{"chrI", "chrM"}, 9, true}, Selection{{"chrM"}, 0, false}}) {
    expect_same_examples(read_examples(from_file, selection), read_examples(spec(windows), selection));
  }
  EXPECT_EQ(read_tracks(packed), small.tracks);
}

TEST_F(Examples, PackedOnesGiveNarrowerWindows) {
  // What has no room for the packed windows is not in the file: only loci which have.
  const auto keep_interior = [&](std::vector<Locus>& loci) { loci = with_room(small, loci, 131, 20, false); };
  keep_interior(small.peaks);
  keep_interior(small.negatives);
  small.write(path);
  pack_examples(spec({120, 61, 20}), packed, "a test");
  for (const Windows& windows :
       {Windows{120, 61, 20}, Windows{119, 60, 20}, Windows{90, 31, 11}, Windows{31, 1, 0}, Windows{1, 1, 20}}) {
    SCOPED_TRACE(windows.in_window);
    DataSpec from_file = spec(windows);
    from_file.path = packed;
    const Selection selection{{}, windows.max_jitter, false};
    expect_same_examples(read_examples(from_file, selection), read_examples(spec(windows), selection));
  }
}

TEST_F(Examples, PackedOnesWithSummitsKeepTheirCentres) {
  const Windows windows{100, 40, 5};
  pack_examples(spec(windows, true), packed, "a test");
  DataSpec from_file = spec(windows, true);
  from_file.path = packed;
  expect_same_examples(read_examples(from_file, {{}, 5, false}), read_examples(spec(windows, true), {{}, 5, false}));
}

TEST_F(Examples, WiderWindowsThanPackedAreRefused) {
  pack_examples(spec({100, 40, 5}), packed, "a test");
  const auto message = [&](const Windows& windows) {
    DataSpec from_file = spec(windows);
    from_file.path = packed;
    return message_of<InputError>([&] { static_cast<void>(read_examples(from_file, {{}, windows.max_jitter, false})); });
  };
  EXPECT_EQ(message({100, 40, 5}), "");
  for (const Windows& wider : {Windows{101, 40, 5}, Windows{100, 41, 5}, Windows{100, 40, 6}, Windows{102, 38, 4}}) {
    EXPECT_TRUE(says(message(wider), {packed, "100 and 40 bp", "jitter of 5", std::to_string(wider.in_window)}));
  }
}

TEST_F(Examples, NothingToPackIsRefused) {
  EXPECT_TRUE(says(message_of<InputError>([&] {
                     pack_examples(spec({5000, 40, 5}), packed, "a test");
                   }),
                   {path, "\"peaks\"", "no locus"}));
}

// ---- files of others -----------------------------------------------------------------------------------------------------

/// Three examples of in_window 4, out_window 2, jitter 1, one signal, one control, as a user's script may write them.
struct HandMade {
  std::vector<Code> sequence = std::vector<Code>(3 * 6, 2);
  std::vector<std::uint64_t> sequence_extents = {3, 6}, signal_extents = {3, 1, 4}, control_extents = {3, 1, 6};
  std::vector<double> signal = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, control = std::vector<double>(3 * 6, 0.5);
  std::vector<std::int32_t> chromosomes = {0, 1, 0};
  std::vector<std::uint8_t> kinds = {0, 1, 0};
  std::string format = "cheri-examples";
  int version = 1;
  std::int64_t max_jitter = 1;

  void write(const std::string& path) const {
    Hdf5File file(path, Hdf5File::Access::create);
    set_format(file, format, version, "by hand");
    file.set_attribute("/", "in_window", std::int64_t{4});
    file.set_attribute("/", "out_window", std::int64_t{2});
    file.set_attribute("/", "max_jitter", max_jitter);
    file.write("/sequence", sequence, sequence_extents);
    file.write("/signal", signal, signal_extents);
    file.write("/control", control, control_extents);
    file.write_strings("/chromosomes/name", {"a", "b"});
    file.write("/loci/chrom", chromosomes);
    file.write<std::int64_t>("/loci/start", {10, 20, 30});
    file.write<std::int64_t>("/loci/end", {14, 24, 34});
    file.write("/loci/kind", kinds);
    file.close();
  }
};

class FilesOfOthers : public ::testing::Test {
 protected:
  [[nodiscard]] ExampleSet read(const Selection& selection = {{}, 1, false}) const {
    DataSpec spec;
    spec.path = path;
    spec.windows = {4, 2, 1};
    return read_examples(spec, selection);
  }

  /// The message of the InputError for a file that `change` has spoiled; it names the file.
  template <class Change>
  [[nodiscard]] std::string refusal(const Change& change) const {
    HandMade file;
    change(file);
    file.write(path);
    const std::string message = message_of<InputError>([&] { static_cast<void>(read()); });
    EXPECT_TRUE(says(message, {path}));
    return message;
  }

  ScratchFolder folder;
  const std::string path = folder.file("by_hand.h5");
};

TEST_F(FilesOfOthers, AreRead) {
  HandMade().write(path);
  const ExampleSet examples = read();
  EXPECT_EQ(examples.n_peaks, 2);
  EXPECT_EQ(examples.n_negatives, 1);
  EXPECT_EQ(examples.signal.type, ElementType::u8);   // doubles, but whole and small
  EXPECT_EQ(examples.control.type, ElementType::f32);
  std::vector<float> signal;
  for (std::size_t i = 0; i < 12; ++i) signal.push_back(examples.signal.at(i));
  EXPECT_EQ(signal, (std::vector<float>{1, 2, 3, 4, 9, 10, 11, 12, /* the negative */ 5, 6, 7, 8}));
  EXPECT_EQ(examples.centres, (std::vector<std::int64_t>{12, 32, 22}));
  EXPECT_EQ(examples.tracks, (std::vector<Track>{{"signal0", 0, ".", false}, {"control0", 0, ".", true}}));
  EXPECT_EQ(read({{"b"}, 0, false}).size(), 1);
}

TEST_F(FilesOfOthers, ImpossibleValuesAreRefused) {
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.sequence[7] = 5; }), {"/sequence holds 5 at 7", "0 to 3"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.signal[2] = -1; }), {"/signal holds -1 at 2"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.signal[11] = std::nan(""); }), {"/signal holds nan at 11"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.control[0] = 1e300; }), {"/control holds inf at 0"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.kinds[1] = 7; }), {"locus 1 has the kind 7"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.chromosomes[2] = 2; }), {"locus 2 lies on chromosome 2 of 2"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.chromosomes[0] = -1; }), {"locus 0 lies on chromosome -1"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.max_jitter = -1; }), {"max_jitter is -1"}));
}

TEST_F(FilesOfOthers, OtherExtentsAreRefused) {
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.sequence_extents = {2, 9}; }), {"/sequence", "records of 6 positions"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.sequence_extents = {3, 3, 2}; }), {"/sequence must have two dimensions"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.signal_extents = {3, 2, 2}; }), {"/signal", "records of 4 positions"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.signal_extents = {1, 3, 4}; }), {"/signal", "3 rows"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.signal_extents = {3, 4}; }), {"/signal must have 3 dimensions"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.control_extents = {1, 3, 6}; }), {"/control", "3 rows"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.kinds.push_back(0); }), {"3 loci, 4 kinds", "3 examples"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.chromosomes.pop_back(); }), {"/loci", "2, 3, 3"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.max_jitter = 2; }), {"/sequence", "records of 8 positions"}));
}

TEST_F(FilesOfOthers, OtherFormatsAreRefused) {
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.format = "cheri-checkpoint"; }),
                   {"cheri-checkpoint", "cheri-tracks", "cheri-examples"}));
  EXPECT_TRUE(says(refusal([](HandMade& f) { f.version = 99; }), {"99"}));
}

TEST_F(FilesOfOthers, ADamagedValueIsNoticed) {
  for (const char* dataset : {"/sequence", "/signal", "/control"}) {
    HandMade().write(path);
    const std::uint64_t offset = Hdf5File(path, Hdf5File::Access::read).raw_offset(dataset);
    auto bytes = read_bytes(path);
    bytes[offset] ^= 1;   // of a double the last bit, of a code another base
    write_bytes(path, bytes);
    EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(read()); }), {path, dataset, "damaged"}));
  }
}

}   // namespace
}   // namespace cheri::data
