// Runs the kernels on the golden vectors with every instruction set of this machine, in both types. Every array is a block
// of its own of exactly its size, so that under AddressSanitizer one element read or written too far ends the program.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "elman_native.h"
#include "tensors.h"

static int wrong = 0;

template <class T>
struct Array {
  std::unique_ptr<T[]> at;
  size_t size;
  explicit Array(const std::vector<double>& from) : at(new T[from.size()]), size(from.size()) {
    std::transform(from.begin(), from.end(), at.get(), [](double value) { return T(value); });
  }
  explicit Array(size_t size) : at(new T[size]), size(size) { std::fill_n(at.get(), size, T(NAN)); }
  T* get() const { return size ? at.get() : nullptr; }
};

struct Golden {
  int64_t cell, time, batch, input, hidden;
  std::vector<int64_t> lengths;
  std::vector<double> x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, y, h_n, c_n, grad_y, grad_h_n, grad_c_n, grad_x, grad_h,
      grad_c, grad_weight_ih, grad_weight_hh, grad_bias_ih, grad_bias_hh;
};

static bool read(std::istream& from, Golden& g) {
  g = {};
  if (!(from >> g.cell >> g.time >> g.batch >> g.input >> g.hidden)) return false;
  const bool lstm = g.cell == ELMAN_LSTM;
  const int64_t gates = lstm ? 4 : g.cell == ELMAN_GRU ? 3 : 1, state = g.batch * g.hidden;
  g.lengths.resize(g.batch);
  for (auto& length : g.lengths) from >> length;
  auto array = [&](std::vector<double>& to, int64_t size) {
    to.resize(size);
    for (auto& value : to) from >> value;
  };
  auto weights = [&](auto& ih, auto& hh, auto& bias_ih, auto& bias_hh) {
    array(ih, gates * g.hidden * g.input);
    array(hh, gates * g.hidden * g.hidden);
    array(bias_ih, gates * g.hidden);
    array(bias_hh, gates * g.hidden);
  };
  auto states = [&](auto& h, auto& c) {
    array(h, state);
    if (lstm) array(c, state);
  };
  array(g.x, g.time * g.batch * g.input);
  states(g.h, g.c);
  weights(g.weight_ih, g.weight_hh, g.bias_ih, g.bias_hh);
  array(g.y, g.time * state);
  states(g.h_n, g.c_n);
  array(g.grad_y, g.time * state);
  states(g.grad_h_n, g.grad_c_n);
  array(g.grad_x, g.time * g.batch * g.input);
  states(g.grad_h, g.grad_c);
  weights(g.grad_weight_ih, g.grad_weight_hh, g.grad_bias_ih, g.grad_bias_hh);
  return bool(from);
}

template <class T>
static void compare(const char* what, const Golden& g, int64_t isa, const Array<T>& found, const std::vector<double>& expected) {
  const double tolerance = sizeof(T) == 8 ? 1e-10 : 2e-4;
  for (size_t i = 0; i < expected.size(); i++)
    if (!(std::abs(found.at[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i])))) {
      std::printf("cell %d, hidden %d, instruction set %d, %d bytes: %s[%zu] is %.9g, expected %.9g\n", int(g.cell), int(g.hidden),
                  int(isa), int(sizeof(T)), what, i, double(found.at[i]), expected[i]);
      wrong++;
      return;
    }
}

template <class T>
static void run(elman_call& call, bool backward) {
  call.scratch = nullptr;
  const size_t size = elman_native_scratch(&call, backward);
  // aligned_alloc wants a multiple of the alignment; the scratch itself is counted in whole lines
  std::unique_ptr<void, decltype(&std::free)> scratch(std::aligned_alloc(64, (size + 63) / 64 * 64 + 64), &std::free);
  call.scratch = scratch.get();
  elman_native_run(&call, backward);
}

// A tensor as Python would hand it over; a single step finds out what it is through the table below.
struct Object : elman::DLTensor {
  std::vector<int64_t> sizes, steps;
  bool rotten = false;
  template <class T>
  Object(const T* from, std::vector<int64_t> sizes_) : sizes(std::move(sizes_)), steps(sizes.size(), 1) {
    for (size_t i = sizes.size(); i-- > 1;) steps[i - 1] = steps[i] * sizes[i];
    data = const_cast<T*>(from), device = 1, device_id = 0, dimensions = int32_t(sizes.size());
    code = 2, bits = 8 * sizeof(T), lanes = 1, shape = sizes.data(), strides = steps.data(), offset = 0;
  }
};
static int look(void* object, elman::DLTensor* out) {
  const Object& of = *static_cast<Object*>(object);
  if (of.rotten) return -1;
  *out = of;
  return 0;
}
static int locks = 0;
static void* let_go() { return locks++, &locks; }
static void take(void* lock) { locks += lock == &locks ? -1 : 1; }

