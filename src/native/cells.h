// What a cell does once its products are there: one epilogue forward, one backward, over vectors of hidden units.
//
// GATES      blocks of rows of the weights
// SLOTS      what is saved of a step, elman_call.saved
// GRADIENTS  blocks of a step's row of gate gradients; those of the recurrent product start at RECURRENT, those of the
//            input's product at 0, its rows starting with gate INPUT_ROLL
// CELL_STATE whether there is a c beside h
// forward(gate, candidate, h, c, saved, pitch) -> h'; `gate` are the products, `candidate` the input's part of the GRU's
// backward(...) gradients by gate from the gradient dh of h'
#pragma once
#include "vectors.h"

namespace ELMAN_SET {

// The pieces of one row's step that a backward epilogue reads.
template <class T>
struct Past {
  const T* saved;       // of this step, or null
  const T* grad_saved;  // or null
  long pitch;
  Vector<T> h_new, h_old, c_old;
  Vector<T> slot(int i) const { return load(saved + i * pitch); }
  Vector<T> grad(int i) const { return grad_saved ? load(grad_saved + i * pitch) : Vector<T>{}; }
};

template <class T>
struct Gru {
  using Type = T;
  static constexpr int GATES = 3, SLOTS = 4, GRADIENTS = 4, RECURRENT = 1, INPUT_ROLL = 2;
  static constexpr bool CELL_STATE = false, CARRIES_H = true, CANDIDATE_APART = true;
  using V = Vector<T>;

  template <bool SAVE>
  ELMAN_INLINE V forward(const V* gate, V candidate, V h, T*, T* saved, long pitch) {
    V r, z;
    divide(sigmoid_ratio<T>(gate[0]), sigmoid_ratio<T>(gate[1]), r, z);
    const V n = hyperbolic_tangent<T>(candidate + r * gate[2]);
    if (SAVE) {
      store(saved, r);
      store(saved + pitch, z);
      store(saved + 2 * pitch, n);
      store(saved + 3 * pitch, gate[2]);
    }
    return n + z * (h - n);
  }
  // gradients: n (of the input's product), r, z, n (of the recurrent product)
  ELMAN_INLINE void backward(V dh, const Past<T>& past, V* gradient, V& carry_h, V&) {
    const V r = past.slot(0), z = past.slot(1), n = past.slot(2), product = past.slot(3);
    const V dn = (dh * (T(1) - z) + past.grad(2)) * (T(1) - n * n);
    gradient[0] = dn;
    gradient[1] = (dn * product + past.grad(0)) * r * (T(1) - r);
    gradient[2] = (dh * (past.h_old - n) + past.grad(1)) * z * (T(1) - z);
    gradient[3] = dn * r;
    carry_h = dh * z;
  }
};

template <class T>
struct Lstm {
  using Type = T;
  static constexpr int GATES = 4, SLOTS = 5, GRADIENTS = 4, RECURRENT = 0, INPUT_ROLL = 0;
  static constexpr bool CELL_STATE = true, CARRIES_H = false, CANDIDATE_APART = false;
  using V = Vector<T>;

  template <bool SAVE>
  ELMAN_INLINE V forward(const V* gate, V, V, T* c, T* saved, long pitch) {
    V i, f, n, o;
    divide(sigmoid_ratio<T>(gate[0]), tanh_ratio<T>(gate[2]), i, n);
    divide(sigmoid_ratio<T>(gate[1]), sigmoid_ratio<T>(gate[3]), f, o);
    const V next = f * load(c) + i * n;
    store(c, next);
    if (SAVE) {
      store(saved, i);
      store(saved + pitch, f);
      store(saved + 2 * pitch, n);
      store(saved + 3 * pitch, o);
      store(saved + 4 * pitch, next);
    }
    return o * hyperbolic_tangent<T>(next);
  }
  ELMAN_INLINE void backward(V dh, const Past<T>& past, V* gradient, V&, V& carry_c) {
    const V i = past.slot(0), f = past.slot(1), n = past.slot(2), o = past.slot(3);
    const V bent = hyperbolic_tangent<T>(past.slot(4));
    const V dc = carry_c + dh * o * (T(1) - bent * bent) + past.grad(4);
    gradient[0] = (dc * n + past.grad(0)) * i * (T(1) - i);
    gradient[1] = (dc * past.c_old + past.grad(1)) * f * (T(1) - f);
    gradient[2] = (dc * i + past.grad(2)) * (T(1) - n * n);
    gradient[3] = (dh * bent + past.grad(3)) * o * (T(1) - o);
    carry_c = dc * f;
  }
};

template <class T, bool RELU>
struct Rnn {
  using Type = T;
  static constexpr int GATES = 1, SLOTS = 0, GRADIENTS = 1, RECURRENT = 0, INPUT_ROLL = 0;
  static constexpr bool CELL_STATE = false, CARRIES_H = false, CANDIDATE_APART = false;
  using V = Vector<T>;

  template <bool SAVE>
  ELMAN_INLINE V forward(const V* gate, V, V, T*, T*, long) {
    // Written so that a NaN stays one.
    if constexpr (RELU) return gate[0] < T(0) ? V{} : gate[0];
    return hyperbolic_tangent<T>(gate[0]);
  }
  ELMAN_INLINE void backward(V dh, const Past<T>& past, V* gradient, V&, V&) {
    if constexpr (RELU)
      gradient[0] = past.h_new > T(0) ? dh : V{};
    else
      gradient[0] = dh * (T(1) - past.h_new * past.h_new);
  }
};

}  // namespace ELMAN_SET
