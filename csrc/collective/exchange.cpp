// SPDX-License-Identifier: MIT
#include "csrc/collective/exchange.hpp"

#include <algorithm>
#include <utility>

namespace byzccl::collective {
namespace {

std::shared_ptr<void> allocate_zeroed(Steps& steps, std::size_t bytes) {
  std::shared_ptr<void> memory = steps.allocate(bytes);
  steps.clear(memory.get(), bytes);
  return memory;
}

}  // namespace

Exchange::Exchange(const Tools& tools, const Call& call, const Plan& plan)
    : tools_(tools), call_(call), plan_(plan) {
  decision_memory_ = allocate_zeroed(tools_.steps, rules::decision_bytes(plan_));
  decision_ = rules::decision_at(plan_, decision_memory_.get());
  measures_norms_ = plan_.needs_norms;
  if (keeps_vectors()) {
    total_ = allocate_zeroed(tools_.steps, sums_bytes());
  } else {
    decide();
  }
}

void Exchange::join() noexcept {
  {
    const std::lock_guard lock(mutex_);
    unmeasured_.clear();
  }
  if (measured_.valid()) measured_.wait();
}

Rows Exchange::Held::part(std::int64_t column, std::int64_t columns,
                          std::vector<const void*>& x) const {
  x.clear();
  for (const void* row : rows) x.push_back(static_cast<const std::byte*>(row) + bytes(column));
  Rows part{x, columns, bucket.dtype};
  if (bucket.previous != nullptr) {
    part.previous = static_cast<const std::byte*>(bucket.previous) + bytes(range.begin + column);
  }
  return part;
}

std::size_t Exchange::sums_count() const {
  return static_cast<std::size_t>(measures_norms_ ? plan_.n : rules::pair_count(plan_.lines));
}

void Exchange::sum_shard(const Held& held, std::int64_t column, std::int64_t columns,
                         double* sums) {
  std::vector<const void*> x;
  const Rows rows = held.part(column, columns, x);
  if (measures_norms_) {
    tools_.steps.norms(plan_, rows, held.grid.tile, sums);
  } else {
    tools_.steps.pairwise_distances(plan_, decision_, rows, held.grid.tile, sums);
  }
}

/// From the norms to the scales, and then to the distances of the scaled rows, over the columns
/// that were kept.
void Exchange::scale() {
  norms_ = std::move(total_);
  tools_.steps.scale(plan_, static_cast<double*>(norms_.get()), decision_);
  if (!plan_.needs_distances) return;
  measures_norms_ = false;
  measure_again();
  add_up(held_);
}

void Exchange::measure_again() {
  total_ = allocate_zeroed(tools_.steps, sums_bytes());
  for (Held& held : held_) {
    const Timed timed(tools_.phases.distances, held.index);
    measure(held);
  }
}

/// Distances to what is forgotten have been added up before it was known.
void Exchange::drop_previous() {
  for (Held& held : held_) held.bucket.previous = nullptr;
  if (!measures_norms_) measure_again();
}

std::int64_t Exchange::columns() const {
  std::int64_t columns = 0;
  for (const Held& held : held_) columns += held.bucket.d;
  return columns;
}

void Exchange::add(const Bucket& bucket) {
  Held& held = held_.emplace_back();
  held.index = static_cast<int>(held_.size()) - 1;
  held.bucket = bucket;
  held.grid = rules::grid(bucket.d, plan_.ranks);
  {
    const Timed timed(tools_.phases.exchange, held.index);
    collect(held);
    tools_.echoes.settle();
  }
  if (keeps_vectors()) return measure_later(held);
  deliver(held);
  await_result(held);
  tools_.mail.clear();
}

/// Nothing of what the add held is needed then.
void Exchange::await_result(Held& held) {
  const Timed timed(tools_.phases.gather, held.index);
  tools_.mail.wait_through(held.posted);
  held.rows.clear();
  held.memory.reset();
  held.combined.reset();
}

/// One after the other, beside the worker, so that the next add's messages travel meanwhile. One
/// thread takes what is there and ends: a slow measurement must not pile up threads.
void Exchange::measure_later(Held& held) {
  if (tools_.steps.enqueues()) {
    const Timed timed(tools_.phases.distances, held.index);
    return measure(held);
  }
  {
    const std::lock_guard lock(mutex_);
    unmeasured_.push_back(&held);
    if (measuring_) return;
    measuring_ = true;
  }
  if (measured_.valid()) measured_.get();
  measured_ = std::async(std::launch::async, [this] { measure_all(); });
}

void Exchange::measure_all() {
  while (Held* const held = next_unmeasured()) {
    const Timed timed(tools_.phases.distances, held->index);
    measure(*held);
  }
}

Exchange::Held* Exchange::next_unmeasured() {
  const std::lock_guard lock(mutex_);
  measuring_ = !unmeasured_.empty();
  if (!measuring_) return nullptr;
  Held* const held = unmeasured_.front();
  unmeasured_.pop_front();
  return held;
}

void Exchange::finish() {
  if (keeps_vectors()) {
    if (measured_.valid()) measured_.get();
    narrow();
    if (forgets_previous_) drop_previous();
    add_up(held_);
    tools_.echoes.settle();
    if (plan_.needs_norms) scale();
    decide();
    // One result travels while the next is combined.
    for (Held& held : held_) deliver(held);
    for (Held& held : held_) await_result(held);
    tools_.mail.clear();
  }
  tools_.echoes.settle();
  if (plan_.combiner == Combiner::kColumns && !sees_all_columns()) gather_nan_columns();
}

/// A sum of distances reaches as far as the narrowest dtype among the adds.
void Exchange::narrow() {
  for (const Held& held : held_) {
    if (held.bucket.dtype == DType::kFloat64) continue;
    plan_.infinite_above = byzccl::plan(call_.rule, plan_.ranks, held.bucket.dtype).infinite_above;
    return;
  }
}

void Exchange::decide() {
  const Timed timed(tools_.phases.select);
  double* distances = nullptr;
  if (plan_.needs_distances) {
    const std::size_t n = static_cast<std::size_t>(plan_.n);
    distances_ = tools_.steps.allocate(static_cast<std::size_t>(plan_.lines) * n * sizeof(double));
    distances = static_cast<double*>(distances_.get());
    tools_.steps.spread(total(), 1, plan_.lines, plan_.n, distances);
    if (norms_ && plan_.has_norm_line()) {
      // The norm of a scaled row is known by definition.
      tools_.steps.copy(distances + n * n, norms_.get(), n * sizeof(double));
    }
  }
  if (plan_.rows > 0) tools_.steps.select(plan_, distances, decision_);
}

void Exchange::combine(const Held& held, Range range, void* out) {
  if (range.size() == 0) return;
  const Timed timed(tools_.phases.combine, held.index);
  std::vector<const void*> x;
  const Rows rows = held.part(range.begin - held.range.begin, range.size(), x);
  tools_.steps.combine(plan_, decision_, rows, out);
}

/// While payload arrives. Who got another header sends none, so the echoes are waited for first.
void Exchange::exchange(std::span<const Outgoing> out, std::span<const Incoming> in) {
  const std::size_t mark = tools_.mail.post(out, in);
  tools_.echoes.settle();
  tools_.mail.wait_through(mark);
  tools_.mail.clear();
}

bool Exchange::combines(int rank) const {
  return std::any_of(held_.begin(), held_.end(),
                     [&](const Held& held) { return combined_by(rank, held).size() > 0; });
}

/// The report counts the columns of all ranks. Who combines none has none to tell of.
void Exchange::gather_nan_columns() {
  const Timed timed(tools_.phases.gather);
  Mail& mail = tools_.mail;
  constexpr std::size_t kBytes = sizeof(std::int64_t);
  nan_columns_ = allocate_zeroed(tools_.steps, static_cast<std::size_t>(mail.size()) * kBytes);
  std::int64_t* const counts = static_cast<std::int64_t*>(nan_columns_.get());
  tools_.steps.copy(counts + mail.rank(), &decision_.outcome->nan_columns, kBytes);
  const bool combines_here = combines(mail.rank());
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int offset = 1; offset < mail.size(); ++offset) {
    const int from = mail.peer(-offset);
    if (combines(from)) in.push_back({from, counts + from, kBytes});
    if (combines_here) out.push_back({mail.peer(offset), counts + mail.rank(), kBytes});
  }
  mail.transport().await_steps();
  exchange(out, in);
  if (!tools_.steps.enqueues()) findings().count_nan_columns(tools_.steps);
}

Findings Exchange::findings() const {
  return {call_.rule, plan_, columns(), decision_memory_, distances_, nan_columns_};
}

}  // namespace byzccl::collective
