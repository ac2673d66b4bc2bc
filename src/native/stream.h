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

// sum[i] += row i of weight (any, columns) times x, lane by lane.
template <class T, int ROWS>
ELMAN_INLINE void products(Vector<T> (&sum)[ROWS], const T* const (&row)[ROWS], long columns, const T* x) {
  long k = 0;
  for (; k + lanes<T> <= columns; k += lanes<T>) {
    const Vector<T> value = load(x + k);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) sum[i] += load(row[i] + k) * value;
  }
  if (k == columns) return;
  const Vector<T> value = load(x + k, columns - k);
  for (int i = 0; i < ROWS; i++) sum[i] += load(row[i] + k, columns - k) * value;
}

// Rows `first` and after of one matrix times x, and of another times h: their sum, or each for itself where the input's
// product is `apart`. As many rows as a vector has lanes; `count` of them exist.
template <class T>
ELMAN_INLINE Vector<T> products(const T* weight_ih, const T* weight_hh, long input, long hidden, const T* x, const T* h,
                                long first, long count, Vector<T>* apart) {
  constexpr int W = lanes<T>, SIDE_BY_SIDE = W < 8 ? W : 8;
  Vector<T> sum[W], sum_x[W];
#pragma GCC unroll 2
  for (int part = 0; part < W; part += SIDE_BY_SIDE) {
    const T *row_ih[SIDE_BY_SIDE], *row_hh[SIDE_BY_SIDE];
    for (int i = 0; i < SIDE_BY_SIDE; i++) {
      const long at = first + std::min<long>(part + i, count - 1);
      row_ih[i] = weight_ih + at * input;
      row_hh[i] = weight_hh + at * hidden;
    }
    Vector<T> total[SIDE_BY_SIDE] = {};
    products<T, SIDE_BY_SIDE>(total, row_ih, input, x);
    if (apart)
      for (int i = 0; i < SIDE_BY_SIDE; i++) sum_x[part + i] = total[i], total[i] = Vector<T>{};
    products<T, SIDE_BY_SIDE>(total, row_hh, hidden, h);
    for (int i = 0; i < SIDE_BY_SIDE; i++) sum[part + i] = total[i];
  }
  if (apart) *apart = across<T>(sum_x);
  return across<T>(sum);
}

// Hidden units first..last of all rows. Every other time from the last to the first: what the caches still hold of the
// weights is what was read last.
template <class Cell>
void step_units(const elman_step& call, bool backwards, long first, long last) {
  using T = typename Cell::Type;
  using V = Vector<T>;
  const elman_stream& of = *call.of;
  const long size = of.input, hidden = of.hidden, tiles = (last - first + lanes<T> - 1) / lanes<T>;
  const T *weight_ih = (const T*)of.weight_ih, *weight_hh = (const T*)of.weight_hh;
  const T *bias_ih = (const T*)of.bias_ih, *bias_hh = (const T*)of.bias_hh;
  for (long row = 0; row < call.batch; row++) {
    const T *x = (const T*)call.x + row * size, *h = (const T*)call.h + row * hidden;
    const bool back = backwards != (row & 1);
    for (long tile = 0; tile < tiles; tile++) {
      const long unit = first + (back ? tiles - 1 - tile : tile) * lanes<T>, count = std::min<long>(last - unit, lanes<T>);
      V gate[Cell::GATES], candidate = {};
#pragma GCC unroll 4
      for (int g = 0; g < Cell::GATES; g++) {
        const long at = g * hidden + unit;
        const bool apart = Cell::CANDIDATE_APART && g == Cell::GATES - 1;
        gate[g] = products<T>(weight_ih, weight_hh, size, hidden, x, h, at, count, apart ? &candidate : nullptr);
        (apart ? candidate : gate[g]) += load(bias_ih + at, count);
        gate[g] += load(bias_hh + at, count);
      }
      alignas(64) T c[lanes<T>] = {};
      if (Cell::CELL_STATE) store(c, load((const T*)call.c + row * hidden + unit, count));
      const V next = Cell::template forward<false>(gate, candidate, load(h + unit, count), c, nullptr, 0);
      store((T*)call.h_next + row * hidden + unit, next, count);
      if (Cell::CELL_STATE) store((T*)call.c_next + row * hidden + unit, load(c), count);
    }
  }
}

// Weights from which a second thread is worth its start: more than half of what one core's cache holds.
constexpr long SHARED = 1 << 20;

template <class Cell>
void one_step(const elman_step& call, bool back) {
  using T = typename Cell::Type;
  const elman_stream& of = *call.of;
  const long bytes = Cell::GATES * of.hidden * (of.input + of.hidden) * long(sizeof(T));
  const int threads = bytes < SHARED ? 1 : int(std::clamp<long>(of.hidden / 64, 1, std::max<int64_t>(1, of.threads)));
  if (threads == 1) return step_units<Cell>(call, back, 0, of.hidden);
  const long tiles = (of.hidden + lanes<T> - 1) / lanes<T>;
  elman::parallel(threads, [&](int worker) {
    long first, last;
    elman::span(tiles, worker, threads, first, last);
    step_units<Cell>(call, back, first * lanes<T>, std::min<long>(last * lanes<T>, of.hidden));
  });
}

}  // namespace ELMAN_SET
