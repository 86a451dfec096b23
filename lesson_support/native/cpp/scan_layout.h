// From tensors to a plan: which of the two walks fits them, how it is cut into units, and who works on which.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include "lanes.h"
#include "scan_along.h"
#include "scan_sweep.h"

namespace scan {
namespace {  // hidden, as tensors are

using torch::stable::Tensor;

constexpr std::int64_t GRAIN = 1 << 15;  // elements that are worth another thread, as in torch

// Results of this many bytes go past the caches: nobody reads all of them before the last ones push out the first.
constexpr std::int64_t BEYOND_CACHES = 4 << 20;

// One operand of a scan while it is laid out: rows of steps, or one value a row.
struct Operand {
  const Tensor* tensor;
  bool has_steps, written;
};

// Which of the two walks fits, and how it goes: `along` where the steps are neighbours in every operand.
struct Layout {
  Plan plan;
  bool along;
};

Layout laid_out(std::initializer_list<Operand> given, int result, std::int64_t dim, std::int64_t element_bytes) {
  const Operand* operands = given.begin();
  const Tensor& model = *operands[result].tensor;
  const std::int64_t rows = model.dim() - 1;
  std::vector<Axis> axes(rows);
  Axis steps{model.size(dim), {}};
  for (std::int64_t axis = 0; axis < rows; ++axis) {
    axes[axis].size = model.size(axis + (axis >= dim));
  }
  bool along = steps.size > 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto [tensor, has_steps, written] = operands[i];
    if (tensor == nullptr) {
      continue;
    }
    for (std::int64_t axis = 0; axis < rows; ++axis) {
      axes[axis].strides[i] = tensor->stride(axis + (has_steps && axis >= dim));
    }
    if (has_steps) {
      const std::int64_t stride = steps.strides[i] = tensor->stride(dim);
      along &= stride == 1 || (stride == 0 && !written);
    }
  }
  Layout layout{planned(steps, axes, result), along};
  Plan& plan = layout.plan;
  std::int64_t others = 1;
  for (const Axis& axis : plan.others) {
    others *= axis.size;
  }
  if (!along) {  // strips that fit L1, and enough of them for every thread
    constexpr std::int64_t LEAST = 512;
    const std::int64_t shares = others == 1 ? torch::stable::get_num_threads() : 1;
    const std::int64_t share = (plan.channels.size + shares - 1) / shares;
    plan.strip = std::min(STRIP, std::max(LEAST, (share + LEAST - 1) / LEAST * LEAST));
  }
  plan.strips = (plan.channels.size + plan.strip - 1) / plan.strip;
  plan.units = others * plan.strips;

  plan.streamed = model.numel() * element_bytes >= BEYOND_CACHES;
  for (std::size_t i = 0; i < given.size() && plan.streamed && !along; ++i) {
    if (operands[i].tensor != nullptr && operands[i].has_steps && operands[i].written) {
      const auto on_line = [&](const Axis& axis) { return axis.strides[i] * element_bytes % LINE == 0; };
      plan.streamed &= reinterpret_cast<std::uintptr_t>(operands[i].tensor->const_data_ptr()) % LINE == 0 &&
                       on_line(plan.steps) && std::all_of(plan.others.begin(), plan.others.end(), on_line);
    }
  }
  return layout;
}

// `forwards`: whether the steps are walked in the order of their addresses.
template <class Scan>
void run(const Scan& x, const Layout& layout, bool forwards) {
  const Plan& plan = layout.plan;
  const std::int64_t elements = std::max<std::int64_t>(1, plan.steps.size * std::min(plan.strip, plan.channels.size));
  const auto units = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t place = begin; place < end; ++place) {
      const std::int64_t unit = forwards ? place : begin + end - 1 - place;
      if (!layout.along) {
        sweep(x, plan, unit);
      } else if (forwards) {
        along<1>(x, plan, unit);
      } else {
        along<-1>(x, plan, unit);
      }
    }
    if (plan.streamed) {
      lanes::finish_stream();  // each thread its own stores
    }
  };
  const std::int64_t grain = (GRAIN + elements - 1) / elements;
  if (plan.units <= grain) {
    units(0, plan.units);
  } else {
    torch::stable::parallel_for(0, plan.units, grain, units);
  }
}

// A walk backwards through a sweep starts at the last step, with the stride negated; `along` knows directions.
template <class Pointer>
void turn(Plan& plan, int operand, Pointer& data) {
  std::int64_t& stride = plan.steps.strides[operand];
  if (data != nullptr) {
    data += (plan.steps.size - 1) * stride;
  }
  stride = -stride;
}

}  // namespace
}  // namespace scan
