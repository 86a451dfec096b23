//! Which numbers the network has, and where each of them stands in one flat array: torch's order of parameters.

use std::ops::Range;

use crate::refused::{refuse, Refused};

/// Where a linear layer's numbers stand, and its BatchNorm's, if it is a hidden one.
#[derive(Clone, Debug)]
pub struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    pub weight: Range<usize>,
    pub bias: Range<usize>,
    pub norm: Option<Norm>,
}

/// γ and β among the parameters, the running mean and variance among the statistics.
#[derive(Clone, Debug)]
pub struct Norm {
    pub gamma: Range<usize>,
    pub beta: Range<usize>,
    pub mean: Range<usize>,
    pub variance: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Shape {
    pub layers: Vec<Layer>,
    pub parameters: usize,
    pub statistics: usize,
}

impl Shape {
    /// Linear layers from size to size; all but the last are followed by BatchNorm and ReLU.
    pub fn new(sizes: &[usize]) -> Result<Shape, Refused> {
        if sizes.len() < 2 || sizes.contains(&0) {
            return refuse!("sizes = {sizes:?}: expected two or more, none of them 0");
        }
        let (mut parameters, mut statistics) = (0, 0);
        let mut layers = Vec::new();
        for (number, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let all = outputs.checked_mul(inputs).and_then(|w| outputs.checked_mul(3)?.checked_add(w)?.checked_mul(4));
            if !all.is_some_and(|bytes| bytes < isize::MAX as usize / 64) {
                return refuse!("sizes = {sizes:?}: expected a network that fits into memory");
            }
            let weight = take(&mut parameters, inputs * outputs);
            let bias = take(&mut parameters, outputs);
            let norm = (number + 2 < sizes.len()).then(|| Norm {
                gamma: take(&mut parameters, outputs),
                beta: take(&mut parameters, outputs),
                mean: take(&mut statistics, outputs),
                variance: take(&mut statistics, outputs),
            });
            layers.push(Layer { inputs, outputs, weight, bias, norm });
        }
        Ok(Shape { layers, parameters, statistics })
    }

    pub fn inputs(&self) -> usize {
        self.layers[0].inputs
    }

    pub fn classes(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs
    }

    /// The longest row that goes from layer to layer.
    pub fn widest(&self) -> usize {
        self.layers.iter().map(|layer| layer.inputs.max(layer.outputs)).max().unwrap_or(0)
    }
}

fn take(taken: &mut usize, count: usize) -> Range<usize> {
    *taken += count;
    *taken - count..*taken
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn the_published_network_has_as_many_numbers_as_torch_counts() {
        let shape = Shape::new(&[20, 768, 1024, 768, 512, 2]).unwrap();
        assert_eq!((shape.parameters, shape.statistics), (1_991_682, 6_144));
        assert_eq!((shape.inputs(), shape.classes(), shape.widest()), (20, 2, 1024));
    }

    #[test]
    fn sizes_that_are_none_are_refused() {
        for sizes in [&[][..], &[3], &[3, 0, 2], &[usize::MAX, 2], &[1 << 40, 1 << 40]] {
            assert!(Shape::new(sizes).is_err(), "{sizes:?}");
        }
    }
}
