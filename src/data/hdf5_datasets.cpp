// Hdf5File: datasets of numbers.
#include "cheri/data/hdf5.hpp"

#include "hdf5_handle.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <numeric>
#include <stdexcept>

namespace cheri::data {

namespace {

constexpr const char* checksum = "crc32";

/// HDF5 calls this for a value that the target type cannot hold. Floats may round, and are infinite beyond their range.
H5T_conv_ret_t refuse_misfits(H5T_conv_except_t, hid_t, hid_t target, void*, void*, void*) {
  return H5Tget_class(target) == H5T_FLOAT ? H5T_CONV_UNHANDLED : H5T_CONV_ABORT;
}

Handle transfer_properties() {
  Handle transfer = property_list(H5P_DATASET_XFER);
  CHERI_REQUIRE(H5Pset_type_conv_cb(transfer, refuse_misfits, nullptr) >= 0,
                "HDF5 takes no conversion rule: " << innermost_reason());
  return transfer;
}

std::uint64_t count_of(const std::string& path, const std::string& dataset, const std::vector<std::uint64_t>& extents) {
  std::uint64_t count = 1;
  for (const std::uint64_t extent : extents) {
    CHERI_REQUIRE_INPUT(extent == 0 || count <= std::numeric_limits<std::uint64_t>::max() / 8 / extent,
                        path << ": " << dataset << " has impossible extents");
    count *= extent;
  }
  return count;
}

template <class T>
std::vector<T> allocate(const std::string& path, const std::string& dataset, std::uint64_t count) {
  try {
    return std::vector<T>(count);
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  throw InputError(path + ": " + dataset + " has " + std::to_string(count) + " elements, too many for the memory");
}

struct Selection {
  Handle memory, file;
};

/// The spaces of a box, in memory and in the file.
Selection select(const std::string& path, const std::string& name, hid_t dataset, const Box& box) {
  const std::string action = "select a part of " + name;
  Handle file(require_read(path, H5Dget_space(dataset), action), H5Sclose);
  const int rank = require_read(path, H5Sget_simple_extent_ndims(file), action);
  CHERI_REQUIRE_INPUT(static_cast<std::size_t>(rank) == box.extents.size() && box.offset.size() == box.extents.size(),
                      path << ": " << name << " has " << rank << " dimensions, and not " << box.extents.size());
  const std::vector<hsize_t> offset(box.offset.begin(), box.offset.end()), extents(box.extents.begin(), box.extents.end());
  Handle memory(require_read(path, H5Screate_simple(rank, extents.data(), nullptr), action), H5Sclose);
  require_read(path, H5Sselect_hyperslab(file, H5S_SELECT_SET, offset.data(), nullptr, extents.data(), nullptr), action);
  const htri_t is_inside = require_read(path, H5Sselect_valid(file), action);
  CHERI_REQUIRE_INPUT(is_inside > 0, path << ": " << name << " is smaller than the part that is wanted");
  return {std::move(memory), std::move(file)};
}

Box rows_of(const std::vector<std::uint64_t>& extents, std::uint64_t begin, std::uint64_t end) {
  Box box{std::vector<std::uint64_t>(extents.size(), 0), extents};
  CHERI_REQUIRE(!extents.empty() && begin <= end,
                "rows need a dimension and an order; asked for " << begin << " to " << end);
  box.offset[0] = begin;
  box.extents[0] = end - begin;
  return box;
}

Handle creation_properties(const std::string& path, const Storage& storage) {
  Handle creation = object_properties(H5P_DATASET_CREATE);
  if (storage.chunk.empty()) {
    require_write(path, H5Pset_layout(creation, H5D_CONTIGUOUS), "lay out contiguously");
    require_write(path, H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY), "allocate early");
    require_write(path, H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER), "leave unfilled");
    return creation;
  }
  const std::vector<hsize_t> chunk(storage.chunk.begin(), storage.chunk.end());
  require_write(path, H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data()), "lay out in chunks");
  require_write(path, H5Pset_alloc_time(creation, H5D_ALLOC_TIME_INCR), "allocate chunk by chunk");
  require_write(path, H5Pset_fill_time(creation, H5D_FILL_TIME_IFSET), "leave unfilled");
  require_write(path, H5Pset_shuffle(creation), "shuffle");
  if (storage.deflate > 0) {
    require_write(path, H5Pset_deflate(creation, static_cast<unsigned>(storage.deflate)), "deflate");
  } else {
    require_write(path, H5Pset_fletcher32(creation), "sum up");
  }
  return creation;
}

}   // namespace

