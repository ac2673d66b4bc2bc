// All cells in both types for one instruction set. Built once for each, with ELMAN_BYTES and ELMAN_SET of its own.
#include "backward.h"
#include "forward.h"
#include "mask.h"
#include "stream.h"

namespace ELMAN_SET {

template <class Cell>
size_t with_cell(const elman_call& call, bool backward) {
  elman::Arena arena(call.scratch);
  auto answer = [&](const auto& work) {
    if (!arena.counting()) work.run();
    return arena.used();
  };
  if (backward) return answer(Backward<Cell>(call, arena));
  if (call.saved) return answer(Forward<Cell, true>(call, arena));
  return answer(Forward<Cell, false>(call, arena));
}

template <class T>
size_t with_type(const elman_call& call, bool backward) {
  switch (call.cell) {
    case ELMAN_GRU: return with_cell<Gru<T>>(call, backward);
    case ELMAN_LSTM: return with_cell<Lstm<T>>(call, backward);
    case ELMAN_RNN_TANH: return with_cell<Rnn<T, false>>(call, backward);
    default: return with_cell<Rnn<T, true>>(call, backward);
  }
}

// `rounds` times as many multiply-adds as keep the units busy; returns the operations of a round.
template <class T>
double spin(int64_t rounds) {
  constexpr int CHAINS = 12;
  Vector<T> sum[CHAINS];
  for (int i = 0; i < CHAINS; i++) sum[i] = all(T(i));
  const Vector<T> factor = all(T(1.0001)), term = all(T(0.5));
  for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * factor + term;
  }
  Vector<T> total = {};
  for (const Vector<T>& value : sum) total += value;
  volatile T used = total[0];
  (void)used;
  return 2.0 * CHAINS * lanes<T>;
}
double peak(int64_t type, int64_t rounds) { return type == ELMAN_FLOAT64 ? spin<double>(rounds) : spin<float>(rounds); }

template <class T>
void step_with_type(const elman::Step& call, bool back) {
  switch (call.cell) {
    case ELMAN_GRU: return one_step<Gru<T>>(call, back);
    case ELMAN_LSTM: return one_step<Lstm<T>>(call, back);
    case ELMAN_RNN_TANH: return one_step<Rnn<T, false>>(call, back);
    default: return one_step<Rnn<T, true>>(call, back);
  }
}
void step(const elman::Step& call, bool back) {
  return call.type == ELMAN_FLOAT64 ? step_with_type<double>(call, back) : step_with_type<float>(call, back);
}

void draw(const elman_mask& call, int64_t first, int64_t last) {
  return call.type == ELMAN_FLOAT64 ? mask<double>(call, first, last) : mask<float>(call, first, last);
}

// Run the call, or with no scratch memory say how many bytes of it are needed.
size_t answer(const elman_call& call, bool backward) {
  return call.type == ELMAN_FLOAT64 ? with_type<double>(call, backward) : with_type<float>(call, backward);
}

}  // namespace ELMAN_SET
