// One block of memory, taken apart by name before step 0: what a step needs is never allocated later.
#pragma once

#include "cheri/base/check.hpp"
#include "cheri/base/types.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace cheri {

/// A bump allocator over one Kokkos allocation. A default-constructed arena only measures: its Views are null and
/// bytes() says what a real one must hold, so that one layout function serves both passes:
///     Arena<Exec> measure;            layout(measure);
///     Arena<Exec> arena("model", measure.bytes());  layout(arena);
template <class Exec>
class Arena {
 public:
  Arena() = default;
  Arena(const std::string& label, std::size_t bytes)
      : m_memory(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), bytes + alignment - 1), m_size(bytes) {
    // Kokkos aligns to less.
    const std::size_t beyond = reinterpret_cast<std::uintptr_t>(m_memory.data()) % alignment;
    m_first = m_memory.data() + (alignment - beyond) % alignment;
  }

  /// A View of the given extents, 256-byte aligned, not initialised; throws Error if the arena is too small.
  template <class ViewType, class... Extents>
  ViewType take(const char* label, Extents... extents) {
    const std::size_t size = ViewType::shmem_size(static_cast<std::size_t>(extents)...);
    const std::size_t begin = (m_used + alignment - 1) / alignment * alignment;
    m_used = begin + size;
    if (m_first == nullptr) return ViewType(nullptr, static_cast<std::size_t>(extents)...);
    CHERI_REQUIRE(m_used <= m_size, "arena too small for " << label << ": needs " << m_used << " bytes of " << m_size);
    using Pointer = typename ViewType::pointer_type;
    return ViewType(reinterpret_cast<Pointer>(m_first + begin), static_cast<std::size_t>(extents)...);
  }

  [[nodiscard]] std::size_t bytes() const { return m_used; }

 private:
  static constexpr std::size_t alignment = 256;
  View<std::byte*, Exec> m_memory;
  std::byte* m_first = nullptr;   ///< the first aligned byte; null where the arena only measures
  std::size_t m_size = 0;
  std::size_t m_used = 0;
};

}   // namespace cheri
