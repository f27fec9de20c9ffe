#include "record_column.hpp"

#include "cheri/base/check.hpp"
#include "hdf5_handle.hpp"
#include "record_memory.hpp"
#include "tables.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <numeric>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace cheri::data {

namespace {

constexpr std::uint64_t block_bytes = std::uint64_t{1} << 24;

bool is_served(ElementType type) {
  return type == ElementType::u8 || type == ElementType::u16 || type == ElementType::u32 || type == ElementType::f32;
}

/// Every code is 0 to 4.
bool are_codes(const Code* codes, std::uint64_t n) {
  Code largest = 0;
  for (std::uint64_t i = 0; i < n; ++i) largest = std::max(largest, codes[i]);
  return largest <= 4;
}

/// Every value is finite and not negative.
bool are_counts(const std::byte* values, std::uint64_t n) {
  std::uint64_t good = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    float value;
    std::memcpy(&value, values + i * sizeof(float), sizeof(float));
    good += value >= 0 && value <= std::numeric_limits<float>::max() ? 1 : 0;
  }
  return good == n;
}

}   // namespace

// ---- positioned reads --------------------------------------------------------------------------------------------------

PositionedFile::PositionedFile(const std::string& path)
    : m_path(path), m_descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  CHERI_REQUIRE_INPUT(m_descriptor >= 0, "cannot read " << path << ": " << std::strerror(errno));
}

PositionedFile::~PositionedFile() { ::close(m_descriptor); }

std::uint64_t PositionedFile::size() const {
  struct stat status {};
  CHERI_REQUIRE_INPUT(::fstat(m_descriptor, &status) == 0, "cannot size " << m_path << ": " << std::strerror(errno));
  return static_cast<std::uint64_t>(status.st_size);
}

void PositionedFile::read(std::uint64_t offset, std::span<std::byte> to, const std::string& what) const {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t n = ::pread(m_descriptor, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_by_system(m_path + ": cannot read " + what);
    CHERI_REQUIRE_INPUT(n > 0, m_path << ": " << what << " is cut off: it reaches to byte " << offset + to.size()
                                      << ", and the file has " << size());
    done += static_cast<std::size_t>(n);
  }
}

// ---- a dataset ---------------------------------------------------------------------------------------------------------

RecordColumn::RecordColumn(const Hdf5File& file, const PositionedFile& positioned, const std::string& name, Holds holds,
                           std::int64_t n)
    : m_file(&file), m_positioned(&positioned), m_name(name), m_holds(holds), m_n(n), m_stored(file.type(name)) {
  const std::vector<std::uint64_t> extents = file.extents(name);
  m_channels = extents.size() == 3 ? extents[1] : 1;
  m_positions = extents.back();
  if (is_served(m_stored) && (holds == Holds::signal || m_stored == ElementType::u8)) m_offset = file.plain_offset(name);
  m_type = holds == Holds::codes ? ElementType::u8 : is_served(m_stored) ? m_stored : narrowest();
  if (!m_offset) return;
  const std::uint64_t end = *m_offset + static_cast<std::uint64_t>(n) * row_elements() * size_of(m_type);
  CHERI_REQUIRE_INPUT(end <= positioned.size(), file.path() << ": " << name << " is cut off: it reaches to byte " << end
                                                            << ", and the file has " << positioned.size());
}

std::string RecordColumn::why_not_positioned() const {
  if (m_offset || m_n * static_cast<std::int64_t>(row_elements()) == 0) return {};
  return m_file->path() + ": " + m_name + " (" + name_of(m_stored) + ") is not stored in one piece, unfiltered, as " +
         (m_holds == Holds::codes ? "u8" : "u8, u16, u32 or f32") +
         " in little-endian order; `cheri pack` writes such files";
}

std::int64_t RecordColumn::rows_of_block() const {
  return static_cast<std::int64_t>(block_bytes / (row_elements() * std::max(size_of(m_stored), sizeof(float)) + 1) + 1);
}

/// Values in the type of records, of which the first is element `first` of the dataset.
void RecordColumn::check(const std::byte* values, std::uint64_t n, std::uint64_t first) const {
  if (m_holds == Holds::codes) {
    const auto* codes = reinterpret_cast<const Code*>(values);
    if (!are_codes(codes, n)) check_codes(m_file->path(), m_name, {codes, codes + n}, first);
  } else if (m_type == ElementType::f32 && !are_counts(values, n)) {
    check_signal(m_file->path(), m_name, to_floats(m_type, values, n), first);
  }
}

void RecordColumn::read(std::span<const std::int64_t> rows, const ColumnPart& part, std::byte* to) const {
  if (row_elements() == 0) return;
  if (!m_offset) return read_blocks(rows, part, to);
  const std::size_t bytes = m_channels * static_cast<std::size_t>(part.width) * size_of(m_type);
  for (std::size_t i = 0; i < rows.size(); ++i) read_positioned(rows[i], part, to + i * bytes);
}

