#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"
#include "cheri/data/examples.hpp"
#include "example_windows.hpp"

#include <algorithm>

namespace cheri::data {
namespace {

/// Linear interpolation between order statistics, as numpy.quantile.
double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= values.size()) return values.back();
  return values[below] + (values[below + 1] - values[below]) * (at - static_cast<double>(below));
}

/// Keeps the elements for which keep is true.
template <class T>
void keep_only(std::vector<T>& values, const std::vector<bool>& keep) {
  std::size_t kept = 0;
  for (std::size_t n = 0; n < keep.size(); ++n) {
    if (keep[n]) values[kept++] = values[n];
  }
  values.resize(kept);
}

/// (n, G) counts of each group over the whole record of peaks [begin, end).
std::vector<double> peak_counts(const Examples& examples, std::int64_t begin, std::int64_t end) {
  const std::vector<int> groups = examples.index.signal_groups();
  const auto record = static_cast<std::size_t>(examples.layout.out_record);
  const std::size_t element = size_of(examples.layout.signal_type);
  std::vector<double> counts;
  examples.visit_signals(begin, end, [&](std::int64_t, const std::byte* signals) {
    for (const int channels : groups) {
      const std::size_t values = static_cast<std::size_t>(channels) * record;
      counts.push_back(add_up(0, examples.layout.signal_type, signals, values));
      signals += values * element;
    }
  });
  return counts;
}

}   // namespace

int ExampleIndex::n_signals() const {
  return static_cast<int>(std::count_if(tracks.begin(), tracks.end(), [](const Track& track) { return !track.control; }));
}

int ExampleIndex::n_controls() const { return static_cast<int>(tracks.size()) - n_signals(); }

std::vector<int> ExampleIndex::signal_groups() const {
  std::vector<int> groups;
  for (const Track& track : tracks) {
    if (track.control) continue;
    groups.resize(std::max(groups.size(), static_cast<std::size_t>(track.group) + 1), 0);
    ++groups[static_cast<std::size_t>(track.group)];
  }
  return groups;
}

RecordLayout ExampleIndex::layout(ElementType signal, ElementType control) const {
  return {
      windows.in_window + 2 * max_jitter, windows.out_window + 2 * max_jitter, n_signals(), n_controls(), signal, control};
}

void require_chromosomes(const std::string& path, const std::vector<Chromosome>& chromosomes, const Selection& selection) {
  std::vector<std::string> names;
  for (const Chromosome& chromosome : chromosomes) names.push_back(chromosome.name);
  for (const std::string& wanted : selection.chromosomes) {
    CHERI_REQUIRE_INPUT(std::find(names.begin(), names.end(), wanted) != names.end(),
                        path << " has no chromosome \"" << wanted << "\"; it has " << join_words(names));
  }
}

ExampleIndex empty_index(const std::vector<Chromosome>& chromosomes, const std::vector<Track>& tracks,
                         const Windows& windows, int max_jitter) {
  ExampleIndex index;
  index.chromosomes = chromosomes;
  index.tracks = tracks;
  index.windows = windows;
  index.max_jitter = max_jitter;
  return index;
}

std::vector<std::size_t> take_loci(ExampleIndex& examples, const Candidates& candidates, LocusKind kind,
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

void drop_outliers(Examples& examples, const DataSpec& spec, const Sharing& sharing) {
  ExampleIndex& index = examples.index;
  if (spec.outlier_factor <= 0 || index.n_peaks == 0) return;
  const std::vector<double> counts =
      sharing.gather(peak_counts(examples, sharing.begin(index.n_peaks), sharing.end(index.n_peaks)));
  const std::size_t groups = index.signal_groups().size(), peaks = counts.size() / groups;
  std::vector<bool> keep(static_cast<std::size_t>(index.size()), true);
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<double> of_group;
    for (std::size_t n = 0; n < peaks; ++n) of_group.push_back(counts[n * groups + g]);
    const double threshold = spec.outlier_factor * quantile(of_group, spec.outlier_quantile);
    for (std::size_t n = 0; n < peaks; ++n) keep[n] = keep[n] && of_group[n] <= threshold;
  }
  const std::int64_t dropped = std::count(keep.begin(), keep.end(), false);
  keep_only(examples.records, keep);
  keep_only(index.loci, keep);
  keep_only(index.centres, keep);
  index.n_peaks -= dropped;
  index.peaks_report.kept -= dropped;
  index.peaks_report.outlier = dropped;
}

}   // namespace cheri::data
