#include "cheri/base/files.hpp"

#include "cheri/base/check.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

namespace cheri {

void write_text_file(const std::string& path, const std::string& text) {
  const std::string part = path + ".part-" + std::to_string(getpid());
  std::FILE* const file = std::fopen(part.c_str(), "wb");
  CHERI_REQUIRE(file != nullptr, "cannot write " << part << ": " << std::strerror(errno));
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int write_error = errno;
  const bool closed = std::fclose(file) == 0;
  if (written && closed && std::rename(part.c_str(), path.c_str()) == 0) return;
  const int error = written ? errno : write_error;
  std::remove(part.c_str());
  throw Error("cannot write " + path + ": " + std::strerror(error));
}

std::string read_text_file(const std::string& path) {
  CHERI_REQUIRE_INPUT(!std::filesystem::is_directory(path), path << " is a folder, not a file");
  std::ifstream file(path, std::ios::binary);
  CHERI_REQUIRE_INPUT(file.good(), "cannot read " << path << ": " << std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}   // namespace cheri
