// What steps leave for the host: kept on the device until it looks, so that no step waits.
#pragma once

#include "cheri/base/arena.hpp"
#include "cheri/nn/loss.hpp"
#include "cheri/train/optimiser.hpp"

#include <cstdint>
#include <vector>

namespace cheri::train {

struct StepsTaken {
  std::int64_t steps = 0;            ///< since the host last looked
  double loss = 0;                   ///< mixed, of the last of them
  double lw0_gradient = 0;           ///< mean |gradient of lw0| of the last of them
  bool stop = false, save = false;   ///< some rank raised this flag in one of them
  bool halted = false;               ///< the loss of the step after them is no number: nothing has moved since
};

/// Reads the tail of an exchanged gradient: from `losses_at` the G profile losses, the G count losses, and the two flags.
template <class Exec>
class StepRecord {
 public:
  static constexpr int stop_flag = 0, save_flag = 1, n_flags = 2;

  void lay_out(Arena<Exec>& arena, int n_groups);

  /// Sums of the losses over the epoch so far: profile (G), then count (G).
  void begin(const Exec& exec, const std::vector<double>& epoch_losses);

  /// Adds a step; if its loss is no number, halts and has the optimisers skip it and all that follow.
  void add(const Exec& exec, const View<const float*, Exec>& total_Q, std::int64_t losses_at,
           const View<const float*, Exec>& parameters_P, const nn::LossMixture& mixture,
           const View<StepConstants*, Exec>& constants) const;

  /// Waits for the steps; `epoch_losses` becomes the sums. What is told is told once.
  StepsTaken look(const Exec& exec, std::vector<double>& epoch_losses);

 private:
  View<double*, Exec> m_epoch_losses;
  View<StepsTaken*, Exec> m_taken;
  HostView<double*> m_epoch_losses_host;
  HostView<StepsTaken*> m_taken_host;
};

}   // namespace cheri::train
