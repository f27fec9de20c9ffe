// The work of an import in pieces, the sequences and the signals of chromosomes, which ranks make and rank 0 writes.
#pragma once

#include "cheri/data/import.hpp"
#include "data/import_sources.hpp"
#include "data/negatives.hpp"
#include "data/packed_positions.hpp"

#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cheri::data {

struct ImportPiece {
  std::size_t chromosome = 0;
  std::optional<std::size_t> signal;   ///< none: the sequence
  int rank = 0;                        ///< who makes it
};

/// What is made of a piece, for the file.
struct MadePiece {
  PackedPositions positions;
  Negatives negatives;   ///< of a sequence, where they are drawn
};

/// All pieces in the order of the file: of each chromosome the sequence, then the signals. Each goes to the rank that has
/// the least to do until then, so that ranks are at about the same place in the file at any time.
std::vector<ImportPiece> share_pieces(const std::vector<FastaEntry>& genome, std::size_t n_signals, int n_ranks);

/// Makes the pieces of one rank in the order of the file, each while the one before it is written or sent; a lone thread of
/// a lone rank makes them when they are asked for. Holds one piece that is being made, and one that is packed. With more
/// than one thread the next sequence is read meanwhile.
class PieceMaker {
 public:
  /// `spec` and `sources` must outlive it.
  PieceMaker(const ImportSpec& spec, const ImportSources& sources, const std::vector<ImportPiece>& all,
             const ImportRanks& ranks);
  ~PieceMaker();
  PieceMaker(const PieceMaker&) = delete;
  PieceMaker& operator=(const PieceMaker&) = delete;

  /// Throws InputError for what is wrong in the files.
  [[nodiscard]] MadePiece next();

 private:
  class Sequences;

  void start();
  MadePiece make(const ImportPiece& piece);
  MadePiece make_sequence(std::size_t chromosome);
  MadePiece make_signal(std::size_t chromosome, std::size_t signal);

  const ImportSpec& m_spec;
  const ImportSources& m_sources;
  int m_threads;
  std::launch m_launch;
  std::vector<ImportPiece> m_pieces;
  std::size_t m_next = 0;
  std::unique_ptr<Sequences> m_sequences;
  std::vector<float> m_values;       ///< here: new memory for each signal costs a sixth of the import's time
  std::future<MadePiece> m_making;   ///< last: its end is awaited before the rest goes
};

}   // namespace cheri::data
