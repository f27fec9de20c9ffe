// Examples of an examples file.
#pragma once

#include "cheri/data/examples.hpp"
#include "cheri/data/hdf5.hpp"

#include <string>
#include <vector>

namespace cheri::data {

inline constexpr const char* examples_format = "cheri-examples";
inline constexpr int examples_format_version = 1;

Examples examples_of_file(Hdf5File file, const DataSpec& spec, const Selection& selection);

/// Signals, then controls.
std::vector<Track> tracks_of_file(const Hdf5File& file);

}   // namespace cheri::data
