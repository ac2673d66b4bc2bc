// Layer norm (Ba et al. 2016) of a row of products, all gates together, and its gradients.
#pragma once
#include <cmath>

#include "vectors.h"

namespace ELMAN_SET {

constexpr double NORM_EPSILON = 1e-5;  // torch.nn.LayerNorm's; the caller refuses another

template <class T>
ELMAN_INLINE T across_lanes(Vector<T> v) {
  T sum = 0;
  for (int i = 0; i < lanes<T>; i++) sum += v[i];
  return sum;
}

// row, a vector of units after the other, of each all gates, lanes after the last unit 0: becomes gain * value + shift,
// value = (row - mean) / deviation. Returns 1 / deviation. `values`, where wanted: the values, gates `pitch` apart.
template <class T, int GATES>
T normalise(T* row, const T* gain, const T* shift, long hidden, T* values, long pitch) {
  using V = Vector<T>;
  constexpr long L = lanes<T>;
  const long vectors = (hidden + L - 1) / L;
  V sum[GATES] = {}, square[GATES] = {};
  for (long i = 0; i < vectors; i++)
    for (int g = 0; g < GATES; g++) sum[g] += load(row + (i * GATES + g) * L);
  for (int g = 1; g < GATES; g++) sum[0] += sum[g];
  const V mean = all(across_lanes<T>(sum[0]) / T(GATES * hidden));
  // A lane that stands for no unit counts for nothing: its distance from the mean is 0.
  alignas(64) T ones[L];
  for (long i = 0; i < L; i++) ones[i] = (vectors - 1) * L + i < hidden ? 1 : 0;
  const V last = load(ones);
  for (long i = 0; i < vectors; i++)
    for (int g = 0; g < GATES; g++) {
      V distance = load(row + (i * GATES + g) * L) - mean;
      if (i == vectors - 1) distance *= last;
      square[g] += distance * distance;
    }
  for (int g = 1; g < GATES; g++) square[0] += square[g];
  const T inverse = 1 / std::sqrt(across_lanes<T>(square[0]) / T(GATES * hidden) + T(NORM_EPSILON));
  for (long i = 0; i < vectors; i++)
    for (int g = 0; g < GATES; g++) {
      const long at = (i * GATES + g) * L;
      V value = (load(row + at) - mean) * inverse;
      if (i == vectors - 1) value *= last;
      if (values) store(values + g * pitch + i * L, value);
      store(row + at, value * load(gain + at) + load(shift + at));
    }
  return inverse;
}

// A row of the backward pass: gradients (gates * hidden) of what the norm gave, which become those of what it took.
template <class T>
struct NormedRow {
  T* gradient;
  const T* values;
  T inverse;
};

// Up to NORMED_ROWS rows at once, so that sums over rows stay in registers. grad_gain and grad_bias (of the product's own
// bias) have gates `pitch` apart, as the values.
constexpr long NORMED_ROWS = 8;
template <class T>
void normalise_backward(const NormedRow<T>* rows, long count, const T* gain, long gates, long hidden, long pitch,
                        T* grad_gain, T* grad_bias) {
  using V = Vector<T>;
  T mean[NORMED_ROWS], slope[NORMED_ROWS];
  for (long m = 0; m < count; m++) {
    V sum = {}, along = {};
    for (long g = 0; g < gates; g++)
      for (long unit = 0; unit < hidden; unit += lanes<T>) {
        const long at = g * hidden + unit, left = hidden - unit;
        const V gradient = load(rows[m].gradient + at, left) * load(gain + at, left);
        sum += gradient;
        along += gradient * load(rows[m].values + g * pitch + unit);
      }
    mean[m] = across_lanes<T>(sum) * rows[m].inverse / T(gates * hidden);
    slope[m] = across_lanes<T>(along) * rows[m].inverse / T(gates * hidden);
  }
  for (long g = 0; g < gates; g++)
    for (long unit = 0; unit < hidden; unit += lanes<T>) {
      const long at = g * hidden + unit, left = hidden - unit;
      const V factor = load(gain + at, left);
      V to_gain = load(grad_gain + g * pitch + unit), to_bias = load(grad_bias + g * pitch + unit);
      for (long m = 0; m < count; m++) {
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
