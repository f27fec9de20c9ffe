#include "cheri/parallel/communicator.hpp"

#include "patience.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <numeric>
#include <sstream>
#include <utility>

namespace cheri::parallel {

namespace {

constexpr std::size_t max_message = std::size_t{1} << 25;   // MPI counts are int; tests send several of these

/// Calls each(begin, count) for the messages that so many bytes are cut into.
template <class Each>
void for_each_message(std::size_t size, const Each& each) {
  for (std::size_t begin = 0; begin < size; begin += max_message) {
    each(begin, static_cast<int>(std::min(max_message, size - begin)));
  }
}

/// The first line of two texts that differs, as "rank 0 has "x", rank 2 has "y"".
std::string first_difference(const std::string& root, const std::string& other, int other_rank) {
  std::istringstream root_lines(root);
  std::istringstream other_lines(other);
  std::string root_line;
  std::string other_line;
  while (root_line == other_line && (root_lines || other_lines)) {
    if (!std::getline(root_lines, root_line)) root_line.clear();
    if (!std::getline(other_lines, other_line)) other_line.clear();
  }
  return "rank 0 has \"" + root_line + "\", rank " + std::to_string(other_rank) + " has \"" + other_line + "\"";
}

MPI_Comm duplicate_of(MPI_Comm comm) {
  MPI_Comm duplicate = MPI_COMM_NULL;
  CHERI_MPI_CHECK(MPI_Comm_dup(comm, &duplicate));
  return duplicate;
}

}   // namespace

void check_mpi(int code, const char* call, const char* file, int line) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) length = 0;
  fail(call, file, line,
       "MPI error " + std::to_string(code) + ": " + std::string(text.data(), static_cast<std::size_t>(length)));
}

MpiSession::MpiSession(int* argc, char*** argv) {
  int provided = MPI_THREAD_SINGLE;
  CHERI_MPI_CHECK(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
  CHERI_REQUIRE(provided >= MPI_THREAD_FUNNELED, "this MPI library cannot be used in a program with threads");
}

MpiSession::~MpiSession() {
  if (std::uncaught_exceptions() == 0) MPI_Finalize();
}

void abort_all(int status) {
  std::fflush(nullptr);
  int initialised = 0;
  int finalised = 0;
  MPI_Initialized(&initialised);
  MPI_Finalized(&finalised);
  if (initialised != 0 && finalised == 0) {
    int size = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > 1) MPI_Abort(MPI_COMM_WORLD, status);
    MPI_Finalize();
  }
  std::_Exit(status);
}

Communicator::Communicator(MPI_Comm own, std::shared_ptr<Patience> patience) : m_comm(own), m_patience(std::move(patience)) {
  CHERI_MPI_CHECK(MPI_Comm_set_errhandler(m_comm, MPI_ERRORS_RETURN));
  CHERI_MPI_CHECK(MPI_Comm_rank(m_comm, &m_rank));
  CHERI_MPI_CHECK(MPI_Comm_size(m_comm, &m_size));
}

Communicator Communicator::world(double timeout_seconds) {
  Communicator world(duplicate_of(MPI_COMM_WORLD), nullptr);
  if (world.size() > 1) world.m_patience = std::make_shared<Patience>(MPI_COMM_WORLD, timeout_seconds);
  return world;
}

Communicator Communicator::alone() { return {duplicate_of(MPI_COMM_SELF), nullptr}; }

Communicator Communicator::split(int number) const {
  barrier();   // MPI's own call waits without a limit
  MPI_Comm part = MPI_COMM_NULL;
  CHERI_MPI_CHECK(MPI_Comm_split(m_comm, number, m_rank, &part));
  return {part, m_patience};
}

void Communicator::release() noexcept {
  m_patience.reset();
  if (m_comm != MPI_COMM_NULL && std::uncaught_exceptions() == 0) MPI_Comm_free(&m_comm);   // collective, as finalising
  m_comm = MPI_COMM_NULL;
}

