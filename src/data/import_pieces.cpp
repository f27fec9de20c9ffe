#include "data/import_pieces.hpp"

#include "cheri/base/check.hpp"
#include "data/tables.hpp"

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

namespace cheri::data {

namespace {

// What a position costs, in units of a signal's: 100 million take 0.75 s of CPU in a signal and 1.18 s in a sequence whose
// negatives are drawn (README's human-sized genome). Rank 0 writes, too.
constexpr double signal_cost = 1.0, sequence_cost = 1.6, writing_cost = 0.1;

int threads_of(const ImportSpec& spec) {
  return spec.threads > 0 ? spec.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}   // namespace

std::vector<ImportPiece> share_pieces(const std::vector<FastaEntry>& genome, std::size_t n_signals, int n_ranks) {
  std::vector<ImportPiece> pieces;
  std::vector<double> work(static_cast<std::size_t>(n_ranks), 0.0);
  const auto give_away = [&](std::size_t chromosome, std::optional<std::size_t> signal) {
    const auto least = std::min_element(work.begin(), work.end());
    pieces.push_back({chromosome, signal, static_cast<int>(least - work.begin())});
    const auto positions = static_cast<double>(genome[chromosome].chromosome.length);
    *least += positions * (signal ? signal_cost : sequence_cost);
    work.front() += positions * writing_cost;
  };
  for (std::size_t c = 0; c < genome.size(); ++c) {
    give_away(c, {});
    for (std::size_t t = 0; t < n_signals; ++t) give_away(c, t);
  }
  return pieces;
}

// ---- sequences ---------------------------------------------------------------------------------------------------------

/// Reads the sequences of some chromosomes, in the order of the FASTA file; where there is more than one thread, each while
/// the one before it is in use.
class PieceMaker::Sequences {
 public:
  Sequences(const std::string& path, std::vector<FastaEntry> wanted, int threads)
      : m_fasta(path), m_wanted(std::move(wanted)), m_launch(threads > 1 ? std::launch::async : std::launch::deferred) {
    start();
  }

  std::vector<Code> next() {
    std::vector<Code> codes = m_reading.get();
    start();
    return codes;
  }

 private:
  void start() {
    if (m_next == m_wanted.size()) return;
    m_reading = std::async(m_launch, [this, &entry = m_wanted[m_next++]] { return read(entry); });
  }

  std::vector<Code> read(const FastaEntry& entry) {
    FastaRecord record;
    record.codes.reserve(static_cast<std::size_t>(entry.chromosome.length));
    m_fasta.go_to(entry.header);
    const bool found = m_fasta.next(record) && record.name == entry.chromosome.name &&
                       static_cast<std::int64_t>(record.codes.size()) == entry.chromosome.length;
    CHERI_REQUIRE_INPUT(found, "the FASTA file changed while it was read, at " << entry.chromosome.name);
    return std::move(record.codes);
  }

  FastaReader m_fasta;
  std::vector<FastaEntry> m_wanted;
  std::launch m_launch;
  std::size_t m_next = 0;
  std::future<std::vector<Code>> m_reading;   ///< last: its end is awaited before the reader goes
};

// ---- pieces ------------------------------------------------------------------------------------------------------------

PieceMaker::PieceMaker(const ImportSpec& spec, const ImportSources& sources, const std::vector<ImportPiece>& all,
                       const ImportRanks& ranks)
    : m_spec(spec),
      m_sources(sources),
      m_threads(threads_of(spec)),
      m_launch(ranks.size == 1 && m_threads == 1 ? std::launch::deferred : std::launch::async) {
  std::copy_if(all.begin(), all.end(), std::back_inserter(m_pieces),
               [&](const ImportPiece& piece) { return piece.rank == ranks.rank; });
  std::vector<FastaEntry> wanted;
  for (const ImportPiece& piece : m_pieces) {
    if (!piece.signal) wanted.push_back(sources.genome[piece.chromosome]);
  }
  m_sequences = std::make_unique<Sequences>(spec.sequences, std::move(wanted), m_threads);
  start();
}

PieceMaker::~PieceMaker() = default;

MadePiece PieceMaker::next() {
  MadePiece made = m_making.get();
  start();
  return made;
}

void PieceMaker::start() {
  if (m_next == m_pieces.size()) return;
  m_making = std::async(m_launch, [this, &piece = m_pieces[m_next++]] { return make(piece); });
}

MadePiece PieceMaker::make(const ImportPiece& piece) {
  return piece.signal ? make_signal(piece.chromosome, *piece.signal) : make_sequence(piece.chromosome);
}

MadePiece PieceMaker::make_sequence(std::size_t chromosome) {
  const std::vector<Code> codes = m_sequences->next();
  MadePiece made;
  made.positions = pack_sequence(m_spec.out_path, dataset_of(m_sources.genome[chromosome].chromosome), codes, m_threads);
  if (m_spec.negatives.empty()) {
    const NegativesSpec spec{m_spec.negative_window, m_spec.negatives_per_peak, m_spec.seed};
    made.negatives =
        draw_negatives(spec, static_cast<std::int32_t>(chromosome), codes, m_sources.peaks_on[chromosome], m_sources.avoid);
  }
  return made;
}

MadePiece PieceMaker::make_signal(std::size_t chromosome, std::size_t signal) {
  const Chromosome& of = m_sources.genome[chromosome].chromosome;
  const SignalFile& source = m_sources.signals[signal];
  const auto place = source.place[chromosome];
  if (!place) return {packed_zeros(of.length), {}};
  m_values = source.file.values(*place, m_threads, std::move(m_values));
  return {pack_signal(m_spec.out_path, dataset_of(m_spec.signals[signal].track, of), m_values, m_threads), {}};
}

}   // namespace cheri::data
