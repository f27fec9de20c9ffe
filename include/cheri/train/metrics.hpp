// Held-out metrics, from per-locus values in locus order, in double: the same bits for any number of ranks.
#pragma once

#include "cheri/base/types.hpp"
#include "cheri/nn/model.hpp"

#include <string>
#include <vector>

namespace cheri::train {

/// Per-locus values of one batch, computed where the predictions are; rows may be apart. T tracks, G groups.
template <class Exec>
struct LocusScores {
  View<double**, Exec> profile_pearson_NT;   ///< softmax over positions against raw counts; 0 if either is constant
  View<double**, Exec> profile_jsd_NT;       ///< natural log; NaN for a channel without counts
  View<double**, Exec> profile_mnll_NG;      ///< multinomial NLL over a group's channels and positions, with lgamma terms
  View<double**, Exec> observed_NG;          ///< log(1 + counts of the group)
  View<double**, Exec> predicted_NG;         ///< log-counts
};

/// Scores the N examples of `predicted` and signal_NTW; sums in double, in an order that neither threads nor N change. The
/// bits of a locus are the same on every run on one kind of device. Throws Error if the shapes disagree.
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
  double profile_pearson = 0, profile_mnll = 0, profile_jsd = 0;   ///< means over peaks (and channels)
  double count_pearson = 0, count_spearman = 0, count_mse = 0;     ///< over peaks
  double count_pearson_all = 0, count_mse_all = 0;                 ///< over peaks and negatives
  double auroc = 0, auprc = 0;                                     ///< predicted counts, peaks against negatives
};

struct Metrics {
  std::vector<GroupMetrics> groups;
  GroupMetrics mean;   ///< over groups; NaN where a group's is NaN
};

/// Profile metrics over peaks, as the public package's validation does; channels without counts are left out of the JSD.
/// NaN where a metric has no meaning (no peaks, no negatives, a constant), never an error; throws Error if the sizes of the
/// arrays disagree.
Metrics summarise(const SplitScores& scores);

/// What the best epoch has the most of: a Pearson correlation over the peaks of the validation set, or the mean of both.
enum class Criterion { count_pearson, profile_pearson, mean_pearson };

/// The mean over groups, with NaN as 0.
double selection_score(const Metrics& metrics, Criterion criterion);

// Of two lists of equal length; NaN if a value is NaN.
double pearson(const std::vector<double>& x, const std::vector<double>& y);    ///< NaN if either is constant
double spearman(const std::vector<double>& x, const std::vector<double>& y);   ///< average ranks for ties
/// The chance that a positive scores above a negative, ties counting half; NaN without positives or negatives.
double auroc(const std::vector<double>& score, const std::vector<bool>& positive);
/// Average precision: the sum over distinct thresholds, falling, of (recall - recall before) * precision; NaN without
/// positives or negatives.
double auprc(const std::vector<double>& score, const std::vector<bool>& positive);

/// {"mean": {metric: value}, "groups": [{metric: value}]}, with null for NaN.
std::string to_json(const Metrics& metrics);

}   // namespace cheri::train
