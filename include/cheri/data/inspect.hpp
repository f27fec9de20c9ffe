// What is in a tracks or an examples file; as JSON text.
#pragma once

#include <string>

namespace cheri::data {

/// Format, what made it, chromosomes, tracks with element type and total, loci with counts, windows. Throws InputError for
/// what is neither.
std::string inspect_file(const std::string& path);

}   // namespace cheri::data
