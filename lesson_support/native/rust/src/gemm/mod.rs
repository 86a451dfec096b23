//! The matrix product out = a · b, or out += a · b, in float32, from packed panels. Parts and names follow BLIS:
//! a micro-kernel on panels, and three block sizes for three levels of cache. Nothing in it is `unsafe` except the
//! names of AVX-512's registers in `lanes`.

pub mod lanes;
mod matrix;
mod packing;
mod room;
mod tile;

pub use matrix::{Matrix, Target};
pub use room::Room;

use crate::refused::{refuse, Refused};
use tile::{COLUMNS, ROWS};

// A panel of b, DEPTH×COLUMNS, stays in L1 (at most 32 KiB) for all panels of a block of a; that block,
// HEIGHT×DEPTH = 192 KiB, stays in L2 for all panels of b; those, DEPTH×WIDTH ≤ 2 MiB, come from L2 or L3.
const DEPTH: usize = 256;
const HEIGHT: usize = 192;
const WIDTH: usize = 2048;
const _: () = assert!(HEIGHT % ROWS == 0 && WIDTH % COLUMNS == 0);

/// Below this many multiply-adds for each thread, starting it costs more than it brings.
const WORTH_A_THREAD: usize = 1 << 21;

/// out = a · b, or out += a · b if `add`, on as many threads as there are rooms. The order of the sums does not
/// depend on their number.
pub fn gemm(a: Matrix, b: Matrix, out: Target, add: bool, rooms: &mut [Room]) -> Result<(), Refused> {
    let (n, m, k) = (out.rows, out.columns, a.columns);
    if a.rows != n || b.columns != m || b.rows != k {
        return refuse!(
            "a is {}×{}, b is {}×{}, out is {n}×{m}: expected n×k, k×m and n×m",
            a.rows,
            a.columns,
            b.rows,
            b.columns
        );
    }
    if n == 0 || m == 0 {
        return Ok(());
    }
    let threads = rooms.len().min(n.saturating_mul(m).saturating_mul(k) / WORTH_A_THREAD).min(n.div_ceil(ROWS)).max(1);
    let Target { data, stride, .. } = out;
    if threads == 1 {
        product(a, b, data, stride, add, &mut rooms[0]);
        return Ok(());
    }
    let rows = n.div_ceil(ROWS).div_ceil(threads) * ROWS;
    std::thread::scope(|scope| {
        // Each thread owns its rows: `chunks_mut` hands out parts that cannot overlap.
        for ((number, data), room) in data.chunks_mut(rows * stride).enumerate().zip(rooms) {
            let first = number * rows;
            if first < n {
                let own = a.rows_from(first, rows.min(n - first));
                scope.spawn(move || product(own, b, data, stride, add, room));
            }
        }
    });
    Ok(())
}

/// The product on one thread.
fn product(a: Matrix, b: Matrix, out: &mut [f32], stride: usize, add: bool, room: &mut Room) {
    let (n, m, k) = (a.rows, b.columns, a.columns);
    if k == 0 && !add {
        out.chunks_mut(stride).take(n).for_each(|row| row[..m].fill(0.0));
    }
    let block = room.a.floats(n.min(HEIGHT).next_multiple_of(ROWS) * k.min(DEPTH));
    let panels = room.b.floats(m.min(WIDTH).next_multiple_of(COLUMNS) * k.min(DEPTH));
    for j0 in (0..m).step_by(WIDTH) {
        let columns = WIDTH.min(m - j0);
        for p0 in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - p0);
            let add = add || p0 > 0;
            packing::pack::<COLUMNS>(&b.transposed(), j0, p0, columns, depth, panels);
            for i0 in (0..n).step_by(HEIGHT) {
                let rows = HEIGHT.min(n - i0);
                packing::pack::<ROWS>(&a, i0, p0, rows, depth, block);
                let out = &mut out[i0 * stride + j0..];
                for j in (0..columns).step_by(COLUMNS) {
                    let right = &panels[j * depth..(j + COLUMNS) * depth];
                    for i in (0..rows).step_by(ROWS) {
                        let left = &block[i * depth..(i + ROWS) * depth];
                        let out = &mut out[i * stride + j..];
                        let (rows, columns) = (ROWS.min(rows - i), COLUMNS.min(columns - j));
                        if rows == ROWS && columns == COLUMNS {
                            tile::whole(left, right, out, stride, add);
                        } else {
                            tile::edge(left, right, out, stride, add, rows, columns);
                        }
                    }
                }
            }
        }
    }
}
