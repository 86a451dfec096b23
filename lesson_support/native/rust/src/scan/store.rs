//! Sixteen neighbours to memory, through the caches or past them; and what is asked of memory beforehand.

use super::elements::LANES;

/// # Safety
/// `to` has room for them; streamed, it is a multiple of their size.
#[inline(always)]
pub unsafe fn store<E: Copy>(to: *mut E, values: [E; LANES], streamed: bool) {
    #[cfg(all(target_arch = "x86_64", target_feature = "avx"))]
    if streamed {
        use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_stream_si256};
        for part in 0..size_of::<[E; LANES]>() / size_of::<__m256i>() {
            let value = _mm256_loadu_si256((&values as *const E as *const __m256i).add(part));
            _mm256_stream_si256((to as *mut __m256i).add(part), value);
        }
        return;
    }
    let _ = streamed;
    std::ptr::write_unaligned(to as *mut [E; LANES], values);
}

const AHEAD: usize = 4096; // bytes

/// Asks for what a walk down in memory will read: CPUs foresee that less far than a walk up.
#[inline(always)]
pub fn fetch_before<E>(from: *const E) {
    fetch((from as *const u8).wrapping_sub(AHEAD));
}

/// Asks for what a walk up will read when it has crossed a page, at which CPUs stop to foresee.
#[inline(always)]
pub fn fetch_after<E>(from: *const E) {
    fetch((from as *const u8).wrapping_add(AHEAD));
}

#[inline(always)]
fn fetch(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        _mm_prefetch::<_MM_HINT_T0>(place as *const i8);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
