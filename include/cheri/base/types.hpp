// Execution spaces and Views. The library is compiled for Device and Host; without a GPU they are one.
// Shape suffixes: N batch, L length, C channels, H hidden, K taps or control channels, T tracks (signal channels),
// G groups, W output window, S gradient slices, P parameters.
#pragma once

#include <Kokkos_Core.hpp>

#include <cstdint>
#include <type_traits>

namespace cheri {

using Device = Kokkos::DefaultExecutionSpace;
using Host = Kokkos::DefaultHostExecutionSpace;

/// One byte per base: 0..3 = ACGT, 4 = anything else.
using Code = std::uint8_t;

/// View<float***, Device>: row-major, in the memory of an execution space.
template <class DataType, class Exec>
using View = Kokkos::View<DataType, Kokkos::LayoutRight, typename Exec::memory_space>;

template <class DataType>
using HostView = Kokkos::View<DataType, Kokkos::LayoutRight, Kokkos::HostSpace>;

inline constexpr bool has_separate_device = !std::is_same_v<Device, Host>;

}   // namespace cheri

/// Instantiates a template function or class for both execution spaces, once where they are the same.
/// F(Exec) expands to the instantiations for one space.
#if defined(KOKKOS_ENABLE_CUDA) || defined(KOKKOS_ENABLE_HIP) || defined(KOKKOS_ENABLE_SYCL)
#define CHERI_FOR_EACH_SPACE(F) F(::cheri::Host) F(::cheri::Device)
#else
#define CHERI_FOR_EACH_SPACE(F) F(::cheri::Host)
#endif
