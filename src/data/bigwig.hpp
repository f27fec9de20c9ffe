// The values of a bigWig file at full resolution.
//
// This reader is our own because import must end with an error, never with a crash, a hang or an allocation of any size,
// whatever bytes a file holds; libBigWig trusts the counts and offsets in a file, and checking them all before it reads is
// the greater part of reading. It is also read from several threads at once. libBigWig writes the files of `synthesize` and
// is the tests' second opinion. Layout: Kent et al., BigWig and BigBed, Bioinformatics 2010, supplement.
#pragma once

#include "cheri/data/tracks.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cheri::data {

class BigWigFile {
 public:
  /// Reads the list of chromosomes and the index. Throws InputError for anything that is no whole bigWig.
  explicit BigWigFile(const std::string& path);

  [[nodiscard]] const std::string& path() const { return m_path; }
  [[nodiscard]] const std::vector<Chromosome>& chromosomes() const { return m_chromosomes; }

  /// Whether it ends with the format's number, which writers put there last.
  [[nodiscard]] bool has_end() const;

  /// Whether any position of a chromosome has a value.
  [[nodiscard]] bool has_values(int chromosome) const { return !m_blocks.at(static_cast<std::size_t>(chromosome)).empty(); }

  /// The value of every position of a chromosome (an index into chromosomes()); 0 where the file has none or NaN.
  /// The array has the length that the file says; so compare that with the genome before.
  /// Throws InputError with file, chromosome, position and value for a negative or infinite value, and for data that are
  /// damaged or overlap. A caller that reads on hands in the array of before, whose memory is used again.
  [[nodiscard]] std::vector<float> values(int chromosome, int threads, std::vector<float> values = {}) const;

 private:
  /// A piece of the data, as a leaf of the index describes it: values of [start, end) in `bytes` bytes at `offset`.
  struct Block {
    std::uint32_t start, end;
    std::uint64_t offset, bytes;
  };
  struct Buffers {
    std::vector<std::byte> packed, unpacked;
  };
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  class Decoder;

  [[noreturn]] void fail_damaged(const std::string& what) const;
  void read(std::uint64_t offset, std::uint64_t bytes, const char* what, std::vector<std::byte>& out) const;
  template <class TakeItem>
  void walk_tree(std::uint64_t root, std::uint64_t n_items, std::size_t leaf_item_bytes, std::size_t inner_item_bytes,
                 const char* what, const TakeItem& take_item) const;
  void read_chromosomes(std::uint64_t offset);
  void read_index(std::uint64_t offset);
  void sort_blocks(std::size_t chromosome);
  [[nodiscard]] std::span<const std::byte> unpack(std::size_t chromosome, const Block& block, Buffers& buffers) const;
  [[nodiscard]] bool has_items(std::size_t chromosome, const Block& block) const;
  [[noreturn]] void fail_block(std::size_t chromosome, const Block& block, const char* what) const;

  std::string m_path;
  std::unique_ptr<std::FILE, CloseFile> m_file;
  std::uint64_t m_bytes = 0;   ///< of the whole file
  bool m_compressed = true;
  std::vector<Chromosome> m_chromosomes;
  std::vector<std::uint32_t> m_ids;           ///< what the file calls each chromosome
  std::vector<std::vector<Block>> m_blocks;   ///< of each chromosome, ascending, disjoint
};

}   // namespace cheri::data
