// One dataset (rows, channels, positions) of an examples file, read row by row in the type that records have.
#pragma once

#include "cheri/data/hdf5.hpp"
#include "cheri/data/records.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cheri::data {

/// A file that is read at given places, by any thread.
class PositionedFile {
 public:
  explicit PositionedFile(const std::string& path);
  ~PositionedFile();
  PositionedFile(const PositionedFile&) = delete;
  PositionedFile& operator=(const PositionedFile&) = delete;

  [[nodiscard]] const std::string& path() const { return m_path; }
  [[nodiscard]] std::uint64_t size() const;   ///< at this moment
  /// Throws InputError, naming `what`, if the file ends before or the system cannot read it.
  void read(std::uint64_t offset, std::span<std::byte> to, const std::string& what) const;

 private:
  std::string m_path;
  int m_descriptor;
};

/// Positions that records take of the dataset's: [begin, begin + width) of each channel.
struct ColumnPart {
  std::int64_t begin = 0, width = 0;
};

class RecordColumn {
 public:
  enum class Holds { codes, signal };

  /// Of n rows. Numbers in another type than u8, u16, u32 and f32 are read once, for the narrowest type that holds them.
  /// Throws InputError if positioned reads would serve, and the file is too short.
  RecordColumn(const Hdf5File& file, const PositionedFile& positioned, const std::string& name, Holds holds, std::int64_t n);

  [[nodiscard]] ElementType type() const { return m_type; }
  [[nodiscard]] std::string why_not_positioned() const;   ///< empty: positioned reads serve

  /// The part of each of these rows, one behind the other.
  void read(std::span<const std::int64_t> rows, const ColumnPart& part, std::byte* to) const;

  void verify(const Sharing& sharing) const;

 private:
  [[nodiscard]] std::uint64_t row_elements() const { return m_channels * m_positions; }
  [[nodiscard]] std::int64_t rows_of_block() const;
  void check(const std::byte* values, std::uint64_t n, std::uint64_t first) const;
  void read_positioned(std::int64_t row, const ColumnPart& part, std::byte* to) const;
  void read_blocks(std::span<const std::int64_t> rows, const ColumnPart& part, std::byte* to) const;
  void read_rows(std::int64_t begin, std::int64_t end, std::byte* to, ElementType type) const;
  [[nodiscard]] ElementType narrowest() const;

  const Hdf5File* m_file;
  const PositionedFile* m_positioned;
  std::string m_name;
  Holds m_holds;
  std::int64_t m_n;
  std::uint64_t m_channels, m_positions;
  ElementType m_stored;
  std::optional<std::uint64_t> m_offset;   ///< in the file, where rows lie one behind the other as memory has them
  ElementType m_type;
};

}   // namespace cheri::data
