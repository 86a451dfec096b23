// One float register of this CPU, under one set of names: AVX-512, AVX (with FMA where it exists), SSE, NEON, or
// a plain float. FREE is how many registers a loop may keep live beside two constants without spilling.
#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace lanes {

#if defined(__AVX512F__)

using Lanes = __m512;
constexpr const char* NAME = "AVX-512";
constexpr int WIDTH = 16, FREE = 24;
constexpr bool STREAMS = true;
inline Lanes all(float value) { return _mm512_set1_ps(value); }
inline Lanes load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Lanes x) { _mm512_storeu_ps(to, x); }
inline void stream(float* to, Lanes x) { _mm512_stream_ps(to, x); }
inline Lanes multiply(Lanes x, Lanes y) { return _mm512_mul_ps(x, y); }
inline Lanes fma(Lanes x, Lanes y, Lanes z) { return _mm512_fmadd_ps(x, y, z); }

#elif defined(__AVX__)

using Lanes = __m256;
constexpr int WIDTH = 8, FREE = 12;
constexpr bool STREAMS = true;
inline Lanes all(float value) { return _mm256_set1_ps(value); }
inline Lanes load(const float* from) { return _mm256_loadu_ps(from); }
inline void store(float* to, Lanes x) { _mm256_storeu_ps(to, x); }
inline void stream(float* to, Lanes x) { _mm256_stream_ps(to, x); }
inline Lanes multiply(Lanes x, Lanes y) { return _mm256_mul_ps(x, y); }
#if defined(__FMA__)
constexpr const char* NAME = "AVX with FMA";
inline Lanes fma(Lanes x, Lanes y, Lanes z) { return _mm256_fmadd_ps(x, y, z); }
#else
constexpr const char* NAME = "AVX";
inline Lanes fma(Lanes x, Lanes y, Lanes z) { return _mm256_add_ps(_mm256_mul_ps(x, y), z); }
#endif

#elif defined(__SSE2__)

using Lanes = __m128;
constexpr const char* NAME = "SSE";
constexpr int WIDTH = 4, FREE = 12;
constexpr bool STREAMS = true;
inline Lanes all(float value) { return _mm_set1_ps(value); }
inline Lanes load(const float* from) { return _mm_loadu_ps(from); }
inline void store(float* to, Lanes x) { _mm_storeu_ps(to, x); }
inline void stream(float* to, Lanes x) { _mm_stream_ps(to, x); }
inline Lanes multiply(Lanes x, Lanes y) { return _mm_mul_ps(x, y); }
inline Lanes fma(Lanes x, Lanes y, Lanes z) { return _mm_add_ps(_mm_mul_ps(x, y), z); }

#elif defined(__ARM_NEON) && defined(__aarch64__)

using Lanes = float32x4_t;
constexpr const char* NAME = "NEON";
constexpr int WIDTH = 4, FREE = 24;
inline Lanes all(float value) { return vdupq_n_f32(value); }
inline Lanes load(const float* from) { return vld1q_f32(from); }
inline void store(float* to, Lanes x) { vst1q_f32(to, x); }
inline Lanes multiply(Lanes x, Lanes y) { return vmulq_f32(x, y); }
inline Lanes fma(Lanes x, Lanes y, Lanes z) { return vfmaq_f32(z, x, y); }
#if defined(__clang__)
constexpr bool STREAMS = true;
inline void stream(float* to, Lanes x) { __builtin_nontemporal_store(x, reinterpret_cast<Lanes*>(to)); }
#else
constexpr bool STREAMS = false;
inline void stream(float* to, Lanes x) { store(to, x); }
#endif

#else

using Lanes = float;
constexpr const char* NAME = "plain C++";
constexpr int WIDTH = 1, FREE = 12;
constexpr bool STREAMS = false;
inline Lanes all(float value) { return value; }
inline Lanes load(const float* from) { return *from; }
inline void store(float* to, Lanes x) { *to = x; }
inline void stream(float* to, Lanes x) { *to = x; }
inline Lanes multiply(Lanes x, Lanes y) { return x * y; }
inline Lanes fma(Lanes x, Lanes y, Lanes z) { return x * y + z; }

#endif

// Streamed stores are weakly ordered: what follows must not overtake them.
inline void finish_stream() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace lanes
