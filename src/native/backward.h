// Gradients: gate gradients of all steps from the last to the first, and those of the input and of the weights.
//
// Where the weights are few, a worker makes the latter from the gate gradients of some steps as soon as it has these, while a
// cache holds them, into sums of its own. Where they are many, the sums would be too large: gate gradients of all steps are
// kept, and then each thread makes its rows of the weights' gradients from all tokens.
#pragma once
#include "cells.h"
#include "norm.h"
#include "product.h"
#include "schedule.h"
#include "weights.h"

namespace ELMAN_SET {

template <class Cell>
class Backward {
  using T = typename Cell::Type;
  using V = Vector<T>;
  static constexpr int N = Cell::GRADIENTS;
  static constexpr long CHUNK = Cell::GATES == 1 ? 512 : 256;  // tokens of a weight gradient that are packed at once
  using Weights = WeightGradient<T, CHUNK>;

  const elman_call& call_;
  const elman::Schedule schedule_;
  const long hidden_ = call_.hidden, input_ = call_.input, rows_w_ = Cell::GATES * hidden_;
  const long pitch_ = elman::padded(hidden_), slots_ = call_.slots;
  const bool held_ = call_.hold_h != nullptr, carries_h_ = Cell::CARRIES_H || held_, normed_ = call_.gain_hh != nullptr;
  // A token's row of gate gradients: the cell's blocks, or with norms, behind which input and state have gradients of their
  // own, first the input's and then the state's.
  const long recurrent_ = normed_ ? Cell::GATES : Cell::RECURRENT, roll_ = normed_ ? 0 : Cell::INPUT_ROLL * hidden_;
  const long grad_ = elman::row_pitch<T>((normed_ ? 2 * Cell::GATES : N) * hidden_), norm_size_ = 4 * Cell::GATES * pitch_;
  const Panels<T> over_h_{hidden_}, over_x_{input_};
  static constexpr long FEW_WEIGHTS = 1 << 20;
  const bool soon_ = schedule_.team == 1 && rows_w_ * (hidden_ + input_) <= FEW_WEIGHTS;
  // Tokens of a worker whose gate gradients are kept: all, or those of some steps, and behind them those of the step after.
  const long some_ = CHUNK + schedule_.count(0), kept_ = some_ + schedule_.count(0);
  T *panels_h_, *panels_x_, *carry_h_, *carry_c_, *bias_, *norms_, *gradient_, *packed_, *sums_;
  const T **inputs_, **states_;  // x and the h before, by token
  T** grad_inputs_;

 public:
  Backward(const elman_call& call, elman::Arena& arena) : call_(call), schedule_(call) {
    const long total = schedule_.total(), workers = schedule_.workers, threads = schedule_.threads();
    panels_h_ = arena.take<T>(over_h_.size(rows_w_));
    panels_x_ = arena.take<T>(call.grad_x ? over_x_.size(rows_w_) : 0);
    carry_h_ = arena.take<T>(carries_h_ ? call.batch * pitch_ : 0);
    carry_c_ = arena.take<T>(Cell::CELL_STATE ? call.batch * pitch_ : 0);
    bias_ = arena.take<T>(workers * N * pitch_);
    norms_ = arena.take<T>(normed_ ? threads * norm_size_ : 0);
    packed_ = arena.take<T>(threads * CHUNK * std::max(over_h_.size(1), over_x_.size(1)));
    inputs_ = arena.take<const T*>(total);
    states_ = arena.take<const T*>(total);
    grad_inputs_ = arena.take<T*>(call.grad_x ? total : 0);
    gradient_ = arena.take<T>((soon_ ? workers * kept_ : total) * grad_);
    sums_ = arena.take<T>(soon_ ? (workers - 1) * rows_w_ * (hidden_ + input_) : 0);
  }

