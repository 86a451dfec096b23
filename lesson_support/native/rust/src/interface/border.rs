//! What every function of the interface shares. Each returns `DONE`, `REFUSED` or `PANICKED`; what happened stands
//! in `lessons_last_error` until the same thread calls again.

use std::cell::RefCell;
use std::ffi::{c_char, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use crate::refused::{refuse, Refused};

pub const DONE: i32 = 0;
pub const REFUSED: i32 = 1;
pub const PANICKED: i32 = 2;

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// What `work` returns, or the words it panicked with: unwinding into C would be undefined.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {}))); // of this library's own runtime
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it gave no reason").to_owned()
    })
}

/// Runs `work` and turns its end into a code.
pub fn answered(work: impl FnOnce() -> Result<(), Refused>) -> i32 {
    let (code, text) = match caught(work) {
        Ok(Ok(())) => return DONE,
        Ok(Err(Refused(text))) => (REFUSED, text),
        Err(text) => (PANICKED, text),
    };
    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
    LAST.with(|last| *last.borrow_mut() = text);
    code
}

/// The words for this thread's last code other than 0; they stay until its next.
#[no_mangle]
pub extern "C" fn lessons_last_error() -> *const c_char {
    LAST.with(|last| last.borrow().as_ptr())
}

/// `values[index]`, and a panic where there is none: what the border is for, to look at.
///
/// # Safety
/// As for `slice`; `out` takes one float.
#[no_mangle]
pub unsafe extern "C" fn lessons_element(values: *const f32, count: usize, index: usize, out: *mut f32) -> i32 {
    answered(|| {
        let values = slice("values", values, count)?;
        give("out", out, values[index])
    })
}

/// `count` values from `data` on.
///
/// # Safety
/// They are there, and nobody writes them meanwhile.
pub unsafe fn slice<'a, T>(name: &str, data: *const T, count: usize) -> Result<&'a [T], Refused> {
    check(name, data, count)?;
    Ok(if count == 0 { &[] } else { std::slice::from_raw_parts(data, count) })
}

/// # Safety
/// They are there, and nobody else reads or writes them meanwhile.
pub unsafe fn slice_mut<'a, T>(name: &str, data: *mut T, count: usize) -> Result<&'a mut [T], Refused> {
    check(name, data, count)?;
    Ok(if count == 0 { &mut [] } else { std::slice::from_raw_parts_mut(data, count) })
}

/// Writes one value.
///
/// # Safety
/// There is room for it.
pub unsafe fn give<T>(name: &str, to: *mut T, value: T) -> Result<(), Refused> {
    check(name, to, 1)?;
    to.write(value);
    Ok(())
}

fn check<T>(name: &str, data: *const T, count: usize) -> Result<(), Refused> {
    match count.checked_mul(size_of::<T>()) {
        _ if count == 0 => Ok(()),
        _ if data.is_null() => refuse!("{name} is null: expected {count} values"),
        _ if !data.is_aligned() => {
            refuse!("{name} starts within a value: expected a multiple of {} bytes", align_of::<T>())
        }
        Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
        _ => refuse!("{name} holds {count} values: expected as many as fit into memory"),
    }
}

/// Refuses what is read and what is written in the same memory: Rust would take them for apart.
pub fn require_apart<T, U>(read: (&str, &[T]), written: (&str, *const U, usize)) -> Result<(), Refused> {
    let (start, end) = (read.1.as_ptr() as usize, read.1.as_ptr() as usize + size_of_val(read.1));
    let (from, to) =
        (written.1 as usize, (written.1 as usize).saturating_add(written.2.saturating_mul(size_of::<U>())));
    if start < to && from < end {
        return refuse!("{} overlaps {} in memory: expected memory of its own", written.0, read.0);
    }
    Ok(())
}
