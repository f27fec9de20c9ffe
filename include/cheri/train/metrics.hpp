// Held-out metrics, from per-locus values in locus order, in double: the same bits for any number of ranks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/nn/model.hpp"

#include <string>
#include <vector>

namespace cheri::train {

/// Per-locus values of one batch, computed where the predictions are. T tracks, G groups.
template <class Exec>
struct LocusScores {
  View<double**, Exec> profile_pearson_NT;  ///< softmax over positions against raw counts; 0 if either is constant
  View<double**, Exec> profile_jsd_NT;      ///< natural log; NaN for a channel without counts
  View<double**, Exec> profile_mnll_NG;     ///< multinomial NLL over a group's channels and positions, with lgamma terms
  View<double**, Exec> log_counts_NG;       ///< log(1 + observed counts of the group)
};

/// One launch over (example, track) and (example, group); sums in double, in a fixed order.
template <class Exec>
void score_loci(const Exec& exec, const LocusScores<Exec>& scores, const nn::ModelOutput<float, Exec>& predicted,
                const View<const float***, Exec>& signal_NTW, const std::vector<int>& signal_groups);

/// The values of all loci of a split, on the host, in locus order, peaks first.
struct SplitScores {
  std::vector<int> signal_groups;
  std::int64_t n_peaks = 0, n_negatives = 0;
  std::vector<double> profile_pearson;   ///< (n, T)
  std::vector<double> profile_jsd;       ///< (n, T)
  std::vector<double> profile_mnll;      ///< (n, G)
  std::vector<double> observed;          ///< (n, G) log(1 + counts)
  std::vector<double> predicted;         ///< (n, G) log-counts
};

struct GroupMetrics {
  double profile_pearson = 0, profile_mnll = 0, profile_jsd = 0;
  double count_pearson = 0, count_spearman = 0, count_mse = 0;               ///< over peaks
  double count_pearson_all = 0, count_mse_all = 0;                           ///< over peaks and negatives
  double auroc = 0, auprc = 0;                                               ///< peaks against negatives
};

struct Metrics {
  std::vector<GroupMetrics> groups;
  GroupMetrics mean;                     ///< over groups
};

/// Profile metrics over peaks (as the public package's validation does); see spec.md. NaN where a metric has no meaning
/// (no negatives, a constant), never an error.
Metrics summarise(const SplitScores& scores);

double pearson(const std::vector<double>& x, const std::vector<double>& y);    ///< NaN if either is constant
double spearman(const std::vector<double>& x, const std::vector<double>& y);   ///< average ranks for ties
double auroc(const std::vector<double>& score, const std::vector<bool>& positive);  ///< ties count half
double auprc(const std::vector<double>& score, const std::vector<bool>& positive);  ///< average precision

std::string to_json(const Metrics& metrics);

}  // namespace cheri::train
