#include "cheri/train/epoch_plan.hpp"

#include "cheri/base/check.hpp"

namespace cheri::train {
namespace {

template <class Exec, class T>
void copy_in(const Exec& exec, const View<T*, Exec>& to, const std::vector<T>& values) {
  Kokkos::deep_copy(exec, Kokkos::subview(to, std::make_pair(std::size_t{0}, values.size())),
                    HostView<const T*>(values.data(), values.size()));
}

}   // namespace

template <class Exec>
void EpochPlan<Exec>::lay_out(Arena<Exec>& arena, std::int64_t capacity, std::int64_t batch) {
  const auto steps = static_cast<std::size_t>(capacity), size = static_cast<std::size_t>(batch);
  m_all_draws = arena.template take<View<data::Draw**, Exec>>("epoch.draws", steps, size);
  m_all_constants = arena.template take<View<StepConstants*, Exec>>("epoch.constants", steps);
  m_draws = arena.template take<View<data::Draw*, Exec>>("draws", size);
  m_constants = arena.template take<View<StepConstants*, Exec>>("constants", std::size_t{1});
  m_place = arena.template take<View<std::int64_t*, Exec>>("epoch.place", std::size_t{2});
}

template <class Exec>
void EpochPlan<Exec>::upload(const Exec& exec, const std::vector<data::Draw>& draws,
                             const std::vector<StepConstants>& constants, std::int64_t first) {
  const std::size_t steps = constants.size();
  const auto n = static_cast<std::int64_t>(steps);
  CHERI_REQUIRE(steps <= m_all_constants.extent(0) && draws.size() == steps * m_draws.extent(0),
                "a plan of " << steps << " steps and " << draws.size() << " draws for " << m_all_constants.extent(0)
                             << " steps of " << m_draws.extent(0));
  copy_in(exec, View<data::Draw*, Exec>(m_all_draws.data(), m_all_draws.size()), draws);
  copy_in(exec, m_all_constants, constants);
  copy_in(exec, m_place, std::vector<std::int64_t>{first % n, n});
  exec.fence("cheri::train::EpochPlan::upload");
}

template <class Exec>
void EpochPlan<Exec>::next(const Exec& exec) const {
  const auto all_draws = m_all_draws;
  const auto all_constants = m_all_constants, constants = m_constants;
  const auto draws = m_draws;
  const auto place = m_place;
  Kokkos::parallel_for(
      "cheri::train::next_draws", Kokkos::RangePolicy<Exec>(exec, 0, draws.extent(0)),
      KOKKOS_LAMBDA(const std::size_t i) { draws(i) = all_draws(place(0), i); });
  Kokkos::parallel_for(
      "cheri::train::next_constants", Kokkos::RangePolicy<Exec>(exec, 0, 1), KOKKOS_LAMBDA(const int) {
        constants(0) = all_constants(place(0));
        place(0) = (place(0) + 1) % place(1);
      });
}

#define CHERI_EPOCH_PLAN(Exec) template class EpochPlan<Exec>;
CHERI_FOR_EACH_SPACE(CHERI_EPOCH_PLAN)

}   // namespace cheri::train
