//! The network's numbers: what is learned, and the running statistics of its BatchNorms.

use super::random::Random;
use super::shape::Shape;

#[derive(Clone)]
pub struct Network {
    pub shape: Shape,
    pub parameters: Vec<f32>,
    pub statistics: Vec<f32>,
}

impl Network {
    /// Begins as torch does: weights and biases uniform within ±1/√inputs, γ = 1, β = 0, mean 0 and variance 1.
    pub fn new(shape: Shape, random: &mut Random) -> Network {
        let mut parameters = vec![0.0; shape.parameters];
        let mut statistics = vec![0.0; shape.statistics];
        for layer in &shape.layers {
            let bound = 1.0 / (layer.inputs as f32).sqrt();
            for value in &mut parameters[layer.weight.start..layer.bias.end] {
                *value = bound * (2.0 * random.uniform() - 1.0);
            }
            if let Some(norm) = &layer.norm {
                parameters[norm.gamma.clone()].fill(1.0);
                statistics[norm.variance.clone()].fill(1.0);
            }
        }
        Network { shape, parameters, statistics }
    }
}
