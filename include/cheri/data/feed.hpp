// How the records of examples come to the kernels: all of them are there, or they are read ahead of their use.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/dataset.hpp"
#include "cheri/data/examples.hpp"
#include "cheri/data/sampler.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace cheri::data {

/// Slots of a ring for examples of which `batch` are taken at a time: room for `batches` batches, and no more than there are
/// records. Where that is more than 1 GB it has fewer, but two batches' if there are as many records: one that is used and
/// one that is read.
std::int64_t ring_slots(const Examples& examples, std::int64_t batch, std::int64_t batches);

/// Batches have the same bits whichever way their records come. Where records are streamed, a ring of slots holds some:
/// draws are queued in the order of their use, and are awaited before and released after kernels read their slots. Where all
/// are resident, queue, await and release do nothing.
template <class Exec>
class Feed {
 public:
  /// All records in memory of Exec, read by the constructor.
  static Feed resident(const Examples& examples);
  /// All records in memory that Exec can read, where they are; `keeper` owns it.
  static Feed in_place(const Examples& examples, const RecordMemory& memory, const std::shared_ptr<const void>& keeper);
  /// `slots` records at a time, read ahead by threads. On a GPU they are copied from pinned host memory.
  static Feed streamed(const Examples& examples, std::int64_t slots);

  Feed(Feed&&) noexcept;
  Feed& operator=(Feed&&) noexcept;
  ~Feed();

  [[nodiscard]] const Dataset<Exec>& dataset() const { return m_dataset; }
  [[nodiscard]] bool is_streamed() const { return m_ring != nullptr; }
  [[nodiscard]] std::size_t bytes() const;   ///< of records in memory of its own

  /// Where the draw of number i finds its record, if draws are numbered and queued example by example.
  [[nodiscard]] std::int32_t slot_of(std::int64_t i) const;

  /// Forgets all draws that are queued; the next has the number `next`.
  void restart(std::int64_t next);
  /// The draws to come, behind those queued before: their records are read in this order. Each draw's example becomes the
  /// slot that gather reads.
  void queue(std::span<Draw> draws);
  /// The next n draws of the queue may be read by what exec is given from now on. Throws what the source has thrown.
  void await(const Exec& exec, std::int64_t n);
  /// What reads the oldest n draws that were awaited has ended.
  void release(std::int64_t n);

 private:
  struct Ring;
  explicit Feed(Dataset<Exec> dataset);

  std::shared_ptr<const void> m_keeper;
  Dataset<Exec> m_dataset;
  std::unique_ptr<Ring> m_ring;   ///< null: all records are resident
};

}   // namespace cheri::data
