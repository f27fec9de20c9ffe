// What the sources of records and their readers share.
#pragma once

#include "cheri/data/records.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace cheri::data {

/// Threads that read records: so many reads are under way at once. One keeps up with a page cache; a disk or a file server
/// that is asked for one record at a time is left idle.
inline constexpr int record_readers = 4;

/// to = the wanted parts of these records of `from`.
void copy_records(const RecordLayout& layout, const RecordMemory& from, std::span<const std::int64_t> records,
                  const RecordMemory& to);

/// to = values in an element type that holds them exactly.
void store_values(ElementType type, std::byte* to, const std::vector<float>& values);

/// 0, ..., n - 1.
std::vector<std::int64_t> numbers_below(std::int64_t n);

}   // namespace cheri::data
