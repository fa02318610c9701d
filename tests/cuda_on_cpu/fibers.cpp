// SPDX-License-Identifier: MIT
// The lanes of a grid as fibers of one thread. Which lane goes next is drawn from the seed among
// all lanes of the resident blocks that can go on: the same seed gives the same run.

#include <sys/mman.h>

#include <chrono>
#include <deque>
#include <random>

#include "cuda_on_cpu/block.hpp"
#include "cuda_on_cpu/fiber.hpp"

namespace cuda_on_cpu {
namespace {

class FiberBlock;

struct FiberLane {
  FiberBlock* block = nullptr;
  unsigned index = 0;
  unsigned shuffles = 0;
  Fiber fiber;
};

/// Stacks of one grid, reused from block to block; only what is touched costs memory.
class Stacks {
 public:
  explicit Stacks(std::size_t count) : bytes_(count * Fiber::kStackBytes) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<std::byte*>(memory);
  }
  ~Stacks() { munmap(memory_, bytes_); }
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  std::byte* at(std::size_t i) const { return memory_ + i * Fiber::kStackBytes; }

 private:
  std::size_t bytes_;
  std::byte* memory_ = nullptr;
};

/// The lanes that can go on.
class Ready {
 public:
  void add(FiberLane* lane) { lanes_.push_back(lane); }
  bool empty() const { return lanes_.empty(); }
  FiberLane* draw() {
    const std::size_t k = random_() % lanes_.size();
    std::swap(lanes_[k], lanes_.back());
    FiberLane* lane = lanes_.back();
    lanes_.pop_back();
    return lane;
  }

 private:
  std::vector<FiberLane*> lanes_;
  std::minstd_rand random_{static_cast<unsigned>(device().seed)};
};

/// Lanes on their way to a barrier or a shuffle.
struct Meeting {
  unsigned size = 0;
  std::vector<FiberLane*> waiting = {};
  std::source_location place = {};
};

class FiberBlock final : public Block {
 public:
  FiberBlock(const GridShape& shape, uint3 index, Ready& ready, std::byte* stacks,
             const std::function<void()>& body)
      : Block(shape, index), ready_(ready), all_{size()}, warps_(warps()), lanes_(size()) {
    for (unsigned w = 0; w < warps(); ++w) warps_[w].meeting.size = warp_size(w);
    for (unsigned i = 0; i < size(); ++i) {
      lanes_[i].block = this;
      lanes_[i].index = i;
      lanes_[i].fiber.start(stacks + i * Fiber::kStackBytes, &body);
      ready_.add(&lanes_[i]);
    }
  }

  /// Runs a lane until it waits or ends. True at the end of the block.
  bool go_on(FiberLane* lane) {
    enter(lane->index);
    running_ = lane;
    lane->fiber.resume();
    if (lane->fiber.done()) ++done_;
    return done_ == size();
  }

  void barrier(std::source_location here) override {
    if (device().barriers != nullptr) device().barriers->insert({here.file_name(), here.line()});
    if (!is_dropped(here)) meet(all_, here);
  }

  void shuffle(int lane_mask, const void* value, void* result, std::size_t bytes,
               std::source_location here) override {
    FiberLane* const lane = running_;
    Warp& warp = warps_[lane->index / kWarp];
    // Two sets of slots: nobody is two shuffles ahead of anybody.
    auto& slots = warp.slots[lane->shuffles++ % 2];
    std::memcpy(&slots[lane->index % kWarp], value, bytes);
    meet(warp.meeting, here);
    std::memcpy(result, &slots[(lane->index ^ static_cast<unsigned>(lane_mask)) % kWarp], bytes);
  }

  void back_off() override {
    backed_off_ = true;
    ready_.add(running_);
    running_->fiber.suspend();
  }

  /// Whether a lane has backed off since the last call.
  bool take_back_off() { return std::exchange(backed_off_, false); }

  std::string stuck() const {
    std::string text = name() + ": " + std::to_string(done_) + " of " + std::to_string(size()) +
                       " lanes have ended";
    const auto add = [&](const Meeting& meeting) {
      if (meeting.waiting.empty()) return;
      text += ", " + std::to_string(meeting.waiting.size()) + " of " +
              std::to_string(meeting.size) + " wait at " + to_text(meeting.place);
    };
    add(all_);
    for (const Warp& warp : warps_) add(warp.meeting);
    return text;
  }

 private:
  struct Warp {
    std::uint64_t slots[2][kWarp] = {};
    Meeting meeting;
  };

  void meet(Meeting& meeting, std::source_location here) {
    if (!meeting.waiting.empty() && to_text(meeting.place) != to_text(here)) {
      throw DeviceError(name() + ": lanes meet at " + to_text(here) + " and at " +
                        to_text(meeting.place));
    }
    meeting.place = here;
    FiberLane* const lane = running_;
    meeting.waiting.push_back(lane);
    if (meeting.waiting.size() == meeting.size) {
      for (FiberLane* other : meeting.waiting) ready_.add(other);
      meeting.waiting.clear();
    }
    lane->fiber.suspend();
  }

  Ready& ready_;
  Meeting all_;
  std::vector<Warp> warps_;
  std::deque<FiberLane> lanes_;
  FiberLane* running_ = nullptr;
  unsigned done_ = 0;
  bool backed_off_ = false;
};

/// Whether lanes have done nothing but back off for too long.
class Patience {
 public:
  bool is_over(bool backed_off) {
    if (!backed_off) spins_ = 0;
    if (spins_++ == 0) since_ = Clock::now();
    return spins_ % 4096 == 0 && Clock::now() - since_ > device().patience;
  }

 private:
  using Clock = std::chrono::steady_clock;
  unsigned spins_ = 0;
  Clock::time_point since_;
};

}  // namespace

void run_fibers(const GridShape& shape, const std::function<void()>& lane) {
  const std::vector<unsigned> order = shuffled(shape.blocks.x, device().seed);
  const unsigned resident = std::min(device().resident, shape.blocks.x);
  const Stacks stacks(std::size_t{resident} * shape.threads.x);
  Ready ready;
  std::vector<std::unique_ptr<FiberBlock>> blocks(resident);
  unsigned next = 0;
  const auto begin_block = [&](unsigned slot) {
    blocks[slot] =
        next == shape.blocks.x
            ? nullptr
            : std::make_unique<FiberBlock>(shape, uint3{order[next], 0, 0}, ready,
                                           stacks.at(std::size_t{slot} * shape.threads.x), lane);
    if (blocks[slot]) ++next;
  };
  for (unsigned slot = 0; slot < resident; ++slot) begin_block(slot);
  Patience patience;
  while (!ready.empty()) {
    FiberLane* const drawn = ready.draw();
    FiberBlock* const block = drawn->block;
    if (block->go_on(drawn)) {
      for (unsigned slot = 0; slot < resident; ++slot) {
        if (blocks[slot].get() == block) {
          begin_block(slot);
          break;
        }
      }
    } else if (patience.is_over(block->take_back_off())) {
      throw DeviceError("lanes spin for too long; " + block->stuck());
    }
  }
  for (const auto& block : blocks) {
    if (block) throw DeviceError("a barrier that some lane does not reach; " + block->stuck());
  }
}

}  // namespace cuda_on_cpu
