// Text files read front to back, plain, gzip or bgzip (a bgzip file is a row of gzip members, which zlib reads as one).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct gzFile_s;

namespace cheri::data {

/// A buffered reader. Every damage that gzip can detect (a wrong checksum, an end cut off) is an InputError.
class TextInput {
 public:
  explicit TextInput(const std::string& path);
  ~TextInput();
  TextInput(const TextInput&) = delete;
  TextInput& operator=(const TextInput&) = delete;

  [[nodiscard]] const std::string& path() const { return m_path; }

  /// The bytes at hand; empty only at the end of the file.
  [[nodiscard]] std::string_view peek();

  /// Takes the first n of the bytes at hand, of which only the last may be a line feed.
  void take(std::size_t n);

  /// The next line without its line end (LF or CR LF); false at the end of the file. A line of more than 1 MiB is an error.
  bool line(std::string& out);

  /// The begin of a line, in the text as it was before it was packed.
  struct Position {
    std::int64_t byte = 0;
    std::int64_t lines_before = 0;
  };
  /// Of the line that comes next; only where the one before it has been taken to its end.
  [[nodiscard]] Position position() const { return {m_taken, m_line}; }
  /// Goes on at a line further down. A plain file is not read up to there, one of gzip is unpacked.
  void go_to(const Position& position);

  /// "path:7", the line to which the last byte taken belongs.
  [[nodiscard]] std::string place() const;

 private:
  void refill();

  std::string m_path;
  gzFile_s* m_file = nullptr;
  std::vector<char> m_buffer;
  std::size_t m_begin = 0, m_end = 0;
  std::int64_t m_taken = 0;   ///< bytes
  std::int64_t m_line = 0;    ///< of the last byte taken, from 1
  bool m_in_line = false;     ///< the last byte taken was no line feed
};

/// What stands in an error message for text from a file: in quotes, at most 80 characters, unprintable ones as "?".
std::string quoted(std::string_view text);

}   // namespace cheri::data
