// SPDX-License-Identifier: MIT
// Mutants of a source, all in one build: what sites.py puts in the place of a comparison, an index
// or a barrier acts as the original does, unless BYZCCL_MUTANT names its number. With
// BYZCCL_MUTANTS_REACHED the numbers of those that a run came by go to that file.

#pragma once

#include <atomic>
#include <bitset>
#include <cstdlib>
#include <fstream>
#include <type_traits>

namespace byzccl_mutant {

inline const int chosen =
    std::getenv("BYZCCL_MUTANT") ? std::atoi(std::getenv("BYZCCL_MUTANT")) : -1;

class Reached {
 public:
  static constexpr int kMost = 4096;
  ~Reached() {
    if (path_ == nullptr) return;
    std::ofstream file(path_, std::ios::app);
    for (int i = 0; i < kMost; ++i) {
      if (seen_[i].load(std::memory_order_relaxed)) file << i << '\n';
    }
  }
  void see(int id) {
    if (path_ != nullptr) seen_[id].store(true, std::memory_order_relaxed);
  }

 private:
  const char* path_ = std::getenv("BYZCCL_MUTANTS_REACHED");
  std::atomic<bool> seen_[kMost] = {};
};
inline Reached reached;

constexpr bool on(int id) {
  if (std::is_constant_evaluated()) return false;
  reached.see(id);
  return chosen == id;
}

/// A literal 1, or 0.
constexpr int one(int id) { return on(id) ? 0 : 1; }
/// A literal 0, or 1.
constexpr int zero(int id) { return on(id) ? 1 : 0; }
/// An order, or none.
inline std::memory_order order(int id, std::memory_order given) {
  return on(id) ? std::memory_order_relaxed : given;
}

// a < b becomes a <Less{7}> b: two operators of the precedence of the one.
struct Less {
  int id;
};
struct LessOrEqual {
  int id;
};
struct Greater {
  int id;
};
struct GreaterOrEqual {
  int id;
};
template <class A, class Kind>
struct Half {
  A a;
  Kind kind;
};
template <class A>
constexpr Half<A, Less> operator<(A a, Less kind) {
  return {a, kind};
}
template <class A>
constexpr Half<A, LessOrEqual> operator<(A a, LessOrEqual kind) {
  return {a, kind};
}
template <class A>
constexpr Half<A, Greater> operator<(A a, Greater kind) {
  return {a, kind};
}
template <class A>
constexpr Half<A, GreaterOrEqual> operator<(A a, GreaterOrEqual kind) {
  return {a, kind};
}
template <class A, class B>
constexpr bool operator>(Half<A, Less> left, B b) {
  return on(left.kind.id) ? left.a <= b : left.a < b;
}
template <class A, class B>
constexpr bool operator>(Half<A, LessOrEqual> left, B b) {
  return on(left.kind.id) ? left.a < b : left.a <= b;
}
template <class A, class B>
constexpr bool operator>(Half<A, Greater> left, B b) {
  return on(left.kind.id) ? left.a >= b : left.a > b;
}
template <class A, class B>
constexpr bool operator>(Half<A, GreaterOrEqual> left, B b) {
  return on(left.kind.id) ? left.a > b : left.a >= b;
}

}  // namespace byzccl_mutant
