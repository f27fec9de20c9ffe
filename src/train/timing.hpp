// Times of repeated work, for benchmarks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/parallel/communicator.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace cheri::train {

/// Median time of a repetition in seconds, over at least `seconds` and three repetitions, after one to warm up. Work that
/// ranks do together is repeated by all as often.
template <class Work>
double median_seconds(double seconds, const Work& work, const parallel::Communicator* together = nullptr) {
  using Clock = std::chrono::steady_clock;
  const auto timed = [&] {
    const auto begun = Clock::now();
    work();
    Device().fence("cheri::train::median_seconds");
    return std::chrono::duration<double>(Clock::now() - begun).count();
  };
  timed();
  std::vector<double> times;
  for (double total = 0; total < seconds || times.size() < 3;) {
    times.push_back(timed());
    total += times.back();
    if (together != nullptr) total = together->max(total);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}   // namespace cheri::train
