// What the steps of an epoch take from the host, on the device before the first of them: a step knows its place and reads
// its row, so that steps follow each other without waiting for the host.
#pragma once

#include "cheri/base/arena.hpp"
#include "cheri/data/sampler.hpp"
#include "cheri/train/optimiser.hpp"

#include <cstdint>
#include <vector>

namespace cheri::train {

template <class Exec>
class EpochPlan {
 public:
  /// For at most `capacity` steps of `batch` examples.
  void lay_out(Arena<Exec>& arena, std::int64_t capacity, std::int64_t batch);

  /// Draws (steps x batch, row by row) and constants of an epoch; `first` is the step that next() takes first. Waits for the
  /// device.
  void upload(const Exec& exec, const std::vector<data::Draw>& draws, const std::vector<StepConstants>& constants,
              std::int64_t first);

  /// The draws and constants of the next step become the current ones; after the last step comes the first again.
  void next(const Exec& exec) const;

  [[nodiscard]] const View<data::Draw*, Exec>& draws() const { return m_draws; }
  [[nodiscard]] const View<StepConstants*, Exec>& constants() const { return m_constants; }   ///< one element

 private:
  View<data::Draw**, Exec> m_all_draws;
  View<StepConstants*, Exec> m_all_constants;
  View<data::Draw*, Exec> m_draws;
  View<StepConstants*, Exec> m_constants;
  View<std::int64_t*, Exec> m_place;   ///< the next step and the number of steps
};

}   // namespace cheri::train
