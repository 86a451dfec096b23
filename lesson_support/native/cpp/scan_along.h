// One row after another whose steps are neighbours in memory: a register takes many steps at once and scans them by
// itself, in log2 rounds of shifts. Between registers only the last state is carried.
#pragma once

#include <algorithm>

#include "scan_registers.h"
#include "scan_rows.h"

namespace scan {

constexpr int SIDE_BY_SIDE = BYTES == 64 ? 4 : 2;  // registers of steps; with 16 registers in all, more would spill

// A row of steps that are neighbours, or one value for all of them.
template <class Element>
struct Row {
  const Element* data;
  bool steps;
  PackOf<Element> value;  // where there is only one

  Row(const Element* from, std::int64_t stride, std::int64_t count)
      : data(from),
        steps(stride != 0),
        value(steps || count == 0 ? PackOf<Element>{} : read(from, 0, WIDTH<Element>)) {}
  SCAN_INLINE PackOf<Element> at(std::int64_t step) const { return steps ? load(data + step) : value; }
  SCAN_INLINE PackOf<Element> at(std::int64_t step, int count) const { return read(data + steps * step, steps, count); }
};

// How many steps to take one by one until whole lines of `to`, of which `count` elements are left, can be streamed.
template <int direction, class Element>
std::int64_t until_line(const Element* to, std::int64_t count) {
  const auto address = reinterpret_cast<std::uintptr_t>(direction > 0 ? to : to + count);
  const std::int64_t over = address % LINE / sizeof(Element);
  return std::min<std::int64_t>(direction < 0 || over == 0 ? over : LINE / sizeof(Element) - over, count);
}

template <int direction, class Element>
void along(const Forward<Element>& x, const Plan& plan, std::int64_t unit) {
  using Op = Forward<Element>;
  using Pack = PackOf<Element>;
  using Register = Lanes<Element, direction>;
  constexpr int FULL = WIDTH<Element>;
  const Strides at = place(plan, unit).offsets, &step = plan.steps.strides;
  const Row<Element> a(x.a + at[Op::A], step[Op::A], plan.steps.size), b(x.b + at[Op::B], step[Op::B], plan.steps.size);
  Element* out = x.out + at[Op::OUT];
  StateOf<Element> h = read_start<Element>(x.h0, at[Op::H0], 0, 1)[0];
  std::int64_t left = plan.steps.size;
  const auto next = [&](int count) { return direction > 0 ? plan.steps.size - left : left - count; };

  const auto one_by_one = [&](std::int64_t steps) {
    for (int count; steps > 0; steps -= count, left -= count) {
      count = std::min<std::int64_t>(FULL, steps);
      const std::int64_t from = next(count);
      const Pack gates = gate(a.at(from, count), x.log_gates);
      Pack states = b.at(from, count);
      for (int i = 0; i < count; ++i) {
        const int lane = direction > 0 ? i : count - 1 - i;
        h = gates[lane] * h + states[lane];
        states[lane] = h;
      }
      write(out + from, 1, count, states);
    }
  };

  const bool streamed = plan.streamed, log_gates = x.log_gates;
  one_by_one(streamed ? until_line<direction>(out, left) : 0);
  Pack carry = Pack{} + h;
  const auto side_by_side = [&]<int registers>(std::integral_constant<int, registers>) {
    for (; left >= registers * FULL; left -= registers * FULL) {
      Pack gates[registers], states[registers];
#pragma GCC unroll 4
      for (int r = 0; r < registers; ++r) {
        const std::int64_t from = next(FULL) + r * direction * FULL;
        gates[r] = gate(a.at(from), log_gates);
        states[r] = b.at(from);
        if constexpr (direction < 0) {
          fetch_before(a.data + from);
          fetch_before(b.data + from);
        }
      }
      Register::scan(gates, states);
#pragma GCC unroll 4
      for (int r = 0; r < registers; ++r) {
        store(out + next(FULL) + r * direction * FULL, gates[r] * carry + states[r], streamed);
        carry = Register::last(gates[r]) * carry + Register::last(states[r]);  // waits for no shift
      }
    }
  };
  side_by_side(std::integral_constant<int, SIDE_BY_SIDE>{});
  side_by_side(std::integral_constant<int, 1>{});
  h = carry[0];
  one_by_one(left);
  if (x.state != nullptr) {
    x.state[at[Op::STATE]] = h;
  }
}

// `direction` is that of this walk, against the scan's: it carries gate·g from a step to the one before.
template <int direction, class Element>
void along(const Backward<Element>& x, const Plan& plan, std::int64_t unit) {
  using Op = Backward<Element>;
  using Pack = PackOf<Element>;
  using Register = Lanes<Element, direction>;
  constexpr int FULL = WIDTH<Element>;
  const Strides at = place(plan, unit).offsets, &step = plan.steps.strides;
  const Row<Element> grad(x.grad + at[Op::GRAD], step[Op::GRAD], plan.steps.size);
  const Row<Element> a(x.a + at[Op::A], step[Op::A], plan.steps.size), h(x.h + at[Op::H], step[Op::H], plan.steps.size);
  Element *da = x.da == nullptr ? nullptr : x.da + at[Op::DA], *db = x.db + at[Op::DB];
  const StateOf<Element> h0 = read_start<Element>(x.h0, at[Op::H0], 0, 1)[0];
  StateOf<Element> carried = read_start<Element>(x.grad_state, at[Op::GRAD_STATE], 0, 1)[0];
  std::int64_t left = plan.steps.size;
  const auto next = [&](int count) { return direction > 0 ? plan.steps.size - left : left - count; };

  // The states before `count` steps, of those the first of all if `first`: before it stands h0.
  const auto before = [&](std::int64_t from, int count, bool first) {
    if (!first) {
      return count == FULL ? h.at(from + direction) : h.at(from + direction, count);
    }
    Pack found{};
    for (int i = 0; i < count; ++i) {
      const bool start = i == (direction > 0 ? count - 1 : 0);
      found[i] = start ? h0 : h.at(from + i + direction, 1)[0];
    }
    return found;
  };

  const auto one_by_one = [&](std::int64_t steps) {
    for (int count; steps > 0; steps -= count, left -= count) {
      count = std::min<std::int64_t>(FULL, steps);
      const std::int64_t from = next(count);
      const Pack gates = gate(a.at(from, count), x.log_gates);
      Pack g = grad.at(from, count), onward = g;
      for (int i = 0; i < count; ++i) {
        const int lane = direction > 0 ? i : count - 1 - i;
        g[lane] += carried;
        carried = gates[lane] * g[lane];
        onward[lane] = carried;
      }
      if (da != nullptr) {
        write(da + from, 1, count, (x.log_gates ? onward : g) * before(from, count, left == count));
      }
      write(db + from, 1, count, g);
    }
  };

  one_by_one(plan.streamed ? until_line<direction>(db, left) : 0);
  const bool streamed = plan.streamed && (as<std::uintptr_t>(da) - as<std::uintptr_t>(db)) % LINE == 0;
  const bool log_gates = x.log_gates;
  Pack carry = Pack{} + carried;
  const auto side_by_side = [&]<int registers>(std::integral_constant<int, registers>) {
    for (; left >= registers * FULL; left -= registers * FULL) {
      Pack gates[registers], arrived[registers], onward[registers];
#pragma GCC unroll 4
      for (int r = 0; r < registers; ++r) {
        const std::int64_t from = next(FULL) + r * direction * FULL;
        gates[r] = gate(a.at(from), log_gates);
        arrived[r] = grad.at(from);
        if constexpr (direction < 0) {
          fetch_before(a.data + from);
          fetch_before(grad.data + from);
          fetch_before(h.data + from);
        }
        onward[r] = gates[r] * arrived[r];
      }
      Register::scan(gates, onward);
#pragma GCC unroll 4
      for (int r = 0; r < registers; ++r) {
        const std::int64_t from = next(FULL) + r * direction * FULL;
        const Pack entering = carry;
        carry = Register::last(gates[r]) * carry + Register::last(onward[r]);  // waits for no shift
        onward[r] = gates[r] * entering + onward[r];
        const Pack g = arrived[r] + Register::template shift<1>(onward[r], entering);
        if (da != nullptr) {
          store(da + from, (log_gates ? onward[r] : g) * before(from, FULL, left == (r + 1) * FULL), streamed);
        }
        store(db + from, g, streamed);
      }
    }
  };
  side_by_side(std::integral_constant<int, SIDE_BY_SIDE>{});
  side_by_side(std::integral_constant<int, 1>{});
  carried = carry[0];
  one_by_one(left);
  if (x.dh0 != nullptr) {
    x.dh0[at[Op::DH0]] = carried;
  }
}

}  // namespace scan
