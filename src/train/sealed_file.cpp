#include "sealed_file.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/digest.hpp"
#include "cheri/base/files.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cheri::train {

namespace {

constexpr const char* magic = "CHERICKP";

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
  write_file(path, bytes);
}

void verify_seal(const std::string& path) {
  CHERI_REQUIRE_INPUT(!std::filesystem::is_directory(path), path << " is a folder, not a checkpoint");
  std::ifstream in(path, std::ios::binary);
  CHERI_REQUIRE_INPUT(in.good(), "cannot read " << path << ": " << std::strerror(errno));
  std::string seal(seal_bytes, '\0');
  in.read(seal.data(), static_cast<std::streamsize>(seal_bytes));
  if (in.bad()) fail_by_system("cannot read " + path);
  CHERI_REQUIRE_INPUT(seal.starts_with(magic), path << " is no Cheri checkpoint: it does not begin with " << magic);

  std::istringstream words(seal);
  std::string word;
  int version = 0;
  std::string sealed;
  words >> word >> word >> version >> word >> sealed;
  CHERI_REQUIRE_INPUT(version <= seal_version,
                      path << " has checkpoint format " << version << ", and this program reads up to " << seal_version);
  const std::string actual = digest_of_rest(in);
  if (in.bad()) fail_by_system("cannot read " + path);
  CHERI_REQUIRE_INPUT(seal == make_seal(actual), path << " is damaged or incomplete: its SHA-256 is " << actual
                                                      << ", and its head says " << sealed.substr(0, actual.size()));
}

}   // namespace cheri::train
