// Step after step, each for all channels at once: the states of a strip stay in L1 while rows stream past. Right
// for any strides, and made for neighbouring channels. A walk backwards is a negative stride of the steps.
#pragma once

#include "scan_rows.h"

namespace scan {

constexpr std::int64_t STRIP = 4096;  // channels whose states take 16 or 32 KiB

// One step of neighbouring channels, `count` of them, whole registers only; from the last one if the steps lie in
// memory from the last one, so that the walk has one direction. `shared` is the gate of all if a is null.
template <bool log_gates, class Element>
void forward_row(const Element* a, PackOf<Element> shared, const Element* b, StateOf<Element>* state, Element* out,
                 std::int64_t count, bool streamed, bool down) {
  for (std::int64_t done = 0; done < count; done += WIDTH<Element>) {
    const std::int64_t c = down ? count - WIDTH<Element> - done : done;
    if (down) {
      fetch_before(a + c);
      fetch_before(b + c);
    }
    const PackOf<Element> factor = a == nullptr ? shared : gate(load(a + c), log_gates);
    const PackOf<Element> h = factor * load(state + c) + load(b + c);
    store(state + c, h);
    store(out + c, h, streamed);
  }
}

// The same of the gradients, from the step after to this one; `da` may be null.
template <bool log_gates, class Element>
void backward_row(const Element* grad, const Element* a, PackOf<Element> shared, const Element* before,
               StateOf<Element>* carried, Element* da, Element* db, std::int64_t count, bool streamed,
                  bool down) {
  for (std::int64_t done = 0; done < count; done += WIDTH<Element>) {
    const std::int64_t c = down ? count - WIDTH<Element> - done : done;
    if (down) {
      fetch_before(grad + c);
      fetch_before(a + c);
      fetch_before(before + c);
    }
    const PackOf<Element> factor = a == nullptr ? shared : gate(load(a + c), log_gates);
    const PackOf<Element> g = load(grad + c) + load(carried + c), onward = factor * g;
    store(carried + c, onward);
    store(db + c, g, streamed);
    if (da != nullptr) {
      store(da + c, (log_gates ? onward : g) * load(before + c), streamed);
    }
  }
}

template <class Element>
void sweep(const Forward<Element>& x, const Plan& plan, std::int64_t unit) {
  using Op = Forward<Element>;
  using Pack = PackOf<Element>;
  constexpr int FULL = WIDTH<Element>;
  const auto [first, channels, at] = place(plan, unit);
  const Strides &step = plan.steps.strides, &across = plan.channels.strides;
  alignas(LINE) StateOf<Element> state[STRIP + FULL];

  for (std::int64_t c = 0; c < channels; c += FULL) {
    const int count = std::min<std::int64_t>(FULL, channels - c);
    store(state + c, read_start<Element>(x.h0, at[Op::H0] + c * across[Op::H0], across[Op::H0], count));
  }
  const bool same_gate = across[Op::A] == 0;
  const bool neighbours = (same_gate || across[Op::A] == 1) && across[Op::B] == 1 && across[Op::OUT] == 1;
  const bool down = step[Op::OUT] < 0;
  const Element *a = x.a + at[Op::A], *b = x.b + at[Op::B];
  Element* out = x.out + at[Op::OUT];
  for (std::int64_t t = 0; t < plan.steps.size; ++t) {
    const Pack shared = same_gate ? gate(read(a, 0, FULL), x.log_gates) : Pack{};
    std::int64_t c = 0;
    if (neighbours) {
      c = channels / FULL * FULL;
      const Element* gates = same_gate ? nullptr : a;
      if (x.log_gates) {
        forward_row<true>(gates, shared, b, state, out, c, plan.streamed, down);
      } else {
        forward_row<false>(gates, shared, b, state, out, c, plan.streamed, down);
      }
    }
    for (; c < channels; c += FULL) {
      const int count = std::min<std::int64_t>(FULL, channels - c);
      const Pack factor =
          same_gate ? shared : gate(read(a + c * across[Op::A], across[Op::A], count), x.log_gates);
      const Pack h = factor * load(state + c) + read(b + c * across[Op::B], across[Op::B], count);
      store(state + c, h);
      write(out + c * across[Op::OUT], across[Op::OUT], count, h);
    }
    a += step[Op::A], b += step[Op::B], out += step[Op::OUT];
  }
  if (x.state != nullptr) {
    for (std::int64_t c = 0; c < channels; ++c) {
      x.state[at[Op::STATE] + c * across[Op::STATE]] = state[c];
    }
  }
}

template <class Element>
void sweep(const Backward<Element>& x, const Plan& plan, std::int64_t unit) {
  using Op = Backward<Element>;
  using Pack = PackOf<Element>;
  constexpr int FULL = WIDTH<Element>;
  const auto [first, channels, at] = place(plan, unit);
  const Strides &step = plan.steps.strides, &across = plan.channels.strides;
  alignas(LINE) StateOf<Element> carried[STRIP + FULL];  // gate·g of the step after

  for (std::int64_t c = 0; c < channels; c += FULL) {
    const int count = std::min<std::int64_t>(FULL, channels - c);
    const std::int64_t stride = across[Op::GRAD_STATE];
    store(carried + c, read_start<Element>(x.grad_state, at[Op::GRAD_STATE] + c * stride, stride, count));
  }
  const bool same_gate = across[Op::A] == 0;
  const bool neighbours = (same_gate || across[Op::A] == 1) && across[Op::GRAD] == 1 && across[Op::H] == 1 &&
                          across[Op::DB] == 1 && (x.da == nullptr || across[Op::DA] == 1);
  const bool down = step[Op::DB] > 0;
  const std::int64_t last = plan.steps.size - 1;
  const Element *grad = x.grad + at[Op::GRAD] + last * step[Op::GRAD], *a = x.a + at[Op::A] + last * step[Op::A];
  const Element* before = x.h + at[Op::H] + (last - 1) * step[Op::H];
  Element* da = x.da == nullptr ? nullptr : x.da + at[Op::DA] + last * step[Op::DA];
  Element* db = x.db + at[Op::DB] + last * step[Op::DB];
  for (std::int64_t t = last; t >= 0; --t) {
    const Pack shared = same_gate ? gate(read(a, 0, FULL), x.log_gates) : Pack{};
    std::int64_t c = 0;
    if (neighbours && t > 0) {
      c = channels / FULL * FULL;
      const Element* gates = same_gate ? nullptr : a;
      if (x.log_gates) {
        backward_row<true>(grad, gates, shared, before, carried, da, db, c, plan.streamed, down);
      } else {
        backward_row<false>(grad, gates, shared, before, carried, da, db, c, plan.streamed, down);
      }
    }
    for (; c < channels; c += FULL) {
      const int count = std::min<std::int64_t>(FULL, channels - c);
      const Pack factor =
          same_gate ? shared : gate(read(a + c * across[Op::A], across[Op::A], count), x.log_gates);
      const Pack g = read(grad + c * across[Op::GRAD], across[Op::GRAD], count) + load(carried + c);
      const Pack onward = factor * g;
      store(carried + c, onward);
      write(db + c * across[Op::DB], across[Op::DB], count, g);
      if (da != nullptr) {
        const Pack h = t > 0 ? read(before + c * across[Op::H], across[Op::H], count)
                             : read_start<Element>(x.h0, at[Op::H0] + c * across[Op::H0], across[Op::H0], count);
        write(da + c * across[Op::DA], across[Op::DA], count, (x.log_gates ? onward : g) * h);
      }
    }
    grad -= step[Op::GRAD], a -= step[Op::A], before -= step[Op::H];
    da -= da == nullptr ? 0 : step[Op::DA], db -= step[Op::DB];
  }
  if (x.dh0 != nullptr) {
    for (std::int64_t c = 0; c < channels; ++c) {
      x.dh0[at[Op::DH0] + c * across[Op::DH0]] = carried[c];
    }
  }
}

}  // namespace scan
