#include "cheri/base/random.hpp"

#include "cheri/base/check.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace cheri {

// ---- numpy's legacy generator ------------------------------------------------------------------------------------------

NumpyRandom::NumpyRandom(std::uint32_t seed) {
  m_state[0] = seed;
  for (std::uint32_t i = 1; i < m_state.size(); ++i) {
    const std::uint32_t previous = m_state[i - 1];
    m_state[i] = 1812433253u * (previous ^ (previous >> 30)) + i;
  }
}

void NumpyRandom::refill() {
  const std::size_t n = m_state.size();
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t y = (m_state[i] & 0x80000000u) | (m_state[(i + 1) % n] & 0x7fffffffu);
    m_state[i] = m_state[(i + 397) % n] ^ (y >> 1) ^ ((y & 1u) != 0 ? 0x9908b0dfu : 0u);
  }
  m_position = 0;
}

std::uint32_t NumpyRandom::next() {
  if (m_position == m_state.size()) refill();
  std::uint32_t y = m_state[m_position++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

std::uint32_t NumpyRandom::interval(std::uint32_t max) {
  if (max == 0) return 0;
  const std::uint32_t mask = std::numeric_limits<std::uint32_t>::max() >> std::countl_zero(max);
  std::uint32_t value = next() & mask;
  while (value > max) value = next() & mask;
  return value;
}

std::vector<std::int64_t> NumpyRandom::permutation(std::int64_t n) {
  CHERI_REQUIRE(n >= 0 && n <= (std::int64_t{1} << 32), "a permutation has 0 to 2^32 elements, and not " << n);
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), std::int64_t{0});
  return permutation(std::move(values));
}

std::vector<std::int64_t> NumpyRandom::integers(std::int64_t bound, std::int64_t count) {
  CHERI_REQUIRE(bound >= 1 && bound <= (std::int64_t{1} << 32), "a bound is 1 to 2^32, and not " << bound);
  CHERI_REQUIRE(count >= 0, "a count must not be negative, and is " << count);
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  for (std::int64_t& value : values) value = interval(static_cast<std::uint32_t>(bound - 1));
  return values;
}

// ---- counter-based normals ---------------------------------------------------------------------------------------------

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

namespace {

// Products that are added to something go through std::fma: a compiler that may contract them has nothing to choose.

/// sum over k of coefficients[k] x^k.
template <std::size_t N>
double polynomial(const std::array<double, N>& coefficients, double x) {
  double sum = coefficients[N - 1];
  for (std::size_t k = N - 1; k-- > 0;) sum = std::fma(sum, x, coefficients[k]);
  return sum;
}

/// log(x), x > 0 and normal: x = m 2^e with m within [sqrt(1/2), sqrt(2)), log m = 2 artanh((m-1)/(m+1)). The series is cut
/// after s^23, where |s| < 0.172 leaves less than 1e-19.
double exact_order_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  const double s = (mantissa - 1) / (mantissa + 1);
  std::array<double, 12> odd_reciprocals{};
  for (std::size_t k = 0; k < odd_reciprocals.size(); ++k) odd_reciprocals[k] = 2.0 / static_cast<double>(2 * k + 1);
  constexpr double log_2 = 0.69314718055994531;
  return std::fma(static_cast<double>(exponent), log_2, s * polynomial(odd_reciprocals, s * s));
}

struct CirclePoint {
  double cosine, sine;
};

/// (cos, sin) of 2 pi u, u in [0, 1): the quarter turn nearest to u, and the Taylor series of the rest, at most an eighth
/// of a turn, where the terms left out are below 1e-17.
CirclePoint unit_circle(double u) {
  const double quarter = std::floor(std::fma(4.0, u, 0.5));
  constexpr double two_pi = 6.2831853071795865;
  const double angle = two_pi * std::fma(-0.25, quarter, u);
  std::array<double, 9> cosine_series{1}, sine_series{1};
  for (std::size_t k = 1; k < cosine_series.size(); ++k) {
    const auto n = static_cast<double>(2 * k);
    cosine_series[k] = -cosine_series[k - 1] / ((n - 1) * n);
    sine_series[k] = -sine_series[k - 1] / (n * (n + 1));
  }
  const double c = polynomial(cosine_series, angle * angle);
  const double s = angle * polynomial(sine_series, angle * angle);
  switch (static_cast<int>(quarter) % 4) {
    case 0: return {c, s};
    case 1: return {-s, c};
    case 2: return {-c, -s};
    default: return {s, -c};
  }
}

/// 53 random bits as a number in [0, 1).
double unit_interval(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>(((std::uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
}

std::uint32_t low_half(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high_half(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

}   // namespace

double counter_normal(std::uint64_t seed, std::uint64_t i) {
  const std::uint64_t pair = i / 2;
  const auto bits = philox4x32({low_half(pair), high_half(pair), 0, 0}, {low_half(seed), high_half(seed)});
  const double radius = std::sqrt(-2 * exact_order_log(1 - unit_interval(bits[0], bits[1])));
  const CirclePoint point = unit_circle(unit_interval(bits[2], bits[3]));
  return radius * (i % 2 == 0 ? point.cosine : point.sine);
}

}   // namespace cheri
