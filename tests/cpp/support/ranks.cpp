// SPDX-License-Identifier: MIT
#include "support/ranks.hpp"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace byzccl::test {
namespace {

/// Ends the process unless it is destroyed in time.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::seconds limit)
      : thread_([this, limit] {
          std::unique_lock lock(mutex_);
          if (changed_.wait_for(lock, limit, [this] { return done_; })) return;
          std::fprintf(stderr, "ranks were not done within %lld s\n",
                       static_cast<long long>(limit.count()));
          std::abort();
        }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

std::uint64_t next(std::uint64_t& state) {  // SplitMix64
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

}  // namespace

void run(int n, const std::function<void(int)>& fn, std::chrono::seconds limit) {
  const Watchdog watchdog(limit);
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < n; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        fn(rank);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

void run(int n, const CommunicatorOptions& options, const std::function<void(Communicator&)>& fn,
         std::chrono::seconds limit) {
  auto ends = local_transports(n);
  run(
      n,
      [&](int rank) {
        Communicator communicator(std::move(ends[static_cast<std::size_t>(rank)]), options);
        fn(communicator);
      },
      limit);
}

void expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

Bytes encode(const std::vector<double>& values, DType dtype) {
  Bytes bytes(values.size() * size_of(dtype));
  with_dtype(dtype, [&]<class T>(Type<T>) {
    for (std::size_t c = 0; c < values.size(); ++c) {
      const T value = narrow<T>(static_cast<Compute<T>>(values[c]));
      std::memcpy(bytes.data() + c * sizeof(T), &value, sizeof(T));
    }
  });
  return bytes;
}

Bytes random_vector(int rank, std::int64_t d, DType dtype, int seed) {
  std::uint64_t state = static_cast<std::uint64_t>(rank) * 1000003u + static_cast<unsigned>(seed);
  std::vector<double> values(static_cast<std::size_t>(d));
  for (double& value : values) value = 0.5 + static_cast<double>(next(state) >> 11) * 0x1p-53;
  return encode(values, dtype);
}

Bytes constant_vector(double value, std::int64_t d, DType dtype) {
  return encode(std::vector<double>(static_cast<std::size_t>(d), value), dtype);
}

Expected expected_of(const std::vector<Bytes>& x, std::int64_t d, DType dtype, const Rule& rule,
                     const Caller& caller) {
  std::vector<const void*> rows;
  for (const Bytes& row : x) rows.push_back(row.data());
  Expected expected{Bytes(static_cast<std::size_t>(d) * size_of(dtype)), {}};
  expected.report = explain(rows, d, dtype, rule, expected.out.data(), caller);
  return expected;
}

void expect_same_report(const Report& got, const Report& local, const std::string& name) {
  expect(got.rule == local.rule && got.n == local.n && got.d == local.d, name + ": rule, n or d");
  expect(got.failed == local.failed && got.failure == local.failure, name + ": failed");
  expect(same_bits(got.distances, local.distances), name + ": D");
  expect(same_bits(got.weights, local.weights), name + ": weights");
  expect(same_bits(got.scores, local.scores), name + ": scores");
  expect(got.broken == local.broken && got.flagged == local.flagged, name + ": broken or flagged");
  expect(got.nan_columns == local.nan_columns,
         concat(name, ": nan_columns ", got.nan_columns, ", locally ", local.nan_columns));
}

}  // namespace byzccl::test
