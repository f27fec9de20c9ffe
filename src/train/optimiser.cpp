#include "cheri/train/optimiser.hpp"

#if defined(KOKKOS_ENABLE_CUDA)
#include "nn/kernels/hopper/muon.hpp"
#endif
#include "nn/kernels/tile_product.hpp"
#include "nn/kernels/tiles.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cheri::train {
namespace {

using nn::LeftTile;
using nn::load;
using nn::Pack;
using nn::RightTile;
using nn::store;
using nn::TeamMember;
using nn::tile_product;
using nn::width;

constexpr double final_rate = 1e-5;

// ---- mathematics -----------------------------------------------------------------------------------------------------

struct AdamW {
  double weight_decay, beta1, beta2, epsilon;

  KOKKOS_FUNCTION void operator()(float& p, float& m, float& v, float g, const StepConstants& step) const {
    const double lr = step.rates.adam;
    const double decayed = static_cast<double>(p) * (1 - lr * weight_decay);
    m = static_cast<float>(beta1 * static_cast<double>(m) + (1 - beta1) * static_cast<double>(g));
    v = static_cast<float>(beta2 * static_cast<double>(v) + (1 - beta2) * static_cast<double>(g) * static_cast<double>(g));
    const double denominator = Kokkos::sqrt(static_cast<double>(v) / step.correction2) + epsilon;
    p = static_cast<float>(decayed - lr * static_cast<double>(m) / step.correction1 / denominator);
  }
};

struct Sgd {
  double weight_decay, momentum;

  KOKKOS_FUNCTION void operator()(float& p, float& buffer, float g, double lr) const {
    const double decayed = static_cast<double>(g) + weight_decay * static_cast<double>(p);
    buffer = static_cast<float>(momentum * static_cast<double>(buffer) + decayed);
    p = static_cast<float>(static_cast<double>(p) - lr * static_cast<double>(buffer));
  }
};

/// Newton-Schulz coefficients of Muon: X <- a X + (b A + c A A) X with A = X X^T.
struct NewtonSchulz {
  static constexpr float a = 3.4445f, b = -4.7750f, c = 2.0315f;
};
constexpr int newton_schulz_steps = 5;

// ---- kernels ---------------------------------------------------------------------------------------------------------

/// Orthogonalises one matrix a team (transposed if it has more rows than columns) and moves its parameters.
template <class Exec>
struct MuonUpdate {
  using P = Pack<Exec, float>;
  using Member = TeamMember<Exec>;
  View<float*, Exec> values, direction;
  View<const std::int64_t**, Exec> matrices;
  View<float**, Exec> workspace;
  View<const StepConstants*, Exec> constants;
  int rows, columns;   ///< rows <= columns
  double weight_decay;

  [[nodiscard]] KOKKOS_FUNCTION int wide() const { return nn::tile_stride<Exec, P>(columns); }
  [[nodiscard]] KOKKOS_FUNCTION int narrow() const { return nn::tile_stride<Exec, P>(rows); }
  static std::size_t workspace_size(int rows, int columns) {
    const int row_count = nn::tile_stride<Exec, P>(rows), column_count = nn::tile_stride<Exec, P>(columns);
    return static_cast<std::size_t>(row_count) * static_cast<std::size_t>(2 * column_count + 2 * row_count) +
           static_cast<std::size_t>(column_count) * static_cast<std::size_t>(row_count);
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    if (constants(0).skip) return;
    const std::int64_t offset = matrices(team.league_rank(), 0);
    const bool transposed = matrices(team.league_rank(), 1) > matrices(team.league_rank(), 2);
    float* x = &workspace(team.league_rank(), 0);
    float* next = x + narrow() * wide();
    float* a = next + narrow() * wide();
    float* b = a + narrow() * narrow();
    float* x_t = b + narrow() * narrow();
    clear(team, x, static_cast<int>(workspace.extent(1)));
    read(team, x, offset, transposed);
    for (int step = 0; step < newton_schulz_steps; ++step) {
      transpose(team, x_t, x);
      multiply(team, a, rows, rows, columns, {x, wide(), 1}, {x_t, narrow()}, narrow());
      polynomial(team, b, a);
      advance(team, next, x, b);
      float* const swapped = x;
      x = next;
      next = swapped;
    }
    apply(team, x, offset, transposed);
  }

