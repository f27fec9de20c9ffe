#include "hdf5_handle.hpp"

#include <zlib.h>

#include <array>
#include <limits>
#include <optional>
#include <string_view>

namespace cheri::data {

namespace {

struct TypeRow {
  ElementType type;
  const char* name;
  std::size_t size;
};

constexpr std::array types = {TypeRow{ElementType::u8, "u8", 1},   TypeRow{ElementType::u16, "u16", 2},
                              TypeRow{ElementType::u32, "u32", 4}, TypeRow{ElementType::i32, "i32", 4},
                              TypeRow{ElementType::i64, "i64", 8}, TypeRow{ElementType::f32, "f32", 4},
                              TypeRow{ElementType::f64, "f64", 8}};

const TypeRow& row_of(ElementType type) { return types.at(static_cast<std::size_t>(type)); }

herr_t keep_first(unsigned n, const H5E_error2_t* error, void* out) {
  if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
  return 0;
}

/// What the system said, in the entry of a call of it that failed: "... errno = 5, error message = 'Input/output error',
/// ...".
std::optional<std::string> system_reason(const std::string& entry) {
  static constexpr std::string_view mark = "error message = '";
  const std::size_t at = entry.find(mark);
  if (at == std::string::npos) return {};
  return entry.substr(at + mark.size(), entry.find('\'', at + mark.size()) - at - mark.size());
}

std::vector<std::string> read_variable(const std::string& path, const std::string& action, hid_t memory_type, hid_t space,
                                       std::size_t count, const std::function<herr_t(hid_t, void*)>& read) {
  std::vector<char*> pointers(count, nullptr);
  require_read(path, read(memory_type, pointers.data()), action);
  std::vector<std::string> values;
  for (const char* const pointer : pointers) values.emplace_back(pointer == nullptr ? "" : pointer);
  require_read(path, H5Dvlen_reclaim(memory_type, space, H5P_DEFAULT, pointers.data()), action);
  return values;
}

std::vector<std::string> read_fixed(const std::string& path, const std::string& action, hid_t memory_type,
                                    bool pads_with_space, std::size_t count,
                                    const std::function<herr_t(hid_t, void*)>& read) {
  const std::size_t size = H5Tget_size(memory_type);
  CHERI_REQUIRE_INPUT(size > 0 && count <= std::numeric_limits<std::size_t>::max() / size,
                      path << ": cannot " << action << ": too large");
  std::vector<char> bytes(count * size);
  require_read(path, read(memory_type, bytes.data()), action);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < count; ++i) {
    std::string value(bytes.data() + i * size, size);
    value.resize(std::min(value.find('\0'), size));
    if (pads_with_space) value.resize(value.find_last_not_of(' ') + 1);
    values.push_back(std::move(value));
  }
  return values;
}

}   // namespace

std::size_t size_of(ElementType type) { return row_of(type).size; }
std::string name_of(ElementType type) { return row_of(type).name; }

void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

std::string innermost_reason() {
  std::string reason = "HDF5 gives no reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
  return system_reason(reason).value_or(reason);
}

bool system_failed() {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
  return system_reason(reason).has_value();
}

bool filter_failed() {
  bool failed = false;
  const auto look = [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
    if (error->maj_num == H5E_PLINE) *static_cast<bool*>(out) = true;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, look, &failed);
  return failed;
}

Handle property_list(hid_t property_class) {
  Handle list(H5Pcreate(property_class), H5Pclose);
  CHERI_REQUIRE(list >= 0, "HDF5 makes no property list: " << innermost_reason());
  return list;
}

Handle object_properties(hid_t property_class) {
  Handle list = property_list(property_class);
  CHERI_REQUIRE(H5Pset_obj_track_times(list, false) >= 0, "HDF5 keeps times: " << innermost_reason());
  return list;
}

hid_t memory_type(ElementType type) {
  switch (type) {
    case ElementType::u8: return H5T_NATIVE_UINT8;
    case ElementType::u16: return H5T_NATIVE_UINT16;
    case ElementType::u32: return H5T_NATIVE_UINT32;
    case ElementType::i32: return H5T_NATIVE_INT32;
    case ElementType::i64: return H5T_NATIVE_INT64;
    case ElementType::f32: return H5T_NATIVE_FLOAT;
    case ElementType::f64: return H5T_NATIVE_DOUBLE;
  }
  throw Error("no such element type");
}

hid_t file_type(ElementType type) {
  switch (type) {
    case ElementType::u8: return H5T_STD_U8LE;
    case ElementType::u16: return H5T_STD_U16LE;
    case ElementType::u32: return H5T_STD_U32LE;
    case ElementType::i32: return H5T_STD_I32LE;
    case ElementType::i64: return H5T_STD_I64LE;
    case ElementType::f32: return H5T_IEEE_F32LE;
    case ElementType::f64: return H5T_IEEE_F64LE;
  }
  throw Error("no such element type");
}

Handle open_object(const std::string& path, hid_t file, const std::string& name) {
  return {require_read(path, H5Oopen(file, name.c_str(), H5P_DEFAULT), "open " + name), H5Oclose};
}

Handle open_dataset(const std::string& path, hid_t file, const std::string& name) {
  Handle object = open_object(path, file, name);
  CHERI_REQUIRE_INPUT(H5Iget_type(object) == H5I_DATASET, path << ": " << name << " is not a dataset");
  return object;
}

void make_groups(const std::string& path, hid_t file, const std::string& name) {
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const std::string group = name.substr(0, slash);
    if (require_write(path, H5Lexists(file, group.c_str(), H5P_DEFAULT), "look for " + group) > 0) continue;
    const Handle properties = object_properties(H5P_GROUP_CREATE);
    const Handle made(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT), H5Gclose);
    require_write(path, static_cast<hid_t>(made), "make the group " + group);
  }
}

std::uint32_t crc32_of(const void* bytes, std::size_t size, std::uint32_t before) {
  return static_cast<std::uint32_t>(crc32_z(before, static_cast<const Bytef*>(bytes), size));
}

std::vector<std::string> read_string_values(const std::string& path, const std::string& action, hid_t type, hid_t space,
                                            const std::function<herr_t(hid_t, void*)>& read) {
  CHERI_REQUIRE_INPUT(H5Tget_class(type) == H5T_STRING, path << ": cannot " << action << ": it holds no text");
  const auto count = static_cast<std::size_t>(require_read(path, H5Sget_simple_extent_npoints(space), action));
  const bool is_variable = require_read(path, H5Tis_variable_str(type), action) > 0;
  const Handle memory_type(H5Tcopy(H5T_C_S1), H5Tclose);
  require_read(path, H5Tset_size(memory_type, is_variable ? H5T_VARIABLE : H5Tget_size(type)), action);
  require_read(path, H5Tset_cset(memory_type, H5Tget_cset(type)), action);
  if (is_variable) return read_variable(path, action, memory_type, space, count, read);
  const H5T_str_t padding = H5Tget_strpad(type);
  require_read(path, H5Tset_strpad(memory_type, padding), action);
  return read_fixed(path, action, memory_type, padding == H5T_STR_SPACEPAD, count, read);
}

}   // namespace cheri::data
