//! Sums that the compiler may compute side by side: in float32 it must keep the order of a plain loop.

use crate::scan::elements::State;

const LANES: usize = 16;

#[inline(always)]
pub fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let some = values.chunks_exact(LANES);
    let rest: f32 = some.remainder().iter().sum();
    for some in some {
        for i in 0..LANES {
            lanes[i] += some[i];
        }
    }
    folded(lanes) + rest
}

#[inline(always)]
pub fn sum_of_products(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let y = &y[..x.len()];
    let (some, others) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest: f32 = some.remainder().iter().zip(others.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in some.zip(others) {
        for i in 0..LANES {
            lanes[i] = x[i].fused(y[i], lanes[i]);
        }
    }
    folded(lanes) + rest
}

/// Pair by pair, as registers fold.
#[inline(always)]
pub fn folded(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}