template <>
ElementType element_type<std::uint8_t>() {
  return ElementType::u8;
}
template <>
ElementType element_type<std::uint16_t>() {
  return ElementType::u16;
}
template <>
ElementType element_type<std::uint32_t>() {
  return ElementType::u32;
}
template <>
ElementType element_type<std::int32_t>() {
  return ElementType::i32;
}
template <>
ElementType element_type<std::int64_t>() {
  return ElementType::i64;
}
template <>
ElementType element_type<float>() {
  return ElementType::f32;
}
template <>
ElementType element_type<double>() {
  return ElementType::f64;
}

template <class T>
std::vector<T> Hdf5File::read(const std::string& dataset) const {
  const std::vector<std::uint64_t> shape = extents(dataset);
  auto values = allocate<T>(m_path, dataset, count_of(m_path, dataset, shape));
  const Box whole{std::vector<std::uint64_t>(shape.size(), 0), shape};
  if (!values.empty()) read_box(dataset, whole, values.data(), element_type<T>());
  if (!has_attribute(dataset, checksum)) return values;

  // The sum is over the values as stored, which are read once more where the caller wants another type.
  const ElementType stored = type(dataset);
  std::vector<std::byte> bytes;
  if (stored != element_type<T>()) {
    bytes = allocate<std::byte>(m_path, dataset, values.size() * size_of(stored));
    read_box(dataset, whole, bytes.data(), stored);
  }
  const std::uint32_t found =
      bytes.empty() ? crc32_of(values.data(), values.size() * sizeof(T)) : crc32_of(bytes.data(), bytes.size());
  CHERI_REQUIRE_INPUT(found == attribute<std::uint64_t>(dataset, checksum),
                      m_path << ": " << dataset << " is damaged: its values do not have their checksum");
  return values;
}

void Hdf5File::read_box(const std::string& dataset, const Box& box, void* out, ElementType type) const {
  const Handle object = open_dataset(m_path, m_id, dataset);
  const ElementType stored = this->type(dataset);
  const Selection spaces = box.extents.empty()
                               ? Selection{{H5Screate(H5S_SCALAR), H5Sclose}, {H5Screate(H5S_SCALAR), H5Sclose}}
                               : select(m_path, dataset, object, box);
  const Handle transfer = transfer_properties();
  const herr_t result = H5Dread(object, memory_type(type), spaces.memory, spaces.file, transfer, out);
  CHERI_REQUIRE_INPUT(result >= 0 || !filter_failed(), m_path << ": " << dataset << " is damaged: " << innermost_reason());
  require_read(m_path, result, "read " + dataset + " (" + name_of(stored) + ") as " + name_of(type));
}

void Hdf5File::read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t end, void* out,
                         ElementType type) const {
  read_box(dataset, rows_of(extents(dataset), begin, end), out, type);
}

template <class T>
void Hdf5File::write(const std::string& dataset, const std::vector<T>& values, std::vector<std::uint64_t> extents,
                     const Storage& storage) {
  if (extents.empty()) extents = {values.size()};
  const std::uint64_t count = std::reduce(extents.begin(), extents.end(), std::uint64_t{1}, std::multiplies<>());
  CHERI_REQUIRE(count == values.size(), dataset << ": " << values.size() << " values for extents of " << count);
  create(dataset, element_type<T>(), extents, storage);
  if (!values.empty()) {
    write_box(dataset, {std::vector<std::uint64_t>(extents.size(), 0), extents}, values.data(), element_type<T>());
  }
  if (!storage.chunk.empty()) return;
  set_attribute(dataset, checksum, std::uint64_t{crc32_of(values.data(), values.size() * sizeof(T))});
}

