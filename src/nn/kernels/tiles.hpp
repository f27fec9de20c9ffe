// How the rows of a batch are cut: into tiles of one example for the forward kernels, and into a fixed number of parts a
// slice, each a run of tiles, for the sums of parameter gradients.
#pragma once

#include "cheri/base/types.hpp"
#include "nn/kernels/pack.hpp"

namespace cheri::nn {

/// Rows of a tile. CPU: 64 rows at C = 128, H = 256 keep tile, weights and their gradients near the second-level cache.
inline constexpr int tile_rows = 64;

/// Threads of a team on a GPU; a CPU team is one thread.
inline constexpr int gpu_team_size = 256;

/// A column of packs of a tile is shared by so many threads, each of which takes every strips-th row.
template <class Exec>
inline constexpr int strips = is_host_space<Exec> ? 1 : 8;

/// Partial sums of parameter gradients a slice. Part of the numerics: changing it changes rounding.
template <class Exec>
inline constexpr int parts_per_slice = is_host_space<Exec> ? 16 : 64;

/// The same for the MLP. On a GPU a part has a team for each tile of its gradients: 16 parts fill an H100 at C = 128.
template <class Exec>
constexpr int mlp_parts(int channels, int hidden) {
  return is_host_space<Exec> || channels * hidden > 128 * 128 ? 16 : 64;
}

/// The largest scratch a team takes from the GPU's shared memory (Kokkos caps it at 48 KiB); larger tiles go to global
/// memory.
inline constexpr int shared_scratch_bytes = 40 * 1024;

template <class Exec>
using TeamPolicy = Kokkos::TeamPolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>, Kokkos::IndexType<int>>;

template <class Exec>
using TeamMember = typename TeamPolicy<Exec>::member_type;

template <class Exec>
TeamPolicy<Exec> team_policy(const Exec& exec, int league_size) {
  return TeamPolicy<Exec>(exec, league_size, is_host_space<Exec> ? 1 : gpu_team_size, 1);
}

template <class Exec>
int scratch_level(std::size_t bytes) {
  return !is_host_space<Exec> && bytes <= static_cast<std::size_t>(shared_scratch_bytes) ? 0 : 1;
}

KOKKOS_INLINE_FUNCTION constexpr int tiles_of(int length) { return (length + tile_rows - 1) / tile_rows; }

/// Rows [begin, begin + rows) of one example.
struct Tile {
  int example;
  int index;   ///< of the tile in its example
  int begin;
  int rows;
};

KOKKOS_INLINE_FUNCTION Tile tile_at(int flat_index, int length) {
  const int per_example = tiles_of(length);
  const int index = flat_index % per_example;
  const int begin = index * tile_rows;
  return {flat_index / per_example, index, begin, Kokkos::min(int{tile_rows}, length - begin)};
}

/// What one thread does of a tile: rows first, first + strips, ... of the pack at a channel.
struct Strip {
  int channel, first;
};

template <class Exec, class P>
KOKKOS_FORCEINLINE_FUNCTION Strip strip_at(int index, int packs) {
  if constexpr (strips<Exec> == 1) return {index * width<P>, 0};
  else return {index % packs * width<P>, index / packs};
}

/// body(strip) for the strips of all packs, by the threads of the team.
template <class Exec, class P, class Body>
KOKKOS_FORCEINLINE_FUNCTION void for_each_strip(const TeamMember<Exec>& team, int packs, const Body& body) {
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, packs * strips<Exec>),
                       [&](const int index) { body(strip_at<Exec, P>(index, packs)); });
}

/// write(l, read(l)) for the positions l of a strip. On a GPU four are read before the first is written, so that they wait
/// for memory together: the compiler must suppose that a write changes what is read next.
template <class Exec, class Read, class Write>
KOKKOS_FORCEINLINE_FUNCTION void for_each_row(const Tile& tile, const Strip& strip, const Read& read, const Write& write) {
  const int end = tile.begin + tile.rows;
  if constexpr (is_host_space<Exec>) {
    for (int l = tile.begin; l < end; ++l) write(l, read(l));
  } else {
    constexpr int together = 4, step = strips<Exec>;
    for (int first = tile.begin + strip.first; first < end; first += together * step) {
      decltype(read(0)) values[together];
      for (int i = 0; i < together; ++i) values[i] = read(Kokkos::min(first + i * step, end - 1));
      for (int i = 0; i < together; ++i) {
        if (first + i * step < end) write(first + i * step, values[i]);
      }
    }
  }
}

/// Flat tile indices [begin, end) of part `part` (counted over all slices).
struct PartRange {
  int begin;
  int end;
};

template <class Exec>
KOKKOS_INLINE_FUNCTION PartRange part_range(int part, int slice_size, int length) {
  const int slice = part / parts_per_slice<Exec>;
  const int p = part % parts_per_slice<Exec>;
  const int tiles = slice_size * tiles_of(length);
  const int first = slice * tiles;
  return {first + static_cast<int>(static_cast<std::int64_t>(tiles) * p / parts_per_slice<Exec>),
          first + static_cast<int>(static_cast<std::int64_t>(tiles) * (p + 1) / parts_per_slice<Exec>)};
}

}   // namespace cheri::nn
