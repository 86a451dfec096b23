// The linear scan h_t = a_t·h_{t−1} + b_t and its gradients, each in one pass over memory, for any strides.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // as fast here, where registers are written out by hand, and sooner compiled
#endif
#include <cstdint>
#include <optional>
#include <string>

#include <torch/csrc/stable/library.h>

#include "checks.h"
#include "scan_layout.h"

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

const Tensor* pointer(const std::optional<Tensor>& tensor) { return tensor ? &*tensor : nullptr; }

template <class Element>
const Element* data(const Tensor& tensor) {
  return static_cast<const Element*>(tensor.const_data_ptr());
}

template <class Element>
Element* result(const Tensor& tensor) {
  return static_cast<Element*>(tensor.mutable_data_ptr());
}

scan::Start start(const std::optional<Tensor>& tensor, ScalarType rows) {
  return tensor ? scan::Start{tensor->const_data_ptr(), tensor->scalar_type() != rows} : scan::Start{};
}

template <class Element>
void forward_of(const Tensor& a, const Tensor& b, const std::optional<Tensor>& h0, const Tensor& out,
                const std::optional<Tensor>& state, std::int64_t dim, bool reverse, bool log_gates) {
  using Scan = scan::Forward<Element>;
  scan::Layout layout = scan::laid_out(
      {{&a, true, false},
       {&b, true, false},
       {pointer(h0), false, false},
       {&out, true, true},
       {pointer(state), false, true}},
      Scan::RESULT, dim, sizeof(Element));
  Scan x{data<Element>(a), data<Element>(b), start(h0, b.scalar_type()), result<Element>(out),
         state ? result<scan::StateOf<Element>>(*state) : nullptr, log_gates};
  if (reverse && !layout.along && layout.plan.steps.size > 0) {
    scan::turn(layout.plan, Scan::A, x.a);
    scan::turn(layout.plan, Scan::B, x.b);
    scan::turn(layout.plan, Scan::OUT, x.out);
  }
  scan::run(x, layout, !reverse);
}

template <class Element>
void backward_of(const Tensor& grad, const std::optional<Tensor>& grad_state, const Tensor& a, const Tensor& h,
                 const std::optional<Tensor>& h0, const std::optional<Tensor>& da, const Tensor& db,
                 const std::optional<Tensor>& dh0, bool reverse, bool log_gates) {
  using Scan = scan::Backward<Element>;
  scan::Layout layout = scan::laid_out({{&grad, true, false},
                                     {pointer(grad_state), false, false},
                                     {&a, true, false},
                                     {&h, true, false},
                                     {pointer(h0), false, false},
                                     {pointer(da), true, true},
                                     {&db, true, true},
                                     {pointer(dh0), false, true}},
                                    Scan::RESULT, h.dim() - 1, sizeof(Element));
  Scan x{data<Element>(grad),
         data<Element>(a),
         data<Element>(h),
         start(grad_state, h.scalar_type()),
         start(h0, h.scalar_type()),
         da ? result<Element>(*da) : nullptr,
         result<Element>(db),
         dh0 ? result<scan::StateOf<Element>>(*dh0) : nullptr,
         log_gates};
  if (reverse && !layout.along && layout.plan.steps.size > 0) {
    scan::turn(layout.plan, Scan::GRAD, x.grad);
    scan::turn(layout.plan, Scan::A, x.a);
    scan::turn(layout.plan, Scan::H, x.h);
    scan::turn(layout.plan, Scan::DA, x.da);
    scan::turn(layout.plan, Scan::DB, x.db);
  }
  scan::run(x, layout, reverse);
}

// The check of a border that only the package's own code crosses: what a kernel would read must be there.
void require_operand(const Tensor& tensor, const char* name, const Tensor& model, bool has_steps, bool wide) {
  const ScalarType dtype = model.scalar_type();
  const ScalarType state = dtype == ScalarType::Double ? dtype : ScalarType::Float;
  bool fits = tensor.is_cpu() && tensor.dim() == model.dim() - !has_steps &&
              (tensor.scalar_type() == (has_steps ? dtype : state) ||
               (!has_steps && !wide && tensor.scalar_type() == dtype));
  for (std::int64_t axis = 0; fits && axis < tensor.dim(); ++axis) {
    fits = tensor.size(axis) == model.size(axis);
  }
  lessons::require(fits, std::string(name) + " does not fit a scan of shape " + lessons::shape_of(model));
}

void require_operand(const std::optional<Tensor>& tensor, const char* name, const Tensor& model, bool wide) {
  if (tensor) {
    require_operand(*tensor, name, model, false, wide);
  }
}

