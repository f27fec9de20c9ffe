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
double exchange_seconds(const parallel::Communicator& ranks, const std::shared_ptr<parallel::Transport<Device>>& transport,
                        std::int64_t floats, double seconds) {
  constexpr int in_a_row = 16;
  const Device exec;
  parallel::Reducer<Device> reducer(ranks, transport, ranks.size(), floats);
  const View<float**, Device> rows("cheri::train::rows", 1, static_cast<std::size_t>(floats));
  const View<float*, Device> total("cheri::train::total", static_cast<std::size_t>(reducer.total_length()));
  const auto exchange = [&] {
    for (int i = 0; i < in_a_row; ++i) reducer.sum(exec, total, rows);
    reducer.wait(exec);
  };
  return median_seconds(seconds, exchange, &ranks) / in_a_row;
}

void measure_exchanges(Scaling& scaling, const parallel::Communicator& communicator, const BenchmarkSpec& spec) {
  const std::int64_t row = nn::ParameterTable(spec.shape).size();
  for (int ranks = 2; ranks <= communicator.size() && communicator.size() % ranks == 0; ranks *= 2) {
    const parallel::Communicator group = communicator.group_of(ranks);
    const auto choice = parallel::choose_transport<Device>(group, parallel::backend_of(spec.backend));
    scaling.transport = choice.text();
    for (const std::int64_t floats : {row, row / 8, row / 64}) {
      if (floats < ranks) continue;
      const double seconds = exchange_seconds(group, choice.transport, floats, spec.seconds / 4);
      scaling.exchanges.push_back({ranks, floats, 1e3 * communicator.max(seconds)});
    }
  }
}

// ---- predicting ------------------------------------------------------------------------------------------------------

ScaledStep predict(const ExchangeModel& model, std::int64_t row, int ranks, const LocalStep& local, double ideal) {
  const double exchange = 1e3 * model.seconds({ranks, row, 0});
  const double step = local.milliseconds + exchange;
  return {ranks, ranks * local.examples, step, exchange, 1e3 * ranks * local.examples / step, ideal / step, 0};
}

ExchangeModel model_of(const std::vector<Exchange>& exchanges, const ExchangeModel& given) {
  const bool is_given = given.latency > 0 && given.bandwidth > 0;
  CHERI_REQUIRE_INPUT(
      is_given || !exchanges.empty(),
      "one rank exchanges nothing that could be measured: start 2, 4, ... ranks, or give --latency and --bandwidth");
  ExchangeModel model = is_given ? given : fit(exchanges);
  if (given.latency > 0) model.latency = given.latency;
  if (given.bandwidth > 0) model.bandwidth = given.bandwidth;
  return model;
}

}   // namespace

ExchangeModel fit(const std::vector<Exchange>& exchanges) {
  // Minimises the sum of ((a messages + b bytes - t) / t)^2 over a and b.
  double mm = 0, mb = 0, bb = 0, m1 = 0, b1 = 0;
  for (const Exchange& exchange : exchanges) {
    const double t = exchange.milliseconds / 1e3, m = exchange.messages() / t, b = exchange.bytes() / t;
    mm += m * m, mb += m * b, bb += b * b, m1 += m, b1 += b;
  }
  const double determinant = mm * bb - mb * mb;
  CHERI_REQUIRE_INPUT(determinant > 1e-9 * mm * bb,
                      "latency and bandwidth cannot be told apart by " << exchanges.size() << " exchanges of one size");
  double latency = (m1 * bb - b1 * mb) / determinant, seconds_a_byte = (b1 * mm - m1 * mb) / determinant;
  if (latency < 0) latency = 0, seconds_a_byte = b1 / bb;
  if (seconds_a_byte <= 0) latency = m1 / mm, seconds_a_byte = 1e-15;
  return {latency, 1 / seconds_a_byte};
}

std::vector<std::string> scaling_assumptions() {
  return {"a step is its local part, then the exchange: nothing of it is hidden behind the backward",
          "every pair of ranks has the latency and the bandwidth that were measured here, however many exchange at once",
          "each rank sends 2 (ranks - 1) messages a step, one after the other",
          "a local step takes on every rank what it takes here, and ranks do not wait for a slower one",
          "reading the data keeps up; validation and checkpoints are left out"};
}

Scaling measure_scaling(const parallel::Communicator& communicator, const BenchmarkSpec& spec, const ExchangeModel& given) {
  Scaling scaling;
  const int ranks = communicator.size();
  require_slices(communicator, spec);
  scaling.steps = measure_local_steps(communicator, spec);
  measure_exchanges(scaling, communicator, spec);
  scaling.model = model_of(scaling.exchanges, given);

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
