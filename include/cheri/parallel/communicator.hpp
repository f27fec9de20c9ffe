// The ranks of a run. Everything MPI is behind this class and the reducer; a program started without mpirun is rank 0 of 1.
#pragma once

#include "cheri/base/check.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <mpi.h>

#define CHERI_MPI_CHECK(call) ::cheri::parallel::check_mpi((call), #call, __FILE__, __LINE__)

namespace cheri::parallel {

/// Throws Error with MPI's own text of the error code.
void check_mpi(int code, const char* call, const char* file, int line);

/// Initialises and finalises MPI; construct once, in main.
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

/// A duplicate of MPI_COMM_WORLD whose errors come back as codes.
class Communicator {
 public:
  static Communicator world();
  ~Communicator();
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;

  [[nodiscard]] int rank() const { return m_rank; }
  [[nodiscard]] int size() const { return m_size; }
  [[nodiscard]] bool root() const { return m_rank == 0; }
  [[nodiscard]] MPI_Comm handle() const { return m_comm; }

  void barrier() const;
  /// Rank 0's bytes to all; any length.
  void broadcast(std::vector<std::byte>& bytes) const;
  void broadcast(std::string& text) const;
  [[nodiscard]] std::int64_t broadcast(std::int64_t value) const;
  /// Every rank's values, in rank order, on every rank; any lengths.
  [[nodiscard]] std::vector<double> gather_all(const std::vector<double>& mine) const;
  [[nodiscard]] std::vector<float> gather_all(const std::vector<float>& mine) const;
  [[nodiscard]] double max(double value) const;
  /// Throws InputError on every rank, naming the first rank that differs, if `value` is not the same on all.
  void require_equal(const std::string& what, const std::string& value) const;

 private:
  Communicator() = default;
  MPI_Comm m_comm = MPI_COMM_NULL;
  int m_rank = 0;
  int m_size = 1;
};

/// The contiguous part [begin, end) of n items that a rank owns; parts differ by at most one item, earlier ones are longer.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};
Range range_of_rank(std::int64_t n, int rank, int n_ranks);

}  // namespace cheri::parallel
