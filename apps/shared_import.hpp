// The import of files by all ranks, for `import` and for `train`.
#pragma once

#include "cheri/data/import.hpp"
#include "cheri/parallel/communicator.hpp"

namespace cheri::apps {

/// data::import_tracks, shared by the ranks; rank 0 shows progress, a line at most every `log_seconds` in a log, and notes.
/// Where spec.threads is 0, ranks of a node divide its cores. Collective: returns when the file is there. A rank waits for
/// the others as long as they take.
void import_by_all(const parallel::Communicator& communicator, data::ImportSpec spec, double log_seconds);

}   // namespace cheri::apps
