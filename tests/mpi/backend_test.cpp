// Every backend that there is on this machine has the host's bits; one that has others is refused.
#include "cheri/parallel/backend.hpp"
#include "cheri/base/graph.hpp"
#include "reduction.hpp"
#include "support/spaces.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cheri::parallel {
namespace {

using testing::expected;
using testing::Reduction;
using testing::same_bits;
using testing::Transports;
using testing::tree_sum;

constexpr int n_slices = 12;
constexpr std::int64_t length = 30'011;

std::vector<float> right_sum(int salt) {
  return expected(length, [&](std::int64_t q) { return tree_sum(0, n_slices, q, salt); });
}

template <class Exec>
class BackendTest : public ::testing::Test {
 protected:
  /// The candidate of that name among those that a run tries by itself, or among those that it tries when told to.
  Candidate<Exec> candidate(Backend backend, const std::string& name) const {
    for (const Candidate<Exec>& candidate : candidates<Exec>(world, Backend::automatic)) {
      if (candidate.name == name) return candidate;
    }
    return candidates<Exec>(world, backend).front();
  }

  void expect_bits_by(Backend backend, const std::string& name, int ranks_of_node = 1) const {
    if (world.size() == 1) GTEST_SKIP() << "one rank exchanges nothing";
    if (world.size() == ranks_of_node) GTEST_SKIP() << "two nodes of two ranks are four ranks";
    const Candidate<Exec> found = candidate(backend, name);
    if (!found.obstacle.empty()) GTEST_SKIP() << "NOT TESTED: " << found.name << ": " << found.obstacle;
    Transports<Exec> transports;
    for (const auto& level : levels_of(world, ranks_of_node)) transports.push_back(found.make(level));
    Reduction<Exec> reduction(world, transports, n_slices, length);
    for (const int salt : {1, 2, 3}) EXPECT_TRUE(same_bits(reduction.sum_of(salt), right_sum(salt))) << "sum " << salt;
    std::vector<double> all;
    for (int i = 0; i < 3 * n_slices; ++i) all.push_back(0.1 * i);
    EXPECT_EQ(reduction.gathered(n_slices), all);
    if (!reduction.only_enqueues()) return;
    Graph<Exec> graph;   // launched, captured, replayed
    for (const int salt : {4, 5, 6, 7}) {
      reduction.fill(salt);
      graph.run(reduction.exec(), [&] { reduction.sum(); });
      EXPECT_TRUE(same_bits(reduction.total(), right_sum(salt))) << "sum " << salt << " by a graph";
    }
  }

  const Communicator world = Communicator::world(60);
};

TYPED_TEST_SUITE(BackendTest, cheri::testing::Spaces);

TYPED_TEST(BackendTest, NcclHasTheBitsOfTheTree) { this->expect_bits_by(Backend::nccl, "nccl"); }
TYPED_TEST(BackendTest, MpiDeviceHasTheBitsOfTheTree) { this->expect_bits_by(Backend::mpi_device, "mpi-device"); }
TYPED_TEST(BackendTest, MpiHostHasTheBitsOfTheTree) { this->expect_bits_by(Backend::mpi_host, "mpi-host"); }

TYPED_TEST(BackendTest, NcclHasThemInLevels) { this->expect_bits_by(Backend::nccl, "nccl", 2); }
TYPED_TEST(BackendTest, MpiDeviceHasThemInLevels) { this->expect_bits_by(Backend::mpi_device, "mpi-device", 2); }
TYPED_TEST(BackendTest, MpiHostHasThemInLevels) { this->expect_bits_by(Backend::mpi_host, "mpi-host", 2); }

TYPED_TEST(BackendTest, AutoFindsOne) {
  const auto choice = choose_transports<TypeParam>(this->world, Backend::automatic);
  if (this->world.size() == 1) {
    EXPECT_TRUE(choice.transports.empty());
    EXPECT_EQ(choice.text(), "");
    return;
  }
  ASSERT_EQ(choice.transports.size(), 1U);   // the tests run on one machine
  if (this->world.root()) std::printf("%s exchanges by %s\n", TypeParam::name(), choice.text().c_str());
  Reduction<TypeParam> reduction(this->world, choice.transports, n_slices, length);
  EXPECT_TRUE(same_bits(reduction.sum_of(9), right_sum(9)));
}

/// Right but for one value of one rank.
template <class Exec>
class Corrupting final : public Transport<Exec> {
 public:
  explicit Corrupting(const std::shared_ptr<const Communicator>& ranks)
      : Transport<Exec>(ranks), m_inner(staged_transport<Exec>(ranks)), m_corrupts(ranks->rank() == ranks->size() - 1) {}
  [[nodiscard]] std::string name() const override { return "corrupting"; }
  void reserve(const View<const float**, Exec>& sums_MP, const View<const float**, Exec>& received_AB) override {
    m_inner->reserve(sums_MP, received_AB);
  }
  void exchange(const Exec& exec, const std::vector<int>& owners_A, const View<const float**, Exec>& sums_MP,
                const View<float**, Exec>& received_AB) override {
    m_inner->exchange(exec, owners_A, sums_MP, received_AB);
    if (m_corrupts) Kokkos::deep_copy(exec, Kokkos::subview(received_AB, 0, 17), 0.5f);
  }
  void gather(const Exec& exec, const View<float*, Exec>& total_P) override { m_inner->gather(exec, total_P); }

