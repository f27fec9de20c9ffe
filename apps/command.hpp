// The subcommands of `cheri`. Each adds itself to the command line and leaves behind what to do if it is chosen.
#pragma once

#include "cheri/parallel/communicator.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace cheri::apps {

/// Runs on every rank; the returned value is the exit status.
using Action = std::function<int(const parallel::Communicator&)>;

/// Adds a subcommand to `app`; sets `action` when the command line has chosen it.
using AddCommand = void (*)(CLI::App& app, Action& action);

void add_import(CLI::App& app, Action& action);
void add_pack(CLI::App& app, Action& action);
void add_synthesize(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_predict(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);

/// "cheri 0.1.0 (Kokkos 4.5.1 OpenMP, Open MPI v4.1.4, HDF5 1.10.8)".
std::string version_text();
/// Host, execution space, ranks and threads: several lines.
std::string machine_text(const parallel::Communicator& communicator);
/// The command line of this program, as files that it writes remember it.
const std::string& command_line();

}   // namespace cheri::apps
