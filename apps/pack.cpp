#include "cheri/data/examples.hpp"
#include "cheri/train/deck.hpp"
#include "command.hpp"

#include <spdlog/spdlog.h>

#include <memory>

namespace cheri::apps {
namespace {

struct PackOptions {
  std::string deck, out;
  std::vector<std::string> overrides;
};

}   // namespace

void add_pack(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("pack", "the windows of a deck's loci from its tracks file into an examples file");
  const auto options = std::make_shared<PackOptions>();
  command->add_option("deck", options->deck, "a deck: data.file, windows and loci are read from it")->required();
  command->add_option("overrides", options->overrides, "key=value");
  command->add_option("--out", options->out, "the examples file to write")->required();
  command->footer("Example:  cheri pack reb1.toml --out reb1.examples.h5");
  command->callback([options, &action] {
    action = [options](const parallel::Communicator& communicator) {
      if (!communicator.root()) return 0;
      const train::Deck deck = train::read_deck(options->deck, options->overrides);
      data::pack_examples(deck.config.data, options->out, command_line());
      spdlog::info("wrote {}", options->out);
      return 0;
    };
  });
}

}   // namespace cheri::apps
