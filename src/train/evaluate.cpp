#include "cheri/train/evaluate.hpp"

#include "cheri/base/check.hpp"

#include <algorithm>
#include <cmath>

namespace cheri::train {
namespace {

/// The first n examples of a View, on the host, appended in double.
template <class ViewType>
void append(std::vector<double>& values, const ViewType& view, int n) {
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
  const auto row = static_cast<std::size_t>(host.extent(1));
  for (std::size_t i = 0; i < static_cast<std::size_t>(n) * row; ++i)
    values.push_back(static_cast<double>(host(i / row, i % row)));
}

LocusScores<Device> make_scores(int capacity, int n_tracks, int n_groups) {
  const auto n = static_cast<std::size_t>(capacity), tracks = static_cast<std::size_t>(n_tracks),
             groups = static_cast<std::size_t>(n_groups);
  return {View<double**, Device>("cheri::train::profile_pearson", n, tracks),
          View<double**, Device>("cheri::train::profile_jsd", n, tracks),
          View<double**, Device>("cheri::train::profile_mnll", n, groups),
          View<double**, Device>("cheri::train::log_counts", n, groups)};
}

template <class ViewType>
auto first(const ViewType& view, int n) {
  if constexpr (ViewType::rank() == 3) return Kokkos::subview(view, std::make_pair(0, n), Kokkos::ALL, Kokkos::ALL);
  else return Kokkos::subview(view, std::make_pair(0, n), Kokkos::ALL);
}

/// Appends the scores of a chunk to those of a split.
void score_chunk(const Device& exec, SplitScores& scores, const LocusScores<Device>& buffers, const PredictedChunk& chunk) {
  score_loci<Device>(exec, buffers, chunk.output, chunk.signal_NTW, scores.signal_groups);
  exec.fence("cheri::train::score_chunk");
  append(scores.profile_pearson, buffers.profile_pearson_NT, chunk.size);
  append(scores.profile_jsd, buffers.profile_jsd_NT, chunk.size);
  append(scores.profile_mnll, buffers.profile_mnll_NG, chunk.size);
  append(scores.observed, buffers.log_counts_NG, chunk.size);
  append(scores.predicted, chunk.output.log_counts_NG, chunk.size);
}

}   // namespace

Predictor::Predictor(const nn::ModelShape& shape, const data::ExampleSet& examples, const data::Dataset<Device>& dataset,
                     int capacity)
    : m_signal_groups(shape.signal_groups),
      m_n_peaks(examples.n_peaks),
      m_n_negatives(examples.n_negatives),
      m_capacity(capacity),
      m_dataset(&dataset),
      m_batch(dataset.make_batch(capacity)),
      m_draws("cheri::train::prediction_draws", static_cast<std::size_t>(examples.size())),
      m_scores(make_scores(capacity, shape.n_tracks(), shape.n_groups())) {
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
    exec.fence("cheri::train::predict");
    visit({begin, n, output, batch.signal_NTW});
  }
}

SplitScores Predictor::score(const Device& exec, const parallel::Communicator& communicator,
                             nn::Model<float, Device>& model) {
  SplitScores scores;
  scores.signal_groups = m_signal_groups;
  scores.n_peaks = m_n_peaks;
  scores.n_negatives = m_n_negatives;
  const parallel::Range mine = parallel::range_of_rank(m_n_peaks + m_n_negatives, communicator.rank(), communicator.size());
  predict(exec, model, mine, [&](const PredictedChunk& chunk) { score_chunk(exec, scores, m_scores, chunk); });
  for (std::vector<double>* values :
       {&scores.profile_pearson, &scores.profile_jsd, &scores.profile_mnll, &scores.observed, &scores.predicted}) {
    *values = communicator.gather_all(*values);
  }
  return scores;
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
  SplitScores scores;
  scores.signal_groups = examples.signal_groups();
  scores.n_peaks = examples.n_peaks;
  scores.n_negatives = examples.n_negatives;
  const int capacity = 64;
  const auto tracks = static_cast<std::size_t>(examples.n_signals()), groups = scores.signal_groups.size();
  const auto window = static_cast<std::size_t>(examples.windows.out_window);
  const LocusScores<Device> buffers = make_scores(capacity, examples.n_signals(), static_cast<int>(groups));
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
    score_chunk(exec, scores, buffers,
                {begin, n, {first(output.logits_NTW, n), first(output.log_counts_NG, n)}, part.signal_NTW});
  }
  return scores;
}

}   // namespace cheri::train
