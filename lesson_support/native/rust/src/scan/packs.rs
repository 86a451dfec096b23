//! Sixteen states side by side: a register of sixteen floats or two of eight where the CPU has them, else an array,
//! which the compiler may put into registers as it likes.

use super::elements::{State, LANES};

// `avx512` says that this compiler knows the intrinsics; Rust has them since 1.89.
#[cfg(all(target_arch = "x86_64", target_feature = "avx512f", avx512))]
pub use super::packs_of_16::Floats;
#[cfg(all(
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    not(all(target_feature = "avx512f", avx512))
))]
pub use super::packs_of_8::Floats;
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "fma")))]
pub type Floats = [f32; LANES];

pub trait Pack<S>: Copy {
    fn from_array(values: [S; LANES]) -> Self;
    fn to_array(self) -> [S; LANES];
    fn all(value: S) -> Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// self·factor + term.
    fn fused(self, factor: Self, term: Self) -> Self;
    /// The last lane of a walk in `DIRECTION`, in all lanes.
    fn last<const DIRECTION: isize>(self) -> Self;
    /// Each lane takes what is in the one before it; the first takes `entering`, which is the same in all.
    fn delayed<const DIRECTION: isize>(self, entering: Self) -> Self;
    /// In each pack, lane by lane, the gates' product and the state from zero, up to and with that lane.
    fn scan<const DIRECTION: isize>(gates: &mut [Self], states: &mut [Self]);
}

impl<S: State> Pack<S> for [S; LANES] {
    #[inline(always)]
    fn from_array(values: [S; LANES]) -> Self {
        values
    }
    #[inline(always)]
    fn to_array(self) -> [S; LANES] {
        self
    }
    #[inline(always)]
    fn all(value: S) -> Self {
        [value; LANES]
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }
    #[inline(always)]
    fn fused(self, factor: Self, term: Self) -> Self {
        std::array::from_fn(|i| self[i].fused(factor[i], term[i]))
    }
    #[inline(always)]
    fn last<const DIRECTION: isize>(self) -> Self {
        [if DIRECTION > 0 { self[LANES - 1] } else { self[0] }; LANES]
    }
    #[inline(always)]
    fn delayed<const DIRECTION: isize>(self, entering: Self) -> Self {
        std::array::from_fn(|i| {
            let neighbour = i.wrapping_add_signed(-DIRECTION);
            if neighbour < LANES {
                self[neighbour]
            } else {
                entering[i]
            }
        })
    }
    #[inline(always)]
    fn scan<const DIRECTION: isize>(gates: &mut [Self], states: &mut [Self]) {
        for (gates, states) in gates.iter_mut().zip(states) {
            let (mut gate, mut state) = (S::ONE, S::default());
            for i in 0..LANES {
                let lane = if DIRECTION > 0 { i } else { LANES - 1 - i };
                state = gates[lane].fused(state, states[lane]);
                gate = gate * gates[lane];
                (gates[lane], states[lane]) = (gate, state);
            }
        }
    }
}

#[allow(dead_code)] // where there are no registers to name
/// In registers of `WIDTH`, the last lane of the group of `BY` before the one of lane i: groups pair up, in the walk's direction.
pub const fn earlier<const DIRECTION: isize, const BY: usize, const WIDTH: usize>() -> [i32; WIDTH] {
    let mut from = [0; WIDTH];
    let mut lane = 0;
    while lane < WIDTH {
        from[lane] = match DIRECTION > 0 {
            true if lane & BY != 0 => (lane & !(BY - 1)) - 1,
            false if lane & BY == 0 => (lane | (BY - 1)) + 1,
            _ => lane,
        } as i32;
        lane += 1;
    }
    from
}

#[allow(dead_code)]
/// All bits set in the lanes that take on their pair's earlier half.
pub const fn later<const DIRECTION: isize, const BY: usize, const WIDTH: usize>() -> [i32; WIDTH] {
    let mut lanes = [0; WIDTH];
    let mut lane = 0;
    while lane < WIDTH {
        lanes[lane] = -(((lane & BY != 0) == (DIRECTION > 0)) as i32);
        lane += 1;
    }
    lanes
}
