#include "data/import_sources.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"
#include "data/bed.hpp"
#include "data/text_input.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace cheri::data {

namespace {

/// "chrI, chrII and 14 more".
std::string shortened(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more" : text;
}

std::vector<std::string> names_of(const std::vector<Chromosome>& chromosomes) {
  std::vector<std::string> names(chromosomes.size());
  std::transform(chromosomes.begin(), chromosomes.end(), names.begin(), [](const Chromosome& c) { return c.name; });
  return names;
}

/// Where each name is.
std::unordered_map<std::string, std::size_t> places_of(const std::vector<Chromosome>& chromosomes) {
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < chromosomes.size(); ++i) places.emplace(chromosomes[i].name, i);
  return places;
}

// ---- signals ------------------------------------------------------------------------------------------------------------

/// Checks a bigWig against the genome: equal lengths, at least one chromosome in common. Notes what only one of the two has.
SignalFile open_signal(const std::string& path, const std::string& sequences, const std::vector<Chromosome>& genome,
                       const std::vector<Chromosome>& selected, ImportReport& report) {
  SignalFile signal{BigWigFile(path), std::vector<std::optional<int>>(selected.size())};
  const auto& chromosomes = signal.file.chromosomes();
  const auto genome_places = places_of(genome), file_places = places_of(chromosomes);

  std::vector<std::string> unknown, missing;
  for (const Chromosome& chromosome : chromosomes) {
    const auto found = genome_places.find(chromosome.name);
    if (found == genome_places.end()) {
      unknown.push_back(chromosome.name);
      continue;
    }
    const std::int64_t length = genome[found->second].length;
    CHERI_REQUIRE_INPUT(length == chromosome.length, chromosome.name << " has " << chromosome.length << " positions in "
                                                                     << path << " and " << length << " in " << sequences
                                                                     << ": they are of different assemblies");
  }
  CHERI_REQUIRE_INPUT(unknown.size() < chromosomes.size(), path << " and " << sequences
                                                                << " have no chromosome in common: the one has "
                                                                << (chromosomes.empty() ? "none" : shortened(unknown))
                                                                << ", the other " << shortened(names_of(genome)));
  for (std::size_t c = 0; c < selected.size(); ++c) {
    const auto found = file_places.find(selected[c].name);
    if (found != file_places.end() && signal.file.has_values(static_cast<int>(found->second))) {
      signal.place[c] = static_cast<int>(found->second);
    } else {
      missing.push_back(selected[c].name);
    }
  }
  if (!unknown.empty()) note(report, path, ": left out, not in ", sequences, ": ", shortened(unknown));
  if (!missing.empty()) note(report, path, ": no signal, taken as 0: ", shortened(missing));
  return signal;
}

// ---- loci --------------------------------------------------------------------------------------------------------------

/// The loci of several files, joined. Those on other chromosomes are dropped and noted; a file with no other loci is an
/// error.
LociSet read_loci(const std::vector<std::string>& paths, const std::vector<Chromosome>& chromosomes, bool may_be_empty,
                  ImportReport& report) {
  LociSet set;
  for (const std::string& path : paths) {
    const BedFile file = read_bed(path, chromosomes);
    std::int64_t n_elsewhere = 0;
    std::vector<std::string> elsewhere;
    for (const auto& [name, count] : file.elsewhere) {
      n_elsewhere += count;
      elsewhere.push_back(quoted(name));
    }
    CHERI_REQUIRE_INPUT(may_be_empty || !file.loci.empty() || !elsewhere.empty(), path << " has no locus");
    CHERI_REQUIRE_INPUT(may_be_empty || !file.loci.empty(), path << " has loci on " << shortened(elsewhere)
                                                                 << " only; imported are "
                                                                 << shortened(names_of(chromosomes)));
    note(report, path, ": ", file.loci.size(), " loci");
    if (n_elsewhere > 0)
      note(report, path, ": ", n_elsewhere, " loci dropped, on chromosomes not imported: ", shortened(elsewhere));
    set.loci.insert(set.loci.end(), file.loci.begin(), file.loci.end());
    set.left_out.other_chromosome += n_elsewhere;
  }
  return set;
}

