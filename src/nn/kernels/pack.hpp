// Pack<Exec, T>: what one thread holds of a row of channels. On a CPU a SIMD register of Kokkos, on a GPU one element,
// so that one source serves both: a kernel says parallel over packs, and a pack is one lane or sixteen.
#pragma once

#include "cheri/base/types.hpp"

#include <Kokkos_SIMD.hpp>

namespace cheri::nn {

namespace simd = Kokkos::Experimental;

// nvcc's device pass cannot read the host's vector intrinsics: in a GPU build the CPU is the reference and stays scalar.
#if defined(KOKKOS_ENABLE_CUDA) || defined(KOKKOS_ENABLE_HIP) || defined(KOKKOS_ENABLE_SYCL)
template <class T>
struct HostAbi {
  using type = simd::simd_abi::scalar;
};
#else
template <class T>
struct HostAbi {
#if defined(KOKKOS_ARCH_AVX512XEON)
  using type =
      std::conditional_t<sizeof(T) == 4, simd::simd_abi::avx512_fixed_size<16>, simd::simd_abi::avx512_fixed_size<8>>;
#elif defined(KOKKOS_ARCH_AVX2)
  using type = std::conditional_t<sizeof(T) == 4, simd::simd_abi::avx2_fixed_size<8>, simd::simd_abi::avx2_fixed_size<4>>;
#elif defined(KOKKOS_ARCH_ARM_NEON)
  using type = std::conditional_t<sizeof(T) == 4, simd::simd_abi::neon_fixed_size<4>, simd::simd_abi::neon_fixed_size<2>>;
#else
  using type = simd::simd_abi::scalar;
#endif
};
#endif

template <class Exec>
inline constexpr bool is_host_space = Kokkos::SpaceAccessibility<Kokkos::HostSpace, typename Exec::memory_space>::accessible;

template <class Exec, class T>
using Pack = simd::simd<T, std::conditional_t<is_host_space<Exec>, typename HostAbi<T>::type, simd::simd_abi::scalar>>;

/// Elements of a pack.
template <class P>
inline constexpr int width = static_cast<int>(P::size());

/// n rounded up to whole packs.
template <class P>
KOKKOS_FORCEINLINE_FUNCTION constexpr int padded(int n) {
  return (n + width<P> - 1) / width<P> * width<P>;
}

template <class P>
KOKKOS_FORCEINLINE_FUNCTION P load(const typename P::value_type* from) {
  P pack;
  pack.copy_from(from, simd::simd_flag_default);
  return pack;
}

template <class P>
KOKKOS_FORCEINLINE_FUNCTION void store(typename P::value_type* to, const P& pack) {
  pack.copy_to(to, simd::simd_flag_default);
}

/// The first `count` elements, zeros behind them; a whole pack if count >= width.
template <class P>
KOKKOS_FORCEINLINE_FUNCTION P load(const typename P::value_type* from, int count) {
  if (count >= width<P>) return load<P>(from);
  typename P::value_type elements[width<P>] = {};
  for (int i = 0; i < count; ++i) elements[i] = from[i];
  return load<P>(elements);
}

template <class P>
KOKKOS_FORCEINLINE_FUNCTION void store(typename P::value_type* to, const P& pack, int count) {
  if (count >= width<P>) return store(to, pack);
  typename P::value_type elements[width<P>];
  store(elements, pack);
  for (int i = 0; i < count; ++i) to[i] = elements[i];
}

/// The sum of the elements, in order.
template <class P>
KOKKOS_FORCEINLINE_FUNCTION typename P::value_type sum(const P& pack) {
  typename P::value_type elements[width<P>];
  store(elements, pack);
  typename P::value_type total = 0;
  for (int i = 0; i < width<P>; ++i) total += elements[i];
  return total;
}

}   // namespace cheri::nn
