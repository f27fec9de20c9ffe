// Text files: whole or as they were, also on a full disk.
#include "cheri/base/files.hpp"
#include "cheri/base/check.hpp"
#include "support/messages.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include <unistd.h>

namespace cheri {
namespace {

using cheri::testing::message_of;
using cheri::testing::says;
using cheri::testing::ScratchFolder;

class Files : public ::testing::Test {
 protected:
  /// How many files the folder holds.
  [[nodiscard]] std::ptrdiff_t count() const {
    const auto folder = std::filesystem::path(m_path).parent_path();
    return std::distance(std::filesystem::directory_iterator(folder), {});
  }

  ScratchFolder m_folder;
  const std::string m_path = m_folder.file("a.txt");
};

TEST_F(Files, TextReturnsAsWritten) {
  for (const std::string& text : {std::string("one\ntwo\n"), std::string(), std::string("a\0b\r\n", 5)}) {
    write_text_file(m_path, text);
    EXPECT_EQ(read_text_file(m_path), text);
    EXPECT_EQ(count(), 1);
  }
}

// Readers which hold the old file keep it: the new one is another, put in its place.
TEST_F(Files, TheOldFileIsReplacedNotOverwritten) {
  write_text_file(m_path, "old");
  const std::string link = m_folder.file("link");
  std::filesystem::create_hard_link(m_path, link);
  write_text_file(m_path, "new");
  EXPECT_EQ(read_text_file(m_path), "new");
  EXPECT_EQ(read_text_file(link), "old");
}

// The temporary file leads to /dev/full, where every write says ENOSPC: at the first flush of a long text, at the close of
// a short one.
TEST_F(Files, AFullDiskLeavesTheOldFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  write_text_file(m_path, "old");
  for (const std::size_t size : {10u, 1000000u}) {
    const std::string part = m_path + ".part-" + std::to_string(getpid());
    std::filesystem::create_symlink("/dev/full", part);
    const std::string message = message_of<Error>([&] { write_text_file(m_path, std::string(size, 'x')); });
    EXPECT_TRUE(says(message, {"cannot write " + m_path, "No space left on device"}));
    EXPECT_EQ(read_text_file(m_path), "old");
    EXPECT_EQ(count(), 1);
  }
}

TEST_F(Files, PlacesThatTakeNoFileAreNamed) {
  const std::string path = m_folder.file("nowhere/a.txt");
  EXPECT_TRUE(says(message_of<Error>([&] { write_text_file(path, "x"); }), {path, "No such file or directory"}));
  const std::string folder = m_folder.file("folder");
  std::filesystem::create_directory(folder);
  EXPECT_TRUE(says(message_of<Error>([&] { write_text_file(folder, "x"); }), {folder, "Is a directory"}));
  EXPECT_EQ(count(), 1);
}

TEST_F(Files, APartThatIsNotKeptLeavesNothing) {
  write_text_file(m_path, "old");
  {
    const PartFile part(m_path, m_path + ".part");
    write_text_file(part.part(), "half");
    EXPECT_EQ(count(), 2);
  }
  EXPECT_EQ(count(), 1);
  PartFile part(m_path, m_path + ".part");
  EXPECT_TRUE(says(message_of<Error>([&] { part.keep(); }), {"cannot write " + m_path, "No such file"}));
  write_text_file(part.part(), "new");
  part.keep();
  EXPECT_EQ(read_text_file(m_path), "new");
  EXPECT_EQ(count(), 1);
}

TEST_F(Files, APartThatIsAnothersStays) {
  const std::string name = m_path + ".part";
  write_text_file(name, "another's");
  { const PartFile part(m_path, name); }
  EXPECT_EQ(read_text_file(name), "another's");
  {
    PartFile part(m_path, name);
    part.made();
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(Files, ADeviceIsNotReplaced) {
  const std::string link = m_folder.file("device");   // a rename would replace the link, and of /dev/null itself the device
  std::filesystem::create_symlink("/dev/null", link);
  EXPECT_TRUE(says(message_of<InputError>([&] { write_text_file(link, "x"); }), {link, "is no file"}));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
}

TEST_F(Files, WhatCannotBeReadIsNamed) {
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(read_text_file(m_path)); }),
                   {"cannot read " + m_path, "No such file or directory"}));
  EXPECT_TRUE(says(message_of<InputError>([&] { static_cast<void>(read_text_file(m_folder.file(""))); }), {"is a folder"}));
}

}   // namespace
}   // namespace cheri
