#include "shared_import.hpp"

#include "cheri/parallel/placement.hpp"
#include "command.hpp"
#include "progress.hpp"

#include <spdlog/spdlog.h>

#include <cstddef>
#include <string>
#include <vector>

namespace cheri::apps {

void import_by_all(const parallel::Communicator& communicator, data::ImportSpec spec, double log_seconds) {
  if (spec.threads == 0) spec.threads = parallel::threads_of_rank(communicator);
  const data::ImportRanks ranks{communicator.rank(), communicator.size(),
                                [&](int to, const std::vector<std::byte>& bytes) { communicator.send(to, bytes); },
                                [&](int from) { return communicator.receive(from); }};
  Progress progress(log_seconds);
  const data::ImportReport report = data::import_tracks(
      spec, command_line(), [&](double fraction, const std::string& what) { progress.show(fraction, what); }, ranks);
  progress.clear();
  for (const std::string& note : report.notes) spdlog::info(note);
  communicator.barrier(parallel::Limit::none);
}

}   // namespace cheri::apps
