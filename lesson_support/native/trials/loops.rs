//! Loops with their checks and without, as functions of slices, and the way to call them from C.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[no_mangle]
#[inline(never)]
pub fn product_indexed(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    for t in 0..n {
        h[t] = a[t] * b[t];
    }
}

#[no_mangle]
#[inline(never)]
pub fn product_zipped(a: &[f32], b: &[f32], h: &mut [f32], _: usize) {
    for ((h, a), b) in h.iter_mut().zip(a).zip(b) {
        *h = a * b;
    }
}

#[no_mangle]
#[inline(never)]
pub fn scan_indexed(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    let mut state = 0.0;
    for t in 0..n {
        state = a[t] * state + b[t];
        h[t] = state;
    }
}

#[no_mangle]
#[inline(never)]
pub fn scan_zipped(a: &[f32], b: &[f32], h: &mut [f32], _: usize) {
    let mut state = 0.0;
    for ((h, a), b) in h.iter_mut().zip(a).zip(b) {
        state = a * state + b;
        *h = state;
    }
}

#[no_mangle]
#[inline(never)]
pub fn scan_fused(a: &[f32], b: &[f32], h: &mut [f32], _: usize) {
    let mut state = 0.0f32;
    for ((h, a), b) in h.iter_mut().zip(a).zip(b) {
        state = a.mul_add(state, *b);
        *h = state;
    }
}

/// h[t] += a[place], where b holds the places.
#[no_mangle]
#[inline(never)]
pub fn gather_indexed(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    for t in 0..n {
        h[t] += a[b[t].to_bits() as usize];
    }
}

#[no_mangle]
#[inline(never)]
pub fn gather_zipped(a: &[f32], b: &[f32], h: &mut [f32], _: usize) {
    for (h, place) in h.iter_mut().zip(b) {
        *h += a[place.to_bits() as usize];
    }
}

#[no_mangle]
#[inline(never)]
pub fn gather_unchecked(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    for t in 0..n {
        // SAFETY: the caller's rows have n elements, and the places are within `a`
        unsafe { *h.get_unchecked_mut(t) += a.get_unchecked(b.get_unchecked(t).to_bits() as usize) }
    }
}

#[no_mangle]
#[inline(never)]
pub fn gemm_indexed(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    for i in 0..n {
        for p in 0..n {
            for j in 0..n {
                h[i * n + j] += a[i * n + p] * b[p * n + j];
            }
        }
    }
}

#[no_mangle]
#[inline(never)]
pub fn gemm_zipped(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    for (a, h) in a.chunks_exact(n).zip(h.chunks_exact_mut(n)) {
        for (factor, b) in a.iter().zip(b.chunks_exact(n)) {
            for (h, b) in h.iter_mut().zip(b) {
                *h += factor * b;
            }
        }
    }
}

/// As with indices, after rows have been cut to one length.
#[no_mangle]
#[inline(never)]
pub fn gemm_cut(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    for i in 0..n {
        for p in 0..n {
            let (row, out) = (&b[p * n..][..n], &mut h[i * n..][..n]);
            for j in 0..n {
                out[j] += a[i * n + p] * row[j];
            }
        }
    }
}

/// As with indices, and nothing is checked.
#[no_mangle]
#[inline(never)]
pub fn gemm_unchecked(a: &[f32], b: &[f32], h: &mut [f32], n: usize) {
    for i in 0..n {
        for p in 0..n {
            for j in 0..n {
                // SAFETY: the caller's matrices are n × n
                unsafe { *h.get_unchecked_mut(i * n + j) += a.get_unchecked(i * n + p) * b.get_unchecked(p * n + j) }
            }
        }
    }
}

/// How many elements of `a` are above 0, in a register and in an atomic variable.
#[no_mangle]
#[inline(never)]
pub fn count_local(a: &[f32], b: &[f32], h: &mut [f32], _: usize) {
    let _ = b;
    h[0] = a.iter().filter(|&&v| v > 0.0).count() as f32;
}

#[no_mangle]
#[inline(never)]
pub fn count_atomic(a: &[f32], b: &[f32], h: &mut [f32], _: usize) {
    let (_, hits) = (b, AtomicU64::new(0));
    let shared = std::hint::black_box(&hits); // as if another thread had it
    a.iter().filter(|&&v| v > 0.0).for_each(|_| {
        shared.fetch_add(1, Relaxed);
    });
    h[0] = hits.into_inner() as f32;
}

/// What C knows of a slice.
#[repr(C)]
pub struct Row {
    first: *mut f32,
    count: usize,
}

macro_rules! for_c {
    ($($name:ident as $outer:ident),*) => {$(
        /// # Safety
        /// The rows are there, and nobody else uses the last one.
        #[no_mangle]
        pub unsafe extern "C" fn $outer(a: &Row, b: &Row, h: &Row, n: usize, times: usize) {
            let read = |row: &Row| std::slice::from_raw_parts(row.first, row.count);
            for _ in 0..times {
                $name(read(a), read(b), std::slice::from_raw_parts_mut(h.first, h.count), n)
            }
        }
    )*};
}

for_c!(
    product_indexed as c_product_indexed,
    product_zipped as c_product_zipped,
    scan_indexed as c_scan_indexed,
    scan_zipped as c_scan_zipped,
    scan_fused as c_scan_fused,
    gather_indexed as c_gather_indexed,
    gather_zipped as c_gather_zipped,
    gather_unchecked as c_gather_unchecked,
    gemm_indexed as c_gemm_indexed,
    gemm_zipped as c_gemm_zipped,
    gemm_cut as c_gemm_cut,
    gemm_unchecked as c_gemm_unchecked,
    count_local as c_count_local,
    count_atomic as c_count_atomic
);
