// Checkpoints: what is written is read; damage, full disks and read-only folders are errors that lose nothing.
#include "cheri/train/checkpoint.hpp"
#include "cheri/base/check.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"
#include "support/small_checkpoint.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include <sys/resource.h>

namespace cheri::train {
namespace {

using cheri::testing::message_of;
using cheri::testing::read_bytes;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::small_checkpoint;
using cheri::testing::write_bytes;

TEST(Checkpoint, EverythingComesBack) {
  const ScratchFolder folder;
  write_checkpoint(folder.file("a.h5"), small_checkpoint());
  EXPECT_EQ(read_checkpoint(folder.file("a.h5")), small_checkpoint());
}

TEST(Checkpoint, EqualStatesAreEqualBytes) {
  const ScratchFolder folder;
  write_checkpoint(folder.file("a.h5"), small_checkpoint());
  write_checkpoint(folder.file("b.h5"), small_checkpoint());
  EXPECT_EQ(read_bytes(folder.file("a.h5")), read_bytes(folder.file("b.h5")));
}

TEST(Checkpoint, TheDigestCoversBuffersAndStepAlone) {
  Checkpoint a = small_checkpoint(), b = a;
  b.state.epoch_seconds = 99;
  b.state.log[0].training_time = 7;
  EXPECT_EQ(state_digest(a.state), state_digest(b.state));
  for (std::vector<float> TrainState::*buffer :
       {&TrainState::parameters, &TrainState::ema, &TrainState::moment1, &TrainState::moment2}) {
    Checkpoint c = a;
    (c.state.*buffer)[1] += 1e-6f;
    EXPECT_NE(state_digest(c.state), state_digest(a.state));
  }
  b.state.step += 1;
  EXPECT_NE(state_digest(a.state), state_digest(b.state));
}

TEST(Checkpoint, ADamagedFileIsSkippedForTheOneBefore) {
  const ScratchFolder folder;
  Checkpoint checkpoint = small_checkpoint();
  std::filesystem::create_directories(folder.file("checkpoints"));
  for (const std::int64_t step : {10, 20}) {
    checkpoint.state.step = step;
    write_checkpoint(checkpoint_path(folder.file(""), step), checkpoint);
  }
  auto bytes = read_bytes(checkpoint_path(folder.file(""), 20));
  bytes[bytes.size() / 2] ^= 1;
  write_bytes(checkpoint_path(folder.file(""), 20), bytes);
  const Found found = newest_checkpoint(folder.file(""));
  ASSERT_TRUE(found.checkpoint.has_value());
  EXPECT_EQ(found.checkpoint->state.step, 10);
  ASSERT_EQ(found.skipped.size(), 1u);
  EXPECT_TRUE(says(found.skipped[0], {"step-000000000020.h5"}));
}

TEST(Checkpoint, TheLastKAreKept) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder.file("checkpoints"));
  for (std::int64_t step = 1; step <= 5; ++step)
    write_checkpoint(checkpoint_path(folder.file(""), step), small_checkpoint());
  prune_checkpoints(folder.file(""), 2, 5);
  const auto left = list_checkpoints(folder.file(""));
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0], checkpoint_path(folder.file(""), 4));
  EXPECT_EQ(left[1], checkpoint_path(folder.file(""), 5));
}

// A run that goes on from before them, because they are damaged, must not lose what it writes.
TEST(Checkpoint, ThoseBeyondTheRunAreNotCounted) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder.file("checkpoints"));
  for (const std::int64_t step : {1, 2, 3, 7, 8, 9})
    write_checkpoint(checkpoint_path(folder.file(""), step), small_checkpoint());
  prune_checkpoints(folder.file(""), 2, 3);
  const auto left = list_checkpoints(folder.file(""));
  ASSERT_EQ(left.size(), 5u);
  for (std::size_t i = 0; i < left.size(); ++i)
    EXPECT_EQ(left[i], checkpoint_path(folder.file(""), std::vector<std::int64_t>{2, 3, 7, 8, 9}[i]));
}

TEST(Checkpoint, WhatIsNoneIsNamed) {
  const ScratchFolder folder;
  write_bytes(folder.file("text.h5"), std::vector<char>(2000, 'x'));
  EXPECT_TRUE(says(message_of<InputError>([&] { read_checkpoint(folder.file("text.h5")); }), {"text.h5"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { read_checkpoint(folder.file("absent.h5")); }), {"absent.h5"}));
}

TEST(Checkpoint, AFullDiskLeavesTheOldFile) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.h5");
  write_checkpoint(path, small_checkpoint());
  // A limit on the size of files stands for the full disk: the write fails half way.
  rlimit former{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &former), 0);
  const rlimit small{1024, former.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Checkpoint changed = small_checkpoint();
  changed.state.step = 999;
  const std::string message = message_of<Error>([&] { write_checkpoint(path, changed); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &former), 0);
  EXPECT_TRUE(says(message, {path}));
  EXPECT_EQ(read_checkpoint(path), small_checkpoint());
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path).parent_path()))
    ++files;
  EXPECT_EQ(files, 1u);
}

TEST(Checkpoint, AMissingFolderIsNamed) {
  const ScratchFolder folder;
  const std::string path = folder.file("nowhere/a.h5");
  EXPECT_TRUE(says(message_of<Error>([&] { write_checkpoint(path, small_checkpoint()); }), {path, "No such file"}));
}

}   // namespace
}   // namespace cheri::train
