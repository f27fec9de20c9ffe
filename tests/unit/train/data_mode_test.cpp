// Which mode is taken for which memory.
#include "cheri/train/data_mode.hpp"
#include "cheri/base/check.hpp"
#include "support/messages.hpp"

#include <gtest/gtest.h>

namespace cheri::train {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;

constexpr std::uint64_t megabyte = 1'000'000;

/// 1,000 MB of records on cores with memory for ten times as much.
DataFacts facts() {
  const MemoryRoom plenty{10'000 * megabyte, "a limit"};
  return {1'000 * megabyte, 0, "", 1, {}, plenty, plenty, plenty};
}

DataMode taken(const DataFacts& facts) { return choose_mode("auto", facts).mode; }

TEST(ChooseMode, CoresHoldOneCopyANode) {
  DataFacts many = facts();
  many.ranks_of_node = 4;
  EXPECT_EQ(taken(facts()), DataMode::device);
  EXPECT_EQ(taken(many), DataMode::node);
  EXPECT_TRUE(says(choose_mode("auto", many).why, {"1000 MB of records", "once for 4 ranks"}));
}

TEST(ChooseMode, WhatDoesNotFitIsStreamed) {
  for (MemoryRoom DataFacts::*room : {&DataFacts::node, &DataFacts::process}) {
    DataFacts small = facts();
    small.*room = {1'250 * megabyte, "a small limit"};
    EXPECT_EQ(taken(small), DataMode::device);   // 80 %
    (small.*room).bytes = 1'249 * megabyte;
    EXPECT_EQ(taken(small), DataMode::stream);
    EXPECT_TRUE(says(choose_mode("auto", small).why, {"1000 MB of records do not fit", "1249 MB, a small limit"}));
  }
}

TEST(ChooseMode, ASharedWindowNeedsRoomToo) {
  DataFacts small = facts();
  small.window = {64 * megabyte, "the free space of /dev/shm"};
  EXPECT_EQ(taken(small), DataMode::device);   // no window
  small.ranks_of_node = 2;
  EXPECT_EQ(taken(small), DataMode::device);   // one copy a rank
  small.node.bytes = 2'499 * megabyte;         // 80 % of it do not hold two copies
  EXPECT_EQ(taken(small), DataMode::stream);
  EXPECT_TRUE(says(choose_mode("auto", small).why, {"64 MB, the free space of /dev/shm"}));
}

TEST(ChooseMode, AGpuHoldsThemTwiceOver) {
  DataFacts on_gpu = facts();
  on_gpu.ranks_of_node = 4;
  on_gpu.gpu = {2'000 * megabyte, "the GPU's"};
  EXPECT_EQ(taken(on_gpu), DataMode::device);
  on_gpu.gpu->bytes = 1'999 * megabyte;
  EXPECT_EQ(taken(on_gpu), DataMode::node);
  on_gpu.node.bytes = 500 * megabyte;
  EXPECT_EQ(taken(on_gpu), DataMode::stream);
}

TEST(ChooseMode, WhatIsNotReadInPiecesPassesThroughTheHostOfEachRank) {
  DataFacts tracks = facts();
  tracks.why_not_streamed = "it is a tracks file";
  tracks.ranks_of_node = 4;
  tracks.gpu = {10'000 * megabyte, "the GPU's"};
  EXPECT_EQ(taken(tracks), DataMode::device);
  tracks.node.bytes = 4'999 * megabyte;
  EXPECT_EQ(taken(tracks), DataMode::node);
}

TEST(ChooseMode, WhatNeitherFitsNorStreamsIsRefused) {
  DataFacts tracks = facts();
  tracks.why_not_streamed = "it is a tracks file";
  EXPECT_EQ(taken(tracks), DataMode::device);
  tracks.node.bytes = megabyte;
  EXPECT_TRUE(says(message_of<InputError>([&] { choose_mode("auto", tracks); }), {"1000 MB", "it is a tracks file"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { choose_mode("stream", tracks); }), {"\"stream\"", "it is a tracks file"}));
}

TEST(ChooseMode, ARingNeedsRoomToo) {
  DataFacts streamed = facts();
  streamed.ranks_of_node = 4;
  streamed.node.bytes = 500 * megabyte;
  streamed.ring_bytes = 100 * megabyte;   // 80 % of 500 are four of them
  EXPECT_EQ(taken(streamed), DataMode::stream);
  EXPECT_TRUE(says(choose_mode("auto", streamed).why, {"1000 MB of records", "a rank holds 100 MB of the next steps'"}));
  streamed.ring_bytes += megabyte;
  const auto refusal = [&] { return message_of<InputError>([&] { choose_mode("auto", streamed); }); };
  EXPECT_TRUE(
      says(refusal(), {"1000 MB of records do not fit", "101 MB", "each of 4 ranks", "500 MB, a limit", "batch_size"}));
  streamed.ranks_of_node = 1;
  EXPECT_EQ(taken(streamed), DataMode::stream);
  streamed.process = {126 * megabyte, "a small limit"};
  EXPECT_TRUE(says(refusal(), {"101 MB", "126 MB, a small limit"}));
  EXPECT_EQ(choose_mode("stream", streamed).mode, DataMode::stream);
}

TEST(ChooseMode, AGpuHasRoomForItsRing) {
  DataFacts on_gpu = facts();
  on_gpu.gpu = {500 * megabyte, "the GPU's"};
  on_gpu.ring_bytes = 250 * megabyte;
  on_gpu.node.bytes = 1'563 * megabyte;   // 80 % of it are 1,250 MB: the records, and the ring in pinned memory
  EXPECT_EQ(taken(on_gpu), DataMode::node);
  on_gpu.node.bytes = 1'562 * megabyte;
  EXPECT_EQ(taken(on_gpu), DataMode::stream);
  on_gpu.ring_bytes = 251 * megabyte;
  for (const std::uint64_t megabytes : {1'562, 9'000}) {   // which would do for a node's records
    on_gpu.node.bytes = megabytes * megabyte;
    EXPECT_TRUE(says(message_of<InputError>([&] { choose_mode("auto", on_gpu); }), {"251 MB", "half of 500 MB, the GPU's"}));
  }
}

TEST(ChooseMode, TheDeckHasTheLastWord) {
  DataFacts small = facts();
  small.node.bytes = 1;
  EXPECT_EQ(choose_mode("device", small).mode, DataMode::device);
  EXPECT_EQ(choose_mode("node", small).mode, DataMode::node);
  EXPECT_EQ(choose_mode("stream", facts()).mode, DataMode::stream);
}

}   // namespace
}   // namespace cheri::train
