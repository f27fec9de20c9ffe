#include "tables.hpp"

#include <fmt/format.h>

namespace cheri::apps {
namespace {

std::string row(const std::string& predictor, const std::string& group, const train::GroupMetrics& m) {
  return fmt::format("{}\t{}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\n", predictor,
                     group, m.profile_pearson, m.profile_mnll, m.profile_jsd, m.count_pearson, m.count_spearman, m.count_mse,
                     m.count_pearson_all, m.count_mse_all, m.auroc, m.auprc);
}

std::string rows(const std::string& predictor, const train::Evaluation& evaluation, const train::Metrics& metrics) {
  std::string text;
  for (std::size_t g = 0; g < metrics.groups.size(); ++g)
    text += row(predictor, evaluation.group_names[g], metrics.groups[g]);
  return metrics.groups.size() > 1 ? text + row(predictor, "mean", metrics.mean) : text;
}

}   // namespace

std::string metrics_table(const train::Evaluation& evaluation) {
  return fmt::format("# {}: {} peaks, {} negatives; the baseline predicts the mean training profile and count\n",
                     evaluation.split, evaluation.scores.n_peaks, evaluation.scores.n_negatives) +
         "predictor\tgroup\tprofile_pearson\tprofile_mnll\tprofile_jsd\tcount_pearson\tcount_spearman\tcount_mse\t"
         "count_pearson_all\tcount_mse_all\tauroc\tauprc\n" +
         rows("model", evaluation, evaluation.model) + rows("baseline", evaluation, evaluation.baseline);
}

}   // namespace cheri::apps
