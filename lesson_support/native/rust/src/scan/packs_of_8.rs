//! Sixteen floats in two registers of eight, with AVX2 and FMA.

use super::elements::LANES;
use super::packs::{earlier, later, Pack};
use std::arch::x86_64::*;
use std::mem::transmute;

pub type Floats = [__m256; 2];

const fn last(direction: isize) -> (usize, i32) {
    if direction > 0 {
        (1, 7)
    } else {
        (0, 0)
    }
}

/// One round of all packs: each waits for the round before, not for its neighbours.
#[inline(always)]
unsafe fn round<const DIRECTION: isize, const BY: usize>(gates: &mut [Floats], states: &mut [Floats]) {
    let from = transmute::<[i32; 8], __m256i>(const { earlier::<DIRECTION, BY, 8>() });
    let lanes = transmute::<[i32; 8], __m256>(const { later::<DIRECTION, BY, 8>() });
    for (gates, states) in gates.iter_mut().zip(states) {
        for half in 0..2 {
            let state = _mm256_permutevar8x32_ps(states[half], from);
            let gate = _mm256_permutevar8x32_ps(gates[half], from);
            let joined = _mm256_fmadd_ps(gates[half], state, states[half]);
            states[half] = _mm256_blendv_ps(states[half], joined, lanes);
            gates[half] = _mm256_blendv_ps(gates[half], _mm256_mul_ps(gates[half], gate), lanes);
        }
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
        unsafe { [_mm256_set1_ps(value); 2] }
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        unsafe { [_mm256_add_ps(self[0], other[0]), _mm256_add_ps(self[1], other[1])] }
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        unsafe { [_mm256_mul_ps(self[0], other[0]), _mm256_mul_ps(self[1], other[1])] }
    }
    #[inline(always)]
    fn fused(self, factor: Self, term: Self) -> Self {
        unsafe { [_mm256_fmadd_ps(self[0], factor[0], term[0]), _mm256_fmadd_ps(self[1], factor[1], term[1])] }
    }
    #[inline(always)]
    fn last<const DIRECTION: isize>(self) -> Self {
        let (half, lane) = last(DIRECTION);
        unsafe { [_mm256_permutevar8x32_ps(self[half], _mm256_set1_epi32(lane)); 2] }
    }
    #[inline(always)]
    fn delayed<const DIRECTION: isize>(self, entering: Self) -> Self {
        unsafe {
            let [low, high] = self;
            if DIRECTION > 0 {
                let turn = _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6);
                let (low, high) = (_mm256_permutevar8x32_ps(low, turn), _mm256_permutevar8x32_ps(high, turn));
                [_mm256_blend_ps::<1>(low, entering[0]), _mm256_blend_ps::<1>(high, low)]
            } else {
                let turn = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0);
                let (low, high) = (_mm256_permutevar8x32_ps(low, turn), _mm256_permutevar8x32_ps(high, turn));
                [_mm256_blend_ps::<128>(low, high), _mm256_blend_ps::<128>(high, entering[1])]
            }
        }
    }
    #[inline(always)]
    fn scan<const DIRECTION: isize>(gates: &mut [Self], states: &mut [Self]) {
        unsafe {
            round::<DIRECTION, 1>(gates, states);
            round::<DIRECTION, 2>(gates, states);
            round::<DIRECTION, 4>(gates, states);
            let (second, lane) = last(DIRECTION);
            let lane = _mm256_set1_epi32(lane);
            for (gates, states) in gates.iter_mut().zip(states) {
                let state = _mm256_permutevar8x32_ps(states[1 - second], lane);
                let gate = _mm256_permutevar8x32_ps(gates[1 - second], lane);
                states[second] = _mm256_fmadd_ps(gates[second], state, states[second]);
                gates[second] = _mm256_mul_ps(gates[second], gate);
            }
        }
    }
}
