//! A register of floats: AVX-512's by name, because the compiler prefers halves of it on some CPUs; any other as an
//! array, which the compiler puts into registers by itself.

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f", avx512))]
mod registers {
    #![allow(clippy::incompatible_msrv)] // whoever sets cfg(avx512) has the compiler for it
    use std::arch::x86_64::*;

    pub const WIDTH: usize = 16;
    pub const ROWS: usize = 12;
    pub type Lanes = __m512;

    #[inline(always)]
    pub fn all(value: f32) -> Lanes {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    pub fn load(from: &[f32; WIDTH]) -> Lanes {
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    pub fn store(lanes: Lanes, to: &mut [f32; WIDTH]) {
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), lanes) }
    }
    #[inline(always)]
    pub fn fused(x: Lanes, y: Lanes, z: Lanes) -> Lanes {
        unsafe { _mm512_fmadd_ps(x, y, z) }
    }
    #[inline(always)]
    pub fn plus(x: Lanes, y: Lanes) -> Lanes {
        unsafe { _mm512_add_ps(x, y) }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx512f", avx512)))]
mod registers {
    use crate::scan::elements::State;

    pub const WIDTH: usize = if cfg!(target_feature = "avx") { 8 } else { 4 };
    // Twelve sums: of larger arrays the compiler keeps some in memory, however many registers there are.
    pub const ROWS: usize = 6;
    pub type Lanes = [f32; WIDTH];

    #[inline(always)]
    pub fn all(value: f32) -> Lanes {
        [value; WIDTH]
    }
    #[inline(always)]
    pub fn load(from: &[f32; WIDTH]) -> Lanes {
        *from
    }
    #[inline(always)]
    pub fn store(lanes: Lanes, to: &mut [f32; WIDTH]) {
        *to = lanes;
    }
    #[inline(always)]
    pub fn fused(x: Lanes, y: Lanes, z: Lanes) -> Lanes {
        std::array::from_fn(|lane| x[lane].fused(y[lane], z[lane]))
    }
    #[inline(always)]
    pub fn plus(x: Lanes, y: Lanes) -> Lanes {
        std::array::from_fn(|lane| x[lane] + y[lane])
    }
}

pub use registers::*;
