// SPDX-License-Identifier: MIT
// Measuring beside the exchange: while one add is slow, others wait in line, not in threads.

#include <byzccl/local_transport.hpp>
#include <deque>
#include <latch>
#include <memory>
#include <set>
#include <thread>

#include "csrc/collective/exchange.hpp"
#include "support/catch.hpp"

namespace byzccl::collective {
namespace {

/// Moves nothing, and measures nothing before it is let go.
class Detained final : public Exchange {
 public:
  using Exchange::Exchange;
  ~Detained() override { join(); }

  void let_go() { go_.count_down(); }
  /// Adds measured, and the threads that did it. After finish().
  int measured() const { return measured_; }
  std::size_t threads() const { return threads_.size(); }

 private:
  void collect(Held&) override {}
  void measure(Held&) override {
    go_.wait();
    ++measured_;
    threads_.insert(std::this_thread::get_id());
  }
  void add_up(std::deque<Held>&) override {}
  void deliver(Held&) override {}
  bool sees_all_columns() const override { return true; }
  Range combined_by(int, const Held& held) const override { return held.range; }

  std::latch go_{1};
  int measured_ = 0;
  std::set<std::thread::id> threads_;
};

TEST_CASE("adds that come while one is measured share its thread") {
  const std::shared_ptr<Transport> transport = local_transports(1)[0];
  const CommunicatorOptions options;
  Traffic traffic;
  Mail mail(*transport, options, traffic);
  const auto steps = make_cpu_steps();
  Phases phases;
  const Call call{.rule = Rule::parse("mda(f=0)"), .rule_text = "mda(f=0)"};
  Echoes echoes(mail);
  Detained exchange({mail, echoes, *steps, phases}, call, plan(call.rule, 1, DType::kFloat32));
  float x = 0;
  for (int i = 0; i < 50; ++i) exchange.add({&x, &x, 1, DType::kFloat32});
  exchange.let_go();
  exchange.finish();
  CHECK(exchange.measured() == 50);
  CHECK(exchange.threads() == 1);
}

}  // namespace
}  // namespace byzccl::collective
