//! `lessons_gemm`.

use std::cell::RefCell;

use super::border::{answered, require_apart, slice, slice_mut};
use crate::gemm::{gemm, Matrix, Room, Target};
use crate::refused::{refuse, Refused};

/// A matrix in somebody's memory: `count` floats from `data` on, rows `stride` apart.
#[repr(C)]
pub struct Passed {
    data: *mut f32,
    count: usize,
    rows: usize,
    columns: usize,
    stride: usize,
}

const TRANSPOSED_A: u32 = 1;
const TRANSPOSED_B: u32 = 2;
const ADDED: u32 = 4;
const MOST_THREADS: usize = 1024;

thread_local! {
    static ROOMS: RefCell<Vec<Room>> = const { RefCell::new(Vec::new()) };
}

/// out = a · b. `flags` may say that a or b is stored as its transpose, and that the product is added to out.
///
/// # Safety
/// What is passed describes memory that is there, and nobody else writes it, or reads out, meanwhile.
#[no_mangle]
pub unsafe extern "C" fn lessons_gemm(
    a: *const Passed,
    b: *const Passed,
    out: *const Passed,
    flags: u32,
    threads: usize,
) -> i32 {
    answered(|| {
        if flags & !(TRANSPOSED_A | TRANSPOSED_B | ADDED) != 0 {
            return refuse!("flags = {flags}: expected a sum of 1, 2 and 4");
        }
        check_threads(threads)?;
        let (a, b) = (&slice("a", a, 1)?[0], &slice("b", b, 1)?[0]);
        let out = &slice("out", out, 1)?[0];
        let left = matrix("a", a, flags & TRANSPOSED_A != 0)?;
        let right = matrix("b", b, flags & TRANSPOSED_B != 0)?;
        for (name, read) in [("a", a), ("b", b)] {
            require_apart((name, slice(name, read.data, read.count)?), ("out", out.data, out.count))?;
        }
        let data = slice_mut("out", out.data, out.count)?;
        let target = Target::new(data, out.rows, out.columns, out.stride).map_err(|refused| named("out", refused))?;
        ROOMS.with(|rooms| {
            let mut rooms = rooms.borrow_mut();
            if rooms.len() < threads {
                rooms.resize_with(threads, Room::default);
            }
            gemm(left, right, target, flags & ADDED != 0, &mut rooms[..threads])
        })
    })
}

pub fn check_threads(threads: usize) -> Result<(), Refused> {
    match threads {
        1..=MOST_THREADS => Ok(()),
        _ => refuse!("threads = {threads}: expected 1 to {MOST_THREADS}"),
    }
}

unsafe fn matrix<'a>(name: &str, passed: &Passed, transposed: bool) -> Result<Matrix<'a>, Refused> {
    let data = slice(name, passed.data, passed.count)?;
    let matrix = Matrix::new(data, passed.rows, passed.columns, passed.stride);
    let matrix = matrix.map_err(|refused| named(name, refused))?;
    Ok(if transposed { matrix.transposed() } else { matrix })
}

fn named(name: &str, refused: Refused) -> Refused {
    Refused(format!("{name}: {refused}"))
}