  void run() const {
    const int workers = schedule_.workers, threads = schedule_.threads();
    elman::parallel(threads, [&](int thread) {
      long first, last;
      elman::span(over_h_.count, thread, threads, first, last);
      for (long p = first; p < last; p++) pack(panels_h_, in(call_.weight_hh), over_h_, p, rows_w_, 0);
      elman::span(call_.grad_x ? over_x_.count : 0, thread, threads, first, last);
      for (long p = first; p < last; p++) pack(panels_x_, in(call_.weight_ih), over_x_, p, rows_w_, roll_);
      if (thread < workers) list_tokens(thread);
    });
    if (schedule_.team > 1)
      elman::together(schedule_.team, [&](const elman::Team& team) { steps(0, &team); });
    else
      elman::parallel(workers, [&](int worker) { steps(worker, nullptr); });
    elman::parallel(threads, [&](int thread) {
      long first, last;
      if (soon_) {
        for (const bool of_x : {true, false}) {
          elman::span(of_x ? rows_w_ * input_ : rows_w_ * hidden_, thread, threads, first, last);
          for (int worker = 1; worker < workers; worker++)
            if (T* to = weight_sums(0, of_x))
              for (long i = first; i < last; i++) to[i] += weight_sums(worker, of_x)[i];
        }
        return;
      }
      const Rows all{gradient_, 0, grad_};
      elman::span(schedule_.total(), thread, threads, first, last);
      if (call_.grad_x) input_gradient(all, first, last);
      elman::span(Weights::tiles(rows_w_), thread, threads, first, last);
      for (long chunk = 0; chunk < std::max(schedule_.total(), 1l); chunk += CHUNK)
        weight_gradients(thread, 0, all, chunk, std::min(CHUNK, schedule_.total() - chunk), first, last, chunk == 0);
    });
    // What is added last has the sum of the gate gradients: a bias, or a norm's shift.
    const long size = N * pitch_, blocks = Cell::GATES * pitch_;
    add_up(normed_ ? call_.grad_shift_ih : call_.grad_bias_ih, bias_, workers, size, Cell::INPUT_ROLL);
    add_up(normed_ ? call_.grad_shift_hh : call_.grad_bias_hh, bias_ + Cell::RECURRENT * pitch_, workers, size, 0);
    if (!normed_) return;
    void* const rest[] = {call_.grad_gain_ih, call_.grad_bias_ih, call_.grad_gain_hh, call_.grad_bias_hh};
    for (int i = 0; i < 4; i++) add_up(rest[i], norms_ + i * blocks, threads, norm_size_, 0);
  }

 private:
  // Where a token's row of gate gradients is.
  struct Rows {
    T* first;
    long token, size;  // the token of the first row
    T* operator()(long which) const { return first + (which - token) * size; }
  };
  static const T* in(const void* from) { return static_cast<const T*>(from); }
  static T* out(void* to) { return static_cast<T*>(to); }
  const T* y(long t, long row) const { return in(call_.y) + t * call_.y_time + row * call_.y_row; }
  bool resets(long t, long row) const { return call_.reset && call_.reset[t * call_.batch + row]; }
  const T* h_before(long t, long row) const {
    if (resets(t, row)) return in(call_.fresh_h) + row * hidden_;
    return t ? y(t - 1, row) : in(call_.h_0) + row * hidden_;
  }
  const T* c_before(long t, long row) const {
    if (resets(t, row)) return in(call_.fresh_c) + row * hidden_;
    return t ? slots(call_.saved, t - 1, row) + (held_ ? 5 : 4) * pitch_ : in(call_.c_0) + row * hidden_;
  }
  const T* slots(const void* from, long t, long row) const {
    return in(from) + (t * call_.batch + row) * slots_ * pitch_;
  }

  void list_tokens(int worker) const {
    for (long t = 0, running; (running = schedule_.running(worker, t)) > 0; t++)
      for (long i = 0; i < running; i++) {
        const long token = schedule_.token(worker, t) + i, row = schedule_.row[schedule_.first[worker] + i];
        inputs_[token] = in(call_.x) + t * call_.x_time + row * call_.x_row;
        states_[token] = h_before(t, row);
        if (call_.grad_x) grad_inputs_[token] = out(call_.grad_x) + t * call_.grad_x_time + row * call_.grad_x_row;
      }
  }

