// The rungs of scan_rungs.h as operators on contiguous float32 tensors; one thread.
#include <algorithm>
#include <cstdint>
#include <string>

#include <torch/csrc/stable/library.h>

#include "checks.h"
#include "lanes.h"
#include "scan_rungs.h"

namespace {

using torch::stable::Tensor;

// a, b and h as pointers, and h's sizes: rows of steps, or batches of steps of channels.
struct Operands {
  const float *a, *b;
  float* h;
  std::int64_t outer, steps, channels;
};

Operands operands(const Tensor& a, const Tensor& b, const Tensor& h, std::int64_t dims) {
  lessons::require_float32(a, "a");
  lessons::require_float32(b, "b");
  lessons::require_float32(h, "h");
  lessons::require(b.dim() == dims, "b has shape " + lessons::shape_of(b) + ": expected " +
                                        (dims == 2 ? "(rows, steps)" : "(batch, steps, channels)"));
  lessons::require_same_shape(a, "a", b, "b");
  lessons::require_same_shape(h, "h", b, "b");
  Operands x{a.const_data_ptr<float>(), b.const_data_ptr<float>(), h.mutable_data_ptr<float>(),
             b.size(0), b.size(1), dims == 3 ? b.size(2) : 1};
  const std::int64_t count = b.numel();
  for (const float* input : {x.a, x.b}) {
    lessons::require(x.h >= input + count || input >= x.h + count, "h overlaps a or b: expected memory of its own");
  }
  return x;
}

// Whether each of these floats begins a line, so that whole lines can be streamed.
bool on_lines(const float* h, std::int64_t every) {
  return reinterpret_cast<std::uintptr_t>(h) % scan::LINE == 0 && every % (scan::LINE / sizeof(float)) == 0;
}

template <int together>
std::int64_t rows_from(const Operands& x, std::int64_t row) {
  for (; row + together <= x.outer; row += together) {
    float state[together] = {};
    const std::int64_t at = row * x.steps;
    rungs::rows<together>(x.a + at, x.b + at, x.h + at, x.steps, x.steps, state);
  }
  return row;
}

void rows(Tensor a, Tensor b, Tensor h, std::int64_t together) {
  const Operands x = operands(a, b, h, 2);
  std::int64_t row = 0;
  switch (together) {
    case 1: break;
    case 2: row = rows_from<2>(x, 0); break;
    case 3: row = rows_from<3>(x, 0); break;
    case 4: row = rows_from<4>(x, 0); break;
    case 6: row = rows_from<6>(x, 0); break;
    case 8: row = rows_from<8>(x, 0); break;
    case 12: row = rows_from<12>(x, 0); break;
    case 16: row = rows_from<16>(x, 0); break;
    default:
      lessons::require(false, "together = " + std::to_string(together) + ": expected 1, 2, 3, 4, 6, 8, 12 or 16");
  }
  rows_from<1>(x, row);
}

void channels(Tensor a, Tensor b, Tensor h, bool streamed) {
  const Operands x = operands(a, b, h, 3);
  const bool past = streamed && on_lines(x.h, x.channels);
  for (std::int64_t batch = 0; batch < (x.steps * x.channels == 0 ? 0 : x.outer); ++batch) {
    const std::int64_t at = batch * x.steps * x.channels;
    const auto walk = past ? rungs::channels_streamed : rungs::channels;
    walk(x.a + at, x.b + at, x.h + at, x.steps, x.channels);
  }
  lanes::finish_stream();
}

void registers(Tensor a, Tensor b, Tensor h, bool streamed) {
  const Operands x = operands(a, b, h, 2);
  const bool past = streamed && on_lines(x.h, x.steps);
  for (std::int64_t at = 0; at < x.outer * x.steps; at += x.steps) {
    rungs::registers(x.a + at, x.b + at, x.h + at, x.steps, past);
  }
  lanes::finish_stream();
}

void three_phases(Tensor a, Tensor b, Tensor h) {
  const Operands x = operands(a, b, h, 2);
  for (std::int64_t at = 0; at < x.outer * x.steps; at += x.steps) {
    rungs::three_phases(x.a + at, x.b + at, x.h + at, x.steps);
  }
}

// Blocks of a row one after another, each swept up and down before the next, with `room` for one.
void tree(Tensor a, Tensor b, Tensor h, std::int64_t block, bool packed, Tensor room) {
  const Operands x = operands(a, b, h, 2);
  lessons::require_float32(room, "room");
  lessons::require(block > 0, "block = " + std::to_string(block) + ": expected 1 or more");
  const std::int64_t each = packed ? 3 : 1, needed = each * std::min(block, x.steps);
  lessons::require(room.numel() >= needed, "room has " + std::to_string(room.numel()) + " floats: expected " +
                                               std::to_string(needed) + ", " + std::to_string(each) +
                                               " for each step of a block");
  float* place = room.mutable_data_ptr<float>();
  for (const float* other : {x.a, x.b, static_cast<const float*>(x.h)}) {
    lessons::require(place + room.numel() <= other || other + b.numel() <= place,
                     "room overlaps a, b or h: expected memory of its own");
  }
  const auto sweep = packed ? rungs::packed_tree : rungs::tree;
  for (std::int64_t row = 0; row < x.outer; ++row) {
    float state = 0;
    for (std::int64_t t = 0; t < x.steps; t += block) {
      const std::int64_t at = row * x.steps + t, count = std::min(block, x.steps - t);
      sweep(x.a + at, x.b + at, x.h + at, count, place, state);
      state = x.h[at + count - 1];
    }
  }
}

// Two dependent operations of one cycle for each round; the result depends on all of them.
std::int64_t wait(std::int64_t rounds) {
  volatile std::uint64_t seed = 5;
  return static_cast<std::int64_t>(rungs::wait(rounds, seed) >> 1);
}

}  // namespace

STABLE_TORCH_LIBRARY(lessons_scan_rungs, library) {
  library.def("rows(Tensor a, Tensor b, Tensor(a!) h, int together) -> ()");
  library.def("channels(Tensor a, Tensor b, Tensor(a!) h, bool streamed) -> ()");
  library.def("registers(Tensor a, Tensor b, Tensor(a!) h, bool streamed) -> ()");
  library.def("three_phases(Tensor a, Tensor b, Tensor(a!) h) -> ()");
  library.def("tree(Tensor a, Tensor b, Tensor(a!) h, int block, bool packed, Tensor(b!) room) -> ()");
  library.def("wait(int rounds) -> int");
}

STABLE_TORCH_LIBRARY_IMPL(lessons_scan_rungs, CPU, library) {
  library.impl("rows", TORCH_BOX(&rows));
  library.impl("channels", TORCH_BOX(&channels));
  library.impl("registers", TORCH_BOX(&registers));
  library.impl("three_phases", TORCH_BOX(&three_phases));
  library.impl("tree", TORCH_BOX(&tree));
}

STABLE_TORCH_LIBRARY_IMPL(lessons_scan_rungs, CompositeExplicitAutograd, library) {
  library.impl("wait", TORCH_BOX(&wait));
}
