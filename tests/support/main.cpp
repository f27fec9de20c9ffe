// main of every test program: MPI and Kokkos around GoogleTest. Under mpiexec rank 0 prints; a failure on any rank fails the
// run.
#include "cheri/parallel/communicator.hpp"

#include <gtest/gtest.h>
#include <Kokkos_Core.hpp>

int main(int argc, char** argv) {
  const cheri::parallel::MpiSession mpi(&argc, &argv);
  const Kokkos::ScopeGuard kokkos(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  if (rank != 0) delete listeners.Release(listeners.default_result_printer());
  int failed = RUN_ALL_TESTS();
  if (rank != 0 && failed != 0) std::fprintf(stderr, "tests failed on rank %d\n", rank);
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return failed;
}
