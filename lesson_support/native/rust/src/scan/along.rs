//! One row after another whose steps are neighbours in memory: sixteen steps are scanned side by side, and between
//! such groups only the last state is carried. `DIRECTION` is the walk's in memory, 1 or −1.

use super::elements::{Element, State, LANES};
use super::packs::Pack;
use super::plan::{Backward, Forward, Shape, LINE};
use super::store::{fetch_before, store};

/// Packs that are scanned together, to wait less: as many as there are registers for.
const TOGETHER: usize = if cfg!(any(target_feature = "avx512vl", target_arch = "aarch64")) { 4 } else { 2 };

type PackOf<E> = <<E as Element>::State as State>::Pack;

/// A row of steps that are neighbours, or one value for all of them.
struct Row<E> {
    data: *const E,
    steps: bool,
}

impl<E: Element> Row<E> {
    #[inline(always)]
    unsafe fn pack<const DIRECTION: isize>(&self, from: usize) -> PackOf<E> {
        if self.steps {
            if DIRECTION < 0 {
                fetch_before(self.data.wrapping_add(from));
            }
            let some = std::ptr::read_unaligned(self.data.add(from) as *const [E; LANES]);
            PackOf::<E>::from_array(some.map(E::widened))
        } else {
            PackOf::<E>::all((*self.data).widened())
        }
    }

    #[inline(always)]
    unsafe fn one(&self, step: usize) -> E::State {
        (*self.data.add(if self.steps { step } else { 0 })).widened()
    }
}

/// How the steps of a row are taken: one by one up to a whole line of the result, sixteen at a time, one by one.
struct Walk<const DIRECTION: isize> {
    steps: usize,
    head: usize,
}

impl<const DIRECTION: isize> Walk<DIRECTION> {
    /// `result` is the row whose lines are to be written whole, if `streamed`.
    fn new<E>(steps: usize, result: *mut E, streamed: bool) -> Self {
        let edge = if DIRECTION > 0 { result as usize } else { result as usize + steps * size_of::<E>() };
        let over = edge % LINE / size_of::<E>();
        let head = if DIRECTION < 0 || over == 0 { over } else { LINE / size_of::<E>() - over };
        Walk { steps, head: if streamed { head.min(steps) } else { 0 } }
    }

    /// Where the `count` steps begin that come after `taken` others.
    #[inline(always)]
    fn place(&self, taken: usize, count: usize) -> usize {
        if DIRECTION > 0 {
            taken
        } else {
            self.steps - taken - count
        }
    }

    /// Calls `some` with the steps taken so far, as long as `COUNT` packs are left.
    #[inline(always)]
    fn in_packs<const COUNT: usize>(&self, taken: &mut usize, mut some: impl FnMut(usize)) {
        while *taken + COUNT * LANES <= self.steps {
            some(*taken);
            *taken += COUNT * LANES;
        }
    }
}

#[inline(always)]
fn gate<S: State>(value: S, log_gates: bool) -> S {
    if log_gates {
        value.exponential()
    } else {
        value
    }
}

#[inline(always)]
fn gates<S: State>(values: S::Pack, log_gates: bool) -> S::Pack {
    if log_gates {
        S::Pack::from_array(values.to_array().map(S::exponential))
    } else {
        values
    }
}

#[inline(always)]
unsafe fn write<E: Element>(to: *mut E, values: PackOf<E>, streamed: bool) {
    store(to, values.to_array().map(E::narrowed), streamed)
}

/// # Safety
/// `scan` and `shape` describe memory that is there.
pub unsafe fn forward<E: Element, const DIRECTION: isize>(scan: &Forward<E>, shape: &Shape, unit: usize) {
    let (at, step) = (shape.place(unit).at, shape.steps.strides);
    let a = Row { data: scan.a.offset(at[Forward::A]), steps: step[Forward::A] != 0 };
    let b = Row { data: scan.b.offset(at[Forward::B]), steps: step[Forward::B] != 0 };
    let out = scan.out.offset(at[Forward::OUT]);
    let walk = Walk::<DIRECTION>::new(shape.steps.size, out, shape.streamed);
    let one = |h: &mut E::State, taken: usize| {
        let t = walk.place(taken, 1);
        *h = gate(a.one(t), scan.log_gates).fused(*h, b.one(t));
        *out.add(t) = E::narrowed(*h);
    };
    let mut h = scan.h0.read::<E>(at[Forward::H0]);
    (0..walk.head).for_each(|taken| one(&mut h, taken));
    let mut taken = walk.head;
    let mut carry = PackOf::<E>::all(h);
    macro_rules! together {
        ($count:expr) => {
            walk.in_packs::<{ $count }>(&mut taken, |taken| {
                let place = |pack: usize| walk.place(taken + pack * LANES, LANES);
                let mut factors: [PackOf<E>; $count] =
                    std::array::from_fn(|pack| gates::<E::State>(a.pack::<DIRECTION>(place(pack)), scan.log_gates));
                let mut states: [PackOf<E>; $count] = std::array::from_fn(|pack| b.pack::<DIRECTION>(place(pack)));
                PackOf::<E>::scan::<DIRECTION>(&mut factors, &mut states);
                for pack in 0..$count {
                    write(out.add(place(pack)), factors[pack].fused(carry, states[pack]), shape.streamed);
                    carry = factors[pack].last::<DIRECTION>().fused(carry, states[pack].last::<DIRECTION>());
                }
            })
        };
    }
    together!(TOGETHER);
    together!(1);
    h = carry.to_array()[0];
    (taken..walk.steps).for_each(|taken| one(&mut h, taken));
    if !scan.state.is_null() {
        *scan.state.offset(at[Forward::STATE]) = h;
    }
}

