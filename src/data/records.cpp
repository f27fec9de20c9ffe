#include "cheri/data/records.hpp"

#include "cheri/base/check.hpp"
#include "cheri/data/examples.hpp"
#include "parallel_for.hpp"
#include "record_memory.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>
#include <type_traits>
#include <utility>

namespace cheri::data {

namespace {

/// Calls body(T{}) with the C++ type of an element type.
template <class Body>
auto with_type(ElementType type, const Body& body) {
  switch (type) {
    case ElementType::u8: return body(std::uint8_t{});
    case ElementType::u16: return body(std::uint16_t{});
    case ElementType::u32: return body(std::uint32_t{});
    case ElementType::i32: return body(std::int32_t{});
    case ElementType::i64: return body(std::int64_t{});
    case ElementType::f32: return body(float{});
    case ElementType::f64: return body(double{});
  }
  throw Error("an element type that is none");
}

/// Memory of many records.
class RecordsInMemory : public RecordSource {
 public:
  RecordsInMemory(const RecordLayout& layout, const RecordMemory& memory, std::shared_ptr<const void> keeper)
      : m_layout(layout), m_memory(memory), m_keeper(std::move(keeper)) {}

  void read(std::span<const std::int64_t> records, const RecordMemory& to) const override {
    copy_records(m_layout, m_memory, records, to);
  }

 private:
  RecordLayout m_layout;
  RecordMemory m_memory;
  std::shared_ptr<const void> m_keeper;
};

/// Where the examples [begin, end) of each chromosome end, if those of each stand together; otherwise all are one piece, so
/// that a source reads no chromosome twice.
std::vector<std::int64_t> ends_of_chromosomes(const ExampleIndex& index, std::int64_t begin, std::int64_t end) {
  const auto chromosome = [&](std::int64_t i) { return index.loci[static_cast<std::size_t>(i)].chromosome; };
  std::set<int> seen;
  std::vector<std::int64_t> ends;
  for (std::int64_t i = begin; i < end; ++i) {
    if (i > begin && chromosome(i) == chromosome(i - 1)) continue;
    if (!seen.insert(chromosome(i)).second) return {end};
    if (i > begin) ends.push_back(i);
  }
  ends.push_back(end);
  return ends;
}

}   // namespace

std::size_t RecordLayout::signal_bytes() const {
  return static_cast<std::size_t>(n_signals) * static_cast<std::size_t>(out_record) * size_of(signal_type);
}

std::size_t RecordLayout::control_bytes() const {
  return static_cast<std::size_t>(n_controls) * static_cast<std::size_t>(in_record) * size_of(control_type);
}

RecordMemory RecordMemory::at(const RecordLayout& layout, std::int64_t i) const {
  const auto n = static_cast<std::size_t>(i);
  return {codes == nullptr ? nullptr : codes + n * layout.codes_bytes(),
          signal == nullptr ? nullptr : signal + n * layout.signal_bytes(),
          control == nullptr ? nullptr : control + n * layout.control_bytes()};
}

void copy_records(const RecordLayout& layout, const RecordMemory& from, std::span<const std::int64_t> records,
                  const RecordMemory& to) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordMemory source = from.at(layout, records[i]), target = to.at(layout, static_cast<std::int64_t>(i));
    if (target.codes != nullptr) std::memcpy(target.codes, source.codes, layout.codes_bytes());
    if (target.signal != nullptr) std::memcpy(target.signal, source.signal, layout.signal_bytes());
    if (target.control != nullptr && layout.n_controls > 0)
      std::memcpy(target.control, source.control, layout.control_bytes());
  }
}

std::vector<float> to_floats(ElementType type, const std::byte* values, std::size_t n) {
  std::vector<float> floats(n);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < n; ++i) {
      T value;
      std::memcpy(&value, values + i * sizeof(T), sizeof(T));
      floats[i] = static_cast<float>(value);
    }
  });
  return floats;
}

