// How the rows of a batch are cut: into tiles of one example for the forward kernels, and into a fixed number of parts a
// slice, each a run of tiles, for the sums of parameter gradients.
#pragma once

#include "cheri/base/types.hpp"
#include "nn/kernels/pack.hpp"

namespace cheri::nn {

/// Rows of a tile. CPU: 64 rows at C = 128, H = 256 keep tile, weights and their gradients near the second-level cache.
/// GPU: 16 rows fit the 48 KiB of team scratch with both hidden tiles at C = 128.
template <class Exec>
KOKKOS_FORCEINLINE_FUNCTION constexpr int tile_rows() {
  return is_host_space<Exec> ? 64 : 16;
}

/// Threads of a team on a GPU; a CPU team is one thread. Teams that each sum a part are few, and large.
inline constexpr int gpu_team_size = 128, gpu_part_team_size = 512;

/// Partial sums of parameter gradients a slice. Part of the numerics: changing it changes rounding.
inline constexpr int parts_per_slice = 16;

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

/// One team a part of a sum.
template <class Exec>
auto part_policy(const Exec& exec, int n_parts) {
  using Policy = Kokkos::TeamPolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>, Kokkos::IndexType<int>,
                                    Kokkos::LaunchBounds<gpu_part_team_size, 1>>;
  return Policy(exec, n_parts, is_host_space<Exec> ? 1 : gpu_part_team_size, 1);
}

template <class Exec>
int scratch_level(std::size_t bytes) {
  return !is_host_space<Exec> && bytes <= static_cast<std::size_t>(shared_scratch_bytes) ? 0 : 1;
}

template <class Exec>
KOKKOS_INLINE_FUNCTION constexpr int tiles_of(int length) {
  return (length + tile_rows<Exec>() - 1) / tile_rows<Exec>();
}

/// Rows [begin, begin + rows) of one example.
struct Tile {
  int example;
  int index;   ///< of the tile in its example
  int begin;
  int rows;
};

template <class Exec>
KOKKOS_INLINE_FUNCTION Tile tile_at(int flat_index, int length) {
  const int per_example = tiles_of<Exec>(length);
  const int index = flat_index % per_example;
  const int begin = index * tile_rows<Exec>();
  return {flat_index / per_example, index, begin, Kokkos::min(tile_rows<Exec>(), length - begin)};
}

/// Flat tile indices [begin, end) of part `part` (counted over all slices).
struct PartRange {
  int begin;
  int end;
};

template <class Exec>
KOKKOS_INLINE_FUNCTION PartRange part_range(int part, int slice_size, int length) {
  const int slice = part / parts_per_slice;
  const int p = part % parts_per_slice;
  const int tiles = slice_size * tiles_of<Exec>(length);
  const int first = slice * tiles;
  return {first + static_cast<int>(static_cast<std::int64_t>(tiles) * p / parts_per_slice),
          first + static_cast<int>(static_cast<std::int64_t>(tiles) * (p + 1) / parts_per_slice)};
}

}   // namespace cheri::nn
