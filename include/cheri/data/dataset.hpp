// Examples resident in the memory of an execution space, and the gather of a batch from them.
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

template <class Exec>
class Dataset {
 public:
  /// Copies the examples; narrow integers stay narrow.
  explicit Dataset(const ExampleSet& examples);

  [[nodiscard]] std::int64_t size() const { return m_size; }
  [[nodiscard]] std::size_t bytes() const { return m_bytes; }
  [[nodiscard]] Batch<Exec> make_batch(int n) const;   ///< allocates

  /// batch(i) = the window of draws(i) for i < draws.extent(0). Reverse complement: codes reversed and complemented (4
  /// stays), signals reversed with the channels of each group in reverse order, controls likewise.
  void gather(const Exec& exec, const Batch<Exec>& batch, const View<const Draw*, Exec>& draws) const;

 private:
  std::int64_t m_size = 0;
  std::size_t m_bytes = 0;
  Windows m_windows;
  int m_max_jitter = 0;
  ElementType m_signal_type = ElementType::u8, m_control_type = ElementType::u8;
  int m_n_signals = 0, m_n_controls = 0;
  View<Code*, Exec> m_codes;
  View<std::uint8_t*, Exec> m_signal, m_control;        ///< bytes of the element type
  View<int*, Exec> m_signal_mirror, m_control_mirror;   ///< channel read for channel t under reverse complement
};

}   // namespace cheri::data
