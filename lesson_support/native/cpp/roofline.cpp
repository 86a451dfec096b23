// Two limits: how fast three streams move, and how fast multiply-adds retire on one core.
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include "checks.h"
#include "lanes.h"

namespace {

using lanes::Lanes;
using torch::stable::Tensor;

// out = a · b from one element to another; the result goes past the caches, so that no line of out is read before
// it is overwritten.
void triad_part(const float* x, const float* y, float* h, int64_t i, int64_t end) {
  // A streamed store needs an aligned address, and pays off only when it fills whole 64-byte lines.
  constexpr int64_t LINE = 64, FLOATS = LINE / sizeof(float);
  for (; i < end && reinterpret_cast<std::uintptr_t>(h + i) % LINE != 0; ++i) {
    h[i] = x[i] * y[i];
  }
  for (; i + FLOATS <= end; i += FLOATS) {
    for (int64_t k = i; k < i + FLOATS; k += lanes::WIDTH) {
      lanes::stream(h + k, lanes::multiply(lanes::load(x + k), lanes::load(y + k)));
    }
  }
  for (; i < end; ++i) {
    h[i] = x[i] * y[i];
  }
  lanes::finish_stream();
}

// On as many threads as torch uses, each with one piece.
void triad(Tensor a, Tensor b, Tensor out) {
  lessons::require_float32(a, "a");
  lessons::require_float32(b, "b");
  lessons::require_float32(out, "out");
  lessons::require_same_shape(b, "b", a, "a");
  lessons::require_same_shape(out, "out", a, "a");
  const float* x = a.const_data_ptr<float>();
  const float* y = b.const_data_ptr<float>();
  float* h = out.mutable_data_ptr<float>();
  constexpr int64_t GRAIN = 1 << 16;  // less is not worth a thread
  const auto part = [=](int64_t begin, int64_t end) { triad_part(x, y, h, begin, end); };
  torch::stable::parallel_for(0, a.numel(), GRAIN, part);
}

template <int... chain>
void multiply_add(Lanes (&x)[sizeof...(chain)], int64_t rounds, Lanes factor, Lanes step,
                  std::integer_sequence<int, chain...>) {
  for (int64_t round = 0; round < rounds; ++round) {
    ((x[chain] = lanes::fma(x[chain], factor, step)), ...);
  }
}

// `rounds` steps x = x·1 + 1 in FREE independent chains, enough to hide the latency of a multiply-add.
// Returns the operations done and the mean of all chains, which start around 0 and so must end at `rounds`.
std::tuple<int64_t, double> fma_peak(int64_t rounds) {
  lessons::require(rounds >= 1 && rounds <= (1 << 22), "rounds = " + std::to_string(rounds) +
                                                           ": expected 1 to 4194304, where float32 counts exactly");
  // Volatile: the compiler must not know that the factor is one.
  volatile float one = 1.0f;
  const Lanes factor = lanes::all(one), step = lanes::all(one);
  // Different starts: equal chains would be merged into one.
  Lanes x[lanes::FREE];
  for (int chain = 0; chain < lanes::FREE; ++chain) {
    x[chain] = lanes::all(chain - (lanes::FREE - 1) / 2.0f);
  }
  multiply_add(x, rounds, factor, step, std::make_integer_sequence<int, lanes::FREE>{});

  double total = 0;
  for (int chain = 0; chain < lanes::FREE; ++chain) {
    float parts[lanes::WIDTH];
    lanes::store(parts, x[chain]);
    for (float part : parts) {
      total += part;
    }
  }
  constexpr int64_t CHAINS = int64_t{lanes::FREE} * lanes::WIDTH;
  return {2 * CHAINS * rounds, total / CHAINS};
}

// Which instructions this library was built for, and whether its triad streams.
std::string instructions() {
  return std::string(lanes::NAME) + (lanes::STREAMS ? ", streamed stores" : ", ordinary stores");
}

}  // namespace

STABLE_TORCH_LIBRARY(lessons_roofline, library) {
  library.def("triad(Tensor a, Tensor b, Tensor(a!) out) -> ()");
  library.def("fma_peak(int rounds) -> (int operations, float mean)");
  library.def("instructions() -> str");
}

STABLE_TORCH_LIBRARY_IMPL(lessons_roofline, CPU, library) {
  library.impl("triad", TORCH_BOX(&triad));
}

STABLE_TORCH_LIBRARY_IMPL(lessons_roofline, CompositeExplicitAutograd, library) {
  library.impl("fma_peak", TORCH_BOX(&fma_peak));
  library.impl("instructions", TORCH_BOX(&instructions));
}
