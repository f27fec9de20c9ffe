// The table of the deck's keys. Members of the import section come into being when the first of them is named.
#include "deck_keys.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/nearest.hpp"

#include <algorithm>

namespace cheri::train::deck {

namespace {

using C = TrainConfig;

constexpr double huge = 9.2e18;   // the integers of TOML and JSON end at 2^63 - 1

data::ImportSpec& import_of(C& c) { return c.import ? *c.import : c.import.emplace(); }

std::vector<Key> make_keys() {
  constexpr Decides parameters = Decides::parameters;
  constexpr Decides comfort = Decides::comfort;
  // clang-format off
  return {
      {"name", "name", comfort, [](C& c) -> Member { return &c.name; },
       "of the run, in titles"},
      {"directory", "", comfort, [](C& c) -> Member { return PathMember{&c.directory}; },
       "of the run: checkpoints, log, models, report; empty: the name, in the current folder"},
      {"seed", "random_state", parameters, [](C& c) -> Member { return &c.seed; },
       "of the initial weights and of the order of the examples", {0, huge}},
      {"log_seconds", "", comfort, [](C& c) -> Member { return &c.log_seconds; },
       "between two lines of progress where the output is no terminal", {0.1, 86400}},
      {"share_gpus", "", comfort, [](C& c) -> Member { return &c.share_gpus; },
       "whether two ranks may have the same GPU, which is slower than one rank"},

      {"data.file", "", comfort, [](C& c) -> Member { return PathMember{&c.data.path}; },
       "tracks (from `cheri import`) or examples (from `cheri pack`)"},
      {"data.mode", "", comfort, [](C& c) -> Member { return &c.data_mode; },
       "where the records are: device (each rank's memory, or its GPU's), node (one copy a node), stream (read from an examples file as they are needed); auto: what fits"},
      {"data.peaks", "", parameters, [](C& c) -> Member { return &c.data.peaks; },
       "the set of loci to learn from"},
      {"data.negatives", "", parameters, [](C& c) -> Member { return &c.data.negatives; },
       "the set of background loci; empty: none"},
      {"data.summits", "summits", parameters, [](C& c) -> Member { return &c.data.summits; },
       "centre the windows on narrowPeak's summits instead of the middle of the loci"},
      {"data.in_window", "in_window", parameters, [](C& c) -> Member { return &c.data.windows.in_window; },
       "sequence that the model reads, in base pairs", {1, 1 << 24}},
      {"data.out_window", "out_window", parameters, [](C& c) -> Member { return &c.data.windows.out_window; },
       "signal that it predicts, in the middle of the input, in base pairs", {1, 1 << 24}},
      {"data.max_jitter", "max_jitter", parameters, [](C& c) -> Member { return &c.data.windows.max_jitter; },
       "the farthest that a training window is moved from its peak, in base pairs", {0, 1 << 20}},
      {"data.training_chromosomes", "training_chroms", parameters, [](C& c) -> Member { return &c.training_chromosomes; },
       "to learn from"},
      {"data.validation_chromosomes", "validation_chroms", parameters,
       [](C& c) -> Member { return &c.validation_chromosomes; },
       "to choose the best epoch by"},
      {"data.test_chromosomes", "test_chroms", comfort, [](C& c) -> Member { return &c.test_chromosomes; },
       "held out for the final figures; may be empty"},
      {"data.outlier_quantile", "", parameters, [](C& c) -> Member { return &c.data.outlier_quantile; },
       "training peaks with more counts than outlier_factor times this quantile are dropped", {0, 1}},
      {"data.outlier_factor", "", parameters, [](C& c) -> Member { return &c.data.outlier_factor; },
       "0: no peak is dropped", {0, 1e9}},

      {"import.sequences", "sequences", comfort, [](C& c) -> Member { return PathMember{&import_of(c).sequences}; },
       "FASTA: plain, gzip or bgzip"},
      {"import.signals", "signals", comfort, [](C& c) -> Member { return TracksMember{&import_of(c).signals, false}; },
       "bigWig files; a list inside the list is one group, e.g. a stranded pair: [[\"plus.bw\", \"minus.bw\"]]"},
      {"import.controls", "controls", comfort, [](C& c) -> Member { return TracksMember{&import_of(c).signals, true}; },
       "bigWig files, grouped the same way"},
      {"import.peaks", "loci", comfort, [](C& c) -> Member { return PathsMember{&import_of(c).peaks}; },
       "BED3 to narrowPeak, plain or gzip; several files are joined"},
      {"import.negatives", "negatives", comfort, [](C& c) -> Member { return PathsMember{&import_of(c).negatives}; },
       "the same; none: GC-matched ones are drawn"},
      {"import.exclusions", "exclusion_lists", comfort, [](C& c) -> Member { return PathsMember{&import_of(c).exclusions}; },
       "BED files; loci that overlap one of their regions are dropped"},
      {"import.chromosomes", "", comfort, [](C& c) -> Member { return &import_of(c).chromosomes; },
       "to import; empty: all of the FASTA"},
      {"import.negatives_per_peak", "", comfort, [](C& c) -> Member { return &import_of(c).negatives_per_peak; },
       "of negatives that are drawn", {0, 1000}},
      {"import.negative_window", "", comfort, [](C& c) -> Member { return &import_of(c).negative_window; },
       "over which GC is matched and peaks are kept away from, in base pairs", {1, 1 << 24}},
      {"import.seed", "", comfort, [](C& c) -> Member { return &import_of(c).seed; },
       "of negatives that are drawn", {0, huge}},

      {"model.n_filters", "n_filters", parameters, [](C& c) -> Member { return &c.model.n_filters; },
       "channels of every block", {1, 1 << 16}},
      {"model.n_layers", "n_layers", parameters, [](C& c) -> Member { return &c.model.n_layers; },
       "blocks; block i has dilation 2^i", {1, 30}},
      {"model.expansion", "expansion", parameters, [](C& c) -> Member { return &c.model.expansion; },
       "hidden channels of a block's MLP, as a multiple of n_filters", {1, 256}},
      {"model.residual_scale", "residual_scale", parameters, [](C& c) -> Member { return &c.model.residual_scale; },
       "weight of a block's MLP in its output", {0, 1000}},

      {"training.precision", "", parameters, [](C& c) -> Member { return &c.precision; },
       "of a GPU's arithmetic: auto (tf32), fp32, tf32 or bf16; cores compute in fp32, as does a GPU for a model that only the portable kernels serve"},
      {"training.batch_size", "batch_size", parameters, [](C& c) -> Member { return &c.batch_size; },
       "examples of a step, over all ranks", {1, 1 << 20}},
      {"training.gradient_slices", "", parameters, [](C& c) -> Member { return &c.gradient_slices; },
       "parts of a batch, summed in a fixed order; ranks must divide it; 0: 8, or the largest divisor of batch_size below it",
       {0, 1 << 20}},
      {"training.max_epochs", "max_epochs", parameters, [](C& c) -> Member { return &c.max_epochs; },
       "passes over the peaks", {1, 1e9}},
      {"training.min_total_steps", "min_total_steps", parameters, [](C& c) -> Member { return &c.min_total_steps; },
       "max_epochs is raised until the run has so many steps; 0: never", {0, 1e15}},
      {"training.early_stopping", "early_stopping", parameters, [](C& c) -> Member { return &c.early_stopping; },
       "end after so many epochs without a better one; 0: never", {0, 1e9}},
      {"training.best_by", "", parameters, [](C& c) -> Member { return &c.best_by; },
       "what the best epoch has the most of, over the peaks of the validation set: count_pearson, profile_pearson, or mean_pearson (of the two)"},
      {"training.negative_ratio", "negative_ratio", parameters, [](C& c) -> Member { return &c.negative_ratio; },
       "negatives in an epoch for each peak", {0, 1000}},
      {"training.reverse_complement", "reverse_complement", parameters, [](C& c) -> Member { return &c.reverse_complement; },
       "show half of the examples from the other strand"},
      {"training.loss_weights", "loss_weights", parameters, [](C& c) -> Member { return &c.loss_weights; },
       "fixed weights [profile, count]; []: learned", {0, 1e9}},

      {"optimiser.muon_lr", "muon_lr", parameters, [](C& c) -> Member { return &c.optimiser.muon_lr; },
       "learning rate of the blocks' MLPs", {0, 1000}},
      {"optimiser.muon_weight_decay", "muon_wd", parameters, [](C& c) -> Member { return &c.optimiser.muon_weight_decay; },
       "of the blocks' MLPs", {0, 1000}},
      {"optimiser.muon_momentum", "", parameters, [](C& c) -> Member { return &c.optimiser.muon_momentum; },
       "of the blocks' MLPs", {0, 0.999999}},
      {"optimiser.adam_lr", "adam_lr", parameters, [](C& c) -> Member { return &c.optimiser.adam_lr; },
       "learning rate of everything else", {0, 1000}},
      {"optimiser.adam_weight_decay", "adam_wd", parameters, [](C& c) -> Member { return &c.optimiser.adam_weight_decay; },
       "of everything else", {0, 1000}},
      {"optimiser.adam_beta1", "", parameters, [](C& c) -> Member { return &c.optimiser.adam_beta1; },
       "decay of the first moment", {0, 0.999999}},
      {"optimiser.adam_beta2", "", parameters, [](C& c) -> Member { return &c.optimiser.adam_beta2; },
       "decay of the second moment", {0, 0.999999}},
      {"optimiser.adam_epsilon", "", parameters, [](C& c) -> Member { return &c.optimiser.adam_epsilon; },
       "added to the root of the second moment", {1e-30, 1}},
      {"optimiser.lw_lr", "lw_lr", parameters, [](C& c) -> Member { return &c.optimiser.lw_lr; },
       "learning rate of the learned loss weights", {0, 1000}},
      {"optimiser.lw_weight_decay", "lw_wd", parameters, [](C& c) -> Member { return &c.optimiser.lw_weight_decay; },
       "of the learned loss weights", {0, 1000}},
      {"optimiser.lw_momentum", "lw_momentum", parameters, [](C& c) -> Member { return &c.optimiser.lw_momentum; },
       "of the learned loss weights", {0, 0.999999}},
      {"optimiser.ema_decay", "", parameters, [](C& c) -> Member { return &c.optimiser.ema_decay; },
       "of the moving average of the parameters, which is what is validated and saved", {0, 0.99999999}},
      {"optimiser.warmup_epochs", "n_warmup_epochs", parameters, [](C& c) -> Member { return &c.optimiser.warmup_epochs; },
       "of rising learning rates", {0, 1e6}},

      {"checkpoint.seconds", "", comfort, [](C& c) -> Member { return &c.checkpoint.seconds; },
       "of wall time between two checkpoints", {0, 1e9}},
      {"checkpoint.steps", "", comfort, [](C& c) -> Member { return &c.checkpoint.steps; },
       "also every so many steps; 0: by time alone", {0, 1e15}},
      {"checkpoint.keep", "", comfort, [](C& c) -> Member { return &c.checkpoint.keep; },
       "so many of the newest, besides best.h5 and final.h5", {1, 1e6}},

      {"parallel.backend", "", comfort, [](C& c) -> Member { return &c.backend; },
       "how gradients travel between ranks: auto (the first that works), nccl, mpi-device (an MPI that knows GPUs), mpi-host"},
      {"parallel.ranks_of_node", "", comfort, [](C& c) -> Member { return &c.ranks_of_node; },
       "gradients travel within nodes of so many ranks first, then between these; 1: at once; 0: as the nodes are", {0, 1e6}},
      {"parallel.timeout_seconds", "", comfort, [](C& c) -> Member { return &c.timeout_seconds; },
       "that a rank waits for others before it ends the run and names them; 0: for ever", {0, 1e9}},
  };
  // clang-format on
}

}   // namespace

const std::vector<Section>& sections() {
  static const std::vector<Section> all = {
      {"", ""},
      {"data", "what is learned from, and how it is split by chromosome"},
      {"import", "files to turn into data.file first, where that does not exist; may be left out"},
      {"model", "the stack of Cheri blocks"},
      {"training", "the recipe"},
      {"optimiser", "Muon for the blocks' MLPs, SGD for the loss weights, AdamW for the rest"},
      {"checkpoint", "what a stopped run goes on from"},
      {"parallel", "what the ranks do together; no influence on the result"},
  };
  return all;
}

const std::vector<Key>& keys() {
  static const std::vector<Key> all = make_keys();
  return all;
}

std::string section_of(const std::string& name) {
  const auto dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

std::string leaf_of(const std::string& name) { return name.substr(name.rfind('.') + 1); }

const Key& find_key(const std::string& name, const std::string& where) {
  const auto named = [&](const Key& key) { return key.name == name; };
  const auto found = std::find_if(keys().begin(), keys().end(), named);
  if (found != keys().end()) return *found;

  // A key in the wrong section first, then the nearest spelling.
  const auto same_leaf = [&](const Key& key) { return leaf_of(key.name) == leaf_of(name); };
  const auto elsewhere = std::find_if(keys().begin(), keys().end(), same_leaf);
  std::vector<std::string> known;
  for (const Key& key : keys()) known.push_back(key.name);
  const std::string meant = elsewhere != keys().end() ? elsewhere->name : nearest_word(name, known);
  throw InputError(where + ": unknown key \"" + name + "\"; did you mean \"" + meant + "\"?");
}

}   // namespace cheri::train::deck
