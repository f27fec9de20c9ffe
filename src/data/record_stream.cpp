#include "record_stream.hpp"

#include "cheri/base/check.hpp"
#include "record_memory.hpp"

#include <algorithm>
#include <utility>

namespace cheri::data {

RecordStream::RecordStream(std::shared_ptr<const RecordSource> source, const RecordLayout& layout, const RecordMemory& ring,
                           std::int64_t slots)
    : m_source(std::move(source)), m_layout(layout), m_ring(ring), m_slots(slots) {
  CHERI_REQUIRE(slots > 0, "a ring of " << slots << " slots");
  for (int i = 0; i < record_readers; ++i) m_readers.emplace_back([this] { work(); });
}

RecordStream::~RecordStream() {
  {
    const std::lock_guard lock(m_mutex);
    m_ending = true;
  }
  m_work.notify_all();
  m_readers.clear();
}

void RecordStream::restart(std::int64_t next) {
  std::unique_lock lock(m_mutex);
  m_requests.clear();
  m_requested = m_claimed;
  m_progress.wait(lock, [&] { return m_reading == 0; });
  m_parts.clear();
  m_released = m_ready = m_claimed = m_requested = next;
}

void RecordStream::request(std::span<const std::int64_t> records) {
  {
    const std::lock_guard lock(m_mutex);
    m_requests.insert(m_requests.end(), records.begin(), records.end());
    m_requested += static_cast<std::int64_t>(records.size());
  }
  m_work.notify_all();
}

bool RecordStream::has_failed() const {
  const auto next = m_parts.find(m_ready);
  return next != m_parts.end() && next->second.error != nullptr;
}

void RecordStream::await(std::int64_t end) {
  std::unique_lock lock(m_mutex);
  CHERI_REQUIRE(end <= m_requested && end <= m_released + m_slots,
                "waiting for record " << end << " of " << m_requested << " that were requested, in a ring of " << m_slots
                                      << " of which the first " << m_released << " are free");
  m_progress.wait(lock, [&] { return m_ready >= end || has_failed(); });
  if (m_ready < end) std::rethrow_exception(m_parts.at(m_ready).error);
}

void RecordStream::release(std::int64_t end) {
  {
    const std::lock_guard lock(m_mutex);
    m_released = end;
  }
  m_work.notify_all();
}

/// What a thread may claim: a few requests which the ring has room for, up to its last slot.
std::int64_t RecordStream::end_of_claim() const {
  constexpr std::int64_t at_once = 8;
  const std::int64_t end_of_ring = m_claimed + m_slots - m_claimed % m_slots;
  return std::min({m_claimed + at_once, m_requested, m_released + m_slots, end_of_ring});
}

void RecordStream::work() {
  std::vector<std::int64_t> records;
  std::unique_lock lock(m_mutex);
  while (true) {
    m_work.wait(lock, [&] { return m_ending || end_of_claim() > m_claimed; });
    if (m_ending) return;
    Part part{m_claimed, end_of_claim(), nullptr};
    const auto last = m_requests.begin() + static_cast<std::ptrdiff_t>(part.end - part.begin);
    records.assign(m_requests.begin(), last);
    m_requests.erase(m_requests.begin(), last);
    m_claimed = part.end;
    ++m_reading;
    lock.unlock();
    try {
      m_source->read(records, m_ring.at(m_layout, part.begin % m_slots));
    } catch (...) {
      part.error = std::current_exception();
    }
    lock.lock();
    --m_reading;
    finish(part);
  }
}

/// Parts end in any order, and are ready in theirs.
void RecordStream::finish(const Part& part) {
  m_parts.emplace(part.begin, part);
  for (auto next = m_parts.find(m_ready); next != m_parts.end() && !next->second.error; next = m_parts.find(m_ready)) {
    m_ready = next->second.end;
    m_parts.erase(next);
  }
  m_progress.notify_all();
}

}   // namespace cheri::data
