#include "cheri/parallel/transport.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace cheri::parallel {

namespace {

template <class Exec>
class DirectTransport final : public Transport<Exec> {
 public:
  using Transport<Exec>::Transport;
  using Transport<Exec>::ranks;

  [[nodiscard]] std::string name() const override { return std::is_same_v<Exec, Host> ? "mpi-host" : "mpi-device"; }

  void reserve(const View<const float**, Exec>& sums_MP, const View<const float**, Exec>& received_AB) override {
    m_requests.reserve(received_AB.extent(0) + sums_MP.extent(0) * static_cast<std::size_t>(ranks().size()));
  }

  void exchange(const Exec& exec, const std::vector<int>& owners_A, const View<const float**, Exec>& sums_MP,
                const View<float**, Exec>& received_AB) override {
    exec.fence("cheri::parallel::DirectTransport: sums");
    const int rank = ranks().rank(), size = ranks().size();
    const std::int64_t chunk = static_cast<std::int64_t>(received_AB.extent(1));
    m_requests.clear();
    for (std::size_t a = 0; a < owners_A.size(); ++a) {
      receive(received_AB.data() + static_cast<std::int64_t>(a) * chunk, chunk, owners_A[a], static_cast<int>(a));
    }
    const float* sum = sums_MP.data();
    for (std::size_t a = 0; a < owners_A.size(); ++a) {
      if (owners_A[a] != rank) continue;
      // Each rank begins with the next one, so that not all send to the same.
      for (int i = 1; i <= size; ++i) {
        const int to = (rank + i) % size;
        send(sum + to * chunk, chunk, to, static_cast<int>(a));
      }
      sum += size * chunk;
    }
    ranks().wait(m_requests, "the exchange of gradients");
  }

  void gather(const Exec& exec, const View<float*, Exec>& total_P) override {
    exec.fence("cheri::parallel::DirectTransport: chunk");
    const int rank = ranks().rank(), size = ranks().size();
    const std::int64_t chunk = static_cast<std::int64_t>(total_P.extent(0)) / size;
    m_requests.clear();
    for (int i = 1; i < size; ++i) {
      const int from = (rank + size - i) % size;
      receive(total_P.data() + from * chunk, chunk, from, 0);
    }
    for (int i = 1; i < size; ++i) send(total_P.data() + rank * chunk, chunk, (rank + i) % size, 0);
    ranks().wait(m_requests, "the gathering of gradients");
  }

 private:
  void receive(float* to, std::int64_t n, int from, int tag) {
    CHERI_MPI_CHECK(MPI_Irecv(to, static_cast<int>(n), MPI_FLOAT, from, tag, ranks().handle(),
                              &m_requests.emplace_back(MPI_REQUEST_NULL)));
  }
  void send(const float* from, std::int64_t n, int to, int tag) {
    CHERI_MPI_CHECK(MPI_Isend(from, static_cast<int>(n), MPI_FLOAT, to, tag, ranks().handle(),
                              &m_requests.emplace_back(MPI_REQUEST_NULL)));
  }

  std::vector<MPI_Request> m_requests;
};

/// Copies on exec around the exchange of the host.
template <class Exec>
class StagedTransport final : public Transport<Exec> {
 public:
  using Transport<Exec>::ranks;

  explicit StagedTransport(const std::shared_ptr<const Communicator>& of) : Transport<Exec>(of), m_host(of) {}

  [[nodiscard]] std::string name() const override { return "mpi-host"; }

  void reserve(const View<const float**, Exec>& sums_MP, const View<const float**, Exec>& received_AB) override {
    grow(m_sums, sums_MP.size());
    grow(m_received, received_AB.size());
    grow(m_total, sums_MP.extent(1));
    m_host.reserve(HostView<const float**>(m_sums.data(), sums_MP.extent(0), sums_MP.extent(1)),
                   HostView<const float**>(m_received.data(), received_AB.extent(0), received_AB.extent(1)));
  }

  void exchange(const Exec& exec, const std::vector<int>& owners_A, const View<const float**, Exec>& sums_MP,
                const View<float**, Exec>& received_AB) override {
    const Pinned<float**> sums(m_sums.data(), sums_MP.extent(0), sums_MP.extent(1));
    const Pinned<float**> received(m_received.data(), received_AB.extent(0), received_AB.extent(1));
    Kokkos::deep_copy(exec, sums, sums_MP);
    exec.fence("cheri::parallel::StagedTransport: sums");
    m_host.exchange(Host(), owners_A, HostView<const float**>(sums.data(), sums.extent(0), sums.extent(1)),
                    HostView<float**>(received.data(), received.extent(0), received.extent(1)));
    Kokkos::deep_copy(exec, received_AB, received);
  }

  void gather(const Exec& exec, const View<float*, Exec>& total_P) override {
    grow(m_total, total_P.extent(0));
    const Pinned<float*> total(m_total.data(), total_P.extent(0));
    const auto rank = static_cast<std::size_t>(ranks().rank());
    const std::size_t chunk = total.extent(0) / static_cast<std::size_t>(ranks().size());
    const auto mine = std::make_pair(rank * chunk, (rank + 1) * chunk);
    Kokkos::deep_copy(exec, Kokkos::subview(total, mine), Kokkos::subview(total_P, mine));
    exec.fence("cheri::parallel::StagedTransport: chunk");
    m_host.gather(Host(), HostView<float*>(total.data(), total.extent(0)));
    Kokkos::deep_copy(exec, total_P, total);
  }

 private:
  template <class DataType>
  using Pinned = Kokkos::View<DataType, Kokkos::LayoutRight, Kokkos::SharedHostPinnedSpace>;

  static void grow(Pinned<float*>& buffer, std::size_t size) {
    if (buffer.extent(0) >= size) return;
    buffer = Pinned<float*>(Kokkos::view_alloc("cheri::parallel::StagedTransport", Kokkos::WithoutInitializing), size);
  }

  DirectTransport<Host> m_host;
  Pinned<float*> m_sums, m_received, m_total;
};

}   // namespace

template <class Exec>
void wait_for(const Communicator& ranks, const std::vector<Transport<Exec>*>& transports, const Exec& exec) {
  const auto is_done = [&] {
    return std::all_of(transports.begin(), transports.end(), [&](const auto* t) { return t->is_done(exec); });
  };
  try {
    ranks.wait_until(is_done, "steps on the GPU");
  } catch (...) {
    for (Transport<Exec>* transport : transports) transport->abandon();
    throw;
  }
}

template <class Exec>
std::shared_ptr<Transport<Exec>> direct_transport(std::shared_ptr<const Communicator> ranks) {
  return std::make_shared<DirectTransport<Exec>>(std::move(ranks));
}

template <class Exec>
std::shared_ptr<Transport<Exec>> staged_transport(std::shared_ptr<const Communicator> ranks) {
  if constexpr (std::is_same_v<Exec, Host>) return direct_transport<Host>(std::move(ranks));
  else return std::make_shared<StagedTransport<Exec>>(ranks);
}

#define CHERI_INSTANTIATE(Exec)                                                                          \
  template void wait_for<Exec>(const Communicator&, const std::vector<Transport<Exec>*>&, const Exec&);  \
  template std::shared_ptr<Transport<Exec>> direct_transport<Exec>(std::shared_ptr<const Communicator>); \
  template std::shared_ptr<Transport<Exec>> staged_transport<Exec>(std::shared_ptr<const Communicator>);
CHERI_FOR_EACH_SPACE(CHERI_INSTANTIATE)
#undef CHERI_INSTANTIATE

}   // namespace cheri::parallel