/// Walks against the scan, and carries gate·g from a step to the one before.
///
/// # Safety
/// As for `forward`.
pub unsafe fn backward<E: Element, const DIRECTION: isize>(scan: &Backward<E>, shape: &Shape, unit: usize) {
    let (at, step) = (shape.place(unit).at, shape.steps.strides);
    let row = |operand: usize, data: *const E| Row { data: data.offset(at[operand]), steps: step[operand] != 0 };
    let (grad, a) = (row(Backward::GRAD, scan.grad), row(Backward::A, scan.a));
    let h = row(Backward::H, scan.h);
    let needs_a = !scan.da.is_null();
    let (da, db) = (scan.da.wrapping_offset(at[Backward::DA]), scan.db.offset(at[Backward::DB]));
    let walk = Walk::<DIRECTION>::new(shape.steps.size, db, shape.streamed);
    // The state before the step at t, the first of all if `taken` is the last place in this walk.
    let before = |taken: usize, t: usize| match taken + 1 == shape.steps.size {
        true => scan.h0.read::<E>(at[Backward::H0]),
        false => h.one(t.wrapping_add_signed(DIRECTION)),
    };
    let one = |carried: &mut E::State, taken: usize| {
        let t = walk.place(taken, 1);
        let g = grad.one(t) + *carried;
        *carried = gate(a.one(t), scan.log_gates) * g;
        if needs_a {
            *da.add(t) = E::narrowed((if scan.log_gates { *carried } else { g }) * before(taken, t));
        }
        *db.add(t) = E::narrowed(g);
    };
    let mut carried = match scan.grad_state.is_null() {
        true => E::State::default(),
        false => *scan.grad_state.offset(at[Backward::GRAD_STATE]),
    };
    (0..walk.head).for_each(|taken| one(&mut carried, taken));
    let mut taken = walk.head;
    let mut carry = PackOf::<E>::all(carried);
    macro_rules! together {
        ($count:expr) => {
            walk.in_packs::<{ $count }>(&mut taken, |taken| {
                let place = |pack: usize| walk.place(taken + pack * LANES, LANES);
                let arrived: [PackOf<E>; $count] = std::array::from_fn(|pack| grad.pack::<DIRECTION>(place(pack)));
                let mut factors: [PackOf<E>; $count] =
                    std::array::from_fn(|pack| gates::<E::State>(a.pack::<DIRECTION>(place(pack)), scan.log_gates));
                let mut states: [PackOf<E>; $count] = std::array::from_fn(|pack| factors[pack].times(arrived[pack]));
                PackOf::<E>::scan::<DIRECTION>(&mut factors, &mut states);
                for pack in 0..$count {
                    let t = place(pack);
                    let onward = factors[pack].fused(carry, states[pack]);
                    let g = arrived[pack].plus(onward.delayed::<DIRECTION>(carry));
                    carry = factors[pack].last::<DIRECTION>().fused(carry, states[pack].last::<DIRECTION>());
                    if needs_a {
                        let earlier = match taken + (pack + 1) * LANES == walk.steps {
                            true => {
                                PackOf::<E>::from_array(std::array::from_fn(|i| before(walk.place(t + i, 1), t + i)))
                            }
                            false => h.pack::<DIRECTION>(t.wrapping_add_signed(DIRECTION)),
                        };
                        let scaled = if scan.log_gates { onward } else { g };
                        write(da.add(t), scaled.times(earlier), shape.streamed);
                    }
                    write(db.add(t), g, shape.streamed);
                }
            })
        };
    }
    together!(TOGETHER);
    together!(1);
    carried = carry.to_array()[0];
    (taken..walk.steps).for_each(|taken| one(&mut carried, taken));
    if !scan.dh0.is_null() {
        *scan.dh0.offset(at[Backward::DH0]) = carried;
    }
}
