// The scores of the loci of a split, collected on the device and copied to the host at once.
#pragma once

#include "cheri/parallel/communicator.hpp"
#include "cheri/train/metrics.hpp"

#include <vector>

namespace cheri::train {

/// A row is a locus: its T profile Pearsons and T JSDs, its G MNLLs, G observed and G predicted log-counts. All memory is
/// taken in the constructor.
class ScoreTable {
 public:
  ScoreTable(std::int64_t n_loci, const std::vector<int>& signal_groups);

  /// Where the scores of the loci [range.begin, range.end) go.
  [[nodiscard]] LocusScores<Device> rows(parallel::Range range) const;

  /// Waits for exec; the rows of the range, one after the other.
  [[nodiscard]] std::vector<double> to_host(const Device& exec, parallel::Range range) const;

  /// The scores that the rows of all loci hold, peaks first.
  [[nodiscard]] SplitScores scores(const std::vector<double>& rows, std::int64_t n_peaks) const;

 private:
  std::vector<int> m_signal_groups;
  std::size_t m_n_tracks;
  View<double**, Device> m_rows_NR;
  HostView<double**> m_host_NR;
};

}   // namespace cheri::train
