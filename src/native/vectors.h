// Vectors of one instruction set, through GCC's vector extensions: the same source for every width.
// ELMAN_BYTES, the width of a vector register, and ELMAN_SET, a namespace of its own, come from the build.
#pragma once
#include <cstdint>
#include <cstring>

#define ELMAN_INLINE static inline __attribute__((always_inline))

namespace ELMAN_SET {

template <class T>
struct Lanes;
template <>
struct Lanes<float> {
  typedef float Values __attribute__((vector_size(ELMAN_BYTES)));
  typedef int32_t Bits __attribute__((vector_size(ELMAN_BYTES)));
};
template <>
struct Lanes<double> {
  typedef double Values __attribute__((vector_size(ELMAN_BYTES)));
  typedef int64_t Bits __attribute__((vector_size(ELMAN_BYTES)));
};
template <class T>
using Vector = typename Lanes<T>::Values;
template <class T>
constexpr int lanes = ELMAN_BYTES / sizeof(T);

template <class T>
ELMAN_INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
ELMAN_INLINE void store(T* to, Vector<T> v) {
  memcpy(to, &v, sizeof v);
}
// The first `count` values; the others are 0.
template <class T>
ELMAN_INLINE Vector<T> load(const T* from, long count) {
  if (__builtin_expect(count >= lanes<T>, 1)) return load(from);
  Vector<T> v = {};
  memcpy(&v, from, count * sizeof(T));
  return v;
}
template <class T>
ELMAN_INLINE void store(T* to, Vector<T> v, long count) {
  if (__builtin_expect(count >= lanes<T>, 1))
    store(to, v);
  else
    memcpy(to, &v, count * sizeof(T));
}
template <class T>
ELMAN_INLINE Vector<T> all(T value) {
  return value - Vector<T>{};
}

// exp(x) = scale * (1 + rest), rest = exp(r) - 1 with |r| <= ln(2) / 2 by its Taylor series: nothing is lost near 0.
// Beyond +-limit x is cut off: there the gates are 0 and 1 to the last bit, and a product of two such exp is finite.
ELMAN_INLINE void exponential(Vector<float> x, Vector<float>& rest, Vector<float>& scale) {
  typedef Lanes<float>::Bits Bits;
  const Vector<float> round = all(12582912.0f);  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  x = x > 40.0f ? all(40.0f) : x;
  x = x < -40.0f ? all(-40.0f) : x;
  const Vector<float> shifted = x * 1.44269504f + round, n = shifted - round;
  Vector<float> r = x - n * 0.693145752f;
  r = r - n * 1.42860677e-6f;
  Vector<float> p = all(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  rest = r * r * p + r;
  scale = (Vector<float>)((((Bits)shifted - (Bits)round) + 127) << 23);
}
ELMAN_INLINE void exponential(Vector<double> x, Vector<double>& rest, Vector<double>& scale) {
  typedef Lanes<double>::Bits Bits;
  const Vector<double> round = all(6755399441055744.0);  // 1.5 * 2^52
  x = x > 300.0 ? all(300.0) : x;
  x = x < -300.0 ? all(-300.0) : x;
  const Vector<double> shifted = x * 1.4426950408889634 + round, n = shifted - round;
  Vector<double> r = x - n * 6.93147180369123816490e-01;
  r = r - n * 1.90821492927058770002e-10;
  static constexpr double factorials[] = {479001600., 39916800., 3628800., 362880., 40320., 5040.,
                                          720.,       120.,      24.,      6.,      2.};
  Vector<double> p = all(1 / 6227020800.);
#pragma GCC unroll 16
  for (double factorial : factorials) p = p * r + 1 / factorial;
  rest = r * r * p + r;
  scale = (Vector<double>)((((Bits)shifted - (Bits)round) + 1023) << 52);
}

// A sigmoid or tanh before its division: value = numerator / denominator. Two of them share one division, the slowest
// instruction here.
template <class T>
struct Ratio {
  Vector<T> numerator, denominator;
};
template <class T>
ELMAN_INLINE Ratio<T> sigmoid_ratio(Vector<T> x) {
  Vector<T> rest, scale;
  exponential(-x, rest, scale);
  return {all(T(1)), (scale + T(1)) + scale * rest};
}
template <class T>
ELMAN_INLINE Ratio<T> tanh_ratio(Vector<T> x) {
  Vector<T> rest, scale;
  exponential(x + x, rest, scale);
  const Vector<T> e = scale * rest + (scale - T(1));  // exp(2 x) - 1
  return {e, e + T(2)};
}
template <class T>
ELMAN_INLINE void divide(Ratio<T> a, Ratio<T> b, Vector<T>& first, Vector<T>& second) {
  const Vector<T> inverse = T(1) / (a.denominator * b.denominator);
  first = a.numerator * b.denominator * inverse;
  second = b.numerator * a.denominator * inverse;
}
template <class T>
ELMAN_INLINE Vector<T> sigmoid(Vector<T> x) {
  const Ratio<T> ratio = sigmoid_ratio<T>(x);
  return ratio.numerator / ratio.denominator;
}
template <class T>
ELMAN_INLINE Vector<T> hyperbolic_tangent(Vector<T> x) {
  const Ratio<T> ratio = tanh_ratio<T>(x);
  return ratio.numerator / ratio.denominator;
}

}  // namespace ELMAN_SET
