// Loops over threads whose outcome, errors included, does not depend on their number.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace cheri::data {

/// Calls body(i) for i in [0, n), each on one of at most `threads` threads (the caller is one of them). The bodies must
/// write to different memory. If some throw, the error of the smallest such i is thrown when all threads have ended.
template <class Body>
void parallel_for(int threads, std::size_t n, const Body& body) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  std::size_t error_index = n;
  const auto work = [&] {
    for (std::size_t i = next++; i < n; i = next++) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < error_index) {
          error_index = i;
          error = std::current_exception();
        }
        next = n;   // every smaller index has been taken already, and is worked on to its end
      }
    }
  };
  std::vector<std::jthread> helpers;
  const std::size_t n_workers = std::min(n, static_cast<std::size_t>(std::max(threads, 1)));
  while (helpers.size() + 1 < n_workers) helpers.emplace_back(work);
  work();
  helpers.clear();
  if (error) std::rethrow_exception(error);
}

/// Calls make(i) for i in [0, n) as parallel_for does, and take(i, result) one at a time and in order, on the thread that
/// made the last result it had to wait for. No more than `window` results are held.
template <class Make, class Take>
void parallel_in_order(int threads, std::size_t n, const Make& make, const Take& take) {
  constexpr std::size_t window = 256;
  using Result = std::invoke_result_t<const Make&, std::size_t>;
  for (std::size_t begin = 0; begin < n; begin += window) {
    std::vector<std::optional<Result>> made(std::min(window, n - begin));
    std::size_t taken = 0;
    std::mutex mutex;
    parallel_for(threads, made.size(), [&](std::size_t i) {
      Result result = make(begin + i);
      const std::lock_guard lock(mutex);
      made[i] = std::move(result);
      for (; taken < made.size() && made[taken]; made[taken++].reset()) take(begin + taken, *made[taken]);
    });
  }
}

}   // namespace cheri::data
