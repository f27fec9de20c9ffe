// Import in three steps: what the files hold is checked against each other, the loci are read, and then piece after piece,
// the sequences and the signals of chromosomes, goes to the writer in a fixed order. The ranks share the pieces, and send
// them to rank 0, which writes; within a rank all threads read the blocks of a bigWig, into disjoint stretches of one array,
// and then all of them pack its chunks; FASTA, which is one stream, is read ahead.
#include "cheri/data/import.hpp"

#include "cheri/base/check.hpp"
#include "data/import_pieces.hpp"
#include "data/import_sources.hpp"
#include "data/message.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace cheri::data {

namespace {

// ---- between ranks -----------------------------------------------------------------------------------------------------

/// How a rank came along with its next piece. Begins a message: of the piece, or of an error in its place.
enum class Outcome : std::uint8_t { made, wrong_input, failed };

void send_genome(const ImportRanks& ranks, const std::vector<FastaEntry>& genome) {
  std::string names;   // without blanks: words of headers
  std::vector<std::int64_t> numbers;
  for (const FastaEntry& entry : genome) {
    names += entry.chromosome.name + ' ';
    numbers.insert(numbers.end(), {entry.chromosome.length, entry.header.byte, entry.header.lines_before});
  }
  Message message;
  message.put(names);
  message.put(numbers);
  for (int rank = 1; rank < ranks.size; ++rank) ranks.send(rank, message.bytes());
}

std::vector<FastaEntry> receive_genome(const ImportRanks& ranks) {
  Message message(ranks.receive(0));
  const auto names = message.take<std::string>();
  const auto numbers = message.take<std::vector<std::int64_t>>();
  std::vector<FastaEntry> genome;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < numbers.size(); i += 3) {
    const std::size_t end = names.find(' ', begin);
    genome.push_back({{names.substr(begin, end - begin), numbers[i]}, {numbers[i + 1], numbers[i + 2]}});
    begin = end + 1;
  }
  return genome;
}

void send_piece(const ImportRanks& ranks, const MadePiece& made) {
  Message message;
  message.put(std::vector{Outcome::made});
  message.put(std::vector{made.positions.type});
  message.put(std::vector{made.positions.total});
  message.put(made.positions.chunk_bytes);
  message.put(made.negatives.loci);
  message.put(std::vector{made.negatives.wanted});
  ranks.send(0, message.bytes());
  ranks.send(0, made.positions.bytes);
}

/// In the place of a piece. Rank 0 comes to it in the order of the file, and throws it.
void send_error(const ImportRanks& ranks, Outcome outcome, const std::string& what) {
  Message message;
  message.put(std::vector{outcome});
  message.put(what);
  ranks.send(0, message.bytes());
}

MadePiece receive_piece(const ImportRanks& ranks, int rank) {
  Message message(ranks.receive(rank));
  const Outcome outcome = message.take<std::vector<Outcome>>().front();
  if (outcome == Outcome::wrong_input) throw InputError(message.take<std::string>());
  if (outcome == Outcome::failed) throw Error(message.take<std::string>());
  MadePiece made;
  made.positions.type = message.take<std::vector<ElementType>>().front();
  made.positions.total = message.take<std::vector<double>>().front();
  made.positions.chunk_bytes = message.take<std::vector<std::uint64_t>>();
  made.negatives.loci = message.take<std::vector<Locus>>();
  made.negatives.wanted = message.take<std::vector<std::int64_t>>().front();
  made.positions.bytes = ranks.receive(rank);
  return made;
}

/// What `make` makes. What it throws goes to rank 0, an InputError after the words `where`, and then there is nothing.
template <class Make>
auto made_or_told(const ImportRanks& ranks, const std::string& where, const Make& make) -> std::optional<decltype(make())> {
  auto outcome = Outcome::failed;
  std::string what;
  try {
    return make();
  } catch (const InputError& error) {
    outcome = Outcome::wrong_input;
    what = where + error.what();
  } catch (const std::exception& error) {
    what = "on rank " + std::to_string(ranks.rank) + ": " + error.what();
  }
  send_error(ranks, outcome, what);   // not from within the try: what sending throws is no error of a piece
  return {};
}

