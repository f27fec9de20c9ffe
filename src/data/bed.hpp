// Loci from BED files, BED3 to narrowPeak.
#pragma once

#include "cheri/data/loci.hpp"
#include "cheri/data/tracks.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cheri::data {

struct BedFile {
  std::vector<Locus> loci;                         ///< in the file's order
  std::map<std::string, std::int64_t> elsewhere;   ///< loci on chromosomes that are not in the list: name, count
};

/// Reads a plain, gzip or bgzip file; empty lines, comments, and track and browser lines are skipped. Columns are parted by
/// tabs, or by blanks in a line without tabs. A line of exactly ten columns is narrowPeak: the tenth is the summit's
/// offset from the start, or -1 where there is none. Throws InputError with file, line and text for fewer than three
/// columns, a number that is none, an empty locus, one that ends beyond its chromosome, a summit outside its locus.
BedFile read_bed(const std::string& path, const std::vector<Chromosome>& chromosomes);

}   // namespace cheri::data
