#include "cheri/train/score_table.hpp"

#include "cheri/base/check.hpp"

#include <numeric>

namespace cheri::train {

ScoreTable::ScoreTable(std::int64_t n_loci, const std::vector<int>& signal_groups)
    : m_signal_groups(signal_groups),
      m_n_tracks(static_cast<std::size_t>(std::reduce(signal_groups.begin(), signal_groups.end()))),
      m_rows_NR("cheri::train::scores", static_cast<std::size_t>(n_loci), 2 * m_n_tracks + 3 * signal_groups.size()),
      m_host_NR("cheri::train::scores", m_rows_NR.extent(0), m_rows_NR.extent(1)) {}

LocusScores<Device> ScoreTable::rows(parallel::Range range) const {
  std::size_t first = 0;
  const auto columns = [&](std::size_t n) {
    first += n;
    return Kokkos::subview(m_rows_NR, std::make_pair(range.begin, range.end), std::make_pair(first - n, first));
  };
  const std::size_t tracks = m_n_tracks, groups = m_signal_groups.size();
  return {columns(tracks), columns(tracks), columns(groups), columns(groups), columns(groups)};
}

std::vector<double> ScoreTable::to_host(const Device& exec, parallel::Range range) const {
  const auto of = [&](const auto& table_NR) {
    return Kokkos::subview(table_NR, std::make_pair(range.begin, range.end), Kokkos::ALL);
  };
  const auto host_NR = of(m_host_NR);
  Kokkos::deep_copy(exec, host_NR, of(m_rows_NR));
  exec.fence("cheri::train::ScoreTable::to_host");
  return {host_NR.data(), host_NR.data() + host_NR.size()};
}

SplitScores ScoreTable::scores(const std::vector<double>& rows, std::int64_t n_peaks) const {
  const std::size_t tracks = m_n_tracks, groups = m_signal_groups.size(), length = m_rows_NR.extent(1);
  CHERI_REQUIRE(rows.size() % length == 0, "rows of " << length << " scores cannot hold " << rows.size());
  SplitScores scores;
  scores.signal_groups = m_signal_groups;
  scores.n_peaks = n_peaks;
  scores.n_negatives = static_cast<std::int64_t>(rows.size() / length) - n_peaks;
  for (auto row = rows.begin(); row != rows.end();) {
    const auto move = [&](std::vector<double>& values, std::size_t n) {
      values.insert(values.end(), row, row + static_cast<std::ptrdiff_t>(n));
      row += static_cast<std::ptrdiff_t>(n);
    };
    move(scores.profile_pearson, tracks);
    move(scores.profile_jsd, tracks);
    move(scores.profile_mnll, groups);
    move(scores.observed, groups);
    move(scores.predicted, groups);
  }
  return scores;
}

}   // namespace cheri::train
