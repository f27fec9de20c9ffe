#include "cheri/base/memory.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include <sys/resource.h>
#include <sys/statvfs.h>

namespace cheri {

namespace {

namespace fs = std::filesystem;

/// "key value" or "key: value" lines; a value that is no number is left out.
std::map<std::string, std::uint64_t> read_table(const fs::path& path) {
  std::map<std::string, std::uint64_t> table;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t value = 0;
    if (!(words >> key >> value)) continue;
    if (key.back() == ':') key.pop_back();
    table[key] = value;
  }
  return table;
}

/// None for "max", and where there is no such file.
std::optional<std::uint64_t> read_number(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return {};
}

void take_smaller(MemoryRoom& room, std::uint64_t bytes, const std::string& limit) {
  if (bytes < room.bytes) room = {bytes, limit};
}

std::uint64_t difference(std::uint64_t limit, std::uint64_t used) { return limit > used ? limit - used : 0; }

/// Names of a control group's files in the two versions.
struct GroupFiles {
  const char *limit, *usage, *cached[2];
};
constexpr GroupFiles version1 = {
    "memory.limit_in_bytes", "memory.usage_in_bytes", {"total_inactive_file", "total_active_file"}};
constexpr GroupFiles version2 = {"memory.max", "memory.current", {"inactive_file", "active_file"}};

void look_at_group(MemoryRoom& room, const fs::path& folder, const GroupFiles& files) {
  const auto limit = read_number(folder / files.limit), usage = read_number(folder / files.usage);
  if (!limit || !usage) return;
  auto statistics = read_table(folder / "memory.stat");
  const std::uint64_t used = difference(*usage, statistics[files.cached[0]] + statistics[files.cached[1]]);
  take_smaller(room, difference(*limit, used), "the memory limit of the control group");
}

/// The groups of this process, and those above them: "0::/path" is of version 2, "4:memory:/path" of version 1. In a
/// container the path may be that of the host: then only the root is there.
void look_at_groups(MemoryRoom& room, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",memory,") == std::string::npos) continue;
    const fs::path mount = root + (unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    for (fs::path group = fs::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
      look_at_group(room, mount / group, unified ? version2 : version1);
      if (group.empty()) break;
    }
  }
}

}   // namespace

HostMemory host_memory(const std::string& root) {
  constexpr std::uint64_t kilobyte = 1024;
  HostMemory memory;
  const auto node = read_table(root + "/proc/meminfo");
  if (const auto available = node.find("MemAvailable"); available != node.end())
    take_smaller(memory.node, available->second * kilobyte, "the available memory");
  look_at_groups(memory.node, root);

  auto own = read_table(root + "/proc/self/status");
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    take_smaller(memory.process, difference(limit.rlim_cur, own["VmSize"] * kilobyte),
                 "the limit of address space (ulimit -v)");
  if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    take_smaller(memory.process, difference(limit.rlim_cur, own["VmData"] * kilobyte), "the limit of data (ulimit -d)");
  return memory;
}

MemoryRoom shared_memory_room() {
  struct statvfs status {};
  if (statvfs("/dev/shm", &status) != 0) return {};
  return {std::uint64_t{status.f_bavail} * status.f_frsize, "the free space of /dev/shm"};
}

}   // namespace cheri
