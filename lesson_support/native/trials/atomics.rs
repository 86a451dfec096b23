use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::scope;

fn positive(x: &[f32]) -> u64 {
    let hits = AtomicU64::new(0);
    let count = |part: &[f32]| {
        for _ in part.iter().filter(|&&v| v > 0.0) {
            hits.store(hits.load(SeqCst) + 1, SeqCst);
        }
    };
    let (front, back) = x.split_at(x.len() / 2);
    scope(|s| {
        s.spawn(|| count(front));
        s.spawn(|| count(back));
    });
    hits.into_inner()
}

// Prints how many of 50 totals are wrong.
fn main() {
    let x = vec![1.0; 1 << 20];
    println!("{}", (0..50).filter(|_| positive(&x) != x.len() as u64).count());
}
