// The C interface: which instruction set, and threads. OpenMP's, because that is what torch runs on: one pool for both.
#include "elman_native.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#ifndef _WIN32
#include <pthread.h>
#endif
#include <omp.h>

#include <thread>
#include <vector>

#include "schedule.h"

namespace portable {
size_t answer(const elman_call& call, bool backward);
void step(const elman_step& call, bool back);
void draw(const elman_mask& call, int64_t first, int64_t last);
double peak(int64_t type, int64_t rounds);
}
#ifdef ELMAN_X86
namespace avx2 {
size_t answer(const elman_call& call, bool backward);
void step(const elman_step& call, bool back);
void draw(const elman_mask& call, int64_t first, int64_t last);
double peak(int64_t type, int64_t rounds);
}
namespace avx512 {
size_t answer(const elman_call& call, bool backward);
void step(const elman_step& call, bool back);
void draw(const elman_mask& call, int64_t first, int64_t last);
double peak(int64_t type, int64_t rounds);
}
#endif

namespace elman {

// A child of fork() has none of its parent's threads and hangs when it waits for them.
static std::atomic<bool> forked{false};

void parallel(int workers, const std::function<void(int)>& work) {
  if (workers == 1 || forked) {
    for (int worker = 0; worker < workers; worker++) work(worker);
    return;
  }
#pragma omp parallel for schedule(static, 1) num_threads(workers)
  for (int worker = 0; worker < workers; worker++) work(worker);
}

void Team::wait() const {
  if (size == 1) return;
  const int now = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(now + 1, std::memory_order_release);
    return;
  }
  for (int turns = 0; round_.load(std::memory_order_acquire) == now; turns++)
    if (turns > 5000) std::this_thread::yield();  // another program may have the other core
}

void together(int size, const std::function<void(const Team&)>& work) {
  std::atomic<int> arrived{0}, round{0};
  if (size == 1 || forked) return work(Team(0, 1, arrived, round));
#pragma omp parallel num_threads(size)
  work(Team(omp_get_thread_num(), omp_get_num_threads(), arrived, round));
}

static size_t answer(const elman_call& call, bool backward) {
#ifdef ELMAN_X86
  const int64_t isa = std::min(call.isa, elman_native_isa());
  if (isa == ELMAN_AVX512) return avx512::answer(call, backward);
  if (isa == ELMAN_AVX2) return avx2::answer(call, backward);
#endif
  return portable::answer(call, backward);
}

#ifndef _WIN32
[[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });
#endif

}  // namespace elman

int64_t elman_native_isa(void) {
#ifdef ELMAN_X86
  static const int64_t best = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
      return ELMAN_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return ELMAN_AVX2;
    return ELMAN_PORTABLE;
  }();
  return best;
#else
  return ELMAN_PORTABLE;
#endif
}

int64_t elman_native_size(void) { return int64_t(sizeof(elman_call)); }

int64_t elman_native_scratch(const elman_call* call, int64_t backward) {
  elman_call counted = *call;
  counted.scratch = nullptr;
  return int64_t(elman::answer(counted, backward));
}

void elman_native_run(const elman_call* call, int64_t backward) { elman::answer(*call, backward); }

void elman_native_step(const elman_step* call) {
  const bool back = __atomic_fetch_xor(&call->of->turn, 1, __ATOMIC_RELAXED);
#ifdef ELMAN_X86
  const int64_t isa = std::min(call->of->isa, elman_native_isa());
  if (isa == ELMAN_AVX512) return avx512::step(*call, back);
  if (isa == ELMAN_AVX2) return avx2::step(*call, back);
#endif
  portable::step(*call, back);
}

void elman_native_mask(const elman_mask* call) {
  auto* draw = portable::draw;
#ifdef ELMAN_X86
  const int64_t isa = std::min(call->isa, elman_native_isa());
  if (isa == ELMAN_AVX2) draw = avx2::draw;
  if (isa == ELMAN_AVX512) draw = avx512::draw;
#endif
  // A thread is worth its start from some 10 us of work; each begins at a number, and at a cache line, of its own.
  const int64_t workers = std::clamp<int64_t>(call->count / (1 << 16), 1, std::max<int64_t>(1, call->threads));
  const int64_t part = (call->count / workers / 64 + 1) * 64;
  elman::parallel(int(workers), [&](int worker) {
    draw(*call, std::min(call->count, worker * part), std::min(call->count, (worker + 1) * part));
  });
}

double elman_native_peak(int64_t type, int64_t isa, int64_t threads, int64_t rounds) {
  auto* peak = portable::peak;
#ifdef ELMAN_X86
  isa = std::min(isa, elman_native_isa());
  if (isa == ELMAN_AVX2) peak = avx2::peak;
  if (isa == ELMAN_AVX512) peak = avx512::peak;
#endif
  std::vector<double> done(threads);
  elman::parallel(int(threads), [&](int worker) { done[worker] = peak(type, rounds); });
  return done[0] * double(rounds) * double(threads);
}
