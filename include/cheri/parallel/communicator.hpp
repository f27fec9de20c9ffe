// The ranks of a run. Everything MPI is behind this class and the reducer; a program started without mpirun is rank 0 of 1.
#pragma once

#include "cheri/base/check.hpp"

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#define CHERI_MPI_CHECK(call) ::cheri::parallel::check_mpi((call), #call, __FILE__, __LINE__)

namespace cheri::parallel {

/// Throws Error with MPI's own text of the error code.
void check_mpi(int code, const char* call, const char* file, int line);

/// Initialises and finalises MPI; construct once, in main, before Kokkos. MPI is called from the main thread alone. While
/// an exception is on its way the destructor leaves MPI as it is: finalising waits for the other ranks, which may be
/// waiting for this one. Whoever catches the exception calls abort_all.
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

/// Ends every rank of the run with `status` (not 0), whatever they are doing. A lone rank just exits, and MPI adds nothing
/// to the message that the caller has printed.
[[noreturn]] void abort_all(int status);

class Patience;

/// Whether a wait for other ranks ends with an error when they do not come.
enum class Limit { timeout, none };

/// A duplicate of MPI_COMM_WORLD (or MPI_COMM_SELF) whose errors come back as codes. Every call is collective, but for send
/// and receive. Each wait for other ranks takes at most the timeout, unless it says otherwise: then Error is thrown, naming
/// the ranks that are missed and in what they are.
class Communicator {
 public:
  /// A timeout of 0 is none.
  static Communicator world(double timeout_seconds = 0);
  /// This rank as the only one.
  static Communicator alone();
  /// The ranks that give the same number, in their order. Whom a wait in one such part misses is found among all ranks of
  /// this communicator, whose timeout holds. Collective.
  [[nodiscard]] Communicator split(int number) const;
  ~Communicator();
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;

  [[nodiscard]] int rank() const { return m_rank; }
  [[nodiscard]] int size() const { return m_size; }
  [[nodiscard]] bool root() const { return m_rank == 0; }
  [[nodiscard]] MPI_Comm handle() const { return m_comm; }

  /// Without a limit where a rank may have much to do before it comes.
  void barrier(Limit limit = Limit::timeout) const;
  /// Rank 0's bytes to all; any length.
  void broadcast(std::vector<std::byte>& bytes) const;
  void broadcast(std::string& text) const;
  [[nodiscard]] std::int64_t broadcast(std::int64_t value) const;
  /// Every rank's values, in rank order, on every rank; lengths may differ. Throws Error beyond 2^31 - 1 values in all.
  [[nodiscard]] std::vector<double> gather_all(const std::vector<double>& mine) const;
  [[nodiscard]] std::vector<float> gather_all(const std::vector<float>& mine) const;
  /// Every rank's text.
  [[nodiscard]] std::vector<std::string> gather_all(const std::string& mine) const;
  [[nodiscard]] double max(double value) const;
  /// To one rank, any length; returns when `bytes` are not needed any more. Messages arrive in order. Without a limit, as
  /// receiving: one of the two has work to do before it comes.
  void send(int to, const std::vector<std::byte>& bytes) const;
  [[nodiscard]] std::vector<std::byte> receive(int from) const;
  /// Throws InputError on every rank if `value` is not the same on all: it names the first rank that differs from rank 0,
  /// and shows the first line that differs on both.
  void require_equal(const std::string& what, const std::string& value) const;

  /// Calls `done` until it is true; it must drive what it asks for, as MPI_Test does. Calls in a row for a moment, then
  /// sleeps in between. `what` is a literal, told to all ranks in the end: "the exchange of gradients". Ranks must wait
  /// alike.
  void wait_until(const std::function<bool()>& done, const char* what, Limit limit = Limit::timeout) const;
  /// For all requests.
  void wait(std::vector<MPI_Request>& requests, const char* what, Limit limit = Limit::timeout) const;

 private:
  Communicator(MPI_Comm own, std::shared_ptr<Patience> patience);
  void release() noexcept;
  void wait(MPI_Request& request, const char* what, Limit limit = Limit::timeout) const;
  template <class T>
  [[nodiscard]] std::vector<T> gather_all_values(const std::vector<T>& mine, MPI_Datatype type) const;
  void broadcast_bytes(std::byte* bytes, std::size_t size, int from) const;
  [[nodiscard]] std::string text_of_rank(const std::string& text, int from) const;

  MPI_Comm m_comm = MPI_COMM_NULL;
  int m_rank = 0;
  int m_size = 1;
  std::shared_ptr<Patience> m_patience;   ///< nullptr: this rank is alone
};

/// The contiguous part [begin, end) of n items that a rank owns; parts differ by at most one item, earlier ones are longer.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};
Range range_of_rank(std::int64_t n, int rank, int n_ranks);

}   // namespace cheri::parallel
