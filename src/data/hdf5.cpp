// Hdf5File: opening, closing, and what is in a file.
#include "cheri/data/hdf5.hpp"

#include "hdf5_handle.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace cheri::data {

namespace {

/// Access properties for files whose objects are written in a format of the library.
Handle access_properties(H5F_libver_t oldest, H5F_libver_t newest) {
  Handle access = property_list(H5P_FILE_ACCESS);
  CHERI_REQUIRE(H5Pset_libver_bounds(access, oldest, newest) >= 0,
                "HDF5 does not write the format that it should: " << innermost_reason());
  return access;
}

/// On disk: the newest format that all supported libraries read.
Handle access_properties() { return access_properties(H5F_LIBVER_V110, H5F_LIBVER_V110); }

/// Many ranks open the same file to read, on file systems which may have no locks: none are taken.
void take_no_lock(hid_t access) {
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  CHERI_REQUIRE(H5Pset_file_locking(access, false, true) >= 0, "HDF5 insists on locks: " << innermost_reason());
#else
  static_cast<void>(access);   // these libraries ask the environment, each time that they open a file
  ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
#endif
}

hid_t open_to_read(const std::string& path) {
  CHERI_REQUIRE_INPUT(!std::filesystem::is_directory(path), path << " is a folder, not a file");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  CHERI_REQUIRE_INPUT(descriptor >= 0, "cannot read " << path << ": " << std::strerror(errno));
  char first = 0;
  const bool answers = ::pread(descriptor, &first, 1, 0) >= 0;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  if (!answers) fail_by_system("cannot read " + path);
  const htri_t is_hdf5 = H5Fis_hdf5(path.c_str());
  if (is_hdf5 < 0 && system_failed()) require_read(path, is_hdf5, "open the file");
  CHERI_REQUIRE_INPUT(is_hdf5 > 0, path << " is not an HDF5 file");
  const Handle access = access_properties();
  take_no_lock(access);
  return require_read(path, H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), "open the file");
}

hid_t create(const std::string& path, hid_t access, std::size_t user_block) {
  const Handle creation = object_properties(H5P_FILE_CREATE);
  require_write(path, H5Pset_userblock(creation, user_block), "leave a block of " + std::to_string(user_block) + " bytes");
  return require_write(path, H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), "create the file");
}

/// HDF5 empties a file before it sees that another process has locked it, as HDF5 locks what it writes.
void require_no_writer(const std::string& path, const std::string& part) {
  const int descriptor = ::open(part.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return;
  const bool locked = ::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  if (locked) throw Error("cannot write " + path + ": another process writes " + part + "; wait for its end");
}

std::optional<std::uint64_t> offset_of(const std::string& path, const std::string& name, hid_t dataset) {
  const Handle creation(require_read(path, H5Dget_create_plist(dataset), "read the layout of " + name), H5Pclose);
  const haddr_t offset = H5Pget_layout(creation) == H5D_CONTIGUOUS ? H5Dget_offset(dataset) : HADDR_UNDEF;
  if (offset == HADDR_UNDEF) return {};
  return offset;
}

}   // namespace

Hdf5File::Hdf5File(const std::string& path, Access access) : m_path(path) {
  silence();
  if (access == Access::read) {
    m_id = open_to_read(path);
  } else {
    m_part =
        std::make_unique<PartFile>(path, path + ".part");   // one name: the next attempt replaces what a killed one left
    require_no_writer(path, m_part->part());
    m_id = data::create(m_part->part(), access_properties(), 0);
    m_part->made();
  }
}

Hdf5File Hdf5File::in_memory(const std::string& path, std::size_t user_block) {
  silence();
  Hdf5File file;
  file.m_path = path;
  // In an image HDF5 clears the mark of a file that is being written, but leaves the checksum over that mark as it was
  // (1.10.8); the oldest format has neither.
  const Handle access = access_properties(H5F_LIBVER_EARLIEST, H5F_LIBVER_V110);
  constexpr std::size_t growth = std::size_t{1} << 20;
  require_write(path, H5Pset_fapl_core(access, growth, false), "hold the file in memory");
  file.m_id = data::create(path, access, user_block);
  return file;
}

Hdf5File::~Hdf5File() { discard(); }

Hdf5File::Hdf5File(Hdf5File&& other) noexcept
    : m_path(std::move(other.m_path)), m_part(std::move(other.m_part)), m_id(std::exchange(other.m_id, -1)) {}

Hdf5File& Hdf5File::operator=(Hdf5File&& other) noexcept {
  if (this == &other) return *this;
  discard();
  m_path = std::move(other.m_path);
  m_part = std::move(other.m_part);
  m_id = std::exchange(other.m_id, -1);
  return *this;
}

