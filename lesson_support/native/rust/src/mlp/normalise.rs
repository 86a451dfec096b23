//! BatchNorm and the ReLU after it, a feature at a time: a row holds one feature of all samples of a batch.

use super::sums::{sum, sum_of_products};

/// Added to a variance, as in torch.
pub const EPSILON: f32 = 1e-5;
/// How far the running statistics move to those of a batch.
const MOMENTUM: f32 = 0.1;

/// What one row is normalised with: factor γ and shift β, and the statistics that a training step moves.
pub struct Feature<'a> {
    pub gamma: f32,
    pub beta: f32,
    pub bias: f32,
    pub mean: &'a mut f32,
    pub variance: &'a mut f32,
}

/// `row` becomes x̂ = (row − mean)/√(variance + ε) of this batch, `out` becomes max(γ·x̂ + β, 0); returns
/// 1/√(variance + ε). The linear layer's bias is in no sample but in the running mean: it cancels in x̂.
pub fn forward(row: &mut [f32], out: &mut [f32], feature: Feature) -> f32 {
    let count = row.len() as f32;
    let mean = sum(row) / count;
    row.iter_mut().for_each(|x| *x -= mean);
    let squares = sum_of_products(row, row);
    let scale = 1.0 / (squares / count + EPSILON).sqrt();
    for (x, out) in row.iter_mut().zip(out) {
        *x *= scale;
        *out = positive(feature.gamma * *x + feature.beta);
    }
    *feature.mean += MOMENTUM * (mean + feature.bias - *feature.mean);
    *feature.variance += MOMENTUM * (squares / (count - 1.0) - *feature.variance);
    scale
}

/// Gradients of γ, β and the bias.
pub struct Gradients {
    pub gamma: f32,
    pub beta: f32,
    pub bias: f32,
}

/// `grad`, that of `out`, becomes that of the row before normalisation.
pub fn backward(grad: &mut [f32], normal: &[f32], out: &[f32], gamma: f32, scale: f32) -> Gradients {
    for (grad, &out) in grad.iter_mut().zip(out) {
        // Not `out > 0`: torch lets a NaN through as well.
        *grad = if out <= 0.0 { 0.0 } else { *grad };
    }
    let beta_gradient = sum(grad);
    let gamma_gradient = sum_of_products(grad, normal);
    let count = grad.len() as f32;
    let (shift, slope, factor) = (beta_gradient / count, gamma_gradient / count, gamma * scale);
    for (grad, &x) in grad.iter_mut().zip(normal) {
        *grad = factor * (*grad - shift - x * slope);
    }
    Gradients { gamma: gamma_gradient, beta: beta_gradient, bias: sum(grad) }
}

/// max(x, 0) where NaN stays NaN, which `f32::max` would drop.
#[inline(always)]
pub fn positive(x: f32) -> f32 {
    if x <= 0.0 {
        0.0
    } else {
        x
    }
}

/// γ·(x − mean)/√(variance + ε) + β as x·factor + shift.
#[inline(always)]
pub fn evaluated(gamma: f32, beta: f32, mean: f32, variance: f32) -> (f32, f32) {
    let factor = gamma / (variance + EPSILON).sqrt();
    (factor, beta - mean * factor)
}
