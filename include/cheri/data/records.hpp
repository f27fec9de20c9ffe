// Records: the codes, signals and controls around each locus, as bytes, and the sources that they are read from.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/hdf5.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace cheri::data {

/// Sizes of a record. Many of them stand in three arrays, one record behind the other: codes (n, in_record), signals
/// (n, T, out_record) and controls (n, K, in_record).
struct RecordLayout {
  int in_record = 0, out_record = 0;   ///< positions: a window and the flanks on either side
  int n_signals = 0, n_controls = 0;
  ElementType signal_type = ElementType::u8, control_type = ElementType::u8;

  // Of one record.
  [[nodiscard]] std::size_t codes_bytes() const { return static_cast<std::size_t>(in_record); }
  [[nodiscard]] std::size_t signal_bytes() const;
  [[nodiscard]] std::size_t control_bytes() const;
  [[nodiscard]] std::size_t bytes() const { return codes_bytes() + signal_bytes() + control_bytes(); }
};

/// Memory of records, in the three arrays of their layout. A part that is null is not wanted.
struct RecordMemory {
  Code* codes = nullptr;
  std::byte* signal = nullptr;
  std::byte* control = nullptr;

  /// From record i on.
  [[nodiscard]] RecordMemory at(const RecordLayout& layout, std::int64_t i) const;
};

/// One of `parts` readers that share a pass over many records. `gather` gives every reader the values of all, those of part
/// 0 first; each of them must call it.
struct Sharing {
  int part = 0, parts = 1;
  std::function<std::vector<double>(const std::vector<double>&)> gather = [](const std::vector<double>& mine) {
    return mine;
  };

  /// The part of n items that is this reader's: [begin(n), end(n)).
  [[nodiscard]] std::int64_t begin(std::int64_t n) const { return n * part / parts; }
  [[nodiscard]] std::int64_t end(std::int64_t n) const { return n * (part + 1) / parts; }
};

/// Where records are read from. They are numbered.
class RecordSource {
 public:
  RecordSource() = default;
  RecordSource(const RecordSource&) = delete;
  RecordSource& operator=(const RecordSource&) = delete;
  virtual ~RecordSource() = default;

  /// The wanted parts of these records, in this order. Throws InputError naming the file, the dataset and the place for
  /// codes above 4, signals that are negative or no numbers, and a file that has become shorter.
  virtual void read(std::span<const std::int64_t> records, const RecordMemory& to) const = 0;

  /// Why records cannot be read one at a time, by any thread; empty: they can.
  [[nodiscard]] virtual std::string why_not_streamed() const { return {}; }

  /// Reads everything once, in bounded memory: throws InputError for values that cannot be and for a checksum that does not
  /// fit, in records that nobody reads too.
  virtual void verify(const Sharing&) const {}
};

/// Values of a signal in an element type, as floats.
std::vector<float> to_floats(ElementType type, const std::byte* values, std::size_t n);

/// before + the sum of values: exact for integers, value by value for floats.
double add_up(double before, ElementType type, const std::byte* values, std::size_t n);

}   // namespace cheri::data
