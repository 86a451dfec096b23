// A register whose lanes are steps: shifted, repeated, and scanned by itself in log2 rounds.
#pragma once

#include <utility>

#include "scan_math.h"

namespace scan {

// Lane i takes what is `by` lanes before it, in the direction of the walk, or `fill` where there is nothing.
template <int direction, int by, class Pack, class Bits, int... lane>
SCAN_INLINE Pack shifted(Pack x, Pack fill, Bits, std::integer_sequence<int, lane...>) {
  constexpr int FULL = sizeof...(lane);
#define SCAN_FROM (direction > 0 ? (lane < by ? lane : FULL + lane - by) : (lane + by < FULL ? FULL + lane + by : lane))
#if defined(__clang__)
  return __builtin_shufflevector(fill, x, SCAN_FROM...);
#else
  return __builtin_shuffle(fill, x, Bits{SCAN_FROM...});
#endif
#undef SCAN_FROM
}

template <int from, class Pack, class Bits, int... lane>
SCAN_INLINE Pack repeated(Pack x, Bits, std::integer_sequence<int, lane...>) {
#if defined(__clang__)
  return __builtin_shufflevector(x, x, (lane * 0 + from)...);
#else
  return __builtin_shuffle(x, Bits{(lane * 0 + from)...});
#endif
}

// The last lane of the group of `by` before the one that lane i is in; groups pair up.
template <int direction, int by, class Pack, class Bits, int... lane>
SCAN_INLINE Pack earlier(Pack x, Bits, std::integer_sequence<int, lane...>) {
#define SCAN_FROM \
  (direction > 0 ? (lane & by ? (lane & ~(by - 1)) - 1 : lane) : (lane & by ? lane : (lane | (by - 1)) + 1))
#if defined(__clang__)
  return __builtin_shufflevector(x, x, SCAN_FROM...);
#else
  return __builtin_shuffle(x, Bits{SCAN_FROM...});
#endif
#undef SCAN_FROM
}

template <class Element, int direction>
struct Lanes {
  using Pack = PackOf<Element>;
  using Bits = typename Kind<Element>::Bits;
  static constexpr int FULL = WIDTH<Element>, LAST = direction > 0 ? FULL - 1 : 0;
  using Sequence = std::make_integer_sequence<int, FULL>;

  template <int by>
  static SCAN_INLINE Pack shift(Pack x, Pack fill) {
    return shifted<direction, by>(x, fill, Bits{}, Sequence{});
  }

  // A bit for each lane in the later half of its group of 2·by.
  template <int by>
  static constexpr unsigned LATER = [] {
    unsigned lanes = 0;
    for (int lane = 0; lane < FULL; ++lane) {
      lanes |= unsigned{((lane & by) != 0) == (direction > 0)} << lane;
    }
    return lanes;
  }();

  // In each register, lane by lane, the gates' product and the state from zero, up to and with that lane. After a
  // round groups of 2·by lanes are done: in each, the later half took on the last lane of the earlier one. A round
  // waits for the one before, so registers go through the rounds side by side.
  template <int registers, int by = 1>
  static SCAN_INLINE void scan(Pack (&gates)[registers], Pack (&states)[registers]) {
#pragma GCC unroll 4
    for (int r = 0; r < registers; ++r) {
      const Pack state = earlier<direction, by>(states[r], Bits{}, Sequence{});
      const Pack product = earlier<direction, by>(gates[r], Bits{}, Sequence{});
      states[r] = multiply_add_where<LATER<by>>(gates[r], state, states[r]);
      gates[r] = multiply_where<LATER<by>>(gates[r], product);
    }
    if constexpr (2 * by < FULL) {
      scan<registers, 2 * by>(gates, states);
    }
  }

  // The walk's last lane, in all.
  static SCAN_INLINE Pack last(Pack x) { return repeated<LAST>(x, Bits{}, Sequence{}); }
};

}  // namespace scan
