#include "cheri/base/check.hpp"

#include <cerrno>
#include <cstring>

namespace cheri {

void fail(const char* condition, const char* file, int line, const std::string& message) {
  throw Error(std::string(file) + ":" + std::to_string(line) + ": " + message + " (" + condition + " does not hold)");
}

void fail_by_system(const std::string& what) { throw Error(what + ": " + std::strerror(errno)); }

}   // namespace cheri
