//! The network against torch's numbers in float64, which tests/package/test_rust_crate.py computes and compares.

use std::collections::HashMap;

use lessons::gemm::{gemm, Matrix, Room, Target};
use lessons::mlp::{Folded, Plan, Random, Samples, Shape, Single, Trainer};

fn vectors() -> HashMap<&'static str, Vec<f64>> {
    let lines = include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let (name, numbers) = line.split_once(':').unwrap();
        (name, numbers.split_whitespace().map(|number| number.parse().unwrap()).collect())
    });
    parsed.collect()
}

fn floats(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&number| number as f32).collect()
}

fn assert_close(name: &str, got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{name}");
    for (index, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs();
        assert!(error <= tolerance * (1.0 + expected.abs()), "{name}[{index}] is {got}: expected {expected}");
    }
}

struct Case {
    numbers: HashMap<&'static str, Vec<f64>>,
    trainer: Trainer,
    x: Vec<f32>,
    y: Vec<i64>,
    order: Vec<i64>,
}

impl Case {
    fn new() -> Case {
        let numbers = vectors();
        let sizes: Vec<usize> = numbers["sizes"].iter().map(|&size| size as usize).collect();
        let mut trainer = Trainer::new(Shape::new(&sizes).unwrap(), 20, 1, &mut Random::new(0));
        trainer.network.parameters = floats(&numbers["parameters"]);
        let (x, y) = (floats(&numbers["x"]), numbers["y"].iter().map(|&class| class as i64).collect::<Vec<_>>());
        let order = (0..y.len() as i64).collect();
        Case { numbers, trainer, x, y, order }
    }
}

#[test]
fn a_product_is_torchs() {
    let numbers = vectors();
    let (a, b) = (floats(&numbers["a"]), floats(&numbers["b"]));
    let mut out = vec![0.0; 6];
    let (a, b) = (Matrix::new(&a, 3, 4, 4).unwrap(), Matrix::new(&b, 4, 2, 2).unwrap());
    gemm(a, b, Target::new(&mut out, 3, 2, 2).unwrap(), false, &mut [Room::default()]).unwrap();
    assert_close("product", &out, &numbers["product"], 0.0);
}

#[test]
fn loss_gradients_and_running_statistics_are_torchs() {
    let Case { numbers, mut trainer, x, y, order } = Case::new();
    let loss = trainer.differentiate(Samples { x: &x, y: &y }, &order).unwrap();
    assert!((loss - numbers["losses"][0]).abs() < 1e-6);
    assert_close("gradients", &trainer.pass.gradients, &numbers["gradients"], 2e-6);
    assert_close("statistics", &trainer.network.statistics, &numbers["statistics"], 1e-6);
}

#[test]
fn steps_of_adam_are_torchs() {
    let Case { numbers, mut trainer, x, y, order } = Case::new();
    for &expected in &numbers["losses"] {
        let loss = trainer.step(Samples { x: &x, y: &y }, &order, 0.01).unwrap();
        assert!((loss - expected).abs() < 2e-5, "{loss} {expected}");
    }
    let layers = trainer.network.shape.layers.clone();
    for layer in layers {
        let mut learned = vec![layer.weight];
        match layer.norm {
            // A bias before BatchNorm cancels: its gradient is rounding, of which Adam makes whole steps.
            Some(norm) => learned.extend([norm.gamma, norm.beta]),
            None => learned.push(layer.bias),
        }
        for range in learned {
            assert_close("after", &trainer.network.parameters[range.clone()], &numbers["after"][range], 1e-4);
        }
    }
}

#[test]
fn all_ways_to_evaluate_agree() {
    let Case { mut trainer, x, y, order, .. } = Case::new();
    for _ in 0..3 {
        trainer.step(Samples { x: &x, y: &y }, &order, 0.01).unwrap();
    }
    let mut together = vec![0.0; 2 * y.len()];
    trainer.logits(&x, &mut together).unwrap();
    let (mut single, folded) = (Single::new(&trainer.network), Folded::new(&trainer.network));
    for (x, expected) in x.chunks(3).zip(together.chunks(2)) {
        let expected: Vec<f64> = expected.iter().map(|&logit| f64::from(logit)).collect();
        let mut out = [0.0; 2];
        single.logits(&trainer.network, x, &mut out);
        assert_close("single", &out, &expected, 1e-5);
        single.folded_logits(&folded, x, &mut out);
        assert_close("folded", &out, &expected, 1e-5);
    }
}

#[test]
fn threads_and_batches_of_evaluation_change_nothing() {
    let drawn = lessons::mlp::data::Table::drawn(500, 20, 3);
    let (training, validation) = drawn.split(100);
    let run = |threads| {
        let shape = Shape::new(&[20, 256, 256, 2]).unwrap();
        let mut trainer = Trainer::new(shape, 128, threads, &mut Random::new(5));
        let plan =
            Plan { epochs: 3, batch: 100, first_rate: 1e-3, last_rate: 1e-5, patience: 9, min_delta: 0.0, seed: 1 };
        let mut losses = Vec::new();
        let told = |epoch: &lessons::mlp::Epoch| {
            losses.push((epoch.training_loss, epoch.validation_loss));
            true
        };
        trainer.fit(training, validation, &plan, told).unwrap();
        losses
    };
    let losses = run(1);
    assert_eq!(losses, run(3));
    assert!(losses.len() == 3 && losses[2].0 < losses[0].0);
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let Case { mut trainer, x, y, order, .. } = Case::new();
    let data = Samples { x: &x, y: &y };
    let mut refused = |data, order: &[i64]| trainer.step(data, order, 0.1).unwrap_err().0;
    assert!(refused(data, &order[..1]).starts_with("a batch of 1: expected two samples or more"));
    assert!(refused(data, &[0, 20]).starts_with("order names sample 20: expected 0 to 19"));
    assert!(refused(data, &[0, -1]).starts_with("order names sample -1"));
    assert!(refused(data, &[0; 21]).starts_with("a batch of 21: expected at most 20"));
    assert!(refused(Samples { x: &x[1..], y: &y }, &order).starts_with("x holds 59 numbers for 20 classes in y"));
    assert!(refused(Samples { x: &x, y: &[2; 20] }, &order).starts_with("y holds class 2: expected 0 to 1"));
}
