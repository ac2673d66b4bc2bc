// One step of few rows: rows of the weights times x and h, and the cell's epilogue. The weights are read as torch holds
// them, each row from front to back, so that nothing is packed and none can be out of date.
#pragma once
#include <algorithm>
#include <utility>

#include "cells.h"
#include "schedule.h"

namespace ELMAN_SET {

// (a0 + a1, a2 + a3, ..., b0 + b1, ...)
template <class T, size_t... I>
ELMAN_INLINE Vector<T> neighbours(Vector<T> a, Vector<T> b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...) + __builtin_shufflevector(a, b, (2 * I + 1)...);
}

// The sum of vector i, in lane i.
template <class T>
ELMAN_INLINE Vector<T> across(Vector<T>* sum) {
#pragma GCC unroll 8
  for (int left = lanes<T> / 2; left > 0; left /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < left; i++)
      sum[i] = neighbours<T>(sum[2 * i], sum[2 * i + 1], std::make_index_sequence<lanes<T>>{});
  return sum[0];
}

// start + rows `first` and after of weight (any, columns) times x, for as many rows as a vector has lanes; `count` of
// them exist.
template <class T>
ELMAN_INLINE Vector<T> products(Vector<T> start, const T* weight, long columns, const T* x, long first, long count) {
  constexpr int W = lanes<T>, SIDE_BY_SIDE = W < 8 ? W : 8;
  Vector<T> sum[W] = {};
#pragma GCC unroll 2
  for (int part = 0; part < W; part += SIDE_BY_SIDE) {
    const T* row[SIDE_BY_SIDE];
    for (int i = 0; i < SIDE_BY_SIDE; i++) row[i] = weight + (first + std::min<long>(part + i, count - 1)) * columns;
    Vector<T> total[SIDE_BY_SIDE] = {};
    long k = 0;
    for (; k + W <= columns; k += W) {
      const Vector<T> value = load(x + k);
#pragma GCC unroll 8
      for (int i = 0; i < SIDE_BY_SIDE; i++) total[i] += load(row[i] + k) * value;
    }
    if (k < columns) {
      const Vector<T> value = load(x + k, columns - k);
      for (int i = 0; i < SIDE_BY_SIDE; i++) total[i] += load(row[i] + k, columns - k) * value;
    }
    for (int i = 0; i < SIDE_BY_SIDE; i++) sum[part + i] = total[i];
  }
  return start + across<T>(sum);
}

// Hidden units first..last of all rows.
template <class Cell>
void step_units(const elman_step& call, long first, long last) {
  using T = typename Cell::Type;
  using V = Vector<T>;
  const long size = call.input, hidden = call.hidden;
  const T *weight_ih = (const T*)call.weight_ih, *weight_hh = (const T*)call.weight_hh;
  const T *bias_ih = (const T*)call.bias_ih, *bias_hh = (const T*)call.bias_hh;
  for (long row = 0; row < call.batch; row++) {
    const T *x = (const T*)call.x + row * size, *h = (const T*)call.h + row * hidden;
    for (long unit = first; unit < last; unit += lanes<T>) {
      const long count = std::min<long>(last - unit, lanes<T>);
      V gate[Cell::GATES], candidate = {};
#pragma GCC unroll 4
      for (int g = 0; g < Cell::GATES; g++) {
        const long at = g * hidden + unit;
        const V from_x = products<T>(bias_ih ? load(bias_ih + at, count) : V{}, weight_ih, size, x, at, count);
        const V start = bias_hh ? load(bias_hh + at, count) : V{};
        const bool apart = Cell::CANDIDATE_APART && g == Cell::GATES - 1;
        gate[g] = products<T>(apart ? start : start + from_x, weight_hh, hidden, h, at, count);
        if (apart) candidate = from_x;
      }
      alignas(64) T c[lanes<T>] = {};
      if (Cell::CELL_STATE) store(c, load((const T*)call.c + row * hidden + unit, count));
      const V next = Cell::template forward<false>(gate, candidate, load(h + unit, count), c, nullptr, 0);
      store((T*)call.h_next + row * hidden + unit, next, count);
      if (Cell::CELL_STATE) store((T*)call.c_next + row * hidden + unit, load(c), count);
    }
  }
}

// Weights from which a second thread is worth its start: more than stay in one core's cache.
constexpr long SHARED = 1 << 21;

template <class Cell>
void one_step(const elman_step& call) {
  using T = typename Cell::Type;
  const long bytes = Cell::GATES * call.hidden * (call.input + call.hidden) * long(sizeof(T));
  const int threads = bytes < SHARED ? 1 : int(std::clamp<long>(call.hidden / 64, 1, std::max<int64_t>(1, call.threads)));
  const long tiles = (call.hidden + lanes<T> - 1) / lanes<T>;
  if (threads == 1) return step_units<Cell>(call, 0, call.hidden);
  elman::parallel(threads, [&](int worker) {
    long first, last;
    elman::span(tiles, worker, threads, first, last);
    step_units<Cell>(call, first * lanes<T>, std::min<long>(last * lanes<T>, call.hidden));
  });
}

}  // namespace ELMAN_SET