  KOKKOS_FUNCTION static void clear(const Member& team, float* to, int size) {
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, size), [&](const int i) { to[i] = 0; });
    team.team_barrier();
  }

  /// Where element (r, c) of the wide form lies in the flat buffers.
  [[nodiscard]] KOKKOS_FUNCTION std::int64_t place(std::int64_t offset, bool transposed, int r, int c) const {
    return offset + (transposed ? static_cast<std::int64_t>(c) * rows + r : static_cast<std::int64_t>(r) * columns + c);
  }

  /// x = direction / max(|direction|, 1e-7).
  KOKKOS_FUNCTION void read(const Member& team, float* x, std::int64_t offset, bool transposed) const {
    double squares = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, rows * columns),
        [&](const int i, double& part) {
          const double value = static_cast<double>(direction(offset + i));
          part += value * value;
        },
        squares);
    const double scale = 1 / Kokkos::max(Kokkos::sqrt(squares), 1e-7);
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, rows * columns), [&](const int i) {
      const int r = i / columns, c = i % columns;
      const double value = static_cast<double>(direction(place(offset, transposed, r, c)));
      x[r * wide() + c] = static_cast<float>(value * scale);
    });
    team.team_barrier();
  }

  KOKKOS_FUNCTION void transpose(const Member& team, float* x_t, const float* x) const {
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, rows * columns), [&](const int i) {
      const int r = i % rows, c = i / rows;
      x_t[c * narrow() + r] = x[r * wide() + c];
    });
    team.team_barrier();
  }

  KOKKOS_FUNCTION void multiply(const Member& team, float* out, int m, int n, int inner, const LeftTile<float>& left,
                                const RightTile<float>& right, int stride) const {
    tile_product<Exec, P>(team, m, n, inner, left, right, [&](int row, int column, const P& value) {
      if (row < m) store(out + row * stride + column, value);
    });
  }

  /// b = b A + c A A; A is symmetric.
  KOKKOS_FUNCTION void polynomial(const Member& team, float* b, const float* a) const {
    tile_product<Exec, P>(team, rows, rows, rows, {a, narrow(), 1}, {a, narrow()}, [&](int row, int column, const P& value) {
      if (row >= rows) return;
      const P linear = load<P>(a + row * narrow() + column);
      store(b + row * narrow() + column, Kokkos::fma(P(float{NewtonSchulz::c}), value, P(float{NewtonSchulz::b}) * linear));
    });
  }

  /// next = a x + b x.
  KOKKOS_FUNCTION void advance(const Member& team, float* next, const float* x, const float* b) const {
    tile_product<Exec, P>(team, rows, columns, rows, {b, narrow(), 1}, {x, wide()},
                          [&](int row, int column, const P& value) {
                            if (row >= rows) return;
                            store(next + row * wide() + column,
                                  Kokkos::fma(P(float{NewtonSchulz::a}), load<P>(x + row * wide() + column), value));
                          });
  }

  /// p = p (1 - lr wd) - lr sqrt(max(1, rows / columns of the parameter)) x.
  KOKKOS_FUNCTION void apply(const Member& team, const float* x, std::int64_t offset, bool transposed) const {
    const double ratio = transposed ? static_cast<double>(columns) / rows : static_cast<double>(rows) / columns;
    const double lr = constants(0).rates.muon;
    const double step = lr * Kokkos::sqrt(Kokkos::max(1.0, ratio));
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, rows * columns), [&](const int i) {
      const int r = i / columns, c = i % columns;
      float& p = values(place(offset, transposed, r, c));
      p = static_cast<float>(static_cast<double>(p) * (1 - lr * weight_decay) -
                             step * static_cast<double>(x[r * wide() + c]));
    });
  }
};

