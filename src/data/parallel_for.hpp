// A loop over threads whose outcome, errors included, does not depend on their number.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
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

}   // namespace cheri::data
