pub struct Matrix<const ROWS: usize, const COLUMNS: usize>(pub [[f32; COLUMNS]; ROWS]);

pub fn matmul<const N: usize, const K: usize, const M: usize>(
    a: &Matrix<N, K>,
    b: &Matrix<K, M>,
) -> Matrix<N, M> {
    Matrix(std::array::from_fn(|i| std::array::from_fn(|j| (0..K).map(|p| a.0[i][p] * b.0[p][j]).sum())))
}

fn main() {
    let (a, b) = (Matrix([[1.0; 3]; 2]), Matrix([[1.0; 4]; 3]));
    println!("{}", matmul(&a, &b).0[0][0]);
}