  // The rows that end at step t take their gradient from the final state; the others from step t + 1. Step -1 is the
  // initial state.
  void steps(int worker, const elman::Team* team) const {
    const long first = schedule_.first[worker], count = schedule_.count(worker);
    long first_panel = 0, last_panel = over_h_.count;
    if (team) elman::span(over_h_.count, team->member, team->size, first_panel, last_panel);
    const bool leads = !team || team->member == 0;
    if (normed_) memset(norms_ + (team ? team->member : worker) * norm_size_, 0, norm_size_ * sizeof(T));
    if (leads) {
      memset(bias_ + worker * N * pitch_, 0, N * pitch_ * sizeof(T));
      for (long position = first; position < first + count; position++) start(position);
    }
    if (team) team->wait();
    const long longest = count ? schedule_.length[first] : 0;
    long end = schedule_.token(worker, longest);  // of the tokens whose weights' gradients are not made yet
    Rows rows{gradient_ + (soon_ ? worker * kept_ * grad_ : 0), soon_ ? end - some_ : 0, grad_};
    bool fresh = true;
    // The weights' gradients of the tokens from step t on; the rows of step t, which the step before reads, stay.
    auto make = [&](long t) {
      const long begin = schedule_.token(worker, t);
      if (call_.grad_x) input_gradient(rows, begin, end);
      for (long chunk = begin; chunk < std::max(end, begin + 1); chunk += CHUNK, fresh = false)
        weight_gradients(worker, worker, rows, chunk, std::min(CHUNK, end - chunk), 0, Weights::tiles(rows_w_), fresh);
      const Rows next{rows.first, begin - some_, grad_};
      memmove(next(begin), rows(begin), schedule_.running(worker, t) * grad_ * sizeof(T));
      rows = next;
      end = begin;
    };
    for (long t = longest - 1; t >= (call_.grad_h_0 || call_.reset ? -1 : 0); t--) {
      const long going_on = schedule_.running(worker, t + 1), running = t < 0 ? going_on : schedule_.running(worker, t);
      for (long panel = first_panel; panel < last_panel; panel++)
        with_width(over_h_.width(panel), [&]<int WIDTH>() {
          over_rows<rows_of(WIDTH)>(0, going_on, [&]<int ROWS>(long at) { tile<ROWS, WIDTH, true>(worker, t, panel, at, rows); });
          over_rows<1>(going_on, running - going_on,
                       [&]<int ROWS>(long at) { tile<ROWS, WIDTH, false>(worker, t, panel, at, rows); });
        });
      if (normed_ && t >= 0) {
        if (team) team->wait();
        norms(worker, team, t, running, rows);
      }
      if (team) team->wait();
      if (soon_ && t >= 0 && (t == 0 || end - schedule_.token(worker, t) >= CHUNK)) make(t);
    }
    if (soon_ && fresh) make(0);
    if (leads && Cell::CELL_STATE && call_.grad_c_0)
      for (long position = first; position < first + count; position++)
        memcpy(out(call_.grad_c_0) + schedule_.row[position] * hidden_, carry_c_ + position * pitch_, hidden_ * sizeof(T));
  }

  void start(long position) const {
    const long row = schedule_.row[position], length = schedule_.length[position], bytes = hidden_ * sizeof(T);
    if (Cell::CELL_STATE) {
      T* carry = carry_c_ + position * pitch_;
      memset(carry, 0, pitch_ * sizeof(T));
      if (call_.grad_c_n) memcpy(carry, in(call_.grad_c_n) + row * hidden_, bytes);
    }
    if (call_.grad_fresh_h) memset(out(call_.grad_fresh_h) + row * hidden_, 0, bytes);
    if (call_.grad_fresh_c) memset(out(call_.grad_fresh_c) + row * hidden_, 0, bytes);
    if (call_.grad_h_0 && length == 0) {
      T* to = out(call_.grad_h_0) + row * hidden_;
      if (call_.grad_h_n)
        memcpy(to, in(call_.grad_h_n) + row * hidden_, bytes);
      else
        memset(to, 0, bytes);
    }
    if (call_.grad_x)
      for (long t = length; t < call_.time; t++)
        memset(out(call_.grad_x) + t * call_.grad_x_time + row * call_.grad_x_row, 0, input_ * sizeof(T));
  }

