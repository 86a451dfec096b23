// out = a · b in three orders of the same n·m·k multiply-adds; a is n×k, b is k×m, out is n×m, all row-major.
// Each sum over p runs from p = 0 upwards, and strict float arithmetic forbids the compiler to regroup it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gemm {

// One dot product after another. `sum` is a chain in which every step waits for the one before, and the walk down
// a column of b takes one float from each line of memory. The terms of a sum may not be added in another order: a
// compiler may form two products at once, but adds them one by one. And since out might be part of b, for all it
// knows (no __restrict), it may not exchange the loops either.
inline void ijp(const float* a, const float* b, float* out, int64_t n, int64_t m, int64_t k) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      float sum = 0;
      for (int64_t p = 0; p < k; ++p) {
        sum += a[i * k + p] * b[p * m + j];
      }
      out[i * m + j] = sum;
    }
  }
}

// Multiples of rows of b, added onto rows of out. Neighbours in j belong to different sums, so a compiler may and
// does take a register full of them at once. __restrict promises that writing out changes no b, so that it may
// also take two rows of b in one pass over a row of out.
inline void ipj(const float* a, const float* b, float* __restrict out, int64_t n, int64_t m, int64_t k) {
  std::fill(out, out + n * m, 0.0f);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t p = 0; p < k; ++p) {
      const float factor = a[i * k + p];
      for (int64_t j = 0; j < m; ++j) {
        out[i * m + j] += factor * b[p * m + j];
      }
    }
  }
}

// ipj with vector instructions forbidden: one float at a time. Not a rung, but a control.
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-vectorize")))
#endif
inline void ipj_scalar(const float* a, const float* b, float* __restrict out, int64_t n, int64_t m, int64_t k) {
  std::fill(out, out + n * m, 0.0f);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t p = 0; p < k; ++p) {
      const float factor = a[i * k + p];
#if defined(__clang__)
#pragma clang loop vectorize(disable)
#endif
      for (int64_t j = 0; j < m; ++j) {
        out[i * m + j] += factor * b[p * m + j];
      }
    }
  }
}

// i-p-j within tiles: a tile of b serves `tile` rows of a before the next one comes, and is small enough to stay
// in a cache meanwhile, if its rows do not compete for the same places there: they are m floats apart in memory.
inline void blocked(const float* a, const float* b, float* __restrict out, int64_t n, int64_t m, int64_t k,
                    int64_t tile) {
  std::fill(out, out + n * m, 0.0f);
  for (int64_t i0 = 0; i0 < n; i0 += tile) {
    for (int64_t p0 = 0; p0 < k; p0 += tile) {
      for (int64_t j0 = 0; j0 < m; j0 += tile) {
        const int64_t i1 = std::min(i0 + tile, n), p1 = std::min(p0 + tile, k), j1 = std::min(j0 + tile, m);
        for (int64_t i = i0; i < i1; ++i) {
          for (int64_t p = p0; p < p1; ++p) {
            const float factor = a[i * k + p];
            for (int64_t j = j0; j < j1; ++j) {
              out[i * m + j] += factor * b[p * m + j];
            }
          }
        }
      }
    }
  }
}

}  // namespace gemm