/// Kernels for one kind of device in the place of MuonUpdate; false where there are none.
template <class Exec>
struct FastMuon {
  static std::size_t workspace_size(int, int, int) { return 0; }
  static bool update(const Exec&, const MuonUpdate<Exec>&) { return false; }
};

#if defined(KOKKOS_ENABLE_CUDA)
template <>
struct FastMuon<Kokkos::Cuda> {
  static nn::hopper::MuonShape shape(int matrices, int rows, int columns) { return {matrices, rows, columns}; }

  /// Floats a matrix.
  static std::size_t workspace_size(int matrices, int rows, int columns) {
    const auto bytes = nn::hopper::muon_scratch_size(shape(matrices, rows, columns));
    return bytes / sizeof(float) / static_cast<std::size_t>(matrices) + 1;
  }

  static bool update(const Kokkos::Cuda& exec, const MuonUpdate<Kokkos::Cuda>& muon) {
    const auto matrices = shape(static_cast<int>(muon.matrices.extent(0)), muon.rows, muon.columns);
    if (!nn::hopper::muon_serves(matrices)) return false;
    const StepConstants* const constants = muon.constants.data();
    nn::hopper::muon_update(exec.cuda_stream(), muon.values.data(), muon.direction.data(), muon.matrices.data(),
                            &constants->rates.muon, &constants->skip, muon.weight_decay, matrices, muon.workspace.data());
    return true;
  }
};
#endif

}   // namespace

LearningRates learning_rates(const OptimiserConfig& config, const Schedule& schedule, std::int64_t step) {
  if (step < schedule.warmup) {
    const double factor = 0.01 + 0.99 * static_cast<double>(step) / static_cast<double>(schedule.warmup);
    return {config.muon_lr * factor, config.adam_lr * factor, config.lw_lr * factor};
  }
  const double phase = static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.decay);
  const double factor = (1 + std::cos(std::numbers::pi * phase)) / 2;
  const auto decayed = [factor](double rate) { return final_rate + (rate - final_rate) * factor; };
  return {decayed(config.muon_lr), decayed(config.adam_lr), config.lw_lr};
}

StepConstants step_constants(const OptimiserConfig& config, const Schedule& schedule, std::int64_t step) {
  const double t = static_cast<double>(step + 1);
  return {learning_rates(config, schedule, step), 1 - std::pow(config.adam_beta1, t), 1 - std::pow(config.adam_beta2, t)};
}

template <class Exec>
void Parameters<Exec>::lay_out(Arena<Exec>& arena, std::int64_t size) {
  for (View<float*, Exec>* buffer : {&values, &ema, &moment1, &moment2}) {
    *buffer = arena.template take<View<float*, Exec>>("parameters", static_cast<std::size_t>(size));
  }
}

template <class Exec>
Optimiser<Exec>::Optimiser(const nn::ParameterTable& table, const OptimiserConfig& config) : m_config(config) {
  Arena<Exec> measure;
  lay_out(measure, table);
  m_arena = Arena<Exec>("cheri::train::Optimiser", measure.bytes());
  lay_out(m_arena, table);

  const auto kind = Kokkos::create_mirror_view(m_kind);
  const auto matrices = Kokkos::create_mirror_view(m_matrices);
  std::size_t matrix = 0;
  for (const nn::Parameter& parameter : table.parameters()) {
    for (std::int64_t i = 0; i < parameter.size; ++i) {
      kind(static_cast<std::size_t>(parameter.offset + i)) = static_cast<std::uint8_t>(parameter.optimiser);
    }
    if (parameter.optimiser != nn::Optimiser::muon) continue;
    matrices(matrix, 0) = parameter.offset;
    matrices(matrix, 1) = parameter.shape[0];
    matrices(matrix, 2) = parameter.shape[1];
    ++matrix;
  }
  Kokkos::deep_copy(m_kind, kind);
  Kokkos::deep_copy(m_matrices, matrices);
}

