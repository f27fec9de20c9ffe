// A disk that fails, for tests: preloaded (LD_PRELOAD), it lets calls of one kind on some files fail with EIO.
//   FAILING_PATH   text in the path of those files
//   FAILING_CALLS  read, write or sync
//   FAILING_FROM   number of the first such call of the process that fails (1 if not given); so do all after it
//   FAILING_RANK   the rank that has the failing disk; all if not given
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Plan {
  std::string path = variable("FAILING_PATH"), calls = variable("FAILING_CALLS"), rank = variable("FAILING_RANK");
  long from = std::max(1L, std::atol(variable("FAILING_FROM").c_str()));
};

/// As the launchers tell it: Open MPI, the PMI of MPICH, Slurm.
bool is_rank(const std::string& wanted) {
  for (const char* const name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (const std::string rank = variable(name); !rank.empty()) return rank == wanted;
  }
  return wanted == "0";
}

bool holds(const std::string& text, int descriptor) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  return readlink(link.c_str(), path.data(), path.size() - 1) > 0 && std::strstr(path.data(), text.c_str()) != nullptr;
}

/// Whether this call must fail; sets errno.
bool fails(const char* calls, int descriptor) {
  static const Plan& plan = *new Plan;   // files are still written when a process ends
  static std::atomic<long> seen = 0;
  if (plan.path.empty() || plan.calls != calls || !holds(plan.path, descriptor)) return false;
  if (!plan.rank.empty() && !is_rank(plan.rank)) return false;
  if (++seen < plan.from) return false;
  errno = EIO;
  return true;
}

/// The function of this name that the program would have without this library.
template <class Function>
Function next(const char* name) {
  void* const symbol = dlsym(RTLD_NEXT, name);
  Function function;
  std::memcpy(&function, &symbol, sizeof function);
  return function;
}

}   // namespace

// What a call does otherwise is looked up once.
#define CHERI_FAILING(calls, descriptor, failed, name, ...)  \
  static const auto original = next<decltype(&name)>(#name); \
  if (fails(calls, descriptor)) return failed;               \
  return original(__VA_ARGS__)

extern "C" {

ssize_t read(int file, void* to, size_t n) { CHERI_FAILING("read", file, -1, read, file, to, n); }
ssize_t pread(int file, void* to, size_t n, off_t at) { CHERI_FAILING("read", file, -1, pread, file, to, n, at); }
ssize_t pread64(int file, void* to, size_t n, off64_t at) { CHERI_FAILING("read", file, -1, pread64, file, to, n, at); }
ssize_t readv(int file, const iovec* to, int n) { CHERI_FAILING("read", file, -1, readv, file, to, n); }
size_t fread(void* to, size_t size, size_t n, FILE* file) {
  CHERI_FAILING("read", fileno(file), 0, fread, to, size, n, file);
}

ssize_t write(int file, const void* from, size_t n) { CHERI_FAILING("write", file, -1, write, file, from, n); }
ssize_t pwrite(int file, const void* from, size_t n, off_t at) {
  CHERI_FAILING("write", file, -1, pwrite, file, from, n, at);
}
ssize_t pwrite64(int file, const void* from, size_t n, off64_t at) {
  CHERI_FAILING("write", file, -1, pwrite64, file, from, n, at);
}
ssize_t writev(int file, const iovec* from, int n) { CHERI_FAILING("write", file, -1, writev, file, from, n); }
size_t fwrite(const void* from, size_t size, size_t n, FILE* file) {
  CHERI_FAILING("write", fileno(file), 0, fwrite, from, size, n, file);
}

int fsync(int file) { CHERI_FAILING("sync", file, -1, fsync, file); }
int fdatasync(int file) { CHERI_FAILING("sync", file, -1, fdatasync, file); }

}   // extern "C"
