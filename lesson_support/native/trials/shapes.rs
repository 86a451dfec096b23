pub struct Matrix<const ROWS: usize, const COLUMNS: usize>(pub [[f32; COLUMNS]; ROWS]);

pub fn matmul<const N: usize, const K: usize, const M: usize>(
    a: &Matrix<N, K>,
    b: &Matrix<K, M>,
) -> Matrix<N, M> {
    let mut out = Matrix([[0.0; M]; N]);
    for (out, a) in out.0.iter_mut().zip(&a.0) {
        for (factor, b) in a.iter().zip(&b.0) {
            for (out, b) in out.iter_mut().zip(b) {
                *out += factor * b;
            }
        }
    }
    out
}

fn main() {
    let (a, b) = (Matrix([[1.0; 3]; 2]), Matrix([[1.0; 4]; 5]));
    let out = matmul(&a, &b);
    println!("{}", out.0[0][0]);
}
