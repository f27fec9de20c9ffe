// A thin, checked layer over the HDF5 C API: handles that close themselves, and errors that name file and dataset.
// Files are written in the format of HDF5 1.10, whose metadata carry checksums, and so do the values: a damaged file is an
// error of the reader, not other numbers. The same content makes the same bytes: there are no times in a file.
#pragma once

#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cheri::data {

/// The native type of an element, as the files hold it.
enum class ElementType : std::uint8_t { u8, u16, u32, i32, i64, f32, f64 };

[[nodiscard]] std::size_t size_of(ElementType type);
[[nodiscard]] std::string name_of(ElementType type);   ///< "u8"

/// Of std::uint8_t, uint16_t, uint32_t, int32_t, int64_t, float and double.
template <class T>
ElementType element_type();

/// How a dataset is stored: contiguous and unfiltered unless chunk is given; chunks are shuffled and deflated, and those
/// never written to are not stored and read as 0. A deflated chunk is a zlib stream, which ends in a checksum (Adler-32)
/// that HDF5 compares as it reads; where deflate is 0, chunks carry one of HDF5's.
struct Storage {
  std::vector<std::uint64_t> chunk;
  int deflate = 0;
};

/// A box of a dataset: offset and extents in each dimension.
struct Box {
  std::vector<std::uint64_t> offset;
  std::vector<std::uint64_t> extents;
};

/// An open HDF5 file; not copyable. Paths inside are like "/signal/plus/chrI"; groups on the way are made.
class Hdf5File {
 public:
  enum class Access { read, create };

  /// Throws InputError if the file is missing, is no HDF5 file, or is truncated. `create` writes to `path` + ".part", which
  /// takes the name `path` in close(): a file of that name is whole. Without close() nothing is left.
  Hdf5File(const std::string& path, Access access);
  /// A new file in memory, which image() hands out, with checksums over values but not over metadata: whoever writes it
  /// out adds one over the whole. `path` is for messages alone. The first `user_block` bytes (0, or a
  /// power of two from 512) are left to the caller.
  static Hdf5File in_memory(const std::string& path, std::size_t user_block);
  ~Hdf5File();
  Hdf5File(Hdf5File&& other) noexcept;
  Hdf5File& operator=(Hdf5File&& other) noexcept;

  [[nodiscard]] const std::string& path() const { return m_path; }

  /// Flushes, closes and, where the file was created, syncs and renames; throws Error if that fails (a full disk shows
  /// here).
  void close();

  /// The bytes of a file in memory, behind a user block of zeros.
  [[nodiscard]] std::vector<std::byte> image() const;

  [[nodiscard]] bool exists(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> children(const std::string& group) const;   ///< sorted by name
  [[nodiscard]] std::vector<std::uint64_t> extents(const std::string& dataset) const;
  /// The smallest of our types that holds every value of the stored number type (i64 for u64 too).
  [[nodiscard]] ElementType type(const std::string& dataset) const;

  // Reading converts to the type asked for. Throws InputError if there is no such dataset of numbers, if its bytes do not
  // have the checksum which is stored with them, or if a value does not fit: out of range, or not whole where whole
  // numbers are wanted. A float may round, and is infinite beyond its range.
  template <class T>
  std::vector<T> read(const std::string& dataset) const;
  void read_box(const std::string& dataset, const Box& box, void* out, ElementType type) const;
  /// A block of rows [begin, end) of the first dimension, into memory for (end - begin) * row elements.
  void read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t end, void* out, ElementType type) const;

  /// A whole dataset with a checksum; extents {values.size()} if none are given.
  template <class T>
  void write(const std::string& dataset, const std::vector<T>& values, std::vector<std::uint64_t> extents = {},
             const Storage& storage = {});
  /// A dataset to be filled by write_box; where contiguous, without a checksum.
  void create(const std::string& dataset, ElementType type, const std::vector<std::uint64_t>& extents,
              const Storage& storage = {});
  void write_box(const std::string& dataset, const Box& box, const void* values, ElementType type);
  void write_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t end, const void* values, ElementType type);

  /// The chunk that begins at element `offset` of a deflated dataset, whole and as packed_chunk makes it.
  void write_chunk(const std::string& dataset, const std::vector<std::uint64_t>& offset, std::span<const std::byte> packed);

  /// Sums up a contiguous dataset of u8, u16, u32 or f32 that write_box has filled, as write does for a whole one.
  void write_checksum(const std::string& dataset);

  /// Written with a fixed length in UTF-8 and a checksum; read also with a variable length.
  [[nodiscard]] std::vector<std::string> read_strings(const std::string& dataset) const;
  void write_strings(const std::string& dataset, const std::vector<std::string>& values);

  // Attributes of an object ("/" is the file): std::int64_t, std::uint64_t, double, std::string or
  // std::vector<std::int64_t>. Reading throws InputError if there is none of the name or it is of another kind.
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
  template <class T>
  [[nodiscard]] T attribute(const std::string& object, const std::string& name) const;
  template <class T>
  void set_attribute(const std::string& object, const std::string& name, const T& value);

  /// The byte offset of a contiguous, unfiltered dataset in the file, for positioned reads; throws InputError otherwise.
  [[nodiscard]] std::uint64_t raw_offset(const std::string& dataset) const;
  /// The same where, moreover, its values lie there as memory has those of its type(); none otherwise.
  [[nodiscard]] std::optional<std::uint64_t> plain_offset(const std::string& dataset) const;

 private:
  Hdf5File() = default;
  void discard() noexcept;

  std::string m_path;
  std::unique_ptr<PartFile> m_part;   ///< while a created file is written
  std::int64_t m_id = -1;
};

/// Checks `format` and `format_version` of a Cheri file; throws InputError that says what was found and what is read.
void require_format(const Hdf5File& file, const std::string& format, int newest_version);
/// Writes them, with the program's version (`program`) and the command that made the file (`made_by`).
void set_format(Hdf5File& file, const std::string& format, int version, const std::string& made_by);

}   // namespace cheri::data
