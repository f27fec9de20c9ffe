// Records read ahead of their use, by threads, into a ring of slots.
#pragma once

#include "cheri/data/records.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace cheri::data {

/// Requests are numbered as they come; request i is read into slot i % slots. A slot is free once its request is released.
/// Whoever requests, awaits and releases is one thread.
class RecordStream {
 public:
  /// The ring has room for `slots` records and outlives the stream.
  RecordStream(std::shared_ptr<const RecordSource> source, const RecordLayout& layout, const RecordMemory& ring,
               std::int64_t slots);
  ~RecordStream();
  RecordStream(const RecordStream&) = delete;
  RecordStream& operator=(const RecordStream&) = delete;

  /// Drops what has been requested and not been released; the next request has the number `next`.
  void restart(std::int64_t next);
  void request(std::span<const std::int64_t> records);

  /// Waits until all requests below `end` are in their slots. Throws what the source has thrown for the first of them that
  /// could not be read; and Error for requests that were not made, or that the ring has no room for.
  void await(std::int64_t end);
  /// Requests below `end` are not needed any more.
  void release(std::int64_t end);

 private:
  struct Part {
    std::int64_t begin = 0, end = 0;
    std::exception_ptr error;
  };

  void work();
  [[nodiscard]] std::int64_t end_of_claim() const;
  [[nodiscard]] bool has_failed() const;
  void finish(const Part& part);

  std::shared_ptr<const RecordSource> m_source;
  RecordLayout m_layout;
  RecordMemory m_ring;
  std::int64_t m_slots;

  // Numbers of requests: released <= ready <= claimed <= requested. All below are guarded by the mutex.
  std::mutex m_mutex;
  std::condition_variable m_work, m_progress;
  std::deque<std::int64_t> m_requests;   ///< records, from the first that is not claimed
  std::int64_t m_released = 0, m_ready = 0, m_claimed = 0, m_requested = 0;
  std::map<std::int64_t, Part> m_parts;   ///< read, or failed, behind m_ready; by their begin
  int m_reading = 0;                      ///< threads that read
  bool m_ending = false;
  std::vector<std::jthread> m_readers;
};

}   // namespace cheri::data
