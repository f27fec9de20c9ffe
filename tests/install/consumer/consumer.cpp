// Another project's use of the library: the default model on one random sequence.
#include <cheri/nn/model.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  using namespace cheri;
  const Kokkos::ScopeGuard kokkos(argc, argv);
  const nn::ModelShape shape;
  nn::Model<float, Device> model(shape, 1, 1, nn::Model<float, Device>::Mode::inference);
  const View<float*, Device> parameters("parameters", static_cast<std::size_t>(model.table().size()));
  Kokkos::deep_copy(parameters, nn::initial_parameters(model.table(), 0));
  const View<Code**, Device> codes("codes", 1, 2114);
  const nn::ModelOutput<float, Device> output{View<float***, Device>("logits", 1, 1, 1000),
                                              View<float**, Device>("log_counts", 1, 1)};
  const Device exec;
  model.load(exec, parameters);
  model.forward(exec, output, {codes, View<float***, Device>("control", 1, 0, 2114)});
  exec.fence("consumer");
  std::printf("%lld parameters, %zu logits\n", static_cast<long long>(model.table().size()), output.logits_NTW.size());
}
