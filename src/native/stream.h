// One step of few rows: rows of the weights times x and h, and the cell's epilogue. The weights are read as torch holds
// them, each row from front to back, so that nothing is packed and none can be out of date.
#pragma once
#include <algorithm>
#include <utility>

#include "cells.h"
#include "schedule.h"
#include "tensors.h"

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

// to[i] = row i of weight (rows, columns) times x, from the first row to the last or `back`. A core reads its cache fastest
// along one line through memory, so that rows are taken one after the other, never side by side. Few columns, N vectors of
// them, keep x in registers: two thirds of the time.
template <int N, class T>
ELMAN_INLINE void products(const T* weight, long rows, const T* x, bool back, T* to) {
  constexpr long W = lanes<T>;
  const long tiles = (rows + W - 1) / W;
  Vector<T> kept[N];
#pragma GCC unroll 8
  for (int k = 0; k < N; k++) kept[k] = load(x + k * W);
  for (long tile = 0; tile < tiles; tile++) {
    const long first = (back ? tiles - 1 - tile : tile) * W;
    Vector<T> sum[W];
#pragma GCC unroll 16
    for (long i = 0; i < W; i++) {
      const T* row = weight + std::min(first + i, rows - 1) * N * W;
      Vector<T> even = {}, odd = {};
#pragma GCC unroll 8
      for (int k = 0; k < N; k += 2) {
        even += load(row + k * W) * kept[k];
        odd += load(row + (k + 1) * W) * kept[k + 1];
      }
      sum[i] = even + odd;
    }
    store(to + first, across<T>(sum));
  }
}
template <class T>
ELMAN_INLINE void products(const T* weight, long rows, long columns, const T* x, bool back, T* to) {
  constexpr long W = lanes<T>;
  if (columns == 8 * W) return products<8>(weight, rows, x, back, to);
  if (columns == 4 * W) return products<4>(weight, rows, x, back, to);
  const long tiles = (rows + W - 1) / W;
  for (long tile = 0; tile < tiles; tile++) {
    const long first = (back ? tiles - 1 - tile : tile) * W;
    Vector<T> sum[W];
    for (long i = 0; i < W; i++) {
      const T* row = weight + std::min(first + i, rows - 1) * columns;
      Vector<T> even = {}, odd = {};
      long k = 0;
      for (; k + 2 * W <= columns; k += 2 * W) {
        even += load(row + k) * load(x + k);
        odd += load(row + k + W) * load(x + k + W);
      }
      for (; k < columns; k += W) even += load(row + k, columns - k) * load(x + k, columns - k);
      sum[i] = even + odd;
    }
    store(to + first, across<T>(sum));
  }
}

// Hidden units first..last of all rows. Every other time from the last to the first: what the caches still hold of the
// weights is what was read last.
template <class Cell>
void step_units(const elman::Step& of, bool backwards, long first, long last) {
  using T = typename Cell::Type;
  using V = Vector<T>;
  constexpr int G = Cell::GATES;
  constexpr long BLOCK = 256;  // units whose sums wait for their epilogue
  const long size = of.input, hidden = of.hidden, blocks = (last - first + BLOCK - 1) / BLOCK;
  const T *weight_ih = (const T*)of.weight_ih, *weight_hh = (const T*)of.weight_hh;
  const T *bias_ih = (const T*)of.bias_ih, *bias_hh = (const T*)of.bias_hh;
  alignas(64) T from_x[G * BLOCK], from_h[G * BLOCK];
  for (long row = 0; row < of.batch; row++) {
    const T *x = (const T*)of.x + row * size, *h = (const T*)of.h + row * hidden;
    const bool back = backwards != (row & 1);
    for (long i = 0; i < blocks; i++) {
      const long begin = first + (back ? blocks - 1 - i : i) * BLOCK, count = std::min(last - begin, BLOCK);
      for (int side = 0; side < 2; side++)
        for (int i = 0; i < G; i++) {
          const long g = back ? G - 1 - i : i, at = g * hidden + begin;
          if (back == (side == 1))
            products(weight_ih + at * size, count, size, x, back, from_x + g * BLOCK);
          else
            products(weight_hh + at * hidden, count, hidden, h, back, from_h + g * BLOCK);
        }
      for (long at = 0; at < count; at += lanes<T>) {
        const long unit = begin + at, left = count - at;
        V gate[G], candidate = {};
        for (int g = 0; g < G; g++) {
          gate[g] = load(from_h + g * BLOCK + at) + load(bias_hh + g * hidden + unit, left);
          const V x_part = load(from_x + g * BLOCK + at) + load(bias_ih + g * hidden + unit, left);
          if (Cell::CANDIDATE_APART && g == G - 1)
            candidate = x_part;
          else
            gate[g] += x_part;
        }
        alignas(64) T c[lanes<T>] = {};
        if (Cell::CELL_STATE) store(c, load((const T*)of.c + row * hidden + unit, left));
        const V next = Cell::template forward<false>(gate, candidate, load(h + unit, left), c, nullptr, 0);
        store((T*)of.h_next + row * hidden + unit, next, left);
        if (Cell::CELL_STATE) store((T*)of.c_next + row * hidden + unit, load(c), left);
      }
    }
  }
}

template <class Cell>
void one_step(const elman::Step& of, bool back) {
  using T = typename Cell::Type;
  const int threads = of.large() ? int(std::clamp<long>(of.hidden / 64, 1, std::max<int64_t>(1, of.threads))) : 1;
  if (threads == 1) return step_units<Cell>(of, back, 0, of.hidden);
  const long tiles = (of.hidden + lanes<T> - 1) / lanes<T>;
  elman::parallel(threads, [&](int worker) {
    long first, last;
    elman::span(tiles, worker, threads, first, last);
    step_units<Cell>(of, back, first * lanes<T>, std::min<long>(last * lanes<T>, of.hidden));
  });
}

}  // namespace ELMAN_SET
