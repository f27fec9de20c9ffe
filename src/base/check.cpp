#include "cheri/base/check.hpp"

namespace cheri {

void fail(const char* condition, const char* file, int line, const std::string& message) {
  throw Error(std::string(file) + ":" + std::to_string(line) + ": " + message + " (" + condition + " does not hold)");
}

}   // namespace cheri
