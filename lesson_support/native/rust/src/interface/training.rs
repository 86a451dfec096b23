//! Gradients, epochs and whole runs of the networks behind handles.

use super::border::{answered, give, slice, slice_mut};
use super::networks::with;
use crate::mlp::{Plan, Samples};
use crate::refused::{refuse, Refused};

/// Samples in somebody's memory: `x_count` floats and `count` classes.
#[repr(C)]
pub struct PassedSamples {
    x: *const f32,
    x_count: usize,
    y: *const i64,
    count: usize,
}

unsafe fn samples<'a>(name: &str, passed: *const PassedSamples) -> Result<Samples<'a>, Refused> {
    let passed = &slice(name, passed, 1)?[0];
    Ok(Samples { x: slice("x", passed.x, passed.x_count)?, y: slice("y", passed.y, passed.count)? })
}

/// Forward and backward, no step: the loss, and gradients to read.
///
/// # Safety
/// What is passed describes memory that is there, here and below.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_differentiate(
    handle: u64,
    data: *const PassedSamples,
    order: *const i64,
    order_count: usize,
    loss: *mut f64,
) -> i32 {
    answered(|| {
        let (data, order) = (samples("data", data)?, slice("order", order, order_count)?);
        let found = with(handle, |held| {
            held.folded = None;
            held.trainer.differentiate(data, order)
        })?;
        give("loss", loss, found)
    })
}

/// Steps through `order`, `batch` samples at a time; each step's loss goes to `losses`, as far as there is room.
///
/// # Safety
/// As above.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_epoch(
    handle: u64,
    data: *const PassedSamples,
    order: *const i64,
    order_count: usize,
    batch: usize,
    rate: f64,
    losses: *mut f64,
    losses_count: usize,
    mean: *mut f64,
) -> i32 {
    answered(|| {
        let (data, order) = (samples("data", data)?, slice("order", order, order_count)?);
        let losses = slice_mut("losses", losses, losses_count)?;
        let found = with(handle, |held| {
            held.folded = None;
            held.trainer.epoch(data, order, batch, rate, losses)
        })?;
        give("mean", mean, found)
    })
}

/// A schedule's rates, patience and so on, as `mlp::Plan` names them.
#[repr(C)]
pub struct PassedPlan {
    epochs: usize,
    batch: usize,
    first_rate: f64,
    last_rate: f64,
    patience: usize,
    min_delta: f64,
    seed: u64,
}

/// A whole run. Each epoch leaves four numbers in `history`, which takes `epochs` of them: rate, training loss,
/// validation loss, validation accuracy.
///
/// # Safety
/// As above.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_fit(
    handle: u64,
    training: *const PassedSamples,
    validation: *const PassedSamples,
    plan: *const PassedPlan,
    history: *mut f64,
    history_count: usize,
    epochs: *mut usize,
) -> i32 {
    answered(|| {
        let (training, validation) = (samples("training", training)?, samples("validation", validation)?);
        let &PassedPlan { epochs: most, batch, first_rate, last_rate, patience, min_delta, seed } =
            &slice("plan", plan, 1)?[0];
        if most.checked_mul(4) != Some(history_count) {
            return refuse!("history takes {history_count} numbers: expected 4 for each of {most} epochs");
        }
        let mut rows = slice_mut("history", history, history_count)?.chunks_exact_mut(4);
        let plan = Plan { epochs: most, batch, first_rate, last_rate, patience, min_delta, seed };
        let mut done = 0;
        with(handle, |held| {
            held.folded = None;
            held.trainer.fit(training, validation, &plan, |epoch| {
                let numbers = [epoch.rate, epoch.training_loss, epoch.validation_loss, epoch.validation_accuracy];
                rows.next().into_iter().for_each(|row| row.copy_from_slice(&numbers));
                done += 1;
                true
            })
        })?;
        give("epochs", epochs, done)
    })
}
