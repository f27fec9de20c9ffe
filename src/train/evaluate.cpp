#include "cheri/train/evaluate.hpp"

#include "cheri/base/check.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace cheri::train {
namespace {

template <class ViewType>
auto first(const ViewType& view, int n) {
  if constexpr (ViewType::rank() == 3) return Kokkos::subview(view, std::make_pair(0, n), Kokkos::ALL, Kokkos::ALL);
  else return Kokkos::subview(view, std::make_pair(0, n), Kokkos::ALL);
}

}   // namespace

// ---- chunks ------------------------------------------------------------------------------------------------------------

Chunks::Chunks(const data::ExampleIndex& examples, data::Feed<Device>& feed, int capacity)
    : m_max_jitter(examples.max_jitter),
      m_capacity(capacity),
      m_feed(&feed),
      m_batch(feed.dataset().make_batch(capacity)),
      m_draws("cheri::train::chunk_draws", static_cast<std::size_t>(examples.size())) {
  std::vector<data::Draw> draws = data::centred_order(examples.size(), examples.max_jitter);
  for (data::Draw& draw : draws) draw.example = feed.slot_of(draw.example);
  Kokkos::deep_copy(m_draws, HostView<const data::Draw*>(draws.data(), draws.size()));
}

void Chunks::prefetch(parallel::Range range) {
  if (!m_feed->is_streamed()) return;
  std::vector<data::Draw> draws = data::centred_order(range.end, m_max_jitter);
  m_feed->restart(range.begin);
  m_feed->queue(std::span(draws).subspan(static_cast<std::size_t>(range.begin)));
  m_queued = range;
}

void Chunks::visit(const Device& exec, parallel::Range range,
                   const std::function<void(parallel::Range, const data::Batch<Device>&)>& use) {
  if (m_queued != range) prefetch(range);
  for (std::int64_t begin = range.begin; begin < range.end; begin += m_capacity) {
    const parallel::Range chunk{begin, std::min(begin + m_capacity, range.end)};
    const int n = static_cast<int>(chunk.size());
    const data::Batch<Device> batch{first(m_batch.codes_NL, n), first(m_batch.signal_NTW, n), first(m_batch.control_NKL, n)};
    m_feed->await(exec, n);
    m_feed->dataset().gather(exec, batch, Kokkos::subview(m_draws, std::make_pair(chunk.begin, chunk.end)));
    if (m_feed->is_streamed()) exec.fence("cheri::train::Chunks::visit");   // the slots are free
    m_feed->release(n);
    use(chunk, batch);
  }
  m_queued.reset();
}

// ---- a model -----------------------------------------------------------------------------------------------------------

Predictor::Predictor(const nn::ModelShape& shape, const data::ExampleIndex& examples, data::Feed<Device>& feed, int capacity)
    : m_signal_groups(shape.signal_groups),
      m_n_peaks(examples.n_peaks),
      m_size(examples.size()),
      m_chunks(examples, feed, capacity),
      m_scores(examples.size(), shape.signal_groups) {
  const auto n = static_cast<std::size_t>(capacity);
  m_output.logits_NTW =
      View<float***, Device>("cheri::train::prediction_logits", n, static_cast<std::size_t>(shape.n_tracks()),
                             static_cast<std::size_t>(shape.out_window));
  m_output.log_counts_NG =
      View<float**, Device>("cheri::train::prediction_log_counts", n, static_cast<std::size_t>(shape.n_groups()));
}

void Predictor::predict(const Device& exec, nn::Model<float, Device>& model, parallel::Range range,
                        const std::function<void(const PredictedChunk&)>& visit) {
  m_chunks.visit(exec, range, [&](parallel::Range chunk, const data::Batch<Device>& batch) {
    const int n = static_cast<int>(chunk.size());
    const nn::ModelOutput<float, Device> output{first(m_output.logits_NTW, n), first(m_output.log_counts_NG, n)};
    model.forward(exec, output, {batch.codes_NL, batch.control_NKL});
    visit({chunk.begin, n, output, batch.signal_NTW});
  });
}

parallel::Range Predictor::share(const parallel::Communicator& communicator) const {
  return parallel::range_of_rank(m_size, communicator.rank(), communicator.size());
}

void Predictor::prefetch(const parallel::Communicator& communicator) { m_chunks.prefetch(share(communicator)); }

SplitScores Predictor::score(const Device& exec, const parallel::Communicator& communicator,
                             nn::Model<float, Device>& model) {
  const parallel::Range mine = share(communicator);
  predict(exec, model, mine, [&](const PredictedChunk& chunk) {
    score_loci<Device>(exec, m_scores.rows({chunk.first, chunk.first + chunk.size}), chunk.output, chunk.signal_NTW,
                       m_signal_groups);
  });
  return m_scores.scores(communicator.gather_all(m_scores.to_host(exec, mine)), m_n_peaks);
}

// ---- the baseline ------------------------------------------------------------------------------------------------------

Baseline mean_baseline(const data::Examples& training) {
  const std::vector<int> groups = training.index.signal_groups();
  const auto tracks = static_cast<std::size_t>(training.layout.n_signals);
  const auto window = static_cast<std::size_t>(training.index.windows.out_window);
  const auto flank = static_cast<std::size_t>(training.index.max_jitter);
  const std::size_t record = window + 2 * flank;
  const auto peaks = static_cast<double>(training.index.n_peaks);
  std::vector<double> profile(tracks * window, 0);
  Baseline baseline{{}, std::vector<double>(groups.size(), 0)};
  training.visit_signals(0, training.index.n_peaks, [&](std::int64_t, const std::byte* bytes) {
    const std::vector<float> signals = data::to_floats(training.layout.signal_type, bytes, tracks * record);
    std::size_t t = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      double counts = 0;
      for (const std::size_t last = t + static_cast<std::size_t>(groups[g]); t < last; ++t) {
        const float* signal = signals.data() + t * record + flank;
        double sum = 0;
        for (std::size_t w = 0; w < window; ++w) sum += static_cast<double>(signal[w]);
        for (std::size_t w = 0; sum > 0 && w < window; ++w) profile[t * window + w] += static_cast<double>(signal[w]) / sum;
        counts += sum;
      }
      baseline.log_counts[g] += std::log1p(counts) / peaks;
    }
  });
  for (const double value : profile) baseline.profile.push_back(static_cast<float>(value / peaks));
  return baseline;
}

SplitScores score_baseline(const Device& exec, const Baseline& baseline, const data::ExampleIndex& examples,
                           data::Feed<Device>& feed) {
  const std::vector<int> signal_groups = examples.signal_groups();
  const int capacity = 64;
  const auto tracks = static_cast<std::size_t>(examples.n_signals()), groups = signal_groups.size();
  const auto window = static_cast<std::size_t>(examples.windows.out_window);
  const ScoreTable scores(examples.size(), signal_groups);

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

  Chunks chunks(examples, feed, capacity);
  chunks.visit(exec, {0, examples.size()}, [&](parallel::Range chunk, const data::Batch<Device>& batch) {
    const int n = static_cast<int>(chunk.size());
    score_loci<Device>(exec, scores.rows(chunk), {first(output.logits_NTW, n), first(output.log_counts_NG, n)},
                       batch.signal_NTW, signal_groups);
  });
  return scores.scores(scores.to_host(exec, {0, examples.size()}), examples.n_peaks);
}

}   // namespace cheri::train
