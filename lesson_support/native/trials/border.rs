//! What Python may call, and where Rust's guarantees end.
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Whether a second thread comes in while this one is inside: `inside` counts them, from 0.
#[no_mangle]
pub extern "C" fn meet(inside: &AtomicU32, millis: u64) -> bool {
    let (limit, before) = (Duration::from_millis(millis), Instant::now());
    if inside.fetch_add(1, SeqCst) == 1 {
        return true;
    }
    while inside.load(SeqCst) < 2 && before.elapsed() < limit {
        std::thread::yield_now();
    }
    inside.compare_exchange(1, 0, SeqCst, SeqCst).is_err()
}

/// Waits for a second thread, then adds 1 to x, `times` over.
#[no_mangle]
pub extern "C" fn count_up(x: &mut i64, times: i64, inside: &AtomicU32) {
    meet(inside, 3000);
    for _ in 0..times {
        *x = std::hint::black_box(*x) + 1; // nobody else writes x: it is read once, before the loop
    }
}

/// # Safety
/// `x` points to `n` floats: nobody here can find out.
#[no_mangle]
pub unsafe extern "C" fn total(x: *const f32, n: usize) -> f32 {
    std::slice::from_raw_parts(x, n).iter().sum()
}

/// The element at `i`, of four.
#[no_mangle]
pub extern "C" fn element(x: &[f32; 4], i: usize) -> f32 {
    x[i]
}

/// Calls back from a thread of its own and waits until that is done.
#[no_mangle]
pub extern "C" fn on_a_thread(callback: extern "C" fn()) {
    std::thread::scope(|s| {
        s.spawn(|| callback());
    });
}
