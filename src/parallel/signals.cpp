#include "cheri/parallel/signals.hpp"

#include "cheri/base/check.hpp"

#include <cerrno>
#include <cstring>

namespace cheri::parallel {

namespace {

// A handler may touch nothing else.
volatile std::sig_atomic_t last_signal = 0;
volatile std::sig_atomic_t interrupted = 0;
bool in_use = false;

extern "C" void note_signal(int signal) {
  if (signal == SIGINT && interrupted != 0) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);   // ends the process when this handler returns
    return;
  }
  if (signal == SIGINT) interrupted = 1;
  last_signal = signal;
}

}   // namespace

StopSignals::StopSignals() {
  CHERI_REQUIRE(!in_use, "stop signals are already handled");
  in_use = true;
  last_signal = 0;
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;   // file reads and writes go on
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < handled.size(); ++i) {
    CHERI_REQUIRE(sigaction(handled[i], &action, &m_former[i]) == 0, "sigaction: " << std::strerror(errno));
  }
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < handled.size(); ++i) sigaction(handled[i], &m_former[i], nullptr);
  in_use = false;
}

int StopSignals::received() const { return last_signal; }

}   // namespace cheri::parallel