double add_up(double before, ElementType type, const std::byte* values, std::size_t n) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    std::conditional_t<std::is_unsigned_v<T>, std::uint64_t, double> sum = 0;
    if constexpr (!std::is_unsigned_v<T>) sum = before;
    for (std::size_t i = 0; i < n; ++i) {
      T value;
      std::memcpy(&value, values + i * sizeof(T), sizeof(T));
      sum += static_cast<decltype(sum)>(value);
    }
    return std::is_unsigned_v<T> ? before + static_cast<double>(sum) : static_cast<double>(sum);
  });
}

void store_values(ElementType type, std::byte* to, const std::vector<float>& values) {
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const T value = static_cast<T>(values[i]);
      std::memcpy(to + i * sizeof(T), &value, sizeof(T));
    }
  });
}

std::vector<std::int64_t> numbers_below(std::int64_t n) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

float SignalBlock::at(std::size_t i) const { return to_floats(type, bytes.data() + i * size_of(type), 1).front(); }

// ---- examples ----------------------------------------------------------------------------------------------------------

void Examples::read(std::int64_t begin, std::int64_t end, const RecordMemory& to) const {
  const std::span<const std::int64_t> all(records.data() + begin, static_cast<std::size_t>(end - begin));
  if (!source->why_not_streamed().empty()) return source->read(all, to);
  constexpr std::size_t block = 256;
  parallel_for(record_readers, (all.size() + block - 1) / block, [&](std::size_t i) {
    source->read(all.subspan(i * block, std::min(block, all.size() - i * block)),
                 to.at(layout, static_cast<std::int64_t>(i * block)));
  });
}

void Examples::visit_signals(std::int64_t begin, std::int64_t end,
                             const std::function<void(std::int64_t, const std::byte*)>& visit) const {
  constexpr std::size_t bounded_bytes = std::size_t{1} << 24;
  const auto bounded = static_cast<std::int64_t>(bounded_bytes / layout.signal_bytes() + 1);
  const bool in_pieces = source->why_not_streamed().empty();
  const std::vector<std::int64_t> ends = in_pieces ? std::vector{end} : ends_of_chromosomes(index, begin, end);
  std::vector<std::byte> signals;
  auto next = ends.begin();
  for (std::int64_t first = begin, last = begin; first < end; first = last) {
    last = in_pieces ? std::min(first + bounded, end) : *next++;
    signals.resize(static_cast<std::size_t>(last - first) * layout.signal_bytes());
    read(first, last, {nullptr, signals.data(), nullptr});
    for (std::int64_t i = first; i < last; ++i)
      visit(i, signals.data() + static_cast<std::size_t>(i - first) * layout.signal_bytes());
  }
}

Examples examples_in(const ExampleIndex& index, const RecordLayout& layout, const RecordMemory& memory,
                     std::shared_ptr<const void> keeper) {
  return {index, layout, numbers_below(index.size()), std::make_shared<RecordsInMemory>(layout, memory, std::move(keeper))};
}

Examples examples_of(ExampleSet set) {
  const auto keeper = std::make_shared<ExampleSet>(std::move(set));
  return examples_in(*keeper, keeper->layout(keeper->signal.type, keeper->control.type),
                     {keeper->codes.data(), keeper->signal.bytes.data(), keeper->control.bytes.data()}, keeper);
}

ExampleSet read_all(const Examples& examples) {
  examples.source->verify({});
  ExampleSet set;
  static_cast<ExampleIndex&>(set) = examples.index;
  const auto n = static_cast<std::size_t>(examples.index.size());
  set.codes.resize(n * examples.layout.codes_bytes());
  set.signal = {examples.layout.signal_type, std::vector<std::byte>(n * examples.layout.signal_bytes())};
  set.control = {examples.layout.control_type, std::vector<std::byte>(n * examples.layout.control_bytes())};
  examples.read(0, examples.index.size(), {set.codes.data(), set.signal.bytes.data(), set.control.bytes.data()});
  return set;
}

}   // namespace cheri::data
