// What the sources of the HDF5 layer share: ids that close themselves, the library's reasons, and types.
#pragma once

#include "cheri/data/hdf5.hpp"

#include <hdf5.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace cheri::data {

/// An HDF5 id and the function that closes it.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : m_id(id), m_close(close) {}
  ~Handle() {
    if (m_id >= 0) m_close(m_id);
  }
  Handle(Handle&& other) noexcept : m_id(std::exchange(other.m_id, -1)), m_close(other.m_close) {}
  Handle(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;
  Handle& operator=(const Handle&) = delete;

  operator hid_t() const { return m_id; }

 private:
  hid_t m_id;
  herr_t (*m_close)(hid_t);
};

/// Our messages carry HDF5's reason; its own printing, of this thread, is switched off.
void silence();

/// The first entry of HDF5's error stack, where the trouble began; the system's reason alone if that was in a call of it.
std::string innermost_reason();
/// Whether it was: the disk is at fault, and not what is in the file.
bool system_failed();

/// Whether HDF5's error stack tells of a filter, such as one that inflates: stored bytes are not what was stored.
bool filter_failed();

/// For what writes: throws Error("<path>: cannot <action>: <HDF5's reason>") if result is negative; otherwise returns it.
template <class Result>
Result require_write(const std::string& path, Result result, const std::string& action) {
  if (result < 0) throw Error(path + ": cannot " + action + ": " + innermost_reason());
  return result;
}

/// The same for what reads, which throws InputError where the file is at fault, and not the disk.
template <class Result>
Result require_read(const std::string& path, Result result, const std::string& action) {
  if (result < 0 && !system_failed()) throw InputError(path + ": cannot " + action + ": " + innermost_reason());
  return require_write(path, result, action);
}

/// A property list of a class; creation lists for objects without times.
Handle property_list(hid_t property_class);
Handle object_properties(hid_t property_class);

[[nodiscard]] hid_t memory_type(ElementType type);
[[nodiscard]] hid_t file_type(ElementType type);   ///< little-endian

/// Opens an object or dataset of a file; throws InputError naming `path` if there is none of the name.
Handle open_object(const std::string& path, hid_t file, const std::string& name);
Handle open_dataset(const std::string& path, hid_t file, const std::string& name);

/// Makes the groups above `name`.
void make_groups(const std::string& path, hid_t file, const std::string& name);

[[nodiscard]] std::uint32_t crc32_of(const void* bytes, std::size_t size, std::uint32_t before = 0);

/// Strings of fixed or variable length, as `read(memory type, buffer)` delivers those of a space; `action` is for messages.
std::vector<std::string> read_string_values(const std::string& path, const std::string& action, hid_t type, hid_t space,
                                            const std::function<herr_t(hid_t, void*)>& read);

}   // namespace cheri::data
