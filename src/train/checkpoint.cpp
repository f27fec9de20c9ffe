// The layout of a checkpoint in HDF5; README.md documents it for users of h5py.
#include "cheri/train/checkpoint.hpp"

#include "cheri/base/check.hpp"
#include "cheri/base/digest.hpp"
#include "cheri/data/hdf5.hpp"
#include "sealed_file.hpp"

#include <array>
#include <bit>

namespace cheri::train {

namespace {

using data::Hdf5File;

constexpr const char* format = "cheri-checkpoint";
constexpr int format_version = 1;

// ---- the members, each under the name that it has in the file ----------------------------------------------------------

template <class Struct, class Member>
struct Named {
  const char* name;
  Member Struct::*member;
};

constexpr std::array shape_members = {Named<nn::ModelShape, int>{"n_filters", &nn::ModelShape::n_filters},
                                      Named<nn::ModelShape, int>{"n_layers", &nn::ModelShape::n_layers},
                                      Named<nn::ModelShape, int>{"expansion", &nn::ModelShape::expansion},
                                      Named<nn::ModelShape, int>{"n_controls", &nn::ModelShape::n_controls},
                                      Named<nn::ModelShape, int>{"in_window", &nn::ModelShape::in_window},
                                      Named<nn::ModelShape, int>{"out_window", &nn::ModelShape::out_window}};

using Buffer = Named<TrainState, std::vector<float>>;
constexpr std::array buffers = {Buffer{"parameters", &TrainState::parameters}, Buffer{"ema", &TrainState::ema},
                                Buffer{"moment1", &TrainState::moment1}, Buffer{"moment2", &TrainState::moment2}};

using Counter = Named<TrainState, std::int64_t>;
constexpr std::array counters = {
    Counter{"step", &TrainState::step}, Counter{"epoch", &TrainState::epoch}, Counter{"epoch_step", &TrainState::epoch_step},
    Counter{"best_epoch", &TrainState::best_epoch}, Counter{"epochs_without_better", &TrainState::epochs_without_better}};

using Number = Named<TrainState, double>;
constexpr std::array numbers = {Number{"lw0_gradient", &TrainState::lw0_gradient},
                                Number{"best_metric", &TrainState::best_metric},
                                Number{"epoch_seconds", &TrainState::epoch_seconds}};

using Flag = Named<TrainState, bool>;
constexpr std::array flags = {Flag{"loss_weights_frozen", &TrainState::loss_weights_frozen},
                              Flag{"finished", &TrainState::finished}};

using LogCounter = Named<LogRow, std::int64_t>;
constexpr std::array log_counters = {LogCounter{"epoch", &LogRow::epoch}, LogCounter{"iteration", &LogRow::iteration}};

using LogNumber = Named<LogRow, double>;
constexpr std::array log_numbers = {LogNumber{"training_time", &LogRow::training_time},
                                    LogNumber{"validation_time", &LogRow::validation_time},
                                    LogNumber{"training_mnll", &LogRow::training_mnll},
                                    LogNumber{"training_count_mse", &LogRow::training_count_mse},
                                    LogNumber{"validation_mnll", &LogRow::validation_mnll},
                                    LogNumber{"validation_profile_pearson", &LogRow::validation_profile_pearson},
                                    LogNumber{"validation_count_pearson", &LogRow::validation_count_pearson},
                                    LogNumber{"validation_count_mse", &LogRow::validation_count_mse},
                                    LogNumber{"validation_count_pearson_all", &LogRow::validation_count_pearson_all},
                                    LogNumber{"validation_count_mse_all", &LogRow::validation_count_mse_all},
                                    LogNumber{"validation_auroc", &LogRow::validation_auroc},
                                    LogNumber{"validation_auprc", &LogRow::validation_auprc}};

constexpr std::array log_flags = {Named<LogRow, bool>{"saved", &LogRow::saved}};

// ---- writing -----------------------------------------------------------------------------------------------------------

void write_shape(Hdf5File& file, const nn::ModelShape& shape) {
  file.write<std::int32_t>("/shape/signal_groups", shape.signal_groups);
  for (const auto& [name, member] : shape_members) file.set_attribute<std::int64_t>("/shape", name, shape.*member);
  file.set_attribute<double>("/shape", "residual_scale", shape.residual_scale);
}

/// Where each parameter stands in the buffers; extents are padded with zeros to three.
void write_table(Hdf5File& file, const nn::ParameterTable& table) {
  std::vector<std::string> names;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> extents;
  for (const nn::Parameter& parameter : table.parameters()) {
    CHERI_REQUIRE(parameter.shape.size() <= 3, parameter.name << " has more than three dimensions");
    names.push_back(parameter.name);
    offsets.push_back(parameter.offset);
    sizes.push_back(parameter.size);
    for (std::size_t i = 0; i < 3; ++i) extents.push_back(i < parameter.shape.size() ? parameter.shape[i] : 0);
  }
  file.write_strings("/table/name", names);
  file.write("/table/offset", offsets);
  file.write("/table/size", sizes);
  file.write("/table/shape", extents, {names.size(), 3});
}

void write_state(Hdf5File& file, const TrainState& state) {
  for (const auto& [name, member] : buffers) file.write(std::string("/") + name, state.*member);
  file.write("/state/epoch_losses", state.epoch_losses);
  for (const auto& [name, member] : counters) file.set_attribute("/state", name, state.*member);
  for (const auto& [name, member] : numbers) file.set_attribute("/state", name, state.*member);
  for (const auto& [name, member] : flags) file.set_attribute<std::int64_t>("/state", name, state.*member);
}

template <class Column, class Member>
void write_log_column(Hdf5File& file, const std::vector<LogRow>& log, const Named<LogRow, Member>& column) {
  std::vector<Column> values;
  for (const LogRow& row : log) values.push_back(row.*column.member);
  file.write(std::string("/log/") + column.name, values);
}

void write_log(Hdf5File& file, const std::vector<LogRow>& log) {
  for (const auto& column : log_counters) write_log_column<std::int64_t>(file, log, column);
  for (const auto& column : log_numbers) write_log_column<double>(file, log, column);
  for (const auto& column : log_flags) write_log_column<std::uint8_t>(file, log, column);
}

// ---- reading -----------------------------------------------------------------------------------------------------------

nn::ModelShape read_shape(const Hdf5File& file) {
  nn::ModelShape shape;
  for (const auto& [name, member] : shape_members) {
    shape.*member = static_cast<int>(file.attribute<std::int64_t>("/shape", name));
  }
  shape.residual_scale = file.attribute<double>("/shape", "residual_scale");
  shape.signal_groups = file.read<std::int32_t>("/shape/signal_groups");
  try {
    shape.check();
  } catch (const InputError& error) {
    throw InputError(file.path() + " describes no model: " + error.what());
  }
  return shape;
}

void check_buffers(const Hdf5File& file, const nn::ModelShape& shape, const TrainState& state) {
  const auto size = static_cast<std::size_t>(nn::ParameterTable(shape).size());
  for (const auto& [name, member] : buffers) {
    CHERI_REQUIRE_INPUT((state.*member).size() == size, file.path() << ": /" << name << " has " << (state.*member).size()
                                                                    << " elements, and its model needs " << size);
  }
}

template <class Column, class Member>
void read_log_column(const Hdf5File& file, std::vector<LogRow>& log, const Named<LogRow, Member>& column) {
  const std::string name = std::string("/log/") + column.name;
  const std::vector<Column> values = file.read<Column>(name);
  CHERI_REQUIRE_INPUT(values.size() == log.size(),
                      file.path() << ": " << name << " has " << values.size() << " rows, not " << log.size());
  for (std::size_t i = 0; i < log.size(); ++i) log[i].*column.member = static_cast<Member>(values[i]);
}

std::vector<LogRow> read_log(const Hdf5File& file) {
  std::vector<LogRow> log(file.read<std::int64_t>("/log/epoch").size());
  for (const auto& column : log_counters) read_log_column<std::int64_t>(file, log, column);
  for (const auto& column : log_numbers) read_log_column<double>(file, log, column);
  for (const auto& column : log_flags) read_log_column<std::uint8_t>(file, log, column);
  return log;
}

TrainState read_state(const Hdf5File& file) {
  TrainState state;
  for (const auto& [name, member] : buffers) state.*member = file.read<float>(std::string("/") + name);
  for (const auto& [name, member] : counters) state.*member = file.attribute<std::int64_t>("/state", name);
  for (const auto& [name, member] : numbers) state.*member = file.attribute<double>("/state", name);
  for (const auto& [name, member] : flags) state.*member = file.attribute<std::int64_t>("/state", name) != 0;
  state.epoch_losses = file.read<double>("/state/epoch_losses");
  state.log = read_log(file);
  return state;
}

}   // namespace

std::string state_digest(const TrainState& state) {
  static_assert(std::endian::native == std::endian::little, "the digest is defined over little-endian values");
  Sha256 digest;
  for (const auto& [name, member] : buffers) digest.update((state.*member).data(), (state.*member).size() * sizeof(float));
  digest.update(&state.step, sizeof state.step);
  return digest.hex();
}

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  Hdf5File file = Hdf5File::in_memory(path, seal_bytes);
  data::set_format(file, format, format_version, checkpoint.made_by);
  file.write_strings("/config", {checkpoint.config});
  write_shape(file, checkpoint.shape);
  write_table(file, nn::ParameterTable(checkpoint.shape));
  write_state(file, checkpoint.state);
  write_log(file, checkpoint.state.log);
  std::vector<std::byte> bytes = file.image();
  write_sealed(path, bytes);
}

Checkpoint read_checkpoint(const std::string& path) {
  verify_seal(path);
  const Hdf5File file(path, Hdf5File::Access::read);
  data::require_format(file, format, format_version);
  const std::vector<std::string> config = file.read_strings("/config");
  CHERI_REQUIRE_INPUT(config.size() == 1, path << ": /config must hold one text, not " << config.size());
  Checkpoint checkpoint{read_shape(file), config.front(), file.attribute<std::string>("/", "made_by"), read_state(file)};
  check_buffers(file, checkpoint.shape, checkpoint.state);
  return checkpoint;
}

}   // namespace cheri::train