template <class Call>
void for_dtype(ScalarType dtype, Call call) {
  switch (dtype) {
    case ScalarType::Float:
      return call(float{});
    case ScalarType::Double:
      return call(double{});
    case ScalarType::BFloat16:
      return call(scan::BFloat16{});
    case ScalarType::Half:
      return call(scan::Float16{});
    default:
      lessons::require(false, std::string("b has dtype ") + torch::headeronly::toString(dtype) +
                                  ": expected Float, Double, BFloat16 or Half");
  }
}

void forward(Tensor a, Tensor b, std::optional<Tensor> h0, Tensor out, Tensor state, bool reverse, bool log_gates) {
  lessons::require(b.dim() >= 1, "b has no dimension: expected the steps as the last one");
  require_operand(a, "a", b, true, false);
  require_operand(out, "out", b, true, false);
  require_operand(h0, "h0", b, false);
  require_operand(state, "state", b, false, true);
  for_dtype(b.scalar_type(), [&](auto element) {
    forward_of<decltype(element)>(a, b, h0, out, state, b.dim() - 1, reverse, log_gates);
  });
}

// The bytes from the first to the last element; nothing for an empty tensor.
struct Extent {
  std::uintptr_t first, end;
  Extent(const Tensor& tensor, std::int64_t element_bytes)
      : first(reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr())), end(first) {
    std::int64_t last = 0;
    for (std::int64_t axis = 0; axis < tensor.dim(); ++axis) {
      if (tensor.size(axis) == 0) {
        return;
      }
      last += (tensor.size(axis) - 1) * tensor.stride(axis);
    }
    end = first + (last + 1) * element_bytes;
  }
};

// The whole of a scan from zero along `dim` into a contiguous `out`. False, with nothing written, unless all is in
// order: whoever called then finds out why.
bool direct(Tensor a, Tensor b, Tensor out, int64_t dim, bool reverse, bool log_gates) {
  const std::int64_t rank = b.dim();
  const ScalarType dtype = b.scalar_type();
  if (dim < -rank || dim >= rank || a.dim() != rank || out.dim() != rank || !out.is_contiguous() ||
      a.scalar_type() != dtype || out.scalar_type() != dtype || !a.is_cpu() || !b.is_cpu() || !out.is_cpu()) {
    return false;
  }
  for (std::int64_t axis = 0; axis < rank; ++axis) {
    if (a.size(axis) != b.size(axis) || out.size(axis) != b.size(axis)) {
      return false;
    }
  }
  const auto [bytes, known] = [&]() -> std::pair<std::int64_t, bool> {
    switch (dtype) {
      case ScalarType::Float:
        return {4, true};
      case ScalarType::Double:
        return {8, true};
      case ScalarType::BFloat16:
      case ScalarType::Half:
        return {2, true};
      default:
        return {0, false};
    }
  }();
  if (!known) {
    return false;
  }
  const Extent written(out, bytes);
  for (const Tensor* input : {&a, &b}) {
    const Extent read(*input, bytes);
    if (read.first < written.end && written.first < read.end) {
      return false;
    }
  }
  for_dtype(dtype, [&](auto element) {
    const std::int64_t axis = dim < 0 ? dim + rank : dim;
    forward_of<decltype(element)>(a, b, std::nullopt, out, std::nullopt, axis, reverse, log_gates);
  });
  return true;
}

void backward(Tensor grad, std::optional<Tensor> grad_state, Tensor a, Tensor h, std::optional<Tensor> h0,
              std::optional<Tensor> da, Tensor db, std::optional<Tensor> dh0, bool reverse, bool log_gates) {
  lessons::require(h.dim() >= 1, "h has no dimension: expected the steps as the last one");
  require_operand(grad, "grad", h, true, false);
  require_operand(grad_state, "grad_state", h, true);
  require_operand(a, "a", h, true, false);
  require_operand(h0, "h0", h, false);
  if (da) {
    require_operand(*da, "da", h, true, false);
  }
  require_operand(db, "db", h, true, false);
  require_operand(dh0, "dh0", h, true);
  for_dtype(h.scalar_type(), [&](auto element) {
    backward_of<decltype(element)>(grad, grad_state, a, h, h0, da, db, dh0, reverse, log_gates);
  });
}

}  // namespace

STABLE_TORCH_LIBRARY(lessons_scan, library) {
  library.def(
      "forward(Tensor a, Tensor b, Tensor? h0, Tensor(a!) out, Tensor(b!) state, bool reverse, bool log_gates) -> ()");
  library.def(
      "direct(Tensor a, Tensor b, Tensor(a!) out, int dim, bool reverse, bool log_gates) -> bool");
  library.def(
      "backward(Tensor grad, Tensor? grad_state, Tensor a, Tensor h, Tensor? h0, Tensor(a!)? da, Tensor(b!) db, "
      "Tensor(c!)? dh0, bool reverse, bool log_gates) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(lessons_scan, CPU, library) {
  library.impl("forward", TORCH_BOX(&forward));
  library.impl("direct", TORCH_BOX(&direct));
  library.impl("backward", TORCH_BOX(&backward));
}
