// Products of small tiles on tensor cores: left (16 x 16) times right (16 x 8), added to a result (16 x 8) in fp32.
//
// Lane 4g + q of a warp holds, as words of two neighbours in the inner dimension, of the left tile the words at (row, inner)
// = (g, 2q), (g+8, 2q), (g, 2q+8), (g+8, 2q+8); of the right tile those at (inner, column) = (2q, g), (2q+8, g); and of the
// result the pairs of columns at (row, column) = (g, 2q), (g+8, 2q). A warp's tiles of 32 channels come in an order of ours.
//
// A float is the sum of two bf16: three products of them leave a relative error of 2^-16, with the range of a float.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace cheri::nn::hopper {

/// Two 16-bit floats, the first in the low half.
using Word = std::uint32_t;

inline constexpr int warp_channels = 32;   ///< channels of one warp: four right tiles
inline constexpr int channel_tiles = warp_channels / 8;

/// The high and the low part of two floats.
struct SplitWord {
  Word high, low;
};

struct Lane {
  int index, g, q;
};

__device__ __forceinline__ Lane this_lane() {
  const int index = static_cast<int>(threadIdx.x) % 32;
  return {index, index / 4, index % 4};
}

__device__ __forceinline__ Word pack_bf16(float first, float second) {
  Word word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
}

__device__ __forceinline__ Word pack_fp16(float first, float second) {
  Word word;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
}

__device__ __forceinline__ float first_bf16(Word word) { return __uint_as_float(word << 16); }
__device__ __forceinline__ float second_bf16(Word word) { return __uint_as_float(word & 0xffff0000u); }

__device__ __forceinline__ SplitWord split_bf16(float first, float second) {
  const Word high = pack_bf16(first, second);
  return {high, pack_bf16(first - first_bf16(high), second - second_bf16(high))};
}

/// result += left * right.
__device__ __forceinline__ void multiply_add_bf16(float (&result)[4], Word a0, Word a1, Word a2, Word a3, Word b0, Word b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(result[0]), "+f"(result[1]), "+f"(result[2]), "+f"(result[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

__device__ __forceinline__ void multiply_add_fp16(float (&result)[4], Word a0, Word a1, Word a2, Word a3, Word b0, Word b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(result[0]), "+f"(result[1]), "+f"(result[2]), "+f"(result[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// ---- channels of a warp's result, when rows are positions: each lane owns whole 16-byte vectors of them ---------------

/// Which of the 32 channels stands in a column of result tile 0..3.
template <class T>
__host__ __device__ constexpr int channel_of(int tile, int column) {
  constexpr int vector = 16 / static_cast<int>(sizeof(T)), pairs = vector / 2;
  return tile / pairs * 4 * vector + column / 2 * vector + tile % pairs * 2 + column % 2;
}

/// Stores row g (half 0) or g + 8 (half 1) of four result tiles to 32 channels in memory.
__device__ __forceinline__ void store_row(float* channels, int q, const float (&tiles)[channel_tiles][4], int half) {
  for (int v = 0; v < 2; ++v) {
    reinterpret_cast<float4*>(channels)[4 * v + q] = make_float4(tiles[2 * v][2 * half], tiles[2 * v][2 * half + 1],
                                                                 tiles[2 * v + 1][2 * half], tiles[2 * v + 1][2 * half + 1]);
  }
}

__device__ __forceinline__ void store_row(__nv_bfloat16* channels, int q, const float (&tiles)[channel_tiles][4], int half) {
  reinterpret_cast<uint4*>(channels)[q] = make_uint4(
      pack_bf16(tiles[0][2 * half], tiles[0][2 * half + 1]), pack_bf16(tiles[1][2 * half], tiles[1][2 * half + 1]),
      pack_bf16(tiles[2][2 * half], tiles[2][2 * half + 1]), pack_bf16(tiles[3][2 * half], tiles[3][2 * half + 1]));
}

// ---- channels of a warp's right tiles, when the inner dimension is positions: lane g has channels 4g..4g+3 ------------

/// Four neighbouring channels as they lie in memory.
template <class T>
struct FourChannels;

template <>
struct FourChannels<float> {
  float4 raw;

  __device__ __forceinline__ void load(const float* from, bool inside) {
    raw = inside ? __ldcs(reinterpret_cast<const float4*>(from)) : make_float4(0, 0, 0, 0);
  }
  [[nodiscard]] __device__ __forceinline__ float operator[](int j) const {
    return j == 0 ? raw.x : (j == 1 ? raw.y : (j == 2 ? raw.z : raw.w));
  }
};

template <>
struct FourChannels<__nv_bfloat16> {
  uint2 raw;

  __device__ __forceinline__ void load(const __nv_bfloat16* from, bool inside) {
    raw = inside ? __ldcs(reinterpret_cast<const uint2*>(from)) : make_uint2(0, 0);
  }
  [[nodiscard]] __device__ __forceinline__ float operator[](int j) const {
    const Word word = j < 2 ? raw.x : raw.y;
    return j % 2 == 0 ? first_bf16(word) : second_bf16(word);
  }
};

/// Of 16 positions those of one lane: 2q, 2q+1, 2q+8, 2q+9.
__device__ __forceinline__ int lane_position(int q, int i) { return 2 * q + i % 2 + i / 2 * 8; }

}   // namespace cheri::nn::hopper
