// out = a · b from packed panels: a tile of out stays in registers while panels of a and b stream past it.
// The parts and their names follow BLIS: micro-kernel, panels, and three block sizes for three levels of cache.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lanes.h"

namespace gemm {

using lanes::Lanes;

// The tile of out: 12×32 floats with AVX-512, 6×16 with AVX, 12×8 with NEON. Its ROWS·2 registers, two of b and one
// or two of a fill the register file; ROWS·2 independent sums also hide the latency of a multiply-add.
constexpr int VECTORS = 2, ROWS = lanes::FREE / VECTORS, COLUMNS = VECTORS * lanes::WIDTH;

// A panel of b, DEPTH×COLUMNS, stays in L1 (at most 32 KiB) for all panels of a block of a; that block,
// HEIGHT×DEPTH = 192 KiB, stays in L2 for all panels of b; those, DEPTH×WIDTH ≤ 2 MiB, come from L2 or L3.
constexpr int64_t DEPTH = 256, HEIGHT = 192, WIDTH = 2048;
static_assert(HEIGHT % ROWS == 0 && WIDTH % COLUMNS == 0);

// A matrix of any strides: element (i, j) is data[i·down + j·right].
struct Strided {
  const float* data;
  int64_t down, right;
  Strided from(int64_t i, int64_t j) const { return {data + i * down + j * right, down, right}; }
  Strided transposed() const { return {data, right, down}; }
};

// Panels of LINES rows, the last one filled up with zeros. In a panel the LINES elements of one column are
// neighbours, so that whoever walks along the columns reads memory in order. Strides may be any: they end here.
template <int LINES>
void pack(Strided from, int64_t rows, int64_t columns, float* to) {
  for (int64_t first = 0; first < rows; first += LINES, to += LINES * columns) {
    const auto [data, down, right] = from.from(first, 0);
    const int64_t lines = std::min<int64_t>(LINES, rows - first);
    // The same loops three times: with a stride known to be 1, the compiler moves whole registers or unrolls.
    if (lines == LINES && down == 1) {
      for (int64_t p = 0; p < columns; ++p) {
        std::copy_n(data + p * right, LINES, to + p * LINES);
      }
    } else if (lines == LINES && right == 1) {
      for (int64_t p = 0; p < columns; ++p) {
        for (int line = 0; line < LINES; ++line) {
          to[p * LINES + line] = data[line * down + p];
        }
      }
    } else {
      for (int64_t p = 0; p < columns; ++p) {
        for (int line = 0; line < LINES; ++line) {
          to[p * LINES + line] = line < lines ? data[line * down + p * right] : 0.0f;
        }
      }
    }
  }
}

// The micro-kernel: one tile of out = panel of a · panel of b, added to what is there unless that is `fresh`. The
// loops over the tile must unroll completely: a register has no index, and `sum` would else live in memory.
inline void multiply_panels(const float* a, const float* b, int64_t depth, float* out, int64_t stride, bool fresh) {
  Lanes sum[ROWS][VECTORS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; ++v) {
      sum[i][v] = lanes::all(0.0f);
    }
  }
  for (int64_t p = 0; p < depth; ++p, a += ROWS, b += COLUMNS) {
    const Lanes right[VECTORS] = {lanes::load(b), lanes::load(b + lanes::WIDTH)};
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i) {
      const Lanes left = lanes::all(a[i]);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; ++v) {
        sum[i][v] = lanes::fma(left, right[v], sum[i][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; ++v) {
      float* to = out + i * stride + v * lanes::WIDTH;
      lanes::store(to, fresh ? sum[i][v] : lanes::load(to) + sum[i][v]);
    }
  }
}

// A tile that sticks out over the right or lower edge is computed in a buffer of its full size.
inline void multiply_edge(const float* a, const float* b, int64_t depth, float* out, int64_t stride, bool fresh,
                          int64_t rows, int64_t columns) {
  float tile[ROWS * COLUMNS] = {};
  for (int64_t i = 0; i < rows && !fresh; ++i) {
    std::copy_n(out + i * stride, columns, tile + i * COLUMNS);
  }
  multiply_panels(a, b, depth, tile, COLUMNS, fresh);
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(tile + i * COLUMNS, columns, out + i * stride);
  }
}

// One line of a cache, so that panels start on one.
struct alignas(64) Line {
  float floats[16];
};

// Room for `count` floats that the thread keeps for its next product: fresh pages cost as much as small products.
inline float* room(std::vector<Line>& kept, int64_t count) {
  const size_t lines = (count + 15) / 16;
  if (kept.size() < lines) {
    kept.resize(lines);
  }
  return kept.data()->floats;
}

inline int64_t round_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

inline void packed(Strided a, Strided b, float* out, int64_t n, int64_t m, int64_t k) {
  thread_local std::vector<Line> kept_of_a, kept_of_b;
  float* block = room(kept_of_a, round_up(std::min(n, HEIGHT), ROWS) * std::min(k, DEPTH));
  float* panels = room(kept_of_b, round_up(std::min(m, WIDTH), COLUMNS) * std::min(k, DEPTH));

  if (k == 0) {
    std::fill(out, out + n * m, 0.0f);
  }
  for (int64_t j0 = 0; j0 < m; j0 += WIDTH) {
    const int64_t columns = std::min(WIDTH, m - j0);
    for (int64_t p0 = 0; p0 < k; p0 += DEPTH) {
      const int64_t depth = std::min(DEPTH, k - p0);
      const bool fresh = p0 == 0;
      pack<COLUMNS>(b.from(p0, j0).transposed(), columns, depth, panels);
      for (int64_t i0 = 0; i0 < n; i0 += HEIGHT) {
        const int64_t rows = std::min(HEIGHT, n - i0);
        pack<ROWS>(a.from(i0, p0), rows, depth, block);
        for (int64_t j = 0; j < columns; j += COLUMNS) {
          for (int64_t i = 0; i < rows; i += ROWS) {
            const float *left = block + i * depth, *right = panels + j * depth;
            float* tile = out + (i0 + i) * m + j0 + j;
            if (i + ROWS <= rows && j + COLUMNS <= columns) {
              multiply_panels(left, right, depth, tile, m, fresh);
            } else {
              multiply_edge(left, right, depth, tile, m, fresh, std::min<int64_t>(ROWS, rows - i),
                            std::min<int64_t>(COLUMNS, columns - j));
            }
          }
        }
      }
    }
  }
}

}  // namespace gemm
