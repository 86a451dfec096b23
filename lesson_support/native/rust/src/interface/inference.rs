//! Logits of the networks behind handles, by their running statistics.

use super::border::{answered, slice, slice_mut};
use super::networks::{with, Held};
use crate::mlp::Folded;
use crate::refused::{refuse, Refused};

/// The logits of all samples of x, a batch at a time.
///
/// # Safety
/// `x` holds `x_count` floats and `out` takes `out_count`, here and below.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_logits(
    handle: u64,
    x: *const f32,
    x_count: usize,
    out: *mut f32,
    out_count: usize,
) -> i32 {
    answered(|| {
        let (x, out) = (slice("x", x, x_count)?, slice_mut("out", out, out_count)?);
        with(handle, |held| {
            let shape = &held.trainer.network.shape;
            let count = x.len() / shape.inputs();
            if x.len() != count * shape.inputs() || count.checked_mul(shape.classes()) != Some(out.len()) {
                let (features, classes) = (shape.inputs(), shape.classes());
                return refuse!(
                    "x holds {} numbers and out takes {}: expected {features} and {classes} for each sample",
                    x.len(),
                    out.len()
                );
            }
            held.trainer.logits(x, out)
        })
    })
}

/// The logits of one sample at the least latency.
///
/// # Safety
/// As above.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_single(
    handle: u64,
    x: *const f32,
    x_count: usize,
    out: *mut f32,
    out_count: usize,
) -> i32 {
    answered(|| {
        let (x, out) = (slice("x", x, x_count)?, slice_mut("out", out, out_count)?);
        with(handle, |held| {
            one_sample(held, x, out)?;
            held.single.logits(&held.trainer.network, x, out);
            Ok(())
        })
    })
}

/// The same by weights into which BatchNorm is folded: at the first call, and again after training.
///
/// # Safety
/// As above.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_single_folded(
    handle: u64,
    x: *const f32,
    x_count: usize,
    out: *mut f32,
    out_count: usize,
) -> i32 {
    answered(|| {
        let (x, out) = (slice("x", x, x_count)?, slice_mut("out", out, out_count)?);
        with(handle, |held| {
            one_sample(held, x, out)?;
            let folded = held.folded.get_or_insert_with(|| Folded::new(&held.trainer.network));
            held.single.folded_logits(folded, x, out);
            Ok(())
        })
    })
}

fn one_sample(held: &Held, x: &[f32], out: &[f32]) -> Result<(), Refused> {
    let shape = &held.trainer.network.shape;
    if (x.len(), out.len()) != (shape.inputs(), shape.classes()) {
        let (features, classes) = (shape.inputs(), shape.classes());
        return refuse!("x holds {} numbers and out takes {}: expected {features} and {classes}", x.len(), out.len());
    }
    Ok(())
}
