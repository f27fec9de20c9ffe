// Power-of-two scales that keep fp16 operands of the backward in range (Tf32Class), one per gradient slice, so that they do
// not depend on who computes which slices.
//
// Let g = scale * dout, and N2 the largest sum over c of |s W2(c,h)| (the residual scale's power of two aside). The products
// make |da| <= N2 max|g| and |dh| <= 1.13 |da|, since |gelu'| < 1.13. With max|g| <= 2^15 / max(1, 1.13 N2) neither g nor dh
// leaves fp16 (65504), and what is 2^-29 of the largest value is still a normal number. dz is scaled once more when it is
// stored, by the layer's own power of two. Everything else is fp32.
//
// The scale of a copy must be known before the kernel that computes it: from a bound on dx (combine.cu). Slack in the bound
// costs bits of that range but does not add up over blocks, since each bound starts from a measured maximum.
#pragma once

#include "nn/kernels/hopper/device.cuh"
#include "nn/kernels/hopper/kernels.hpp"

namespace cheri::nn::hopper {

/// The largest power of two, up to a factor of 4, with scale * bound <= limit. NaN if the bound is not finite.
__device__ __forceinline__ float scale_for(float bound, float limit) {
  const auto exponent = [](float value) { return static_cast<int>(__float_as_uint(value) >> 23 & 255) - 127; };
  if (exponent(bound) == 128) return __uint_as_float(0x7fffffffu);
  const int power = min(max(exponent(limit) - exponent(bound) - 1, -100), 100);
  return __uint_as_float(static_cast<unsigned>(power + 127) << 23);
}

/// max |g| that the products of a layer can take. By whole warps.
__device__ __forceinline__ float operand_limit(const LayerNorms& norms) {
  unsigned largest = 0;
  for (int h = threadIdx.x % 32; h < norms.hidden; h += 32) largest = max(largest, magnitude_bits(norms.linear2[h]));
  return 32768.f / fmaxf(1.f, 1.13f * warp_largest(largest));
}

/// dz is stored times this: |dz| <= N1 max|dh|, with N1 the largest sum over h of |W1(h,c)|.
__device__ __forceinline__ float packed_dz_scale(const LayerNorms& norms) {
  unsigned largest = 0;
  for (int i = 0; i < norms.n_linear1; ++i) largest = max(largest, magnitude_bits(norms.linear1[i]));
  return scale_for(__uint_as_float(largest), 1.f);
}

}   // namespace cheri::nn::hopper
