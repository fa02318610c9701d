// SPDX-License-Identifier: MIT
#include "benchmarks/all_reduce_perf/meeting.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <byzccl/error.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <thread>
#include <vector>

namespace byzccl::bench {

struct Meeting::Page {
  pthread_barrier_t barrier;
  std::array<UniqueId, 2> ids;
  std::array<Note, kMaxRanks> notes;
};

Meeting::Meeting(int ranks) {
  void* const memory =
      mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error("mmap failed");
  page_ = new (memory) Page;
  pthread_barrierattr_t shared;
  pthread_barrierattr_init(&shared);
  pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&page_->barrier, &shared, static_cast<unsigned>(ranks));
  pthread_barrierattr_destroy(&shared);
}

/// The barrier is not destroyed: that would wait for ranks that were killed in it.
Meeting::~Meeting() { munmap(page_, sizeof(Page)); }

UniqueId& Meeting::id(int communicator) { return page_->ids[communicator]; }
Meeting::Note& Meeting::note(int rank) { return page_->notes[rank]; }

void Meeting::arrive() { pthread_barrier_wait(&page_->barrier); }

namespace {

int run_rank(Meeting& meeting, int rank, const RankFunction& fn) {
  try {
    return fn(meeting, rank);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
    return 1;
  }
}

/// The rest waits at the meeting for the one that failed.
int wait_for(std::vector<pid_t> children) {
  for (std::size_t left = children.size(); left > 0; --left) {
    int status = 0;
    const pid_t ended = wait(&status);
    std::erase(children, ended);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    for (const pid_t child : children) kill(child, SIGKILL);
    while (wait(nullptr) > 0) {
    }
    if (WIFSIGNALED(status)) std::fprintf(stderr, "a rank ended by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  return 0;
}

}  // namespace

int run_ranks(int ranks, bool as_threads, const RankFunction& fn) {
  Meeting meeting(ranks);
  if (as_threads) {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
      threads.emplace_back([&, rank] {
        if (const int code = run_rank(meeting, rank, fn)) _exit(code);
      });
    }
    return 0;
  }
  std::fflush(nullptr);  // or each child prints it again
  std::vector<pid_t> children;
  for (int rank = 0; rank < ranks; ++rank) {
    const pid_t child = fork();
    if (child < 0) {
      for (const pid_t started : children) kill(started, SIGKILL);
      throw Error("fork failed");
    }
    if (child == 0) {
      const int code = run_rank(meeting, rank, fn);
      std::fflush(nullptr);
      _exit(code);
    }
    children.push_back(child);
  }
  return wait_for(std::move(children));
}

}  // namespace byzccl::bench
