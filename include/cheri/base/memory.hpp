// How much memory the system still gives.
#pragma once

#include <cstdint>
#include <string>

namespace cheri {

/// Bytes that may still be taken, and the limit that says so, for messages.
struct MemoryRoom {
  std::uint64_t bytes = UINT64_MAX;
  std::string limit = "no limit";
};

struct HostMemory {
  MemoryRoom node;      ///< for all processes of this node together: what is available, and the limit of the control group
  MemoryRoom process;   ///< for this process alone: `ulimit -v` and `ulimit -d`
};

/// Of this process, at this moment. Files below `root` are read: /proc and /sys/fs/cgroup (versions 1 and 2; page cache of
/// the group counts as free). What cannot be read sets no limit.
HostMemory host_memory(const std::string& root = "");

/// Free bytes of the file system that holds shared memory of processes, /dev/shm.
MemoryRoom shared_memory_room();

}   // namespace cheri
