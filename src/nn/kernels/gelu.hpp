// GELU in its tanh form, gelu(h) = h/2 (1 + tanh(u)), u = sqrt(2/pi) (h + 0.044715 h^3), and its derivative.
#pragma once

#include "nn/kernels/pack.hpp"

namespace cheri::nn {

/// tanh in float: x P(x^2) / Q(x^2), clamped to |x| <= 9. The coefficients are a reweighted least-squares fit of the
/// relative error on [0, 9]; evaluated in float the error is below 4e-7.
template <class P>
KOKKOS_FORCEINLINE_FUNCTION P tanh_rational(const P& x) {
  const P y = Kokkos::min(Kokkos::max(x, P(-9.0f)), P(9.0f));
  const P s = y * y;
  P p = Kokkos::fma(s, P(1.3354352290662064e-08f), P(2.0608851627912372e-05f));
  p = Kokkos::fma(s, p, P(0.0034955739974975586f));
  p = Kokkos::fma(s, p, P(0.1338101327419281f));
  p = Kokkos::fma(s, p, P(1.0f));
  P q = Kokkos::fma(s, P(7.776429242767335e-07f), P(0.00032856117468327284f));
  q = Kokkos::fma(s, q, P(0.025876928120851517f));
  q = Kokkos::fma(s, q, P(0.46714329719543457f));
  q = Kokkos::fma(s, q, P(1.0f));
  return y * p / q;
}

/// tanh lane by lane: exact, for double.
template <class P>
KOKKOS_FORCEINLINE_FUNCTION P tanh_exact(const P& x) {
  typename P::value_type elements[width<P>];
  store(elements, x);
  for (int i = 0; i < width<P>; ++i) elements[i] = Kokkos::tanh(elements[i]);
  return load<P>(elements);
}

template <class P>
KOKKOS_FORCEINLINE_FUNCTION P tanh_of(const P& x) {
  if constexpr (sizeof(typename P::value_type) == sizeof(float)) {
    return tanh_rational(x);
  } else {
    return tanh_exact(x);
  }
}

template <class P>
struct Gelu {
  P value;
  P derivative;
};

template <class P>
KOKKOS_FORCEINLINE_FUNCTION P gelu(const P& h) {
  using T = typename P::value_type;
  const P h2 = h * h;
  const P t = tanh_of(h * Kokkos::fma(h2, P(T(0.7978845608028654 * 0.044715)), P(T(0.7978845608028654))));
  const P half = P(T(0.5)) * h;
  return Kokkos::fma(half, t, half);
}

template <class P>
KOKKOS_FORCEINLINE_FUNCTION Gelu<P> gelu_and_derivative(const P& h) {
  using T = typename P::value_type;
  const P h2 = h * h;
  const P t = tanh_of(h * Kokkos::fma(h2, P(T(0.7978845608028654 * 0.044715)), P(T(0.7978845608028654))));
  const P half = P(T(0.5)) * h;
  const P du = Kokkos::fma(h2, P(T(3 * 0.7978845608028654 * 0.044715)), P(T(0.7978845608028654)));
  const P slope = Kokkos::fma(P(T(0.5)), t, P(T(0.5)));
  return {Kokkos::fma(half, t, half), Kokkos::fma(half * du, P(T(1)) - t * t, slope)};
}

}   // namespace cheri::nn
