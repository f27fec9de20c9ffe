#include "data/raw_files.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"
#include "data/bigwig.hpp"
#include "data/libbigwig.hpp"

#include <cerrno>
#include <memory>
#include <sstream>
#include <utility>

#include <zlib.h>

namespace cheri::data {

void write_fasta(const std::string& path, const std::vector<NamedSequence>& sequences) {
  constexpr std::size_t line_length = 60;
  PartFile part(path, path + ".part");
  const gzFile file = gzopen(part.part().c_str(), "wb");
  if (file == nullptr) fail_by_system("cannot write " + path);
  part.made();
  int error = 0;   // the first
  const auto require = [&](bool success) {
    if (!success && error == 0) error = errno != 0 ? errno : EIO;
  };
  std::string line;
  const auto write_line = [&] {
    line += '\n';
    errno = 0;
    require(gzwrite(file, line.data(), static_cast<unsigned>(line.size())) > 0);
    line.clear();
  };
  for (const NamedSequence& sequence : sequences) {
    line = ">" + sequence.name;
    write_line();
    for (const Code code : *sequence.codes) {
      line += "ACGTN"[code];
      if (line.size() == line_length) write_line();
    }
    if (!line.empty()) write_line();
  }
  errno = 0;
  require(gzclose_w(file) == Z_OK);
  errno = error;
  if (error != 0) fail_by_system("cannot write " + path);
  part.keep();
}

namespace {

/// Runs of equal values, none of them 0.
struct Runs {
  std::vector<std::uint32_t> starts, ends;
  std::vector<float> values;
};

Runs runs_of(const std::vector<float>& values) {
  Runs runs;
  for (std::size_t begin = 0, end = 0; begin < values.size(); begin = end) {
    while (end < values.size() && values[end] == values[begin]) ++end;
    if (values[begin] == 0) continue;
    runs.starts.push_back(static_cast<std::uint32_t>(begin));
    runs.ends.push_back(static_cast<std::uint32_t>(end));
    runs.values.push_back(values[begin]);
  }
  return runs;
}

using BigWigOutput = std::unique_ptr<bigWigFile_t, void (*)(bigWigFile_t*)>;

void add_values(bigWigFile_t* file, const NamedValues& chromosome, const std::string& path) {
  const Runs runs = runs_of(*chromosome.values);
  if (runs.starts.empty()) return;
  const std::vector<const char*> repeated(runs.starts.size(), chromosome.name.c_str());
  const int status = bwAddIntervals(file, repeated.data(), runs.starts.data(), runs.ends.data(), runs.values.data(),
                                    static_cast<std::uint32_t>(runs.starts.size()));
  if (status != 0) fail_by_system("cannot write " + path);
}

/// bwClose reports no error: a file that is not whole has no index, or lacks the number that it ends with.
void close_whole(BigWigOutput file, const std::string& part, const std::string& path) {
  errno = 0;
  file.reset();
  const int error = errno;
  try {
    const BigWigFile read_back(part);
    CHERI_REQUIRE_INPUT(read_back.has_end(), part << " has no end");
  } catch (const InputError&) {
    errno = error != 0 ? error : EIO;
    fail_by_system("cannot write " + path);
  }
}

}   // namespace

void write_bigwig(const std::string& path, const std::vector<NamedValues>& chromosomes) {
  std::vector<const char*> names;
  std::vector<std::uint32_t> lengths;
  for (const NamedValues& chromosome : chromosomes) {
    names.push_back(chromosome.name.c_str());
    lengths.push_back(static_cast<std::uint32_t>(chromosome.values->size()));
  }
  PartFile part(path, path + ".part");
  write_text_file(part.part(), "");   // bwOpen crashes where it cannot create a file
  part.made();
  BigWigOutput file(bwOpen(part.part().c_str(), nullptr, "w"), bwClose);
  if (!file) fail_by_system("cannot write " + path);
  constexpr int zoom_levels = 10;
  CHERI_REQUIRE(bwCreateHdr(file.get(), zoom_levels) == 0, "cannot make the header of " << path);
  file->cl = bwCreateChromList(names.data(), lengths.data(), static_cast<std::int64_t>(names.size()));
  CHERI_REQUIRE(file->cl != nullptr, "cannot make the table of chromosomes of " << path);
  if (bwWriteHdr(file.get()) != 0) fail_by_system("cannot write " + path);
  for (const NamedValues& chromosome : chromosomes) add_values(file.get(), chromosome, path);
  close_whole(std::move(file), part.part(), path);
  part.keep();
}

void write_bed(const std::string& path, const std::vector<std::string>& chromosomes, const std::vector<Locus>& loci) {
  std::ostringstream text;
  for (std::size_t i = 0; i < loci.size(); ++i) {
    const Locus& locus = loci[i];
    text << chromosomes.at(static_cast<std::size_t>(locus.chromosome)) << '\t' << locus.start << '\t' << locus.end;
    if (locus.summit >= 0) text << "\tlocus_" << i + 1 << "\t0\t.\t0\t-1\t-1\t" << locus.summit;
    text << '\n';
  }
  write_text_file(path, text.str());
}

}   // namespace cheri::data
