// planted_fault address|undefined|thread: a leak, an overflow or a race, which that sanitizer must report in spite of
// suppressions.
#include "cheri/base/types.hpp"

#include <limits>
#include <string_view>

namespace {

void leak(int n) {
  volatile int* lost = new int[static_cast<std::size_t>(n)];
  lost[0] = n;
}

void overflow(int n) {
  volatile int sum = std::numeric_limits<int>::max();
  sum = sum + n;
}

void race(int n) {
  const cheri::View<int*, cheri::Host> sum("sum", 1);
  Kokkos::parallel_for("planted_race", Kokkos::RangePolicy<cheri::Host>(0, 1000 * n), [=](int i) { sum(0) += i; });
  Kokkos::fence("planted_race");
}

}   // namespace

int main(int argc, char** argv) {
  const Kokkos::ScopeGuard kokkos(argc, argv);
  const std::string_view fault = argc > 1 ? argv[1] : "";
  if (fault == "address") leak(argc);
  if (fault == "undefined") overflow(argc);
  if (fault == "thread") race(argc);
}
