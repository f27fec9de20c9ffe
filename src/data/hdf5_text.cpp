// Hdf5File: strings and attributes, and the marks of a Cheri file.
#include "cheri/data/hdf5.hpp"

#include "hdf5_handle.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace cheri::data {

namespace {

constexpr const char* checksum = "crc32";

/// A fixed length that holds all of them, and at least one byte, which HDF5 asks for.
Handle text_type(std::size_t size) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  CHERI_REQUIRE(H5Tset_size(type, std::max<std::size_t>(size, 1)) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
                    H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0,
                "HDF5 makes no text type of " << size << " bytes: " << innermost_reason());
  return type;
}

/// The strings one after the other, each padded with zeros to the longest.
std::vector<char> padded(const std::vector<std::string>& values, std::size_t size) {
  std::vector<char> bytes(values.size() * size, '\0');
  for (std::size_t i = 0; i < values.size(); ++i)
    std::copy(values[i].begin(), values[i].end(), bytes.begin() + static_cast<std::ptrdiff_t>(i * size));
  return bytes;
}

std::size_t longest(const std::vector<std::string>& values) {
  std::size_t size = 1;
  for (const std::string& value : values) size = std::max(size, value.size());
  return size;
}

std::uint64_t checksum_of(const std::vector<std::string>& values) {
  const std::vector<char> bytes = padded(values, longest(values));
  return crc32_of(bytes.data(), bytes.size());
}

template <class T>
hid_t attribute_memory_type() {
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
  else if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_NATIVE_UINT64;
  else return H5T_NATIVE_INT64;
}

template <class T>
hid_t attribute_file_type() {
  if constexpr (std::is_same_v<T, double>) return H5T_IEEE_F64LE;
  else if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_STD_U64LE;
  else return H5T_STD_I64LE;
}

/// An open attribute with its type, space and number of values.
struct Attribute {
  Handle id, type, space;
  std::size_t count;
};

Attribute open_attribute(const std::string& path, hid_t object, const std::string& name, const std::string& action) {
  Handle id(require_read(path, H5Aopen(object, name.c_str(), H5P_DEFAULT), action), H5Aclose);
  Handle type(require_read(path, H5Aget_type(id), action), H5Tclose);
  Handle space(require_read(path, H5Aget_space(id), action), H5Sclose);
  const auto count = static_cast<std::size_t>(require_read(path, H5Sget_simple_extent_npoints(space), action));
  return {std::move(id), std::move(type), std::move(space), count};
}

template <class T>
std::vector<T> read_numbers(const std::string& path, const Attribute& attribute, const std::string& action) {
  const H5T_class_t stored = H5Tget_class(attribute.type);
  const bool fits = stored == H5T_INTEGER || (stored == H5T_FLOAT && std::is_same_v<T, double>);
  CHERI_REQUIRE_INPUT(
      fits, path << ": cannot " << action << ": it holds no " << (std::is_same_v<T, double> ? "number" : "whole number"));
  std::vector<T> values(attribute.count);
  require_read(path, H5Aread(attribute.id, attribute_memory_type<T>(), values.data()), action);
  return values;
}

std::vector<std::string> read_text(const std::string& path, const Attribute& attribute, const std::string& action) {
  return read_string_values(path, action, attribute.type, attribute.space,
                            [&](hid_t type, void* out) { return H5Aread(attribute.id, type, out); });
}

