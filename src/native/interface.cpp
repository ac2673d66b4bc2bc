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
#include "tensors.h"

namespace portable {
size_t answer(const elman_call& call, bool backward);
void step(const elman::Step& call, bool back);
void draw(const elman_mask& call, int64_t first, int64_t last);
double peak(int64_t type, int64_t rounds);
}
#ifdef ELMAN_X86
namespace avx2 {
size_t answer(const elman_call& call, bool backward);
void step(const elman::Step& call, bool back);
void draw(const elman_mask& call, int64_t first, int64_t last);
double peak(int64_t type, int64_t rounds);
}
namespace avx512 {
size_t answer(const elman_call& call, bool backward);
void step(const elman::Step& call, bool back);
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

static int (*look)(void* object, elman::DLTensor* out) = nullptr;
static void* (*let_go)(void) = nullptr;
static void (*take)(void*) = nullptr;

int64_t elman_native_python(const void* dlpack, void* (*save)(void), void (*restore)(void*)) {
  const auto* table = static_cast<const elman::DLPackTable*>(dlpack);
  if (!table || table->major != 1 || !table->look) return 0;
  look = table->look, let_go = save, take = restore;
  return 1;
}

// The array of a dense tensor with these rows and columns (rows below 0: one axis alone), or null.
static void* array(void* object, int64_t type, int64_t rows, int64_t columns) {
  elman::DLTensor of;
  const int axes = rows < 0 ? 1 : 2, bits = type == ELMAN_FLOAT64 ? 64 : 32;
  if (look(object, &of) || of.device != 1 || of.code != 2 || of.bits != bits || of.lanes != 1 || of.dimensions != axes)
    return nullptr;
  if (of.shape[axes - 1] != columns || (axes == 2 && of.shape[0] != rows)) return nullptr;
  if (of.strides && ((columns > 1 && of.strides[axes - 1] != 1) || (axes == 2 && rows > 1 && of.strides[0] != columns)))
    return nullptr;
  return of.data ? static_cast<char*>(of.data) + of.offset : nullptr;
}

int64_t elman_native_step(const elman_step* call) {
  elman_stream& of = *call->of;
  elman::DLTensor x;
  if (!look || look(call->x, &x) || x.dimensions != 2 || x.shape[0] < 1 || x.shape[0] > of.most) return 1;
  const int64_t batch = x.shape[0];
  elman::Step step = {of.cell, of.type, call->threads, of.input, of.hidden, batch};
  const int64_t gates = step.gates();
  if (!(step.x = array(call->x, of.type, batch, of.input)) || !(step.h = array(call->h, of.type, batch, of.hidden)) ||
      !(step.h_next = array(call->h_next, of.type, batch, of.hidden)) ||
      !(step.weight_ih = array(of.weight_ih, of.type, gates, of.input)) ||
      !(step.weight_hh = array(of.weight_hh, of.type, gates, of.hidden)) ||
      !(step.bias_ih = array(of.bias_ih, of.type, -1, gates)) || !(step.bias_hh = array(of.bias_hh, of.type, -1, gates)))
    return 1;
  if (of.cell == ELMAN_LSTM && (!(step.c = array(call->c, of.type, batch, of.hidden)) ||
                                !(step.c_next = array(call->c_next, of.type, batch, of.hidden))))
    return 1;
  const bool back = __atomic_fetch_xor(&of.turn, 1, __ATOMIC_RELAXED);
  auto* run = portable::step;
#ifdef ELMAN_X86
  const int64_t isa = std::min(of.isa, elman_native_isa());
  if (isa == ELMAN_AVX2) run = avx2::step;
  if (isa == ELMAN_AVX512) run = avx512::step;
#endif
  void* lock = step.large() ? let_go() : nullptr;
  run(step, back);
  if (step.large()) take(lock);
  return 0;
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
