// What the system says of its memory, from files as Linux writes them.
#include "cheri/base/memory.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <sys/resource.h>

namespace cheri {
namespace {

class HostMemoryTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file(folder.file(path));
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  [[nodiscard]] MemoryRoom node() const { return host_memory(folder.file("")).node; }

  HostMemoryTest() { write("proc/meminfo", "MemTotal:  8000 kB\nMemFree: 10 kB\nMemAvailable:    4000 kB\n"); }

  cheri::testing::ScratchFolder folder;
};

TEST_F(HostMemoryTest, IsWhatIsAvailable) {
  EXPECT_EQ(node().bytes, 4000u * 1024);
  EXPECT_EQ(node().limit, "the available memory");
}

TEST_F(HostMemoryTest, IsWhatTheControlGroupLeaves) {
  write("proc/self/cgroup", "0::/slurm/job\n");
  write("sys/fs/cgroup/slurm/job/memory.max", "max\n");
  write("sys/fs/cgroup/slurm/job/memory.current", "600000\n");
  EXPECT_EQ(node().bytes, 4000u * 1024);
  write("sys/fs/cgroup/slurm/memory.max", "1000000\n");   // of the group above
  write("sys/fs/cgroup/slurm/memory.current", "600000\n");
  EXPECT_EQ(node().bytes, 400'000u);
  EXPECT_EQ(node().limit, "the memory limit of the control group");
  write("sys/fs/cgroup/slurm/memory.stat", "anon 300000\ninactive_file 100000\nactive_file 200000\n");
  EXPECT_EQ(node().bytes, 700'000u);   // page cache is given back
  write("sys/fs/cgroup/slurm/memory.current", "2000000\n");
  EXPECT_EQ(node().bytes, 0u);
}

TEST_F(HostMemoryTest, KnowsTheFirstVersionOfControlGroups) {
  write("proc/self/cgroup", "12:cpuset:/\n4:hugetlb,memory:/job\n");
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000000\n");
  write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "500000\n");
  write("sys/fs/cgroup/memory/job/memory.stat", "total_inactive_file 50000\ntotal_active_file 50000\n");
  EXPECT_EQ(node().bytes, 600'000u);
}

TEST_F(HostMemoryTest, ASystemThatTellsNothingSetsNoLimit) {
  EXPECT_EQ(host_memory(folder.file("nowhere")).node.bytes, UINT64_MAX);
}

TEST(ProcessMemory, IsWhatTheLimitsLeave) {
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  rlimit limit = before;
  limit.rlim_cur = rlim_t{1} << 42;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  const MemoryRoom room = host_memory().process;
  setrlimit(RLIMIT_AS, &before);
  EXPECT_LT(room.bytes, limit.rlim_cur);   // less than this program's own
  EXPECT_GT(room.bytes, limit.rlim_cur / 2);
  EXPECT_EQ(room.limit, "the limit of address space (ulimit -v)");
}

}   // namespace
}   // namespace cheri
