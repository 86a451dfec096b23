use std::sync::Mutex;
use std::thread::scope;

fn positive(x: &[f32]) -> u64 {
    let hits = Mutex::new(0);
    let count = |part: &[f32]| {
        for _ in part.iter().filter(|&&v| v > 0.0) {
            *hits.lock().unwrap() += 1;
        }
    };
    let (front, back) = x.split_at(x.len() / 2);
    scope(|s| {
        s.spawn(|| count(front));
        s.spawn(|| count(back));
    });
    hits.into_inner().unwrap()
}

// Prints how many of 50 totals are wrong.
fn main() {
    let x = vec![1.0; 1 << 20];
    println!("{}", (0..50).filter(|_| positive(&x) != x.len() as u64).count());
}
