//! One sample at the least latency: no batch, no packing, and no allocation. Every weight is read once, which is
//! what it costs.

use super::network::Network;
use super::normalise::{evaluated, positive};
use super::sums::{folded, sum_of_products};
use crate::scan::elements::State;
use crate::scan::store::fetch_after;

const LANES: usize = 16;
/// Sums that grow side by side, so that none waits for itself.
const SUMS: usize = 4;
const STEP: usize = SUMS * LANES;

/// Room for what goes from layer to layer.
pub struct Single {
    here: Vec<f32>,
    there: Vec<f32>,
}

impl Single {
    pub fn new(network: &Network) -> Single {
        let widest = network.shape.widest();
        Single { here: vec![0.0; widest], there: vec![0.0; widest] }
    }

    /// The logits of `x`, by the running statistics.
    pub fn logits(&mut self, network: &Network, x: &[f32], out: &mut [f32]) {
        self.here[..x.len()].copy_from_slice(x);
        let Network { shape, parameters, statistics } = network;
        for layer in &shape.layers {
            let (input, output) = (&self.here[..layer.inputs], &mut self.there[..layer.outputs]);
            products(&parameters[layer.weight.clone()], input, output);
            let bias = &parameters[layer.bias.clone()];
            if let Some(norm) = &layer.norm {
                let (gamma, beta) = (&parameters[norm.gamma.clone()], &parameters[norm.beta.clone()]);
                let (mean, variance) = (&statistics[norm.mean.clone()], &statistics[norm.variance.clone()]);
                for (f, out) in output.iter_mut().enumerate() {
                    let (factor, shift) = evaluated(gamma[f], beta[f], mean[f] - bias[f], variance[f]);
                    *out = positive(*out * factor + shift);
                }
            } else {
                output.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
            std::mem::swap(&mut self.here, &mut self.there);
        }
        out.copy_from_slice(&self.here[..out.len()]);
    }

    /// The logits of `x` by weights into which BatchNorm is folded.
    pub fn folded_logits(&mut self, folded: &Folded, x: &[f32], out: &mut [f32]) {
        self.here[..x.len()].copy_from_slice(x);
        let last = folded.layers.len() - 1;
        for (number, (weight, bias)) in folded.layers.iter().enumerate() {
            let inputs = weight.len() / bias.len();
            let (input, output) = (&self.here[..inputs], &mut self.there[..bias.len()]);
            products(weight, input, output);
            for (out, bias) in output.iter_mut().zip(bias) {
                *out = if number < last { positive(*out + bias) } else { *out + bias };
            }
            std::mem::swap(&mut self.here, &mut self.there);
        }
        out.copy_from_slice(&self.here[..out.len()]);
    }
}

/// A network for inference alone: each layer's weights and bias with its BatchNorm multiplied in.
pub struct Folded {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Folded {
    pub fn new(network: &Network) -> Folded {
        let Network { shape, parameters, statistics } = network;
        let fold = |layer: &super::shape::Layer| {
            let mut weight = parameters[layer.weight.clone()].to_vec();
            let mut bias = parameters[layer.bias.clone()].to_vec();
            if let Some(norm) = &layer.norm {
                for (f, (row, bias)) in weight.chunks_exact_mut(layer.inputs).zip(&mut bias).enumerate() {
                    let (gamma, beta) = (parameters[norm.gamma.start + f], parameters[norm.beta.start + f]);
                    let (mean, variance) = (statistics[norm.mean.start + f], statistics[norm.variance.start + f]);
                    let (factor, shift) = evaluated(gamma, beta, mean - *bias, variance);
                    row.iter_mut().for_each(|weight| *weight *= factor);
                    *bias = shift;
                }
            }
            (weight, bias)
        };
        Folded { layers: shape.layers.iter().map(fold).collect() }
    }
}

/// out = weight · x, row after row: one stream through memory, a step ahead of which is asked for.
fn products(weight: &[f32], x: &[f32], out: &mut [f32]) {
    let count = x.len();
    let whole = count / STEP * STEP;
    for (row, out) in weight.chunks_exact(count).zip(out) {
        let mut lanes = [[0.0f32; LANES]; SUMS];
        for (weights, x) in row.chunks_exact(STEP).zip(x.chunks_exact(STEP)) {
            for sum in 0..SUMS {
                let weights: &[f32; LANES] = weights[sum * LANES..][..LANES].try_into().unwrap();
                let x: &[f32; LANES] = x[sum * LANES..][..LANES].try_into().unwrap();
                fetch_after(weights.as_ptr());
                lanes[sum] = std::array::from_fn(|i| weights[i].fused(x[i], lanes[sum][i]));
            }
        }
        let total = std::array::from_fn(|i| lanes.iter().map(|sum| sum[i]).sum());
        *out = folded(total) + sum_of_products(&row[whole..], &x[whole..]);
    }
}
