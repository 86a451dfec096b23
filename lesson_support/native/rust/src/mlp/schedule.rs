//! The learning rate of an epoch, and when to stop.

/// Half a cosine from `first` to `last`, which the epoch after the final one would have.
pub fn cosine(epoch: usize, epochs: usize, first: f64, last: f64) -> f64 {
    let turn = std::f64::consts::PI * epoch as f64 / epochs as f64;
    last + (first - last) * (1.0 + turn.cos()) / 2.0
}

/// Stops after `patience` epochs in a row that did not lower the least loss by more than `min_delta`.
pub struct Patience {
    best: f64,
    waited: usize,
    patience: usize,
    min_delta: f64,
}

impl Patience {
    pub fn new(patience: usize, min_delta: f64) -> Patience {
        Patience { best: f64::INFINITY, waited: 0, patience, min_delta }
    }

    pub fn is_over(&mut self, loss: f64) -> bool {
        if loss < self.best - self.min_delta {
            self.best = loss;
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        self.waited >= self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::{cosine, Patience};

    #[test]
    fn the_rate_falls_from_first_towards_last() {
        assert_eq!(cosine(0, 50, 1e-3, 1e-5), 1e-3);
        assert!((cosine(25, 50, 1e-3, 1e-5) - 5.05e-4).abs() < 1e-12);
        assert!((cosine(50, 50, 1e-3, 1e-5) - 1e-5).abs() < 1e-12);
    }

    #[test]
    fn gains_below_min_delta_do_not_count() {
        let mut patience = Patience::new(2, 0.001);
        let losses = [1.0, 0.9995, 0.9985, 0.998, 0.9979, 0.9];
        let over: Vec<bool> = losses.iter().map(|&loss| patience.is_over(loss)).collect();
        assert_eq!(over, [false, false, false, false, true, false]);
        assert!(Patience::new(1, 0.0).is_over(f64::NAN));
    }
}
