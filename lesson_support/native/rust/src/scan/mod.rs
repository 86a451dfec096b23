//! The linear scan h_t = a_t·h_{t−1} + b_t and its gradients, each in one pass over memory, with nothing but the
//! standard library. This file is the border: plain C values come in, an error code and a sentence go out, and no
//! panic leaves.

mod along;
pub(crate) mod elements;
mod packs;
#[cfg(all(target_arch = "x86_64", target_feature = "avx512f", avx512))]
mod packs_of_16;
#[cfg(all(
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    not(all(target_feature = "avx512f", avx512))
))]
mod packs_of_8;
mod plan;
pub(crate) mod store;
mod sweep;

use crate::interface::caught;
use elements::{BFloat16, Element, Float16};
use plan::{Backward, Forward, Plan, Start};

/// A tensor: its first element, or null where there is none, and its strides in elements.
#[repr(C)]
pub struct Operand {
    data: *mut u8,
    strides: *const i64,
}

/// What both calls are told besides the tensors. `sizes` are those of the rows, then the number of steps.
#[repr(C)]
pub struct Request {
    rank: usize,
    sizes: *const i64,
    dtype: u32,
    threads: u32,
    reverse: bool,
    log_gates: bool,
    narrow_start: bool, // h0 has the dtype of the rows, not that of the state
}

/// Operands: a, b, h0, out, state.
///
/// # Safety
/// Every pointer is valid for the sizes and strides that come with it, and no result overlaps another operand.
#[no_mangle]
pub unsafe extern "C" fn scan_forward(
    request: &Request,
    operands: &[Operand; Forward::OPERANDS],
    message: *mut u8,
    capacity: usize,
) -> i32 {
    at_border(message, capacity, || match request.dtype {
        0 => forward::<f32>(request, operands),
        1 => forward::<f64>(request, operands),
        2 => forward::<BFloat16>(request, operands),
        3 => forward::<Float16>(request, operands),
        other => panic!("dtype {other} is none of 0 to 3"),
    })
}

/// Operands: grad, grad_state, a, h, h0, da, db, dh0.
///
/// # Safety
/// As for `scan_forward`.
#[no_mangle]
pub unsafe extern "C" fn scan_backward(
    request: &Request,
    operands: &[Operand; Backward::OPERANDS],
    message: *mut u8,
    capacity: usize,
) -> i32 {
    at_border(message, capacity, || match request.dtype {
        0 => backward::<f32>(request, operands),
        1 => backward::<f64>(request, operands),
        2 => backward::<BFloat16>(request, operands),
        3 => backward::<Float16>(request, operands),
        other => panic!("dtype {other} is none of 0 to 3"),
    })
}

/// 0, or 1 and why `work` panicked: unwinding into C would be undefined.
fn at_border(message: *mut u8, capacity: usize, work: impl FnOnce()) -> i32 {
    let Err(text) = caught(work) else {
        return 0;
    };
    let count = text.len().min(capacity);
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), message, count) };
    if count < capacity {
        unsafe { *message.add(count) = 0 };
    }
    1
}

unsafe fn forward<E: Element>(request: &Request, operands: &[Operand; Forward::OPERANDS]) {
    let &Request { threads, reverse, log_gates, .. } = request;
    let axes = strides(request, operands, Forward::ROWS);
    let Plan { mut shape, along } = Plan::new(&sizes(request), &axes, &Forward::LAYOUT, threads);
    let data = |operand: usize| operands[operand].data;
    let mut scan = Forward {
        a: data(Forward::A) as *const E,
        b: data(Forward::B) as *const E,
        h0: Start { data: data(Forward::H0), narrow: request.narrow_start },
        out: data(Forward::OUT) as *mut E,
        state: data(Forward::STATE) as *mut E::State,
        log_gates,
    };
    shape.streamed = shape.may_stream(&[(Forward::OUT, scan.out as usize)], along, size_of::<E>());
    if along {
        shape.each_unit(threads, !reverse, |unit| match reverse {
            false => along::forward::<E, 1>(&scan, &shape, unit),
            true => along::forward::<E, -1>(&scan, &shape, unit),
        });
        return;
    }
    if reverse {
        scan.a = shape.turned(Forward::A, scan.a as *mut E);
        scan.b = shape.turned(Forward::B, scan.b as *mut E);
        scan.out = shape.turned(Forward::OUT, scan.out);
    }
    shape.each_unit(threads, !reverse, |unit| sweep::forward(&scan, &shape, unit));
}

unsafe fn backward<E: Element>(request: &Request, operands: &[Operand; Backward::OPERANDS]) {
    let &Request { threads, reverse, log_gates, .. } = request;
    let axes = strides(request, operands, Backward::ROWS);
    let Plan { mut shape, along } = Plan::new(&sizes(request), &axes, &Backward::LAYOUT, threads);
    let data = |operand: usize| operands[operand].data;
    let mut scan = Backward {
        grad: data(Backward::GRAD) as *const E,
        grad_state: data(Backward::GRAD_STATE) as *const E::State,
        a: data(Backward::A) as *const E,
        h: data(Backward::H) as *const E,
        h0: Start { data: data(Backward::H0), narrow: request.narrow_start },
        da: data(Backward::DA) as *mut E,
        db: data(Backward::DB) as *mut E,
        dh0: data(Backward::DH0) as *mut E::State,
        log_gates,
    };
    let results = [(Backward::DB, scan.db as usize), (Backward::DA, scan.da as usize)];
    shape.streamed = shape.may_stream(&results, along, size_of::<E>());
    if along {
        shape.each_unit(threads, reverse, |unit| match reverse {
            false => along::backward::<E, -1>(&scan, &shape, unit),
            true => along::backward::<E, 1>(&scan, &shape, unit),
        });
        return;
    }
    if reverse {
        scan.grad = shape.turned(Backward::GRAD, scan.grad as *mut E);
        scan.a = shape.turned(Backward::A, scan.a as *mut E);
        scan.h = shape.turned(Backward::H, scan.h as *mut E);
        scan.da = shape.turned(Backward::DA, scan.da);
        scan.db = shape.turned(Backward::DB, scan.db);
    }
    shape.each_unit(threads, reverse, |unit| sweep::backward(&scan, &shape, unit));
}

unsafe fn sizes(request: &Request) -> Vec<usize> {
    let sizes = std::slice::from_raw_parts(request.sizes, request.rank);
    sizes.iter().map(|&size| usize::try_from(size).unwrap_or_else(|_| panic!("a size is {size}"))).collect()
}

/// For each axis, the steps last, the strides of all operands; `has_steps` says which of them have steps at all.
unsafe fn strides(request: &Request, operands: &[Operand], has_steps: &[bool]) -> Vec<[isize; plan::OPERANDS]> {
    let mut found = vec![[0; plan::OPERANDS]; request.rank];
    for (index, operand) in operands.iter().enumerate().filter(|(_, operand)| !operand.data.is_null()) {
        let axes = request.rank - usize::from(!has_steps[index]);
        for (axis, &stride) in std::slice::from_raw_parts(operand.strides, axes).iter().enumerate() {
            found[axis][index] = stride as isize;
        }
    }
    found
}
