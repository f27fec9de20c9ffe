// The checkpoints of a run directory: which there are, which is good, which may go.
#include "cheri/base/check.hpp"
#include "cheri/train/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include <sys/types.h>

namespace cheri::train {

namespace {

namespace fs = std::filesystem;

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// step-<12 digits>.h5
bool is_checkpoint_name(std::string_view name) {
  return name.size() == 20 && name.starts_with("step-") && name.ends_with(".h5") && all_digits(name.substr(5, 12));
}

/// The name is <anything>.part-<process> and that process is gone.
bool is_stale_part(const std::string& name) {
  constexpr std::string_view mark = ".part-";
  const std::size_t at = name.rfind(mark);
  if (at == std::string::npos) return false;
  const std::string_view digits = std::string_view(name).substr(at + mark.size());
  pid_t process = 0;
  if (!all_digits(digits)) return false;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), process).ec != std::errc()) return false;
  return process > 0 && ::kill(process, 0) != 0 && errno == ESRCH;
}

/// As far as the folder can be listed.
std::vector<fs::path> files_in(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> paths;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) paths.push_back(it->path());
  return paths;
}

fs::path checkpoint_folder(const std::string& directory) { return fs::path(directory) / "checkpoints"; }

/// Leaves what cannot be removed: it costs space, not the run.
void remove_stale_parts(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::path& path : files_in(folder, ignored)) {
    if (is_stale_part(path.filename().string())) fs::remove(path, ignored);
  }
}

}   // namespace

std::string checkpoint_path(const std::string& directory, std::int64_t step) {
  CHERI_REQUIRE(step >= 0 && step < 1'000'000'000'000, "a step has at most 12 digits, unlike " << step);
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "step-%012lld.h5", static_cast<long long>(step));
  return (checkpoint_folder(directory) / name.data()).string();
}

std::vector<std::string> list_checkpoints(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  const fs::path folder = checkpoint_folder(directory);
  for (const fs::path& path : files_in(folder, error)) {
    if (is_checkpoint_name(path.filename().string())) paths.push_back(path.string());
  }
  const bool absent = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (error && !absent) throw Error("cannot list " + folder.string() + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

Found newest_checkpoint(const std::string& directory) {
  Found found;
  std::string out_of_reach;
  const std::vector<std::string> paths = list_checkpoints(directory);
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    try {
      found.checkpoint = read_checkpoint(*path);
      found.path = *path;
      break;
    } catch (const InputError& error) {
      found.skipped.emplace_back(error.what());
    } catch (const Error& error) {
      found.skipped.emplace_back(error.what());
      if (out_of_reach.empty()) out_of_reach = error.what();
    }
  }
  if (!found.checkpoint && !out_of_reach.empty()) throw Error(out_of_reach);
  return found;
}

void prune_checkpoints(const std::string& directory, int keep, std::int64_t step) {
  CHERI_REQUIRE(keep >= 1, "at least one checkpoint must be kept, not " << keep);
  std::vector<std::string> paths = list_checkpoints(directory);
  paths.erase(std::upper_bound(paths.begin(), paths.end(), checkpoint_path(directory, step)), paths.end());
  std::error_code ignored;
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < paths.size(); ++i) fs::remove(paths[i], ignored);
  remove_stale_parts(directory);
  remove_stale_parts(checkpoint_folder(directory));
}

}   // namespace cheri::train
