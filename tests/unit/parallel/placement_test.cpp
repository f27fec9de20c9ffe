#include "cheri/parallel/placement.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cheri::parallel {
namespace {

Placement on(const std::string& node, const std::string& gpu_id) {
  return {node, gpu_id.empty() ? "" : "0000:0" + gpu_id + ":00.0 H100", gpu_id, "0-3", 4};
}

TEST(Placement, CoresAreWrittenAsRanges) {
  EXPECT_EQ(ranges_text({}), "");
  EXPECT_EQ(ranges_text({5}), "5");
  EXPECT_EQ(ranges_text({0, 1, 2, 3, 7, 16, 17}), "0-3,7,16-17");
}

TEST(Placement, EveryRankHasItsOwnGpuWhetherItSeesAllOrOne) {
  for (int local = 0; local < 4; ++local) {
    EXPECT_EQ(gpu_of_rank(local, 4), local);
    EXPECT_EQ(gpu_of_rank(local, 1), 0);
  }
  EXPECT_EQ(gpu_of_rank(5, 4), 1);
}

TEST(Placement, TwoRanksOnOneGpuAreRefused) {
  EXPECT_NO_THROW(require_own_gpus({on("a", "1"), on("a", "2"), on("b", "1"), on("b", "2")}));
  EXPECT_NO_THROW(require_own_gpus({on("a", ""), on("a", "")}));
  try {
    require_own_gpus({on("a", "1"), on("b", "2"), on("b", "3"), on("b", "2")});
    FAIL() << "not refused";
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              "ranks 1 and 3 have the same GPU, 0000:02:00.0 H100 of b: start as many ranks as there are GPUs, or set "
              "share_gpus = true in the deck");
  }
}

TEST(Placement, TheTableHasALineForEachRank) {
  const std::string table = placement_table({on("node1", "1"), on("long-name", "")});
  EXPECT_EQ(table,
            "rank  node       GPU                cores  threads\n"
            "0     node1      0000:01:00.0 H100  0-3    4\n"
            "1     long-name  none               0-3    4");
}

}   // namespace
}   // namespace cheri::parallel
