// Import in three steps: what the files hold is checked against each other, the loci are read, and then chromosome after
// chromosome its sequence and its signals go to the writer, in a fixed order. All threads read the blocks of a bigWig, into
// disjoint stretches of one array, and then all of them pack its chunks; FASTA, which is one stream, is read ahead.
#include "cheri/data/import.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"
#include "data/bed.hpp"
#include "data/bigwig.hpp"
#include "data/fasta.hpp"
#include "data/intervals.hpp"
#include "data/negatives.hpp"
#include "data/text_input.hpp"

#include <algorithm>
#include <future>
#include <optional>
#include <set>
#include <sstream>
#include <thread>
#include <unordered_map>

namespace cheri::data {

namespace {

// ---- notes -------------------------------------------------------------------------------------------------------------

/// Adds a line to a report: note(report, "a", 1).
template <class... Parts>
void note(ImportReport& report, const Parts&... parts) {
  std::ostringstream line;
  (line << ... << parts);
  report.notes.push_back(line.str());
}

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

// ---- the genome and its signals ----------------------------------------------------------------------------------------

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

/// The chromosomes of the FASTA that are wanted, in its order.
std::vector<Chromosome> select_chromosomes(const ImportSpec& spec, const std::vector<Chromosome>& all,
                                           ImportReport& report) {
  const std::vector<std::string> known = names_of(all);
  const std::set<std::string> wanted(spec.chromosomes.begin(), spec.chromosomes.end());
  for (const std::string& name : wanted) {
    CHERI_REQUIRE_INPUT(
        std::find(known.begin(), known.end(), name) != known.end(),
        spec.sequences << " has no chromosome " << name << "; the nearest name is " << nearest_word(name, known));
  }
  std::vector<Chromosome> selected;
  std::int64_t length = 0;
  for (const Chromosome& chromosome : all) {
    if (!wanted.empty() && !wanted.contains(chromosome.name)) continue;
    selected.push_back(chromosome);
    length += chromosome.length;
  }
  note(report, spec.sequences, ": ", selected.size(), " of ", all.size(), " chromosomes, ", length, " positions");
  return selected;
}

/// A bigWig and where each chromosome of the genome is in it.
struct SignalFile {
  BigWigFile file;
  std::vector<std::optional<int>> place;
};

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

/// The loci of one set, and how many were left out.
struct LociSet {
  std::vector<Locus> loci;
  LociReport left_out;
};

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

/// Peaks, negatives where they are given, and what drawn negatives keep away from.
struct Loci {
  LociSet peaks, negatives;
  std::vector<std::vector<Locus>> peaks_on;   ///< each chromosome
  IntervalSet avoid;
};

Loci read_all_loci(const ImportSpec& spec, const std::vector<Chromosome>& chromosomes, ImportReport& report) {
  Loci loci;
  for (const Locus& locus : read_loci(spec.exclusions, chromosomes, true, report).loci) loci.avoid.add(locus);
  loci.peaks = read_loci(spec.peaks, chromosomes, false, report);
  drop_excluded(loci.peaks, loci.avoid, "peaks", report);
  if (!spec.negatives.empty()) {
    loci.negatives = read_loci(spec.negatives, chromosomes, false, report);
    drop_excluded(loci.negatives, loci.avoid, "negatives", report);
  }
  loci.peaks_on.resize(chromosomes.size());
  for (const Locus& peak : loci.peaks.loci) {
    loci.peaks_on[static_cast<std::size_t>(peak.chromosome)].push_back(peak);
    loci.avoid.add(peak);
  }
  return loci;
}

// ---- chromosome after chromosome ---------------------------------------------------------------------------------------

/// Reads the sequences of chromosomes in the order of the FASTA file; where there is more than one thread, each while the
/// one before it is in use.
class SequenceReader {
 public:
  SequenceReader(const std::string& path, const std::vector<Chromosome>& chromosomes, int threads)
      : m_fasta(path), m_chromosomes(chromosomes), m_launch(threads > 1 ? std::launch::async : std::launch::deferred) {
    start();
  }

  /// The sequence of the next chromosome.
  std::vector<Code> next() {
    std::vector<Code> codes = m_reading.get();
    if (++m_next < m_chromosomes.size()) start();
    return codes;
  }

 private:
  void start() {
    m_reading = std::async(m_launch, [this, &chromosome = m_chromosomes[m_next]] { return read(chromosome); });
  }

