// All steps of a cell: products and epilogue fused, each worker its own rows from the first step to the last.
//
// Where a worker has few rows, a step has little to do with each weight that it reads. Then the input's products of some
// steps ahead are made together, AHEAD tokens at a time, so that W_ih is read once for all of them.
#pragma once
#include "cells.h"
#include "product.h"
#include "schedule.h"

namespace ELMAN_SET {

template <class Cell, bool SAVE>
class Forward {
  using T = typename Cell::Type;
  using V = Vector<T>;
  static constexpr int UNITS = Cell::GATES == 1 ? WIDE : 1;  // vectors of hidden units in a panel, at most
  static constexpr int BIASES = Cell::GATES + Cell::CANDIDATE_APART;
  static constexpr long AHEAD = 64, FEW_ROWS = 24, WIDE_INPUT = 16;

  const elman_call& call_;
  const elman::Schedule schedule_;
  const long hidden_ = call_.hidden, input_ = call_.input, depth_ = input_ + hidden_;
  const long pitch_ = elman::padded(hidden_), slots_ = call_.slots;
  const bool held_ = call_.hold_h != nullptr;
  const long vectors_ = (hidden_ + lanes<T> - 1) / lanes<T>, panels_count_ = (vectors_ + UNITS - 1) / UNITS;
  // A row holds x, up against h: one product over both. h begins at a cache line, `before_` elements from the start.
  const long before_ = elman::padded(input_), row_ = elman::row_pitch<T>(before_ + pitch_);
  const long ahead_row_ = elman::row_pitch<T>(input_), ahead_panel_ = UNITS * Cell::GATES * lanes<T>;
  T *panels_, *bias_, *rows_[2], *c_, *inputs_, *ahead_;

 public:
  Forward(const elman_call& call, elman::Arena& arena) : call_(call), schedule_(call) {
    panels_ = arena.take<T>(panels_count_ * UNITS * Cell::GATES * lanes<T> * depth_);
    bias_ = arena.take<T>(panels_count_ * UNITS * BIASES * lanes<T>);
    for (T*& rows : rows_) rows = arena.take<T>(call.batch * row_);
    c_ = arena.take<T>(Cell::CELL_STATE ? call.batch * pitch_ : 0);
    const long tokens = steps_ahead(0) ? schedule_.threads() * AHEAD : 0;
    inputs_ = arena.take<T>(tokens * ahead_row_);
    ahead_ = arena.take<T>(tokens * panels_count_ * ahead_panel_);
  }

  void run() const {
    const int threads = schedule_.threads();
    elman::parallel(threads, [&](int thread) {
      long first, last;
      elman::span(panels_count_, thread, threads, first, last);
      for (long panel = first; panel < last; panel++) pack_panel(panel);
    });
    if (schedule_.team > 1)
      elman::together(schedule_.team, [&](const elman::Team& team) { steps(0, &team); });
    else
      elman::parallel(threads, [&](int worker) { steps(worker, nullptr); });
  }

 private:
  const T* in(const void* from) const { return static_cast<const T*>(from); }
  T* out(void* to) const { return static_cast<T*>(to); }
  // Vectors of units in a panel, its weights and its biases.
  long units(long panel) const { return std::min<long>(UNITS, vectors_ - panel * UNITS); }
  T* weights(long panel) const { return panels_ + panel * UNITS * Cell::GATES * lanes<T> * depth_; }
  T* biases(long panel) const { return bias_ + panel * UNITS * BIASES * lanes<T>; }

  void pack_panel(long panel) const {
    const long width = units(panel) * Cell::GATES;
    const T *bias_ih = in(call_.bias_ih), *bias_hh = in(call_.bias_hh);
    T *to = weights(panel), *bias = biases(panel);
    for (long vector = 0; vector < width; vector++) {
      const long gate = Cell::GATES == 1 ? 0 : vector, unit = (panel * UNITS + (Cell::GATES == 1 ? vector : 0)) * lanes<T>;
      const long count = std::min<long>(lanes<T>, hidden_ - unit), first = gate * hidden_ + unit;
      pack_transposed(to, width, vector, in(call_.weight_ih), first, count, input_);
      pack_transposed(to + input_ * width * lanes<T>, width, vector, in(call_.weight_hh), first, count, hidden_);
      const V from_x = load(bias_ih + first, count), from_h = load(bias_hh + first, count);
      if (Cell::CANDIDATE_APART && gate == Cell::GATES - 1) {
        store(bias + vector * lanes<T>, from_x);
        store(bias + (vector + 1) * lanes<T>, from_h);
      } else {
        store(bias + vector * lanes<T>, from_x + from_h);
      }
    }
  }

