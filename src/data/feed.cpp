#include "cheri/data/feed.hpp"

#include "cheri/base/check.hpp"
#include "record_stream.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

namespace cheri::data {

namespace {

/// Whether threads can write what Exec reads.
template <class Exec>
constexpr bool is_host = std::is_same_v<Exec, Host>;

/// Memory of `n` records in a memory space.
template <class Space>
struct RecordBuffer {
  RecordBuffer(const RecordLayout& layout, std::int64_t n)
      : codes(allocate<Code>("cheri::data::staged_codes", n, layout.codes_bytes())),
        signal(allocate<std::byte>("cheri::data::staged_signal", n, layout.signal_bytes())),
        control(allocate<std::byte>("cheri::data::staged_control", n, layout.control_bytes())) {}

  [[nodiscard]] RecordMemory memory() const { return {codes.data(), signal.data(), control.data()}; }

  template <class T>
  static Kokkos::View<T*, Space> allocate(const char* label, std::int64_t n, std::size_t bytes) {
    return Kokkos::View<T*, Space>(Kokkos::view_alloc(std::string(label), Kokkos::WithoutInitializing),
                                   static_cast<std::size_t>(n) * bytes);
  }

  Kokkos::View<Code*, Space> codes;
  Kokkos::View<std::byte*, Space> signal, control;
};

/// to = from, n bytes, in the order of what exec is given.
template <class Exec, class T>
void copy_bytes(const Exec& exec, T* to, const T* from, std::size_t n) {
  if (n == 0) return;
  Kokkos::deep_copy(exec, View<T*, Exec>(to, n), Kokkos::View<const T*, Kokkos::HostSpace>(from, n));
}

/// n records.
template <class Exec>
void upload_records(const Exec& exec, const RecordLayout& layout, const RecordMemory& to, const RecordMemory& from,
                    std::int64_t n) {
  const auto records = static_cast<std::size_t>(n);
  copy_bytes(exec, to.codes, from.codes, records * layout.codes_bytes());
  copy_bytes(exec, to.signal, from.signal, records * layout.signal_bytes());
  copy_bytes(exec, to.control, from.control, records * layout.control_bytes());
}

/// All records into memory of Exec, through a buffer where threads cannot write there.
template <class Exec>
void fill(const Dataset<Exec>& dataset, const Examples& examples) {
  const std::int64_t n = examples.index.size();
  if constexpr (is_host<Exec>) {
    examples.read(0, n, dataset.memory());
  } else {
    constexpr std::int64_t buffered = 4096;
    const std::int64_t at_once = examples.source->why_not_streamed().empty() ? std::min(n, buffered) : n;
    const RecordBuffer<Kokkos::HostSpace> buffer(examples.layout, at_once);
    const Exec exec;
    for (std::int64_t begin = 0; begin < n; begin += at_once) {
      const std::int64_t end = std::min(begin + at_once, n);
      examples.read(begin, end, buffer.memory());
      upload_records(exec, examples.layout, dataset.memory().at(examples.layout, begin), buffer.memory(), end - begin);
      exec.fence("cheri::data::Feed::resident");
    }
  }
}

}   // namespace

std::int64_t ring_slots(const Examples& examples, std::int64_t batch, std::int64_t batches) {
  // 32 steps of 64 records of 100,000 positions and four tracks: at 1 GB/s a pause of the disk of a second is not noticed.
  constexpr std::uint64_t ring_bytes = 1'000'000'000;
  const std::int64_t records = std::max<std::int64_t>(1, examples.index.size());
  const std::uint64_t batch_bytes = static_cast<std::uint64_t>(batch) * std::max<std::size_t>(1, examples.layout.bytes());
  const std::int64_t held =
      std::min(batches, std::max<std::int64_t>(2, static_cast<std::int64_t>(ring_bytes / batch_bytes)));
  return std::min(held * batch, std::max(records, batch));
}

/// The slots: on cores in the data set itself, on a GPU in pinned host memory, from which the data set's are copied.
template <class Exec>
struct Feed<Exec>::Ring {
  using Staging = std::conditional_t<is_host<Exec>, Kokkos::HostSpace, Kokkos::SharedHostPinnedSpace>;

