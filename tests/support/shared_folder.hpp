// A folder for the files of a test which several ranks run together.
#pragma once

#include "cheri/parallel/communicator.hpp"

#include <filesystem>
#include <string>

#include <unistd.h>

namespace cheri::testing {

/// A folder that all ranks share: rank 0's process number is in its name.
inline std::string shared_folder(const parallel::Communicator& communicator, const std::string& name) {
  std::string folder = std::filesystem::temp_directory_path() / ("cheri-" + name + "-" + std::to_string(getpid()));
  communicator.broadcast(folder);
  if (communicator.root()) std::filesystem::remove_all(folder);
  communicator.barrier();
  std::filesystem::create_directories(folder);
  return folder;
}

}   // namespace cheri::testing
