// Values as bytes, for another rank of this program.
#pragma once

#include "cheri/base/check.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace cheri::data {

/// Rows of values (strings, vectors of numbers), taken out in the order in which they were put in.
class Message {
 public:
  Message() = default;
  explicit Message(std::vector<std::byte> bytes) : m_bytes(std::move(bytes)) {}

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return m_bytes; }

  template <class Row>
  void put(const Row& row) {
    static_assert(std::is_trivially_copyable_v<typename Row::value_type>);
    const std::uint64_t count = row.size();
    append(&count, sizeof(count));
    append(row.data(), count * sizeof(typename Row::value_type));
  }

  template <class Row>
  Row take() {
    static_assert(std::is_trivially_copyable_v<typename Row::value_type>);
    std::uint64_t count = 0;
    std::memcpy(&count, advance(sizeof(count)), sizeof(count));
    const std::size_t bytes = count * sizeof(typename Row::value_type);
    const std::byte* values = advance(bytes);
    Row row(count, typename Row::value_type{});
    if (bytes > 0) std::memcpy(row.data(), values, bytes);
    return row;
  }

 private:
  void append(const void* values, std::size_t bytes) {
    const std::size_t end = m_bytes.size();
    m_bytes.resize(end + bytes);
    if (bytes > 0) std::memcpy(m_bytes.data() + end, values, bytes);
  }

  const std::byte* advance(std::size_t bytes) {
    CHERI_REQUIRE(bytes <= m_bytes.size() - m_taken, "takes " << bytes << " of " << m_bytes.size() - m_taken << " bytes");
    return m_bytes.data() + std::exchange(m_taken, m_taken + bytes);
  }

  std::vector<std::byte> m_bytes;
  std::size_t m_taken = 0;
};

}   // namespace cheri::data
