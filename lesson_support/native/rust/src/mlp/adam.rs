//! Adam as torch defines it: bias correction, and eps outside of the root.

const BETAS: (f64, f64) = (0.9, 0.999); // float64, as torch has them: 1 − 0.999 loses four digits in float32
const EPSILON: f32 = 1e-8;

/// Numbers below which a second thread does not pay.
const WORTH_A_THREAD: usize = 1 << 18;

pub struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Adam {
    pub fn new(parameters: usize) -> Adam {
        Adam { first: vec![0.0; parameters], second: vec![0.0; parameters], steps: 0 }
    }

    pub fn step(&mut self, parameters: &mut [f32], gradients: &[f32], rate: f64, threads: usize) {
        self.steps += 1;
        let correction = |beta: f64| 1.0 - beta.powi(self.steps);
        let size = (rate / correction(BETAS.0)) as f32;
        let root = correction(BETAS.1).sqrt() as f32;
        let threads = threads.min(parameters.len() / WORTH_A_THREAD).max(1);
        if threads == 1 {
            return update(parameters, gradients, &mut self.first, &mut self.second, size, root);
        }
        let part = parameters.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let moments = self.first.chunks_mut(part).zip(self.second.chunks_mut(part));
            for ((parameters, gradients), (first, second)) in
                parameters.chunks_mut(part).zip(gradients.chunks(part)).zip(moments)
            {
                scope.spawn(move || update(parameters, gradients, first, second, size, root));
            }
        });
    }
}

fn update(parameters: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32], size: f32, root: f32) {
    const FIRST: f32 = (1.0 - BETAS.0) as f32;
    const KEPT: f32 = BETAS.1 as f32;
    const SECOND: f32 = (1.0 - BETAS.1) as f32;
    let moments = first.iter_mut().zip(second);
    for ((parameter, &gradient), (first, second)) in parameters.iter_mut().zip(gradients).zip(moments) {
        *first += FIRST * (gradient - *first);
        *second = KEPT * *second + SECOND * gradient * gradient;
        *parameter -= size * *first / (second.sqrt() / root + EPSILON);
    }
}

#[cfg(test)]
mod tests {
    use super::{Adam, WORTH_A_THREAD};

    #[test]
    fn the_first_step_has_the_size_of_the_rate_and_the_sign_of_the_gradient() {
        let mut parameters = [1.0, 1.0, 1.0];
        Adam::new(3).step(&mut parameters, &[3.0, -0.001, 0.0], 0.01, 1);
        for (got, expected) in parameters.iter().zip([0.99, 1.01, 1.0]) {
            assert!((got - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn threads_change_nothing() {
        let count = 2 * WORTH_A_THREAD + 3;
        let gradients: Vec<f32> = (0..count).map(|i| (i % 17) as f32 - 8.0).collect();
        let after = |threads| {
            let mut parameters = vec![0.5; count];
            let mut adam = Adam::new(count);
            (0..3).for_each(|_| adam.step(&mut parameters, &gradients, 1e-3, threads));
            parameters
        };
        assert_eq!(after(1), after(2));
    }
}
