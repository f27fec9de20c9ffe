#include "cheri/data/sampler.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"

#include <algorithm>

namespace cheri::data {
namespace {

constexpr std::uint64_t seed_bound = 2147483647;   // 2^31 - 1
constexpr std::uint64_t epoch_stride = 2654435761;

std::uint32_t seed_of(std::uint64_t seed, std::int64_t epoch) {
  const std::uint64_t base = seed % seed_bound;
  return static_cast<std::uint32_t>((base + static_cast<std::uint64_t>(epoch) % seed_bound * (epoch_stride % seed_bound)) %
                                    seed_bound);
}

}   // namespace

EpochDraws epoch_draws(const SamplerSpec& spec, std::int64_t epoch) {
  CHERI_REQUIRE_INPUT(spec.n_peaks >= 1, "there are no training peaks");
  const auto wanted = static_cast<std::int64_t>(static_cast<double>(spec.n_peaks) * spec.negative_ratio);
  const std::int64_t n_negatives = spec.n_negatives > 0 ? wanted : 0;
  const std::int64_t n = spec.n_peaks + n_negatives;
  NumpyRandom random(seed_of(spec.seed, epoch));
  const std::vector<std::int64_t> peaks = random.permutation(spec.n_peaks);
  std::vector<std::int64_t> ordered_labels(static_cast<std::size_t>(n), 0);
  std::fill_n(ordered_labels.begin(), spec.n_peaks, 1);
  EpochDraws draws;
  draws.label = random.permutation(ordered_labels);
  const std::vector<std::int64_t> negatives = random.integers(std::max<std::int64_t>(1, spec.n_negatives), n_negatives);
  draws.jitter = random.integers(2 * spec.max_jitter + 1, n);
  draws.reverse_complement = random.integers(2, n);

  auto peak = peaks.begin();
  auto negative = negatives.begin();
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    const bool is_peak = draws.label[i] == 1;
    draws.source.push_back(is_peak ? *peak++ : *negative++);
    if (!is_peak) draws.jitter[i] = 0;
  }
  return draws;
}

std::vector<Draw> epoch_order(const SamplerSpec& spec, std::int64_t epoch) {
  const EpochDraws draws = epoch_draws(spec, epoch);
  std::vector<Draw> order(draws.label.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool is_peak = draws.label[i] == 1;
    order[i].example = static_cast<std::int32_t>(draws.source[i] + (is_peak ? 0 : spec.n_peaks));
    order[i].offset = is_peak ? static_cast<std::int32_t>(draws.jitter[i]) : spec.max_jitter;
    order[i].reverse_complement = spec.reverse_complement ? static_cast<std::int32_t>(draws.reverse_complement[i]) : 0;
  }
  return order;
}

std::vector<Draw> centred_order(std::int64_t n_examples, int max_jitter) {
  std::vector<Draw> order(static_cast<std::size_t>(n_examples));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = {static_cast<std::int32_t>(i), max_jitter, 0};
  return order;
}

}   // namespace cheri::data
