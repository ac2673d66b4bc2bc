// What a single step gets from Python: tensors, read through DLPack's table of functions (dlpack.h, version 1), which is a
// stable binary interface. Nothing of torch's or of Python's own headers.
#pragma once
#include <cstdint>

#include "elman_native.h"

namespace elman {

struct DLTensor {
  void* data;
  int32_t device, device_id, dimensions;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;  // strides in elements; null before DLPack 1.2 where all is dense
  uint64_t offset;           // bytes
};

struct DLPackTable {
  uint32_t major, minor;
  const void *previous, *allocate, *from_python, *to_python;
  int (*look)(void* object, DLTensor* out);  // what an object is; nothing is owned
  const void* stream;
};

// One step of some rows, of dense arrays, see elman_native.h.
struct Step {
  int64_t cell, type, threads, input, hidden, batch;
  const void *weight_ih = nullptr, *weight_hh = nullptr, *bias_ih = nullptr, *bias_hh = nullptr;
  const void *x = nullptr, *h = nullptr, *c = nullptr;
  void *h_next = nullptr, *c_next = nullptr;

  int64_t gates() const { return (cell == ELMAN_GRU ? 3 : cell == ELMAN_LSTM ? 4 : 1) * hidden; }
  // Weights from which a second thread is worth its start, and Python's lock worth letting go: more than half of what one
  // core's cache holds.
  bool large() const { return gates() * (input + hidden) * (type == ELMAN_FLOAT64 ? 8 : 4) >= 1 << 20; }
};

}  // namespace elman
