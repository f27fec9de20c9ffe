// The golden values: where they lie, and how a test reads them.
#pragma once

#include "cheri/data/hdf5.hpp"
#include "cheri/nn/shape.hpp"
#include "support/arrays.hpp"

#include <cstdlib>
#include <string>

namespace cheri::testing {

/// A file of the folder $CHERI_GOLDENS; of tests/goldens where that is not set.
inline data::Hdf5File golden(const std::string& name) {
  const char* const chosen = std::getenv("CHERI_GOLDENS");
  const std::string folder = chosen != nullptr ? chosen : CHERI_SOURCE_DIR "/tests/goldens";
  return {folder + "/" + name, data::Hdf5File::Access::read};
}

inline std::vector<double> read_values(const data::Hdf5File& file, const std::string& dataset) {
  return file.read<double>(dataset);
}

/// A dataset as a View of the same extents.
template <class ViewType, class... Extents>
ViewType read_view(const data::Hdf5File& file, const std::string& dataset, Extents... extents) {
  const typename ViewType::non_const_type view("golden", static_cast<std::size_t>(extents)...);
  const auto from = read_values(file, dataset);
  CHERI_REQUIRE(from.size() == view.size(), dataset << " has " << from.size() << " elements, expected " << view.size());
  const auto host = Kokkos::create_mirror_view(view);
  for (std::size_t i = 0; i < from.size(); ++i) {
    host.data()[i] = static_cast<typename ViewType::non_const_value_type>(from[i]);
  }
  Kokkos::deep_copy(view, host);
  return view;
}

/// The shape that a golden file's attributes describe; window lengths from its data.
inline nn::ModelShape golden_shape(const data::Hdf5File& file, const std::string& codes, const std::string& signal) {
  nn::ModelShape shape;
  shape.n_filters = static_cast<int>(file.attribute<std::int64_t>("/", "n_filters"));
  shape.n_layers = static_cast<int>(file.attribute<std::int64_t>("/", "n_layers"));
  shape.expansion = static_cast<int>(file.attribute<std::int64_t>("/", "expansion"));
  shape.residual_scale = file.attribute<double>("/", "residual_scale");
  shape.n_controls = static_cast<int>(file.attribute<std::int64_t>("/", "n_control_tracks"));
  shape.in_window = static_cast<int>(file.extents(codes)[1]);
  shape.out_window = static_cast<int>(file.extents(signal)[2]);
  shape.signal_groups.clear();
  for (const std::int64_t channels : file.attribute<std::vector<std::int64_t>>("/", "signal_groups")) {
    shape.signal_groups.push_back(static_cast<int>(channels));
  }
  return shape;
}

/// The flat buffer of the parameters below `group`.
template <class Exec>
View<float*, Exec> golden_parameters(const data::Hdf5File& file, const std::string& group, const nn::ParameterTable& table) {
  const View<float*, Exec> flat("parameters", static_cast<std::size_t>(table.size()));
  const auto host = Kokkos::create_mirror_view(flat);
  for (const nn::Parameter& p : table.parameters()) {
    const auto from = read_values(file, group + "/" + p.name);
    CHERI_REQUIRE(static_cast<std::int64_t>(from.size()) == p.size, p.name << ": " << from.size() << " elements");
    for (std::size_t i = 0; i < from.size(); ++i) host(static_cast<std::size_t>(p.offset) + i) = static_cast<float>(from[i]);
  }
  Kokkos::deep_copy(flat, host);
  return flat;
}

}   // namespace cheri::testing
