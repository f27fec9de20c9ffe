// What `cheri inspect` says of tracks and examples files.
#include "cheri/data/inspect.hpp"
#include "cheri/data/examples.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include <nlohmann/json.hpp>

namespace cheri::data {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::SmallTracks;
using nlohmann::json;

TEST(InspectFile, OfTracksTellsWhatIsInside) {
  const ScratchFolder folder;
  const SmallTracks small;
  const std::string path = folder.file("tracks.h5");
  small.write(path);
  const json found = json::parse(inspect_file(path));
  EXPECT_EQ(found["file"], path);
  EXPECT_EQ(found["format"], "cheri-tracks");
  EXPECT_EQ(found["made_by"], "a test");
  ASSERT_EQ(found["chromosomes"].size(), 3u);
  EXPECT_EQ(found["chromosomes"][1], (json{{"name", "chrII"}, {"length", 2000}}));
  ASSERT_EQ(found["tracks"].size(), 5u);
  const char* types[] = {"u8", "u16", "u8", "u8", "u8"};
  for (std::size_t t = 0; t < 5; ++t) {
    double total = 0;
    for (const auto& chromosome : small.signals[t]) total = std::accumulate(chromosome.begin(), chromosome.end(), total);
    const data::Track& track = small.tracks[t];
    EXPECT_EQ(found["tracks"][t], (json{{"name", track.name},
                                        {"group", track.group},
                                        {"strand", track.strand},
                                        {"role", track.control ? "control" : "signal"},
                                        {"type", types[t]},
                                        {"total", total}}));
  }
  ASSERT_EQ(found["loci"].size(), 2u);
  EXPECT_EQ(found["loci"][1]["set"], "peaks");
  EXPECT_EQ(found["loci"][1]["kept"], small.peaks.size());
  EXPECT_EQ(found["loci"][1]["other chromosome"], 2);
  EXPECT_EQ(found["loci"][1]["excluded"], 5);
}

TEST(InspectFile, OfExamplesTellsWhatIsInside) {
  const ScratchFolder folder;
  SmallTracks().write(folder.file("tracks.h5"));
  DataSpec spec;
  spec.path = folder.file("tracks.h5");
  spec.windows = {60, 20, 5};
  const std::string path = folder.file("examples.h5");
  pack_examples(spec, path, "a test");
  const auto n = read_examples(spec, {}).size();   // kept without jitter, as pack keeps
  const json found = json::parse(inspect_file(path));
  EXPECT_EQ(found["format"], "cheri-examples");
  EXPECT_EQ(found["in_window"], 60);
  EXPECT_EQ(found["out_window"], 20);
  EXPECT_EQ(found["max_jitter"], 5);
  EXPECT_EQ(found["tracks"].size(), 5u);
  EXPECT_EQ(found["datasets"], (json::array({{{"name", "/sequence"}, {"type", "u8"}, {"extents", {n, 70}}},
                                             {{"name", "/signal"}, {"type", "u16"}, {"extents", {n, 3, 30}}},
                                             {{"name", "/control"}, {"type", "u8"}, {"extents", {n, 2, 70}}}})));
}

TEST(InspectFile, WhatIsNeitherIsRefused) {
  const ScratchFolder folder;
  const std::string path = folder.file("other.h5");
  {
    Hdf5File file(path, Hdf5File::Access::create);
    set_format(file, "something-else", 1, "a test");
    file.close();
  }
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(inspect_file(path)); }), {path, "something-else"}));
  EXPECT_TRUE(
      says(message_of<InputError>([&] { static_cast<void>(inspect_file(folder.file("absent.h5"))); }), {"absent.h5"}));
}

}   // namespace
}   // namespace cheri::data
