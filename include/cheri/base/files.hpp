// Text files, whole or not at all.
#pragma once

#include <string>

namespace cheri {

/// Writes to a temporary name beside `path` and renames. Throws Error naming the path and the system's reason; then the old
/// file is untouched.
void write_text_file(const std::string& path, const std::string& text);

/// Throws InputError naming the path and the system's reason.
std::string read_text_file(const std::string& path);

}   // namespace cheri
