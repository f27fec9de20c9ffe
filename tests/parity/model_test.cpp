// The whole model against the public package's fp32 results: predictions 1e-5, all gradients 1e-4 (relative L2).
#include "parity/golden.hpp"
#include "support/model_case.hpp"
#include "support/spaces.hpp"

namespace cheri::nn {
namespace {

using cheri::testing::golden;
using cheri::testing::golden_parameters;
using cheri::testing::golden_shape;
using cheri::testing::ModelCase;
using cheri::testing::read_values;
using cheri::testing::read_view;
using cheri::testing::relative_l2;
using cheri::testing::values;

template <class Exec>
class ModelParity : public ::testing::Test {};
TYPED_TEST_SUITE(ModelParity, cheri::testing::Spaces);

template <class Exec>
void check(const std::string& name) {
  SCOPED_TRACE(name);
  const data::Hdf5File file = golden(name);
  const ModelShape shape = golden_shape(file, "/codes", "/signal");
  const int n = static_cast<int>(file.extents("/codes")[0]);
  ModelCase<float, Exec> model(shape, n, n);
  model.parameters = golden_parameters<Exec>(file, "/parameters", model.model.table());
  model.codes = read_view<View<Code**, Exec>>(file, "/codes", n, shape.in_window);
  model.signal = read_view<View<float***, Exec>>(file, "/signal", n, shape.n_tracks(), shape.out_window);
  if (shape.n_controls > 0) {
    model.control = read_view<View<float***, Exec>>(file, "/control", n, shape.n_controls, shape.in_window);
  }
  model.forward();
  EXPECT_LT(relative_l2(values(model.output.logits_NTW), read_values(file, "/logits")), 1e-5);
  EXPECT_LT(relative_l2(values(model.output.log_counts_NG), read_values(file, "/log_counts")), 1e-5);

  model.backward();
  const auto row = values(model.rows);
  const auto losses = row.begin() + model.model.table().size();
  const auto groups = static_cast<std::ptrdiff_t>(shape.n_groups());
  EXPECT_LT(relative_l2({losses, losses + groups}, read_values(file, "/profile_loss")), 1e-5);
  EXPECT_LT(relative_l2({losses + groups, losses + 2 * groups}, read_values(file, "/count_loss")), 1e-5);
  for (const Parameter& p : model.model.table().parameters()) {
    // The bias of a single track has no gradient but rounding: measured against the counts that cancel in it.
    const double scale = p.name == "fconv.bias" ? 1 : 0;
    EXPECT_LT(relative_l2(model.gradient(p), read_values(file, "/gradients/" + p.name), scale), 1e-4) << p.name;
  }
  const View<float***, Exec> d_input("d_input", static_cast<std::size_t>(n), 4, static_cast<std::size_t>(shape.in_window));
  model.model.input_gradient(model.exec, d_input, {model.codes, model.control});
  model.exec.fence("test");
  EXPECT_LT(relative_l2(values(d_input), read_values(file, "/d_input")), 1e-4);
}

TYPED_TEST(ModelParity, Single) { check<TypeParam>("model_single.h5"); }
TYPED_TEST(ModelParity, StrandedWithControls) { check<TypeParam>("model_stranded_ctl.h5"); }
TYPED_TEST(ModelParity, SeveralGroupsWithControl) { check<TypeParam>("model_multitask_ctl.h5"); }
TYPED_TEST(ModelParity, DefaultWidth) { check<TypeParam>("model_default_width.h5"); }

}   // namespace
}   // namespace cheri::nn
