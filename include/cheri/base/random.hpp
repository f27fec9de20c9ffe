// Random numbers that do not depend on the platform: numpy's legacy stream for the order of an epoch, and a
// counter-based normal for the initial weights.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cheri {

/// numpy.random.RandomState(seed): MT19937 seeded by init_genrand, with the legacy permutation and randint.
class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed);

  /// The next 32 bits of the generator.
  std::uint32_t next();

  /// Uniform on [0, max] by masked rejection on one 32-bit draw each; max = 0 draws nothing.
  std::uint32_t interval(std::uint32_t max);

  /// RandomState.permutation(values): Fisher-Yates from the last element down. Fewer than 2^32 values.
  template <class T>
  std::vector<T> permutation(std::vector<T> values) {
    for (std::size_t i = values.size(); i-- > 1;) std::swap(values[i], values[interval(static_cast<std::uint32_t>(i))]);
    return values;
  }

  /// RandomState.permutation(n).
  std::vector<std::int64_t> permutation(std::int64_t n);

  /// RandomState.randint(0, bound, count), 1 <= bound <= 2^32.
  std::vector<std::int64_t> integers(std::int64_t bound, std::int64_t count);

 private:
  void refill();
  std::array<std::uint32_t, 624> m_state;
  std::size_t m_position = 624;
};

/// Philox4x32 with ten rounds (Salmon et al. 2011): 128 random bits as a function of a counter and a key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// The i-th standard normal of a seeded, counter-based stream: Philox4x32-10 at counter i/2, then the cosine (i even) or
/// the sine (i odd) of Box-Muller, in double. The logarithm and the circle are our own, from operations that IEEE 754
/// rounds exactly, so the number is the same on every machine, compiler, thread and rank.
double counter_normal(std::uint64_t seed, std::uint64_t i);

}   // namespace cheri
