//! Forward and backward through the network for one batch, in buffers that are there from the start. Every matrix
//! of activations holds feature after feature, the samples of a batch side by side: BatchNorm then reads rows, and
//! the weights enter each product as they are stored.

use super::loss::cross_entropy;
use super::network::Network;
use super::normalise::{self, Feature};
use super::shape::Shape;
use super::sums::sum;
use crate::gemm::{gemm, Matrix, Room, Target};
use crate::refused::Refused;

/// The samples a row has room for are a multiple of a cache line.
const LINE: usize = 16;

pub struct Pass {
    stride: usize,
    rows: usize,
    targets: Vec<i64>,
    /// What enters each layer.
    inputs: Vec<Vec<f32>>,
    /// x̂ of each hidden layer.
    normal: Vec<Vec<f32>>,
    /// 1/√(variance + ε) of each hidden feature.
    scales: Vec<Vec<f32>>,
    logits: Vec<f32>,
    grad: Vec<f32>,
    next: Vec<f32>,
    pub gradients: Vec<f32>,
    rooms: Vec<Room>,
}

impl Pass {
    /// For batches of up to `capacity` samples.
    pub fn new(shape: &Shape, capacity: usize, threads: usize) -> Pass {
        let stride = capacity.next_multiple_of(LINE);
        let hidden = &shape.layers[..shape.layers.len() - 1];
        Pass {
            stride,
            rows: 0,
            targets: vec![0; capacity],
            inputs: shape.layers.iter().map(|layer| vec![0.0; layer.inputs * stride]).collect(),
            normal: hidden.iter().map(|layer| vec![0.0; layer.outputs * stride]).collect(),
            scales: hidden.iter().map(|layer| vec![0.0; layer.outputs]).collect(),
            logits: vec![0.0; shape.classes() * stride],
            grad: vec![0.0; shape.widest() * stride],
            next: vec![0.0; shape.widest() * stride],
            gradients: vec![0.0; shape.parameters],
            rooms: (0..threads).map(|_| Room::default()).collect(),
        }
    }

    pub fn threads(&self) -> usize {
        self.rooms.len()
    }

    pub fn capacity(&self) -> usize {
        self.targets.len()
    }

    /// Takes `rows` samples of x, sample after sample in memory; the i-th is number `at(i)`.
    pub fn load(&mut self, x: &[f32], features: usize, rows: usize, at: impl Fn(usize) -> usize) {
        self.rows = rows;
        for row in 0..rows {
            let sample = &x[at(row) * features..][..features];
            for (feature, &value) in sample.iter().enumerate() {
                self.inputs[0][feature * self.stride + row] = value;
            }
        }
    }

    pub fn load_targets(&mut self, y: &[i64], at: impl Fn(usize) -> usize) {
        for row in 0..self.rows {
            self.targets[row] = y[at(row)];
        }
    }

    /// Logits, class after class, `stride` apart. Training normalises by the batch and moves the running statistics.
    pub fn forward(&mut self, network: &mut Network, training: bool) -> Result<(), Refused> {
        let (rows, stride) = (self.rows, self.stride);
        let Network { shape, parameters, statistics } = network;
        for (number, layer) in shape.layers.iter().enumerate() {
            let weight = Matrix::new(&parameters[layer.weight.clone()], layer.outputs, layer.inputs, layer.inputs)?;
            let input = Matrix::new(&self.inputs[number], layer.inputs, rows, stride)?;
            let out = if layer.norm.is_some() { &mut self.normal[number] } else { &mut self.logits };
            gemm(weight, input, Target::new(out, layer.outputs, rows, stride)?, false, &mut self.rooms)?;
            let bias = &parameters[layer.bias.clone()];
            let Some(norm) = &layer.norm else {
                for (row, &bias) in out.chunks_mut(stride).zip(bias) {
                    row[..rows].iter_mut().for_each(|logit| *logit += bias);
                }
                continue;
            };
            let activations = self.inputs[number + 1].chunks_mut(stride);
            for (f, (row, out)) in out.chunks_mut(stride).zip(activations).enumerate() {
                let (row, out) = (&mut row[..rows], &mut out[..rows]);
                let (gamma, beta) = (parameters[norm.gamma.start + f], parameters[norm.beta.start + f]);
                let (means, variances) = statistics.split_at_mut(norm.variance.start);
                let (mean, variance) = (&mut means[norm.mean.start + f], &mut variances[f]);
                if training {
                    let feature = Feature { gamma, beta, bias: bias[f], mean, variance };
                    self.scales[number][f] = normalise::forward(row, out, feature);
                } else {
                    let (factor, shift) = normalise::evaluated(gamma, beta, *mean - bias[f], *variance);
                    for (out, &x) in out.iter_mut().zip(&*row) {
                        *out = normalise::positive(x * factor + shift);
                    }
                }
            }
        }
        Ok(())
    }

    /// The mean loss and how many samples are classified right; `backward` goes on from it.
    pub fn loss(&mut self) -> (f64, usize) {
        let classes = self.logits.len();
        let targets = &self.targets[..self.rows];
        cross_entropy(&self.logits, targets, self.stride, Some(&mut self.grad[..classes]))
    }

    /// Fills `gradients`, after `forward` in training and `loss`.
    pub fn backward(&mut self, network: &Network) -> Result<(), Refused> {
        let (rows, stride) = (self.rows, self.stride);
        for (number, layer) in network.shape.layers.iter().enumerate().rev() {
            for f in 0..layer.outputs {
                let grad = &mut self.grad[f * stride..][..rows];
                let Some(norm) = &layer.norm else {
                    self.gradients[layer.bias.start + f] = sum(grad);
                    continue;
                };
                let normal = &self.normal[number][f * stride..][..rows];
                let out = &self.inputs[number + 1][f * stride..][..rows];
                let gamma = network.parameters[norm.gamma.start + f];
                let found = normalise::backward(grad, normal, out, gamma, self.scales[number][f]);
                self.gradients[norm.gamma.start + f] = found.gamma;
                self.gradients[norm.beta.start + f] = found.beta;
                self.gradients[layer.bias.start + f] = found.bias;
            }
            let grad = Matrix::new(&self.grad, layer.outputs, rows, stride)?;
            let input = Matrix::new(&self.inputs[number], layer.inputs, rows, stride)?;
            let own = &mut self.gradients[layer.weight.clone()];
            let own = Target::new(own, layer.outputs, layer.inputs, layer.inputs)?;
            gemm(grad, input.transposed(), own, false, &mut self.rooms)?;
            if number > 0 {
                let weight = &network.parameters[layer.weight.clone()];
                let weight = Matrix::new(weight, layer.outputs, layer.inputs, layer.inputs)?;
                let next = Target::new(&mut self.next, layer.inputs, rows, stride)?;
                gemm(weight.transposed(), grad, next, false, &mut self.rooms)?;
                std::mem::swap(&mut self.grad, &mut self.next);
            }
        }
        Ok(())
    }

    /// The loaded samples' logits, sample after sample.
    pub fn copy_logits(&self, to: &mut [f32]) {
        let classes = self.logits.len() / self.stride;
        for (row, to) in to.chunks_exact_mut(classes).take(self.rows).enumerate() {
            for (class, to) in to.iter_mut().enumerate() {
                *to = self.logits[class * self.stride + row];
            }
        }
    }
}