template <class Exec>
void Optimiser<Exec>::lay_out(Arena<Exec>& arena, const nn::ParameterTable& table) {
  std::size_t n_matrices = 0;
  for (const nn::Parameter& parameter : table.parameters()) {
    if (parameter.optimiser != nn::Optimiser::muon) continue;
    m_rows = std::min(parameter.shape[0], parameter.shape[1]);
    m_columns = std::max(parameter.shape[0], parameter.shape[1]);
    ++n_matrices;
  }
  const auto size = static_cast<std::size_t>(table.size());
  m_kind = arena.template take<View<std::uint8_t*, Exec>>("kind", size);
  m_direction = arena.template take<View<float*, Exec>>("direction", size);
  m_matrices = arena.template take<View<std::int64_t**, Exec>>("matrices", n_matrices, std::size_t{3});
  const std::size_t fast =
      n_matrices == 0 ? 0 : FastMuon<Exec>::workspace_size(static_cast<int>(n_matrices), m_rows, m_columns);
  m_workspace = arena.template take<View<float**, Exec>>(
      "newton_schulz", n_matrices, std::max(fast, MuonUpdate<Exec>::workspace_size(m_rows, m_columns)));
}

template <class Exec>
void Optimiser<Exec>::update(const Exec& exec, const Parameters<Exec>& parameters,
                             const View<const float*, Exec>& gradient_P, const View<const StepConstants*, Exec>& constants,
                             bool loss_weights_frozen) {
  const AdamW adamw{m_config.adam_weight_decay, m_config.adam_beta1, m_config.adam_beta2, m_config.adam_epsilon};
  const Sgd sgd{m_config.lw_weight_decay, m_config.lw_momentum};
  const double momentum = m_config.muon_momentum;
  const auto kind = m_kind;
  const auto direction = m_direction;
  const auto values = parameters.values, moment1 = parameters.moment1, moment2 = parameters.moment2;
  Kokkos::parallel_for(
      "cheri::train::update_elements", Kokkos::RangePolicy<Exec>(exec, 0, static_cast<std::int64_t>(kind.extent(0))),
      KOKKOS_LAMBDA(const std::int64_t i) {
        if (constants(0).skip) return;
        const float g = gradient_P(i);
        switch (static_cast<nn::Optimiser>(kind(i))) {
          case nn::Optimiser::adamw: adamw(values(i), moment1(i), moment2(i), g, constants(0)); break;
          case nn::Optimiser::sgd:
            if (!loss_weights_frozen) sgd(values(i), moment1(i), g, constants(0).rates.lw);
            break;
          case nn::Optimiser::muon: {
            const double gradient = static_cast<double>(g);
            const double buffer =
                static_cast<double>(moment1(i)) + (1 - momentum) * (gradient - static_cast<double>(moment1(i)));
            moment1(i) = static_cast<float>(buffer);
            direction(i) = static_cast<float>(gradient + momentum * (buffer - gradient));
            break;
          }
        }
      });
  if (m_matrices.extent(0) == 0) return;
  const MuonUpdate<Exec> muon{parameters.values, m_direction, m_matrices, m_workspace,
                              constants,         m_rows,      m_columns,  m_config.muon_weight_decay};
  if (FastMuon<Exec>::update(exec, muon)) return;
  Kokkos::parallel_for("cheri::train::update_matrices", nn::team_policy(exec, static_cast<int>(m_matrices.extent(0))), muon);
}

template <class Exec>
void Optimiser<Exec>::update_ema(const Exec& exec, const Parameters<Exec>& parameters,
                                 const View<const StepConstants*, Exec>& constants) const {
  const auto values = parameters.values, ema = parameters.ema;
  const double decay = m_config.ema_decay;
  Kokkos::parallel_for(
      "cheri::train::update_ema", Kokkos::RangePolicy<Exec>(exec, 0, static_cast<std::int64_t>(values.extent(0))),
      KOKKOS_LAMBDA(const std::int64_t i) {
        if (constants(0).skip) return;
        ema(i) = static_cast<float>(decay * static_cast<double>(ema(i)) + (1 - decay) * static_cast<double>(values(i)));
      });
}

#define CHERI_OPTIMISER(Exec)       \
  template struct Parameters<Exec>; \
  template class Optimiser<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_OPTIMISER)

}   // namespace cheri::train
