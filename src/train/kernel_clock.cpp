#include "train/kernel_clock.hpp"

#include "cheri/base/check.hpp"

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <chrono>

namespace cheri::train {
namespace {

namespace tools = Kokkos::Tools::Experimental;
using Clock = std::chrono::steady_clock;

// The callbacks carry no pointer of ours: what they fill is global.
struct Running {
  bool listens = false;
  int depth = 0;
  std::string label;
  Clock::time_point begun;
  std::map<std::string, KernelClock::Kernel> kernels;
};
Running running;   // NOLINT(readability-identifier-naming)

void begin(const char* label) {
  if (running.depth++ > 0) return;
  running.label = label;
  running.begun = Clock::now();
}

void end() {
  if (--running.depth > 0) return;
  KernelClock::Kernel& kernel = running.kernels[running.label];
  ++kernel.calls;
  kernel.seconds += std::chrono::duration<double>(Clock::now() - running.begun).count();
}

}   // namespace

KernelClock::KernelClock() {
  CHERI_REQUIRE(!running.listens, "two clocks of kernels at once");
  running = {};
  running.listens = true;
  const auto begin_kernel = [](const char* label, std::uint32_t, std::uint64_t*) { begin(label); };
  const auto end_kernel = [](std::uint64_t) { end(); };
  tools::set_begin_parallel_for_callback(begin_kernel);
  tools::set_end_parallel_for_callback(end_kernel);
  tools::set_begin_parallel_reduce_callback(begin_kernel);
  tools::set_end_parallel_reduce_callback(end_kernel);
  tools::set_begin_deep_copy_callback([](Kokkos_Profiling_SpaceHandle, const char*, const void*,
                                         Kokkos_Profiling_SpaceHandle, const char*, const void*,
                                         std::uint64_t) { begin("copies"); });
  tools::set_end_deep_copy_callback([] { end(); });
}

KernelClock::~KernelClock() {
  tools::set_begin_parallel_for_callback(nullptr);
  tools::set_end_parallel_for_callback(nullptr);
  tools::set_begin_parallel_reduce_callback(nullptr);
  tools::set_end_parallel_reduce_callback(nullptr);
  tools::set_begin_deep_copy_callback(nullptr);
  tools::set_end_deep_copy_callback(nullptr);
  running.listens = false;
}

double KernelClock::seconds() const {
  double total = 0;
  for (const auto& [label, kernel] : running.kernels) total += kernel.seconds;
  return total;
}

std::vector<std::pair<std::string, KernelClock::Kernel>> KernelClock::kernels() const {
  std::vector<std::pair<std::string, Kernel>> sorted(running.kernels.begin(), running.kernels.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  return sorted;
}

}   // namespace cheri::train
