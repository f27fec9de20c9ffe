// How a scheduler or a user asks a run to stop: the signal sets a flag, and the loop reads it between two steps.
#pragma once

#include <array>
#include <csignal>

namespace cheri::parallel {

/// While it lives, SIGTERM, SIGINT and SIGUSR1 only set a flag; a second SIGINT (Ctrl-C again) ends the process at once.
/// The destructor puts the former handlers back. At most one lives at a time (throws Error otherwise). A signal may reach
/// some ranks only: all must agree, as with Communicator::max(stop.requested()).
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] bool requested() const { return received() != 0; }
  /// The last signal that came, e.g. SIGTERM; 0: none.
  [[nodiscard]] int received() const;

 private:
  static constexpr std::array<int, 3> handled = {SIGTERM, SIGINT, SIGUSR1};
  std::array<struct sigaction, handled.size()> m_former{};
};

}   // namespace cheri::parallel