  // dh of `ROWS` rows of a worker at step t, then the cell's epilogue. GOES_ON: these rows have a step t + 1.
  template <int ROWS, int WIDTH, bool GOES_ON>
  __attribute__((noinline)) void tile(int worker, long t, long panel, long place, const Rows& rows) const {
    const long first = schedule_.first[worker] + place, unit = over_h_.first(panel);
    V sum[ROWS][WIDTH] = {};
    if (GOES_ON && carries_h_)
      for (int m = 0; m < ROWS; m++)
        for (int v = 0; v < WIDTH; v++) sum[m][v] = load(carry_h_ + (first + m) * pitch_ + unit + v * lanes<T>);
    if (GOES_ON)
      multiply<T, ROWS, WIDTH>(sum, rows(schedule_.token(worker, t + 1) + place) + recurrent_ * hidden_, grad_, 1,
                               panels_h_ + unit * rows_w_, rows_w_);
    for (int m = 0; m < ROWS; m++) {
      const long row = schedule_.row[first + m];
      const T* given = t >= 0 && call_.grad_y ? in(call_.grad_y) + t * call_.grad_y_time + row * call_.grad_y_row : nullptr;
      const T* end = !GOES_ON && call_.grad_h_n ? in(call_.grad_h_n) + row * hidden_ : nullptr;
      for (int v = 0; v < WIDTH; v++) {
        const long at = unit + v * lanes<T>;
        if (GOES_ON && resets(t + 1, row)) restarted(first + m, at, sum[m][v]);
        if (given) sum[m][v] += load(given + at, hidden_ - at);
        if (end) sum[m][v] += load(end + at, hidden_ - at);
        if (t < 0 && call_.grad_h_0) store(out(call_.grad_h_0) + row * hidden_ + at, sum[m][v], hidden_ - at);
      }
    }
    if (t < 0) return;
    for (int v = 0; v < WIDTH; v++) {
      const long at = unit + v * lanes<T>;
      V total[N] = {};
      for (int m = 0; m < ROWS; m++) epilogue(t, first + m, rows(schedule_.token(worker, t) + place + m), at, sum[m][v], total);
      T* bias = bias_ + worker * N * pitch_ + at;
      for (int i = 0; i < N; i++) store(bias + i * pitch_, load(bias + i * pitch_) + total[i]);
    }
  }

  // What a row's step sends back to the state before it belongs to `fresh`.
  void restarted(long position, long at, V& dh) const {
    const long row = schedule_.row[position] * hidden_ + at;
    auto give = [&](void* to, V gradient) {
      if (to) store(out(to) + row, load(out(to) + row, hidden_ - at) + gradient, hidden_ - at);
    };
    give(call_.grad_fresh_h, dh);
    dh = V{};
    if (!Cell::CELL_STATE) return;
    give(call_.grad_fresh_c, load(carry_c_ + position * pitch_ + at));
    store(carry_c_ + position * pitch_ + at, V{});
  }

  // One row's vector of units: gate gradients into the token's row, and added to `total`.
  inline __attribute__((always_inline)) void epilogue(long t, long position, T* to, long at, V dh, V* total) const {
    const long row = schedule_.row[position], count = hidden_ - at;
    Past<T> past{};
    past.pitch = pitch_;
    if (slots_) past.saved = slots(call_.saved, t, row) + at;
    if (call_.grad_saved) past.grad_saved = slots(call_.grad_saved, t, row) + at;
    if (Cell::CARRIES_H) past.h_old = load(h_before(t, row) + at, count);
    if (!Cell::SLOTS) past.h_new = held_ ? past.slot(0) : load(y(t, row) + at, count);
    V carry_c = {}, carry_h = {}, held_h = {}, held_c = {}, gradient[N];
    if (Cell::CELL_STATE) {
      past.c_old = load(c_before(t, row) + at, count);
      carry_c = load(carry_c_ + position * pitch_ + at);
    }
    if (held_) {
      held_h = dh * load(in(call_.hold_h) + t * call_.hold_h_time + row * call_.hold_h_row + at, count);
      dh -= held_h;
      if (!Cell::CELL_STATE) dh += past.grad(Cell::SLOTS);
      if (Cell::CELL_STATE) held_c = carry_c * load(in(call_.hold_c) + t * call_.hold_c_time + row * call_.hold_c_row + at, count);
      carry_c -= held_c;
    }
    Cell::backward(dh, past, gradient, carry_h, carry_c);
    if (held_) {
      carry_h += held_h;
      carry_c += held_c;
    }
    if (carries_h_) store(carry_h_ + position * pitch_ + at, carry_h);
    if (Cell::CELL_STATE) store(carry_c_ + position * pitch_ + at, carry_c);
    to += at;
    for (int i = 0; i < N; i++) total[i] += gradient[i];
    if (normed_)
      for (int g = 0; g < Cell::GATES; g++) {
        store(to + g * hidden_, gradient[(g + Cell::GATES - Cell::INPUT_ROLL) % Cell::GATES], count);
        store(to + (Cell::GATES + g) * hidden_, gradient[Cell::RECURRENT + g], count);
      }
    else
      for (int i = 0; i < N; i++) store(to + i * hidden_, gradient[i], count);
  }

