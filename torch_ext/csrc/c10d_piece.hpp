// SPDX-License-Identifier: MIT
// One send or receive of a c10d backend, whose Works can be waited for only once each.

#pragma once

#include <byzccl/transport.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>

namespace byzccl::torch {

struct Posted {
  int peer;
  c10::intrusive_ptr<c10d::Work> work;  ///< null once done
  std::string failure;                  ///< the backend refused it at once
};

/// What a transport and its pieces share.
struct Traffic {
  std::mutex mutex;
  std::condition_variable quiet;
  std::set<Posted*> pending;
  int waiting = 0;
  bool aborted = false;
};

/// A piece of a message under way.
class Piece {
 public:
  Piece(std::shared_ptr<Traffic> traffic, Posted posted);
  ~Piece() { forget(); }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;

  /// As those of byzccl::Work.
  void wait(Deadline deadline);
  bool is_lost();
  bool is_done();

 private:
  void forget();

  const std::shared_ptr<Traffic> traffic_;
  Posted posted_;
};

}  // namespace byzccl::torch
