#include "cheri/data/inspect.hpp"
#include "cheri/base/check.hpp"
#include "cheri/train/inspect.hpp"
#include "command.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace cheri::apps {
namespace {

struct InspectOptions {
  std::string file, deck;
  bool json = false;
};

/// JSON as indented lines of "key  value"; a list of records as a table, a line each.
void print_text(const nlohmann::ordered_json& json, int indent) {
  for (const auto& [key, value] : json.items()) {
    const std::string margin(static_cast<std::size_t>(indent), ' ');
    if (value.is_object()) {
      fmt::print("{}{}\n", margin, key);
      print_text(value, indent + 2);
    } else if (value.is_array() && !value.empty() && value.front().is_object()) {
      fmt::print("{}{}\n", margin, key);
      for (const auto& record : value) {
        std::string line;
        for (const auto& [name, field] : record.items()) {
          line += fmt::format("  {} {}", name, field.is_string() ? field.get<std::string>() : field.dump());
        }
        fmt::print("{}{}\n", margin, line);
      }
    } else {
      fmt::print("{}{:<20} {}\n", margin, key, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
}

std::string describe(const std::string& path) {
  if (train::is_checkpoint(path)) return train::inspect_checkpoint(path);
  return train::is_predictions(path) ? train::inspect_predictions(path) : data::inspect_file(path);
}

}   // namespace

void add_inspect(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("inspect", "what is in a tracks, examples, checkpoint, model or predictions file");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("file", options->file, "any file of Cheri, or a run's directory (its newest checkpoint)")->required();
  command->add_option("--deck", options->deck, "also the loci that each split of this deck keeps and drops, and why");
  command->add_flag("--json", options->json, "JSON instead of text");
  command->footer("Example:  cheri inspect runs/reb1/final.h5     two runs are equal if their digests are");
  command->callback([options, &action] {
    action = [options](const parallel::Communicator& communicator) {
      if (!communicator.root()) return 0;
      auto json = nlohmann::ordered_json::parse(describe(options->file));
      if (!options->deck.empty())
        json["splits"] = nlohmann::ordered_json::parse(train::inspect_splits(options->deck, options->file));
      if (options->json) fmt::print("{}\n", json.dump(2));
      else print_text(json, 0);
      return 0;
    };
  });
}

}   // namespace cheri::apps
