#include "cheri/parallel/placement.hpp"
#include "cheri/train/trainer.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/files.hpp"
#include "cheri/train/deck.hpp"
#include "cheri/train/results.hpp"
#include "command.hpp"
#include "progress.hpp"
#include "shared_import.hpp"
#include "tables.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

namespace cheri::apps {
namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  std::string deck, resume = "auto";
  std::vector<std::string> overrides;
  bool check = false, reference = false;
};

/// Or may be, where the system does not tell: then opening it says what is wrong.
bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) || error;
}

/// Imports the deck's files where its tracks file is not there yet, as rank 0 sees it.
void import_if_missing(const parallel::Communicator& communicator, const train::TrainConfig& config) {
  if (!config.import) return;
  const bool there = communicator.root() && is_there(config.data.path);
  if (communicator.broadcast(std::int64_t{there}) != 0) return;
  spdlog::info("importing into {}", config.data.path);
  import_by_all(communicator, *config.import, config.log_seconds);
}

/// A run's best model so far stands beside its checkpoints. Where a run goes on in another directory, it is taken along.
void take_best_along(const train::Checkpoint& checkpoint, const fs::path& path, const train::TrainConfig& config) {
  const fs::path best = fs::path(config.directory) / "best.h5";
  if (checkpoint.state.best_epoch < 0 || fs::exists(best)) return;
  fs::path run = fs::absolute(path).parent_path();
  if (run.filename() == "checkpoints") run = run.parent_path();
  const fs::path source = run / "best.h5";
  CHERI_REQUIRE_INPUT(fs::exists(source), path.string() << " goes on after its best epoch, and the model of that epoch, "
                                                        << source.string() << ", is not there: put it back, or begin anew");
  train::write_checkpoint(best.string(), train::read_checkpoint(source.string()));
}

/// The checkpoint to go on from, by --resume auto, never, or a path.
train::Found find_checkpoint(const TrainOptions& options, const train::TrainConfig& config) {
  if (options.resume == "never") {
    CHERI_REQUIRE_INPUT(train::list_checkpoints(config.directory).empty(),
                        config.directory << " already holds a run: remove it, choose another directory=..., or resume it");
    return {};
  }
  train::Found found;
  if (options.resume == "auto") {
    found = train::newest_checkpoint(config.directory);
    for (const std::string& skipped : found.skipped) spdlog::warn("skipped {}", skipped);
  } else {
    found = {train::read_checkpoint(options.resume), options.resume, {}};
  }
  if (!found.checkpoint) return {};
  spdlog::info("going on from {}", found.path);
  const auto changed = train::differences(train::parse_config(found.checkpoint->config, "the checkpoint's deck"), config);
  std::string list;
  for (const std::string& line : changed) list += "\n  " + line;
  CHERI_REQUIRE_INPUT(changed.empty(), "the deck is not the one of the run in "
                                           << config.directory << ":" << list
                                           << "\nTrain into another directory, or put these back");
  return found;
}

/// Progress of the steps, with the last validation's profile and count Pearson.
train::Observer make_observer(Progress& progress, const train::TrainConfig& config) {
  const auto validation = std::make_shared<std::string>();
  train::Observer observer;
  observer.epoch = [validation](const train::LogRow& row) {
    *validation = fmt::format(", validation Pearson: profile {:.3f}, count {:.3f}", row.validation_profile_pearson,
                              row.validation_count_pearson);
  };
  observer.step = [&progress, validation, batch = config.batch_size](const train::Observer::Step& step) {
    const double done = static_cast<double>(step.step) / static_cast<double>(step.total_steps);
    const double rate = static_cast<double>(step.steps_here * batch) / std::max(step.seconds, 1e-9);
    progress.show(done, fmt::format("step {} of {}, epoch {} of {}, {:.0f} examples/s, loss {:.4g}{}", step.step,
                                    step.total_steps, step.epoch + 1, step.epochs, rate, step.loss, *validation));
  };
  return observer;
}

void check_deck(const parallel::Communicator& communicator, const train::Deck& deck) {
  if (!communicator.root()) return;
  if (is_there(deck.config.data.path)) {
    data::read_tracks(deck.config.data.path);
  } else {
    CHERI_REQUIRE_INPUT(deck.config.import.has_value(), "data.file " << deck.config.data.path << " does not exist");
  }
  fmt::print("{}", train::to_toml(deck.config));
}