void write_attribute(const std::string& path, hid_t object, const std::string& name, hid_t file_type, hid_t memory_type,
                     hid_t space, const void* values) {
  const std::string action = "write the attribute " + name;
  if (require_write(path, H5Aexists(object, name.c_str()), action) > 0) {
    require_write(path, H5Adelete(object, name.c_str()), action);
  }
  const Handle made(H5Acreate2(object, name.c_str(), file_type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  require_write(path, static_cast<hid_t>(made), action);
  require_write(path, H5Awrite(made, memory_type, values), action);
}

}   // namespace

std::vector<std::string> Hdf5File::read_strings(const std::string& dataset) const {
  const std::string action = "read " + dataset;
  const Handle object = open_dataset(m_path, m_id, dataset);
  const Handle type(require_read(m_path, H5Dget_type(object), action), H5Tclose);
  const Handle space(require_read(m_path, H5Dget_space(object), action), H5Sclose);
  const auto read = [&](hid_t memory_type, void* out) {
    return H5Dread(object, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  };
  std::vector<std::string> values = read_string_values(m_path, action, type, space, read);
  CHERI_REQUIRE_INPUT(
      !has_attribute(dataset, checksum) || attribute<std::uint64_t>(dataset, checksum) == checksum_of(values),
      m_path << ": " << dataset << " is damaged: its values do not have their checksum");
  return values;
}

void Hdf5File::write_strings(const std::string& dataset, const std::vector<std::string>& values) {
  const std::string action = "write " + dataset;
  const std::size_t size = longest(values);
  const std::vector<char> bytes = padded(values, size);
  const hsize_t count = values.size();
  make_groups(m_path, m_id, dataset);
  const Handle type = text_type(size);
  const Handle space(require_write(m_path, H5Screate_simple(1, &count, nullptr), action), H5Sclose);
  const Handle creation = object_properties(H5P_DATASET_CREATE);
  const Handle made(H5Dcreate2(m_id, dataset.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
  require_write(m_path, static_cast<hid_t>(made), action);
  if (!values.empty()) require_write(m_path, H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), action);
  set_attribute(dataset, checksum, checksum_of(values));
}

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  const Handle owner = open_object(m_path, m_id, object);
  return require_read(m_path, H5Aexists(owner, name.c_str()), "look for the attribute " + name + " of " + object) > 0;
}

template <class T>
T Hdf5File::attribute(const std::string& object, const std::string& name) const {
  const std::string action = "read the attribute " + name + " of " + object;
  const Handle owner = open_object(m_path, m_id, object);
  const Attribute attribute = open_attribute(m_path, owner, name, action);
  if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    return read_numbers<std::int64_t>(m_path, attribute, action);
  } else {
    CHERI_REQUIRE_INPUT(attribute.count == 1,
                        m_path << ": cannot " << action << ": it holds " << attribute.count << " values, not one");
    if constexpr (std::is_same_v<T, std::string>) return read_text(m_path, attribute, action).front();
    else return read_numbers<T>(m_path, attribute, action).front();
  }
}

template <class T>
void Hdf5File::set_attribute(const std::string& object, const std::string& name, const T& value) {
  const Handle owner = open_object(m_path, m_id, object);
  if constexpr (std::is_same_v<T, std::string>) {
    const Handle type = text_type(value.size()), space(H5Screate(H5S_SCALAR), H5Sclose);
    write_attribute(m_path, owner, name, type, type, space, value.c_str());
  } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    const hsize_t count = value.size();
    const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    write_attribute(m_path, owner, name, attribute_file_type<T>(), attribute_memory_type<T>(), space, value.data());
  } else {
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    write_attribute(m_path, owner, name, attribute_file_type<T>(), attribute_memory_type<T>(), space, &value);
  }
}

#define CHERI_INSTANTIATE(T)                                                       \
  template T Hdf5File::attribute<T>(const std::string&, const std::string&) const; \
  template void Hdf5File::set_attribute<T>(const std::string&, const std::string&, const T&);
CHERI_INSTANTIATE(std::int64_t)
CHERI_INSTANTIATE(std::uint64_t)
CHERI_INSTANTIATE(double)
CHERI_INSTANTIATE(std::string)
CHERI_INSTANTIATE(std::vector<std::int64_t>)
#undef CHERI_INSTANTIATE

void require_format(const Hdf5File& file, const std::string& format, int newest_version) {
  CHERI_REQUIRE_INPUT(
      file.has_attribute("/", "format") && file.has_attribute("/", "format_version"),
      file.path() << " is no file of Cheri: it has no attributes format and format_version; expected format \"" << format
                  << '"');
  const auto found = file.attribute<std::string>("/", "format");
  CHERI_REQUIRE_INPUT(found == format, file.path() << " has the format \"" << found << "\", expected \"" << format << '"');
  const auto version = file.attribute<std::int64_t>("/", "format_version");
  CHERI_REQUIRE_INPUT(version >= 1 && version <= newest_version,
                      file.path() << " has version " << version << " of the format \"" << format
                                  << "\"; this program reads 1 to " << newest_version);
}

void set_format(Hdf5File& file, const std::string& format, int version, const std::string& made_by) {
  file.set_attribute("/", "format", format);
  file.set_attribute("/", "format_version", std::int64_t{version});
  file.set_attribute("/", "program", std::string("cheri " CHERI_VERSION));
  file.set_attribute("/", "made_by", made_by);
}

}   // namespace cheri::data