/// The whole of an import on a rank that does not write. What goes wrong is told by rank 0, once and in order: it finds it
/// too, or is sent it.
void make_for_root(const ImportSpec& spec, const ImportRanks& ranks) {
  const std::vector<FastaEntry> all = receive_genome(ranks);
  ImportReport told_by_root;
  const auto pieces = share_pieces(select_chromosomes(spec, all, told_by_root), spec.signals.size(), ranks.size);
  const auto mine =
      std::count_if(pieces.begin(), pieces.end(), [&](const ImportPiece& piece) { return piece.rank == ranks.rank; });
  if (mine == 0) return;
  // What does not open here, and did on rank 0, is a fault of this rank.
  const std::string here = "on rank " + std::to_string(ranks.rank) + ": ";
  const auto sources = made_or_told(ranks, here, [&] { return open_sources(spec, all, told_by_root); });
  if (!sources) return;
  const auto maker = made_or_told(ranks, here, [&] { return std::make_unique<PieceMaker>(spec, *sources, pieces, ranks); });
  if (!maker) return;
  for (std::ptrdiff_t i = 0; i < mine; ++i) {
    const auto made = made_or_told(ranks, "", [&] { return (*maker)->next(); });
    if (!made) return;
    send_piece(ranks, *made);
  }
}

// ---- rank 0 ------------------------------------------------------------------------------------------------------------

/// Writes all pieces; returns the negatives drawn.
Negatives write_pieces(const ImportSpec& spec, const ImportSources& sources, const ImportRanks& ranks, TracksWriter& writer,
                       const ImportProgress& progress) {
  const auto pieces = share_pieces(sources.genome, sources.signals.size(), ranks.size);
  PieceMaker maker(spec, sources, pieces, ranks);
  Negatives drawn;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& [chromosome, signal, rank] = pieces[i];
    const std::string what = signal ? spec.signals[*signal].track.name : "sequence";
    if (progress) {
      progress(static_cast<double>(i) / static_cast<double>(pieces.size()),
               sources.genome[chromosome].chromosome.name + " " + what);
    }
    const MadePiece made = rank == ranks.rank ? maker.next() : receive_piece(ranks, rank);
    const int c = static_cast<int>(chromosome);
    if (signal) writer.signal(static_cast<int>(*signal), c, made.positions);
    else writer.sequence(c, made.positions);
    drawn.loci.insert(drawn.loci.end(), made.negatives.loci.begin(), made.negatives.loci.end());
    drawn.wanted += made.negatives.wanted;
  }
  return drawn;
}

}   // namespace

ImportReport import_tracks(const ImportSpec& spec, const std::string& made_by, const ImportProgress& progress,
                           const ImportRanks& ranks) {
  check_spec(spec);
  ImportReport report;
  if (ranks.rank != 0) {
    make_for_root(spec, ranks);
    return report;
  }
  if (progress) progress(0.0, "chromosomes of " + spec.sequences);
  const std::vector<FastaEntry> all = fasta_index(spec.sequences);
  send_genome(ranks, all);
  ImportSources sources = open_sources(spec, all, report);

  std::vector<Track> tracks;
  for (const SignalSource& source : spec.signals) tracks.push_back(source.track);
  TracksWriter writer(spec.out_path, chromosomes_of(sources.genome), tracks, made_by);
  Negatives drawn = write_pieces(spec, sources, ranks, writer, progress);
  if (spec.negatives.empty()) {
    const auto n = static_cast<std::int64_t>(drawn.loci.size());
    note(report, n, " negatives drawn, matched to the GC of the peaks");
    if (n < drawn.wanted) note(report, drawn.wanted, " negatives were wanted: there is no room for more that match");
    sources.negatives.loci = std::move(drawn.loci);
  }
  writer.loci("peaks", sources.peaks.loci, sources.peaks.left_out);
  writer.loci("negatives", sources.negatives.loci, sources.negatives.left_out);
  writer.close();
  if (progress) progress(1.0, "written " + spec.out_path);
  return report;
}

}   // namespace cheri::data
