//! Panels: `LINES` rows of a matrix, rewritten so that whoever walks along its columns reads memory in order.

use super::matrix::Matrix;

/// The part of `from` that starts at (i, j) and is `rows`×`columns`, in panels of `LINES` rows. What the last one
/// has beyond them is left over from before: it meets only what is not kept.
pub fn pack<const LINES: usize>(from: &Matrix, i: usize, j: usize, rows: usize, columns: usize, to: &mut [f32]) {
    for (panel, to) in to.chunks_exact_mut(LINES * columns).take(rows.div_ceil(LINES)).enumerate() {
        let first = panel * LINES;
        let lines = LINES.min(rows - first);
        let data = from.from(i + first, j);
        if lines < LINES {
            for (p, to) in to.chunks_exact_mut(LINES).enumerate() {
                for (line, to) in to[..lines].iter_mut().enumerate() {
                    *to = data[line * from.down + p * from.right];
                }
            }
        } else if from.down == 1 {
            for (p, to) in to.chunks_exact_mut(LINES).enumerate() {
                to.copy_from_slice(&data[p * from.right..][..LINES]);
            }
        } else {
            turn::<LINES>(data, from.down, from.right, to);
        }
    }
}

/// Steps that are read from one row before the next row is touched: a line of a cache.
const RUN: usize = 16;

/// A whole panel from rows whose numbers are neighbours, or `right` apart.
fn turn<const LINES: usize>(data: &[f32], down: usize, right: usize, to: &mut [f32]) {
    let mut done = 0;
    if right == 1 {
        for to in to.chunks_exact_mut(RUN * LINES) {
            let rows: [&[f32; RUN]; LINES] =
                std::array::from_fn(|line| data[line * down + done..][..RUN].try_into().unwrap());
            for (p, to) in to.chunks_exact_mut(LINES).enumerate() {
                for (to, row) in to.iter_mut().zip(&rows) {
                    *to = row[p];
                }
            }
            done += RUN;
        }
    }
    for (p, to) in to.chunks_exact_mut(LINES).enumerate().skip(done) {
        for (line, to) in to.iter_mut().enumerate() {
            *to = data[line * down + p * right];
        }
    }
}
