#include "cheri/train/trainer.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"
#include "cheri/train/deck.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <span>

namespace cheri::train {
namespace {

// What rides on the exchange of gradients, behind the losses.
using Record = StepRecord<Device>;

/// Steps that a device is given before the host looks at what has come of them: on a GPU the host then waits for a hundredth
/// of the time, and a stop signal for some 50 ms.
constexpr std::int64_t steps_at_once = has_separate_device ? 16 : 1;

double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

nn::ModelShape shape_of(const TrainConfig& config, const data::ExampleIndex& examples) {
  nn::ModelShape shape = config.model;
  shape.signal_groups = examples.signal_groups();
  shape.n_controls = examples.n_controls();
  shape.in_window = config.data.windows.in_window;
  shape.out_window = config.data.windows.out_window;
  return shape;
}

data::SamplerSpec sampler_of(const TrainConfig& config, const data::ExampleIndex& training) {
  return {config.seed,           training.n_peaks,    training.n_negatives,
          config.negative_ratio, training.max_jitter, config.reverse_complement};
}

/// Slices of one pass through the model. A GPU takes all; cores as many as keep the saved activations below a bound, since
/// fewer passes are fewer launches, but at least so many that every thread has two parts of work. No influence on the
/// result.
int slices_of_pass(const nn::ModelShape& shape, int local_slices, int slice_size) {
  if (has_separate_device) return local_slices;
  // Two cores with 32 MiB of cache: 16 filters, 600 bp, batch 64 in one pass takes a tenth of the launches of eight and as
  // long on idle cores, a quarter of the time on shared ones; 128 filters are no slower slice by slice, in an eighth of the
  // memory.
  constexpr double activation_bytes = 64e6;
  constexpr int parts_of_a_slice = 16, parts_of_a_thread = 2;
  const double slice_bytes = 4.0 * slice_size * shape.in_window * shape.n_filters * (shape.n_layers + 2);
  const int wanted = std::max({1, static_cast<int>(activation_bytes / slice_bytes),
                               (parts_of_a_thread * Device().concurrency() + parts_of_a_slice - 1) / parts_of_a_slice});
  int slices = std::min(wanted, local_slices);
  while (local_slices % slices != 0) --slices;
  return slices;
}

template <class From>
std::vector<float> to_host(const From& view) {
  std::vector<float> values(view.extent(0));
  Kokkos::deep_copy(HostView<float*>(values.data(), values.size()), view);
  return values;
}

/// The state with its buffers, which the device has.
TrainState on_host(TrainState state, const Parameters<Device>& parameters) {
  state.parameters = to_host(parameters.values);
  state.ema = to_host(parameters.ema);
  state.moment1 = to_host(parameters.moment1);
  state.moment2 = to_host(parameters.moment2);
  return state;
}

template <class To>
void to_device(const To& view, const std::vector<float>& values, const char* name) {
  CHERI_REQUIRE_INPUT(values.size() == view.extent(0),
                      "the checkpoint's " << name << " have " << values.size() << " elements, the model " << view.extent(0));
  Kokkos::deep_copy(view, HostView<const float*>(values.data(), values.size()));
}

/// Steps of a ring of training records: those that a device is given at once, and as many that are read meanwhile; a few
/// where they are given one by one.
constexpr std::int64_t ring_steps = std::max<std::int64_t>(2 * steps_at_once, 8);

DataPlan plan_data(const parallel::Communicator& communicator, const TrainConfig& config, const Splits& splits,
                   std::int64_t training_slots, std::int64_t validation_slots) {
  const DataFacts facts = data_facts(
      communicator, {{&splits.training, training_slots}, {&splits.validation, validation_slots}}, config.share_gpus);
  DataPlan plan = choose_mode(config.data_mode, facts);
  verify(communicator, plan, splits.training);   // the validation records are of the same file
  return plan;
}

// ---- kernels -----------------------------------------------------------------------------------------------------------

/// mean(g) = the sum of counts(n, g) / batch, in the order of n.
void mean_in_order(const Device& exec, const View<double*, Device>& mean_G, const View<const double**, Device>& counts_NG,
                   double batch) {
  Kokkos::parallel_for(
      "cheri::train::mean_in_order", Kokkos::RangePolicy<Device>(exec, 0, mean_G.extent(0)),
      KOKKOS_LAMBDA(const std::size_t g) {
        double total = 0;
        for (std::size_t n = 0; n < counts_NG.extent(0); ++n) total += counts_NG(n, g) / batch;
        mean_G(g) = total;
      });
}

/// The flags into the first of this rank's rows of gradients, zeros into the others.
void write_flags(const Device& exec, const View<float**, Device>& rows_SQ, std::int64_t at,
                 const View<const float*, Device>& flags) {
  Kokkos::parallel_for(
      "cheri::train::write_flags", Kokkos::RangePolicy<Device>(exec, 0, rows_SQ.extent(0)),
      KOKKOS_LAMBDA(const std::size_t s) {
        for (std::size_t i = 0; i < flags.extent(0); ++i) {
          rows_SQ(s, at + static_cast<std::int64_t>(i)) = s == 0 ? flags(i) : 0.0f;
        }
      });
}

}   // namespace

Splits open_splits(const parallel::Communicator& communicator, const TrainConfig& config) {
  return {open_split(communicator, config.data, {config.training_chromosomes, config.data.windows.max_jitter, true}),
          open_split(communicator, config.data, {config.validation_chromosomes, 0, false})};
}

Trainer::Trainer(const parallel::Communicator& communicator, const parallel::StopSignals& signals, const TrainConfig& config,
                 const Splits& splits, const std::optional<Checkpoint>& from, Observer observer)
    : m_communicator(&communicator),
      m_signals(&signals),
      m_config(config),
      m_observer(std::move(observer)),
      m_training(splits.training.index),
      m_slices(config.slices()),
      m_slice_size(config.batch_size / m_slices),
      m_local_slices(m_slices / communicator.size()),
      m_pass_slices(slices_of_pass(shape_of(config, m_training), m_local_slices, m_slice_size)),
      m_model(shape_of(config, m_training), m_pass_slices * m_slice_size, m_slice_size,
              nn::Model<float, Device>::Mode::training, config.precision_wanted()),
      m_optimiser(m_model.table(), config.optimiser),
      m_exchange(
          parallel::choose_transports<Device>(communicator, parallel::backend_of(config.backend), config.ranks_of_node)),
      m_reducer(communicator, m_exchange.transports, m_slices,
                m_model.table().size() + 2 * m_model.shape().n_groups() + Record::n_flags),
      m_training_slots(data::ring_slots(splits.training, std::int64_t{m_local_slices} * m_slice_size, ring_steps)),
      m_validation_slots(Chunks::slots(splits.validation, m_model.capacity())),
      m_data_plan(plan_data(communicator, config, splits, m_training_slots, m_validation_slots)),
      m_training_feed(feed_of(communicator, m_data_plan.mode, splits.training, m_training_slots)),
      m_validation_feed(feed_of(communicator, m_data_plan.mode, splits.validation, m_validation_slots)),
      m_predictor(m_model.shape(), splits.validation.index, m_validation_feed, m_model.capacity()),
      m_losses_at(m_model.table().size()),
      m_row_length(m_losses_at + 2 * m_model.shape().n_groups() + Record::n_flags) {
  const auto draws = static_cast<std::int64_t>(data::epoch_order(sampler_of(m_config, m_training), 0).size());
  m_steps_per_epoch = draws / m_config.batch_size;
  CHERI_REQUIRE_INPUT(m_steps_per_epoch >= 1, "an epoch of " << draws << " examples is less than one batch of "
                                                             << m_config.batch_size
                                                             << ": more peaks or a smaller batch_size");
  const std::int64_t counted = (draws + m_config.batch_size - 1) / m_config.batch_size;
  m_epochs = std::max<std::int64_t>(m_config.max_epochs, (m_config.min_total_steps + counted - 1) / counted);
  const std::int64_t warmup = m_config.optimiser.warmup_epochs;
  m_schedule = {warmup * counted, counted * std::max<std::int64_t>(1, m_epochs - warmup)};

  Arena<Device> measure;
  lay_out(measure);
  m_arena = Arena<Device>("cheri::train::Trainer", measure.bytes());
  lay_out(m_arena);
  m_batch = m_training_feed.dataset().make_batch(m_model.capacity());
  m_flags_host = HostView<float*>("cheri::train::flags", Record::n_flags);
  load_state(from);
}

void Trainer::lay_out(Arena<Device>& arena) {
  const nn::ModelShape& shape = m_model.shape();
  const auto capacity = static_cast<std::size_t>(m_model.capacity());
  const auto row = static_cast<std::size_t>(m_row_length);
  m_parameters.lay_out(arena, m_model.table().size());
  m_best_parameters.lay_out(arena, m_communicator->root() ? m_model.table().size() : 0);
  m_rows_SQ = arena.take<View<float**, Device>>("gradient_rows", static_cast<std::size_t>(m_local_slices), row);
  m_total_Q = arena.take<View<float*, Device>>("gradient", static_cast<std::size_t>(m_reducer.total_length()));
  m_flags = arena.take<View<float*, Device>>("flags", std::size_t{Record::n_flags});
  m_plan.lay_out(arena, m_steps_per_epoch, m_local_slices * m_slice_size);
  m_record.lay_out(arena, shape.n_groups());
  m_counts_NG = arena.take<View<double**, Device>>("counts", static_cast<std::size_t>(m_slices * m_slice_size),
                                                   static_cast<std::size_t>(shape.n_groups()));
  m_output.logits_NTW = arena.take<View<float***, Device>>("logits", capacity, static_cast<std::size_t>(shape.n_tracks()),
                                                           static_cast<std::size_t>(shape.out_window));
  m_output.log_counts_NG =
      arena.take<View<float**, Device>>("log_counts", capacity, static_cast<std::size_t>(shape.n_groups()));
  m_mean_counts_G = arena.take<View<double*, Device>>("mean_counts", static_cast<std::size_t>(shape.n_groups()));
  m_loss.lay_out(arena, shape, m_model.capacity());
}

void Trainer::load_state(const std::optional<Checkpoint>& from) {
  if (!from) {
    const auto initial = nn::initial_parameters(m_model.table(), m_config.seed);
    Kokkos::deep_copy(m_parameters.values, initial);
    Kokkos::deep_copy(m_parameters.ema, initial);
    Kokkos::deep_copy(m_parameters.moment1, 0.0f);
    Kokkos::deep_copy(m_parameters.moment2, 0.0f);
    m_state.epoch_losses.assign(static_cast<std::size_t>(2 * m_model.shape().n_groups()), 0);
    return;
  }
  CHERI_REQUIRE_INPUT(from->shape == m_model.shape(), "the checkpoint is of another model than the deck describes");
  m_state = from->state;
  to_device(m_parameters.values, m_state.parameters, "parameters");
  to_device(m_parameters.ema, m_state.ema, "ema");
  to_device(m_parameters.moment1, m_state.moment1, "first moments");
  to_device(m_parameters.moment2, m_state.moment2, "second moments");
}

// ---- a step ------------------------------------------------------------------------------------------------------------

/// Everything that a step does, in order; nothing in it waits for the device (but for an exchange between ranks by MPI).
void Trainer::step() {
  m_plan.next(m_exec);
  m_model.load(m_exec, m_parameters.values);
  average_counts();
  for (int pass = 0; pass < m_local_slices / m_pass_slices; ++pass) {
    gather_pass(pass);
    forward_pass();
    backward_pass(pass);
  }
  write_flags(m_exec, m_rows_SQ, m_row_length - Record::n_flags, m_flags);
  m_reducer.sum(m_exec, m_total_Q, m_rows_SQ);
  m_record.add(m_exec, m_total_Q, m_losses_at, m_parameters.values, mixture(), m_plan.constants());
  m_optimiser.update(m_exec, m_parameters, m_total_Q, m_plan.constants(), m_state.loss_weights_frozen);
  m_optimiser.update_ema(m_exec, m_parameters, m_plan.constants());
}

double Trainer::take_steps(std::int64_t n) {
  raise_flags(n);
  const std::int64_t draws = n * m_local_slices * m_slice_size;
  m_training_feed.await(m_exec, draws);
  for (std::int64_t i = 0; i < n; ++i) {
    if (m_reducer.only_enqueues()) m_graph.run(m_exec, [this] { step(); });
    else step();
  }
  m_reducer.wait(m_exec);
  const StepsTaken taken = m_record.look(m_exec, m_state.epoch_losses);
  m_training_feed.release(draws);
  m_state.step += taken.steps;
  m_state.epoch_step += taken.steps;
  m_steps_here += taken.steps;
  m_stop = taken.stop;
  m_save = taken.save;
  if (taken.steps > 0) m_state.lw0_gradient = taken.lw0_gradient;
  if (taken.halted) end_on_no_number();
  return taken.loss;
}

nn::LossMixture Trainer::mixture() const { return {m_config.loss_weights, !m_state.loss_weights_frozen}; }

/// With given loss weights the profile loss is divided by the mean counts of the global batch: added example by example, in
/// order.
void Trainer::average_counts() {
  if (!m_config.loss_weights) return;
  const int capacity = m_model.capacity(), mine = m_reducer.first_slice() * m_slice_size;
  for (int pass = 0; pass < m_local_slices / m_pass_slices; ++pass) {
    gather_pass(pass);
    nn::group_counts<float, Device>(m_exec, m_loss, m_batch.signal_NTW, m_model.shape().signal_groups);
    const int first = mine + pass * capacity;
    Kokkos::deep_copy(m_exec, Kokkos::subview(m_counts_NG, std::make_pair(first, first + capacity), Kokkos::ALL),
                      m_loss.counts_NG);
  }
  m_reducer.gather(m_exec, m_counts_NG);
  mean_in_order(m_exec, m_mean_counts_G, m_counts_NG, m_config.batch_size);
}

void Trainer::gather_pass(int pass) {
  const int n = m_model.capacity();
  m_training_feed.dataset().gather(m_exec, m_batch,
                                   Kokkos::subview(m_plan.draws(), std::make_pair(pass * n, (pass + 1) * n)));
}

void Trainer::forward_pass() {
  m_model.forward(m_exec, m_output, {m_batch.codes_NL, m_batch.control_NKL});
  nn::group_counts<float, Device>(m_exec, m_loss, m_batch.signal_NTW, m_model.shape().signal_groups);
}

/// Losses and gradients of the pass's slices; the predictions become their gradients.
void Trainer::backward_pass(int pass) {
  const auto rows =
      Kokkos::subview(m_rows_SQ, std::make_pair(pass * m_pass_slices, (pass + 1) * m_pass_slices), Kokkos::ALL);
  const nn::GradientRows<float, Device> gradient{rows, m_slice_size};
  nn::mixture_loss<float, Device>(m_exec, gradient, m_losses_at, m_output.logits_NTW, m_output.log_counts_NG,
                                  m_batch.signal_NTW, m_loss, m_parameters.values, m_mean_counts_G,
                                  m_model.shape().signal_groups, mixture(), m_config.batch_size);
  m_model.backward(m_exec, rows, m_output, {m_batch.codes_NL, m_batch.control_NKL});
}

/// A stop signal on any rank, and rank 0's wish to save after n steps, travel with the gradients: all ranks learn of them in
/// the same step.
void Trainer::raise_flags(std::int64_t n) {
  const bool due =
      m_communicator->root() && (seconds_now() - m_saved >= m_config.checkpoint.seconds ||
                                 (m_config.checkpoint.steps > 0 && (m_state.step + n) % m_config.checkpoint.steps == 0));
  m_flags_host(Record::stop_flag) = m_signals->requested() ? 1.0f : 0.0f;
  m_flags_host(Record::save_flag) = due ? 1.0f : 0.0f;
  Kokkos::deep_copy(m_exec, m_flags, m_flags_host);
}

/// The parameters are still those before the step: they are saved before the run ends.
void Trainer::end_on_no_number() {
  for (double& sum : m_state.epoch_losses) sum = 0;
  save_checkpoint();
  m_communicator->barrier();   // no rank ends the others before the checkpoint is whole
  throw Error("the loss is no number in step " + std::to_string(m_state.step + 1) +
              ": lower the learning rates, or look for extreme values in the data; the state before the step is in " +
              checkpoint_path(m_config.directory, m_state.step));
}

// ---- epochs ------------------------------------------------------------------------------------------------------------

void Trainer::begin_epoch(const std::vector<data::Draw>& order) { begin_queued(queue_epoch(m_state.epoch_step, order)); }

/// This rank's draws of an epoch, those of the steps from the first on with the slots that their records are read into.
std::vector<data::Draw> Trainer::queue_epoch(std::int64_t first_step, const std::vector<data::Draw>& order) {
  const auto batch = static_cast<std::size_t>(m_config.batch_size), mine = m_plan.draws().extent(0);
  std::vector<data::Draw> draws;
  for (std::size_t first = 0; first + batch <= order.size(); first += batch) {
    // This rank's contiguous part of the global batch.
    const auto begin =
        order.begin() + static_cast<std::ptrdiff_t>(first + static_cast<std::size_t>(m_communicator->rank()) * mine);
    draws.insert(draws.end(), begin, begin + static_cast<std::ptrdiff_t>(mine));
  }
  m_training_feed.queue(std::span(draws).subspan(std::min(draws.size(), static_cast<std::size_t>(first_step) * mine)));
  return draws;
}

void Trainer::begin_queued(const std::vector<data::Draw>& draws) {
  std::vector<StepConstants> constants(draws.size() / m_plan.draws().extent(0));
  for (std::size_t i = 0; i < constants.size(); ++i) {
    const std::int64_t step = m_state.step - m_state.epoch_step + static_cast<std::int64_t>(i);
    constants[i] = step_constants(m_config.optimiser, m_schedule, step);
  }
  m_plan.upload(m_exec, draws, constants, m_state.epoch_step);
  m_record.begin(m_exec, m_state.epoch_losses);
  m_predictor.prefetch(*m_communicator);
}

/// Steps until the next that something else must follow: a checkpoint, the end of the epoch; no more than half of a ring.
std::int64_t Trainer::steps_to_take() const {
  std::int64_t n = std::min(steps_at_once, m_steps_per_epoch - m_state.epoch_step);
  const std::int64_t half = m_training_slots / (std::int64_t{2} * m_local_slices * m_slice_size);
  if (m_training_feed.is_streamed()) n = std::min(n, std::max<std::int64_t>(1, half));
  if (m_config.checkpoint.steps > 0) n = std::min(n, m_config.checkpoint.steps - m_state.step % m_config.checkpoint.steps);
  return n;
}

Outcome Trainer::run() {
  m_started = m_saved = seconds_now();
  if (m_communicator->root()) m_log.emplace(in_directory("log.tsv"), m_state.log);
  const auto queued = [this](std::int64_t epoch) {
    const std::int64_t first_step = epoch == m_state.epoch ? m_state.epoch_step : 0;
    return queue_epoch(first_step, data::epoch_order(sampler_of(m_config, m_training), epoch));
  };
  std::vector<data::Draw> draws = m_state.finished ? std::vector<data::Draw>() : queued(m_state.epoch);
  while (!m_state.finished) {
    begin_queued(draws);
    while (m_state.epoch_step < m_steps_per_epoch) {
      const double begun = seconds_now();
      const double loss = take_steps(steps_to_take());
      m_state.epoch_seconds += seconds_now() - begun;
      observe(loss);
      if (m_stop || m_save) save_checkpoint();
      if (m_stop) return Outcome::interrupted;
    }
    if (m_state.epoch + 1 < m_epochs) draws = queued(m_state.epoch + 1);   // is read while this one is validated
    finish_epoch();
  }
  save_checkpoint();
  if (m_communicator->root()) write_checkpoint(in_directory("final.h5"), checkpoint(state()));
  m_communicator->barrier();   // every rank may read what rank 0 has written
  return Outcome::finished;
}

void Trainer::finish_epoch() {
  const auto groups = static_cast<std::size_t>(m_model.shape().n_groups());
  const double scale = 1.0 / static_cast<double>(m_steps_per_epoch) / static_cast<double>(groups);
  const auto middle = m_state.epoch_losses.begin() + static_cast<std::ptrdiff_t>(groups);
  LogRow row;
  row.epoch = m_state.epoch;
  row.iteration = m_state.step;
  row.training_time = m_state.epoch_seconds;
  row.training_mnll = scale * std::accumulate(m_state.epoch_losses.begin(), middle, 0.0);
  row.training_count_mse = scale * std::accumulate(middle, m_state.epoch_losses.end(), 0.0);
  const double metric = validate(row);
  row.saved = m_state.best_epoch < 0 || metric > m_state.best_metric;
  m_state.epochs_without_better = row.saved ? 0 : m_state.epochs_without_better + 1;
  if (row.saved) {
    m_state.best_metric = metric;
    m_state.best_epoch = m_state.epoch;
  }
  if (m_state.lw0_gradient < 1 && !m_state.loss_weights_frozen) {
    m_state.loss_weights_frozen = true;
    m_graph.forget();
  }
  m_state.log.push_back(row);
  ++m_state.epoch;
  m_state.epoch_step = 0;
  m_state.epoch_seconds = 0;
  for (double& sum : m_state.epoch_losses) sum = 0;
  m_state.finished =
      m_state.epoch >= m_epochs || (m_config.early_stopping > 0 && m_state.epochs_without_better >= m_config.early_stopping);
  if (row.saved) keep_best();
  if (m_log) m_log->append(row);
  if (m_observer.epoch && m_communicator->root()) m_observer.epoch(row);
}

/// With the moving average of the parameters; returns what the best model is chosen by.
double Trainer::validate(LogRow& row) {
  const double begun = seconds_now();
  m_model.load(m_exec, m_parameters.ema);
  const Metrics metrics = summarise(m_predictor.score(m_exec, *m_communicator, m_model));
  const GroupMetrics& mean = metrics.mean;
  row.validation_mnll = mean.profile_mnll;
  row.validation_profile_pearson = mean.profile_pearson;
  row.validation_count_pearson = mean.count_pearson;
  row.validation_count_mse = mean.count_mse;
  row.validation_count_pearson_all = mean.count_pearson_all;
  row.validation_count_mse_all = mean.count_mse_all;
  row.validation_auroc = mean.auroc;
  row.validation_auprc = mean.auprc;
  row.validation_time = seconds_now() - begun;
  return selection_score(metrics, m_config.criterion());
}

// ---- what is written ---------------------------------------------------------------------------------------------------

std::string Trainer::in_directory(const std::string& name) const {
  return (std::filesystem::path(m_config.directory) / name).string();
}

TrainState Trainer::state() const { return on_host(m_state, m_parameters); }

Checkpoint Trainer::checkpoint(TrainState state) const {
  return {m_model.shape(), to_toml(m_config),
          "cheri on " + std::string(Device::name()) + ", " + std::to_string(m_communicator->size()) + " ranks of " +
              std::to_string(Device().concurrency()) + " threads",
          std::move(state)};
}

/// The best model is written before the checkpoint that goes on after it: a killed run finds both, or trains to it again. A
/// state that has overflowed is not worth going on from: the checkpoints before it are.
void Trainer::save_checkpoint() {
  m_saved = seconds_now();
  if (!m_communicator->root()) return;
  write_best();
  const Checkpoint now = checkpoint(state());
  const auto is_finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(now.state.parameters.begin(), now.state.parameters.end(), is_finite)) {
    throw Error("the parameters are no numbers any more after step " + std::to_string(m_state.step) +
                ": lower the learning rates; the checkpoints before are in " + m_config.directory);
  }
  const std::string path = checkpoint_path(m_config.directory, m_state.step);
  make_folder(std::filesystem::path(path).parent_path().string());
  write_checkpoint(path, now);
  prune_checkpoints(m_config.directory, m_config.checkpoint.keep, m_state.step);
}

/// Stays on the device: where epochs are short, hundreds of best ones come between two checkpoints.
void Trainer::keep_best() {
  if (!m_communicator->root()) return;
  m_best = m_state;
  Kokkos::deep_copy(m_exec, m_best_parameters.values, m_parameters.values);
  Kokkos::deep_copy(m_exec, m_best_parameters.ema, m_parameters.ema);
  Kokkos::deep_copy(m_exec, m_best_parameters.moment1, m_parameters.moment1);
  Kokkos::deep_copy(m_exec, m_best_parameters.moment2, m_parameters.moment2);
}

void Trainer::write_best() {
  if (!m_best) return;
  write_checkpoint(in_directory("best.h5"), checkpoint(on_host(*m_best, m_best_parameters)));
  m_best.reset();
}

void Trainer::observe(double loss) const {
  if (!m_observer.step || !m_communicator->root()) return;
  m_observer.step({m_state.step, total_steps(), m_state.epoch, m_epochs, loss, seconds_now() - m_started, m_steps_here});
}

std::size_t Trainer::bytes() const {
  return m_training_feed.bytes() + m_validation_feed.bytes() + m_model.bytes() + m_arena.bytes();
}

}   // namespace cheri::train
