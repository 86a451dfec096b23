// The loops of loops.rs: `Row` checks no index, `Checked` all of them. ivdep says that no round of the loop below
// it waits for another; Rust's &mut says more, that nothing overlaps h.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>

struct Row {
  float* first;
  size_t count;
  float& operator[](size_t i) const { return first[i]; }
};

struct Checked {
  float* first;
  size_t count;
  float& operator[](size_t i) const {
    if (i >= count) throw std::out_of_range("index");
    return first[i];
  }
};

template <class Row>
[[gnu::noinline]] void product(Row a, Row b, Row h, size_t n) {
#pragma GCC ivdep
  for (size_t t = 0; t < n; ++t) {
    h[t] = a[t] * b[t];
  }
}

template <class Row>
[[gnu::noinline]] void scan(Row a, Row b, Row h, size_t n) {
  float state = 0;
  for (size_t t = 0; t < n; ++t) {
    h[t] = state = a[t] * state + b[t];
  }
}

// h[t] += a[place], where b holds the places.
template <class Row>
[[gnu::noinline]] void gather(Row a, Row b, Row h, size_t n) {
#pragma GCC ivdep
  for (size_t t = 0; t < n; ++t) {
    uint32_t place;
    std::memcpy(&place, &b[t], sizeof place);
    h[t] += a[place];
  }
}

template <class Row>
[[gnu::noinline]] void gemm(Row a, Row b, Row h, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    for (size_t p = 0; p < n; ++p) {
#pragma GCC ivdep
      for (size_t j = 0; j < n; ++j) {
        h[i * n + j] += a[i * n + p] * b[p * n + j];
      }
    }
  }
}

#define FOR_C(name, kind, suffix)                                                                      \
  extern "C" void name##_##suffix(const kind& a, const kind& b, const kind& h, size_t n, size_t times) { \
    for (size_t time = 0; time < times; ++time) name(a, b, h, n);                                       \
  }
FOR_C(product, Row, plain)
FOR_C(product, Checked, checked)
FOR_C(scan, Row, plain)
FOR_C(scan, Checked, checked)
FOR_C(gather, Row, plain)
FOR_C(gather, Checked, checked)
FOR_C(gemm, Row, plain)
FOR_C(gemm, Checked, checked)