  /// Goes on in the file to a chromosome.
  std::vector<Code> read(const Chromosome& chromosome) {
    FastaRecord record;
    record.codes.reserve(static_cast<std::size_t>(chromosome.length));
    while (m_fasta.next(record)) {
      if (record.name != chromosome.name) continue;
      CHERI_REQUIRE_INPUT(static_cast<std::int64_t>(record.codes.size()) == chromosome.length,
                          "the FASTA file changed while it was read, at " << chromosome.name);
      return std::move(record.codes);
    }
    throw InputError("the FASTA file changed while it was read: " + chromosome.name + " is gone");
  }

  FastaReader m_fasta;
  const std::vector<Chromosome>& m_chromosomes;
  std::launch m_launch;
  std::size_t m_next = 0;
  std::future<std::vector<Code>> m_reading;   ///< last: its end is awaited before the reader goes
};

/// Reads a whole chromosome of a signal; 0 where the file does not have it.
void read_signal(const SignalFile& signal, std::size_t chromosome, std::int64_t length, int threads,
                 std::vector<float>& values) {
  const auto place = signal.place[chromosome];
  if (place) values = signal.file.values(*place, threads, std::move(values));
  else values.assign(static_cast<std::size_t>(length), 0.0F);
}

/// Draws the negatives of a chromosome into loci.negatives, and adds to the count of those wanted.
void draw_negatives(const ImportSpec& spec, std::size_t chromosome, const std::vector<Code>& codes, Loci& loci,
                    std::int64_t& wanted) {
  const NegativesSpec negatives_spec{spec.negative_window, spec.negatives_per_peak, spec.seed};
  const Negatives drawn =
      draw_negatives(negatives_spec, static_cast<std::int32_t>(chromosome), codes, loci.peaks_on[chromosome], loci.avoid);
  loci.negatives.loci.insert(loci.negatives.loci.end(), drawn.loci.begin(), drawn.loci.end());
  wanted += drawn.wanted;
}

void write_chromosomes(const ImportSpec& spec, const std::vector<Chromosome>& chromosomes,
                       const std::vector<SignalFile>& signals, int threads, Loci& loci, TracksWriter& writer,
                       ImportReport& report, const ImportProgress& progress) {
  const bool draws = spec.negatives.empty();
  std::int64_t wanted = 0;
  std::size_t n_written = 0;
  const auto begin_piece = [&](std::size_t c, const std::string& what) {
    const double fraction =
        static_cast<double>(n_written++) / static_cast<double>(chromosomes.size() * (signals.size() + 1));
    if (progress) progress(fraction, chromosomes[c].name + " " + what);
  };
  SequenceReader sequences(spec.sequences, chromosomes, threads);
  std::vector<float> values;   // here: new memory for each signal costs a sixth of the import's time
  for (std::size_t c = 0; c < chromosomes.size(); ++c) {
    begin_piece(c, "sequence");
    {
      const std::vector<Code> codes = sequences.next();
      writer.sequence(static_cast<int>(c), codes);
      if (draws) draw_negatives(spec, c, codes, loci, wanted);
    }
    for (std::size_t t = 0; t < signals.size(); ++t) {
      begin_piece(c, spec.signals[t].track.name);
      read_signal(signals[t], c, chromosomes[c].length, threads, values);
      writer.signal(static_cast<int>(t), static_cast<int>(c), values);
    }
  }
  if (draws) {
    const auto n = static_cast<std::int64_t>(loci.negatives.loci.size());
    note(report, n, " negatives drawn, matched to the GC of the peaks");
    if (n < wanted) note(report, wanted, " negatives were wanted: there is no room for more that match");
  }
}

}   // namespace

ImportReport import_tracks(const ImportSpec& spec, const std::string& made_by, const ImportProgress& progress) {
  check_spec(spec);
  ImportReport report;
  if (progress) progress(0.0, "chromosomes of " + spec.sequences);
  const std::vector<Chromosome> genome = fasta_chromosomes(spec.sequences);
  const std::vector<Chromosome> chromosomes = select_chromosomes(spec, genome, report);
  std::vector<SignalFile> signals;
  std::vector<Track> tracks;
  for (const SignalSource& source : spec.signals) {
    signals.push_back(open_signal(source.path, spec.sequences, genome, chromosomes, report));
    tracks.push_back(source.track);
  }
  Loci loci = read_all_loci(spec, chromosomes, report);

  const int threads = spec.threads > 0 ? spec.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  TracksWriter writer(spec.out_path, chromosomes, tracks, made_by, threads);
  write_chromosomes(spec, chromosomes, signals, threads, loci, writer, report, progress);
  writer.loci("peaks", loci.peaks.loci, loci.peaks.left_out);
  writer.loci("negatives", loci.negatives.loci, loci.negatives.left_out);
  writer.close();
  if (progress) progress(1.0, "written " + spec.out_path);
  return report;
}

}   // namespace cheri::data
