// One matrix product, four ways: three plain orders of loops, and packed panels around a micro-kernel.
#include <cstdint>
#include <string>
#include <tuple>

#include <torch/csrc/stable/library.h>

#include "checks.h"
#include "gemm_loops.h"
#include "gemm_packed.h"

namespace {

using torch::stable::Tensor;

// The bytes from the first to the last element, both included; nothing for an empty tensor.
struct Extent {
  const float *first, *end;
  explicit Extent(const Tensor& tensor) : first(tensor.const_data_ptr<float>()), end(first) {
    if (tensor.numel() > 0) {
      end = first + (tensor.size(0) - 1) * tensor.stride(0) + (tensor.size(1) - 1) * tensor.stride(1) + 1;
    }
  }
};

void require_apart(const Tensor& out, const Tensor& input, const std::string& name) {
  const Extent written(out), read(input);
  lessons::require(written.first >= read.end || read.first >= written.end,
                   "out overlaps " + name + " in memory: expected an output of its own");
}

struct Sizes {
  int64_t n, m, k;
};

// (n, k), (k, m) and (n, m), or an error that names the argument that does not fit.
Sizes require_product(const Tensor& a, const Tensor& b, const Tensor& out) {
  lessons::require(a.dim() == 2, "a has shape " + lessons::shape_of(a) + ": expected two dimensions, (n, k)");
  lessons::require(b.dim() == 2 && b.size(0) == a.size(1),
                   "b has shape " + lessons::shape_of(b) + ": expected (k, m) with k = " +
                       std::to_string(a.size(1)) + ", the columns of a");
  lessons::require(out.dim() == 2 && out.size(0) == a.size(0) && out.size(1) == b.size(1),
                   "out has shape " + lessons::shape_of(out) + ": expected (n, m) = (" +
                       std::to_string(a.size(0)) + ", " + std::to_string(b.size(1)) + ")");
  require_apart(out, a, "a");
  require_apart(out, b, "b");
  return {a.size(0), b.size(1), a.size(1)};
}

Sizes require_rows(const Tensor& a, const Tensor& b, const Tensor& out) {
  lessons::require_float32(a, "a");
  lessons::require_float32(b, "b");
  lessons::require_float32(out, "out");
  return require_product(a, b, out);
}

void ijp(Tensor a, Tensor b, Tensor out) {
  const auto [n, m, k] = require_rows(a, b, out);
  gemm::ijp(a.const_data_ptr<float>(), b.const_data_ptr<float>(), out.mutable_data_ptr<float>(), n, m, k);
}

void ipj(Tensor a, Tensor b, Tensor out) {
  const auto [n, m, k] = require_rows(a, b, out);
  gemm::ipj(a.const_data_ptr<float>(), b.const_data_ptr<float>(), out.mutable_data_ptr<float>(), n, m, k);
}

void ipj_scalar(Tensor a, Tensor b, Tensor out) {
  const auto [n, m, k] = require_rows(a, b, out);
  gemm::ipj_scalar(a.const_data_ptr<float>(), b.const_data_ptr<float>(), out.mutable_data_ptr<float>(), n, m, k);
}

void blocked(Tensor a, Tensor b, Tensor out, int64_t tile) {
  const auto [n, m, k] = require_rows(a, b, out);
  lessons::require(tile >= 1, "tile = " + std::to_string(tile) + ": expected 1 or more");
  gemm::blocked(a.const_data_ptr<float>(), b.const_data_ptr<float>(), out.mutable_data_ptr<float>(), n, m, k, tile);
}

gemm::Strided strided(const Tensor& x) { return {x.const_data_ptr<float>(), x.stride(0), x.stride(1)}; }

void packed(Tensor a, Tensor b, Tensor out) {
  lessons::require_float32(out, "out");
  const auto [n, m, k] = require_product(a, b, out);
  gemm::packed(strided(a), strided(b), out.mutable_data_ptr<float>(), n, m, k);
}

// The tile of out that stays in registers, as rows and columns.
std::tuple<int64_t, int64_t> register_tile() { return {gemm::ROWS, gemm::COLUMNS}; }

}  // namespace

STABLE_TORCH_LIBRARY(lessons_gemm, library) {
  library.def("ijp(Tensor a, Tensor b, Tensor(a!) out) -> ()");
  library.def("ipj(Tensor a, Tensor b, Tensor(a!) out) -> ()");
  library.def("ipj_scalar(Tensor a, Tensor b, Tensor(a!) out) -> ()");
  library.def("blocked(Tensor a, Tensor b, Tensor(a!) out, int tile) -> ()");
  library.def("packed(Tensor a, Tensor b, Tensor(a!) out) -> ()");
  library.def("register_tile() -> (int rows, int columns)");
}

STABLE_TORCH_LIBRARY_IMPL(lessons_gemm, CPU, library) {
  library.impl("ijp", TORCH_BOX(&ijp));
  library.impl("ipj", TORCH_BOX(&ipj));
  library.impl("ipj_scalar", TORCH_BOX(&ipj_scalar));
  library.impl("blocked", TORCH_BOX(&blocked));
  library.impl("packed", TORCH_BOX(&packed));
}

STABLE_TORCH_LIBRARY_IMPL(lessons_gemm, CompositeExplicitAutograd, library) {
  library.impl("register_tile", TORCH_BOX(&register_tile));
}
