// The C interface of the native executor: plain pointers and strides, nothing of torch.
#ifndef ELMAN_NATIVE_H
#define ELMAN_NATIVE_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { ELMAN_GRU = 0, ELMAN_LSTM = 1, ELMAN_RNN_TANH = 2, ELMAN_RNN_RELU = 3 };
enum { ELMAN_FLOAT32 = 0, ELMAN_FLOAT64 = 1 };
enum { ELMAN_PORTABLE = 0, ELMAN_AVX2 = 1, ELMAN_AVX512 = 2 };

// One cell over one batch of sequences. All values are of one type. Strides count elements; the last axis of every
// array is dense. Weights are (gates * hidden, input) and (gates * hidden, hidden), rows in torch's order of gates.
// Whatever a caller does not want, or does not have, is a null pointer.
typedef struct {
  int64_t cell, type, isa, threads;
  int64_t time, batch, input, hidden;
  const int64_t* lengths;  // (batch): steps of each sequence, at most time; null: all are full

  const void* x;  // (time, batch, input); never read after a sequence's end
  int64_t x_time, x_row;
  const void *weight_ih, *weight_hh, *bias_ih, *bias_hh;
  const void *h_0, *c_0;  // (batch, hidden)

  void* y;  // (time, batch, hidden); 0 after a sequence's end
  int64_t y_time, y_row;
  void *h_n, *c_n;  // (batch, hidden)
  // (time, batch, slots, pitch): gates for the trace and the backward pass. GRU: r, z, n and the product that r
  // multiplies; LSTM: i, f, n, o, c; RNN: none. pitch is hidden rounded up to 16.
  void* saved;

  // Backward: y and saved are read, what follows is given (const) and made.
  const void* grad_y;
  int64_t grad_y_time, grad_y_row;
  const void *grad_h_n, *grad_c_n;
  const void* grad_saved;  // as saved: gradients of the gates that were read
  void* grad_x;            // 0 after a sequence's end
  int64_t grad_x_time, grad_x_row;
  void *grad_weight_ih, *grad_weight_hh, *grad_bias_ih, *grad_bias_hh;
  void *grad_h_0, *grad_c_0;

  void* scratch;  // at least elman_native_scratch() bytes, aligned to 64

  // Options. `slots` of a step in saved: those of the cell; with hold one more, h before it (LSTM: c after
  // it); with layer norm more, see below.
  int64_t slots;
  // new = hold * old + (1 - hold) * new, for each part of the state (time, batch, hidden)
  const void* hold_h;
  int64_t hold_h_time, hold_h_row;
  const void* hold_c;
  int64_t hold_c_time, hold_c_row;
  // (time, batch): not 0 where the state starts from fresh before the step; fresh (batch, hidden)
  const uint8_t* reset;
  const void *fresh_h, *fresh_c;
  void *grad_fresh_h, *grad_fresh_c;

  // Layer norm, where gain_hh is given: each product with its bias is normalised over all gates, then times gain plus shift
  // (gates * hidden), epsilon 1e-5. saved then has 2 * gates + 1 slots more: the normalised products of the input and of
  // the state, and one that begins with 1 / deviation of either.
  const void *gain_ih, *shift_ih, *gain_hh, *shift_hh;
  void *grad_gain_ih, *grad_shift_ih, *grad_gain_hh, *grad_shift_hh;
} elman_call;

// A cell whose steps are wanted one by one, `most` rows at a time. Weights and biases as above, all of them given, each as a tensor's Python
// object. `turn` starts at 0 and belongs to the library.
typedef struct {
  int64_t cell, type, isa, input, hidden, most;
  void *weight_ih, *weight_hh, *bias_ih, *bias_hh;
  int64_t turn;
} elman_stream;

// One step of some rows, tensors again as objects: x (batch, input); h, c and what follows them (batch, hidden), c and
// c_next of an LSTM alone. h_next and c_next must not be h and c.
typedef struct {
  elman_stream* of;
  int64_t threads;
  void *x, *h, *c, *h_next, *c_next;
} elman_step;

// A mask of zoneout, see mask.h: `count` ones and zeros, a one where 16 random bits, as a signed number, are below `limit`.
typedef struct {
  int64_t type, isa, threads, seed, limit, count;
  void* mask;
} elman_mask;

#if defined(_WIN32)
#define ELMAN_PUBLIC __declspec(dllexport)
#else
#define ELMAN_PUBLIC __attribute__((visibility("default")))
#endif

// The best instruction set of this machine.
ELMAN_PUBLIC int64_t elman_native_isa(void);
// sizeof(elman_call), so that a caller in another language can check its copy of the struct.
ELMAN_PUBLIC int64_t elman_native_size(void);
// Bytes of scratch that a call needs.
ELMAN_PUBLIC int64_t elman_native_scratch(const elman_call* call, int64_t backward);
// How Python's tensors are read, said once: DLPack's table of functions for the type of tensors, and what lets go of Python's
// lock and takes it again. Returns 1 where the table is one that is known, of version 1 of that interface.
ELMAN_PUBLIC int64_t elman_native_python(const void* dlpack, void* (*save)(void), void (*restore)(void*));
// 0 when the step is done. 1, and nothing done, where a tensor is not dense, on the CPU, and of the stream's type and sizes, or
// where there are no rows or too many; Python may have an error then. To be called with Python's lock.
ELMAN_PUBLIC int64_t elman_native_step(const elman_step* call);
ELMAN_PUBLIC void elman_native_mask(const elman_mask* call);
// Multiply and add in registers only, for the machine's peak: returns the operations done, in type and threads as asked.
ELMAN_PUBLIC double elman_native_peak(int64_t type, int64_t isa, int64_t threads, int64_t rounds);
// Run it.
ELMAN_PUBLIC void elman_native_run(const elman_call* call, int64_t backward);

#ifdef __cplusplus
}
#endif
#endif
