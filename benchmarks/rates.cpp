// SPDX-License-Identifier: MIT
#include "benchmarks/rates.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include "benchmarks/stopwatch.hpp"
#include "csrc/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benchmarks/rates.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace byzccl::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// Independent chains: enough to hide what one operation waits for, and they fit the registers.
#if HWY_MAX_BYTES >= 64
inline constexpr int kChains = 16;
#else
inline constexpr int kChains = 12;
#endif

// Every chain goes to the fixed point of a = 1/4 + (1/2 - a)^2. Returns operations.
double subtract_fma(std::int64_t rounds, float* sink) {
  const Tag tag;
  const auto half = hn::Set(tag, 0.5f);
  const auto quarter = hn::Set(tag, 0.25f);
  Vector chain[kChains];
  for (int k = 0; k < kChains; ++k) chain[k] = hn::Set(tag, sink[k]);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (int k = 0; k < kChains; ++k) {
      const auto difference = hn::Sub(half, chain[k]);
      chain[k] = hn::MulAdd(difference, difference, quarter);
    }
  }
  for (int k = 0; k < kChains; ++k) sink[k] = hn::GetLane(chain[k]);
  return static_cast<double>(rounds) * kChains * 2 * static_cast<double>(hn::Lanes(tag));
}

// Every chain is cut to a range, and to one within it. Returns operations.
template <class T>
double clamp_chains(std::int64_t rounds, float* sink) {
  const hn::ScalableTag<T> tag;
  const auto bound = [&](int k) HWY_ATTR { return hn::Set(tag, static_cast<T>(16 * sink[k])); };
  const auto low = bound(1), lower_middle = bound(4), upper_middle = bound(8), high = bound(11);
  hn::Vec<decltype(tag)> chain[kChains];
  for (int k = 0; k < kChains; ++k) chain[k] = bound(k);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (int k = 0; k < kChains; ++k) chain[k] = hn::Max(hn::Min(chain[k], high), low);
    for (int k = 0; k < kChains; ++k) {
      chain[k] = hn::Max(hn::Min(chain[k], upper_middle), lower_middle);
    }
  }
  for (int k = 0; k < kChains; ++k) sink[k] = static_cast<float>(hn::GetLane(chain[k])) / 16;
  return static_cast<double>(rounds) * kChains * 4 * static_cast<double>(hn::Lanes(tag));
}

double min_max(std::int64_t rounds, float* sink) { return clamp_chains<float>(rounds, sink); }

double min_max_16(std::int64_t rounds, float* sink) {
  return clamp_chains<std::int16_t>(rounds, sink);
}

std::uint64_t read_bytes(const void* bytes, std::size_t count) {
  const hn::ScalableTag<std::uint64_t> tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto* from = static_cast<const std::uint64_t*>(bytes);
  const std::size_t words = count / 8;
  auto a = hn::Zero(tag), b = a, c = a, d = a;
  for (std::size_t at = 0; at + 4 * lanes <= words; at += 4 * lanes) {
    __builtin_prefetch(
        reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) + 8 * at + 2048));
    a = hn::Or(a, hn::LoadU(tag, from + at));
    b = hn::Or(b, hn::LoadU(tag, from + at + lanes));
    c = hn::Or(c, hn::LoadU(tag, from + at + 2 * lanes));
    d = hn::Or(d, hn::LoadU(tag, from + at + 3 * lanes));
  }
  return hn::GetLane(hn::Or(hn::Or(a, b), hn::Or(c, d)));
}

}  // namespace byzccl::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace byzccl::bench {
namespace {

HWY_EXPORT(subtract_fma);
HWY_EXPORT(min_max);
HWY_EXPORT(min_max_16);
HWY_EXPORT(read_bytes);

// What the compiler must not find unused.
std::atomic<std::uint64_t> sink{0};

/// Calls work(thread) on all threads, `passes` times, and returns the seconds of the fastest pass:
/// from the moment at which all are there until the last is done.
double fastest_pass(int threads, int passes, const std::function<void(int)>& work) {
  double fastest = std::numeric_limits<double>::infinity();
  double begin = 0;
  bool begins = true;
  std::barrier gate(threads, [&]() noexcept {
    if (!begins) fastest = std::min(fastest, now() - begin);
    begins = !begins;
    begin = now();
  });
  std::vector<std::jthread> others;
  const auto run = [&](int thread) {
    for (int pass = 0; pass < passes; ++pass) {
      gate.arrive_and_wait();
      work(thread);
      gate.arrive_and_wait();
    }
  };
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  others.clear();
  return fastest;
}

double operations_per_second(int threads, double seconds,
                             const std::function<double(std::int64_t, float*)>& loop) {
  constexpr std::int64_t kRounds = 200000;  // some milliseconds
  double operations = 0;
  const auto work = [&](int thread) {
    float start[16];
    for (int k = 0; k < 16; ++k) start[k] = static_cast<float>(k) / 16;
    const double done = loop(kRounds, start);
    sink += start[3] > 100;
    if (thread == 0) operations = done;
  };
  const double once = fastest_pass(threads, 1, work);
  const int passes = std::clamp(static_cast<int>(seconds / once), 3, 1000);
  return operations * threads / fastest_pass(threads, passes, work);
}

}  // namespace

Rates measure_rates(int threads, double seconds) {
  Rates rates;
  rates.subtract_fma =
      operations_per_second(threads, seconds, [](std::int64_t rounds, float* values) {
        return HWY_DYNAMIC_DISPATCH(subtract_fma)(rounds, values);
      });
  rates.min_max = operations_per_second(threads, seconds, [](std::int64_t rounds, float* values) {
    return HWY_DYNAMIC_DISPATCH(min_max)(rounds, values);
  });
  rates.min_max_16 =
      operations_per_second(threads, seconds, [](std::int64_t rounds, float* values) {
        return HWY_DYNAMIC_DISPATCH(min_max_16)(rounds, values);
      });
  return rates;
}

double read_rate(std::span<const void* const> rows, std::size_t bytes, int threads, int passes) {
  const std::size_t all = rows.size() * bytes;
  const std::size_t share = (all / static_cast<std::size_t>(threads) + 63) / 64 * 64;
  // A pass over little is repeated, so that the barrier does not count.
  const std::size_t turns = std::max<std::size_t>(1, (std::size_t{16} << 20) / all);
  const double seconds = fastest_pass(threads, passes, [&](int thread) {
    for (std::size_t turn = 0; turn < turns; ++turn) {
      std::size_t at = share * static_cast<std::size_t>(thread);
      const std::size_t end = std::min(all, at + share);
      while (at < end) {
        const std::size_t in_row = at % bytes;
        const std::size_t count = std::min(bytes - in_row, end - at);
        sink += HWY_DYNAMIC_DISPATCH(read_bytes)(
            static_cast<const char*>(rows[at / bytes]) + in_row, count);
        at += count;
      }
    }
  });
  return static_cast<double>(all) * static_cast<double>(turns) / seconds;
}

}  // namespace byzccl::bench

#endif  // HWY_ONCE
