// Who works on which rows, and where scratch memory lies. Shared by all instruction sets.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "elman_native.h"

namespace elman {

// work(0) .. work(workers - 1), side by side where there are threads.
void parallel(int workers, const std::function<void(int)>& work);

// Threads that take every step together, and wait for one another after each.
class Team {
 public:
  Team(int member, int size, std::atomic<int>& arrived, std::atomic<int>& round)
      : member(member), size(size), arrived_(arrived), round_(round) {}
  const int member, size;
  void wait() const;

 private:
  std::atomic<int>&arrived_, &round_;
};
// work(team) by at most `size` threads, which do run side by side.
void together(int size, const std::function<void(const Team&)>& work);

inline void span(long count, int worker, int workers, long& first, long& last) {
  first = count * worker / workers;
  last = count * (worker + 1) / workers;
}

// A worker owns rows of the batch through all steps, so that no step waits for another worker. Rows go to workers in
// turn from the longest down: work is even, and the rows still running at a step are the worker's first ones.
//
// position  a row's place in this order; a worker's positions are consecutive: first[worker] .. first[worker + 1]
// token     a step of a row. A worker's tokens are consecutive, step by step: token(worker, t) + place among its rows
//
// Where there are fewer rows than threads, one worker has them all, and a team of threads shares the hidden units of each
// of its steps.
struct Schedule {
  int workers, team;
  long steps;
  std::vector<int64_t> row, length, first, tokens;

  explicit Schedule(const elman_call& call);

  // Threads for what is done before and after the steps.
  int threads() const { return workers > team ? workers : team; }
  long count(int worker) const { return first[worker + 1] - first[worker]; }
  long token(int worker, long t) const { return tokens[worker * (steps + 1) + t]; }
  // Rows of a worker that have a step t.
  long running(int worker, long t) const { return t < steps ? token(worker, t + 1) - token(worker, t) : 0; }
  long total() const { return tokens.empty() ? 0 : tokens.back(); }
};

// Hands out aligned parts of the scratch memory; with no memory it counts how much is needed.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}
  template <class T>
  T* take(size_t count) {
    T* at = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return at;
  }
  bool counting() const { return !base_; }
  size_t used() const { return used_; }

 private:
  char* base_;
  size_t used_ = 0;
};

// Elements of a row of at least `count`, an odd number of cache lines, so that rows do not compete for the same sets.
template <class T>
inline long row_pitch(long count) {
  const long line = 64 / sizeof(T);
  return (((count + line - 1) / line) | 1) * line;
}
inline long padded(long hidden) { return (hidden + 15) / 16 * 16; }

}  // namespace elman