  Ring(const Examples& examples, const Dataset<Exec>& dataset, std::int64_t n_slots)
      : layout(examples.layout),
        records(examples.records),
        slots(n_slots),
        staging(examples.layout, is_host<Exec> ? 0 : n_slots),
        stream(examples.source, examples.layout, is_host<Exec> ? dataset.memory() : staging.memory(), n_slots) {}

  RecordLayout layout;
  std::vector<std::int64_t> records;
  std::int64_t slots;
  std::int64_t queued = 0, awaited = 0, released = 0;   ///< numbers of draws
  RecordBuffer<Staging> staging;
  RecordStream stream;
};

template <class Exec>
Feed<Exec>::Feed(Dataset<Exec> dataset) : m_dataset(std::move(dataset)) {}
template <class Exec>
Feed<Exec>::Feed(Feed&&) noexcept = default;
template <class Exec>
Feed<Exec>& Feed<Exec>::operator=(Feed&&) noexcept = default;
template <class Exec>
Feed<Exec>::~Feed() = default;

template <class Exec>
Feed<Exec> Feed<Exec>::resident(const Examples& examples) {
  Feed feed(Dataset<Exec>(examples.index, examples.layout, examples.index.size()));
  fill(feed.m_dataset, examples);
  return feed;
}

template <class Exec>
Feed<Exec> Feed<Exec>::in_place(const Examples& examples, const RecordMemory& memory,
                                const std::shared_ptr<const void>& keeper) {
  Feed feed(Dataset<Exec>(examples.index, examples.layout, examples.index.size(), memory));
  feed.m_keeper = keeper;
  return feed;
}

template <class Exec>
Feed<Exec> Feed<Exec>::streamed(const Examples& examples, std::int64_t slots) {
  const std::string why_not = examples.source->why_not_streamed();
  CHERI_REQUIRE_INPUT(why_not.empty(), "data.mode = \"stream\" cannot be: " << why_not);
  Feed feed(Dataset<Exec>(examples.index, examples.layout, slots));
  feed.m_ring = std::make_unique<Ring>(examples, feed.m_dataset, slots);
  return feed;
}

template <class Exec>
std::size_t Feed<Exec>::bytes() const {
  return m_keeper ? 0 : m_dataset.bytes();
}

template <class Exec>
std::int32_t Feed<Exec>::slot_of(std::int64_t i) const {
  return static_cast<std::int32_t>(m_ring ? i % m_ring->slots : i);
}

template <class Exec>
void Feed<Exec>::restart(std::int64_t next) {
  if (!m_ring) return;
  m_ring->stream.restart(next);
  m_ring->queued = m_ring->awaited = m_ring->released = next;
}

template <class Exec>
void Feed<Exec>::queue(std::span<Draw> draws) {
  if (!m_ring) return;
  std::vector<std::int64_t> records;
  records.reserve(draws.size());
  for (Draw& draw : draws) {
    records.push_back(m_ring->records[static_cast<std::size_t>(draw.example)]);
    draw.example = slot_of(m_ring->queued++);
  }
  m_ring->stream.request(records);
}

template <class Exec>
void Feed<Exec>::await(const Exec& exec, std::int64_t n) {
  if (!m_ring) return;
  std::int64_t next = m_ring->awaited;
  m_ring->awaited += n;
  m_ring->stream.await(m_ring->awaited);
  if constexpr (!is_host<Exec>) {
    while (next < m_ring->awaited) {   // in two pieces where they reach over the end of the ring
      const std::int64_t slot = slot_of(next), piece = std::min(m_ring->awaited - next, m_ring->slots - slot);
      upload_records(exec, m_ring->layout, m_dataset.memory().at(m_ring->layout, slot),
                     m_ring->staging.memory().at(m_ring->layout, slot), piece);
      next += piece;
    }
  }
}

template <class Exec>
void Feed<Exec>::release(std::int64_t n) {
  if (!m_ring) return;
  m_ring->released += n;
  m_ring->stream.release(m_ring->released);
}

#define CHERI_FEED(Exec) template class Feed<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_FEED)

}   // namespace cheri::data
