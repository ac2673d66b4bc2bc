// Layer norm (Ba et al. 2016) of a row of products, all gates together, and its gradients.
#pragma once
#include <cmath>

#include "vectors.h"

namespace ELMAN_SET {

constexpr int NORMED_ROWS = 4;  // at once
constexpr double NORM_EPSILON = 1e-5;  // torch.nn.LayerNorm's; the caller refuses another

template <class T>
ELMAN_INLINE T across_lanes(Vector<T> v) {
  T sum = 0;
  for (int i = 0; i < lanes<T>; i++) sum += v[i];
  return sum;
}

// Each row, a vector of units after the other, of each all gates, lanes after the last unit 0: becomes gain * value + shift,
// value = (row - mean) / deviation. `inverse`: 1 / deviation of each. `values`, where wanted: the values, gates `pitch` apart.
// Some rows at once, because each waits several times for a sum over itself.
template <class T, int GATES, int ROWS>
void normalise(T* const (&row)[ROWS], const T* gain, const T* shift, long hidden, T* const (&values)[ROWS], long pitch,
               T (&inverse)[ROWS]) {
  using V = Vector<T>;
  constexpr long L = lanes<T>;
  const long vectors = (hidden + L - 1) / L;
  const T count = T(GATES * hidden);
  V sum[ROWS] = {}, square[ROWS] = {}, mean[ROWS];
  for (long i = 0; i < vectors * GATES; i++)
#pragma GCC unroll 4
    for (int m = 0; m < ROWS; m++) sum[m] += load(row[m] + i * L);
#pragma GCC unroll 4
  for (int m = 0; m < ROWS; m++) mean[m] = all(across_lanes<T>(sum[m]) / count);
  // A lane that stands for no unit counts for nothing: its distance from the mean is 0.
  alignas(64) T ones[L];
  for (long i = 0; i < L; i++) ones[i] = (vectors - 1) * L + i < hidden ? 1 : 0;
  const V last = load(ones);
  for (long i = 0; i < vectors * GATES; i++)
#pragma GCC unroll 4
    for (int m = 0; m < ROWS; m++) {
      V distance = load(row[m] + i * L) - mean[m];
      if (i >= (vectors - 1) * GATES) distance *= last;
      square[m] += distance * distance;
    }
#pragma GCC unroll 4
  for (int m = 0; m < ROWS; m++) inverse[m] = 1 / std::sqrt(across_lanes<T>(square[m]) / count + T(NORM_EPSILON));
  for (long i = 0; i < vectors; i++)
    for (int g = 0; g < GATES; g++) {
      const long at = (i * GATES + g) * L;
      const V times = load(gain + at), plus = load(shift + at);
#pragma GCC unroll 4
      for (int m = 0; m < ROWS; m++) {
        V value = (load(row[m] + at) - mean[m]) * inverse[m];
        if (i == vectors - 1) value *= last;
        if (values[m]) store(values[m] + g * pitch + i * L, value);
        store(row[m] + at, value * times + plus);
      }
    }
}

// A row of the backward pass: gradients (gates * hidden) of what the norm gave, which become those of what it took.
template <class T>
struct NormedRow {
  T* gradient;
  const T* values;
  T inverse;
};

// Some rows at once, as above, and so that sums over rows stay in registers. grad_gain and grad_bias (of the product's own
// bias) have gates `pitch` apart, as the values.
template <class T, int ROWS>
void normalise_backward(const NormedRow<T>* rows, const T* gain, long gates, long hidden, long pitch, T* grad_gain,
                        T* grad_bias) {
  using V = Vector<T>;
  V sum[ROWS] = {}, along[ROWS] = {};
  for (long g = 0; g < gates; g++)
    for (long unit = 0; unit < hidden; unit += lanes<T>) {
      const long at = g * hidden + unit, left = hidden - unit;
      const V factor = load(gain + at, left);
#pragma GCC unroll 4
      for (int m = 0; m < ROWS; m++) {
        const V gradient = load(rows[m].gradient + at, left) * factor;
        sum[m] += gradient;
        along[m] += gradient * load(rows[m].values + g * pitch + unit);
      }
    }
  T mean[ROWS], slope[ROWS];
#pragma GCC unroll 4
  for (int m = 0; m < ROWS; m++) {
    mean[m] = across_lanes<T>(sum[m]) * rows[m].inverse / T(gates * hidden);
    slope[m] = across_lanes<T>(along[m]) * rows[m].inverse / T(gates * hidden);
  }
  for (long g = 0; g < gates; g++)
    for (long unit = 0; unit < hidden; unit += lanes<T>) {
      const long at = g * hidden + unit, left = hidden - unit;
      const V factor = load(gain + at, left);
      V to_gain = load(grad_gain + g * pitch + unit), to_bias = load(grad_bias + g * pitch + unit);
#pragma GCC unroll 4
      for (int m = 0; m < ROWS; m++) {
        const V given = load(rows[m].gradient + at, left), value = load(rows[m].values + g * pitch + unit);
        const V made = given * factor * rows[m].inverse - (value * slope[m] + mean[m]);
        to_gain += given * value;
        to_bias += made;
        store(rows[m].gradient + at, made, left);
      }
      store(grad_gain + g * pitch + unit, to_gain);
      store(grad_bias + g * pitch + unit, to_bias);
    }
}

}  // namespace ELMAN_SET
