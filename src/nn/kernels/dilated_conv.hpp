// The dilated depthwise convolution of three taps, for one position and one pack of channels; forward and, with mirrored
// taps, its gradient at the input.
#pragma once

#include "nn/kernels/pack.hpp"

namespace cheri::nn {

/// Three rows of one pack of channels: the inputs or the weights of the taps l-d, l, l+d.
template <class P>
struct Taps {
  P before, centre, after;
};

template <class P, class T>
KOKKOS_FORCEINLINE_FUNCTION Taps<P> tap_weights(const T* weights_3C, int channels, int c) {
  const int count = channels - c;
  return {load<P>(weights_3C + c, count), load<P>(weights_3C + channels + c, count),
          load<P>(weights_3C + 2 * channels + c, count)};
}

/// One example: rows of `channels` elements.
template <class T>
struct Rows {
  T* data;
  int length;
  int channels;

  [[nodiscard]] KOKKOS_FORCEINLINE_FUNCTION T* at(int l, int c) const {
    return data + static_cast<std::int64_t>(l) * channels + c;
  }
};

/// Rows l-d, l, l+d; zero outside the example.
template <class P, class T>
KOKKOS_FORCEINLINE_FUNCTION Taps<P> neighbours(const Rows<T>& x, int l, int dilation, int c) {
  const int count = x.channels - c;
  return {l >= dilation ? load<P>(x.at(l - dilation, c), count) : P(0), load<P>(x.at(l, c), count),
          dilation < x.length - l ? load<P>(x.at(l + dilation, c), count) : P(0)};
}

template <class P>
KOKKOS_FORCEINLINE_FUNCTION P convolve(const Taps<P>& x, const Taps<P>& w) {
  return Kokkos::fma(x.after, w.after, Kokkos::fma(x.centre, w.centre, x.before * w.before));
}

/// 1 in the first `count` lanes, 0 in the others.
template <class P>
KOKKOS_FORCEINLINE_FUNCTION P first_lanes(int count) {
  typename P::value_type elements[width<P>];
  for (int i = 0; i < width<P>; ++i) elements[i] = i < count ? 1 : 0;
  return load<P>(elements);
}

}   // namespace cheri::nn
