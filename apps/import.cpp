#include "cheri/data/import.hpp"

#include "cheri/base/check.hpp"
#include "cheri/train/config.hpp"
#include "command.hpp"
#include "shared_import.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>

namespace cheri::apps {
namespace {

struct ImportOptions {
  data::ImportSpec spec;
  std::vector<std::string> signals, controls;
};

/// "plus.bw,minus.bw" is one group.
train::TrackFiles groups_of(const std::vector<std::string>& arguments) {
  train::TrackFiles groups;
  for (const std::string& argument : arguments) {
    std::istringstream files(argument);
    groups.emplace_back();
    for (std::string file; std::getline(files, file, ',');) groups.back().push_back(file);
  }
  return groups;
}

}   // namespace

void add_import(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("import", "genome, bigWig signals and peaks into one tracks file; ranks share the work");
  const auto options = std::make_shared<ImportOptions>();
  data::ImportSpec& spec = options->spec;
  command->add_option("--sequences", spec.sequences, "FASTA, plain or gzip")->required();
  command->add_option("--signal", options->signals, "bigWig; a stranded pair as plus.bw,minus.bw; may be repeated")
      ->required();
  command->add_option("--control", options->controls, "bigWig of a control; may be repeated");
  command->add_option("--peaks", spec.peaks, "BED or narrowPeak, plain or gzip; may be repeated")->required();
  command->add_option("--negatives", spec.negatives, "BED; without it GC-matched negatives are drawn");
  command->add_option("--negatives-per-peak", spec.negatives_per_peak, "for drawn negatives")->capture_default_str();
  command->add_option("--negative-window", spec.negative_window, "width over which GC is matched")->capture_default_str();
  command->add_option("--exclude", spec.exclusions, "BED; loci which overlap are dropped");
  command->add_option("--chromosomes", spec.chromosomes, "only these");
  command->add_option("--seed", spec.seed, "of the drawn negatives")->capture_default_str();
  command->add_option("--threads", spec.threads, "of a rank; 0: as many as it may use, ranks of a node share the cores")
      ->capture_default_str();
  command->add_option("--out", spec.out_path, "the tracks file to write")->required();
  command->footer(
      "Example:  cheri import --sequences sacCer3.fa.gz --signal reb1.plus.bw,reb1.minus.bw --peaks peaks.narrowPeak "
      "--out reb1.tracks.h5");
  command->callback([options, &action] {
    action = [options](const parallel::Communicator& communicator) {
      options->spec.signals = train::track_sources(groups_of(options->signals), groups_of(options->controls));
      import_by_all(communicator, options->spec, 10);
      spdlog::info("wrote {}", options->spec.out_path);
      return 0;
    };
  });
}

}   // namespace cheri::apps
