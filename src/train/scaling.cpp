#include "cheri/train/scaling.hpp"

#include "cheri/base/check.hpp"
#include "cheri/parallel/backend.hpp"
#include "cheri/parallel/reducer.hpp"
#include "train/timing.hpp"

#include <algorithm>

namespace cheri::train {
namespace {

constexpr int most_ranks = 512;

// ---- measuring -------------------------------------------------------------------------------------------------------

BenchmarkSpec resized(BenchmarkSpec spec, int batch_size, int gradient_slices) {
  spec.batch_size = batch_size;
  spec.gradient_slices = gradient_slices;
  return spec;
}

/// Of the whole batch, its half, its quarter, ... down to one slice; the slowest rank's.
std::vector<LocalStep> measure_local_steps(const parallel::Communicator& communicator, const BenchmarkSpec& spec) {
  const parallel::Communicator alone = parallel::Communicator::alone();
  std::vector<LocalStep> steps;
  for (int parts = 1; parts <= spec.gradient_slices; parts *= 2) {
    if (spec.gradient_slices % parts != 0) break;
    const BenchmarkSpec local = resized(spec, spec.batch_size / parts, spec.gradient_slices / parts);
    communicator.barrier();
    steps.push_back({local.batch_size, communicator.max(measure_step(alone, local).milliseconds)});
  }
  return steps;
}

/// One of many in a row, as steps follow each other.
double exchange_seconds(const parallel::Communicator& ranks, const parallel::Choice<Device>& exchange, std::int64_t floats,
                        double seconds) {
  constexpr int in_a_row = 16;
  const Device exec;
  parallel::Reducer<Device> reducer(ranks, exchange.transports, ranks.size(), floats);
  const View<float**, Device> rows("cheri::train::rows", 1, static_cast<std::size_t>(floats));
  const View<float*, Device> total("cheri::train::total", static_cast<std::size_t>(reducer.total_length()));
  const auto sums = [&] {
    for (int i = 0; i < in_a_row; ++i) reducer.sum(exec, total, rows);
    reducer.wait(exec);
  };
  return median_seconds(seconds, sums, &ranks) / in_a_row;
}

/// What a small message more adds to an exchange between all ranks.
double message_seconds(const parallel::Communicator& ranks, parallel::Transport<Device>& transport, double seconds) {
  constexpr int few = 1, many = 17;   // sums of each rank
  constexpr std::size_t chunk = 16;
  const Device exec;
  const auto n_ranks = static_cast<std::size_t>(ranks.size());
  const auto seconds_with = [&](int sums) {
    std::vector<int> owners;
    for (int rank = 0; rank < ranks.size(); ++rank) owners.insert(owners.end(), static_cast<std::size_t>(sums), rank);
    const View<float**, Device> sent("cheri::train::sent", static_cast<std::size_t>(sums), n_ranks * chunk);
    const View<float**, Device> received("cheri::train::received", owners.size(), chunk);
    transport.reserve(sent, received);
    const auto exchange = [&] {
      transport.exchange(exec, owners, sent, received);
      parallel::wait_for<Device>(ranks, {&transport}, exec);
    };
    return median_seconds(seconds, exchange, &ranks);
  };
  return std::max(0.0, seconds_with(many) - seconds_with(few)) / ((many - few) * (ranks.size() - 1));
}

void measure_exchanges(Scaling& scaling, const parallel::Communicator& communicator, const BenchmarkSpec& spec) {
  constexpr int one_level = 1;   // a node of one rank each
  const std::int64_t row = nn::ParameterTable(spec.shape).size();
  for (int ranks = 2; ranks <= communicator.size() && communicator.size() % ranks == 0; ranks *= 2) {
    const parallel::Communicator group = communicator.split(communicator.rank() / ranks);
    const auto choice = parallel::choose_transports<Device>(group, parallel::backend_of(spec.backend), one_level);
    scaling.transport = choice.text();
    scaling.model.latency = communicator.max(message_seconds(group, *choice.transports.front(), spec.seconds / 4));
    for (const std::int64_t floats : {row, row / 8, row / 64}) {
      if (floats < ranks) continue;
      const double seconds = exchange_seconds(group, choice, floats, spec.seconds / 4);
      scaling.exchanges.push_back({ranks, floats, 1e3 * communicator.max(seconds)});
    }
  }
}

// ---- predicting ------------------------------------------------------------------------------------------------------

ScaledStep predict(const ExchangeModel& model, std::int64_t row, int ranks, const LocalStep& local, double ideal) {
  const double exchange = 1e3 * model.seconds_of_sum(ranks, row);
  const double step = local.milliseconds + exchange;
  return {ranks, ranks * local.examples, step, exchange, 1e3 * ranks * local.examples / step, ideal / step, 0};
}

/// From the exchanges and the latency of a message that were measured; numbers that are given take their place.
ExchangeModel model_of(const std::vector<Exchange>& exchanges, int ranks, double latency, const ExchangeModel& given) {
  CHERI_REQUIRE_INPUT(!exchanges.empty() || (given.latency > 0 && given.bandwidth > 0),
                      "exchanges are measured over 2, 4, ... ranks, and here is a number of "
                          << ranks << ": start so many, or give --latency and --bandwidth");
  if (given.latency > 0) latency = given.latency;
  ExchangeModel model = exchanges.empty() ? ExchangeModel{0, latency, 0} : fit(exchanges, latency);
  if (given.bandwidth > 0) model.bandwidth = given.bandwidth;
  model.ranks_of_node = given.ranks_of_node;
  return model;
}

}   // namespace

double ExchangeModel::seconds_of_sum(int ranks, std::int64_t floats) const {
  const bool one_level = ranks <= ranks_of_node || ranks_of_node == 1 || ranks % ranks_of_node != 0;
  if (one_level) return seconds({ranks, floats, 0});
  return seconds({ranks_of_node, floats, 0}) + seconds({ranks / ranks_of_node, floats / ranks_of_node, 0});
}

ExchangeModel fit(const std::vector<Exchange>& exchanges, double latency) {
  // Minimises the sum of ((start + messages latency + bytes x - t) / t)^2 over start and x.
  double ss = 0, sb = 0, bb = 0, sr = 0, br = 0;
  for (const Exchange& exchange : exchanges) {
    const double t = exchange.milliseconds / 1e3, one = 1 / t, b = exchange.bytes() / t;
    const double rest = 1 - exchange.messages() * latency / t;
    ss += one * one, sb += one * b, bb += b * b, sr += one * rest, br += b * rest;
  }
  const double determinant = ss * bb - sb * sb;
  CHERI_REQUIRE_INPUT(determinant > 1e-9 * ss * bb,
                      "start and bandwidth cannot be told apart by " << exchanges.size() << " exchanges of one size");
  constexpr double no_time = 1e-15;   // a byte, where times do not grow with the bytes
  double start = (sr * bb - br * sb) / determinant, seconds_a_byte = (br * ss - sr * sb) / determinant;
  if (start < 0) start = 0, seconds_a_byte = br / bb;
  if (seconds_a_byte <= 0) start = std::max(0.0, sr / ss), seconds_a_byte = no_time;
  return {start, latency, 1 / seconds_a_byte};
}

std::vector<std::string> scaling_assumptions(int ranks_of_node) {
  const std::string n = std::to_string(ranks_of_node);
  const std::string at_once = "each rank sends 2 (ranks - 1) messages a step, one after the other";
  const std::string in_levels = "nodes have " + n + " ranks: each sends 2 (" + n +
                                " - 1) messages a step within its node, then 2 (nodes - 1) between nodes, one after the "
                                "other; ranks that fill no whole number of nodes exchange at once";
  return {"a step is its local part, then the exchange: nothing of it is hidden behind the backward",
          "every pair of ranks has the latency and the bandwidth that were measured here, however many exchange at once",
          (ranks_of_node == 1 ? at_once : in_levels) + "; an exchange starts as fast as here",
          "a local step takes on every rank what it takes here, and ranks do not wait for a slower one",
          "reading the data keeps up; validation and checkpoints are left out"};
}

Scaling measure_scaling(const parallel::Communicator& communicator, const BenchmarkSpec& spec, const ExchangeModel& given) {
  Scaling scaling;
  const int ranks = communicator.size();
  require_slices(communicator, spec);
  scaling.steps = measure_local_steps(communicator, spec);
  measure_exchanges(scaling, communicator, spec);
  scaling.model = model_of(scaling.exchanges, ranks, scaling.model.latency, given);

  const std::int64_t row = nn::ParameterTable(spec.shape).size();
  const LocalStep& whole = scaling.steps.front();
  for (const LocalStep& local : scaling.steps) {
    const int n = whole.examples / local.examples;
    if (n > 1) scaling.strong.push_back(predict(scaling.model, row, n, local, whole.milliseconds / n));
  }
  for (int n = 2; n <= most_ranks; n *= 2) {
    scaling.weak.push_back(predict(scaling.model, row, n, whole, whole.milliseconds));
  }
  const auto check = [&](std::vector<ScaledStep>& predictions, const BenchmarkSpec& of_all) {
    const auto found =
        std::find_if(predictions.begin(), predictions.end(), [&](const ScaledStep& s) { return s.ranks == ranks; });
    if (found != predictions.end()) found->measured_milliseconds = measure_step(communicator, of_all).milliseconds;
  };
  check(scaling.strong, spec);
  check(scaling.weak, resized(spec, ranks * spec.batch_size, ranks * spec.gradient_slices));
  return scaling;
}

}   // namespace cheri::train
