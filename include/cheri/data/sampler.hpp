// The order of an epoch, bit-equal to the public package's (numpy's legacy generator).
#pragma once

#include <cstdint>
#include <vector>

namespace cheri::data {

/// One example of a batch, as the gather kernel reads it.
struct Draw {
  std::int32_t example = 0;              ///< index into the example set
  std::int32_t offset = 0;               ///< first column of the window in the record; max_jitter = centred
  std::int32_t reverse_complement = 0;   ///< 0 or 1
};

struct SamplerSpec {
  std::uint64_t seed = 0;
  std::int64_t n_peaks = 0;
  std::int64_t n_negatives = 0;
  double negative_ratio = 0.25;
  int max_jitter = 500;
  bool reverse_complement = true;
};

/// The draws of an epoch as the public package makes them: label 1 for a peak, source counting within peaks or negatives,
/// jitter 0 for negatives.
struct EpochDraws {
  std::vector<std::int64_t> label, source, jitter, reverse_complement;
};

/// numpy.random.RandomState((base + epoch * 2654435761) mod (2^31 - 1)), base = seed mod (2^31 - 1); spec.md, Data.
EpochDraws epoch_draws(const SamplerSpec& spec, std::int64_t epoch);

/// Entries of one epoch: n_peaks + int(n_peaks * negative_ratio) draws (no negatives where there are none).
/// Example indices count peaks first, then negatives. Without reverse_complement the draws are made and ignored.
std::vector<Draw> epoch_order(const SamplerSpec& spec, std::int64_t epoch);

/// Every example once, in order, centred and unreversed: what validation and prediction read.
std::vector<Draw> centred_order(std::int64_t n_examples, int max_jitter);

}   // namespace cheri::data
