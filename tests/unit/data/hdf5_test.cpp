#include "cheri/data/hdf5.hpp"

#include "support/messages.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace cheri::data {
namespace {

using cheri::testing::message_of;
using cheri::testing::read_bytes;
using cheri::testing::says;
using cheri::testing::ScratchFolder;
using cheri::testing::write_bytes;
using Access = Hdf5File::Access;

class Hdf5 : public ::testing::Test {
 protected:
  Hdf5File create() const { return {m_path, Access::create}; }
  Hdf5File open() const { return {m_path, Access::read}; }

  /// The message of the InputError that reading with `call` throws.
  template <class Call>
  std::string reading(const Call& call) const {
    return message_of<InputError>([&] { call(open()); });
  }

  ScratchFolder m_folder;
  const std::string m_path = m_folder.file("test.h5");
};

template <class T>
void expect_round_trip(Hdf5File& file, const std::string& name) {
  const std::vector<T> values = {T{0}, T{1}, std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest(), T{7}, T{9}};
  file.write(name, values, {2, 3});
  EXPECT_EQ(file.read<T>(name), values);
  EXPECT_EQ(file.extents(name), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(file.type(name), element_type<T>());
}

TEST_F(Hdf5, EveryTypeReturnsAsWritten) {
  Hdf5File file = create();
  expect_round_trip<std::uint8_t>(file, "/a/b/u8");
  expect_round_trip<std::uint16_t>(file, "/a/b/u16");
  expect_round_trip<std::uint32_t>(file, "/a/b/u32");
  expect_round_trip<std::int32_t>(file, "/a/b/i32");
  expect_round_trip<std::int64_t>(file, "/a/b/i64");
  expect_round_trip<float>(file, "/a/b/f32");
  expect_round_trip<double>(file, "/a/b/f64");
  EXPECT_EQ(file.children("/a/b"), (std::vector<std::string>{"f32", "f64", "i32", "i64", "u16", "u32", "u8"}));
  file.close();
  EXPECT_EQ(open().read<std::uint8_t>("/a/b/u8").size(), 6u);
}

TEST_F(Hdf5, WhatAnotherWritesIsLeftAlone) {
  Hdf5File first(m_path, Hdf5File::Access::create);
  first.write("/a", std::vector<std::int64_t>{1, 2});
  EXPECT_TRUE(
      says(message_of<Error>([&] { Hdf5File(m_path, Hdf5File::Access::create); }), {m_path, "another process writes"}));
  first.close();
  EXPECT_EQ(Hdf5File(m_path, Hdf5File::Access::read).read<std::int64_t>("/a"), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(Hdf5, EmptyDatasetsAreWrittenAndRead) {
  Hdf5File file = create();
  file.write<float>("/none", {});
  file.write<float>("/rows", {}, {0, 5});
  file.write_strings("/names", {});
  file.close();
  EXPECT_TRUE(open().read<float>("/none").empty());
  EXPECT_EQ(open().extents("/rows"), (std::vector<std::uint64_t>{0, 5}));
  EXPECT_TRUE(open().read_strings("/names").empty());
}

TEST_F(Hdf5, RowsAndBoxesAreParts) {
  Hdf5File file = create();
  file.create("/x", ElementType::u16, {4, 2, 3});
  std::vector<std::uint16_t> values(24);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(i);
  file.write_rows("/x", 0, 4, values.data(), ElementType::u16);
  const std::vector<std::uint16_t> patch = {100, 101};
  file.write_box("/x", {{1, 0, 2}, {2, 1, 1}}, patch.data(), ElementType::u16);
  file.close();

  std::vector<float> rows(12);
  open().read_rows("/x", 1, 3, rows.data(), ElementType::f32);
  EXPECT_EQ(rows, (std::vector<float>{6, 7, 100, 9, 10, 11, 12, 13, 101, 15, 16, 17}));
  EXPECT_TRUE(says(reading([&](const Hdf5File& f) { f.read_rows("/x", 3, 5, rows.data(), ElementType::f32); }),
                   {m_path, "/x is smaller"}));
  EXPECT_TRUE(says(reading([&](const Hdf5File& f) {
                     f.read_box("/x", {{0}, {1}}, rows.data(), ElementType::f32);
                   }),
                   {"/x has 3 dimensions, and not 1"}));
}

TEST_F(Hdf5, ValuesThatDoNotFitAreRefused) {
  Hdf5File file = create();
  file.write<std::int64_t>("/negative", {3, -1});
  file.write<std::int64_t>("/large", {255, 256});
  file.write<double>("/fraction", {1, 1.5});
  file.write<double>("/infinite", {std::numeric_limits<double>::infinity()});
  file.write<std::int64_t>("/fine", {0, 255});
  file.write<double>("/whole", {2, 65535});
  file.write<std::int64_t>("/rounds", {16777217});
  file.close();
  for (const std::string name : {"/negative", "/large", "/fraction", "/infinite"}) {
    EXPECT_TRUE(
        says(reading([&](const Hdf5File& f) { static_cast<void>(f.read<std::uint8_t>(name)); }), {m_path, name, "as u8"}));
  }
  EXPECT_EQ(open().read<std::uint8_t>("/fine"), (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(open().read<std::uint16_t>("/whole"), (std::vector<std::uint16_t>{2, 65535}));
  EXPECT_EQ(open().read<float>("/rounds"), (std::vector<float>{16777216.0f}));
  EXPECT_EQ(open().read<float>("/infinite"), (std::vector<float>{std::numeric_limits<float>::infinity()}));
}

TEST_F(Hdf5, StringsKeepTheirBytes) {
  const std::vector<std::string> names = {"chrI", "", "Σάκχαρο", "a much longer name than the others"};
  Hdf5File file = create();
  file.write_strings("/names", names);
  file.set_attribute<std::string>("/names", "empty", "");
  file.close();
  EXPECT_EQ(open().read_strings("/names"), names);
  EXPECT_EQ(open().attribute<std::string>("/names", "empty"), "");
  EXPECT_TRUE(
      says(reading([](const Hdf5File& f) { static_cast<void>(f.read<float>("/names")); }), {"/names holds no numbers"}));
}

TEST_F(Hdf5, AttributesHaveKinds) {
  Hdf5File file = create();
  file.write<float>("/x", {1});
  file.set_attribute<std::int64_t>("/x", "count", -5);
  file.set_attribute<std::int64_t>("/x", "count", -6);
  file.set_attribute<std::uint64_t>("/", "seed", std::numeric_limits<std::uint64_t>::max());
  file.set_attribute<double>("/", "scale", 0.15);
  file.set_attribute<std::vector<std::int64_t>>("/", "groups", {1, 2, 3});
  file.close();
  EXPECT_EQ(open().attribute<std::int64_t>("/x", "count"), -6);
  EXPECT_EQ(open().attribute<std::uint64_t>("/", "seed"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(open().attribute<double>("/", "scale"), 0.15);
  EXPECT_EQ(open().attribute<double>("/x", "count"), -6.0);
  EXPECT_EQ(open().attribute<std::vector<std::int64_t>>("/", "groups"), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_FALSE(open().has_attribute("/", "count"));
  EXPECT_TRUE(says(reading([](const Hdf5File& f) { static_cast<void>(f.attribute<std::int64_t>("/", "scale")); }),
                   {"scale of /: it holds no whole number"}));
  EXPECT_TRUE(says(reading([](const Hdf5File& f) { static_cast<void>(f.attribute<std::int64_t>("/", "groups")); }),
                   {"it holds 3 values, not one"}));
  EXPECT_TRUE(says(reading([](const Hdf5File& f) { static_cast<void>(f.attribute<std::int64_t>("/", "missing")); }),
                   {"cannot read the attribute missing of /"}));
}

TEST_F(Hdf5, ExistsLooksAtEveryStep) {
  Hdf5File file = create();
  file.write<float>("/a/x", {1});
  EXPECT_TRUE(file.exists("/a"));
  EXPECT_TRUE(file.exists("/a/x"));
  EXPECT_FALSE(file.exists("/b/x"));
  EXPECT_FALSE(file.exists("/a/y"));
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(file.extents("/a")); }), {"/a is not a dataset"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(file.children("/a/x")); }), {"/a/x is not a group"}));
}

TEST_F(Hdf5, ChunksNeverWrittenAreNotStoredAndReadAsZero) {
  Hdf5File file = create();
  const std::uint64_t length = 1 << 20;
  file.create("/sparse", ElementType::f32, {length}, {{1 << 16}, 4});
  const std::vector<float> values(1 << 16, 2.5f);
  file.write_rows("/sparse", 1 << 17, (1 << 17) + (1 << 16), values.data(), ElementType::f32);
  file.close();
  const auto read = open().read<float>("/sparse");
  ASSERT_EQ(read.size(), length);
  EXPECT_EQ(read[(1 << 17) - 1], 0.0f);
  EXPECT_EQ(read[1 << 17], 2.5f);
  EXPECT_LT(std::filesystem::file_size(m_path), 10000u);
}

TEST_F(Hdf5, TheRawOffsetPointsAtTheValues) {
  Hdf5File file = create();
  const std::vector<std::uint8_t> values = {11, 12, 13, 14, 15};
  file.create("/raw", ElementType::u8, {5});
  file.write_rows("/raw", 0, 5, values.data(), ElementType::u8);
  file.write("/chunked", values, {}, {{5}, 1});
  file.close();
  const std::vector<char> bytes = read_bytes(m_path);
  EXPECT_EQ(std::memcmp(bytes.data() + open().raw_offset("/raw"), values.data(), 5), 0);
  EXPECT_TRUE(says(reading([](const Hdf5File& f) { static_cast<void>(f.raw_offset("/chunked")); }),
                   {"/chunked is not one contiguous piece"}));
}

TEST_F(Hdf5, TheSameContentMakesTheSameBytes) {
  const auto make = [&](const std::string& path) {
    Hdf5File file(path, Access::create);
    set_format(file, "cheri-test", 1, "a test");
    file.write_strings("/deep/er/names", {"a", "bc"});
    file.write<float>("/deep/values", std::vector<float>(1000, 1.5f), {}, {{100}, 6});
    file.close();
    return read_bytes(path);
  };
  EXPECT_EQ(make(m_folder.file("one.h5")), make(m_folder.file("two.h5")));
}

TEST_F(Hdf5, DamagedValuesAreNoticed) {
  const std::vector<std::uint8_t> values(300, 0x5a);
  Hdf5File file = create();
  file.write("/x", values);
  file.write_strings("/names", {"a name that is easily found"});
  file.close();
  std::vector<char> bytes = read_bytes(m_path);
  bytes[open().raw_offset("/x") + 123] ^= 1;
  const std::string text = "easily";
  *std::search(bytes.begin(), bytes.end(), text.begin(), text.end()) = 'E';
  write_bytes(m_path, bytes);
  EXPECT_TRUE(says(reading([](const Hdf5File& f) { static_cast<void>(f.read<std::uint8_t>("/x")); }), {"/x is damaged"}));
  EXPECT_TRUE(says(reading([](const Hdf5File& f) { static_cast<void>(f.read<float>("/x")); }), {"/x is damaged"}));
  EXPECT_TRUE(says(reading([](const Hdf5File& f) { static_cast<void>(f.read_strings("/names")); }), {"/names is damaged"}));
}

TEST_F(Hdf5, WhatIsNoHdf5FileIsNamed) {
  EXPECT_TRUE(says(reading([](const Hdf5File&) {}), {m_path, "No such file"}));
  write_bytes(m_path, {'t', 'e', 'x', 't'});
  EXPECT_TRUE(says(reading([](const Hdf5File&) {}), {m_path + " is not an HDF5 file"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { Hdf5File(m_folder.file(""), Access::read); }), {"is a folder"}));
}

TEST_F(Hdf5, ATruncatedFileSaysSo) {
  Hdf5File file = create();
  file.write("/x", std::vector<double>(10000, 1));
  file.close();
  std::vector<char> bytes = read_bytes(m_path);
  bytes.resize(bytes.size() / 2);
  write_bytes(m_path, bytes);
  EXPECT_TRUE(says(reading([](const Hdf5File&) {}), {"truncated file"}));
}

TEST_F(Hdf5, AFileThatIsNotClosedLeavesTheOldOne) {
  {
    Hdf5File file = create();
    file.write<float>("/x", {1});
    file.close();
  }
  {
    Hdf5File file = create();
    file.write<float>("/x", {2});
  }
  EXPECT_EQ(open().read<float>("/x"), (std::vector<float>{1}));
  EXPECT_FALSE(std::filesystem::exists(m_path + ".part"));
}

TEST_F(Hdf5, AFolderThatIsMissingIsAnError) {
  const std::string path = m_folder.file("missing/test.h5");
  EXPECT_TRUE(says(message_of<Error>([&] { Hdf5File(path, Access::create); }), {path}));
}

TEST_F(Hdf5, AFileInMemoryIsTheSameAsOnDiskButForItsUserBlock) {
  Hdf5File file = Hdf5File::in_memory("nowhere", 512);
  file.write<float>("/x", {1, 2, 3});
  const std::vector<std::byte> image = file.image();
  file.close();
  EXPECT_FALSE(std::filesystem::exists("nowhere"));
  std::vector<char> bytes(image.size());
  std::memcpy(bytes.data(), image.data(), image.size());
  std::fill_n(bytes.begin(), 512, 'A');
  write_bytes(m_path, bytes);
  EXPECT_EQ(open().read<float>("/x"), (std::vector<float>{1, 2, 3}));
}

TEST_F(Hdf5, FormatsAreChecked) {
  Hdf5File file = create();
  EXPECT_TRUE(says(message_of<InputError>([&] { require_format(file, "cheri-tracks", 1); }), {"is no file of Cheri"}));
  set_format(file, "cheri-tracks", 2, "cheri import");
  EXPECT_EQ(file.attribute<std::string>("/", "made_by"), "cheri import");
  EXPECT_NO_THROW(require_format(file, "cheri-tracks", 2));
  EXPECT_TRUE(says(message_of<InputError>([&] { require_format(file, "cheri-tracks", 1); }), {"version 2", "reads 1 to 1"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { require_format(file, "cheri-examples", 2); }),
                   {"\"cheri-tracks\"", "expected \"cheri-examples\""}));
}

// Many ranks read, on file systems without locks, and beside programs that hold one.
TEST_F(Hdf5, AFileThatIsLockedIsRead) {
  {
    Hdf5File file = create();
    file.write<std::int32_t>("/x", {1, 2});
    file.close();
  }
  const int descriptor = ::open(m_path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(descriptor, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(open().read<std::int32_t>("/x"), (std::vector<std::int32_t>{1, 2}));
  ::close(descriptor);
}

TEST_F(Hdf5, KnowsWhereValuesLieAsInMemory) {
  {
    Hdf5File file = create();
    file.write<float>("/plain", {1, 2, 3});
    file.write<float>("/chunked", {1, 2, 3}, {3}, {{2}, 1});
    file.close();
  }
  EXPECT_EQ(open().plain_offset("/plain"), open().raw_offset("/plain"));
  EXPECT_FALSE(open().plain_offset("/chunked").has_value());
}

}   // namespace
}   // namespace cheri::data