/// Drops the loci that overlap an exclusion.
void drop_excluded(LociSet& set, const IntervalSet& excluded, const char* what, ImportReport& report) {
  const auto n = std::erase_if(set.loci, [&](const Locus& l) { return excluded.overlaps(l.chromosome, l.start, l.end); });
  if (n > 0) note(report, n, " ", what, " dropped, they overlap an exclusion");
  CHERI_REQUIRE_INPUT(!set.loci.empty(), "all " << n << " " << what << " overlap an exclusion");
  set.left_out.excluded = static_cast<std::int64_t>(n);
}

void read_all_loci(const ImportSpec& spec, const std::vector<Chromosome>& chromosomes, ImportSources& sources,
                   ImportReport& report) {
  for (const Locus& locus : read_loci(spec.exclusions, chromosomes, true, report).loci) sources.avoid.add(locus);
  sources.peaks = read_loci(spec.peaks, chromosomes, false, report);
  drop_excluded(sources.peaks, sources.avoid, "peaks", report);
  if (!spec.negatives.empty()) {
    sources.negatives = read_loci(spec.negatives, chromosomes, false, report);
    drop_excluded(sources.negatives, sources.avoid, "negatives", report);
  }
  sources.peaks_on.resize(chromosomes.size());
  for (const Locus& peak : sources.peaks.loci) {
    sources.peaks_on[static_cast<std::size_t>(peak.chromosome)].push_back(peak);
    sources.avoid.add(peak);
  }
}

}   // namespace

std::vector<Chromosome> chromosomes_of(const std::vector<FastaEntry>& genome) {
  std::vector<Chromosome> chromosomes(genome.size());
  std::transform(genome.begin(), genome.end(), chromosomes.begin(), [](const FastaEntry& e) { return e.chromosome; });
  return chromosomes;
}

void check_spec(const ImportSpec& spec) {
  CHERI_REQUIRE_INPUT(!spec.sequences.empty(), "import needs a FASTA file of sequences");
  CHERI_REQUIRE_INPUT(!spec.peaks.empty(), "import needs a BED file of peaks");
  CHERI_REQUIRE_INPUT(!spec.out_path.empty(), "import needs the name of the file to write");
  CHERI_REQUIRE_INPUT(spec.threads >= 0, "threads must be 0 (all) or more, and is " << spec.threads);
  CHERI_REQUIRE_INPUT(!spec.signals.empty() && !spec.signals.front().track.control,
                      "import needs a bigWig file of a signal");
  std::set<std::string> names;
  for (const SignalSource& source : spec.signals) {
    CHERI_REQUIRE_INPUT(names.insert(source.track.name).second, "two tracks are named " << source.track.name);
  }
}

std::vector<FastaEntry> select_chromosomes(const ImportSpec& spec, const std::vector<FastaEntry>& all,
                                           ImportReport& report) {
  const std::vector<std::string> known = names_of(chromosomes_of(all));
  const std::set<std::string> wanted(spec.chromosomes.begin(), spec.chromosomes.end());
  for (const std::string& name : wanted) {
    CHERI_REQUIRE_INPUT(
        std::find(known.begin(), known.end(), name) != known.end(),
        spec.sequences << " has no chromosome " << name << "; the nearest name is " << nearest_word(name, known));
  }
  std::vector<FastaEntry> selected;
  std::int64_t length = 0;
  for (const FastaEntry& entry : all) {
    if (!wanted.empty() && !wanted.contains(entry.chromosome.name)) continue;
    selected.push_back(entry);
    length += entry.chromosome.length;
  }
  note(report, spec.sequences, ": ", selected.size(), " of ", all.size(), " chromosomes, ", length, " positions");
  return selected;
}

ImportSources open_sources(const ImportSpec& spec, const std::vector<FastaEntry>& all, ImportReport& report) {
  ImportSources sources;
  sources.genome = select_chromosomes(spec, all, report);
  const std::vector<Chromosome> genome = chromosomes_of(all), selected = chromosomes_of(sources.genome);
  for (const SignalSource& source : spec.signals) {
    sources.signals.push_back(open_signal(source.path, spec.sequences, genome, selected, report));
  }
  read_all_loci(spec, selected, sources, report);
  return sources;
}

}   // namespace cheri::data
