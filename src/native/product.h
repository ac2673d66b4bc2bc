// The one micro-kernel: a tile of rows times a panel of columns, sums in registers, and how panels are packed.
#pragma once
#include <algorithm>
#include <utility>

#include "vectors.h"

namespace ELMAN_SET {

// Vectors of columns in a tile of a plain product, and rows of a tile `width` vectors wide: as many sums as registers
// hold beside one vector of each operand (32 registers with AVX-512, 16 elsewhere).
constexpr int WIDE = 3;
constexpr int rows_of(int width) { return ELMAN_BYTES == 64 ? (width >= 4 ? 6 : 8) : (width >= 4 ? 3 : 4); }

// sum[row][column] += a[row][k] * panel[k][column] for k < depth; a_step is the distance from k to k + 1.
template <class T, int ROWS, int WIDTH>
ELMAN_INLINE void multiply(Vector<T> (&sum)[ROWS][WIDTH], const T* a, long a_row, long a_step, const T* panel,
                           long depth) {
  constexpr long line = WIDTH * lanes<T>;
  if constexpr (ROWS <= 2) {  // few sums would wait for one another: four independent sets of them
    constexpr int SETS = 4;
    Vector<T> part[SETS][ROWS][WIDTH] = {};
    long k = 0;
    for (; k + SETS <= depth; k += SETS)
#pragma GCC unroll 4
      for (int s = 0; s < SETS; s++)
#pragma GCC unroll 2
        for (int m = 0; m < ROWS; m++) {
          const Vector<T> value = all(a[m * a_row + (k + s) * a_step]);
#pragma GCC unroll 4
          for (int v = 0; v < WIDTH; v++) part[s][m][v] += value * load(panel + (k + s) * line + v * lanes<T>);
        }
    for (; k < depth; k++)
      for (int m = 0; m < ROWS; m++)
        for (int v = 0; v < WIDTH; v++)
          part[0][m][v] += all(a[m * a_row + k * a_step]) * load(panel + k * line + v * lanes<T>);
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < WIDTH; v++)
        sum[m][v] += (part[0][m][v] + part[1][m][v]) + (part[2][m][v] + part[3][m][v]);
  } else {
#pragma GCC unroll 1
    for (long k = 0; k < depth; k++, panel += line) {
      Vector<T> b[WIDTH];
#pragma GCC unroll 4
      for (int v = 0; v < WIDTH; v++) b[v] = load(panel + v * lanes<T>);
#pragma GCC unroll 8
      for (int m = 0; m < ROWS; m++) {
        const Vector<T> value = all(a[m * a_row + k * a_step]);
#pragma GCC unroll 4
        for (int v = 0; v < WIDTH; v++) sum[m][v] += value * b[v];
      }
    }
  }
}

// tile.operator()<ROWS>(first) over `count` rows in tiles of at most MOST, as even as can be.
template <int MOST, class Tile>
ELMAN_INLINE void over_rows(long first, long count, const Tile& tile) {
  for (const long end = first + count; first < end;) {
    const long left = end - first, tiles = (left + MOST - 1) / MOST, rows = (left + tiles - 1) / tiles;
    switch (rows) {
      case 1: tile.template operator()<1>(first); break;
      case 2: tile.template operator()<2>(first); break;
      case 3: tile.template operator()<3>(first); break;
      case 4: tile.template operator()<std::min(4, MOST)>(first); break;
      case 5: tile.template operator()<std::min(5, MOST)>(first); break;
      case 6: tile.template operator()<std::min(6, MOST)>(first); break;
      case 7: tile.template operator()<std::min(7, MOST)>(first); break;
      default: tile.template operator()<MOST>(first);
    }
    first += rows;
  }
}

// How a matrix of `columns` columns is cut into panels WIDE vectors wide; the last one may be narrower.
template <class T>
struct Panels {
  long columns, vectors = (columns + lanes<T> - 1) / lanes<T>, count = (vectors + WIDE - 1) / WIDE;
  long width(long panel) const { return std::min<long>(WIDE, vectors - panel * WIDE); }
  long first(long panel) const { return panel * WIDE * lanes<T>; }
  long size(long depth) const { return count * WIDE * lanes<T> * depth; }
};

// tile.operator()<WIDTH>() with the width of a panel known when it is compiled.
template <class Tile>
ELMAN_INLINE void with_width(long width, const Tile& tile) {
  if (width == 3)
    tile.template operator()<3>();
  else if (width == 2)
    tile.template operator()<2>();
  else
    tile.template operator()<1>();
}

// matrix (depth, columns), rows as they lie; row k of the panel is row (k + roll) % depth of the matrix.
template <class T>
void pack(T* to, const T* matrix, const Panels<T>& panels, long panel, long depth, long roll) {
  const long width = panels.width(panel) * lanes<T>, first = panels.first(panel);
  const long count = std::min(width, panels.columns - first);
  to += first * depth;
  for (long k = 0; k < depth; k++, to += width) {
    const long row = k + roll < depth ? k + roll : k + roll - depth;
    memcpy(to, matrix + row * panels.columns + first, count * sizeof(T));
    memset(to + count, 0, (width - count) * sizeof(T));
  }
}

// a0 b0 a1 b1 ...: of their first halves, or of their second ones.
template <class V, size_t... I>
ELMAN_INLINE V interleave(V a, V b, std::index_sequence<I...>, std::integral_constant<bool, false>) {
  return __builtin_shufflevector(a, b, int(I / 2 + I % 2 * sizeof...(I))...);
}
template <class V, size_t... I>
ELMAN_INLINE V interleave(V a, V b, std::index_sequence<I...>, std::integral_constant<bool, true>) {
  return __builtin_shufflevector(a, b, int((I + sizeof...(I)) / 2 + I % 2 * sizeof...(I))...);
}

// A square of vectors, rows for columns: each round interleaves row i with row i + L / 2.
template <class T>
ELMAN_INLINE void transpose(Vector<T> (&square)[lanes<T>]) {
  constexpr int L = lanes<T>;
  constexpr auto order = std::make_index_sequence<L>{};
#pragma GCC unroll 4
  for (int round = 1; round < L; round *= 2) {
    Vector<T> next[L];
#pragma GCC unroll 8
    for (int i = 0; i < L / 2; i++) {
      next[2 * i] = interleave(square[i], square[i + L / 2], order, std::false_type{});
      next[2 * i + 1] = interleave(square[i], square[i + L / 2], order, std::true_type{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; i++) square[i] = next[i];
  }
}

// `vector`: which vector of a panel `width` vectors wide. Rows first .. first + count of matrix (rows, depth) become
// its lanes: to[k][vector][lane] = matrix[first + lane][k].
template <class T>
void pack_transposed(T* to, long width, long vector, const T* matrix, long first, long count, long depth) {
  constexpr long SIDE = lanes<T>;
  matrix += first * depth;
  to += vector * lanes<T>;
  for (long k = 0; k < depth; k += SIDE) {
    const long steps = std::min(SIDE, depth - k);
    Vector<T> square[SIDE] = {};
    if (steps == SIDE && count == SIDE) {
#pragma GCC unroll 16
      for (long lane = 0; lane < SIDE; lane++) square[lane] = load(matrix + lane * depth + k);
    } else {
      for (long lane = 0; lane < count; lane++) square[lane] = load(matrix + lane * depth + k, steps);
    }
    transpose<T>(square);
    for (long i = 0; i < steps; i++) store(to + (k + i) * width * lanes<T>, square[i]);
  }
}

}  // namespace ELMAN_SET