// Whatever is not as the stream says is refused, and is served again once it is.
static void check_refusals(elman_stream& stream, const elman_step& step, std::vector<Object*> objects) {
  int at = 0;
  auto refused = [&](auto& field, auto value) {
    const auto kept = field;
    field = value, at++;
    if (elman_native_step(&step) != 1) std::printf("a single step is not refused: change %d\n", at), wrong++;
    field = kept;
  };
  for (Object* of : objects) {
    refused(of->rotten, true), refused(of->data, nullptr), refused(of->device, 2), refused(of->code, 0);
    refused(of->bits, of->bits / 2), refused(of->lanes, 2), refused(of->dimensions, 3);
    for (size_t axis = 0; axis < of->sizes.size(); axis++) {
      refused(of->sizes[axis], of->sizes[axis] + 1);
      if (of->sizes[axis] > 1) refused(of->steps[axis], of->steps[axis] + 1);
    }
  }
  refused(stream.most, stream.most - 1);
  for (Object* of : objects) {  // dense, and said with no strides
    int64_t* kept = of->strides;
    of->strides = nullptr;
    if (elman_native_step(&step)) std::printf("a single step is refused\n"), wrong++;
    of->strides = kept;
  }
}

template <class T>
static void check(const Golden& g, int64_t isa, int64_t threads) {
  const bool lstm = g.cell == ELMAN_LSTM;
  const int64_t slots = lstm ? 5 : g.cell == ELMAN_GRU ? 4 : 0, pitch = (g.hidden + 15) / 16 * 16, state = g.batch * g.hidden;
  const Array<T> x(g.x), h(g.h), c(g.c), weight_ih(g.weight_ih), weight_hh(g.weight_hh), bias_ih(g.bias_ih), bias_hh(g.bias_hh);
  const Array<T> grad_y(g.grad_y), grad_h_n(g.grad_h_n), grad_c_n(g.grad_c_n);
  const Array<T> y(g.y.size()), h_n(g.h.size()), c_n(g.c_n.size()), saved(size_t{size_t(g.time * g.batch * slots * pitch)});
  const Array<T> grad_x(g.x.size()), grad_h(g.h.size()), grad_c(g.c.size()), grad_ih(g.weight_ih.size()),
      grad_hh(g.weight_hh.size()), grad_bias_ih(g.bias_ih.size()), grad_bias_hh(g.bias_hh.size());
  elman_call call = {};
  call.cell = g.cell, call.type = sizeof(T) == 8 ? ELMAN_FLOAT64 : ELMAN_FLOAT32, call.isa = isa, call.threads = threads;
  call.time = g.time, call.batch = g.batch, call.input = g.input, call.hidden = g.hidden;
  call.lengths = g.lengths.data(), call.slots = slots;
  call.x = x.get(), call.x_time = g.batch * g.input, call.x_row = g.input;
  call.weight_ih = weight_ih.get(), call.weight_hh = weight_hh.get();
  call.bias_ih = bias_ih.get(), call.bias_hh = bias_hh.get();
  call.h_0 = h.get(), call.c_0 = c.get();
  call.y = y.get(), call.y_time = state, call.y_row = g.hidden;
  call.h_n = h_n.get(), call.c_n = c_n.get(), call.saved = saved.get();
  run<T>(call, false);
  compare("y", g, isa, y, g.y);
  compare("h_n", g, isa, h_n, g.h_n);
  compare("c_n", g, isa, c_n, g.c_n);

  call.grad_y = grad_y.get(), call.grad_y_time = state, call.grad_y_row = g.hidden;
  call.grad_h_n = grad_h_n.get(), call.grad_c_n = grad_c_n.get();
  call.grad_x = grad_x.get(), call.grad_x_time = g.batch * g.input, call.grad_x_row = g.input;
  call.grad_weight_ih = grad_ih.get(), call.grad_weight_hh = grad_hh.get();
  call.grad_bias_ih = grad_bias_ih.get(), call.grad_bias_hh = grad_bias_hh.get();
  call.grad_h_0 = grad_h.get(), call.grad_c_0 = grad_c.get();
  run<T>(call, true);
  compare("grad_x", g, isa, grad_x, g.grad_x);
  compare("grad_h_0", g, isa, grad_h, g.grad_h);
  compare("grad_c_0", g, isa, grad_c, g.grad_c);
  compare("grad_weight_ih", g, isa, grad_ih, g.grad_weight_ih);
  compare("grad_weight_hh", g, isa, grad_hh, g.grad_weight_hh);
  compare("grad_bias_ih", g, isa, grad_bias_ih, g.grad_bias_ih);
  compare("grad_bias_hh", g, isa, grad_bias_hh, g.grad_bias_hh);

  // Single steps of all rows; a row is compared where its sequence has such a step.
  std::unique_ptr<Array<T>> h_now(new Array<T>(g.h)), c_now(new Array<T>(g.c));
  for (int64_t t = 0; t < g.time; t++) {
    const Array<T> x_t(std::vector<double>(g.x.begin() + t * g.batch * g.input, g.x.begin() + (t + 1) * g.batch * g.input));
    std::unique_ptr<Array<T>> h_next(new Array<T>(size_t(state))), c_next(new Array<T>(g.c.size()));
    const std::vector<int64_t> of_x = {g.batch, g.input}, of_state = {g.batch, g.hidden};
    const int64_t gates = int64_t(g.bias_hh.size());
    Object w_ih(weight_ih.get(), {gates, g.input}), w_hh(weight_hh.get(), {gates, g.hidden});
    Object b_ih(bias_ih.get(), {gates}), b_hh(bias_hh.get(), {gates});
    Object x_now(x_t.get(), of_x), h_before(h_now->get(), of_state), h_after(h_next->get(), of_state);
    Object c_before(c_now->get(), of_state), c_after(c_next->get(), of_state);
    elman_stream stream = {};
    stream.cell = g.cell, stream.type = call.type, stream.isa = isa;
    stream.input = g.input, stream.hidden = g.hidden, stream.most = g.batch;
    stream.weight_ih = &w_ih, stream.weight_hh = &w_hh, stream.bias_ih = &b_ih, stream.bias_hh = &b_hh;
    const elman_step step = {&stream, threads, &x_now, &h_before, &c_before, &h_after, &c_after};
    std::vector<Object*> objects = {&x_now, &h_before, &h_after, &w_ih, &w_hh, &b_ih, &b_hh};
    if (g.cell == ELMAN_LSTM) objects.insert(objects.end(), {&c_before, &c_after});
    if (t == 0) check_refusals(stream, step, objects);
    for (int turn = 0; turn < 2; turn++) {  // over the weights forwards, then backwards
      if (elman_native_step(&step)) std::printf("a single step is refused\n"), wrong++;
      std::vector<double> expected(state);
      for (int64_t i = 0; i < state; i++)
        expected[i] = t < g.lengths[i / g.hidden] ? g.y[t * state + i] : double(h_next->at[i]);
      compare("a single step", g, isa, *h_next, expected);
    }
    h_now = std::move(h_next), c_now = std::move(c_next);
  }
}

