// The synthetic world: the same for a seed, the same as import makes of its raw files, and with a signal worth learning.
#include "cheri/data/synthesize.hpp"
#include "cheri/base/check.hpp"
#include "cheri/data/import.hpp"
#include "data/synthetic_world.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cheri::data {
namespace {

using cheri::testing::message_of;
using cheri::testing::read_bytes;
using cheri::testing::says;
using cheri::testing::ScratchFolder;

SyntheticSpec small_spec(const ScratchFolder& folder) {
  SyntheticSpec spec;
  spec.n_chromosomes = 2;
  spec.chromosome_length = 100'000;
  spec.n_sites = 150;
  spec.seed = 3;
  spec.out_path = folder.file("tracks.h5");
  return spec;
}

void expect_same_content(const TracksFile& a, const TracksFile& b) {
  ASSERT_EQ(a.chromosomes(), b.chromosomes());
  ASSERT_EQ(a.tracks().size(), b.tracks().size());
  for (int c = 0; c < static_cast<int>(a.chromosomes().size()); ++c) {
    EXPECT_EQ(a.sequence(c), b.sequence(c)) << c;
    for (int t = 0; t < static_cast<int>(a.tracks().size()); ++t)
      EXPECT_EQ(a.signal(t, c), b.signal(t, c)) << t << ", " << c;
  }
  for (const char* set : {"peaks", "negatives"}) EXPECT_EQ(a.loci(set), b.loci(set)) << set;
}

TEST(Synthesize, ImportOfTheRawFilesMakesTheSame) {
  const ScratchFolder folder;
  SyntheticSpec spec = small_spec(folder);
  spec.raw_folder = folder.file("raw");
  synthesize(spec, "a test");

  ImportSpec import;
  import.sequences = spec.raw_folder + "/genome.fa.gz";
  import.signals = {{spec.raw_folder + "/plus.bw",
                     { "plus",
                       0,
                       "+",
                       false }},
                    { spec.raw_folder + "/minus.bw",
                      { "minus",
                        0,
                        "-",
                        false } }};
  import.peaks = {spec.raw_folder + "/peaks.narrowPeak"};
  import.negatives = {spec.raw_folder + "/negatives.bed"};
  import.out_path = folder.file("imported.h5");
  import_tracks(import, "a test", {});
  expect_same_content(TracksFile(spec.out_path), TracksFile(import.out_path));
  EXPECT_EQ(read_bytes(spec.out_path), read_bytes(import.out_path));

  import.negatives.clear();   // drawn by import as they were drawn by synthesize
  import.negative_window = 600;
  import.seed = spec.seed;
  import_tracks(import, "a test", {});
  expect_same_content(TracksFile(spec.out_path), TracksFile(import.out_path));
}

TEST(Synthesize, ASeedIsAWorld) {
  const ScratchFolder folder;
  SyntheticSpec spec = small_spec(folder);
  synthesize(spec, "a test");
  const auto first = read_bytes(spec.out_path);
  synthesize(spec, "a test");
  EXPECT_EQ(read_bytes(spec.out_path), first);
  spec.seed = std::uint64_t{3} << 32;
  synthesize(spec, "a test");
  EXPECT_NE(read_bytes(spec.out_path), first);
}

// Numbers of this seed, so that a change of the world, or a machine on which it differs, does not go unseen.
TEST(Synthesize, IsTheSameOnEveryMachine) {
  const ScratchFolder folder;
  const auto world = make_world(small_spec(folder));
  const auto tags = [](const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); };
  const auto codes = [](const std::vector<Code>& values) {
    return std::accumulate(values.begin(), values.end(), std::int64_t{0});
  };
  EXPECT_EQ(codes(world[1].codes), 149'781);
  EXPECT_EQ(tags(world[1].plus), 4101);
  EXPECT_EQ(tags(world[1].minus), 4150);
  EXPECT_EQ(world[1].peaks.size(), 76U);
  EXPECT_EQ(world[1].peaks.front().start, 382);
}

// What makes it a problem for a model: counts that vary over an order of magnitude, far above those of the negatives, and
// profiles that are not the mean profile.
TEST(Synthesize, PeaksDifferInCountsAndProfiles) {
  const ScratchFolder folder;
  const auto world = make_world(small_spec(folder));
  constexpr std::size_t width = 200;
  std::vector<std::vector<double>> profiles;
  std::vector<double> counts, mean(width, 0.0);
  for (const auto& chromosome : world) {
    for (const Locus& peak : chromosome.peaks) {
      ASSERT_EQ(peak.end - peak.start, static_cast<std::int64_t>(width));
      profiles.emplace_back(chromosome.plus.begin() + peak.start, chromosome.plus.begin() + peak.end);
      counts.push_back(std::accumulate(profiles.back().begin(), profiles.back().end(), 0.0));
      for (std::size_t p = 0; p < width; ++p) mean[p] += profiles.back()[p];
    }
  }
  EXPECT_NEAR(static_cast<double>(profiles.size()), 150, 15);
  std::sort(counts.begin(), counts.end());
  EXPECT_GT(counts[counts.size() * 9 / 10], 4 * counts[counts.size() / 10]);
  EXPECT_GT(counts[counts.size() / 2], 30);

  const auto pearson = [](const std::vector<double>& x, const std::vector<double>& y) {
    const auto n = static_cast<double>(x.size());
    const double mx = std::accumulate(x.begin(), x.end(), 0.0) / n, my = std::accumulate(y.begin(), y.end(), 0.0) / n;
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      xy += (x[i] - mx) * (y[i] - my), xx += (x[i] - mx) * (x[i] - mx), yy += (y[i] - my) * (y[i] - my);
    }
    return xx * yy > 0 ? xy / std::sqrt(xx * yy) : 0.0;
  };
  double sum = 0;
  for (const auto& profile : profiles) sum += pearson(profile, mean);
  EXPECT_LT(sum / static_cast<double>(profiles.size()), 0.25);   // the mean profile is a poor predictor
}

TEST(Synthesize, RefusesWhatDoesNotFit) {
  const ScratchFolder folder;
  const auto error = [&](auto change) {
    SyntheticSpec spec = small_spec(folder);
    change(spec);
    return message_of<InputError>([&] { synthesize(spec, "a test"); });
  };
  EXPECT_TRUE(says(error([](SyntheticSpec& s) { s.n_sites = 2000; }), {"2000 sites", "100000", "100 positions", "600"}));
  EXPECT_TRUE(says(error([](SyntheticSpec& s) { s.n_chromosomes = 0; }), {"chromosomes", "0"}));
  EXPECT_TRUE(says(error([](SyntheticSpec& s) { s.n_sites = 1; }), {"site", "1"}));
  EXPECT_TRUE(says(error([](SyntheticSpec& s) { s.chromosome_length = -5; }), {"-5"}));
  EXPECT_TRUE(says(error([](SyntheticSpec& s) { s.out_path = ""; }), {"name"}));
}

}   // namespace
}   // namespace cheri::data