 private:
  std::shared_ptr<Transport<Exec>> m_inner;
  bool m_corrupts;
};

template <class Exec>
std::vector<Candidate<Exec>> bad_candidates() {
  using Made = std::shared_ptr<Transport<Exec>>;
  using Ranks = std::shared_ptr<const Communicator>;
  return {{"absent", "it is not here", [](const Ranks&) { return Made(); }},
          {"throwing", "", [](const Ranks&) -> Made { throw Error("it cannot be made"); }},
          {"corrupting", "", [](const Ranks& ranks) { return std::make_shared<Corrupting<Exec>>(ranks); }}};
}

TYPED_TEST(BackendTest, OneWithOtherBitsIsRefusedOnEveryRank) {
  if (this->world.size() == 1) GTEST_SKIP() << "one rank exchanges nothing";
  auto all = bad_candidates<TypeParam>();
  all.push_back({"good", "", staged_transport<TypeParam>});
  const auto choice = choose_transports<TypeParam>(this->world, levels_of(this->world), all);
  ASSERT_EQ(choice.transports.size(), 1U);
  EXPECT_EQ(choice.transports.front()->name(), "mpi-host");
  ASSERT_EQ(choice.refused.size(), 3U);
  EXPECT_EQ(choice.refused[0], "absent (it is not here)");
  EXPECT_EQ(choice.refused[1], "throwing (on rank 0: it cannot be made)");
  // The wrong value is part of a chunk that the last rank gives to all.
  EXPECT_NE(choice.refused[2].find("corrupting (on rank 0: its sum has "), std::string::npos) << choice.refused[2];
  EXPECT_EQ(choice.text().find("mpi-host, not absent (it is not here), not throwing"), 0U) << choice.text();
}

TYPED_TEST(BackendTest, WithoutAGoodOneTheReasonsAreSaid) {
  if (this->world.size() == 1) GTEST_SKIP() << "one rank exchanges nothing";
  try {
    choose_transports<TypeParam>(this->world, levels_of(this->world), bad_candidates<TypeParam>());
    FAIL() << "one was chosen";
  } catch (const InputError& error) {
    for (const char* part : {"absent (it is not here)", "it cannot be made", "its sum has", "\"auto\" takes what works"}) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST(Backend, OnCoresAllOfMpiIsOne) {
  const Communicator world = Communicator::world();
  for (const Backend backend : {Backend::mpi_device, Backend::mpi_host, Backend::automatic}) {
    const auto found = candidates<Host>(world, backend);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().name, "mpi-host");
    EXPECT_EQ(found.front().obstacle, "");
  }
  if (world.size() > 1) {
    EXPECT_THROW(choose_transports<Host>(world, Backend::nccl), InputError);
  }
}

TEST(Backend, HasANameInDecks) {
  EXPECT_EQ(backend_of("auto"), Backend::automatic);
  EXPECT_EQ(backend_of("nccl"), Backend::nccl);
  EXPECT_EQ(backend_of("mpi-device"), Backend::mpi_device);
  EXPECT_EQ(backend_of("mpi-host"), Backend::mpi_host);
  EXPECT_THROW(backend_of("MPI"), InputError);
}

}   // namespace
}   // namespace cheri::parallel
