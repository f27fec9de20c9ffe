// Time spent in Kokkos' kernels and copies, by label, through the interface that its profiling tools use.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cheri::train {

/// Counts while it lives; one at a time. Copies count as "copies"; a kernel inside a copy is part of it. Where kernels run
/// beside the host, Kokkos waits for each of them while someone listens.
class KernelClock {
 public:
  struct Kernel {
    std::int64_t calls = 0;
    double seconds = 0;
  };

  KernelClock();
  ~KernelClock();
  KernelClock(const KernelClock&) = delete;
  KernelClock& operator=(const KernelClock&) = delete;

  /// In all of them together.
  [[nodiscard]] double seconds() const;
  /// The longest first.
  [[nodiscard]] std::vector<std::pair<std::string, Kernel>> kernels() const;
};

}   // namespace cheri::train
