// Waiting for other ranks, but not for ever.
#pragma once

#include <mpi.h>

#include <functional>
#include <string>
#include <vector>

namespace cheri::parallel {

/// Of one communicator. A rank that has waited for half of the timeout tells all others in what it waits, and tells them
/// again when it goes on; one that hears of it while it waits itself answers. So at the end of the timeout it is known who
/// does not wait: those are missed.
class Patience {
 public:
  /// Collective: has a communicator of its own. 0 seconds: for ever.
  Patience(MPI_Comm of, double timeout_seconds);
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  /// See Communicator::wait_until.
  void wait_until(const std::function<bool()>& done, const char* what, bool limited);

 private:
  void tell(const char* what) const;
  void hear();
  [[nodiscard]] int size() const { return static_cast<int>(m_waits_in.size()); }
  [[nodiscard]] int first_waiting() const;
  [[nodiscard]] std::string complaint(const char* what) const;

  MPI_Comm m_comm = MPI_COMM_NULL;
  int m_rank = 0;
  double m_timeout;
  std::vector<std::string> m_waits_in;   ///< of each rank, as far as it has told; empty: it does not wait
};

}   // namespace cheri::parallel
