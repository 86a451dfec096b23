//! Sixteen floats in one register, with AVX-512.

#![allow(clippy::incompatible_msrv)] // whoever sets cfg(avx512) has the compiler for it

use super::elements::LANES;
use super::packs::{earlier, later, Pack};
use std::arch::x86_64::*;
use std::mem::transmute;

pub type Floats = __m512;

/// A bit for each lane that takes on its pair's earlier half.
const fn mask(lanes: [i32; LANES]) -> u16 {
    let (mut bits, mut lane) = (0, 0);
    while lane < LANES {
        bits |= ((lanes[lane] & 1) as u16) << lane;
        lane += 1;
    }
    bits
}

/// One round of all packs: each waits for the round before, not for its neighbours.
#[inline(always)]
unsafe fn round<const DIRECTION: isize, const BY: usize>(gates: &mut [Floats], states: &mut [Floats]) {
    let from = transmute::<[i32; LANES], __m512i>(const { earlier::<DIRECTION, BY, LANES>() });
    let lanes = const { mask(later::<DIRECTION, BY, LANES>()) };
    for (gates, states) in gates.iter_mut().zip(states) {
        let state = _mm512_permutexvar_ps(from, *states);
        let gate = _mm512_permutexvar_ps(from, *gates);
        *states = _mm512_mask3_fmadd_ps(*gates, state, *states, lanes);
        *gates = _mm512_mask_mul_ps(*gates, lanes, *gates, gate);
    }
}

impl Pack<f32> for Floats {
    #[inline(always)]
    fn from_array(values: [f32; LANES]) -> Self {
        unsafe { transmute(values) }
    }
    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        unsafe { transmute(self) }
    }
    #[inline(always)]
    fn all(value: f32) -> Self {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        unsafe { _mm512_add_ps(self, other) }
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        unsafe { _mm512_mul_ps(self, other) }
    }
    #[inline(always)]
    fn fused(self, factor: Self, term: Self) -> Self {
        unsafe { _mm512_fmadd_ps(self, factor, term) }
    }
    #[inline(always)]
    fn last<const DIRECTION: isize>(self) -> Self {
        unsafe { _mm512_permutexvar_ps(_mm512_set1_epi32(if DIRECTION > 0 { 15 } else { 0 }), self) }
    }
    #[inline(always)]
    fn delayed<const DIRECTION: isize>(self, entering: Self) -> Self {
        unsafe {
            let (whole, entering) = (_mm512_castps_si512(self), _mm512_castps_si512(entering));
            _mm512_castsi512_ps(match DIRECTION > 0 {
                true => _mm512_alignr_epi32::<15>(whole, entering),
                false => _mm512_alignr_epi32::<1>(entering, whole),
            })
        }
    }
    #[inline(always)]
    fn scan<const DIRECTION: isize>(gates: &mut [Self], states: &mut [Self]) {
        unsafe {
            round::<DIRECTION, 1>(gates, states);
            round::<DIRECTION, 2>(gates, states);
            round::<DIRECTION, 4>(gates, states);
            round::<DIRECTION, 8>(gates, states);
        }
    }
}
