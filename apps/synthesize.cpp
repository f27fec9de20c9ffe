#include "cheri/data/synthesize.hpp"

#include "command.hpp"

#include <spdlog/spdlog.h>

namespace cheri::apps {

void add_synthesize(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("synthesize", "draw a small random genome with planted motifs, its signal and peaks");
  const auto spec = std::make_shared<data::SyntheticSpec>();
  command->add_option("--out", spec->out_path, "the tracks file to write")->required();
  command->add_option("--raw", spec->raw_folder,
                      "also write FASTA, bigWig and BED files into this folder, as input for import");
  command->add_option("--sites", spec->n_sites, "planted sites")->capture_default_str();
  command->add_option("--seed", spec->seed, "of the random numbers")->capture_default_str();
  command->footer("Example:  cheri synthesize --out data.tracks.h5");
  command->callback([spec, &action] {
    action = [spec](const parallel::Communicator& communicator) {
      if (!communicator.root()) return 0;
      data::synthesize(*spec, command_line());
      spdlog::info("wrote {}", spec->out_path);
      return 0;
    };
  });
}

}   // namespace cheri::apps
