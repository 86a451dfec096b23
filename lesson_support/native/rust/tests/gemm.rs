//! The product against a plain loop in float64, around every edge that panels and blocks have.

use lessons::gemm::{gemm, Matrix, Room, Target};
use lessons::mlp::Random;

const SIZES: [(usize, usize, usize); 16] = [
    (0, 3, 4),
    (3, 0, 4),
    (3, 4, 0),
    (1, 1, 1),
    (1, 33, 65),
    (2, 7, 257),
    (5, 6, 3),
    (6, 16, 256),
    (7, 17, 255),
    (12, 32, 2),
    (13, 33, 257),
    (24, 64, 31),
    (65, 1, 300),
    (193, 34, 300),
    (197, 130, 513),
    (3, 2090, 20),
];

fn numbers(count: usize, random: &mut Random) -> Vec<f32> {
    (0..count).map(|_| random.normal()).collect()
}

/// Whether |out − a·b| ≤ (k + 1)·2⁻²⁴·(|a|·|b|), element by element, on top of what was in out.
fn assert_product(a: &[f32], b: &[f32], before: &[f32], out: &[f32], (n, m, k): (usize, usize, usize)) {
    for i in 0..n {
        for j in 0..m {
            let pairs = || (0..k).map(|p| (f64::from(a[i * k + p]), f64::from(b[p * m + j])));
            let start = f64::from(before[i * m + j]);
            let exact = start + pairs().map(|(x, y)| x * y).sum::<f64>();
            let sizes = start.abs() + pairs().map(|(x, y)| (x * y).abs()).sum::<f64>();
            let error = (f64::from(out[i * m + j]) - exact).abs();
            assert!(error <= (k + 2) as f64 * sizes / f64::from(1 << 24), "{n}×{m}×{k} at ({i}, {j})");
        }
    }
}

fn transposed(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|at| x[at % rows * columns + at / rows]).collect()
}

#[test]
fn every_edge_and_every_transpose_is_right() {
    let mut random = Random::new(1);
    let mut rooms = [Room::default()];
    for size @ (n, m, k) in SIZES {
        let (a, b) = (numbers(n * k, &mut random), numbers(k * m, &mut random));
        let (turned_a, turned_b) = (transposed(&a, n, k), transposed(&b, k, m));
        for turns in 0..8 {
            let left = match turns & 1 {
                0 => Matrix::new(&a, n, k, k).unwrap(),
                _ => Matrix::new(&turned_a, k, n, n).unwrap().transposed(),
            };
            let right = match turns & 2 {
                0 => Matrix::new(&b, k, m, m).unwrap(),
                _ => Matrix::new(&turned_b, m, k, k).unwrap().transposed(),
            };
            let add = turns & 4 != 0;
            let before = if add { numbers(n * m, &mut random) } else { vec![0.0; n * m] };
            let mut out = if add { before.clone() } else { vec![f32::NAN; n * m] };
            gemm(left, right, Target::new(&mut out, n, m, m).unwrap(), add, &mut rooms).unwrap();
            assert_product(&a, &b, &before, &out, size);
        }
    }
}

#[test]
fn what_lies_between_rows_is_neither_read_nor_written() {
    let (n, m, k, gap) = (26, 35, 261, 5);
    let mut random = Random::new(2);
    let (a, b) = (numbers(n * k, &mut random), numbers(k * m, &mut random));
    let spread = |x: &[f32], columns: usize| -> Vec<f32> {
        x.chunks(columns).flat_map(|row| row.iter().copied().chain([f32::NAN; 5])).collect()
    };
    let (wide_a, wide_b) = (spread(&a, k), spread(&b, m));
    let mut out = vec![7.0; n * (m + gap)];
    gemm(
        Matrix::new(&wide_a, n, k, k + gap).unwrap(),
        Matrix::new(&wide_b, k, m, m + gap).unwrap(),
        Target::new(&mut out, n, m, m + gap).unwrap(),
        false,
        &mut [Room::default()],
    )
    .unwrap();
    assert!(out.chunks(m + gap).all(|row| row[m..].iter().all(|&x| x == 7.0)));
    let tight: Vec<f32> = out.chunks(m + gap).flat_map(|row| row[..m].to_vec()).collect();
    assert_product(&a, &b, &vec![0.0; n * m], &tight, (n, m, k));
}

#[test]
fn threads_do_not_change_a_bit() {
    let (n, m, k) = (389, 130, 300);
    let mut random = Random::new(3);
    let (a, b) = (numbers(n * k, &mut random), numbers(k * m, &mut random));
    let product = |threads: usize| {
        let mut rooms: Vec<Room> = (0..threads).map(|_| Room::default()).collect();
        let mut out = vec![0.0; n * m];
        let (a, b) = (Matrix::new(&a, n, k, k).unwrap(), Matrix::new(&b, k, m, m).unwrap());
        gemm(a, b, Target::new(&mut out, n, m, m).unwrap(), false, &mut rooms).unwrap();
        out
    };
    assert!((2..6).all(|threads| product(threads) == product(1)));
}

#[test]
fn nan_and_infinity_reach_their_row_and_column_alone() {
    let (n, m, k) = (14, 37, 260);
    for special in [f32::NAN, f32::INFINITY] {
        let mut a = vec![1.0; n * k];
        a[11 * k + 7] = special;
        let b: Vec<f32> = (0..k * m).map(|at| if at / m == 7 && at % m == 5 { 0.0 } else { 1.0 }).collect();
        let mut out = vec![0.0; n * m];
        let (a, b) = (Matrix::new(&a, n, k, k).unwrap(), Matrix::new(&b, k, m, m).unwrap());
        gemm(a, b, Target::new(&mut out, n, m, m).unwrap(), false, &mut [Room::default()]).unwrap();
        for (at, x) in out.iter().enumerate() {
            match (at / m, at % m) {
                (11, 5) => assert!(x.is_nan()),
                (11, _) => assert!(!x.is_finite()),
                _ => assert!(x.is_finite()),
            }
        }
    }
}

#[test]
fn matrices_that_do_not_fit_are_refused() {
    let data = [0.0; 12];
    assert!(Matrix::new(&data, 3, 4, 4).is_ok() && Matrix::new(&data, 2, 4, 8).is_ok());
    for (rows, columns, stride) in [(4, 4, 4), (3, 4, 3), (2, 4, 9), (usize::MAX, 2, 2), (2, 2, usize::MAX)] {
        assert!(Matrix::new(&data, rows, columns, stride).is_err(), "{rows}×{columns} by {stride}");
    }
    let (a, mut out) = (Matrix::new(&data, 3, 4, 4).unwrap(), [0.0; 12]);
    let refused = gemm(a, a, Target::new(&mut out, 3, 4, 4).unwrap(), false, &mut [Room::default()]);
    assert_eq!(refused.unwrap_err().0, "a is 3×4, b is 3×4, out is 3×4: expected n×k, k×m and n×m");
}
