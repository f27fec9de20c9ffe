#include "cheri/train/metrics.hpp"

#include "cheri/base/check.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace cheri::train {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Field {
  const char* name;
  double GroupMetrics::*value;
};

constexpr std::array fields = {Field{"profile_pearson", &GroupMetrics::profile_pearson},
                               Field{"profile_mnll", &GroupMetrics::profile_mnll},
                               Field{"profile_jsd", &GroupMetrics::profile_jsd},
                               Field{"count_pearson", &GroupMetrics::count_pearson},
                               Field{"count_spearman", &GroupMetrics::count_spearman},
                               Field{"count_mse", &GroupMetrics::count_mse},
                               Field{"count_pearson_all", &GroupMetrics::count_pearson_all},
                               Field{"count_mse_all", &GroupMetrics::count_mse_all},
                               Field{"auroc", &GroupMetrics::auroc},
                               Field{"auprc", &GroupMetrics::auprc}};

bool any_nan(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

bool constant(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
}

double mean(const std::vector<double>& values) {
  return values.empty() ? nan : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double mean_squared_error(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> squares(x.size());
  std::transform(x.begin(), x.end(), y.begin(), squares.begin(), [](double a, double b) { return (a - b) * (a - b); });
  return mean(squares);
}

/// The order that sorts the values.
std::vector<std::size_t> ascending(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

/// Ranks from 1; equal values share the mean of their ranks.
std::vector<double> average_ranks(const std::vector<double>& values) {
  const std::vector<std::size_t> order = ascending(values);
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double shared = 0.5 * static_cast<double>(begin + 1 + end);
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = shared;
  }
  return ranks;
}

/// Rows [0, n_rows) and columns [begin, end) of a row-major array, flattened.
std::vector<double> columns(const std::vector<double>& values, std::int64_t n_rows, int n_columns, int begin, int end) {
  std::vector<double> taken;
  for (std::int64_t row = 0; row < n_rows; ++row) {
    const auto first = values.begin() + row * n_columns;
    taken.insert(taken.end(), first + begin, first + end);
  }
  return taken;
}

std::vector<double> without_nan(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return values;
}

void check_sizes(const SplitScores& scores) {
  const auto n = static_cast<std::size_t>(scores.n_peaks + scores.n_negatives);
  const std::size_t n_groups = scores.signal_groups.size();
  const auto n_tracks =
      static_cast<std::size_t>(std::accumulate(scores.signal_groups.begin(), scores.signal_groups.end(), 0));
  CHERI_REQUIRE(scores.profile_pearson.size() == n * n_tracks && scores.profile_jsd.size() == n * n_tracks,
                "profile scores must hold " << n << " loci of " << n_tracks << " tracks");
  CHERI_REQUIRE(scores.profile_mnll.size() == n * n_groups && scores.observed.size() == n * n_groups &&
                    scores.predicted.size() == n * n_groups,
                "count scores must hold " << n << " loci of " << n_groups << " groups");
}

GroupMetrics summarise_group(const SplitScores& scores, int g, int first_track, int n_tracks, int n_groups, int width) {
  const std::int64_t n_all = scores.n_peaks + scores.n_negatives;
  const auto of_tracks = [&](const std::vector<double>& values) {
    return columns(values, scores.n_peaks, n_tracks, first_track, first_track + width);
  };
  const auto of_group = [&](const std::vector<double>& values, std::int64_t n) {
    return columns(values, n, n_groups, g, g + 1);
  };
  GroupMetrics metrics;
  metrics.profile_pearson = mean(of_tracks(scores.profile_pearson));
  metrics.profile_jsd = mean(without_nan(of_tracks(scores.profile_jsd)));
  metrics.profile_mnll = mean(of_group(scores.profile_mnll, scores.n_peaks));

  const std::vector<double> observed = of_group(scores.observed, scores.n_peaks);
  const std::vector<double> predicted = of_group(scores.predicted, scores.n_peaks);
  metrics.count_pearson = pearson(predicted, observed);
  metrics.count_spearman = spearman(predicted, observed);
  metrics.count_mse = mean_squared_error(predicted, observed);

  const bool has_negatives = scores.n_negatives > 0;
  const std::vector<double> all_observed = of_group(scores.observed, n_all);
  const std::vector<double> all_predicted = of_group(scores.predicted, n_all);
  metrics.count_pearson_all = has_negatives ? pearson(all_predicted, all_observed) : nan;
  metrics.count_mse_all = has_negatives ? mean_squared_error(all_predicted, all_observed) : nan;

  std::vector<bool> is_peak(static_cast<std::size_t>(n_all));
  std::fill_n(is_peak.begin(), scores.n_peaks, true);
  metrics.auroc = auroc(all_predicted, is_peak);
  metrics.auprc = auprc(all_predicted, is_peak);
  return metrics;
}

nlohmann::ordered_json to_json(const GroupMetrics& metrics) {
  nlohmann::ordered_json json;
  for (const Field& field : fields) json[field.name] = metrics.*field.value;
  return json;
}

}   // namespace

double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  CHERI_REQUIRE(x.size() == y.size(), "cannot correlate " << x.size() << " values with " << y.size());
  if (x.empty() || constant(x) || constant(y)) return nan;
  const double mean_x = mean(x);
  const double mean_y = mean(y);
  double covariance = 0;
  double variance_x = 0;
  double variance_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - mean_x;
    const double dy = y[i] - mean_y;
    covariance += dx * dy;
    variance_x += dx * dx;
    variance_y += dy * dy;
  }
  return covariance / (std::sqrt(variance_x) * std::sqrt(variance_y));
}

