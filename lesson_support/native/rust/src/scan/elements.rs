//! The four dtypes, and the float or double that each is computed in.

use super::packs::Pack;

/// Elements that are handled side by side, in registers as wide as the CPU has them.
pub const LANES: usize = 16;

pub trait State: Copy + Default + Send + Sync + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> {
    const ONE: Self;
    type Pack: Pack<Self>;
    fn exponential(self) -> Self;
    /// self·factor + term, in one rounding where the CPU has it.
    fn fused(self, factor: Self, term: Self) -> Self;
}

pub trait Element: Copy + Default + Send + Sync {
    type State: State;
    fn widened(self) -> Self::State;
    fn narrowed(state: Self::State) -> Self;
}

/// bfloat16 and float16 by their bits.
#[derive(Clone, Copy, Default)]
pub struct BFloat16(u16);
#[derive(Clone, Copy, Default)]
pub struct Float16(u16);

impl State for f32 {
    const ONE: f32 = 1.0;
    type Pack = super::packs::Floats;

    /// About one unit off: x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for eʳ (coefficients of Cephes' expf),
    /// and 2ⁿ in two factors, so that results beyond the normal numbers come out as denormals, zero and infinity.
    #[inline(always)]
    fn exponential(self) -> f32 {
        const MAGIC: f32 = 12582912.0; // 1.5·2²³: added, it leaves the nearest whole number in the last bits
        let x = if self < -110.0 { -110.0 } else { self };
        let x = if x > 100.0 { 100.0 } else { x };
        let shifted = x.fused(std::f32::consts::LOG2_E, MAGIC);
        let n = shifted - MAGIC;
        let r = n.fused(2.121_944_4e-4, n.fused(-0.693_359_4, x));
        let mut p = r.fused(1.987_569_1e-4, 1.398_199_9e-3);
        for coefficient in [8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = p.fused(r, coefficient);
        }
        p = p.fused(r * r, r) + 1.0;
        let exponent = shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(256); // n + 256
        let half = exponent >> 1;
        let power = |biased: u32| f32::from_bits(biased.wrapping_sub(1) << 23);
        p * power(half) * power(exponent.wrapping_sub(half))
    }

    #[inline(always)]
    fn fused(self, factor: f32, term: f32) -> f32 {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            self.mul_add(factor, term)
        } else {
            self * factor + term
        }
    }
}

impl State for f64 {
    const ONE: f64 = 1.0;
    type Pack = [f64; LANES];

    #[inline(always)]
    fn exponential(self) -> f64 {
        self.exp()
    }

    #[inline(always)]
    fn fused(self, factor: f64, term: f64) -> f64 {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            self.mul_add(factor, term)
        } else {
            self * factor + term
        }
    }
}

macro_rules! its_own_state {
    ($float:ty) => {
        impl Element for $float {
            type State = $float;
            #[inline(always)]
            fn widened(self) -> $float {
                self
            }
            #[inline(always)]
            fn narrowed(state: $float) -> $float {
                state
            }
        }
    };
}
its_own_state!(f32);
its_own_state!(f64);

impl Element for BFloat16 {
    type State = f32;

    #[inline(always)]
    fn widened(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    /// To the nearest, ties to even; NaN stays NaN.
    #[inline(always)]
    fn narrowed(state: f32) -> BFloat16 {
        let bits = state.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
        let kept = if state.is_nan() { bits | 0x40_0000 } else { rounded };
        BFloat16((kept >> 16) as u16)
    }
}

impl Element for Float16 {
    type State = f32;

    /// The exponent is moved by a product with 2¹¹², which also makes denormals normal.
    #[inline(always)]
    fn widened(self) -> f32 {
        let bits = u32::from(self.0);
        let moved = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
        let beyond = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
        f32::from_bits(moved.to_bits() | beyond | (bits & 0x8000) << 16)
    }

    /// To the nearest, ties to even. Added to a power of two whose last bit is float16's for this size, the value
    /// rounds by itself; what overflows becomes infinity on the way, and NaN stays NaN.
    #[inline(always)]
    fn narrowed(state: f32) -> Float16 {
        let bits = state.to_bits();
        let size = f32::from_bits(bits & 0x7fff_ffff);
        let scaled = (size * f32::from_bits(0x7780_0000)) * f32::from_bits(0x0880_0000); // 2¹¹², 2⁻¹¹⁰
        let exponent = (bits & 0x7f80_0000).max(0x3880_0000); // at least 2⁻¹⁴
        let base = f32::from_bits(exponent.wrapping_add(0x0780_0000));
        let rounded = (base + scaled).to_bits();
        let number = (rounded >> 13 & 0x7c00) + (rounded & 0xfff);
        let found = if state.is_nan() { 0x7e00 } else { number };
        Float16((found | (bits >> 16 & 0x8000)) as u16)
    }
}
