#include "cheri/train/step_record.hpp"

#include <algorithm>

namespace cheri::train {
namespace {

/// The mixed loss from the means of a step (spec.md, Loss).
struct Mixture {
  bool given;        ///< weights are given, not learned
  double w0, w1;     ///< those
  bool logarithms;   ///< the bracket of logarithms counts

  KOKKOS_FUNCTION double term(bool is_profile, double loss, double lw) const {
    if (given) return (is_profile ? w0 : w1) * loss;
    const double logarithm = Kokkos::log(lw);
    return loss / (2 * lw * lw) + (logarithms ? logarithm * logarithm : 0.0);
  }
};

}   // namespace

template <class Exec>
void StepRecord<Exec>::lay_out(Arena<Exec>& arena, int n_groups) {
  const auto sums = static_cast<std::size_t>(2 * n_groups);
  m_epoch_losses = arena.template take<View<double*, Exec>>("epoch_losses", sums);
  m_taken = arena.template take<View<StepsTaken*, Exec>>("steps_taken", std::size_t{1});
  m_epoch_losses_host = HostView<double*>("cheri::train::epoch_losses", sums);
  m_taken_host = HostView<StepsTaken*>("cheri::train::steps_taken", 1);
}

template <class Exec>
void StepRecord<Exec>::begin(const Exec& exec, const std::vector<double>& epoch_losses) {
  Kokkos::deep_copy(exec, m_epoch_losses, HostView<const double*>(epoch_losses.data(), epoch_losses.size()));
  m_taken_host(0) = {};
  Kokkos::deep_copy(exec, m_taken, m_taken_host);
  exec.fence("cheri::train::StepRecord::begin");
}

template <class Exec>
void StepRecord<Exec>::add(const Exec& exec, const View<const float*, Exec>& total_Q, std::int64_t losses_at,
                           const View<const float*, Exec>& parameters_P, const nn::LossMixture& mixture,
                           const View<StepConstants*, Exec>& constants) const {
  const Mixture mix{mixture.weights.has_value(), mixture.weights ? (*mixture.weights)[0] : 0.0,
                    mixture.weights ? (*mixture.weights)[1] : 0.0, mixture.learned};
  const auto sums = m_epoch_losses;
  const auto taken = m_taken;
  const int groups = static_cast<int>(sums.extent(0)) / 2;
  Kokkos::parallel_for(
      "cheri::train::record_step", Kokkos::RangePolicy<Exec>(exec, 0, 1), KOKKOS_LAMBDA(const int) {
        StepsTaken& t = taken(0);
        double loss = 0, lw0_gradient = 0;
        for (int i = 0; i < 2 * groups; ++i) {
          loss += mix.term(i < groups, static_cast<double>(total_Q(losses_at + i)), static_cast<double>(parameters_P(i)));
          if (i < groups) lw0_gradient += Kokkos::abs(static_cast<double>(total_Q(i))) / groups;
        }
        t.stop = t.stop || total_Q(losses_at + 2 * groups + stop_flag) > 0;
        t.save = t.save || total_Q(losses_at + 2 * groups + save_flag) > 0;
        t.halted = t.halted || !Kokkos::isfinite(loss);
        constants(0).skip = t.halted;
        if (t.halted) return;
        for (int i = 0; i < 2 * groups; ++i) sums(i) += static_cast<double>(total_Q(losses_at + i));
        t.loss = loss;
        t.lw0_gradient = lw0_gradient;
        ++t.steps;
      });
}

template <class Exec>
StepsTaken StepRecord<Exec>::look(const Exec& exec, std::vector<double>& epoch_losses) {
  Kokkos::deep_copy(exec, m_taken_host, m_taken);
  Kokkos::deep_copy(exec, m_epoch_losses_host, m_epoch_losses);
  exec.fence("cheri::train::StepRecord::look");
  epoch_losses.assign(m_epoch_losses_host.data(), m_epoch_losses_host.data() + m_epoch_losses_host.size());
  const StepsTaken taken = m_taken_host(0);
  m_taken_host(0) = {};
  m_taken_host(0).halted = taken.halted;
  Kokkos::deep_copy(exec, m_taken, m_taken_host);
  return taken;
}

#define CHERI_STEP_RECORD(Exec) template class StepRecord<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_STEP_RECORD)

}   // namespace cheri::train
