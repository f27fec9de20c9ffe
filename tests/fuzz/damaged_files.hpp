// Reads damaged copies of a file by the thousand.
#pragma once

#include "cheri/base/check.hpp"
#include "cheri/base/random.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cheri::testing {

inline constexpr int n_files = 1000;

struct Counts {
  int read = 0, rejected = 0;
};

/// Writes n_files damaged copies to `path` and reads each; anything but an InputError that names the file ends the test.
inline Counts read_damaged(const std::string& path, const std::function<std::vector<char>(NumpyRandom&)>& damage,
                           const std::function<void()>& read) {
  NumpyRandom random(20261122);
  Counts counts;
  for (int i = 0; i < n_files; ++i) {
    SCOPED_TRACE("file " + std::to_string(i));
    std::filesystem::remove(path);   // ext4 waits for the disk when a file is rewritten in place
    write_bytes(path, damage(random));
    try {
      read();
      ++counts.read;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
      ++counts.rejected;
    }
  }
  return counts;
}

}   // namespace cheri::testing
