// What a scan reads and writes besides its rows of steps: where it starts from, and where it ends.
#pragma once

#include "scan_math.h"
#include "scan_plan.h"

namespace scan {

// h0 or grad_state: in the dtype of the rows or in that of the state; zeros where it is not there.
struct Start {
  const void* data = nullptr;
  bool wide = true;
};

template <class Element>
SCAN_INLINE PackOf<Element> read_start(Start from, std::int64_t offset, std::int64_t stride, int count) {
  if (from.data == nullptr) {
    return PackOf<Element>{};
  }
  if (from.wide) {
    return read(static_cast<const StateOf<Element>*>(from.data) + offset, stride, count);
  }
  return read(static_cast<const Element*>(from.data) + offset, stride, count);
}

// h_t = a_t·h_{t−1} + b_t. The numbers index a Plan's strides.
template <class Element>
struct Forward {
  enum { A, B, H0, OUT, STATE };
  static constexpr int RESULT = OUT;
  const Element *a, *b;
  Start h0;
  Element* out;
  StateOf<Element>* state;  // or null
  bool log_gates;
};

// g_t = grad_t + a_{t+1}·g_{t+1} and what follows from it. `da` and `dh0` may be null.
template <class Element>
struct Backward {
  enum { GRAD, GRAD_STATE, A, H, H0, DA, DB, DH0 };
  static constexpr int RESULT = DB;
  const Element *grad, *a, *h;
  Start grad_state, h0;
  Element *da, *db;
  StateOf<Element>* dh0;
  bool log_gates;
};

}  // namespace scan