/// Which rank has which GPU and cores, where there is a choice.
void show_placement(const parallel::Communicator& communicator, const train::TrainConfig& config) {
  const auto ranks = parallel::placements(communicator);
  if (!config.share_gpus) parallel::require_own_gpus(ranks);
  if (communicator.size() > 1 || has_separate_device)
    spdlog::info("{} ranks\n{}", ranks.size(), parallel::placement_table(ranks));
}

/// What the trainer takes is free again when this returns.
train::Outcome train_stretch(const parallel::Communicator& communicator, const parallel::StopSignals& signals,
                             const train::TrainConfig& config, const std::optional<train::Checkpoint>& from) {
  Progress progress(config.log_seconds);
  train::Trainer trainer(communicator, signals, config, train::open_splits(communicator, config), from,
                         make_observer(progress, config));
  spdlog::info("{}: {} parameters in {}, {} steps an epoch, {} steps in all, {:.0f} MB a rank", config.name,
               nn::ParameterTable(trainer.shape()).size(), nn::name_of(trainer.precision()), trainer.steps_per_epoch(),
               trainer.total_steps(), static_cast<double>(trainer.bytes()) / 1e6);
  spdlog::info("data.mode {}: {}", train::name_of(trainer.data_plan().mode), trainer.data_plan().why);
  if (communicator.size() > 1) spdlog::info("gradients travel by {}", trainer.exchange());
  const train::Outcome outcome = trainer.run();
  progress.clear();
  if (outcome == train::Outcome::interrupted) {
    spdlog::info(
        "stopped{}; a checkpoint is in {}. Run the same command again to go on",
        signals.requested() ? fmt::format(" by signal {} ({})", signals.received(), strsignal(signals.received())) : "",
        config.directory);
  }
  return outcome;
}

int run_train(const parallel::Communicator& world, const TrainOptions& options) {
  if (options.reference) {
    if (world.root()) fmt::print("{}", train::deck_reference());
    return 0;
  }
  CHERI_REQUIRE_INPUT(!options.deck.empty(), "train needs a deck: cheri train input/quickstart.toml, for instance");
  const train::Deck deck = train::read_deck(options.deck, options.overrides);
  const train::TrainConfig& config = deck.config;
  for (const std::string& note : deck.notes) spdlog::info(note);
  world.require_equal("the deck", train::to_toml(config));
  const auto communicator = parallel::Communicator::world(config.timeout_seconds);
  if (options.check) {
    check_deck(communicator, deck);
    return 0;
  }
  CHERI_REQUIRE_INPUT(
      config.slices() % communicator.size() == 0,
      communicator.size() << " ranks cannot share " << config.slices()
                          << " gradient slices: use a number of ranks that divides training.gradient_slices");
  show_placement(communicator, config);
  // To the end of the process: ranks are told one after the other, and stop together when the first has been.
  static const parallel::StopSignals& signals = *new parallel::StopSignals;
  import_if_missing(communicator, config);
  const train::Found from = find_checkpoint(options, config);
  if (communicator.root()) {
    make_folder(config.directory);
    if (from.checkpoint) take_best_along(*from.checkpoint, from.path, config);
    write_text_file((fs::path(config.directory) / "deck.toml").string(), train::to_toml(config));
  }

  if (train_stretch(communicator, signals, config, from.checkpoint) == train::Outcome::interrupted) return 0;
  const train::Evaluation evaluation = train::write_results(communicator, config, machine_text(communicator));
  if (communicator.root()) {
    fmt::print("{}", metrics_table(evaluation));
    fmt::print("model   {}\nreport  {}\n", (fs::path(config.directory) / "best.h5").string(),
               (fs::path(config.directory) / "report.html").string());
  }
  return 0;
}

}   // namespace

void add_train(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("train", "train a model from a deck; interrupted runs go on where they stopped");
  const auto options = std::make_shared<TrainOptions>();
  command->add_option("deck", options->deck, "TOML, or the JSON of the public package's fit");
  command->add_option("overrides", options->overrides, "key=value, e.g. training.batch_size=32");
  command->add_flag("--check", options->check, "only read the deck and its files, and print the resolved deck");
  command->add_flag("--reference", options->reference, "print every key of a deck with its default and what it means");
  command
      ->add_option("--resume", options->resume,
                   "auto (the newest checkpoint of the run's directory), never, or a checkpoint")
      ->capture_default_str();
  command->footer("Example:  mpirun -n 2 cheri train input/reb1.toml training.max_epochs=50");
  command->callback([options, &action] {
    action = [options](const parallel::Communicator& communicator) { return run_train(communicator, *options); };
  });
}

}   // namespace cheri::apps
