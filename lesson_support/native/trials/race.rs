use std::thread::scope;

fn positive(x: &[f32]) -> u64 {
    let mut hits = 0;
    let (front, back) = x.split_at(x.len() / 2);
    scope(|s| {
        s.spawn(|| front.iter().for_each(|&v| if v > 0.0 { hits += 1 }));
        s.spawn(|| back.iter().for_each(|&v| if v > 0.0 { hits += 1 }));
    });
    hits
}

// Prints how many of 50 totals are wrong.
fn main() {
    let x = vec![1.0; 1 << 20];
    println!("{}", (0..50).filter(|_| positive(&x) != x.len() as u64).count());
}
