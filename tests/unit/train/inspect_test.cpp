// What `cheri inspect` says of checkpoints and of a deck's splits.
#include "cheri/train/inspect.hpp"
#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"
#include "cheri/train/checkpoint.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"
#include "support/small_checkpoint.hpp"
#include "support/small_tracks.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include <nlohmann/json.hpp>

namespace cheri::train {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::small_checkpoint;
using cheri::testing::SmallTracks;
using nlohmann::json;

TEST(InspectCheckpoint, TellsModelStateAndDigest) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.h5");
  const Checkpoint checkpoint = small_checkpoint();
  write_checkpoint(path, checkpoint);
  const json found = json::parse(inspect_checkpoint(path));
  EXPECT_EQ(found["file"], path);
  EXPECT_EQ(found["made_by"], "a test");
  EXPECT_EQ(found["model"]["n_filters"], 3);
  EXPECT_EQ(found["model"]["signal_groups"], (std::vector<int>{1, 2}));
  EXPECT_EQ(found["model"]["n_controls"], 1);
  EXPECT_EQ(found["model"]["parameters"], checkpoint.state.parameters.size());
  EXPECT_EQ(found["step"], 123);
  EXPECT_EQ(found["epoch"], 4);
  EXPECT_EQ(found["epoch_step"], 3);
  EXPECT_EQ(found["finished"], false);
  EXPECT_EQ(found["loss_weights_frozen"], true);
  EXPECT_EQ(found["best_metric"], 0.75);
  EXPECT_EQ(found["best_epoch"], 2);
  EXPECT_EQ(found["digest"], state_digest(checkpoint.state));
}

TEST(InspectCheckpoint, OfADirectoryIsTheNewest) {
  const ScratchFolder folder;
  const std::string run = folder.file("run");
  std::filesystem::create_directories(run + "/checkpoints");
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(inspect_checkpoint(run)); }), {run, "no checkpoints"}));
  Checkpoint checkpoint = small_checkpoint();
  for (const std::int64_t step : {90, 1000}) {
    checkpoint.state.step = step;
    write_checkpoint(checkpoint_path(run, step), checkpoint);
  }
  EXPECT_EQ(json::parse(inspect_checkpoint(run))["step"], 1000);
}

TEST(IsCheckpoint, KnowsItsFiles) {
  const ScratchFolder folder;
  write_checkpoint(folder.file("a.h5"), small_checkpoint());
  SmallTracks().write(folder.file("tracks.h5"));
  write_text_file(folder.file("short"), "CHERI");
  EXPECT_TRUE(is_checkpoint(folder.file("a.h5")));
  EXPECT_TRUE(is_checkpoint(folder.file("")));
  EXPECT_FALSE(is_checkpoint(folder.file("tracks.h5")));
  EXPECT_FALSE(is_checkpoint(folder.file("short")));
  EXPECT_FALSE(is_checkpoint(folder.file("absent")));
}

TEST(InspectSplits, CountsLociKeptAndLeftOut) {
  const ScratchFolder folder;
  const SmallTracks small;
  small.write(folder.file("tracks.h5"));
  write_text_file(
      folder.file("deck.toml"),
      "[data]\nfile = \"elsewhere.h5\"\ntraining_chromosomes = [\"chrI\"]\nvalidation_chromosomes = [\"chrII\"]\n"
      "in_window = 60\nout_window = 20\nmax_jitter = 5\n");
  const json found = json::parse(inspect_splits(folder.file("deck.toml"), folder.file("tracks.h5")));
  EXPECT_FALSE(found.contains("test"));
  for (const auto& [split, chromosome] : {std::pair{"training", 0}, std::pair{"validation", 1}}) {
    for (const auto& [kind, loci] : {std::pair{"peaks", small.peaks}, std::pair{"negatives", small.negatives}}) {
      const int jitter = split == std::string("training") && kind == std::string("peaks") ? 5 : 0;
      std::int64_t other = 0, beyond = 0;
      for (const data::Locus& locus : loci) {
        const std::int64_t centre = locus.start + (locus.end - locus.start) / 2;
        const std::int64_t length = small.chromosomes[static_cast<std::size_t>(locus.chromosome)].length;
        if (locus.chromosome != chromosome) ++other;
        else if (centre < 30 + jitter || centre + 30 + jitter > length) ++beyond;
      }
      const json& report = found[split][kind];
      EXPECT_EQ(report["other chromosome"], other) << split << ' ' << kind;
      EXPECT_EQ(report["beyond the chromosome"], beyond) << split << ' ' << kind;
      EXPECT_EQ(report["kept"].get<std::int64_t>() + report["outlier"].get<std::int64_t>(),
                static_cast<std::int64_t>(loci.size()) - other - beyond)
          << split << ' ' << kind;
    }
  }
}

}   // namespace
}   // namespace cheri::train
