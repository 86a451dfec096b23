//! The library as a program: a training run, and how long its parts take, without Python.

use std::collections::HashMap;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use lessons::gemm::{gemm, Matrix, Room, Target};
use lessons::mlp::data::Table;
use lessons::mlp::{Folded, Plan, Random, Shape, Single, Trainer};

const USAGE: &str = "usage: lessons-rust train [--data FILE] [--samples N] [--held-out N] [--hidden N,N,…]
                          [--epochs N] [--batch N] [--patience N] [--seed N] [--threads N]
       lessons-rust bench [--seconds S] [--threads N]

train   a classifier on lines of numbers and a class, or on samples drawn from the seed
bench   the best of many runs: matrix products, a training step, one sample";

const HIDDEN: [usize; 4] = [768, 1024, 768, 512];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("train", rest)) => Options::new(rest).and_then(train),
        Some(("bench", rest)) => Options::new(rest).and_then(bench),
        Some(("--help", _)) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("expected train or bench\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("lessons-rust: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What follows `--name`; whoever takes an option removes it, so that what is left is unknown.
struct Options(HashMap<String, String>);

impl Options {
    fn new(words: &[String]) -> Result<Options, String> {
        let mut found = HashMap::new();
        for pair in words.chunks(2) {
            let name = pair[0].strip_prefix("--").ok_or(format!("{:?}: expected an option\n{USAGE}", pair[0]))?;
            let value = pair.get(1).ok_or(format!("--{name}: expected a value after it"))?;
            if found.insert(name.to_owned(), value.clone()).is_some() {
                return Err(format!("--{name} comes twice"));
            }
        }
        Ok(Options(found))
    }

    fn take<T: FromStr>(&mut self, name: &str, otherwise: T) -> Result<T, String> {
        let Some(word) = self.0.remove(name) else {
            return Ok(otherwise);
        };
        word.parse().map_err(|_| format!("--{name} {word}: expected a number"))
    }

    fn threads(&mut self) -> Result<usize, String> {
        match self.take("threads", 1)? {
            threads @ 1..=1024 => Ok(threads),
            other => Err(format!("--threads {other}: expected 1 to 1024")),
        }
    }

    fn nothing_else(self) -> Result<(), String> {
        match self.0.into_keys().next() {
            Some(name) => Err(format!("--{name} is unknown\n{USAGE}")),
            None => Ok(()),
        }
    }
}

fn train(mut options: Options) -> Result<(), String> {
    let (seed, samples) = (options.take("seed", 0)?, options.take("samples", 10_000)?);
    let table = match options.0.remove("data") {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|error| format!("--data {file}: {error}"))?;
            Table::parsed(&text).map_err(|refused| format!("--data {file}: {refused}"))?
        }
        None => Table::drawn(samples, 20, seed),
    };
    let hidden = options.0.remove("hidden").unwrap_or_else(|| HIDDEN.map(|size| size.to_string()).join(","));
    let mut sizes = vec![table.features];
    for word in hidden.split(',').filter(|word| !word.is_empty()) {
        sizes.push(word.parse().map_err(|_| format!("--hidden {word}: expected a number"))?);
    }
    sizes.push(table.classes().max(2));
    let plan = Plan {
        epochs: options.take("epochs", 50)?,
        batch: options.take("batch", 128)?,
        first_rate: 1e-3,
        last_rate: 1e-5,
        patience: options.take("patience", 10)?,
        min_delta: 1e-3,
        seed,
    };
    let (threads, held_out) = (options.threads()?, options.take("held-out", table.count() / 5)?);
    options.nothing_else()?;
    if plan.batch == 0 || held_out == 0 || held_out >= table.count() {
        return Err("expected batch and held-out above 0, and samples to train on".to_owned());
    }
    let (training, validation) = table.split(held_out);
    let shape = Shape::new(&sizes).map_err(|refused| refused.0)?;
    println!("network {sizes:?}, {} parameters, {threads} threads", shape.parameters);
    println!("samples {} to train on, {held_out} held out", training.y.len());
    let mut trainer = Trainer::new(shape, plan.batch, threads, &mut Random::new(seed));
    let (started, mut epochs) = (Instant::now(), 0);
    let done = trainer.fit(training, validation, &plan, |epoch| {
        epochs += 1;
        println!(
            "epoch {epochs:2}  rate {:.6}  loss {:.4}  held out {:.4}  accuracy {:.4}",
            epoch.rate, epoch.training_loss, epoch.validation_loss, epoch.validation_accuracy
        );
        true
    });
    done.map_err(|refused| refused.0)?;
    println!("epochs {epochs}, seconds {:.3}", started.elapsed().as_secs_f64());
    Ok(())
}

fn bench(mut options: Options) -> Result<(), String> {
    let (seconds, threads) = (options.take("seconds", 1.0)?, options.threads()?);
    options.nothing_else()?;
    let mut rooms: Vec<Room> = (0..threads).map(|_| Room::default()).collect();
    for n in [256, 1024] {
        let (a, b, mut out) = (vec![1.0; n * n], vec![2.0; n * n], vec![0.0; n * n]);
        let matrix = |data| Matrix::new(data, n, n, n).expect("it is square");
        let best = best_of(seconds, || {
            let out = Target::new(&mut out, n, n, n).expect("it is square");
            gemm(matrix(&a), matrix(&b), out, false, &mut rooms).expect("sizes fit");
        });
        println!("gemm {n}x{n}x{n}  {:.1} GFLOP/s", 2.0 * (n * n * n) as f64 / best / 1e9);
    }
    let table = Table::drawn(128, 20, 0);
    let data = table.split(0).0;
    let shape = Shape::new(&[&[20][..], &HIDDEN, &[2]].concat()).map_err(|refused| refused.0)?;
    let mut trainer = Trainer::new(shape, 128, threads, &mut Random::new(0));
    let order: Vec<i64> = (0..128).collect();
    let step = best_of(seconds, || {
        trainer.step(data, &order, 1e-3).expect("samples fit");
    });
    println!("training step, 128 samples  {:.3} ms", step * 1e3);
    let (mut single, folded) = (Single::new(&trainer.network), Folded::new(&trainer.network));
    let mut out = [0.0; 2];
    let plain = best_of(seconds, || single.logits(&trainer.network, &data.x[..20], &mut out));
    println!("one sample  {:.1} µs", plain * 1e6);
    let folded = best_of(seconds, || single.folded_logits(&folded, &data.x[..20], &mut out));
    println!("one sample, BatchNorm folded  {:.1} µs", folded * 1e6);
    Ok(())
}

fn best_of(seconds: f64, mut run: impl FnMut()) -> f64 {
    let (started, mut best) = (Instant::now(), f64::INFINITY);
    while best.is_infinite() || started.elapsed().as_secs_f64() < seconds {
        let before = Instant::now();
        run();
        best = best.min(before.elapsed().as_secs_f64());
    }
    best
}
