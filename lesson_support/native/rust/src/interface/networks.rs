//! Networks behind handles: a number that stands for none is refused, where a stale pointer would be followed.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::border::{answered, give, slice, slice_mut};
use super::products::check_threads;
use crate::mlp::{Folded, Random, Shape, Single, Trainer};
use crate::refused::{refuse, Refused};

pub struct Held {
    pub trainer: Trainer,
    pub single: Single,
    pub folded: Option<Folded>,
}

/// The last handle given, and what stands behind those that are not freed.
type Table = (u64, HashMap<u64, Arc<Mutex<Held>>>);

static HELD: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

fn table() -> MutexGuard<'static, Table> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` on the network behind `handle`, alone with it.
pub fn with<T>(handle: u64, work: impl FnOnce(&mut Held) -> Result<T, Refused>) -> Result<T, Refused> {
    let Some(held) = table().1.get(&handle).cloned() else {
        return refuse!("handle {handle}: expected one that lessons_mlp_create gave and that is not freed");
    };
    let Ok(mut held) = held.lock() else {
        return refuse!("handle {handle}: expected a network that no panic left half-way");
    };
    work(&mut held)
}

const MOST_SAMPLES: usize = 1 << 20;

/// A network of `sizes` for batches of up to `capacity` samples, its weights drawn from `seed`.
///
/// # Safety
/// `sizes` are `count` numbers, and `handle` takes one.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_create(
    sizes: *const u64,
    count: usize,
    capacity: usize,
    threads: usize,
    seed: u64,
    handle: *mut u64,
) -> i32 {
    answered(|| {
        if !(1..=MOST_SAMPLES).contains(&capacity) {
            return refuse!("capacity = {capacity}: expected 1 to {MOST_SAMPLES}");
        }
        check_threads(threads)?;
        let sizes: Vec<usize> = slice("sizes", sizes, count)?.iter().map(|&size| size as usize).collect();
        let trainer = Trainer::new(Shape::new(&sizes)?, capacity, threads, &mut Random::new(seed));
        let held = Held { single: Single::new(&trainer.network), trainer, folded: None };
        let mut table = table();
        table.0 += 1;
        let number = table.0;
        give("handle", handle, number)?;
        table.1.insert(number, Arc::new(Mutex::new(held)));
        Ok(())
    })
}

#[no_mangle]
pub extern "C" fn lessons_mlp_free(handle: u64) -> i32 {
    answered(|| match table().1.remove(&handle) {
        Some(_) => Ok(()),
        None => refuse!("handle {handle}: expected one that is not freed"),
    })
}

const PARAMETERS: u32 = 0;
const STATISTICS: u32 = 1;
const GRADIENTS: u32 = 2;

/// The numbers of one kind, in torch's order: 0 parameters, 1 running statistics, 2 gradients of the last backward.
fn numbers(held: &mut Held, kind: u32, count: usize) -> Result<&mut [f32], Refused> {
    let numbers = match kind {
        PARAMETERS => &mut held.trainer.network.parameters,
        STATISTICS => &mut held.trainer.network.statistics,
        GRADIENTS => &mut held.trainer.pass.gradients,
        _ => return refuse!("kind = {kind}: expected 0 to 2"),
    };
    if numbers.len() != count {
        return refuse!("count = {count}: expected {}", numbers.len());
    }
    Ok(numbers)
}

/// # Safety
/// `to` takes `count` floats.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_read(handle: u64, kind: u32, to: *mut f32, count: usize) -> i32 {
    answered(|| {
        let to = slice_mut("to", to, count)?;
        with(handle, |held| {
            to.copy_from_slice(numbers(held, kind, count)?);
            Ok(())
        })
    })
}

/// Also starts Adam anew and forgets what was folded.
///
/// # Safety
/// `from` holds `count` floats.
#[no_mangle]
pub unsafe extern "C" fn lessons_mlp_write(handle: u64, kind: u32, from: *const f32, count: usize) -> i32 {
    answered(|| {
        let from = slice("from", from, count)?;
        with(handle, |held| {
            numbers(held, kind, count)?.copy_from_slice(from);
            held.trainer.forget();
            held.folded = None;
            Ok(())
        })
    })
}
