// Files that are whole or not there: a 512-byte block in front holds a checksum of the rest, and writing is atomic. HDF5
// skips such a block ("user block").
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cheri::train {

inline constexpr std::size_t seal_bytes = 512;
inline constexpr int seal_version = 1;

/// The lines "CHERICKP", "format_version 1" and "sha256 <64 hexadecimal digits>", then zeros up to seal_bytes.
std::string make_seal(const std::string& sha256);

/// Writes the seal into the first seal_bytes of `bytes`, which are otherwise ignored, and all of it to `path`: under a
/// temporary name, fsynced, renamed, and the folder fsynced. Throws Error naming the path and the system's reason.
void write_sealed(const std::string& path, std::vector<std::byte>& bytes);

/// Throws InputError if the file cannot be read, has no seal, has one of a newer version, or is not what was sealed.
void verify_seal(const std::string& path);

}   // namespace cheri::train
