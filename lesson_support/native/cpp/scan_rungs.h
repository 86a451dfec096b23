// The scan h_t = a_t·h_{t−1} + b_t from zero, float32 rows of contiguous steps or steps of contiguous channels: the
// same recurrence several times, each time waiting for less. What the package runs is scan_along.h and scan_sweep.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "scan_registers.h"

namespace rungs {

using scan::Floats;
constexpr int LANES = scan::WIDTH<float>;

// `together` rows, a step of each before the next step of any. Within a row every step waits for the one before;
// between rows nobody waits, so `together` multiply-adds are under way at once. `state` is where they start and end.
template <int together>
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-slp-vectorize")))  // would gather rows into registers, and take them apart again
#endif
void rows(const float* a, const float* b, float* __restrict h, std::int64_t apart, std::int64_t steps, float* state) {
  float now[together];
#pragma GCC unroll 16
  for (int row = 0; row < together; ++row) {
    now[row] = state[row];
  }
  for (std::int64_t t = 0; t < steps; ++t) {
#pragma GCC unroll 16
    for (int row = 0; row < together; ++row) {
      now[row] = a[row * apart + t] * now[row] + b[row * apart + t];
      h[row * apart + t] = now[row];
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < together; ++row) {
    state[row] = now[row];
  }
}

// A step of all channels before the next step. Neighbouring channels are independent, so a register of them is one
// multiply-add. What the next step needs is read back from the row that was just written.
inline void channels(const float* a, const float* b, float* __restrict h, std::int64_t steps, std::int64_t count) {
  std::copy(b, b + count, h);
  for (std::int64_t at = count; at < steps * count; at += count) {
    const float* before = h + at - count;
    float* now = h + at;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < count; ++c) {
      now[c] = a[at + c] * before[c] + b[at + c];
    }
  }
}

// The same with the states in a buffer of their own, small enough for the first cache: nothing that was written is
// read again, so results may go past the caches. `count` is a multiple of LANES.
inline void channels_streamed(const float* a, const float* b, float* h, std::int64_t steps, std::int64_t count) {
  std::vector<float> state(count);
  for (std::int64_t t = 0; t < steps; ++t, a += count, b += count, h += count) {
    for (std::int64_t c = 0; c < count; c += LANES) {
      const Floats now = scan::load(a + c) * scan::load(&state[c]) + scan::load(b + c);
      scan::store(&state[c], now);
      scan::store(h + c, now, true);
    }
  }
}

// A scan of the LANES steps in a register, by log2(LANES) rounds: each lane joins what stands `by` lanes before it,
// or the identity (1, 0) where nothing does.
template <int by = 1>
SCAN_INLINE void kogge_stone(Floats& gates, Floats& states) {
  using Register = scan::Lanes<float, 1>;
  states += gates * Register::shift<by>(states, Floats{});
  gates *= Register::shift<by>(gates, Floats{} + 1.0f);
  if constexpr (2 * by < LANES) {
    kogge_stone<2 * by>(gates, states);
  }
}

// One row, LANES steps at a time. From register to register only `carry` is waited for: one multiply-add.
inline void registers(const float* a, const float* b, float* h, std::int64_t steps, bool streamed) {
  using Register = scan::Lanes<float, 1>;
  Floats carry{};
  std::int64_t t = 0;
  for (; t + LANES <= steps; t += LANES) {
    Floats gates = scan::load(a + t), states = scan::load(b + t);
    kogge_stone(gates, states);
    scan::store(h + t, gates * carry + states, streamed);
    carry = Register::last(gates) * carry + Register::last(states);
  }
  float state = carry[0];
  rows<1>(a + t, b + t, h + t, steps, steps - t, &state);
}

// One row as CHUNKS of them, side by side. What a chunk does to the state it meets is one gate and one input; from
// those follow the states at the borders; then every chunk goes again, from its true state. Five streams, not three.
constexpr int CHUNKS = 8;
inline void three_phases(const float* a, const float* b, float* __restrict h, std::int64_t steps) {
  // Not a round number: chunks a power of two apart would compete for the same sets of the first cache.
  std::int64_t chunk = steps / CHUNKS;
  chunk -= chunk < 64 ? 0 : (chunk - 16) % 64;
  float gate[CHUNKS], input[CHUNKS] = {}, start[CHUNKS], state = 0;
  std::fill(gate, gate + CHUNKS, 1.0f);
  for (std::int64_t t = 0; t < chunk; ++t) {
#pragma GCC unroll 16
    for (int k = 0; k < CHUNKS; ++k) {
      input[k] = a[k * chunk + t] * input[k] + b[k * chunk + t];
      gate[k] *= a[k * chunk + t];
    }
  }
  for (int k = 0; k < CHUNKS; ++k) {
    start[k] = state;
    state = gate[k] * state + input[k];
  }
  rows<CHUNKS>(a, b, h, chunk, chunk, start);
  const std::int64_t done = CHUNKS * chunk;
  rows<1>(a + done, b + done, h + done, steps, steps - done, &state);
}

// The work-efficient tree in place: totals of 2, 4, 8, … steps on the way up, then every prefix from the prefixes
// found before it. `gates` is room for as many gates, which the way up overwrites; `state` stands before the row.
inline void tree(const float* a, const float* b, float* h, std::int64_t steps, float* gates, float state) {
  std::copy(a, a + steps, gates);
  std::copy(b, b + steps, h);
  h[0] += gates[0] * state;
  std::int64_t by = 1;
  for (; 2 * by <= steps; by *= 2) {
    for (std::int64_t t = 2 * by - 1; t < steps; t += 2 * by) {
      h[t] += gates[t] * h[t - by];
      gates[t] *= gates[t - by];
    }
  }
  for (; by > 0; by /= 2) {
    for (std::int64_t t = 3 * by - 1; t < steps; t += 2 * by) {
      h[t] += gates[t] * h[t - by];
    }
  }
}

// The same joins with each level's totals side by side in `room`, 3 floats for each step: now neighbours join
// neighbours, and a compiler fills registers with pairs.
inline void packed_tree(const float* __restrict a, const float* __restrict b, float* __restrict h, std::int64_t steps,
                        float* __restrict room, float state) {
  h[0] = a[0] * state + b[0];
  if (steps == 1) {
    return;
  }
  const std::int64_t pairs = steps / 2;
  float *gates = room, *inputs = room + pairs, *ends = room + 2 * pairs;
#pragma GCC ivdep
  for (std::int64_t k = 0; k < pairs; ++k) {
    inputs[k] = a[2 * k + 1] * b[2 * k] + b[2 * k + 1];
    gates[k] = a[2 * k + 1] * a[2 * k];
  }
  packed_tree(gates, inputs, ends, pairs, room + 3 * pairs, state);
#pragma GCC ivdep
  for (std::int64_t k = 1; k < pairs; ++k) {
    h[2 * k - 1] = ends[k - 1];
    h[2 * k] = a[2 * k] * ends[k - 1] + b[2 * k];
  }
  h[2 * pairs - 1] = ends[pairs - 1];
  if (2 * pairs < steps) {
    h[2 * pairs] = a[2 * pairs] * ends[pairs - 1] + b[2 * pairs];
  }
}

// `rounds` times two operations of one cycle each, every one of which needs the one before.
inline std::uint64_t wait(std::int64_t rounds, std::uint64_t seed) {
  std::uint64_t x = seed + 2;
  for (std::int64_t round = 0; round < rounds; ++round) {
    x += x ^ seed;
  }
  return x;
}

}  // namespace rungs
