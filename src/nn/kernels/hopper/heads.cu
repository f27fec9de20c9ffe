// The weights of the heads in the order of their kernels, and the sizes that these take (heads_layout.cuh).
#include "nn/kernels/hopper/heads_layout.cuh"
#include "nn/kernels/hopper/parts.cuh"

#include <algorithm>

namespace cheri::nn::hopper {
namespace {

using namespace heads;

/// The weights as they lie in the flat buffer, seen as columns of a track.
struct Weights {
  const float* profile;
  const float* count;
  HeadShape n;

  __device__ float operator()(int track, int column, int channel) const {
    if (column < taps) return profile[(static_cast<std::int64_t>(track) * n.profile_inputs() + channel) * taps + column];
    return column == count_column && track < n.groups ? count[track * n.count_inputs() + channel] : 0.0f;
  }
};

/// Channel of inner element `e` of the four that lane q holds in step 0 or 1: whole 16-byte vectors of memory.
template <class T>
__device__ constexpr int inner_channel(int step, int q, int e) {
  return sizeof(T) == 4 ? 16 * step + 4 * q + e : 8 * q + 4 * step + e;
}

template <class T>
__device__ uint4 forward_fragment(const Weights& weights, int track, int first_channel, int step, int tile, int lane) {
  const auto pair = [&](int e) {
    const int channel = first_channel + inner_channel<T>(step, lane % 4, e), column = 8 * tile + lane / 4;
    return split_bf16(weights(track, column, channel), weights(track, column, channel + 1));
  };
  const SplitWord upper = pair(0), lower = pair(2);
  return {upper.high, lower.high, upper.low, lower.low};
}

template <class T>
__device__ uint4 input_fragment(const Weights& weights, int track, int first_channel, int step, int tile, int lane) {
  const int channel = first_channel + channel_of<T>(tile, lane / 4);
  const auto pair = [&](int column) {
    return split_bf16(weights(track, column, channel), weights(track, column + 1, channel));
  };
  const SplitWord upper = pair(16 * step + lane % 4 * 2), lower = pair(16 * step + lane % 4 * 2 + 8);
  return {upper.high, lower.high, upper.low, lower.low};
}

template <class T>
__global__ void pack_kernel(uint4* packed, Weights weights) {
  const int word = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (word >= packed_words) return;
  const int group = static_cast<int>(blockIdx.y), track = static_cast<int>(blockIdx.z);
  const int first_channel = group * warp_channels, lane = word % 32;
  uint4* const to =
      packed + (static_cast<std::int64_t>(track) * (weights.n.channels / warp_channels) + group) * packed_words;
  if (word < forward_words) {
    const int at = word / 32;
    to[word] = forward_fragment<T>(weights, track, first_channel, at / column_tiles, at % column_tiles, lane);
  } else {
    const int at = (word - forward_words) / 32;
    to[word] = input_fragment<T>(weights, track, first_channel, at / channel_tiles, at % channel_tiles, lane);
  }
}

}   // namespace

// ---- launchers ------------------------------------------------------------------------------------------------------

bool heads_serve(const HeadShape& n) {
  return n.examples >= 1 && n.window >= 1 && n.length >= n.window && n.channels >= warp_channels &&
         n.channels % warp_channels == 0 && static_cast<std::int64_t>(n.length) * n.channels <= INT32_MAX && n.groups >= 1 &&
         n.groups <= n.tracks && n.tracks <= max_tracks;
}

std::size_t heads_packed_size(const HeadShape& n) {
  return sizeof(uint4) * static_cast<std::size_t>(n.tracks) * static_cast<std::size_t>(n.channels / warp_channels) *
         packed_words;
}

std::size_t heads_scratch_size(const HeadShape& n, int n_slices) {
  const auto tracks = static_cast<std::size_t>(n.tracks), channels = static_cast<std::size_t>(n.channels);
  const std::size_t forward = static_cast<std::size_t>(n.examples) * static_cast<std::size_t>(n.groups) *
                              static_cast<std::size_t>(blocks_of_example(n));
  const std::size_t backward = static_cast<std::size_t>(n_slices) * parts_per_slice * tracks * gradient_rows * channels;
  return sizeof(float) * std::max(forward, backward);
}

template <class T>
void heads_pack(cudaStream_t stream, void* packed, const float* profile_weight, const float* count_weight,
                const HeadShape& n) {
  const dim3 grid((packed_words + threads - 1) / threads, static_cast<unsigned>(n.channels / warp_channels),
                  static_cast<unsigned>(n.tracks));
  launch_in_order("cheri::nn::hopper::heads_pack", stream, pack_kernel<T>, grid, threads, 0, static_cast<uint4*>(packed),
                  Weights{profile_weight, count_weight, n});
}

#define CHERI_HOPPER_HEADS(T) template void heads_pack<T>(cudaStream_t, void*, const float*, const float*, const HeadShape&);
CHERI_HOPPER_HEADS(float)
CHERI_HOPPER_HEADS(__nv_bfloat16)

}   // namespace cheri::nn::hopper