void Hdf5File::create(const std::string& dataset, ElementType type, const std::vector<std::uint64_t>& extents,
                      const Storage& storage) {
  const std::string action = "create " + dataset;
  const std::vector<hsize_t> shape(extents.begin(), extents.end());
  make_groups(m_path, m_id, dataset);
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  require_write(m_path, static_cast<hid_t>(space), action);
  const Handle creation = creation_properties(m_path, storage);
  const Handle made(H5Dcreate2(m_id, dataset.c_str(), file_type(type), space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
  require_write(m_path, static_cast<hid_t>(made), action);
}

void Hdf5File::write_box(const std::string& dataset, const Box& box, const void* values, ElementType type) {
  const Handle object = open_dataset(m_path, m_id, dataset);
  const Selection spaces = select(m_path, dataset, object, box);
  const herr_t result = H5Dwrite(object, memory_type(type), spaces.memory, spaces.file, H5P_DEFAULT, values);
  require_write(m_path, result, "write " + dataset);
}

void Hdf5File::write_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t end, const void* values,
                          ElementType type) {
  write_box(dataset, rows_of(extents(dataset), begin, end), values, type);
}

void Hdf5File::write_chunk(const std::string& dataset, const std::vector<std::uint64_t>& offset,
                           std::span<const std::byte> packed) {
  constexpr std::uint32_t all_filters = 0;   // the mask of those left out
  const Handle object = open_dataset(m_path, m_id, dataset);
  const std::vector<hsize_t> start(offset.begin(), offset.end());
  const herr_t result = H5Dwrite_chunk(object, H5P_DEFAULT, all_filters, start.data(), packed.size(), packed.data());
  require_write(m_path, result, "write a chunk of " + dataset);
}

void Hdf5File::write_checksum(const std::string& dataset) {
  constexpr std::uint64_t block_bytes = std::uint64_t{1} << 26;
  const std::vector<std::uint64_t> shape = extents(dataset);
  const ElementType stored = type(dataset);
  const std::uint64_t row_bytes =
      size_of(stored) * std::reduce(shape.begin() + 1, shape.end(), std::uint64_t{1}, std::multiplies<>());
  const std::uint64_t rows = std::max<std::uint64_t>(1, block_bytes / std::max<std::uint64_t>(1, row_bytes));
  std::vector<std::byte> bytes(std::min(rows, shape[0]) * row_bytes);
  std::uint32_t sum = 0;
  for (std::uint64_t begin = 0; begin < shape[0]; begin += rows) {
    const std::uint64_t end = std::min(begin + rows, shape[0]);
    read_rows(dataset, begin, end, bytes.data(), stored);
    sum = crc32_of(bytes.data(), (end - begin) * row_bytes, sum);
  }
  set_attribute(dataset, checksum, std::uint64_t{sum});
}

#define CHERI_INSTANTIATE(T)                                           \
  template std::vector<T> Hdf5File::read<T>(const std::string&) const; \
  template void Hdf5File::write<T>(const std::string&, const std::vector<T>&, std::vector<std::uint64_t>, const Storage&);
CHERI_INSTANTIATE(std::uint8_t)
CHERI_INSTANTIATE(std::uint16_t)
CHERI_INSTANTIATE(std::uint32_t)
CHERI_INSTANTIATE(std::int32_t)
CHERI_INSTANTIATE(std::int64_t)
CHERI_INSTANTIATE(float)
CHERI_INSTANTIATE(double)
#undef CHERI_INSTANTIATE

}   // namespace cheri::data