  // How many steps' inputs a worker projects together; 0: each in its step. The first worker has the most rows.
  long steps_ahead(int worker) const {
    const long rows = schedule_.count(worker);
    if (schedule_.count(0) > FEW_ROWS || input_ < WIDE_INPUT || call_.time == 1 || !rows) return 0;
    return AHEAD / rows;
  }

  // `thread` has the panels first_panel .. last_panel.
  void project(int worker, int thread, long t, long steps, long first_panel, long last_panel) const {
    const long begin = schedule_.token(worker, t), end = schedule_.token(worker, std::min(t + steps, call_.time));
    T* const inputs = inputs_ + thread * AHEAD * ahead_row_;
    T* to = inputs;
    for (long step = t, running; to < inputs + (end - begin) * ahead_row_; step++) {
      running = schedule_.running(worker, step);
      for (long i = 0; i < running; i++, to += ahead_row_)
        memcpy(to, in(call_.x) + step * call_.x_time + schedule_.row[schedule_.first[worker] + i] * call_.x_row,
               input_ * sizeof(T));
    }
    for (long panel = first_panel; panel < last_panel; panel++)
      with_width(units(panel), [&]<int WIDTH>() {
        if constexpr (WIDTH <= UNITS)
          over_rows<rows_of(WIDTH * Cell::GATES)>(
              0, end - begin, [&]<int ROWS>(long at) { input_tile<ROWS, WIDTH>(worker, panel, at, inputs); });
      });
  }

