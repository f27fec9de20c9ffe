#include "cheri/data/dataset.hpp"

#include "cheri/base/check.hpp"

#include <string>

namespace cheri::data {
namespace {

/// Sizes of a record and of the window taken from it.
struct Extents {
  int channels, record, window;
};

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// Codes of the window, reversed and complemented where the draw says so (3 - code; 4 stays).
template <class Exec>
void gather_codes(const Exec& exec, const View<Code**, Exec>& codes_NL, const View<const Code*, Exec>& records,
                  const View<const Draw*, Exec>& draws, const Extents& n) {
  const auto total = static_cast<std::int64_t>(draws.extent(0)) * n.window;
  Kokkos::parallel_for(
      "cheri::data::gather_codes", Kokkos::RangePolicy<Exec>(exec, 0, total), KOKKOS_LAMBDA(const std::int64_t index) {
        const std::int64_t i = index / n.window;
        const int l = static_cast<int>(index % n.window);
        const Draw draw = draws(i);
        const bool reverse = draw.reverse_complement != 0;
        const int from = draw.offset + (reverse ? n.window - 1 - l : l);
        const Code code = records(static_cast<std::int64_t>(draw.example) * n.record + from);
        codes_NL(i, l) = reverse && code < 4 ? static_cast<Code>(3 - code) : code;
      });
}

/// Signals or controls of the window in float, of element type T; reversed with mirrored channels where the draw says so.
template <class T, class Exec>
void gather_signal(const Exec& exec, const View<float***, Exec>& out_NCW, const View<const std::byte*, Exec>& bytes,
                   const View<const int*, Exec>& mirror, const View<const Draw*, Exec>& draws, const Extents& n) {
  const T* records = reinterpret_cast<const T*>(bytes.data());
  const auto total = static_cast<std::int64_t>(draws.extent(0)) * n.channels * n.window;
  Kokkos::parallel_for(
      "cheri::data::gather_signal", Kokkos::RangePolicy<Exec>(exec, 0, total), KOKKOS_LAMBDA(const std::int64_t index) {
        const int w = static_cast<int>(index % n.window);
        const int c = static_cast<int>(index / n.window % n.channels);
        const std::int64_t i = index / n.window / n.channels;
        const Draw draw = draws(i);
        const bool reverse = draw.reverse_complement != 0;
        const std::int64_t record = static_cast<std::int64_t>(draw.example) * n.channels + (reverse ? mirror(c) : c);
        const int from = draw.offset + (reverse ? n.window - 1 - w : w);
        out_NCW(i, c, w) = static_cast<float>(records[record * n.record + from]);
      });
}

template <class Exec>
void gather_any(const Exec& exec, const View<float***, Exec>& out_NCW, ElementType type,
                const View<const std::byte*, Exec>& bytes, const View<const int*, Exec>& mirror,
                const View<const Draw*, Exec>& draws, const Extents& n) {
  switch (type) {
    case ElementType::u8: return gather_signal<std::uint8_t>(exec, out_NCW, bytes, mirror, draws, n);
    case ElementType::u16: return gather_signal<std::uint16_t>(exec, out_NCW, bytes, mirror, draws, n);
    case ElementType::u32: return gather_signal<std::uint32_t>(exec, out_NCW, bytes, mirror, draws, n);
    case ElementType::i32: return gather_signal<std::int32_t>(exec, out_NCW, bytes, mirror, draws, n);
    case ElementType::i64: return gather_signal<std::int64_t>(exec, out_NCW, bytes, mirror, draws, n);
    case ElementType::f32: return gather_signal<float>(exec, out_NCW, bytes, mirror, draws, n);
    case ElementType::f64: return gather_signal<double>(exec, out_NCW, bytes, mirror, draws, n);
  }
}

// ---- set-up ----------------------------------------------------------------------------------------------------------

/// Channels of each group in reverse order: what reverse complement reads for channel c.
template <class Exec>
View<int*, Exec> mirrored_channels(const std::vector<Track>& tracks, bool control) {
  std::vector<int> groups;
  for (const Track& track : tracks) {
    if (track.control == control) groups.push_back(track.group);
  }
  const View<int*, Exec> mirror("cheri::data::mirror", groups.size());
  const auto host = Kokkos::create_mirror_view(mirror);
  for (std::size_t begin = 0; begin < groups.size();) {
    std::size_t end = begin;
    while (end < groups.size() && groups[end] == groups[begin]) ++end;
    for (std::size_t c = begin; c < end; ++c) host(c) = static_cast<int>(begin + end - 1 - c);
    begin = end;
  }
  Kokkos::deep_copy(mirror, host);
  return mirror;
}

template <class T, class Exec>
View<T*, Exec> allocate(const char* label, std::int64_t n, std::size_t bytes) {
  return View<T*, Exec>(Kokkos::view_alloc(std::string(label), Kokkos::WithoutInitializing),
                        static_cast<std::size_t>(n) * bytes);
}

template <class ViewType, class T>
void copy_in(const ViewType& view, const std::vector<T>& values) {
  Kokkos::deep_copy(view, HostView<const T*>(values.data(), values.size()));
}

}   // namespace

template <class Exec>
Dataset<Exec>::Dataset(const ExampleIndex& index, const RecordLayout& layout, std::int64_t slots)
    : m_size(slots),
      m_layout(layout),
      m_windows(index.windows),
      m_codes(allocate<Code, Exec>("cheri::data::codes", slots, layout.codes_bytes())),
      m_signal(allocate<std::byte, Exec>("cheri::data::signal", slots, layout.signal_bytes())),
      m_control(allocate<std::byte, Exec>("cheri::data::control", slots, layout.control_bytes())),
      m_signal_mirror(mirrored_channels<Exec>(index.tracks, false)),
      m_control_mirror(mirrored_channels<Exec>(index.tracks, true)) {}

template <class Exec>
Dataset<Exec>::Dataset(const ExampleIndex& index, const RecordLayout& layout, std::int64_t slots, const RecordMemory& memory)
    : m_size(slots),
      m_layout(layout),
      m_windows(index.windows),
      m_codes(memory.codes, static_cast<std::size_t>(slots) * layout.codes_bytes()),
      m_signal(memory.signal, static_cast<std::size_t>(slots) * layout.signal_bytes()),
      m_control(memory.control, static_cast<std::size_t>(slots) * layout.control_bytes()),
      m_signal_mirror(mirrored_channels<Exec>(index.tracks, false)),
      m_control_mirror(mirrored_channels<Exec>(index.tracks, true)) {}

template <class Exec>
Dataset<Exec>::Dataset(const ExampleSet& examples)
    : Dataset(examples, examples.layout(examples.signal.type, examples.control.type), examples.size()) {
  copy_in(m_codes, examples.codes);
  copy_in(m_signal, examples.signal.bytes);
  copy_in(m_control, examples.control.bytes);
}

template <class Exec>
RecordMemory Dataset<Exec>::memory() const {
  return {m_codes.data(), m_signal.data(), m_control.data()};
}

template <class Exec>
Batch<Exec> Dataset<Exec>::make_batch(int n) const {
  const auto size = [](int value) { return static_cast<std::size_t>(value); };
  return {View<Code**, Exec>("cheri::data::codes_NL", size(n), size(m_windows.in_window)),
          View<float***, Exec>("cheri::data::signal_NTW", size(n), size(m_layout.n_signals), size(m_windows.out_window)),
          View<float***, Exec>("cheri::data::control_NKL", size(n), size(m_layout.n_controls), size(m_windows.in_window))};
}

template <class Exec>
void Dataset<Exec>::gather(const Exec& exec, const Batch<Exec>& batch, const View<const Draw*, Exec>& draws) const {
  CHERI_REQUIRE(batch.codes_NL.extent(0) == draws.extent(0),
                "a batch of " << batch.codes_NL.extent(0) << " examples for " << draws.extent(0) << " draws");
  const Extents sequence{1, m_layout.in_record, m_windows.in_window};
  const Extents signal{m_layout.n_signals, m_layout.out_record, m_windows.out_window};
  const Extents control{m_layout.n_controls, m_layout.in_record, m_windows.in_window};
  gather_codes<Exec>(exec, batch.codes_NL, m_codes, draws, sequence);
  gather_any<Exec>(exec, batch.signal_NTW, m_layout.signal_type, m_signal, m_signal_mirror, draws, signal);
  if (m_layout.n_controls > 0)
    gather_any<Exec>(exec, batch.control_NKL, m_layout.control_type, m_control, m_control_mirror, draws, control);
}

#define CHERI_DATASET(Exec) template class Dataset<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_DATASET)

}   // namespace cheri::data
