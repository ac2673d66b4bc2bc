#include "schedule.h"

#include <algorithm>

namespace elman {

// Bytes of weights that do not stay in a core's cache, and rows of a worker that are too few to make up for it. Measured at
// hidden 650, batch 16, 2 threads: a team is 1.1 to 1.25 times as fast there; at hidden 512, batch 32 it makes no difference.
static constexpr int64_t LARGE_WEIGHTS = 1 << 21, FEW_ROWS = 12;

Schedule::Schedule(const elman_call& call) : steps(call.time) {
  const long batch = call.batch;
  // A thread is worth its start where it has some 10 us of work: 2^19 multiplications of each gate.
  const double work = double(call.time) * double(batch) * double(call.hidden) * double(call.hidden + call.input);
  workers = int(std::clamp<double>(work / (1 << 19), 1, double(std::max<int64_t>(1, call.threads))));
  // A team waits for all of its threads after every step, so that a step must be some microseconds of work. It is for
  // fewer rows than threads, and for so few that reading the weights, too many for a core's cache, is what takes time: of
  // these each thread then reads its part alone.
  const int64_t gates = call.cell == ELMAN_LSTM ? 4 : call.cell == ELMAN_GRU ? 3 : 1;
  const int64_t weights = gates * call.hidden * (call.hidden + call.input) * (call.type == ELMAN_FLOAT64 ? 8 : 4);
  const bool streamed = weights > LARGE_WEIGHTS && batch <= FEW_ROWS * workers;
  const bool shared = workers > 1 && batch && call.hidden >= 128 && (workers > batch || streamed);
  team = shared ? int(std::min<int64_t>(workers, call.hidden / 64)) : 1;
  workers = shared ? 1 : int(std::clamp<int64_t>(batch, 1, workers));
  std::vector<int64_t> order(batch);
  for (long i = 0; i < batch; i++) order[i] = i;
  auto of = [&](int64_t i) { return call.lengths ? std::clamp<int64_t>(call.lengths[i], 0, steps) : steps; };
  if (call.lengths)
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return of(a) > of(b); });
  first.push_back(0);
  for (int worker = 0; worker < workers; worker++) {
    for (long i = worker; i < batch; i += workers) {
      row.push_back(order[i]);
      length.push_back(of(order[i]));
    }
    first.push_back(int64_t(row.size()));
  }
  int64_t token = 0;
  for (int worker = 0; worker < workers; worker++) {
    long running = first[worker + 1] - first[worker];
    for (long t = 0; t < steps; t++) {
      while (running > 0 && length[first[worker] + running - 1] <= t) running--;
      tokens.push_back(token);
      token += running;
    }
    tokens.push_back(token);
  }
}

}  // namespace elman
