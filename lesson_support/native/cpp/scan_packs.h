// One register of float or double, and the four dtypes of a scan on their way into and out of it. Written with the
// compilers' vector types, so that the same lines become AVX-512, AVX, SSE or NEON.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <torch/headeronly/util/Half.h>

namespace scan {

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

constexpr int LINE = 64;  // bytes that memory hands over at once

typedef float Floats __attribute__((vector_size(BYTES)));
typedef double Doubles __attribute__((vector_size(BYTES)));
typedef std::uint32_t Words __attribute__((vector_size(BYTES)));
typedef std::uint64_t LongWords __attribute__((vector_size(BYTES)));
typedef std::uint16_t Halves __attribute__((vector_size(BYTES / 2)));

// bfloat16 and float16 by their bits: all arithmetic is float's.
struct BFloat16 {
  std::uint16_t bits;
};
struct Float16 {
  std::uint16_t bits;
};

template <class Element>
struct Kind {  // what a dtype is computed in
  using State = float;
  using Pack = Floats;
  using Bits = Words;
};
template <>
struct Kind<double> {
  using State = double;
  using Pack = Doubles;
  using Bits = LongWords;
};
template <class Element>
using StateOf = typename Kind<Element>::State;
template <class Element>
using PackOf = typename Kind<Element>::Pack;
template <class Element>
constexpr int WIDTH = BYTES / sizeof(StateOf<Element>);

#define SCAN_INLINE inline __attribute__((always_inline))

template <class To, class From>
SCAN_INLINE To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

template <class Vector>
SCAN_INLINE Vector load_bytes(const void* from) {
  Vector x;
  std::memcpy(&x, from, sizeof(x));
  return x;
}

// Past the caches, if `streamed`: the address must then be a multiple of the vector's size.
template <class Vector>
SCAN_INLINE void store_bytes(void* to, const Vector& x, [[maybe_unused]] bool streamed) {
#if defined(__clang__)
  if (streamed) {
    __builtin_nontemporal_store(x, static_cast<Vector*>(to));
    return;
  }
#elif defined(__SSE2__)
  if (streamed) {
    if constexpr (sizeof(x) == 8) {
      _mm_stream_si64(static_cast<long long*>(to), as<long long>(x));
    } else if constexpr (sizeof(x) == 16) {
      _mm_stream_si128(static_cast<__m128i*>(to), as<__m128i>(x));
    }
#if defined(__AVX__)
    if constexpr (sizeof(x) == 32) {
      _mm256_stream_si256(static_cast<__m256i*>(to), as<__m256i>(x));
    }
#endif
#if defined(__AVX512F__)
    if constexpr (sizeof(x) == 64) {
      _mm512_stream_si512(static_cast<__m512i*>(to), as<__m512i>(x));
    }
#endif
    return;
  }
#endif
  std::memcpy(to, &x, sizeof(x));
}

// Asks for what a walk down in memory will read: CPUs foresee that less far than a walk up.
constexpr int AHEAD = 4096;  // bytes
SCAN_INLINE void fetch_before(const void* from) { __builtin_prefetch(static_cast<const char*>(from) - AHEAD, 0, 3); }

SCAN_INLINE Floats load(const float* from) { return load_bytes<Floats>(from); }
SCAN_INLINE void store(float* to, Floats x, bool streamed = false) { store_bytes(to, x, streamed); }
SCAN_INLINE Doubles load(const double* from) { return load_bytes<Doubles>(from); }
SCAN_INLINE void store(double* to, Doubles x, bool streamed = false) { store_bytes(to, x, streamed); }

// bfloat16 is the upper half of a float; to the nearest, ties to even, and NaN stays NaN.
SCAN_INLINE Floats load(const BFloat16* from) {
  return as<Floats>(__builtin_convertvector(load_bytes<Halves>(from), Words) << 16);
}
SCAN_INLINE void store(BFloat16* to, Floats x, bool streamed = false) {
  const Words bits = as<Words>(x), is_nan = as<Words>(x != x);
  const Words rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const Words upper = ((is_nan & (bits | 0x400000u)) | (~is_nan & rounded)) >> 16;
  store_bytes(to, __builtin_convertvector(upper, Halves), streamed);
}

#if defined(__AVX512F__)
SCAN_INLINE Floats load(const Float16* from) {
  return as<Floats>(_mm512_cvtph_ps(load_bytes<__m256i>(from)));
}
SCAN_INLINE void store(Float16* to, Floats x, bool streamed = false) {
  store_bytes(to, _mm512_cvtps_ph(as<__m512>(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), streamed);
}
#elif defined(__AVX__) && defined(__F16C__)
SCAN_INLINE Floats load(const Float16* from) {
  return as<Floats>(_mm256_cvtph_ps(load_bytes<__m128i>(from)));
}
SCAN_INLINE void store(Float16* to, Floats x, bool streamed = false) {
  store_bytes(to, _mm256_cvtps_ph(as<__m256>(x), _MM_FROUND_TO_NEAREST_INT), streamed);
}
#else
SCAN_INLINE Floats load(const Float16* from) {
  Floats x{};
  for (int i = 0; i < WIDTH<float>; ++i) {
    x[i] = torch::headeronly::detail::fp16_ieee_to_fp32_value(from[i].bits);
  }
  return x;
}
SCAN_INLINE void store(Float16* to, Floats x, bool streamed = false) {
  Halves bits{};
  for (int i = 0; i < WIDTH<float>; ++i) {
    bits[i] = torch::headeronly::detail::fp16_ieee_from_fp32_value(x[i]);
  }
  store_bytes(to, bits, streamed);
}
#endif

// The first `count` elements from `from` on, `stride` apart: a whole register's worth at once where they are
// neighbours. What is beyond them is zero.
template <class Element>
SCAN_INLINE PackOf<Element> read(const Element* from, std::int64_t stride, int count) {
  constexpr int FULL = WIDTH<Element>;
  if (stride == 1 && count == FULL) {
    return load(from);
  }
  Element some[FULL] = {};
  for (int i = 0; i < count; ++i) {
    some[i] = from[i * stride];
  }
  return load(some);
}

template <class Element>
SCAN_INLINE void write(Element* to, std::int64_t stride, int count, PackOf<Element> x, bool streamed = false) {
  constexpr int FULL = WIDTH<Element>;
  if (stride == 1 && count == FULL) {
    store(to, x, streamed);
    return;
  }
  Element some[FULL];
  store(some, x);
  for (int i = 0; i < count; ++i) {
    to[i * stride] = some[i];
  }
}

}  // namespace scan