// Masks against SplitMix64 as it is published: one state that grows, one number after the other.
template <class T>
static void check_masks(int64_t isa, int64_t threads) {
  for (int64_t count : {0, 1, 3, 64, 255, 256, 257, 1000, 200001}) {
    Array<T> mask{size_t(count)};
    const elman_mask call = {sizeof(T) == 8 ? ELMAN_FLOAT64 : ELMAN_FLOAT32, isa, threads, -1234567, -5000, count, mask.get()};
    elman_native_mask(&call);
    uint64_t state = uint64_t(call.seed), number = 0;
    for (int64_t i = 0; i < count; i++) {
      if (i % 4 == 0) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        number = z ^ (z >> 31);
      }
      if (mask.at[i] != T(int16_t(number >> i % 4 * 16) < call.limit)) {
        std::printf("mask of %d, isa %d, %d threads: element %d\n", int(count), int(isa), int(threads), int(i));
        wrong++;
        break;
      }
    }
  }
}

int main(int count, char** arguments) {
  if (count != 2) return std::printf("usage: driver golden.txt\n"), 2;
  std::ifstream file(arguments[1]);
  elman::DLPackTable table = {2, 0, nullptr, nullptr, nullptr, nullptr, look, nullptr};
  if (elman_native_python(&table, let_go, take)) std::printf("a table of another version is taken\n"), wrong++;
  table.major = 1;
  if (!elman_native_python(&table, let_go, take)) std::printf("the table is not taken\n"), wrong++;
  int cases = 0;
  for (Golden g; read(file, g); cases++)
    for (int64_t isa = 0; isa <= elman_native_isa(); isa++)
      for (int64_t threads = 1; threads <= 2; threads++) {
        check<float>(g, isa, threads);
        check<double>(g, isa, threads);
      }
  for (int64_t isa = 0; isa <= elman_native_isa(); isa++)
    for (int64_t threads = 1; threads <= 2; threads++) check_masks<float>(isa, threads), check_masks<double>(isa, threads);
  if (locks) std::printf("Python's lock was not taken again\n"), wrong++;
  std::printf("%d cases, %d instruction sets, %d wrong\n", cases, int(elman_native_isa()) + 1, wrong);
  return wrong || !cases;
}
