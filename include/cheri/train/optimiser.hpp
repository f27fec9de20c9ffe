// Muon, AdamW and SGD over one flat buffer, their learning rates, and the moving average of the parameters.
#pragma once

#include "cheri/base/arena.hpp"
#include "cheri/nn/shape.hpp"
#include "cheri/train/config.hpp"

#include <cstdint>

namespace cheri::train {

/// Warm-up from 1 % of the rate over `warmup` steps, then half a cosine over `decay` steps down to 1e-5; the loss weights'
/// rate is constant after the warm-up.
struct Schedule {
  std::int64_t warmup = 0;
  std::int64_t decay = 1;
};

struct LearningRates {
  double muon = 0, adam = 0, lw = 0;
};

LearningRates learning_rates(const OptimiserConfig& config, const Schedule& schedule, std::int64_t step);

/// What a step of the optimisers reads besides the gradient.
struct StepConstants {
  LearningRates rates;
  double correction1 = 1, correction2 = 1;   ///< AdamW's 1 - beta^t of the two moments
  bool skip = false;                         ///< leave everything as it is
};

/// Those of step `step`, counted from 0.
StepConstants step_constants(const OptimiserConfig& config, const Schedule& schedule, std::int64_t step);

/// The buffers that a step moves, all in the layout of nn::ParameterTable.
template <class Exec>
struct Parameters {
  View<float*, Exec> values, ema;
  View<float*, Exec> moment1, moment2;   ///< AdamW's two moments; Muon's and SGD's momentum in the first

  void lay_out(Arena<Exec>& arena, std::int64_t size);
};

/// One step of the three optimisers (spec.md); all memory is taken in the constructor.
template <class Exec>
class Optimiser {
 public:
  Optimiser(const nn::ParameterTable& table, const OptimiserConfig& config);

  /// Moves parameters.values by the gradient, in place, with the first of `constants`; frozen loss weights stay.
  void update(const Exec& exec, const Parameters<Exec>& parameters, const View<const float*, Exec>& gradient_P,
              const View<const StepConstants*, Exec>& constants, bool loss_weights_frozen);

  /// ema = decay * ema + (1 - decay) * values.
  void update_ema(const Exec& exec, const Parameters<Exec>& parameters,
                  const View<const StepConstants*, Exec>& constants) const;

 private:
  void lay_out(Arena<Exec>& arena, const nn::ParameterTable& table);

  OptimiserConfig m_config;
  Arena<Exec> m_arena;
  View<std::uint8_t*, Exec> m_kind;        ///< nn::Optimiser of every element
  View<float*, Exec> m_direction;          ///< Muon's momentum direction, flat
  View<std::int64_t**, Exec> m_matrices;   ///< (matrix, 3): offset, rows, columns
  View<float**, Exec> m_workspace;         ///< of each matrix's Newton-Schulz iteration
  int m_rows = 0, m_columns = 0;           ///< of the orthogonalised matrices, rows <= columns
};

}   // namespace cheri::train
