// The gradient of a matrix of weights: gate gradients times what was multiplied by it, summed over tokens.
#pragma once
#include "product.h"

namespace ELMAN_SET {

// Both operands are packed, at most CHUNK tokens at a time; `packed` has room for CHUNK tokens of a whole value.
template <class T, long CHUNK>
struct WeightGradient {
  using V = Vector<T>;
  static constexpr int TALL = rows_of(WIDE);
  static long tiles(long rows) { return (rows + TALL - 1) / TALL; }

  long rows, pitch;  // of the weights; from one token's gate gradients to the next one's
  T* packed;

  // to (rows, columns) += gradient^T values over `depth` tokens, in tiles first .. last of TALL rows; fresh: nothing is there.
  // Gradient column k belongs to row (k + roll) % rows.
  void add(const T* gradient, const T* const* values, long depth, const Panels<T>& over, long roll, long first, long last,
           bool fresh, T* to) const {
    alignas(64) T left[CHUNK * TALL];
    for (long panel = 0; panel < over.count; panel++) {
      const long width = over.width(panel) * lanes<T>, count = std::min(width, over.columns - over.first(panel));
      T* line = packed + over.first(panel) * CHUNK;
      for (long k = 0; k < depth; k++)
        for (long v = 0; v < width; v += lanes<T>, line += lanes<T>)
          store(line, load(values[k] + over.first(panel) + v, count - v));
    }
    for (long i = first * TALL; i < std::min(last * TALL, rows); i += TALL) {
      const long tall = std::min<long>(TALL, rows - i);
      const T* from = gradient + i;
      if (tall == TALL)
        for (long k = 0; k < depth; k++) memcpy(left + k * TALL, from + k * pitch, sizeof(T) * TALL);
      else
        for (long k = 0; k < depth; k++)
          for (long m = 0; m < TALL; m++) left[k * TALL + m] = m < tall ? from[k * pitch + m] : T(0);
      for (long panel = 0; panel < over.count; panel++)
        with_width(over.width(panel), [&]<int WIDTH>() {
          const T* right = packed + over.first(panel) * CHUNK;
          tile<WIDTH>(left, right, depth, fresh, over.first(panel), over.columns, i, tall, roll, to);
        });
    }
  }

 private:
  template <int WIDTH>
  __attribute__((noinline)) void tile(const T* left, const T* right, long depth, bool fresh, long column, long columns,
                                      long first, long tall, long roll, T* to) const {
    V sum[TALL][WIDTH] = {};
    multiply<T, TALL, WIDTH>(sum, left, 1, TALL, right, depth);
    for (int m = 0; m < TALL; m++) {
      if (m >= tall) break;
      const long rolled = first + m + roll;
      T* row = to + (rolled < rows ? rolled : rolled - rows) * columns + column;
      for (int v = 0; v < WIDTH; v++) {
        const long at = v * lanes<T>, count = columns - column - at;
        store(row + at, fresh ? sum[m][v] : load(row + at, count) + sum[m][v], count);
      }
    }
  }
};

}  // namespace ELMAN_SET
