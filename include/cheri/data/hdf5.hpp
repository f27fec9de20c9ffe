// A thin, checked layer over the HDF5 C API: handles that close themselves, and errors that name file and dataset.
// Files are written in the newest format of the library, whose metadata carry checksums; so a damaged file is
// an error of the reader, not undefined behaviour.
#pragma once

#include "cheri/base/check.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

/// The native type of an element, as the files hold it.
enum class ElementType : std::uint8_t { u8, u16, u32, i32, i64, f32, f64 };

[[nodiscard]] std::size_t size_of(ElementType type);
template <class T>
ElementType element_type();

/// How a dataset is stored: contiguous and unfiltered unless chunk is given; chunks are deflated and carry a checksum.
struct Storage {
  std::vector<std::uint64_t> chunk;
  int deflate = 0;
};

/// An open HDF5 file; not copyable. Paths inside are like "/signal/plus/chrI"; groups on the way are made.
class Hdf5File {
 public:
  enum class Access { read, create };

  /// Throws InputError if the file is missing, is no HDF5 file, or is truncated. `create` replaces an existing file.
  Hdf5File(const std::string& path, Access access);
  ~Hdf5File();
  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;

  [[nodiscard]] const std::string& path() const { return m_path; }

  /// Flushes and closes, and throws if that fails (a full disk shows here); the destructor only closes.
  void close();

  [[nodiscard]] bool exists(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> children(const std::string& group) const;  ///< sorted by name
  [[nodiscard]] std::vector<std::uint64_t> extents(const std::string& dataset) const;
  [[nodiscard]] ElementType type(const std::string& dataset) const;

  // Whole datasets, converted to T where the file holds another number type that fits.
  template <class T>
  std::vector<T> read(const std::string& dataset) const;
  /// A block of rows [begin, end) of the first dimension, into memory for (end - begin) * row elements.
  void read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t end, void* out, ElementType type) const;
  template <class T>
  void write(const std::string& dataset, const std::vector<T>& values, std::vector<std::uint64_t> extents = {},
             const Storage& storage = {});
  /// A dataset to be filled by write_rows.
  void create(const std::string& dataset, ElementType type, const std::vector<std::uint64_t>& extents,
              const Storage& storage = {});
  void write_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t end, const void* values,
                  ElementType type);

  // Fixed-length UTF-8 strings.
  std::vector<std::string> read_strings(const std::string& dataset) const;
  void write_strings(const std::string& dataset, const std::vector<std::string>& values);

  // Attributes of an object ("/" is the file).
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
  template <class T>
  [[nodiscard]] T attribute(const std::string& object, const std::string& name) const;  ///< number or std::string
  template <class T>
  void set_attribute(const std::string& object, const std::string& name, const T& value);

  /// The byte offset of a contiguous, unfiltered dataset in the file, for positioned reads; throws InputError otherwise.
  [[nodiscard]] std::uint64_t raw_offset(const std::string& dataset) const;

 private:
  std::string m_path;
  std::int64_t m_id = -1;
};

/// Checks `format` and `format_version` of a Cheri file; throws InputError that says what was found and what is read.
void require_format(const Hdf5File& file, const std::string& format, int newest_version);
/// Writes them, with the program's version and the command that made the file.
void set_format(Hdf5File& file, const std::string& format, int version, const std::string& made_by);

}  // namespace cheri::data
