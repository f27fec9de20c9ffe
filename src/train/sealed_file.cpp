#include "sealed_file.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/digest.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace cheri::train {

namespace {

constexpr const char* magic = "CHERICKP";

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : m_descriptor(descriptor) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return m_descriptor; }
  bool close() {
    const bool closed = m_descriptor < 0 || ::close(m_descriptor) == 0;
    m_descriptor = -1;
    return closed;
  }

 private:
  int m_descriptor;
};

/// Removes the file unless told to keep it.
class Temporary {
 public:
  explicit Temporary(std::string path) : m_path(std::move(path)) {}
  ~Temporary() {
    if (!m_kept) ::unlink(m_path.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  [[nodiscard]] const char* path() const { return m_path.c_str(); }
  void keep() { m_kept = true; }

 private:
  std::string m_path;
  bool m_kept = false;
};

bool write_all(int descriptor, const std::vector<std::byte>& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) done += static_cast<std::size_t>(written);
  }
  return true;
}

/// For the outcome of a system call.
void require_written(bool success, const std::string& path) {
  if (!success) throw Error("cannot write " + path + ": " + std::strerror(errno));
}

void sync_folder(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  require_written(descriptor.get() >= 0, path);
  require_written(::fsync(descriptor.get()) == 0 || errno == EINVAL, path);   // some file systems have no such call
}

void write_atomically(const std::string& path, const std::vector<std::byte>& bytes) {
  Temporary temporary(path + ".part-" + std::to_string(::getpid()));
  Descriptor file(::open(temporary.path(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  require_written(file.get() >= 0, path);
  require_written(write_all(file.get(), bytes), path);
  require_written(::fsync(file.get()) == 0, path);
  require_written(file.close(), path);
  require_written(::rename(temporary.path(), path.c_str()) == 0, path);
  temporary.keep();
  sync_folder(path);
}

std::string digest_of_rest(std::istream& in) {
  Sha256 digest;
  std::vector<char> buffer(std::size_t{1} << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    digest.update(buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  return digest.hex();
}

}   // namespace

std::string make_seal(const std::string& sha256) {
  std::string seal = std::string(magic) + "\nformat_version " + std::to_string(seal_version) + "\nsha256 " + sha256 + "\n";
  seal.resize(seal_bytes, '\0');
  return seal;
}

void write_sealed(const std::string& path, std::vector<std::byte>& bytes) {
  CHERI_REQUIRE(bytes.size() > seal_bytes, "there is nothing to seal");
  Sha256 digest;
  digest.update(bytes.data() + seal_bytes, bytes.size() - seal_bytes);
  const std::string seal = make_seal(digest.hex());
  std::memcpy(bytes.data(), seal.data(), seal_bytes);
  write_atomically(path, bytes);
}

void verify_seal(const std::string& path) {
  CHERI_REQUIRE_INPUT(!std::filesystem::is_directory(path), path << " is a folder, not a checkpoint");
  std::ifstream in(path, std::ios::binary);
  CHERI_REQUIRE_INPUT(in.good(), "cannot read " << path << ": " << std::strerror(errno));
  std::string seal(seal_bytes, '\0');
  in.read(seal.data(), static_cast<std::streamsize>(seal_bytes));
  CHERI_REQUIRE_INPUT(seal.starts_with(magic), path << " is no Cheri checkpoint: it does not begin with " << magic);

  std::istringstream words(seal);
  std::string word;
  int version = 0;
  std::string sealed;
  words >> word >> word >> version >> word >> sealed;
  CHERI_REQUIRE_INPUT(version <= seal_version,
                      path << " has checkpoint format " << version << ", and this program reads up to " << seal_version);
  const std::string actual = digest_of_rest(in);
  CHERI_REQUIRE_INPUT(seal == make_seal(actual), path << " is damaged or incomplete: its SHA-256 is " << actual
                                                      << ", and its head says " << sealed.substr(0, actual.size()));
}

}   // namespace cheri::train
