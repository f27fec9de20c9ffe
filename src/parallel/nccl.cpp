#include "nccl.hpp"

#include "cheri/base/check.hpp"

#include <nccl.h>

#include <cstring>
#include <exception>
#include <utility>

#define CHERI_NCCL_CHECK(call) check((call), #call, __FILE__, __LINE__)
#define CHERI_CUDA_CHECK(call) check_cuda((call), #call, __FILE__, __LINE__)

namespace cheri::parallel {

namespace {

void check_cuda(cudaError_t code, const char* call, const char* file, int line) {
  if (code != cudaSuccess) fail(call, file, line, std::string("CUDA says: ") + cudaGetErrorString(code));
}

/// Inside a group a call has nothing to wait for: the group's end has.
ncclResult_t grouped(ncclResult_t code) { return code == ncclInProgress ? ncclSuccess : code; }

/// NCCL's communicator does not block: what it has begun is polled, so that the timeout of ours holds for it as well.
class NcclTransport final : public Transport<Device> {
 public:
  explicit NcclTransport(std::shared_ptr<const Communicator> of);
  ~NcclTransport() override;

  [[nodiscard]] std::string name() const override { return "nccl"; }
  void reserve(const View<const float**, Device>&, const View<const float**, Device>&) override {}
  void exchange(const Device& exec, const std::vector<int>& owners_A, const View<const float**, Device>& sums_MP,
                const View<float**, Device>& received_AB) override;
  void gather(const Device& exec, const View<float*, Device>& total_P) override;
  [[nodiscard]] bool only_enqueues() const override { return true; }
  [[nodiscard]] bool is_done(const Device& exec) const override;
  void abandon() noexcept override;

 private:
  void check(ncclResult_t code, const char* call, const char* file, int line) const;
  [[nodiscard]] ncclResult_t state() const;

  ncclComm_t m_comm = nullptr;
};

NcclTransport::NcclTransport(std::shared_ptr<const Communicator> of) : Transport<Device>(std::move(of)) {
  ncclUniqueId id{};
  std::vector<std::byte> bytes;   // none: rank 0 has failed, and all give up together
  std::string why_not = "rank 0 gets no identifier of NCCL";
  try {
    if (ranks().root()) {
      CHERI_NCCL_CHECK(ncclGetUniqueId(&id));
      bytes.resize(sizeof(id));
      std::memcpy(bytes.data(), &id, sizeof(id));
    }
  } catch (const Error& error) {
    why_not = error.what();
  }
  ranks().broadcast(bytes);
  CHERI_REQUIRE(bytes.size() == sizeof(id), why_not);
  std::memcpy(&id, bytes.data(), sizeof(id));

  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  try {
    CHERI_NCCL_CHECK(ncclCommInitRankConfig(&m_comm, ranks().size(), id, ranks().rank(), &config));
  } catch (...) {
    abandon();
    throw;
  }
}

/// An orderly end is one of all ranks: while an exception is on its way they may not come to it.
NcclTransport::~NcclTransport() {
  try {
    if (m_comm != nullptr && std::uncaught_exceptions() == 0) {
      CHERI_NCCL_CHECK(ncclCommFinalize(m_comm));
      ncclCommDestroy(std::exchange(m_comm, nullptr));
    }
  } catch (const Error&) {
    // What is left is ended below.
  }
  abandon();
}

/// Else freeing memory that NCCL uses would wait for ranks that do not come.
void NcclTransport::abandon() noexcept {
  if (m_comm != nullptr) ncclCommAbort(m_comm);
  m_comm = nullptr;
}

ncclResult_t NcclTransport::state() const {
  ncclResult_t state = ncclSuccess;
  const ncclResult_t code = ncclCommGetAsyncError(m_comm, &state);
  return code == ncclSuccess ? state : code;
}

void NcclTransport::check(ncclResult_t code, const char* call, const char* file, int line) const {
  if (code == ncclInProgress) {
    const auto settled = [&] { return (code = state()) != ncclInProgress; };
    ranks().wait_until(settled, "a call of NCCL");
  }
  if (code == ncclSuccess) return;
  fail(call, file, line, std::string("NCCL says: ") + ncclGetErrorString(code) + ", " + ncclGetLastError(m_comm));
}

void NcclTransport::exchange(const Device& exec, const std::vector<int>& owners_A,
                             const View<const float**, Device>& sums_MP, const View<float**, Device>& received_AB) {
  const int rank = ranks().rank(), size = ranks().size();
  const std::size_t chunk = received_AB.extent(1);
  const cudaStream_t stream = exec.cuda_stream();
  float* to = received_AB.data();
  const float* from = sums_MP.data();
  CHERI_NCCL_CHECK(ncclGroupStart());
  for (const int owner : owners_A) {
    CHERI_NCCL_CHECK(grouped(ncclRecv(to, chunk, ncclFloat, owner, m_comm, stream)));
    to += chunk;
    if (owner != rank) continue;
    for (int other = 0; other < size; ++other) {
      CHERI_NCCL_CHECK(grouped(ncclSend(from, chunk, ncclFloat, other, m_comm, stream)));
      from += chunk;
    }
  }
  CHERI_NCCL_CHECK(ncclGroupEnd());
}

void NcclTransport::gather(const Device& exec, const View<float*, Device>& total_P) {
  const std::size_t chunk = total_P.extent(0) / static_cast<std::size_t>(ranks().size());
  const float* mine = total_P.data() + static_cast<std::size_t>(ranks().rank()) * chunk;
  CHERI_NCCL_CHECK(ncclAllGather(mine, total_P.data(), chunk, ncclFloat, m_comm, exec.cuda_stream()));
}

bool NcclTransport::is_done(const Device& exec) const {
  const ncclResult_t now = state();
  if (now != ncclInProgress) CHERI_NCCL_CHECK(now);
  const cudaError_t stream = cudaStreamQuery(exec.cuda_stream());
  if (stream == cudaErrorNotReady) return false;
  CHERI_CUDA_CHECK(stream);
  return true;
}

}   // namespace

std::string nccl_absence() { return ""; }

std::shared_ptr<Transport<Device>> nccl_transport(const std::shared_ptr<const Communicator>& ranks) {
  return std::make_shared<NcclTransport>(ranks);
}

}   // namespace cheri::parallel