/// One read for the row where all of it is wanted, otherwise one for each channel.
void RecordColumn::read_positioned(std::int64_t row, const ColumnPart& part, std::byte* to) const {
  const bool whole = part.width == static_cast<std::int64_t>(m_positions);
  const std::uint64_t pieces = whole ? 1 : m_channels, n = whole ? row_elements() : static_cast<std::uint64_t>(part.width);
  for (std::uint64_t c = 0; c < pieces; ++c) {
    const std::uint64_t first =
        static_cast<std::uint64_t>(row) * row_elements() + c * m_positions + static_cast<std::uint64_t>(part.begin);
    const std::span<std::byte> piece(to + c * n * size_of(m_type), n * size_of(m_type));
    m_positioned->read(*m_offset + first * size_of(m_type), piece, m_name);
    check(piece.data(), n, first);
  }
}

/// Through HDF5: rows in their order in the file, so that none is read twice.
void RecordColumn::read_blocks(std::span<const std::int64_t> rows, const ColumnPart& part, std::byte* to) const {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });
  const std::uint64_t element = size_of(m_type), width = static_cast<std::uint64_t>(part.width) * element;
  std::vector<std::byte> block;
  for (std::size_t next = 0; next < order.size();) {
    const std::int64_t begin = rows[order[next]];
    std::size_t last = next;
    while (last + 1 < order.size() && rows[order[last + 1]] < begin + rows_of_block()) ++last;
    const std::int64_t end = rows[order[last]] + 1;
    block.resize(static_cast<std::uint64_t>(end - begin) * row_elements() * element);
    read_rows(begin, end, block.data(), m_type);
    for (; next <= last; ++next) {
      for (std::uint64_t c = 0; c < m_channels; ++c) {
        const std::uint64_t from = static_cast<std::uint64_t>(rows[order[next]] - begin) * row_elements() + c * m_positions +
                                   static_cast<std::uint64_t>(part.begin);
        std::copy_n(block.data() + from * element, width, to + (order[next] * m_channels + c) * width);
      }
    }
  }
}

/// Whole rows; values in the type of records are checked.
void RecordColumn::read_rows(std::int64_t begin, std::int64_t end, std::byte* to, ElementType type) const {
  const std::uint64_t first = static_cast<std::uint64_t>(begin) * row_elements(),
                      n = static_cast<std::uint64_t>(end - begin) * row_elements();
  const auto from = static_cast<std::uint64_t>(begin), last = static_cast<std::uint64_t>(end);
  if (m_offset) {
    m_positioned->read(*m_offset + first * size_of(type), {to, n * size_of(type)}, m_name);
  } else if (type == m_stored || m_holds == Holds::codes) {
    m_file->read_rows(m_name, from, last, to, type);
  } else {   // as narrowest() saw them
    std::vector<float> values(n);
    m_file->read_rows(m_name, from, last, values.data(), ElementType::f32);
    store_values(type, to, values);
  }
  if (type == m_type) check(to, n, first);
}

ElementType RecordColumn::narrowest() const {
  ElementType type = ElementType::u8;
  std::vector<float> values;
  for (std::int64_t begin = 0; begin < m_n; begin += rows_of_block()) {
    const std::int64_t end = std::min(begin + rows_of_block(), m_n);
    values.resize(static_cast<std::uint64_t>(end - begin) * row_elements());
    m_file->read_rows(m_name, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end), values.data(),
                      ElementType::f32);
    check_signal(m_file->path(), m_name, values, static_cast<std::uint64_t>(begin) * row_elements());
    type = wider_of(type, narrowest_type(values));
  }
  return type;
}

void RecordColumn::verify(const Sharing& sharing) const {
  std::uint32_t sum = 0;
  std::uint64_t summed = 0;
  std::vector<std::byte> block;
  const std::int64_t last = sharing.end(m_n);
  for (std::int64_t begin = sharing.begin(m_n); begin < last; begin += rows_of_block()) {
    const std::int64_t end = std::min(begin + rows_of_block(), last);
    block.resize(static_cast<std::uint64_t>(end - begin) * row_elements() * size_of(m_stored));
    read_rows(begin, end, block.data(), m_stored);
    sum = crc32_of(block.data(), block.size(), sum);
    summed += block.size();
    if (m_stored == m_type) continue;
    block.resize(static_cast<std::uint64_t>(end - begin) * row_elements() * size_of(m_type));
    read_rows(begin, end, block.data(), m_type);
  }
  if (!m_file->has_attribute(m_name, "crc32")) return;
  const std::vector<double> parts = sharing.gather({static_cast<double>(sum), static_cast<double>(summed)});
  uLong whole = 0;
  for (std::size_t i = 0; i < parts.size(); i += 2)
    whole = crc32_combine(whole, static_cast<uLong>(parts[i]), static_cast<z_off_t>(parts[i + 1]));
  CHERI_REQUIRE_INPUT(whole == m_file->attribute<std::uint64_t>(m_name, "crc32"),
                      m_file->path() << ": " << m_name << " is damaged: its values do not have their checksum");
}

}   // namespace cheri::data
