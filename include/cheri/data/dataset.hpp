// Records in the memory of an execution space, and the gather of a batch from them.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/examples.hpp"
#include "cheri/data/sampler.hpp"

#include <vector>

namespace cheri::data {

/// A batch of N examples: codes (N,L), signal (N,T,W) and control (N,K,L) as raw counts.
template <class Exec>
struct Batch {
  View<Code**, Exec> codes_NL;
  View<float***, Exec> signal_NTW;
  View<float***, Exec> control_NKL;
};

/// Slots with a record each; a draw's example names the slot.
template <class Exec>
class Dataset {
 public:
  /// Room for so many records; what is in them is up to who writes to memory().
  Dataset(const ExampleIndex& index, const RecordLayout& layout, std::int64_t slots);
  /// Records which are in memory that Exec can read and that outlives this.
  Dataset(const ExampleIndex& index, const RecordLayout& layout, std::int64_t slots, const RecordMemory& memory);
  /// A copy of examples, each in the slot of its number.
  explicit Dataset(const ExampleSet& examples);

  [[nodiscard]] std::int64_t size() const { return m_size; }   ///< slots
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(m_size) * m_layout.bytes(); }
  [[nodiscard]] RecordMemory memory() const;           ///< where Exec has it
  [[nodiscard]] Batch<Exec> make_batch(int n) const;   ///< allocates

  /// batch(i) = the window of draws(i) for i < draws.extent(0). Reverse complement: codes reversed and complemented (4
  /// stays), signals reversed with the channels of each group in reverse order, controls likewise.
  void gather(const Exec& exec, const Batch<Exec>& batch, const View<const Draw*, Exec>& draws) const;

 private:
  std::int64_t m_size;
  RecordLayout m_layout;
  Windows m_windows;
  View<Code*, Exec> m_codes;
  View<std::byte*, Exec> m_signal, m_control;
  View<int*, Exec> m_signal_mirror, m_control_mirror;   ///< channel read for channel t under reverse complement
};

}   // namespace cheri::data
