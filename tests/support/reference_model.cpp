#include "support/reference_model.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cheri::testing {
namespace {

using Values = std::vector<double>;

struct Reader {
  const nn::ModelShape& shape;
  const nn::ParameterTable table;
  const Values& parameters;

  [[nodiscard]] const double* at(const std::string& name) const { return parameters.data() + table.find(name).offset; }
};

double gelu(double h) { return 0.5 * h * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (h + 0.044715 * h * h * h))); }

}   // namespace

Values reference_stem(const nn::ModelShape& shape, const Values& parameters, const double* bases) {
  const Reader p{shape, nn::ParameterTable(shape), parameters};
  const int length = p.shape.in_window, channels = p.shape.n_filters;
  Values out(static_cast<std::size_t>(length * channels));
  const double *weight = p.at("iconv.weight"), *bias = p.at("iconv.bias");
  for (int l = 0; l < length; ++l) {
    for (int c = 0; c < channels; ++c) {
      double total = bias[c];
      for (int b = 0; b < 4; ++b) {
        for (int k = 0; k < 21; ++k) {
          const int from = l + k - 10;
          if (from >= 0 && from < length) total += weight[(c * 4 + b) * 21 + k] * bases[b * length + from];
        }
      }
      out[static_cast<std::size_t>(l * channels + c)] = gelu(total);
    }
  }
  return out;
}

Values reference_block(const nn::ModelShape& shape, const Values& parameters, int layer, const Values& x) {
  const Reader p{shape, nn::ParameterTable(shape), parameters};
  const int length = p.shape.in_window, channels = p.shape.n_filters, hidden = p.shape.hidden();
  const int dilation = 1 << layer;
  const std::string name = "blocks." + std::to_string(layer) + ".";
  const double *w = p.at(name + "conv_weight"), *w1 = p.at(name + "linear1.weight"), *w2 = p.at(name + "linear2.weight");
  Values z(x.size());
  double mean = 0, variance = 0;
  const auto index = [channels](int l, int c) { return static_cast<std::size_t>(l * channels + c); };
  for (int l = 0; l < length; ++l) {
    for (int c = 0; c < channels; ++c) {
      double conv = w[channels + c] * x[index(l, c)];
      if (l - dilation >= 0) conv += w[c] * x[index(l - dilation, c)];
      if (l + dilation < length) conv += w[2 * channels + c] * x[index(l + dilation, c)];
      z[index(l, c)] = conv;
      mean += conv / static_cast<double>(x.size());
    }
  }
  for (const double value : z) variance += (value - mean) * (value - mean) / static_cast<double>(x.size());
  Values out = x;
  Values a(static_cast<std::size_t>(hidden));
  for (int l = 0; l < length; ++l) {
    for (int h = 0; h < hidden; ++h) {
      double total = 0;
      for (int c = 0; c < channels; ++c)
        total += w1[h * channels + c] * (z[index(l, c)] - mean) / std::sqrt(variance + 1e-3);
      a[static_cast<std::size_t>(h)] = gelu(total);
    }
    for (int c = 0; c < channels; ++c) {
      double total = 0;
      for (int h = 0; h < hidden; ++h) total += w2[c * hidden + h] * a[static_cast<std::size_t>(h)];
      out[index(l, c)] += p.shape.residual_scale * total;
    }
  }
  return out;
}