  template <int ROWS, int WIDTH>
  __attribute__((noinline)) void input_tile(int worker, long panel, long token, const T* inputs) const {
    constexpr int SUMS = WIDTH * Cell::GATES;
    V sum[ROWS][SUMS];
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < SUMS; v++) sum[m][v] = load(biases(panel) + v * lanes<T>);
    multiply<T, ROWS, SUMS>(sum, inputs + token * ahead_row_, ahead_row_, 1, weights(panel), input_);
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < SUMS; v++) store(projected(worker, panel, token + m) + v * lanes<T>, sum[m][v]);
  }
  T* projected(int worker, long panel, long token) const {
    return ahead_ + ((worker * panels_count_ + panel) * AHEAD + token) * ahead_panel_;
  }

  // A worker's rows through all steps, or with a team this thread's part of the hidden units of all rows.
  void steps(int worker, const elman::Team* team) const {
    const long first = schedule_.first[worker], count = schedule_.count(worker), steps = steps_ahead(worker);
    const int thread = team ? team->member : worker;
    const bool leads = !team || team->member == 0;
    long first_panel = 0, last_panel = panels_count_;
    if (team) elman::span(panels_count_, team->member, team->size, first_panel, last_panel);
    if (leads)
      for (long position = first; position < first + count; position++) start(position);
    if (team) team->wait();
    for (long t = 0, running; (running = schedule_.running(worker, t)) > 0; t++) {
      const T* old = rows_[t & 1];
      if (steps && t % steps == 0) project(worker, thread, t, steps, first_panel, last_panel);
      const long token = steps ? schedule_.token(worker, t) - schedule_.token(worker, t - t % steps) : -1;
      if (!steps && leads)
        for (long position = first; position < first + running; position++)
          memcpy(rows_[t & 1] + position * row_ + before_ - input_,
                 in(call_.x) + t * call_.x_time + schedule_.row[position] * call_.x_row, input_ * sizeof(T));
      if (call_.reset && leads)
        for (long position = first; position < first + running; position++) restart(t, position);
      if ((!steps || call_.reset) && team) team->wait();
      for (long panel = first_panel; panel < last_panel; panel++) {
        if constexpr (Cell::GATES == 1) {
          with_width(units(panel), [&]<int WIDTH>() {
            over_rows<rows_of(WIDTH)>(first, running, [&]<int ROWS>(long at) {
              tile<ROWS, WIDTH>(t, panel, at, old, steps ? projected(worker, panel, token + at - first) : nullptr);
            });
          });
        } else {
          over_rows<rows_of(Cell::GATES)>(first, running, [&]<int ROWS>(long at) {
            tile<ROWS, 1>(t, panel, at, old, steps ? projected(worker, panel, token + at - first) : nullptr);
          });
        }
      }
      if (team) team->wait();
    }
    if (leads)
      for (long position = first; position < first + count; position++) finish(position);
  }

  void start(long position) const { begin(0, position, call_.h_0, call_.c_0); }
  void restart(long t, long position) const {
    if (call_.reset[t * call_.batch + schedule_.row[position]]) begin(t, position, call_.fresh_h, call_.fresh_c);
  }
  // A row's state before step t.
  void begin(long t, long position, const void* from_h, const void* from_c) const {
    const long row = schedule_.row[position];
    T* h = rows_[t & 1] + position * row_ + before_;
    memcpy(h, in(from_h) + row * hidden_, hidden_ * sizeof(T));
    memset(h + hidden_, 0, (pitch_ - hidden_) * sizeof(T));
    if (!Cell::CELL_STATE) return;
    memcpy(c_ + position * pitch_, in(from_c) + row * hidden_, hidden_ * sizeof(T));
    memset(c_ + position * pitch_ + hidden_, 0, (pitch_ - hidden_) * sizeof(T));
  }

  void finish(long position) const {
    const long row = schedule_.row[position], length = schedule_.length[position];
    const T* h = rows_[length & 1] + position * row_ + before_;
    if (call_.h_n) memcpy(out(call_.h_n) + row * hidden_, h, hidden_ * sizeof(T));
    if (Cell::CELL_STATE && call_.c_n)
      memcpy(out(call_.c_n) + row * hidden_, c_ + position * pitch_, hidden_ * sizeof(T));
    for (long t = length; t < call_.time; t++)
      memset(out(call_.y) + t * call_.y_time + row * call_.y_row, 0, hidden_ * sizeof(T));
  }

  // WIDTH vectors of hidden units. `ahead`: the input's products of the first row, where they are made already.
  template <int ROWS, int WIDTH>
  __attribute__((noinline)) void tile(long t, long panel, long first, const T* old, const T* ahead) const {
    constexpr int SUMS = WIDTH * Cell::GATES;
    const T *bias = biases(panel), *weight = weights(panel), *row = old + first * row_ + before_;
    V sum[ROWS][SUMS], candidate[ROWS];
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < SUMS; v++) sum[m][v] = load((ahead ? ahead + m * ahead_panel_ : bias) + v * lanes<T>);
    if constexpr (Cell::CANDIDATE_APART) {
      if (!ahead) multiply<T, ROWS, SUMS>(sum, row - input_, row_, 1, weight, input_);
      for (int m = 0; m < ROWS; m++) {
        candidate[m] = sum[m][SUMS - 1];
        sum[m][SUMS - 1] = load(bias + SUMS * lanes<T>);
      }
      multiply<T, ROWS, SUMS>(sum, row, row_, 1, weight + input_ * SUMS * lanes<T>, hidden_);
    } else {
      const long made = ahead ? input_ : 0;
      multiply<T, ROWS, SUMS>(sum, row - input_ + made, row_, 1, weight + made * SUMS * lanes<T>, depth_ - made);
    }
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < WIDTH; v++)
        epilogue(t, first + m, (panel * UNITS + v) * lanes<T>, sum[m] + v * Cell::GATES, candidate[m]);
  }

  // One row's vector of units, from its gates' sums to the state after the step.
  inline __attribute__((always_inline)) void epilogue(long t, long position, long unit, const V* gate, V candidate) const {
    const long row = schedule_.row[position];
    T* saved = SAVE ? slots(t, row) + unit : nullptr;
    T* c = Cell::CELL_STATE ? c_ + position * pitch_ + unit : nullptr;
    const V h_old = load(rows_[t & 1] + position * row_ + before_ + unit);
    const V c_old = Cell::CELL_STATE && held_ ? load(c) : V{};
    V h = Cell::template forward<SAVE>(gate, candidate, h_old, c, saved, pitch_);
    if (held_) {
      if (SAVE && !Cell::CELL_STATE) store(saved + Cell::SLOTS * pitch_, h);
      h += load(in(call_.hold_h) + t * call_.hold_h_time + row * call_.hold_h_row + unit, hidden_ - unit) * (h_old - h);
      if constexpr (Cell::CELL_STATE) {
        V next = load(c);
        next += load(in(call_.hold_c) + t * call_.hold_c_time + row * call_.hold_c_row + unit, hidden_ - unit) * (c_old - next);
        store(c, next);
        if (SAVE) store(saved + Cell::SLOTS * pitch_, next);
      }
    }
    store(rows_[(t + 1) & 1] + position * row_ + before_ + unit, h);
    store(out(call_.y) + t * call_.y_time + row * call_.y_row + unit, h, hidden_ - unit);
  }
  T* slots(long t, long row) const { return out(call_.saved) + (t * call_.batch + row) * slots_ * pitch_; }
};

}  // namespace ELMAN_SET