double spearman(const std::vector<double>& x, const std::vector<double>& y) {
  if (any_nan(x) || any_nan(y)) return nan;
  return pearson(average_ranks(x), average_ranks(y));
}

double auroc(const std::vector<double>& score, const std::vector<bool>& positive) {
  CHERI_REQUIRE(score.size() == positive.size(), score.size() << " scores need as many labels, not " << positive.size());
  const auto n_positive = static_cast<double>(std::count(positive.begin(), positive.end(), true));
  const double n_negative = static_cast<double>(score.size()) - n_positive;
  if (n_positive == 0 || n_negative == 0 || any_nan(score)) return nan;
  const std::vector<double> ranks = average_ranks(score);
  double rank_sum = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) rank_sum += positive[i] ? ranks[i] : 0;
  return (rank_sum - 0.5 * n_positive * (n_positive + 1)) / (n_positive * n_negative);
}

double auprc(const std::vector<double>& score, const std::vector<bool>& positive) {
  CHERI_REQUIRE(score.size() == positive.size(), score.size() << " scores need as many labels, not " << positive.size());
  const auto n_positive = static_cast<double>(std::count(positive.begin(), positive.end(), true));
  if (n_positive == 0 || n_positive == static_cast<double>(score.size()) || any_nan(score)) return nan;
  std::vector<std::size_t> order = ascending(score);
  std::reverse(order.begin(), order.end());
  double found = 0;
  double area = 0;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    const double found_before = found;
    for (; end < order.size() && score[order[end]] == score[order[begin]]; ++end) found += positive[order[end]] ? 1 : 0;
    area += (found - found_before) / n_positive * (found / static_cast<double>(end));
  }
  return area;
}

Metrics summarise(const SplitScores& scores) {
  check_sizes(scores);
  const int n_groups = static_cast<int>(scores.signal_groups.size());
  const int n_tracks = std::accumulate(scores.signal_groups.begin(), scores.signal_groups.end(), 0);
  Metrics metrics;
  int first_track = 0;
  for (int g = 0; g < n_groups; ++g) {
    const int width = scores.signal_groups[static_cast<std::size_t>(g)];
    metrics.groups.push_back(summarise_group(scores, g, first_track, n_tracks, n_groups, width));
    first_track += width;
  }
  for (const Field& field : fields) {
    std::vector<double> values;
    for (const GroupMetrics& group : metrics.groups) values.push_back(group.*field.value);
    metrics.mean.*field.value = mean(values);
  }
  return metrics;
}

double selection_score(const Metrics& metrics, Criterion criterion) {
  const auto number = [](double value) { return std::isnan(value) ? 0 : value; };
  std::vector<double> values;
  for (const GroupMetrics& group : metrics.groups) {
    if (criterion != Criterion::profile_pearson) values.push_back(number(group.count_pearson));
    if (criterion != Criterion::count_pearson) values.push_back(number(group.profile_pearson));
  }
  return mean(values);
}

std::string to_json(const Metrics& metrics) {
  nlohmann::ordered_json json;
  json["mean"] = to_json(metrics.mean);
  json["groups"] = nlohmann::ordered_json::array();
  for (const GroupMetrics& group : metrics.groups) json["groups"].push_back(to_json(group));
  return json.dump(2) + "\n";
}

}   // namespace cheri::train
