// How the operands of a scan lie in memory, reduced to one axis of steps, one of channels, and the other axes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <torch/csrc/stable/tensor.h>

namespace scan {

constexpr int OPERANDS = 8;  // at most; an operand that is not there has strides of 0
using Strides = std::array<std::int64_t, OPERANDS>;

struct Axis {
  std::int64_t size = 1;
  Strides strides{};
};

struct Plan {
  Axis steps, channels;
  std::vector<Axis> others;
  std::int64_t strip = 1, strips = 1;  // channels taken together, and how many such strips there are
  std::int64_t units = 1;              // strips of all other rows: what threads share among themselves
  bool streamed = false;               // whether results go past the caches
};

// Where unit `unit` begins: its first channel, and the offset of each operand's first step.
struct Place {
  std::int64_t first, channels;
  Strides offsets;
};

inline Place place(const Plan& plan, std::int64_t unit) {
  Place found{unit % plan.strips * plan.strip, 0, {}};
  found.channels = std::min(plan.strip, plan.channels.size - found.first);
  std::int64_t rest = unit / plan.strips;
  for (int i = 0; i < OPERANDS; ++i) {
    found.offsets[i] = found.first * plan.channels.strides[i];
  }
  for (auto axis = plan.others.rbegin(); axis != plan.others.rend(); ++axis) {
    const std::int64_t index = rest % axis->size;
    rest /= axis->size;
    for (int i = 0; i < OPERANDS; ++i) {
      found.offsets[i] += index * axis->strides[i];
    }
  }
  return found;
}

// Two axes of which one continues the other in every operand are one.
inline bool continues(const Axis& outer, const Axis& inner) {
  for (int i = 0; i < OPERANDS; ++i) {
    if (outer.strides[i] != inner.strides[i] * inner.size) {
      return false;
    }
  }
  return true;
}

// The plan of operands whose rows have these axes; `result` is the operand whose memory is walked in order.
inline Plan planned(Axis steps, std::vector<Axis>& rows, int result) {
  Plan plan;
  plan.steps = steps;
  std::size_t count = 0;  // of axes that matter, moved to the front, long strides first
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size != 1) {
      std::size_t place = count++;
      const Axis axis = rows[i];
      for (; place > 0 && rows[place - 1].strides[result] < axis.strides[result]; --place) {
        rows[place] = rows[place - 1];
      }
      rows[place] = axis;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0 && continues(plan.channels, rows[i])) {
      plan.channels = {plan.channels.size * rows[i].size, rows[i].strides};
      continue;
    }
    if (i > 0) {
      plan.others.push_back(plan.channels);
    }
    plan.channels = rows[i];
  }
  return plan;
}

}  // namespace scan
