// All steps of a cell: products and epilogue fused, each worker its own rows from the first step to the last.
//
// Where a worker has few rows, a step has little to do with each weight that it reads. Then the input's products of some
// steps ahead are made together, AHEAD tokens at a time, so that W_ih is read once for all of them.
//
// A norm needs all of a row's products. There input and state have products of their own, the input's made ahead, and one
// pass over a row does the norm and the epilogues.
#pragma once
#include "cells.h"
#include "norm.h"
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
  const bool held_ = call_.hold_h != nullptr, normed_ = call_.gain_hh != nullptr;
  const long vectors_ = (hidden_ + lanes<T> - 1) / lanes<T>, panels_count_ = (vectors_ + UNITS - 1) / UNITS;
  // A row holds x, up against h: one product over both. h begins at a cache line, `before_` elements from the start.
  const long before_ = elman::padded(input_), row_ = elman::row_pitch<T>(before_ + pitch_);
  const long ahead_row_ = elman::row_pitch<T>(input_), panel_ = UNITS * Cell::GATES * lanes<T>;
  // A row of products: vectors of units, of each all gates.
  const long products_row_ = elman::row_pitch<T>(panels_count_ * panel_);
  const long ahead_tokens_ = normed_ ? std::max(AHEAD, schedule_.count(0)) : AHEAD;
  // Weights lie in the order in which a step reads them, without a gap: after one a core reads its cache at half the speed
  // (measured at batch 1). So a panel's rows for x are followed by those for h where a step reads both; where products
  // are made ahead, all panels for h follow all those for x.
  const bool apart_;
  T *panels_, *bias_, *rows_[2], *c_, *inputs_, *ahead_, *norms_, *products_;

 public:
  Forward(const elman_call& call, elman::Arena& arena) : call_(call), schedule_(call), apart_(steps_ahead(0) > 0) {
    panels_ = arena.take<T>(panels_count_ * UNITS * Cell::GATES * lanes<T> * depth_);
    bias_ = arena.take<T>(panels_count_ * UNITS * BIASES * lanes<T>);
    for (T*& rows : rows_) rows = arena.take<T>(call.batch * row_);
    c_ = arena.take<T>(Cell::CELL_STATE ? call.batch * pitch_ : 0);
    const long tokens = steps_ahead(0) ? schedule_.threads() * ahead_tokens_ : 0;
    inputs_ = arena.take<T>(tokens * ahead_row_);
    ahead_ = arena.take<T>(tokens * products_row_);
    norms_ = arena.take<T>(normed_ ? 6 * products_row_ : 0);
    products_ = arena.take<T>(normed_ ? call.batch * products_row_ : 0);
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
  T* weights_x(long panel) const { return panels_ + panel * panel_ * (apart_ ? input_ : depth_); }
  T* weights_h(long panel) const {
    return apart_ ? panels_ + panels_count_ * panel_ * input_ + panel * panel_ * hidden_
                  : weights_x(panel) + input_ * units(panel) * Cell::GATES * lanes<T>;
  }
  T* biases(long panel) const { return bias_ + panel * UNITS * BIASES * lanes<T>; }
  // Of the input's product and of the state's: bias, then the norm's gain and shift, each as a row of products.
  enum Side { INPUT = 0, STATE = 3 };
  T* norm(Side side, int which) const { return norms_ + (side + which) * products_row_; }

  void pack_panel(long panel) const {
    const long width = units(panel) * Cell::GATES;
    const T *bias_ih = in(call_.bias_ih), *bias_hh = in(call_.bias_hh);
    T* bias = biases(panel);
    for (long vector = 0; vector < width; vector++) {
      const long gate = Cell::GATES == 1 ? 0 : vector, unit = (panel * UNITS + (Cell::GATES == 1 ? vector : 0)) * lanes<T>;
      const long count = std::min<long>(lanes<T>, hidden_ - unit), first = gate * hidden_ + unit;
      pack_transposed(weights_x(panel), width, vector, in(call_.weight_ih), first, count, input_);
      pack_transposed(weights_h(panel), width, vector, in(call_.weight_hh), first, count, hidden_);
      if (normed_) {
        const void* rows[] = {call_.bias_ih, call_.gain_ih, call_.shift_ih, call_.bias_hh, call_.gain_hh, call_.shift_hh};
        for (int i = 0; i < 6; i++)
          store(norms_ + i * products_row_ + panel * panel_ + vector * lanes<T>, load(in(rows[i]) + first, count));
      }
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
    if (normed_ && rows) return std::max(1l, AHEAD / rows);
    if (schedule_.count(0) > FEW_ROWS || input_ < WIDE_INPUT || call_.time == 1 || !rows) return 0;
    return AHEAD / rows;
  }

  // A thread has the panels first_panel .. last_panel, and with a norm its share of the tokens.
  void project(int worker, const elman::Team* team, long t, long steps, long first_panel, long last_panel) const {
    const long begin = schedule_.token(worker, t), end = schedule_.token(worker, std::min(t + steps, call_.time));
    T* const inputs = inputs_ + (team ? team->member : worker) * ahead_tokens_ * ahead_row_;
    auto tokens = [&](long first, long last, const auto& visit) {
      for (long step = t, token = 0; token < last; step++)
        for (long i = 0, running = schedule_.running(worker, step); i < running; i++, token++)
          if (token >= first && token < last) visit(token, step, schedule_.row[schedule_.first[worker] + i]);
    };
    tokens(0, end - begin, [&](long token, long step, long row) {
      memcpy(inputs + token * ahead_row_, in(call_.x) + step * call_.x_time + row * call_.x_row, input_ * sizeof(T));
    });
    for (long panel = first_panel; panel < last_panel; panel++)
      products(panel, inputs, ahead_row_, end - begin, normed_ ? norm(INPUT, 0) + panel * panel_ : biases(panel),
               weights_x(panel), input_, projected(worker, panel, 0));
    if (!normed_) return;
    if (team) team->wait();
    long first = 0, last = end - begin;
    if (team) elman::span(end - begin, team->member, team->size, first, last);
    Normed rows[SOME];
    long waiting = 0;
    tokens(first, last, [&](long token, long step, long row) {
      rows[waiting++] = {step, row, projected(worker, 0, token)};
      if (waiting < SOME) return;
      normalised(INPUT, rows, waiting);
      waiting = 0;
    });
    normalised(INPUT, rows, waiting);
  }
  T* projected(int worker, long panel, long token) const {
    return ahead_ + (worker * ahead_tokens_ + token) * products_row_ + panel * panel_;
  }

  // to = bias + from times `depth` rows of a panel's weights, for `count` rows.
  void products(long panel, const T* from, long from_row, long count, const T* bias, const T* weight, long depth, T* to) const {
    with_width(units(panel), [&]<int WIDTH>() {
      constexpr int SUMS = WIDTH * Cell::GATES;
      if constexpr (WIDTH <= UNITS)
        over_rows<rows_of(SUMS)>(0, count, [&]<int ROWS>(long at) {
          product_tile<ROWS, SUMS>(from + at * from_row, from_row, bias, weight, depth, to + at * products_row_);
        });
    });
  }
  template <int ROWS, int SUMS>
  __attribute__((noinline)) void product_tile(const T* from, long from_row, const T* bias, const T* weight, long depth,
                                              T* to) const {
    V sum[ROWS][SUMS];
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < SUMS; v++) sum[m][v] = load(bias + v * lanes<T>);
    multiply<T, ROWS, SUMS>(sum, from, from_row, 1, weight, depth);
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < SUMS; v++) store(to + m * products_row_ + v * lanes<T>, sum[m][v]);
  }

  // Rows of products through their norm, in place. Saved after the cell's own slots: values, then one slot of scales.
  struct Normed {
    long t, row;
    T* product;
  };
  static constexpr int SOME = NORMED_ROWS;
  void normalised(Side side, const Normed* rows, long count) const {
    long i = 0;
    for (; i + SOME <= count; i += SOME) normalised<SOME>(side, rows + i);
    for (; i < count; i++) normalised<1>(side, rows + i);
  }
  template <int ROWS>
  void normalised(Side side, const Normed* rows) const {
    const long slot = Cell::SLOTS + held_, place = side == STATE, block = Cell::GATES * pitch_;
    T *product[ROWS], *saved[ROWS] = {}, *values[ROWS] = {}, inverse[ROWS];
    for (int m = 0; m < ROWS; m++) {
      product[m] = rows[m].product;
      if (!SAVE) continue;
      saved[m] = slots(rows[m].t, rows[m].row) + slot * pitch_;
      values[m] = saved[m] + place * block;
    }
    normalise<T, Cell::GATES, ROWS>(product, norm(side, 1), norm(side, 2), hidden_, values, pitch_, inverse);
    if (SAVE)
      for (int m = 0; m < ROWS; m++) saved[m][2 * block + place] = inverse[m];
  }
  // A row's step from its products with the state and with the input, both normalised already.
  void normed_row(long t, long position, const T* product, const T* from_x) const {
    for (long vector = 0; vector < vectors_; vector++) {
      V gate[Cell::GATES], candidate = {};
      for (int g = 0; g < Cell::GATES; g++) {
        const long at = (vector * Cell::GATES + g) * lanes<T>;
        gate[g] = load(product + at);
        if (Cell::CANDIDATE_APART && g == Cell::GATES - 1)
          candidate = load(from_x + at);
        else
          gate[g] += load(from_x + at);
      }
      epilogue(t, position, vector * lanes<T>, gate, candidate);
    }
  }
  // Step t of a worker's rows, or of a team's; `token`: the first row's input among those made ahead.
  void normed_step(int worker, const elman::Team* team, long t, long running, long token, long first_panel,
                   long last_panel) const {
    const long first = schedule_.first[worker];
    for (long panel = first_panel; panel < last_panel; panel++)
      products(panel, rows_[t & 1] + first * row_ + before_, row_, running, norm(STATE, 0) + panel * panel_,
               weights_h(panel), hidden_, products_ + first * products_row_ + panel * panel_);
    if (team) team->wait();
    long from = 0, to = running;
    if (team) elman::span(running, team->member, team->size, from, to);
    for (long i = from; i < to; i += SOME) {
      Normed rows[SOME];
      const long count = std::min<long>(SOME, to - i);
      for (long m = 0; m < count; m++)
        rows[m] = {t, schedule_.row[first + i + m], products_ + (first + i + m) * products_row_};
      normalised(STATE, rows, count);
      for (long m = 0; m < count; m++) normed_row(t, first + i + m, rows[m].product, projected(worker, 0, token + i + m));
    }
  }

  // A worker's rows through all steps, or with a team this thread's part of the hidden units of all rows.
  void steps(int worker, const elman::Team* team) const {
    const long first = schedule_.first[worker], count = schedule_.count(worker), steps = steps_ahead(worker);
    const bool leads = !team || team->member == 0;
    long first_panel = 0, last_panel = panels_count_;
    if (team) elman::span(panels_count_, team->member, team->size, first_panel, last_panel);
    if (leads)
      for (long position = first; position < first + count; position++) start(position);
    if (team) team->wait();
    for (long t = 0, running; (running = schedule_.running(worker, t)) > 0; t++) {
      const T* old = rows_[t & 1];
      if (steps && t % steps == 0) project(worker, team, t, steps, first_panel, last_panel);
      const long token = steps ? schedule_.token(worker, t) - schedule_.token(worker, t - t % steps) : -1;
      if (!steps && leads)
        for (long position = first; position < first + running; position++)
          memcpy(rows_[t & 1] + position * row_ + before_ - input_,
                 in(call_.x) + t * call_.x_time + schedule_.row[position] * call_.x_row, input_ * sizeof(T));
      if (call_.reset && leads)
        for (long position = first; position < first + running; position++) restart(t, position);
      if ((!steps || call_.reset) && team) team->wait();
      if (normed_) normed_step(worker, team, t, running, token, first_panel, last_panel);
      for (long panel = normed_ ? last_panel : first_panel; panel < last_panel; panel++) {
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
    const T *bias = biases(panel), *row = old + first * row_ + before_;
    V sum[ROWS][SUMS], candidate[ROWS];
    for (int m = 0; m < ROWS; m++)
      for (int v = 0; v < SUMS; v++) sum[m][v] = load((ahead ? ahead + m * products_row_ : bias) + v * lanes<T>);
    if constexpr (Cell::CANDIDATE_APART) {
      if (!ahead) multiply<T, ROWS, SUMS>(sum, row - input_, row_, 1, weights_x(panel), input_);
      for (int m = 0; m < ROWS; m++) {
        candidate[m] = sum[m][SUMS - 1];
        sum[m][SUMS - 1] = load(bias + SUMS * lanes<T>);
      }
      multiply<T, ROWS, SUMS>(sum, row, row_, 1, weights_h(panel), hidden_);
    } else {
      const long made = ahead ? input_ : 0;
      multiply<T, ROWS, SUMS>(sum, row - input_ + made, row_, 1, ahead ? weights_h(panel) : weights_x(panel), depth_ - made);
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