void Hdf5File::discard() noexcept {
  if (m_id >= 0) H5Fclose(std::exchange(m_id, -1));
  m_part.reset();
}

void Hdf5File::close() {
  CHERI_REQUIRE(m_id >= 0, m_path << " is closed already");
  if (m_part) require_write(m_path, H5Fflush(m_id, H5F_SCOPE_GLOBAL), "write to the end");
  require_write(m_path, H5Fclose(std::exchange(m_id, -1)), "close the file");
  if (m_part) m_part->keep();
  m_part.reset();
}

std::vector<std::byte> Hdf5File::image() const {
  require_write(m_path, H5Fflush(m_id, H5F_SCOPE_GLOBAL), "flush");
  const Handle creation(require_write(m_path, H5Fget_create_plist(m_id), "read its properties"), H5Pclose);
  hsize_t user_block = 0;
  require_write(m_path, H5Pget_userblock(creation, &user_block), "size its user block");
  const ssize_t size = require_write(m_path, H5Fget_file_image(m_id, nullptr, 0), "size its image");
  std::vector<std::byte> bytes(user_block + static_cast<std::size_t>(size));   // HDF5's image begins after the user block
  require_write(m_path, H5Fget_file_image(m_id, bytes.data() + user_block, bytes.size() - user_block), "copy its image");
  return bytes;
}

bool Hdf5File::exists(const std::string& name) const {
  for (std::size_t slash = name.find('/', 1);; slash = name.find('/', slash + 1)) {
    const std::string prefix = name.substr(0, slash);
    if (prefix != "/" && require_read(m_path, H5Lexists(m_id, prefix.c_str(), H5P_DEFAULT), "look for " + prefix) == 0) {
      return false;
    }
    if (slash == std::string::npos) return true;
  }
}

std::vector<std::string> Hdf5File::children(const std::string& group) const {
  const std::string action = "list " + group;
  const Handle object = open_object(m_path, m_id, group);
  CHERI_REQUIRE_INPUT(H5Iget_type(object) == H5I_GROUP, m_path << ": " << group << " is not a group");
  H5G_info_t info;
  require_read(m_path, H5Gget_info(object, &info), action);
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto name_of_link = [&](char* out, std::size_t size) {
      return require_read(m_path, H5Lget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, out, size, H5P_DEFAULT),
                          action);
    };
    std::string name(static_cast<std::size_t>(name_of_link(nullptr, 0)), '\0');
    name_of_link(name.data(), name.size() + 1);
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::uint64_t> Hdf5File::extents(const std::string& dataset) const {
  const std::string action = "read the extents of " + dataset;
  const Handle object = open_dataset(m_path, m_id, dataset);
  const Handle space(require_read(m_path, H5Dget_space(object), action), H5Sclose);
  const int rank = require_read(m_path, H5Sget_simple_extent_ndims(space), action);
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  require_read(m_path, H5Sget_simple_extent_dims(space, extents.data(), nullptr), action);
  return {extents.begin(), extents.end()};
}

ElementType Hdf5File::type(const std::string& dataset) const {
  const Handle object = open_dataset(m_path, m_id, dataset);
  const Handle type(require_read(m_path, H5Dget_type(object), "read the type of " + dataset), H5Tclose);
  const std::size_t size = H5Tget_size(type);
  const H5T_class_t number_class = H5Tget_class(type);
  if (number_class == H5T_FLOAT) return size <= sizeof(float) ? ElementType::f32 : ElementType::f64;
  CHERI_REQUIRE_INPUT(number_class == H5T_INTEGER, m_path << ": " << dataset << " holds no numbers");
  if (size > 4) return ElementType::i64;
  if (H5Tget_sign(type) == H5T_SGN_2) return ElementType::i32;
  return size == 1 ? ElementType::u8 : size == 2 ? ElementType::u16 : ElementType::u32;
}

std::uint64_t Hdf5File::raw_offset(const std::string& dataset) const {
  const Handle object = open_dataset(m_path, m_id, dataset);
  const auto offset = offset_of(m_path, dataset, object);
  CHERI_REQUIRE_INPUT(offset, m_path << ": " << dataset << " is not one contiguous piece of the file");
  return *offset;
}

std::optional<std::uint64_t> Hdf5File::plain_offset(const std::string& dataset) const {
  const Handle object = open_dataset(m_path, m_id, dataset);
  const Handle stored(require_read(m_path, H5Dget_type(object), "read the type of " + dataset), H5Tclose);
  if (H5Tequal(stored, memory_type(type(dataset))) <= 0) return {};
  return offset_of(m_path, dataset, object);
}

}   // namespace cheri::data
