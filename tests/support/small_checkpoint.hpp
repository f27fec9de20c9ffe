// A checkpoint of a tiny model with something in every field.
#pragma once

#include "cheri/train/checkpoint.hpp"
#include "support/model_case.hpp"

namespace cheri::testing {

inline train::Checkpoint small_checkpoint() {
  train::Checkpoint checkpoint;
  checkpoint.shape = small_shape(3, 1, {1, 2}, 1, 30, 10);
  checkpoint.config = "name = \"small\"\n";
  checkpoint.made_by = "a test";
  train::TrainState& state = checkpoint.state;
  const nn::ParameterTable table(checkpoint.shape);
  const auto initial = nn::initial_parameters(table, 1);
  state.parameters.assign(initial.data(), initial.data() + initial.size());
  state.ema = state.moment1 = state.moment2 = state.parameters;
  state.ema.back() = 5;
  state.step = 123;
  state.epoch = 4;
  state.epoch_step = 3;
  state.loss_weights_frozen = true;
  state.lw0_gradient = 0.5;
  state.best_metric = 0.75;
  state.best_epoch = 2;
  state.epochs_without_better = 1;
  state.epoch_losses = {1, 2, 3, 4};
  state.epoch_seconds = 1.5;
  state.log.resize(2);
  state.log[1].epoch = 1;
  state.log[1].validation_mnll = 100.25;
  state.log[1].saved = true;
  return checkpoint;
}

}   // namespace cheri::testing