  // The gate gradients of step t back through the norms of input and state.
  void norms(int worker, const elman::Team* team, long t, long running, const Rows& tokens) const {
    long first = 0, last = running;
    if (team) elman::span(running, team->member, team->size, first, last);
    T* const sums = norms_ + (team ? team->member : worker) * norm_size_;
    for (int side = 0; side < 2; side++)
      for (long i = first; i < last; i += NORMED_ROWS) {
        const long count = std::min<long>(NORMED_ROWS, last - i), blocks = Cell::GATES * pitch_;
        NormedRow<T> rows[NORMED_ROWS];
        for (long m = 0; m < count; m++) {
          const T* saved = slots(call_.saved, t, schedule_.row[schedule_.first[worker] + i + m]) + (Cell::SLOTS + held_) * pitch_;
          T* gradient = tokens(schedule_.token(worker, t) + i + m) + side * rows_w_;
          rows[m] = {gradient, saved + side * blocks, saved[2 * blocks + side]};
        }
        const T* gain = in(side ? call_.gain_hh : call_.gain_ih);
        T *to_gain = sums + 2 * side * blocks, *to_bias = to_gain + blocks;
        if (count == NORMED_ROWS)
          normalise_backward<T, NORMED_ROWS>(rows, gain, Cell::GATES, hidden_, pitch_, to_gain, to_bias);
        else
          for (long m = 0; m < count; m++)
            normalise_backward<T, 1>(rows + m, gain, Cell::GATES, hidden_, pitch_, to_gain, to_bias);
      }
  }

  // Tokens first .. last, in blocks that stay in cache over all panels.
  void input_gradient(const Rows& rows, long first, long last) const {
    constexpr long BLOCK = 64;
    for (long block = first; block < last; block += BLOCK)
      for (long panel = 0; panel < over_x_.count; panel++)
        with_width(over_x_.width(panel), [&]<int WIDTH>() {
          over_rows<rows_of(WIDTH)>(block, std::min(BLOCK, last - block),
                                    [&]<int ROWS>(long at) { input_tile<ROWS, WIDTH>(panel, at, rows); });
        });
  }

  template <int ROWS, int WIDTH>
  __attribute__((noinline)) void input_tile(long panel, long token, const Rows& rows) const {
    const long unit = over_x_.first(panel);
    V sum[ROWS][WIDTH] = {};
    multiply<T, ROWS, WIDTH>(sum, rows(token), grad_, 1, panels_x_ + unit * rows_w_, rows_w_);
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < WIDTH; v++) {
        const long at = unit + v * lanes<T>;
        store(grad_inputs_[token + m] + at, sum[m][v], input_ - at);
      }
  }

  // A worker's own gradient of a weight: the first has the caller's memory, the others' are added to it.
  T* weight_sums(int worker, bool of_x) const {
    void* const to = of_x ? call_.grad_weight_ih : call_.grad_weight_hh;
    if (!to || worker == 0) return out(to);
    return sums_ + (worker - 1) * rows_w_ * (hidden_ + input_) + (of_x ? 0 : rows_w_ * input_);
  }
  // What `depth` tokens add to both weights' gradients, in tiles first .. last of rows; fresh: nothing is there.
  void weight_gradients(int thread, int worker, const Rows& rows, long token, long depth, long first, long last,
                        bool fresh) const {
    const Weights weights{rows_w_, grad_, packed_ + thread * CHUNK * std::max(over_h_.size(1), over_x_.size(1))};
    if (T* to = weight_sums(worker, true)) weights.add(rows(token), inputs_ + token, depth, over_x_, roll_, first, last, fresh, to);
    if (T* to = weight_sums(worker, false))
      weights.add(rows(token) + recurrent_ * hidden_, states_ + token, depth, over_h_, 0, first, last, fresh, to);
  }

  // to (gates * hidden) = the sum of what each of `count` threads has, `size` apart, gates `pitch_` apart.
  void add_up(void* to, const T* from, int count, long size, long roll) const {
    if (!to) return;
    for (long gate = 0; gate < Cell::GATES; gate++)
      for (long unit = 0; unit < hidden_; unit++) {
        T sum = 0;
        for (int i = 0; i < count; i++) sum += from[i * size + gate * pitch_ + unit];
        out(to)[(gate + roll) % Cell::GATES * hidden_ + unit] = sum;
      }
  }
};

}  // namespace ELMAN_SET
