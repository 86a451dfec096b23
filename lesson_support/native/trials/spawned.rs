use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::spawn;

static X: [f32; 1 << 20] = [1.0; 1 << 20];

fn count(part: &[f32], hits: &AtomicU64) {
    part.iter().filter(|&&v| v > 0.0).for_each(|_| { hits.fetch_add(1, Relaxed); });
}

fn main() {
    let hits = AtomicU64::new(0);
    let (front, back) = (spawn(|| count(&X[..1 << 19], &hits)), spawn(|| count(&X[1 << 19..], &hits)));
    front.join().unwrap();
    back.join().unwrap();
    println!("{}", hits.into_inner());
}
