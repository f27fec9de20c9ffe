// Tables that tracks and examples files share: chromosomes, tracks, loci.
#pragma once

#include "cheri/data/hdf5.hpp"
#include "cheri/data/tracks.hpp"

#include <span>
#include <string>
#include <vector>

namespace cheri::data {

// Of a tracks file: /sequence/<chromosome> and /signal/<track>/<chromosome>.
std::string dataset_of(const Chromosome& chromosome);
std::string dataset_of(const Track& track, const Chromosome& chromosome);

/// Throws InputError, naming `path`, for names that are empty, not unique or hold a "/", and for lengths below 1.
void check_chromosomes(const std::string& path, const std::vector<Chromosome>& chromosomes);

/// Throws InputError, naming `path`, for names as above, no signal, unknown strands, and groups out of order.
void check_tracks(const std::string& path, const std::vector<Track>& tracks);

/// Throws InputError, naming `path` and `set`, for a locus outside its chromosome or a summit outside its locus.
void check_loci(const std::string& path, const std::string& set, const std::vector<Locus>& loci,
                const std::vector<Chromosome>& chromosomes);

// /tracks/{name,group,strand,role}
std::vector<Track> read_track_table(const Hdf5File& file);
void write_track_table(Hdf5File& file, const std::vector<Track>& tracks);

// <folder>/{chrom,start,end,summit}; chrom counts in /chromosomes. Summits may be missing. Not checked.
std::vector<Locus> read_locus_table(const Hdf5File& file, const std::string& folder);
void write_locus_table(Hdf5File& file, const std::string& folder, const std::vector<Locus>& loci);

/// Values of a signal: throws InputError("<path>: <what> holds -1 at ...") unless all are finite and not negative; the first
/// of them is element `first` of what is named.
void check_signal(const std::string& path, const std::string& what, std::span<const float> values, std::uint64_t first = 0);
/// Codes: throws likewise unless all are 0 to 4.
void check_codes(const std::string& path, const std::string& what, std::span<const Code> codes, std::uint64_t first = 0);

/// u8, u16, u32 or f32.
ElementType narrowest_type(std::span<const float> values);
/// The narrower of those types that holds what either does.
ElementType wider_of(ElementType a, ElementType b);

}   // namespace cheri::data
