// The tracks file: a genome, its signals and controls and its loci, position by position. README documents the layout.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/hdf5.hpp"
#include "cheri/data/loci.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

inline constexpr const char* tracks_format = "cheri-tracks";
inline constexpr int tracks_format_version = 1;

/// One signal or control channel. Tracks of one group share a log-count (a stranded pair is a group of two). Signals come
/// first, then controls; the groups of each count from 0 and stand together.
struct Track {
  std::string name;
  int group = 0;
  std::string strand = ".";   ///< "+", "-" or "."
  bool control = false;

  bool operator==(const Track&) const = default;
};

struct Chromosome {
  std::string name;
  std::int64_t length = 0;

  bool operator==(const Chromosome&) const = default;
};

/// Reads a tracks file piece by piece; nothing but the index is held in memory. Throws InputError naming file, dataset and
/// value for whatever is missing, damaged or impossible.
class TracksFile {
 public:
  explicit TracksFile(const std::string& path);

  [[nodiscard]] const std::string& path() const { return m_file.path(); }
  [[nodiscard]] std::string made_by() const;   ///< the command
  [[nodiscard]] const std::vector<Chromosome>& chromosomes() const { return m_chromosomes; }
  [[nodiscard]] const std::vector<Track>& tracks() const { return m_tracks; }

  [[nodiscard]] std::vector<std::string> loci_sets() const;
  [[nodiscard]] std::vector<Locus> loci(const std::string& set) const;   ///< throws InputError naming the sets there are
  [[nodiscard]] LociReport left_out(const std::string& set) const;       ///< by import, as it told the writer

  [[nodiscard]] std::vector<Code> sequence(int chromosome) const;
  /// The whole chromosome as float; all zero where the track has no data for it.
  [[nodiscard]] std::vector<float> signal(int track, int chromosome) const;
  /// The sum over the chromosome, from the file's index where it is there.
  [[nodiscard]] double total(int track, int chromosome) const;
  [[nodiscard]] ElementType signal_type(int track) const;   ///< the narrowest type that is exact for every chromosome

  [[nodiscard]] int chromosome_index(const std::string& name) const;   ///< throws InputError naming those there are

 private:
  Hdf5File m_file;
  std::vector<Chromosome> m_chromosomes;
  std::vector<Track> m_tracks;
};

struct PackedPositions;   // of this room

/// Writes a tracks file, chromosome by chromosome. Layout and chunking do not depend on who wrote what; the order of the
/// calls shows in the bytes.
class TracksWriter {
 public:
  /// Writes to `path` + ".part" and renames in close(): a file of the final name is always whole. Throws InputError for
  /// names that are empty, not unique or hold a "/", and for groups out of order.
  TracksWriter(const std::string& path, std::vector<Chromosome> chromosomes, std::vector<Track> tracks,
               const std::string& made_by);

  void sequence(int chromosome, const std::vector<Code>& codes);
  /// Chooses the narrowest exact type of u8, u16, u32, f32 for this chromosome; all-zero chunks are not stored. Values must
  /// be finite and not negative.
  void signal(int track, int chromosome, const std::vector<float>& values);
  /// The same of what pack_sequence and pack_signal have made, here or on another rank. Throw Error if chunks are missing.
  void sequence(int chromosome, const PackedPositions& packed);
  void signal(int track, int chromosome, const PackedPositions& packed);
  /// `left_out` says what was dropped before, for TracksFile::left_out; its `kept` is not looked at.
  void loci(const std::string& set, const std::vector<Locus>& loci, const LociReport& left_out = {});
  /// Throws Error if a chromosome has no sequence.
  void close();

 private:
  void write(const std::string& dataset, std::int64_t length, const PackedPositions& packed);

  Hdf5File m_file;
  std::vector<Chromosome> m_chromosomes;
  std::vector<Track> m_tracks;
};

}   // namespace cheri::data