void reference_heads(const nn::ModelShape& shape, const Values& parameters, const Values& x, const double* control,
                     double* logits, double* log_counts) {
  const Reader p{shape, nn::ParameterTable(shape), parameters};
  const int length = p.shape.in_window, channels = p.shape.n_filters, window = p.shape.out_window;
  const int controls = p.shape.n_controls, trim = p.shape.trimming();
  const double *weight = p.at("fconv.weight"), *bias = p.at("fconv.bias");
  for (int t = 0; t < p.shape.n_tracks(); ++t) {
    for (int w = 0; w < window; ++w) {
      double total = bias[t];
      for (int i = 0; i < channels + controls; ++i) {
        for (int k = 0; k < 75; ++k) {
          const int from = trim + w + k - 37;
          if (from < 0 || from >= length) continue;
          const double value =
              i < channels ? x[static_cast<std::size_t>(from * channels + i)] : control[(i - channels) * length + from];
          total += weight[(t * (channels + controls) + i) * 75 + k] * value;
        }
      }
      logits[t * window + w] = total;
    }
  }
  double control_sum = 0;
  for (int j = 0; j < controls; ++j) {
    for (int l = trim; l < length - trim; ++l) control_sum += control[j * length + l];
  }
  const int inputs = channels + (controls > 0 ? 1 : 0);
  for (int g = 0; g < p.shape.n_groups(); ++g) {
    double total = p.at("linear.bias")[g];
    for (int c = 0; c < channels; ++c) {
      double mean = 0;
      for (int l = trim; l < length - trim; ++l) mean += x[static_cast<std::size_t>(l * channels + c)] / (length - 2 * trim);
      total += p.at("linear.weight")[g * inputs + c] * mean;
    }
    if (controls > 0) total += p.at("linear.weight")[g * inputs + channels] * std::log(1 + control_sum);
    log_counts[g] = total;
  }
}

Values one_hot(const Values& codes, int n, int length) {
  Values bases(static_cast<std::size_t>(n * 4 * length), 0);
  for (int i = 0; i < n; ++i) {
    for (int l = 0; l < length; ++l) {
      const int code = static_cast<int>(codes[static_cast<std::size_t>(i * length + l)]);
      if (code < 4) bases[static_cast<std::size_t>((i * 4 + code) * length + l)] = 1;
    }
  }
  return bases;
}

ReferenceOutput reference_forward(const nn::ModelShape& shape, const Values& parameters, const ReferenceInput& input) {
  const int tracks = shape.n_tracks(), groups = shape.n_groups();
  ReferenceOutput output{Values(static_cast<std::size_t>(input.n * tracks * shape.out_window)),
                         Values(static_cast<std::size_t>(input.n * groups))};
  for (int i = 0; i < input.n; ++i) {
    Values x = reference_stem(shape, parameters, input.bases.data() + i * 4 * shape.in_window);
    for (int layer = 0; layer < shape.n_layers; ++layer) x = reference_block(shape, parameters, layer, x);
    reference_heads(shape, parameters, x, input.control.data() + i * shape.n_controls * shape.in_window,
                    output.logits.data() + i * tracks * shape.out_window, output.log_counts.data() + i * groups);
  }
  return output;
}

double reference_loss(const nn::ModelShape& shape, const Values& parameters, const ReferenceInput& input,
                      const ReferenceOutput& output, const std::optional<std::array<double, 2>>& weights) {
  const int tracks = shape.n_tracks(), groups = shape.n_groups(), window = shape.out_window;
  double loss = 0;
  int first = 0;
  for (int g = 0; g < groups; ++g) {
    const int size = shape.signal_groups[static_cast<std::size_t>(g)] * window;
    double profile = 0, count = 0, mean_counts = 0;
    for (int i = 0; i < input.n; ++i) {
      const double* logits = output.logits.data() + (i * tracks + first) * window;
      const double* y = input.signal.data() + (i * tracks + first) * window;
      double largest = logits[0], partition = 0, total = 0, nll = 0;
      for (int w = 0; w < size; ++w) largest = std::max(largest, logits[w]);
      for (int w = 0; w < size; ++w) partition += std::exp(logits[w] - largest);
      for (int w = 0; w < size; ++w) {
        total += y[w];
        nll += std::lgamma(y[w] + 1) - y[w] * (logits[w] - largest - std::log(partition));
      }
      profile += (nll - std::lgamma(total + 1)) / input.n;
      count += std::pow(std::log(1 + total) - output.log_counts[static_cast<std::size_t>(i * groups + g)], 2) / input.n;
      mean_counts += total / input.n;
    }
    first += shape.signal_groups[static_cast<std::size_t>(g)];
    const double lw0 = parameters[static_cast<std::size_t>(g)], lw1 = parameters[static_cast<std::size_t>(groups + g)];
    if (weights) loss += (*weights)[0] * profile / std::max(1.0, mean_counts) + (*weights)[1] * count;
    else
      loss += profile / (2 * lw0 * lw0) + count / (2 * lw1 * lw1) + std::pow(std::log(lw0), 2) + std::pow(std::log(lw1), 2);
  }
  return loss;
}

}   // namespace cheri::testing
