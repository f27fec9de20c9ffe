// How a training step scales over ranks: measured on those that there are, and predicted for more by a small model.
#pragma once

#include "cheri/parallel/communicator.hpp"
#include "cheri/train/benchmark.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cheri::train {

/// A step of one rank that exchanges nothing, while every other rank takes one too.
struct LocalStep {
  int examples = 0;
  double milliseconds = 0;
};

/// The sum of a row of `floats` over ranks, as Reducer takes it: each sends its parts of the row to all others, adds what it
/// gets, and sends its part of the sum to all.
struct Exchange {
  int ranks = 0;
  std::int64_t floats = 0;
  double milliseconds = 0;

  [[nodiscard]] double messages() const { return 2.0 * (ranks - 1); }   ///< that each rank sends
  [[nodiscard]] double bytes() const { return 2.0 * sizeof(float) * static_cast<double>(floats) * (ranks - 1) / ranks; }
};

/// seconds of an exchange = start + messages * latency + bytes / bandwidth, messages and bytes those of one rank.
struct ExchangeModel {
  double start = 0;       ///< seconds
  double latency = 0;     ///< seconds a message
  double bandwidth = 0;   ///< bytes a second
  int ranks_of_node = 8;

  /// Of the sum over ranks, in one exchange or, on several nodes, in one within them and one between them.
  [[nodiscard]] double seconds_of_sum(int ranks, std::int64_t floats) const;
  [[nodiscard]] double seconds(const Exchange& exchange) const {
    return start + exchange.messages() * latency + exchange.bytes() / bandwidth;
  }
};

/// The start and the bandwidth, neither below 0, with the least squares of relative errors, for messages of this latency.
/// Throws InputError without two exchanges of different sizes.
ExchangeModel fit(const std::vector<Exchange>& exchanges, double latency);

/// A training step of `ranks` ranks with `batch` examples in all.
struct ScaledStep {
  int ranks = 0;
  int batch = 0;
  double milliseconds = 0;            ///< predicted: a local step, then the exchange, one after the other
  double exchange_milliseconds = 0;   ///< of these
  double examples_per_second = 0;
  double efficiency = 0;   ///< of a rank, beside one rank alone on as many examples a rank (weak) or all of them (strong)
  double measured_milliseconds = 0;   ///< 0: not measured
};

struct Scaling {
  std::vector<LocalStep> steps;
  std::string transport;   ///< of the exchanges, and which others would not do; empty for a lone rank
  std::vector<Exchange> exchanges;
  ExchangeModel model;
  std::vector<ScaledStep> strong;   ///< the spec's batch, shared by as many ranks as its slices allow
  std::vector<ScaledStep> weak;     ///< the spec's batch on each of 2 to 512 ranks
};

/// What the predictions take for granted, a sentence each.
std::vector<std::string> scaling_assumptions(int ranks_of_node);

/// Measures local steps of the whole batch and of its halves, quarters, ... down to one gradient slice, exchanges of the
/// model's row and of smaller ones over 2, 4, ... ranks, and the steps of all ranks; predicts the rest. `given`: numbers
/// other than 0 take the place of measured ones, so that one rank can predict; its nodes are those predicted. Collective.
/// Throws InputError for an odd number of ranks without both numbers, and as measure_parts does.
Scaling measure_scaling(const parallel::Communicator& communicator, const BenchmarkSpec& spec, const ExchangeModel& given);

}   // namespace cheri::train