Communicator::~Communicator() { release(); }

Communicator::Communicator(Communicator&& other) noexcept
    : m_comm(std::exchange(other.m_comm, MPI_COMM_NULL)),
      m_rank(other.m_rank),
      m_size(other.m_size),
      m_patience(std::move(other.m_patience)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  if (this == &other) return *this;
  release();
  m_comm = std::exchange(other.m_comm, MPI_COMM_NULL);
  m_rank = other.m_rank;
  m_size = other.m_size;
  m_patience = std::move(other.m_patience);
  return *this;
}

void Communicator::wait_until(const std::function<bool()>& done, const char* what, Limit limit) const {
  if (m_patience) return m_patience->wait_until(done, what, limit == Limit::timeout);
  while (!done()) {
  }
}

void Communicator::wait(std::vector<MPI_Request>& requests, const char* what, Limit limit) const {
  const auto all_done = [&] {
    int done = 0;
    CHERI_MPI_CHECK(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE));
    return done != 0;
  };
  wait_until(all_done, what, limit);
}

void Communicator::wait(MPI_Request& request, const char* what, Limit limit) const {
  const auto is_done = [&] {
    int done = 0;
    CHERI_MPI_CHECK(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    return done != 0;
  };
  wait_until(is_done, what, limit);
}

void Communicator::barrier(Limit limit) const {
  MPI_Request request = MPI_REQUEST_NULL;
  CHERI_MPI_CHECK(MPI_Ibarrier(m_comm, &request));
  wait(request, "a barrier", limit);
}

void Communicator::broadcast_bytes(std::byte* bytes, std::size_t size, int from) const {
  for_each_message(size, [&](std::size_t begin, int count) {
    MPI_Request request = MPI_REQUEST_NULL;
    CHERI_MPI_CHECK(MPI_Ibcast(bytes + begin, count, MPI_BYTE, from, m_comm, &request));
    wait(request, "a broadcast");
  });
}

std::int64_t Communicator::broadcast(std::int64_t value) const {
  broadcast_bytes(reinterpret_cast<std::byte*>(&value), sizeof(value), 0);
  return value;
}

void Communicator::broadcast(std::vector<std::byte>& bytes) const {
  bytes.resize(static_cast<std::size_t>(broadcast(static_cast<std::int64_t>(bytes.size()))));
  broadcast_bytes(bytes.data(), bytes.size(), 0);
}

void Communicator::broadcast(std::string& text) const { text = text_of_rank(text, 0); }

std::string Communicator::text_of_rank(const std::string& text, int from) const {
  std::int64_t size = static_cast<std::int64_t>(text.size());
  broadcast_bytes(reinterpret_cast<std::byte*>(&size), sizeof(size), from);
  std::string result = text;
  result.resize(static_cast<std::size_t>(size));
  broadcast_bytes(reinterpret_cast<std::byte*>(result.data()), result.size(), from);
  return result;
}

template <class T>
std::vector<T> Communicator::gather_all_values(const std::vector<T>& mine, MPI_Datatype type) const {
  const std::int64_t my_count = static_cast<std::int64_t>(mine.size());
  std::vector<std::int64_t> counts(static_cast<std::size_t>(m_size));
  MPI_Request request = MPI_REQUEST_NULL;
  CHERI_MPI_CHECK(MPI_Iallgather(&my_count, 1, MPI_INT64_T, counts.data(), 1, MPI_INT64_T, m_comm, &request));
  wait(request, "the gathering of values");
  const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  CHERI_REQUIRE(total <= std::numeric_limits<int>::max(), "one gather takes at most 2^31 - 1 values, not " << total);

  const std::vector<int> int_counts(counts.begin(), counts.end());
  std::vector<int> offsets(counts.size());
  std::exclusive_scan(int_counts.begin(), int_counts.end(), offsets.begin(), 0);
  std::vector<T> all(static_cast<std::size_t>(total));
  CHERI_MPI_CHECK(MPI_Iallgatherv(mine.data(), static_cast<int>(mine.size()), type, all.data(), int_counts.data(),
                                  offsets.data(), type, m_comm, &request));
  wait(request, "the gathering of values");
  return all;
}

std::vector<double> Communicator::gather_all(const std::vector<double>& mine) const {
  return gather_all_values(mine, MPI_DOUBLE);
}

std::vector<float> Communicator::gather_all(const std::vector<float>& mine) const {
  return gather_all_values(mine, MPI_FLOAT);
}

std::vector<std::string> Communicator::gather_all(const std::string& mine) const {
  const auto sizes = gather_all_values(std::vector<std::int64_t>{static_cast<std::int64_t>(mine.size())}, MPI_INT64_T);
  const auto characters = gather_all_values(std::vector<char>(mine.begin(), mine.end()), MPI_CHAR);
  std::vector<std::string> texts;
  auto at = characters.begin();
  for (const std::int64_t size : sizes) {
    texts.emplace_back(at, at + size);
    at += size;
  }
  return texts;
}

double Communicator::max(double value) const {
  double largest = value;
  MPI_Request request = MPI_REQUEST_NULL;
  CHERI_MPI_CHECK(MPI_Iallreduce(&value, &largest, 1, MPI_DOUBLE, MPI_MAX, m_comm, &request));
  wait(request, "the search for a largest value");
  return largest;
}

void Communicator::send(int to, const std::vector<std::byte>& bytes) const {
  const std::uint64_t size = bytes.size();
  std::vector<MPI_Request> requests(1);
  CHERI_MPI_CHECK(MPI_Isend(&size, 1, MPI_UINT64_T, to, 0, m_comm, requests.data()));
  for_each_message(size, [&](std::size_t begin, int count) {
    requests.emplace_back();
    CHERI_MPI_CHECK(MPI_Isend(bytes.data() + begin, count, MPI_BYTE, to, 0, m_comm, &requests.back()));
  });
  wait(requests, "sending to a rank", Limit::none);
}

std::vector<std::byte> Communicator::receive(int from) const {
  std::uint64_t size = 0;
  std::vector<MPI_Request> requests(1);
  CHERI_MPI_CHECK(MPI_Irecv(&size, 1, MPI_UINT64_T, from, 0, m_comm, requests.data()));
  wait(requests, "receiving from a rank", Limit::none);
  std::vector<std::byte> bytes(size);
  requests.clear();
  for_each_message(size, [&](std::size_t begin, int count) {
    requests.emplace_back();
    CHERI_MPI_CHECK(MPI_Irecv(bytes.data() + begin, count, MPI_BYTE, from, 0, m_comm, &requests.back()));
  });
  wait(requests, "receiving from a rank", Limit::none);
  return bytes;
}

void Communicator::require_equal(const std::string& what, const std::string& value) const {
  const std::string of_root = text_of_rank(value, 0);
  const int differs_at = value == of_root ? m_size : m_rank;
  int first = m_size;
  MPI_Request request = MPI_REQUEST_NULL;
  CHERI_MPI_CHECK(MPI_Iallreduce(&differs_at, &first, 1, MPI_INT, MPI_MIN, m_comm, &request));
  wait(request, "a comparison of texts");
  if (first == m_size) return;
  const std::string of_first = text_of_rank(value, first);
  throw InputError(what + " must be the same on every rank: " + first_difference(of_root, of_first, first));
}

Range range_of_rank(std::int64_t n, int rank, int n_ranks) {
  CHERI_REQUIRE(n >= 0 && rank >= 0 && rank < n_ranks,
                "rank " << rank << " of " << n_ranks << " cannot own a part of " << n);
  const std::int64_t shortest = n / n_ranks;
  const std::int64_t n_longer = n % n_ranks;
  const std::int64_t begin = rank * shortest + std::min<std::int64_t>(rank, n_longer);
  return {begin, begin + shortest + (rank < n_longer ? 1 : 0)};
}

}   // namespace cheri::parallel
