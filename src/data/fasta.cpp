#include "data/fasta.hpp"

#include "cheri/base/check.hpp"

#include <algorithm>
#include <array>

namespace cheri::data {

namespace {

constexpr Code blank = 5, not_sequence = 6;

/// What each byte of a sequence line stands for: a code 0..4, a blank that is skipped, or nothing known.
constexpr std::array<Code, 256> code_table() {
  std::array<Code, 256> table{};
  table.fill(not_sequence);
  for (unsigned char c = 'A'; c <= 'Z'; ++c) table[c] = table[c + ('a' - 'A')] = 4;
  table['-'] = table['*'] = 4;
  table['\r'] = table[' '] = table['\t'] = blank;
  constexpr std::array<unsigned char, 4> bases = {'A', 'C', 'G', 'T'};
  for (Code code = 0; code < 4; ++code) table[bases[code]] = table[bases[code] + ('a' - 'A')] = code;
  return table;
}

constexpr std::array<Code, 256> table = code_table();

std::string first_word(const std::string& text) { return text.substr(0, text.find_first_of(" \t")); }

}   // namespace

void FastaReader::read_sequence_line(std::vector<Code>& codes) {
  for (std::string_view rest = m_text.peek(); !rest.empty(); rest = m_text.peek()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    const bool ended = length < rest.size();
    const std::string_view letters = rest.substr(0, length);
    const std::size_t n_before = codes.size();
    codes.resize(n_before + length);
    Code* const added = codes.data() + n_before;
    Code largest = 0;
    for (std::size_t i = 0; i < length; ++i) {
      added[i] = table[static_cast<unsigned char>(letters[i])];
      largest = std::max(largest, added[i]);
    }
    if (largest == not_sequence) {
      const char c = letters[static_cast<std::size_t>(std::find(added, added + length, not_sequence) - added)];
      m_text.take(1);
      CHERI_REQUIRE_INPUT(false, m_text.place() << ": " << quoted({&c, 1}) << " (byte " << int{static_cast<unsigned char>(c)}
                                                << ") is no letter of a sequence");
    }
    if (largest == blank) {
      codes.resize(static_cast<std::size_t>(std::remove(added, added + length, blank) - codes.data()));
    }
    m_text.take(length + (ended ? 1 : 0));
    if (ended) return;
  }
}

bool FastaReader::next(FastaRecord& record) {
  std::string header;
  while (header.empty()) {
    record.header = m_text.position();
    if (!m_text.line(header)) return false;
  }
  CHERI_REQUIRE_INPUT(header[0] == '>', m_text.place()
                                            << ": " << quoted(header) << " where a FASTA file has a line \">name\"");
  record.name = first_word(header.substr(1));
  CHERI_REQUIRE_INPUT(!record.name.empty(), m_text.place() << ": a header without a name: " << quoted(header));
  CHERI_REQUIRE_INPUT(m_names.insert(record.name).second, m_text.place()
                                                              << ": a second sequence named " << quoted(record.name));
  const std::string place = m_text.place();
  record.codes.clear();
  for (std::string_view rest = m_text.peek(); !rest.empty() && rest[0] != '>'; rest = m_text.peek()) {
    read_sequence_line(record.codes);
  }
  CHERI_REQUIRE_INPUT(!record.codes.empty(), place << ": the sequence of " << quoted(record.name) << " is empty");
  return true;
}

std::vector<FastaEntry> fasta_index(const std::string& path) {
  FastaReader reader(path);
  std::vector<FastaEntry> entries;
  for (FastaRecord record; reader.next(record);) {
    entries.push_back({{record.name, static_cast<std::int64_t>(record.codes.size())}, record.header});
  }
  CHERI_REQUIRE_INPUT(!entries.empty(), path << " is empty: a FASTA file has a line \">name\" and a sequence after it");
  return entries;
}

}   // namespace cheri::data
