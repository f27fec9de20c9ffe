// Files, whole or not at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace cheri {

/// A file in the making: it has another name in the same folder until it is whole.
class PartFile {
 public:
  /// Throws InputError if `path` is a device or the like, which must not be replaced.
  PartFile(std::string path, std::string part);
  /// Removes what was not kept, unless it was there before and has not been made anew: that may be another process's.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  /// Where to write.
  [[nodiscard]] const std::string& part() const { return m_part; }
  /// It has been opened to write: it is this process's.
  void made() { m_owned = true; }
  /// When all is written and closed: the file is on the disk, and in its place. Throws Error naming the path and the
  /// system's reason; then the old file is untouched, or the new one in its place.
  void keep();
  /// The same of what is on the disk already.
  void put_in_place();

 private:
  std::string m_path, m_part;
  bool m_owned = false;   ///< until it is kept
};

/// Makes a folder, and those above it; it may be there. Throws Error naming it and the system's reason.
void make_folder(const std::string& path);

/// Write by way of a PartFile of this process. Throw Error naming the path and the system's reason.
void write_file(const std::string& path, std::span<const std::byte> bytes);
void write_text_file(const std::string& path, const std::string& text);

/// Throws InputError naming the path and the system's reason if the file cannot be opened, and Error if it cannot be read.
std::string read_text_file(const std::string& path);

}   // namespace cheri
