//! The micro-kernel: a tile of the result stays in registers while a panel of a and a panel of b stream past it.

use super::lanes::{all, fused, load, plus, store, Lanes};
pub use super::lanes::{ROWS, WIDTH};

const VECTORS: usize = 2;
pub const COLUMNS: usize = VECTORS * WIDTH;

type Sums = [[Lanes; VECTORS]; ROWS];

/// The product of a panel of a, `ROWS` numbers a step, and a panel of b, `COLUMNS` numbers a step.
#[inline(always)]
fn sums(a: &[f32], b: &[f32]) -> Sums {
    let mut sum = [[all(0.0); VECTORS]; ROWS];
    for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(COLUMNS)) {
        let right: [Lanes; VECTORS] = std::array::from_fn(|v| load(part(b, v * WIDTH)));
        for i in 0..ROWS {
            let left = all(a[i]);
            for v in 0..VECTORS {
                sum[i][v] = fused(left, right[v], sum[i][v]);
            }
        }
    }
    sum
}

/// Writes the tile to `out`, or adds it to what is there; rows of `out` are `stride` apart.
#[inline(always)]
fn write(sum: &Sums, out: &mut [f32], stride: usize, add: bool) {
    // Counted loops, which unroll: registers have no index, and `sum` would else go through memory.
    for i in 0..ROWS {
        let row: &mut [f32; COLUMNS] = (&mut out[i * stride..][..COLUMNS]).try_into().unwrap();
        for v in 0..VECTORS {
            let place: &mut [f32; WIDTH] = (&mut row[v * WIDTH..(v + 1) * WIDTH]).try_into().unwrap();
            store(if add { plus(load(place), sum[i][v]) } else { sum[i][v] }, place);
        }
    }
}

#[inline(always)]
/// A whole tile; `out` starts at its first element.
pub fn whole(a: &[f32], b: &[f32], out: &mut [f32], stride: usize, add: bool) {
    write(&sums(a, b), out, stride, add);
}

/// A tile of which only `rows`×`columns` lie within the result.
pub fn edge(a: &[f32], b: &[f32], out: &mut [f32], stride: usize, add: bool, rows: usize, columns: usize) {
    let mut tile = [0.0; ROWS * COLUMNS];
    write(&sums(a, b), &mut tile, COLUMNS, false);
    for (row, tile) in out.chunks_mut(stride).zip(tile.chunks_exact(COLUMNS)).take(rows) {
        for (out, &sum) in row[..columns].iter_mut().zip(tile) {
            *out = if add { *out + sum } else { sum };
        }
    }
}

#[inline(always)]
fn part(from: &[f32], start: usize) -> &[f32; WIDTH] {
    from[start..start + WIDTH].try_into().unwrap()
}
