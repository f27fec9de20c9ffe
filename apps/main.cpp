// cheri: trains and runs Cherimoya models. Parses the command line, calls the subcommand, and is the one place where errors
// are printed: once, with the rank, and then every rank ends. The exit status is 0 when all is well (a run that was told to
// stop has stopped well), 2 when what the user has given is wrong, so that trying again is in vain, and 1 for any other
// error.
#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"
#include "cheri/base/types.hpp"
#include "cheri/parallel/placement.hpp"
#include "command.hpp"

#include <fmt/format.h>
#include <hdf5.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <Kokkos_Core.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace cheri::apps {
namespace {

std::string g_command_line;

std::string mpi_text() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

/// CLI11 only says that a subcommand is required.
void require_known_subcommand(const CLI::App& app, int argc, char** argv) {
  const std::string given = argc > 1 ? argv[1] : "";
  if (given.empty() || given.front() == '-') return;
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  if (std::find(known.begin(), known.end(), given) != known.end()) return;
  throw CLI::ValidationError("there is no subcommand \"" + given + "\"; did you mean \"" + nearest_word(given, known) +
                             "\"? There are " + join_words(known));
}

int run(const parallel::Communicator& communicator, int argc, char** argv) {
  CLI::App app("Trains and runs Cherimoya models: base-resolution genomic signal from DNA.", "cheri");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.footer("A first run:  cheri synthesize --out data.tracks.h5  and  mpirun -n 2 cheri train input/quickstart.toml");
  Action action;
  for (const AddCommand add :
       {add_import, add_pack, add_synthesize, add_train, add_evaluate, add_predict, add_inspect, add_bench}) {
    add(app, action);
  }
  try {
    require_known_subcommand(app, argc, argv);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (!communicator.root()) return error.get_exit_code() == 0 ? 0 : 2;
    return app.exit(error) == 0 ? 0 : 2;
  }
  return action(communicator);
}

/// Errors that all ranks find alike are told by rank 0, which ends the others before they speak: within a second or two on
/// a busy machine.
[[noreturn]] void report_and_end(const parallel::Communicator& communicator, const std::string& message, int status) {
  if (!communicator.root()) std::this_thread::sleep_for(std::chrono::seconds(3));
  const std::string rank = communicator.size() > 1 ? fmt::format(" (rank {})", communicator.rank()) : "";
  fmt::print(stderr, "cheri{}: {}\n", rank, message);
  parallel::abort_all(status);
}

}   // namespace

std::string version_text() {
  return fmt::format("cheri {} (Kokkos {}.{}.{} {}, {}, HDF5 {}.{}.{})", CHERI_VERSION, KOKKOS_VERSION / 10000,
                     KOKKOS_VERSION / 100 % 100, KOKKOS_VERSION % 100, Device::name(), mpi_text(), H5_VERS_MAJOR,
                     H5_VERS_MINOR, H5_VERS_RELEASE);
}

std::string machine_text(const parallel::Communicator& communicator) {
  return fmt::format("{}\nhost {}\n{} ranks of {} threads", version_text(), parallel::host_name(), communicator.size(),
                     Host().concurrency());
}

const std::string& command_line() { return g_command_line; }

}   // namespace cheri::apps

int main(int argc, char** argv) {
  using namespace cheri;
  for (int i = 0; i < argc; ++i) apps::g_command_line += (i > 0 ? " " : "") + std::string(i > 0 ? argv[i] : "cheri");
  const parallel::MpiSession mpi(&argc, &argv);
  const parallel::Communicator communicator = parallel::Communicator::world();
  spdlog::set_default_logger(spdlog::stderr_color_st("cheri"));
  spdlog::set_pattern("%H:%M:%S %v");
  spdlog::set_level(communicator.root() ? spdlog::level::info : spdlog::level::off);
  try {
    Kokkos::InitializationSettings settings;
    settings.set_disable_warnings(true);
    const int n_gpus = Kokkos::num_devices();
    if (n_gpus > 0) settings.set_device_id(parallel::gpu_of_rank(parallel::local_rank(communicator), n_gpus));
    const Kokkos::ScopeGuard kokkos(settings);
    return apps::run(communicator, argc, argv);
  } catch (const InputError& error) {
    apps::report_and_end(communicator, error.what(), 2);
  } catch (const std::exception& error) {
    apps::report_and_end(communicator, error.what(), 1);
  }
}
