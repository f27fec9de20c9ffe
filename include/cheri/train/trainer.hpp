// The training loop: epochs of steps, validation, checkpoints; the same bits for any number of ranks and threads, and
// whether or not it was interrupted.
#pragma once

#include "cheri/base/graph.hpp"
#include "cheri/data/examples.hpp"
#include "cheri/data/feed.hpp"
#include "cheri/nn/loss.hpp"
#include "cheri/nn/model.hpp"
#include "cheri/parallel/backend.hpp"
#include "cheri/parallel/communicator.hpp"
#include "cheri/parallel/reducer.hpp"
#include "cheri/parallel/signals.hpp"
#include "cheri/train/checkpoint.hpp"
#include "cheri/train/config.hpp"
#include "cheri/train/data_mode.hpp"
#include "cheri/train/epoch_plan.hpp"
#include "cheri/train/evaluate.hpp"
#include "cheri/train/optimiser.hpp"
#include "cheri/train/step_record.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cheri::train {

/// What a run tells while it goes on; all members optional, called on rank 0 only.
struct Observer {
  struct Step {
    std::int64_t step, total_steps;   ///< steps done and to do, over the whole run
    std::int64_t epoch, epochs;
    double loss;               ///< mixed, of this step
    double seconds;            ///< since the run (or its resumption) began
    std::int64_t steps_here;   ///< done since then
  };
  std::function<void(const Step&)> step;
  std::function<void(const LogRow&)> epoch;
};

/// What a run reads: training examples with flanks for the jitter and without outliers, validation examples without either.
struct Splits {
  data::Examples training, validation;
};

/// Collective.
Splits open_splits(const parallel::Communicator& communicator, const TrainConfig& config);

enum class Outcome { finished, interrupted };

/// One run on this rank's share. Constructed once; run() once.
class Trainer {
 public:
  /// Takes all memory. `from` is a checkpoint of the same model and recipe to go on from.
  Trainer(const parallel::Communicator& communicator, const parallel::StopSignals& signals, const TrainConfig& config,
          const Splits& splits, const std::optional<Checkpoint>& from, Observer observer);

  /// Trains to the end, or until a stop signal: then the step is finished and a checkpoint written.
  Outcome run();

  /// The state after the last step, on the host.
  [[nodiscard]] TrainState state() const;

  [[nodiscard]] const nn::ModelShape& shape() const { return m_model.shape(); }
  [[nodiscard]] nn::Precision precision() const { return m_model.precision(); }   ///< in which it computes
  /// How gradients travel between ranks, and how not and why; empty for a lone rank.
  [[nodiscard]] std::string exchange() const { return m_exchange.text(); }
  [[nodiscard]] std::int64_t steps_per_epoch() const { return m_steps_per_epoch; }
  [[nodiscard]] std::int64_t total_steps() const { return m_steps_per_epoch * m_epochs; }
  [[nodiscard]] std::size_t bytes() const;   ///< of device memory taken by this rank
  [[nodiscard]] const DataPlan& data_plan() const { return m_data_plan; }

  /// The steps to come take their batches from this order, from the one at the epoch's step on. After the last the first
  /// comes again, where records are resident.
  void begin_epoch(const std::vector<data::Draw>& order);

  /// Takes n optimiser steps and waits for them; returns the mixed loss of the last. Throws Error if a loss is no number;
  /// then the state before that step is in a checkpoint.
  double take_steps(std::int64_t n);

 private:
  void lay_out(Arena<Device>& arena);
  void load_state(const std::optional<Checkpoint>& from);

  // A step and its lines.
  void step();
  void average_counts();
  void gather_pass(int pass);
  void forward_pass();
  void backward_pass(int pass);
  [[nodiscard]] nn::LossMixture mixture() const;

  // Around the steps.
  [[nodiscard]] std::vector<data::Draw> queue_epoch(std::int64_t first_step, const std::vector<data::Draw>& order);
  void begin_queued(const std::vector<data::Draw>& draws);
  void raise_flags(std::int64_t n);
  [[nodiscard]] std::int64_t steps_to_take() const;
  [[noreturn]] void end_on_no_number();

  void finish_epoch();
  double validate(LogRow& row);
  void save_checkpoint();
  void keep_best();
  void write_best();
  void observe(double loss) const;
  [[nodiscard]] Checkpoint checkpoint(TrainState state) const;
  [[nodiscard]] std::string in_directory(const std::string& name) const;

  const parallel::Communicator* m_communicator;
  const parallel::StopSignals* m_signals;
  TrainConfig m_config;
  Observer m_observer;
  Device m_exec;

  data::ExampleIndex m_training;
  int m_slices, m_slice_size;          ///< of the global batch; examples of a slice
  int m_local_slices, m_pass_slices;   ///< of this rank; of one pass through the model
  std::int64_t m_steps_per_epoch, m_epochs;
  Schedule m_schedule;

  nn::Model<float, Device> m_model;
  Optimiser<Device> m_optimiser;
  parallel::Choice<Device> m_exchange;
  parallel::Reducer<Device> m_reducer;
  std::int64_t m_training_slots, m_validation_slots;   ///< of the rings, where records are streamed
  DataPlan m_data_plan;                                ///< for the memory that is left
  data::Feed<Device> m_training_feed, m_validation_feed;
  Predictor m_predictor;

  // A row of gradients: the parameters, the losses, the flags.
  std::int64_t m_losses_at, m_row_length;
  Parameters<Device> m_parameters;
  Parameters<Device> m_best_parameters;   ///< with m_best
  Arena<Device> m_arena;
  View<float**, Device> m_rows_SQ;
  View<float*, Device> m_total_Q;
  EpochPlan<Device> m_plan;
  StepRecord<Device> m_record;
  Graph<Device> m_graph;   ///< of a step
  View<float*, Device> m_flags;
  HostView<float*> m_flags_host;
  data::Batch<Device> m_batch;   ///< of one pass
  nn::ModelOutput<float, Device> m_output;
  nn::LossBuffers<float, Device> m_loss;
  View<double**, Device> m_counts_NG;   ///< of the global batch
  View<double*, Device> m_mean_counts_G;

  TrainState m_state;                  ///< scalars and log; the buffers are filled by state()
  std::optional<TrainState> m_best;    ///< of rank 0: the best epoch since the last checkpoint
  std::optional<LogFile> m_log;        ///< while rank 0 runs
  double m_started = 0, m_saved = 0;   ///< seconds on the monotonic clock
  std::int64_t m_steps_here = 0;
  bool m_stop = false, m_save = false;   ///< what the last exchange asked for, the same on every rank
};

}   // namespace cheri::train
