//! A network in training: steps, epochs, and the whole run with a schedule and a patience.

use super::adam::Adam;
use super::network::Network;
use super::pass::Pass;
use super::random::Random;
use super::schedule::{cosine, Patience};
use super::shape::Shape;
use crate::refused::{refuse, Refused};

/// Samples one after another, and the class of each.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    pub x: &'a [f32],
    pub y: &'a [i64],
}

pub struct Trainer {
    pub network: Network,
    pub pass: Pass,
    adam: Adam,
}

/// How a run goes: the rates of the first epoch and beyond the last, and when it stops early.
#[derive(Clone, Copy)]
pub struct Plan {
    pub epochs: usize,
    pub batch: usize,
    pub first_rate: f64,
    pub last_rate: f64,
    pub patience: usize,
    pub min_delta: f64,
    pub seed: u64,
}

/// What an epoch ended with.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    pub rate: f64,
    pub training_loss: f64,
    pub validation_loss: f64,
    pub validation_accuracy: f64,
}

impl Trainer {
    /// For batches of up to `capacity` samples, of which a step takes two or more.
    pub fn new(shape: Shape, capacity: usize, threads: usize, random: &mut Random) -> Trainer {
        let (pass, adam) = (Pass::new(&shape, capacity, threads), Adam::new(shape.parameters));
        Trainer { network: Network::new(shape, random), pass, adam }
    }

    /// Starts the optimiser anew.
    pub fn forget(&mut self) {
        self.adam = Adam::new(self.network.shape.parameters);
    }

    /// The loss of a batch, and its gradients in `pass.gradients`; the running statistics move.
    pub fn differentiate(&mut self, data: Samples, order: &[i64]) -> Result<f64, Refused> {
        self.check(data)?;
        if order.len() < 2 {
            return refuse!("a batch of {}: expected two samples or more, whose variance is known", order.len());
        }
        self.load(data, order)?;
        self.pass.forward(&mut self.network, true)?;
        let (loss, _) = self.pass.loss();
        self.pass.backward(&self.network)?;
        Ok(loss)
    }

    /// One step of Adam on the samples that `order` names; returns the loss before it.
    pub fn step(&mut self, data: Samples, order: &[i64], rate: f64) -> Result<f64, Refused> {
        let loss = self.differentiate(data, order)?;
        self.adam.step(&mut self.network.parameters, &self.pass.gradients, rate, self.pass.threads());
        Ok(loss)
    }

    /// Steps through `order`, `batch` samples at a time, and writes the loss of each; returns their mean by samples.
    pub fn epoch(
        &mut self,
        data: Samples,
        order: &[i64],
        batch: usize,
        rate: f64,
        losses: &mut [f64],
    ) -> Result<f64, Refused> {
        if batch < 2 || order.len() < 2 || order.len() % batch == 1 {
            return refuse!("batch = {batch} of {} samples: expected two or more in every batch", order.len());
        }
        self.check(data)?;
        check_order(order, data.y.len())?; // all of it, before the first step
        let mut total = 0.0;
        for (number, order) in order.chunks(batch).enumerate() {
            let loss = self.step(data, order, rate)?;
            if let Some(place) = losses.get_mut(number) {
                *place = loss;
            }
            total += loss * order.len() as f64;
        }
        Ok(total / order.len() as f64)
    }

    /// The mean loss and the accuracy, by the running statistics.
    pub fn evaluate(&mut self, data: Samples) -> Result<(f64, f64), Refused> {
        self.check(data)?;
        let (mut total, mut right, count) = (0.0, 0, data.y.len());
        for start in (0..count).step_by(self.pass.capacity()) {
            let rows = self.pass.capacity().min(count - start);
            self.pass.load(data.x, self.network.shape.inputs(), rows, |row| start + row);
            self.pass.load_targets(data.y, |row| start + row);
            self.pass.forward(&mut self.network, false)?;
            let (loss, correct) = self.pass.loss();
            total += loss * rows as f64;
            right += correct;
        }
        Ok((total / count as f64, right as f64 / count as f64))
    }

    /// The logits of every sample of `x`, by the running statistics.
    pub fn logits(&mut self, x: &[f32], out: &mut [f32]) -> Result<(), Refused> {
        let (features, classes) = (self.network.shape.inputs(), self.network.shape.classes());
        let count = x.len() / features;
        for start in (0..count).step_by(self.pass.capacity()) {
            let rows = self.pass.capacity().min(count - start);
            self.pass.load(x, features, rows, |row| start + row);
            self.pass.forward(&mut self.network, false)?;
            self.pass.copy_logits(&mut out[start * classes..(start + rows) * classes]);
        }
        Ok(())
    }

    /// A whole run. `told` hears of every epoch, and ends the run by returning false.
    pub fn fit(
        &mut self,
        training: Samples,
        validation: Samples,
        plan: &Plan,
        mut told: impl FnMut(&Epoch) -> bool,
    ) -> Result<(), Refused> {
        self.check(validation)?;
        let mut order: Vec<i64> = (0..training.y.len() as i64).collect();
        let (mut random, mut patience) = (Random::new(plan.seed), Patience::new(plan.patience, plan.min_delta));
        for epoch in 0..plan.epochs {
            let rate = cosine(epoch, plan.epochs, plan.first_rate, plan.last_rate);
            random.shuffle(&mut order);
            let training_loss = self.epoch(training, &order, plan.batch, rate, &mut [])?;
            let (validation_loss, validation_accuracy) = self.evaluate(validation)?;
            let over = patience.is_over(validation_loss);
            if !told(&Epoch { rate, training_loss, validation_loss, validation_accuracy }) || over {
                break;
            }
        }
        Ok(())
    }

    fn load(&mut self, data: Samples, order: &[i64]) -> Result<(), Refused> {
        if order.len() > self.pass.capacity() {
            return refuse!("a batch of {}: expected at most {} samples", order.len(), self.pass.capacity());
        }
        check_order(order, data.y.len())?;
        self.pass.load(data.x, self.network.shape.inputs(), order.len(), |row| order[row] as usize);
        self.pass.load_targets(data.y, |row| order[row] as usize);
        Ok(())
    }

    fn check(&self, data: Samples) -> Result<(), Refused> {
        let (features, classes) = (self.network.shape.inputs(), self.network.shape.classes() as i64);
        if data.y.is_empty() || data.x.len() != data.y.len() * features {
            let (x, y) = (data.x.len(), data.y.len());
            return refuse!("x holds {x} numbers for {y} classes in y: expected {features} for each, and one or more");
        }
        match data.y.iter().find(|&&class| class < 0 || class >= classes) {
            Some(class) => refuse!("y holds class {class}: expected 0 to {}", classes - 1),
            None => Ok(()),
        }
    }
}

fn check_order(order: &[i64], count: usize) -> Result<(), Refused> {
    match order.iter().find(|&&sample| sample < 0 || sample as usize >= count) {
        Some(wrong) => refuse!("order names sample {wrong}: expected 0 to {}", count.saturating_sub(1)),
        None => Ok(()),
    }
}
