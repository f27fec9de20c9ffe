// Element formats: what a precision stores and multiplies, and conversions that keep loads apart from arithmetic.
#pragma once

#include "nn/kernels/hopper/block.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

namespace cheri::nn::hopper {

template <class Mode>
struct Format;

template <>
struct Format<Tf32Class> {
  using Activation = float;
  using Operand = __half;                   ///< of the MLP's products; also saved z and dz
  static constexpr bool is_scaled = true;   ///< the gradient enters the products through a scaled copy
};

template <>
struct Format<Bf16> {
  using Activation = __nv_bfloat16;
  using Operand = __nv_bfloat16;
  static constexpr bool is_scaled = false;
};

/// residual_scale = fraction * power, with power = 2^k. W2 is packed times fraction, which loses no bits of fp16's range;
/// the power is applied in fp32.
struct SplitScale {
  float fraction = 0;
  float power = 1;
};
SplitScale split_scale(float residual_scale);

// ---- pairs of 16-bit numbers in one word, the first in the low half ------------------------------------------------------

template <class Operand>
__device__ __forceinline__ unsigned pack_pair(float first, float second);
template <>
__device__ __forceinline__ unsigned pack_pair<__nv_bfloat16>(float first, float second) {
  unsigned word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
}
template <>
__device__ __forceinline__ unsigned pack_pair<__half>(float first, float second) {
  unsigned word;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
}

/// pack_pair, but what exceeds fp16's largest number becomes that number. NaN stays NaN.
template <class Operand>
__device__ __forceinline__ unsigned pack_pair_saturated(float first, float second) {
  return pack_pair<Operand>(first, second);   // bf16 has fp32's range
}
template <>
__device__ __forceinline__ unsigned pack_pair_saturated<__half>(float first, float second) {
  unsigned word;
  asm("cvt.rn.satfinite.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
}

/// One number, saturated; returns it as rounded.
template <class Operand>
__device__ __forceinline__ float store_saturated(std::byte* to, float value) {
  const unsigned pair = pack_pair_saturated<Operand>(value, 0.f);
  *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(pair);
  if constexpr (std::is_same_v<Operand, __half>) {
    return __half2float(__ushort_as_half(static_cast<unsigned short>(pair)));
  } else {
    return __uint_as_float(pair << 16);
  }
}

// ---- runs of consecutive channels --------------------------------------------------------------------------------------

/// n consecutive elements as they lie in memory. Conversion is a separate step (operator[]): converting inside a predicated
/// load would make a warp wait for every load in turn (backward convolution: 1.3 TB/s instead of 3).
template <class Element, int n>
struct Run {
  static constexpr int n_words = n * static_cast<int>(sizeof(Element)) / 4;
  unsigned words[n_words];

  /// The same, or zeros.
  __device__ __forceinline__ Run kept_if(bool kept) const {
    Run run;
#pragma unroll
    for (int i = 0; i < n_words; ++i) run.words[i] = kept ? words[i] : 0;
    return run;
  }

  __device__ __forceinline__ float operator[](int i) const {
    if constexpr (sizeof(Element) == 4) {
      return __uint_as_float(words[i]);
    } else if constexpr (std::is_same_v<Element, __half>) {
      return __half2float(__ushort_as_half(static_cast<unsigned short>(i % 2 ? words[i / 2] >> 16 : words[i / 2] & 0xffff)));
    } else {
      return __uint_as_float(i % 2 ? words[i / 2] & 0xffff0000u : words[i / 2] << 16);
    }
  }
};

template <int n, class Element>
__device__ __forceinline__ Run<Element, n> load_run(const Element* from) {
  Run<Element, n> run;
  constexpr int n_words = Run<Element, n>::n_words;
  if constexpr (n_words == 2) {
    const uint2 v = *reinterpret_cast<const uint2*>(from);
    run.words[0] = v.x, run.words[1] = v.y;
  } else {
#pragma unroll
    for (int i = 0; i < n_words / 4; ++i) {
      const uint4 v = reinterpret_cast<const uint4*>(from)[i];
      run.words[4 * i] = v.x, run.words[4 * i + 1] = v.y, run.words[4 * i + 2] = v.z, run.words[4 * i + 3] = v.w;
    }
  }
  return run;
}

/// The run at `from`, or zeros.
template <int n, class Element>
__device__ __forceinline__ Run<Element, n> load_run_if(bool inside, const Element* from) {
  Run<Element, n> run;
#pragma unroll
  for (int i = 0; i < Run<Element, n>::n_words; ++i) run.words[i] = 0;
  if (inside) run = load_run<n>(from);
  return run;
}

template <int n>
__device__ __forceinline__ void store_run(float* to, const float (&values)[n]) {
#pragma unroll
  for (int i = 0; i < n / 4; ++i) {
    reinterpret_cast<float4*>(to)[i] = make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]);
  }
}
template <class Operand, int n>
__device__ __forceinline__ void store_run(Operand* to, const float (&values)[n]) {
  static_assert(n % 4 == 0 && sizeof(Operand) == 2);
  unsigned words[n / 2];
#pragma unroll
  for (int i = 0; i < n / 2; ++i) words[i] = pack_pair<Operand>(values[2 * i], values[2 * i + 1]);
  if constexpr (n == 4) {
    *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
  } else {
#pragma unroll
    for (int i = 0; i < n / 8; ++i) {
      reinterpret_cast<uint4*>(to)[i] = make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
    }
  }
}

// ---- GELU, tanh form -----------------------------------------------------------------------------------------------------

__device__ __forceinline__ float fast_tanh(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));   // error 2^-11, below that of a 16-bit operand
  return y;
}

inline constexpr float gelu_linear = 0.7978845608f;   // sqrt(2/pi)
inline constexpr float gelu_cubic = 0.7978845608f * 0.044715f;

__device__ __forceinline__ float gelu(float h) {
  const float t = fast_tanh(h * fmaf(gelu_cubic, h * h, gelu_linear));
  return fmaf(0.5f * h, t, 0.5f * h);
}

struct GeluAndDerivative {
  float value, derivative;
};
__device__ __forceinline__ GeluAndDerivative gelu_and_derivative(float h) {
  const float square = h * h;
  const float t = fast_tanh(h * fmaf(gelu_cubic, square, gelu_linear));
  const float half_h = 0.5f * h;
  const float sech2 = fmaf(-t, t, 1.f);
  return {fmaf(half_h, t, half_h), fmaf(half_h * sech2, fmaf(3.f * gelu_cubic, square, gelu_linear), fmaf(0.5f, t, 0.5f))};
}

}   // namespace cheri::nn::hopper
