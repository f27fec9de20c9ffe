#include "patience.hpp"

#include "cheri/base/check.hpp"
#include "cheri/parallel/communicator.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <map>
#include <sstream>
#include <thread>

namespace cheri::parallel {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double busy_seconds = 1e-3;      ///< a wait polls without sleeping for so long: most end in it
constexpr double sleep_fraction = 0.005;   ///< of the wait so far, so that a wait lasts no longer for it than by as much
constexpr double longest_sleep = 1e-3;
constexpr double longest_look = 0.1;   ///< counts of the time between two looks: this process may have been stopped itself
constexpr double longest_grace = 5;    ///< a higher rank lets the lowest that waits speak first
constexpr int max_text = 80;

/// "rank 2", "ranks 1, 2 and 5".
std::string name_ranks(const std::vector<int>& ranks) {
  std::ostringstream text;
  text << (ranks.size() == 1 ? "rank " : "ranks ");
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text << (i + 1 == ranks.size() ? " and " : ", ");
    text << ranks[i];
  }
  return text.str();
}

void nap(double waited) {
  if (waited < busy_seconds) sched_yield();
  else std::this_thread::sleep_for(Seconds(std::min(sleep_fraction * waited, longest_sleep)));
}

}   // namespace

Patience::Patience(MPI_Comm of, double timeout_seconds) : m_timeout(timeout_seconds) {
  int size = 1;
  CHERI_MPI_CHECK(MPI_Comm_dup(of, &m_comm));
  CHERI_MPI_CHECK(MPI_Comm_set_errhandler(m_comm, MPI_ERRORS_RETURN));
  CHERI_MPI_CHECK(MPI_Comm_rank(m_comm, &m_rank));
  CHERI_MPI_CHECK(MPI_Comm_size(m_comm, &size));
  m_waits_in.resize(static_cast<std::size_t>(size));
}

Patience::~Patience() {
  if (std::uncaught_exceptions() == 0) MPI_Comm_free(&m_comm);
}

void Patience::wait_until(const std::function<bool()>& done, const char* what, bool limited) {
  auto looked = Clock::now();
  double waited = 0;
  bool told = false;
  while (!done()) {
    const auto now = Clock::now();
    waited += std::min(Seconds(now - looked).count(), longest_look);
    looked = now;
    nap(waited);
    if (!limited || m_timeout == 0 || waited < busy_seconds) continue;
    hear();
    if (!told && (waited > m_timeout / 2 || first_waiting() < size())) {
      tell(what);
      told = true;
    }
    const double grace = first_waiting() < m_rank ? std::min(longest_grace, m_timeout) : 0;
    if (waited > m_timeout + grace) throw Error(complaint(what));
  }
  if (told) tell("");
}

/// The texts are literals, so that a send may end whenever it does.
void Patience::tell(const char* what) const {
  for (int rank = 0; rank < size(); ++rank) {
    if (rank == m_rank) continue;
    MPI_Request request = MPI_REQUEST_NULL;
    const int length = std::min(static_cast<int>(std::strlen(what)), max_text);
    CHERI_MPI_CHECK(MPI_Isend(what, length, MPI_CHAR, rank, 0, m_comm, &request));
    CHERI_MPI_CHECK(MPI_Request_free(&request));
  }
}

void Patience::hear() {
  for (;;) {
    int is_there = 0;
    int length = 0;
    MPI_Status status;
    CHERI_MPI_CHECK(MPI_Iprobe(MPI_ANY_SOURCE, 0, m_comm, &is_there, &status));
    if (is_there == 0) return;
    std::array<char, max_text> text{};
    CHERI_MPI_CHECK(MPI_Recv(text.data(), max_text, MPI_CHAR, status.MPI_SOURCE, 0, m_comm, &status));
    CHERI_MPI_CHECK(MPI_Get_count(&status, MPI_CHAR, &length));
    m_waits_in[static_cast<std::size_t>(status.MPI_SOURCE)] = std::string(text.data(), static_cast<std::size_t>(length));
  }
}

/// The lowest other rank that is known to wait; the number of ranks if there is none.
int Patience::first_waiting() const {
  const auto waits = [](const std::string& where) { return !where.empty(); };
  return static_cast<int>(std::find_if(m_waits_in.begin(), m_waits_in.end(), waits) - m_waits_in.begin());
}

std::string Patience::complaint(const char* what) const {
  std::vector<int> missed;
  std::map<std::string, std::vector<int>> waiting = {{what, {m_rank}}};
  for (int rank = 0; rank < size(); ++rank) {
    const std::string& waits_in = m_waits_in[static_cast<std::size_t>(rank)];
    if (!waits_in.empty()) waiting[waits_in].push_back(rank);
    else if (rank != m_rank) missed.push_back(rank);
  }
  std::ostringstream text;
  text << "waited " << m_timeout << " s (parallel.timeout_seconds) for ";
  if (missed.empty()) text << "other ranks, which all wait too";
  else text << name_ranks(missed) << ", hanging or that late";
  for (auto& [where, ranks] : waiting) {
    std::sort(ranks.begin(), ranks.end());
    text << "; " << name_ranks(ranks) << (ranks.size() == 1 ? " waits in " : " wait in ") << where;
  }
  return text.str();
}

}   // namespace cheri::parallel
