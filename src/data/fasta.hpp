// FASTA, one chromosome in memory at a time.
#pragma once

#include "cheri/data/tracks.hpp"
#include "data/text_input.hpp"

#include <set>
#include <string>
#include <vector>

namespace cheri::data {

struct FastaRecord {
  std::string name;   ///< the header's first word
  TextInput::Position header;
  std::vector<Code> codes;   ///< ACGT in either case 0..3, every other letter, "-" and "*" 4
};

/// What one pass over a file finds of a record, without its sequence.
struct FastaEntry {
  Chromosome chromosome;
  TextInput::Position header;
};

/// Reads a plain, gzip or bgzip file. Throws InputError, naming the line, for text before the first header, a header
/// without a name, a name seen before, a record without a sequence, and characters that no sequence has.
class FastaReader {
 public:
  explicit FastaReader(const std::string& path) : m_text(path) {}

  /// The next record; false after the last.
  bool next(FastaRecord& record);
  /// Goes on at the header of a record further down.
  void go_to(const TextInput::Position& header) { m_text.go_to(header); }

 private:
  void read_sequence_line(std::vector<Code>& codes);

  TextInput m_text;
  std::set<std::string> m_names;
};

/// Of all records, in the file's order. A file without any is an error.
std::vector<FastaEntry> fasta_index(const std::string& path);

}   // namespace cheri::data
