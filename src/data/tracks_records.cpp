#include "tracks_records.hpp"

#include "example_windows.hpp"
#include "record_memory.hpp"
#include "tables.hpp"

#include <map>
#include <utility>

namespace cheri::data {

namespace {

/// Whole chromosomes are read for whatever is wanted of them.
class TracksRecords : public RecordSource {
 public:
  TracksRecords(TracksFile file, ExampleIndex index, const RecordLayout& layout)
      : m_file(std::move(file)), m_index(std::move(index)), m_layout(layout) {}

  void read(std::span<const std::int64_t> records, const RecordMemory& to) const override {
    RecordSink sink;
    if (to.codes != nullptr) {
      sink.codes = [&](std::size_t i, const std::vector<Code>& record) {
        std::copy(record.begin(), record.end(), to.codes + i * record.size());
      };
    }
    sink.signal = storing(to.signal, m_layout.signal_type, m_layout.n_signals);
    sink.control = storing(to.control, m_layout.control_type, m_layout.n_controls);
    cut_records(m_file, m_index, records, sink);
  }

  [[nodiscard]] std::string why_not_streamed() const override {
    return m_file.path() +
           " is a tracks file, which is read chromosome by chromosome: make an examples file of it with `cheri pack`";
  }

 private:
  static decltype(RecordSink::signal) storing(std::byte* to, ElementType type, int channels) {
    if (to == nullptr || channels == 0) return {};
    return [=](std::size_t i, std::size_t channel, const std::vector<float>& record) {
      const std::size_t at = (i * static_cast<std::size_t>(channels) + channel) * record.size();
      store_values(type, to + at * size_of(type), record);
    };
  }

  TracksFile m_file;
  ExampleIndex m_index;
  RecordLayout m_layout;
};

}   // namespace

void cut_records(const TracksFile& file, const ExampleIndex& index, std::span<const std::int64_t> loci,
                 const RecordSink& sink) {
  std::map<int, std::vector<std::size_t>> rows_of_chromosome;
  for (std::size_t i = 0; i < loci.size(); ++i)
    rows_of_chromosome[index.loci[static_cast<std::size_t>(loci[i])].chromosome].push_back(i);
  const auto centre = [&](std::size_t i) { return index.centres[static_cast<std::size_t>(loci[i])]; };
  const int in_window = index.windows.in_window, out_window = index.windows.out_window, jitter = index.max_jitter;
  const auto signals = static_cast<std::size_t>(index.n_signals());
  for (const auto& [chromosome, rows] : rows_of_chromosome) {
    if (sink.codes) {
      std::vector<Code> codes(static_cast<std::size_t>(in_window + 2 * jitter));
      const std::vector<Code> sequence = file.sequence(chromosome);
      for (const std::size_t i : rows) {
        cut(sequence, record_begin(centre(i), in_window, jitter), codes, Code{4});
        sink.codes(i, codes);
      }
    }
    for (std::size_t t = 0; t < file.tracks().size(); ++t) {
      const bool control = file.tracks()[t].control;
      const auto& take = control ? sink.control : sink.signal;
      if (!take) continue;
      const int window = control ? in_window : out_window;
      std::vector<float> record(static_cast<std::size_t>(window + 2 * jitter));
      const std::vector<float> signal = file.signal(static_cast<int>(t), chromosome);
      for (const std::size_t i : rows) {
        cut(signal, record_begin(centre(i), window, jitter), record, 0.0f);
        take(i, control ? t - signals : t, record);
      }
    }
  }
}

ElementType type_of_tracks(const TracksFile& file, bool control) {
  ElementType type = ElementType::u8;
  for (std::size_t t = 0; t < file.tracks().size(); ++t) {
    if (file.tracks()[t].control == control) type = wider_of(type, file.signal_type(static_cast<int>(t)));
  }
  return type;
}

Examples examples_of_tracks(TracksFile file, ExampleIndex index) {
  const RecordLayout layout = index.layout(type_of_tracks(file, false), type_of_tracks(file, true));
  Examples examples{index, layout, numbers_below(index.size()), nullptr};
  examples.source = std::make_shared<TracksRecords>(std::move(file), std::move(index), layout);
  return examples;
}

}   // namespace cheri::data
