#include "cheri/base/files.hpp"

#include "cheri/base/check.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace cheri {

namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : m_descriptor(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return m_descriptor; }
  bool close() { return m_descriptor < 0 || ::close(std::exchange(m_descriptor, -1)) == 0; }

 private:
  int m_descriptor;
};

bool write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

void require_written(bool success, const std::string& path) {
  if (!success) fail_by_system("cannot write " + path);
}

}   // namespace

PartFile::PartFile(std::string path, std::string part) : m_path(std::move(path)), m_part(std::move(part)) {
  std::error_code ignored;
  const auto there = std::filesystem::status(m_path, ignored);
  CHERI_REQUIRE_INPUT(!std::filesystem::is_other(there), m_path << " is no file; what is written is put in its place whole");
  m_owned = std::filesystem::symlink_status(m_part, ignored).type() == std::filesystem::file_type::not_found;
}

PartFile::~PartFile() {
  if (m_owned) ::unlink(m_part.c_str());
}

void PartFile::keep() {
  const Descriptor file(m_part, O_RDONLY);
  require_written(file.get() >= 0 && ::fsync(file.get()) == 0, m_path);
  put_in_place();
}

void PartFile::put_in_place() {
  require_written(::rename(m_part.c_str(), m_path.c_str()) == 0, m_path);
  m_owned = false;
  const std::string parent = std::filesystem::path(m_path).parent_path().string();
  const Descriptor folder(parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY);
  if (folder.get() < 0 && errno == EACCES) return;   // a folder to write to, not to read
  require_written(folder.get() >= 0, m_path);
  require_written(::fsync(folder.get()) == 0 || errno == EINVAL, m_path);   // some file systems have no such call
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Error("cannot make the folder " + path + ": " + error.message());
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  PartFile part(path, path + ".part-" + std::to_string(::getpid()));
  Descriptor file(part.part(), O_WRONLY | O_CREAT | O_TRUNC);
  require_written(file.get() >= 0, path);
  part.made();
  require_written(write_all(file.get(), bytes) && ::fsync(file.get()) == 0 && file.close(), path);
  part.put_in_place();
}

void write_text_file(const std::string& path, const std::string& text) { write_file(path, std::as_bytes(std::span(text))); }

std::string read_text_file(const std::string& path) {
  std::error_code ignored;   // opening says what is wrong
  CHERI_REQUIRE_INPUT(!std::filesystem::is_directory(path, ignored), path << " is a folder, not a file");
  const Descriptor file(path, O_RDONLY);
  CHERI_REQUIRE_INPUT(file.get() >= 0, "cannot read " << path << ": " << std::strerror(errno));
  std::string text;
  std::array<char, 65536> buffer;
  while (const ssize_t n = ::read(file.get(), buffer.data(), buffer.size())) {
    if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
    else if (errno != EINTR) fail_by_system("cannot read " + path);
  }
  return text;
}

}   // namespace cheri
