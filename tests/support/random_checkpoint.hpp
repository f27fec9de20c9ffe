// A checkpoint of a small model that predicts something, for data of the tracks in small_tracks.hpp.
#pragma once

#include "cheri/train/checkpoint.hpp"
#include "support/op_cases.hpp"

namespace cheri::testing {

inline nn::ModelShape shape_of_small_tracks() { return small_shape(6, 2, {2, 1}, 2, 60, 20); }

/// Parameters and their moving average are different random numbers.
inline train::Checkpoint random_checkpoint() {
  train::Checkpoint checkpoint;
  checkpoint.shape = shape_of_small_tracks();
  const auto n = static_cast<std::uint64_t>(nn::ParameterTable(checkpoint.shape).size());
  for (std::uint64_t i = 0; i < n; ++i) {
    checkpoint.state.parameters.push_back(static_cast<float>(0.2 * counter_normal(1, i)));
    checkpoint.state.ema.push_back(static_cast<float>(0.2 * counter_normal(2, i)));
  }
  checkpoint.state.moment1 = checkpoint.state.moment2 = std::vector<float>(n, 0);
  return checkpoint;
}

}   // namespace cheri::testing
