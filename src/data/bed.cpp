#include "data/bed.hpp"

#include "cheri/base/check.hpp"
#include "data/text_input.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace cheri::data {

namespace {

constexpr std::size_t narrow_peak_columns = 10;

std::vector<std::string_view> columns_of(std::string_view line) {
  const bool tabs = line.find('\t') != std::string_view::npos;
  std::vector<std::string_view> columns;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(tabs ? '\t' : ' ', begin), line.size());
    if (tabs || end > begin) columns.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return columns;
}

bool begins_with_word(std::string_view line, std::string_view word) {
  return line.starts_with(word) && (line.size() == word.size() || line[word.size()] == ' ' || line[word.size()] == '\t');
}

bool is_no_locus(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos || line[0] == '#' || begins_with_word(line, "track") ||
         begins_with_word(line, "browser");
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Start, end and summit of a line; the chromosome is the caller's.
Locus parse_locus(const std::vector<std::string_view>& columns, const std::string& place, const std::string& line) {
  const auto start = whole_number(columns[1]), end = whole_number(columns[2]);
  CHERI_REQUIRE_INPUT(start && *start >= 0,
                      place << ": the start " << quoted(columns[1]) << " is no position, in " << quoted(line));
  CHERI_REQUIRE_INPUT(end && *end >= 0,
                      place << ": the end " << quoted(columns[2]) << " is no position, in " << quoted(line));
  CHERI_REQUIRE_INPUT(*start < *end, place << ": the locus ends before it begins, or is empty: " << quoted(line));
  Locus locus{0, *start, *end, -1};
  if (columns.size() != narrow_peak_columns) return locus;
  const auto summit = whole_number(columns.back());
  CHERI_REQUIRE_INPUT(summit && *summit >= -1 && *summit < *end - *start,
                      place << ": the summit " << quoted(columns.back())
                            << " is no offset within the locus (-1 is none), in " << quoted(line));
  locus.summit = *summit;
  return locus;
}

}   // namespace

BedFile read_bed(const std::string& path, const std::vector<Chromosome>& chromosomes) {
  std::unordered_map<std::string, std::int32_t> index;
  for (const Chromosome& chromosome : chromosomes) index.emplace(chromosome.name, static_cast<std::int32_t>(index.size()));

  TextInput text(path);
  BedFile file;
  for (std::string line; text.line(line);) {
    if (is_no_locus(line)) continue;
    const auto columns = columns_of(line);
    CHERI_REQUIRE_INPUT(columns.size() >= 3,
                        text.place() << ": a locus has a chromosome, a start and an end; here is " << quoted(line));
    Locus locus = parse_locus(columns, text.place(), line);
    const auto found = index.find(std::string(columns[0]));
    if (found == index.end()) {
      ++file.elsewhere[std::string(columns[0])];
      continue;
    }
    locus.chromosome = found->second;
    const Chromosome& chromosome = chromosomes[static_cast<std::size_t>(locus.chromosome)];
    CHERI_REQUIRE_INPUT(locus.end <= chromosome.length, text.place() << ": the locus ends at " << locus.end << ", beyond "
                                                                     << chromosome.name << ", which has "
                                                                     << chromosome.length << " positions");
    file.loci.push_back(locus);
  }
  return file;
}

}   // namespace cheri::data
