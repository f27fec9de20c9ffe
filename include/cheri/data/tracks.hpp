// The tracks file: a genome, its signals and controls and its loci, position by position. README documents the layout.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/data/hdf5.hpp"
#include "cheri/data/loci.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::data {

/// One signal or control channel. Tracks of one group share a log-count (a stranded pair is a group of two).
struct Track {
  std::string name;
  int group = 0;
  std::string strand = ".";   ///< "+", "-" or "."
  bool control = false;
};

struct Chromosome {
  std::string name;
  std::int64_t length = 0;
};

/// Reads a tracks file piece by piece; nothing but the index is held in memory.
class TracksFile {
 public:
  explicit TracksFile(const std::string& path);

  [[nodiscard]] const std::string& path() const { return m_file.path(); }
  [[nodiscard]] const std::vector<Chromosome>& chromosomes() const { return m_chromosomes; }
  [[nodiscard]] const std::vector<Track>& tracks() const { return m_tracks; }
  [[nodiscard]] std::vector<std::string> loci_sets() const;
  [[nodiscard]] std::vector<Locus> loci(const std::string& set) const;  ///< throws InputError naming the sets there are

  [[nodiscard]] std::vector<Code> sequence(int chromosome) const;
  /// The whole chromosome as float; all zero where the track has no data for it.
  [[nodiscard]] std::vector<float> signal(int track, int chromosome) const;
  [[nodiscard]] ElementType signal_type(int track) const;  ///< the narrowest type that is exact for every chromosome

  [[nodiscard]] int chromosome_index(const std::string& name) const;  ///< throws InputError naming those there are

 private:
  Hdf5File m_file;
  std::vector<Chromosome> m_chromosomes;
  std::vector<Track> m_tracks;
};

/// Writes a tracks file, chromosome by chromosome. Layout and chunking do not depend on who wrote what.
class TracksWriter {
 public:
  /// Writes to `path` + ".part" and renames in close(): a file of the final name is always whole.
  TracksWriter(const std::string& path, std::vector<Chromosome> chromosomes, std::vector<Track> tracks,
               const std::string& made_by);

  void sequence(int chromosome, const std::vector<Code>& codes);
  /// Chooses the narrowest exact type of u8, u16, u32, f32 for this chromosome; all-zero chunks are not stored.
  void signal(int track, int chromosome, const std::vector<float>& values);
  void loci(const std::string& set, const std::vector<Locus>& loci);
  void close();

 private:
  std::string m_path;
  Hdf5File m_file;
  std::vector<Chromosome> m_chromosomes;
  std::vector<Track> m_tracks;
};

}  // namespace cheri::data
