use std::thread::scope;

fn positive(x: &[f32]) -> u64 {
    let count = |part: &[f32]| part.iter().filter(|&&v| v > 0.0).count() as u64;
    let (front, back) = x.split_at(x.len() / 2);
    scope(|s| {
        let (front, back) = (s.spawn(|| count(front)), s.spawn(|| count(back)));
        front.join().unwrap() + back.join().unwrap()
    })
}

// Prints how many of 50 totals are wrong.
fn main() {
    let x = vec![1.0; 1 << 20];
    println!("{}", (0..50).filter(|_| positive(&x) != x.len() as u64).count());
}
