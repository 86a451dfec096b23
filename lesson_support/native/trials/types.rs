fn total(x: &[f32]) -> f32 {
    x.iter().sum()
}

fn main() {
    let x: Vec<f64> = vec![0.0, 1.0, 2.0, 3.0];
    println!("{}", total(&x));
}
