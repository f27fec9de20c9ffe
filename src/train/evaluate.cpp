#include "cheri/train/evaluate.hpp"

#include "cheri/base/check.hpp"

#include <algorithm>
#include <cmath>

namespace cheri::train {
namespace {

template <class ViewType>
auto first(const ViewType& view, int n) {
  if constexpr (ViewType::rank() == 3) return Kokkos::subview(view, std::make_pair(0, n), Kokkos::ALL, Kokkos::ALL);
  else return Kokkos::subview(view, std::make_pair(0, n), Kokkos::ALL);
}

}   // namespace

Predictor::Predictor(const nn::ModelShape& shape, const data::ExampleSet& examples, const data::Dataset<Device>& dataset,
                     int capacity)
    : m_signal_groups(shape.signal_groups),
      m_n_peaks(examples.n_peaks),
      m_capacity(capacity),
      m_dataset(&dataset),
      m_batch(dataset.make_batch(capacity)),
      m_draws("cheri::train::prediction_draws", static_cast<std::size_t>(examples.size())),
      m_scores(examples.size(), shape.signal_groups) {
  const auto n = static_cast<std::size_t>(capacity);
  m_output.logits_NTW =
      View<float***, Device>("cheri::train::prediction_logits", n, static_cast<std::size_t>(shape.n_tracks()),
                             static_cast<std::size_t>(shape.out_window));
  m_output.log_counts_NG =
      View<float**, Device>("cheri::train::prediction_log_counts", n, static_cast<std::size_t>(shape.n_groups()));
  const std::vector<data::Draw> order = data::centred_order(examples.size(), examples.max_jitter);
  Kokkos::deep_copy(m_draws, HostView<const data::Draw*>(order.data(), order.size()));
}

void Predictor::predict(const Device& exec, nn::Model<float, Device>& model, parallel::Range range,
                        const std::function<void(const PredictedChunk&)>& visit) {
  for (std::int64_t begin = range.begin; begin < range.end; begin += m_capacity) {
    const std::int64_t end = std::min(begin + m_capacity, range.end);
    const int n = static_cast<int>(end - begin);
    const data::Batch<Device> batch{first(m_batch.codes_NL, n), first(m_batch.signal_NTW, n), first(m_batch.control_NKL, n)};
    const nn::ModelOutput<float, Device> output{first(m_output.logits_NTW, n), first(m_output.log_counts_NG, n)};
    m_dataset->gather(exec, batch, Kokkos::subview(m_draws, std::make_pair(begin, end)));
    model.forward(exec, output, {batch.codes_NL, batch.control_NKL});
    visit({begin, n, output, batch.signal_NTW});
  }
}

SplitScores Predictor::score(const Device& exec, const parallel::Communicator& communicator,
                             nn::Model<float, Device>& model) {
  const auto n = static_cast<std::int64_t>(m_draws.extent(0));
  const parallel::Range mine = parallel::range_of_rank(n, communicator.rank(), communicator.size());
  predict(exec, model, mine, [&](const PredictedChunk& chunk) {
    score_loci<Device>(exec, m_scores.rows({chunk.first, chunk.first + chunk.size}), chunk.output, chunk.signal_NTW,
                       m_signal_groups);
  });
  return m_scores.scores(communicator.gather_all(m_scores.to_host(exec, mine)), m_n_peaks);
}

Baseline mean_baseline(const data::ExampleSet& training) {
  const std::vector<int> groups = training.signal_groups();
  const auto tracks = static_cast<std::size_t>(training.n_signals());
  const auto window = static_cast<std::size_t>(training.windows.out_window);
  const auto flank = static_cast<std::size_t>(training.max_jitter);
  const std::size_t record = window + 2 * flank;
  std::vector<double> profile(tracks * window, 0);
  Baseline baseline{{}, std::vector<double>(groups.size(), 0)};
  for (std::size_t n = 0; n < static_cast<std::size_t>(training.n_peaks); ++n) {
    std::size_t t = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      double counts = 0;
      for (const std::size_t last = t + static_cast<std::size_t>(groups[g]); t < last; ++t) {
        const std::size_t at = (n * tracks + t) * record + flank;
        double sum = 0;
        for (std::size_t w = 0; w < window; ++w) sum += static_cast<double>(training.signal.at(at + w));
        for (std::size_t w = 0; sum > 0 && w < window; ++w) {
          profile[t * window + w] += static_cast<double>(training.signal.at(at + w)) / sum;
        }
        counts += sum;
      }
      baseline.log_counts[g] += std::log1p(counts) / static_cast<double>(training.n_peaks);
    }
  }
  for (const double value : profile)
    baseline.profile.push_back(static_cast<float>(value / static_cast<double>(training.n_peaks)));
  return baseline;
}

SplitScores score_baseline(const Device& exec, const Baseline& baseline, const data::ExampleSet& examples,
                           const data::Dataset<Device>& dataset) {
  const std::vector<int> signal_groups = examples.signal_groups();
  const int capacity = 64;
  const auto tracks = static_cast<std::size_t>(examples.n_signals()), groups = signal_groups.size();
  const auto window = static_cast<std::size_t>(examples.windows.out_window);
  const ScoreTable scores(examples.size(), signal_groups);
  const data::Batch<Device> batch = dataset.make_batch(capacity);

  // Logits are the logarithm of the profile; positions without any count get a share that no count can notice.
  const nn::ModelOutput<float, Device> output{
      View<float***, Device>("cheri::train::baseline_logits", static_cast<std::size_t>(capacity), tracks, window),
      View<float**, Device>("cheri::train::baseline_log_counts", static_cast<std::size_t>(capacity), groups)};
  const auto logits = Kokkos::create_mirror_view(output.logits_NTW);
  const auto log_counts = Kokkos::create_mirror_view(output.log_counts_NG);
  for (std::size_t n = 0; n < static_cast<std::size_t>(capacity); ++n) {
    for (std::size_t i = 0; i < tracks * window; ++i)
      logits(n, i / window, i % window) = std::log(baseline.profile[i] + 1e-9f);
    for (std::size_t g = 0; g < groups; ++g) log_counts(n, g) = static_cast<float>(baseline.log_counts[g]);
  }
  Kokkos::deep_copy(output.logits_NTW, logits);
  Kokkos::deep_copy(output.log_counts_NG, log_counts);

  const std::vector<data::Draw> order = data::centred_order(examples.size(), examples.max_jitter);
  const View<data::Draw*, Device> draws("cheri::train::baseline_draws", order.size());
  Kokkos::deep_copy(draws, HostView<const data::Draw*>(order.data(), order.size()));
  for (std::int64_t begin = 0; begin < examples.size(); begin += capacity) {
    const std::int64_t end = std::min<std::int64_t>(begin + capacity, examples.size());
    const int n = static_cast<int>(end - begin);
    const data::Batch<Device> part{first(batch.codes_NL, n), first(batch.signal_NTW, n), first(batch.control_NKL, n)};
    dataset.gather(exec, part, Kokkos::subview(draws, std::make_pair(begin, end)));
    score_loci<Device>(exec, scores.rows({begin, end}), {first(output.logits_NTW, n), first(output.log_counts_NG, n)},
                       part.signal_NTW, signal_groups);
  }
  return scores.scores(scores.to_host(exec, {0, examples.size()}), examples.n_peaks);
}

}   // namespace cheri::train
