#include "data/text_input.hpp"

#include "cheri/base/check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <zlib.h>

namespace cheri::data {

namespace {

constexpr std::size_t buffer_bytes = 1 << 18;
constexpr std::size_t longest_line = 1 << 20;

}   // namespace

TextInput::TextInput(const std::string& path) : m_path(path), m_buffer(buffer_bytes) {
  CHERI_REQUIRE_INPUT(!std::filesystem::is_directory(path), path << " is a folder, not a file");
  errno = 0;
  m_file = gzopen(path.c_str(), "rb");
  CHERI_REQUIRE_INPUT(m_file != nullptr, "cannot read " << path << ": " << std::strerror(errno));
  gzbuffer(m_file, buffer_bytes);
}

TextInput::~TextInput() { gzclose_r(m_file); }

void TextInput::refill() {
  const int n = gzread(m_file, m_buffer.data(), static_cast<unsigned>(m_buffer.size()));
  int status = Z_OK;
  const char* reason = gzerror(m_file, &status);
  // A file that ends inside a gzip member gives what could be read, and Z_BUF_ERROR.
  CHERI_REQUIRE_INPUT(status != Z_BUF_ERROR, m_path << " is truncated: its gzip data end too early");
  if (status == Z_ERRNO) fail_by_system("cannot read " + m_path);
  CHERI_REQUIRE_INPUT(n >= 0 && (status == Z_OK || status == Z_STREAM_END), m_path << " cannot be read: " << reason);
  m_begin = 0;
  m_end = static_cast<std::size_t>(n);
}

std::string_view TextInput::peek() {
  if (m_begin == m_end) refill();
  return {m_buffer.data() + m_begin, m_end - m_begin};
}

void TextInput::take(std::size_t n) {
  if (n == 0) return;
  if (!m_in_line) ++m_line;
  m_begin += n;
  m_taken += static_cast<std::int64_t>(n);
  m_in_line = m_buffer[m_begin - 1] != '\n';
}

void TextInput::go_to(const Position& position) {
  CHERI_REQUIRE(position.byte >= m_taken, m_path << ": byte " << position.byte << " lies behind");
  const auto ahead = static_cast<std::size_t>(position.byte - m_taken);
  if (ahead <= peek().size()) {   // also: zlib seeks only after it has read, and found the file to be plain
    m_begin += ahead;
  } else {
    CHERI_REQUIRE_INPUT(gzseek(m_file, position.byte, SEEK_SET) == position.byte,
                        m_path << " cannot be read from byte " << position.byte << " on");
    m_begin = m_end = 0;
  }
  m_taken = position.byte;
  m_line = position.lines_before;
  m_in_line = false;
}

bool TextInput::line(std::string& out) {
  out.clear();
  std::string_view rest = peek();
  if (rest.empty()) return false;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    out.append(rest.substr(0, length));
    const bool ended = length < rest.size();
    take(length + (ended ? 1 : 0));
    CHERI_REQUIRE_INPUT(out.size() <= longest_line, place() << ": a line of more than 1 MiB; this is no text of loci");
    if (ended) break;
    rest = peek();
  }
  if (!out.empty() && out.back() == '\r') out.pop_back();
  return true;
}

std::string TextInput::place() const { return m_path + ":" + std::to_string(m_line); }

std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string shown(text.substr(0, longest));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = c == '\t' ? ' ' : '?';
  }
  return '"' + shown + (text.size() > longest ? "...\"" : "\"");
}

}   // namespace cheri::data
