#include "cheri/base/check.hpp"
#include "cheri/data/examples.hpp"
#include "example_windows.hpp"

#include <cmath>
#include <cstring>

namespace cheri::data {
namespace {

template <class T>
float value_at(const SignalBlock& block, std::size_t i) {
  T value;
  std::memcpy(&value, block.bytes.data() + i * sizeof(T), sizeof(T));
  return static_cast<float>(value);
}

template <class T>
void store_as(SignalBlock& block, std::size_t at, const std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = static_cast<T>(values[i]);
    std::memcpy(block.bytes.data() + (at + i) * sizeof(T), &value, sizeof(T));
  }
}

/// Linear interpolation between order statistics, as numpy.quantile.
double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= values.size()) return values.back();
  return values[below] + (values[below + 1] - values[below]) * (at - static_cast<double>(below));
}

/// Counts of a group of channels [first, last) over the whole record of each peak.
std::vector<double> record_counts(const ExampleSet& examples, int first, int last) {
  const auto tracks = static_cast<std::size_t>(examples.n_signals());
  const auto record = static_cast<std::size_t>(examples.windows.out_window + 2 * examples.max_jitter);
  std::vector<double> counts(static_cast<std::size_t>(examples.n_peaks), 0);
  for (std::size_t n = 0; n < counts.size(); ++n) {
    const std::size_t begin = (n * tracks + static_cast<std::size_t>(first)) * record;
    const std::size_t end = (n * tracks + static_cast<std::size_t>(last)) * record;
    for (std::size_t i = begin; i < end; ++i) counts[n] += static_cast<double>(examples.signal.at(i));
  }
  return counts;
}

/// Keeps the rows of `row` elements each for which keep is true.
template <class T>
void keep_rows(std::vector<T>& values, const std::vector<bool>& keep, std::size_t row) {
  std::size_t kept = 0;
  for (std::size_t n = 0; n < keep.size(); ++n) {
    if (!keep[n]) continue;
    if (kept != n)
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(n * row), row,
                  values.begin() + static_cast<std::ptrdiff_t>(kept * row));
    ++kept;
  }
  values.resize(kept * row);
}

}   // namespace

float SignalBlock::at(std::size_t i) const {
  switch (type) {
    case ElementType::u8: return value_at<std::uint8_t>(*this, i);
    case ElementType::u16: return value_at<std::uint16_t>(*this, i);
    case ElementType::u32: return value_at<std::uint32_t>(*this, i);
    case ElementType::i32: return value_at<std::int32_t>(*this, i);
    case ElementType::i64: return value_at<std::int64_t>(*this, i);
    case ElementType::f32: return value_at<float>(*this, i);
    case ElementType::f64: return value_at<double>(*this, i);
  }
  throw Error("an element type that is none");
}

int ExampleSet::n_signals() const {
  return static_cast<int>(std::count_if(tracks.begin(), tracks.end(), [](const Track& track) { return !track.control; }));
}

int ExampleSet::n_controls() const { return static_cast<int>(tracks.size()) - n_signals(); }

std::vector<int> ExampleSet::signal_groups() const {
  std::vector<int> groups;
  for (const Track& track : tracks) {
    if (track.control) continue;
    groups.resize(std::max(groups.size(), static_cast<std::size_t>(track.group) + 1), 0);
    ++groups[static_cast<std::size_t>(track.group)];
  }
  return groups;
}

std::vector<std::size_t> take_loci(ExampleSet& examples, const Candidates& candidates, LocusKind kind,
                                   const std::vector<Chromosome>& chromosomes, const Selection& selection) {
  const bool is_peak = kind == LocusKind::peak;
  LociReport& report = is_peak ? examples.peaks_report : examples.negatives_report;
  std::vector<std::size_t> taken;
  for (std::size_t i = 0; i < candidates.loci.size(); ++i) {
    const Locus& locus = candidates.loci[i];
    const Chromosome& chromosome = chromosomes[static_cast<std::size_t>(locus.chromosome)];
    const auto& wanted = selection.chromosomes;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), chromosome.name) == wanted.end()) {
      ++report.other_chromosome;
    } else if (chromosome.length > 0 &&
               !examples.windows.fit(candidates.centres[i], is_peak ? selection.max_jitter : 0, chromosome.length)) {
      ++report.beyond_chromosome;
    } else {
      taken.push_back(i);
      examples.loci.push_back(locus);
      examples.centres.push_back(candidates.centres[i]);
    }
  }
  report.kept = static_cast<std::int64_t>(taken.size());
  (is_peak ? examples.n_peaks : examples.n_negatives) = report.kept;
  return taken;
}

void allocate_records(ExampleSet& examples, ElementType signal, ElementType control) {
  const auto n = static_cast<std::size_t>(examples.size());
  const auto flanks = static_cast<std::size_t>(2 * examples.max_jitter);
  const std::size_t in_record = static_cast<std::size_t>(examples.windows.in_window) + flanks;
  const std::size_t out_record = static_cast<std::size_t>(examples.windows.out_window) + flanks;
  examples.codes.resize(n * in_record);
  examples.signal.type = signal;
  examples.signal.bytes.resize(n * static_cast<std::size_t>(examples.n_signals()) * out_record * size_of(signal));
  examples.control.type = control;
  examples.control.bytes.resize(n * static_cast<std::size_t>(examples.n_controls()) * in_record * size_of(control));
}

void store_values(SignalBlock& block, std::size_t at, const std::vector<float>& values) {
  switch (block.type) {
    case ElementType::u8: return store_as<std::uint8_t>(block, at, values);
    case ElementType::u16: return store_as<std::uint16_t>(block, at, values);
    case ElementType::u32: return store_as<std::uint32_t>(block, at, values);
    case ElementType::f32: return store_as<float>(block, at, values);
    default: throw Error("signals are held as u8, u16, u32 or f32, not as " + name_of(block.type));
  }
}

void drop_outliers(ExampleSet& examples, const DataSpec& spec) {
  if (spec.outlier_factor <= 0 || examples.n_peaks == 0) return;
  std::vector<bool> keep(static_cast<std::size_t>(examples.size()), true);
  int first = 0;
  for (const int channels : examples.signal_groups()) {
    const std::vector<double> counts = record_counts(examples, first, first + channels);
    const double threshold = spec.outlier_factor * quantile(counts, spec.outlier_quantile);
    for (std::size_t n = 0; n < counts.size(); ++n) keep[n] = keep[n] && counts[n] <= threshold;
    first += channels;
  }
  const std::int64_t dropped = std::count(keep.begin(), keep.end(), false);
  if (dropped == 0) return;
  const auto n = static_cast<std::size_t>(examples.size());
  keep_rows(examples.codes, keep, examples.codes.size() / n);
  keep_rows(examples.signal.bytes, keep, examples.signal.bytes.size() / n);
  keep_rows(examples.control.bytes, keep, examples.control.bytes.size() / n);
  keep_rows(examples.loci, keep, 1);
  keep_rows(examples.centres, keep, 1);
  examples.n_peaks -= dropped;
  examples.peaks_report.kept -= dropped;
  examples.peaks_report.outlier = dropped;
}

}   // namespace cheri::data
