// Arithmetic on registers that their types do not bring: exponentials, and operations on some lanes only.
#pragma once

#include <cmath>

#include "scan_packs.h"

namespace scan {

// eˣ, about one unit off at most: x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for eʳ (coefficients of Cephes'
// expf), and 2ⁿ in two factors, so that results beyond the normal numbers come out as denormals, zero and infinity.
SCAN_INLINE Floats exponential(Floats x) {
  constexpr float MAGIC = 0x1.8p23f;  // added, it leaves the nearest whole number in the last bits
  const Words low = as<Words>(x < -110.0f), high = as<Words>(x > 100.0f);  // both false for NaN
  const Words inside = ~(low | high);
  const Words lowest = as<Words>(Floats{} - 110.0f), highest = as<Words>(Floats{} + 100.0f);
  x = as<Floats>((low & lowest) | (high & highest) | (inside & as<Words>(x)));
  const Floats shifted = x * 0x1.715476p+0f + MAGIC;
  const Floats n = shifted - MAGIC;
  const Floats r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Words exponent = as<Words>(shifted) - as<Words>(Floats{} + MAGIC) + 256u;  // n + 256: never negative
  const Words half = exponent >> 1;
  return p * as<Floats>((half - 1u) << 23) * as<Floats>((exponent - half - 1u) << 23);
}

SCAN_INLINE Doubles exponential(Doubles x) {
  for (int i = 0; i < WIDTH<double>; ++i) {
    x[i] = std::exp(x[i]);
  }
  return x;
}

template <class Pack>
SCAN_INLINE Pack gate(Pack a, bool log_gates) {
  return log_gates ? exponential(a) : a;
}

// x·y + z, or x·y, in the lanes that `lanes` names, one bit each; z, or x, in the others.
#if defined(__AVX512F__)
template <unsigned lanes>
SCAN_INLINE Floats multiply_add_where(Floats x, Floats y, Floats z) {
  return as<Floats>(_mm512_mask3_fmadd_ps(as<__m512>(x), as<__m512>(y), as<__m512>(z), lanes));
}
template <unsigned lanes>
SCAN_INLINE Floats multiply_where(Floats x, Floats y) {
  return as<Floats>(_mm512_mask_mul_ps(as<__m512>(x), lanes, as<__m512>(x), as<__m512>(y)));
}
template <unsigned lanes>
SCAN_INLINE Doubles multiply_add_where(Doubles x, Doubles y, Doubles z) {
  return as<Doubles>(_mm512_mask3_fmadd_pd(as<__m512d>(x), as<__m512d>(y), as<__m512d>(z), lanes));
}
template <unsigned lanes>
SCAN_INLINE Doubles multiply_where(Doubles x, Doubles y) {
  return as<Doubles>(_mm512_mask_mul_pd(as<__m512d>(x), lanes, as<__m512d>(x), as<__m512d>(y)));
}
#else
template <unsigned lanes, class Pack>
SCAN_INLINE Pack chosen(Pack x, Pack otherwise) {
  Pack some = otherwise;
  for (unsigned lane = 0; lane < sizeof(x) / sizeof(x[0]); ++lane) {
    if (lanes >> lane & 1) {
      some[lane] = x[lane];
    }
  }
  return some;
}
template <unsigned lanes, class Pack>
SCAN_INLINE Pack multiply_add_where(Pack x, Pack y, Pack z) {
  return chosen<lanes>(x * y + z, z);
}
template <unsigned lanes, class Pack>
SCAN_INLINE Pack multiply_where(Pack x, Pack y) {
  return chosen<lanes>(x * y, x);
}
#endif

}  // namespace scan
