//! Step after step, each for all channels at once: the states of a strip stay in L1 while rows stream past. Right
//! for any strides, and made for neighbouring channels. A walk backwards is a negative stride of the steps.

use super::elements::{Element, State, LANES};
use super::plan::{Backward, Forward, Shape};
use super::store::{fetch_before, store};

/// A row of channels: neighbours, one value for all, or elements `stride` apart.
#[derive(Clone, Copy)]
struct Channels<E> {
    data: *const E,
    stride: isize,
}

impl<E: Element> Channels<E> {
    #[inline(always)]
    unsafe fn near(self, channel: usize, down: bool) -> [E::State; LANES] {
        if down {
            fetch_before(self.data.wrapping_add(channel));
        }
        let some = std::ptr::read_unaligned(self.data.add(channel) as *const [E; LANES]);
        some.map(E::widened)
    }

    #[inline(always)]
    unsafe fn one(self, channel: usize) -> E::State {
        (*self.data.offset(channel as isize * self.stride)).widened()
    }
}

#[inline(always)]
fn gates<S: State>(mut values: [S; LANES], log_gates: bool) -> [S; LANES] {
    if log_gates {
        values.iter_mut().for_each(|value| *value = value.exponential());
    }
    values
}

#[inline(always)]
fn gate<S: State>(value: S, log_gates: bool) -> S {
    if log_gates {
        value.exponential()
    } else {
        value
    }
}

/// # Safety
/// `scan` and `shape` describe memory that is there.
pub unsafe fn forward<E: Element>(scan: &Forward<E>, shape: &Shape, unit: usize) {
    let place = shape.place(unit);
    let (at, across, step) = (place.at, shape.channels.strides, shape.steps.strides);
    let channels = |operand, data| Channels { data, stride: across[operand] };
    let mut h: Vec<E::State> =
        (0..place.channels).map(|c| scan.h0.read::<E>(at[Forward::H0] + c as isize * across[Forward::H0])).collect();
    let same_gate = across[Forward::A] == 0;
    let near = (same_gate || across[Forward::A] == 1) && across[Forward::B] == 1 && across[Forward::OUT] == 1;
    let down = step[Forward::OUT] < 0;
    for t in 0..shape.steps.size as isize {
        let a = channels(Forward::A, scan.a.offset(at[Forward::A] + t * step[Forward::A]));
        let b = channels(Forward::B, scan.b.offset(at[Forward::B] + t * step[Forward::B]));
        let out = scan.out.offset(at[Forward::OUT] + t * step[Forward::OUT]);
        let mut done = 0;
        if near {
            let shared = if same_gate && place.channels > 0 { gate(a.one(0), scan.log_gates) } else { E::State::ONE };
            done = h.len() / LANES * LANES;
            for group in 0..done / LANES {
                let c = if down { done - LANES - group * LANES } else { group * LANES };
                let states = &mut h[c..c + LANES];
                let factors = match same_gate {
                    true => [shared; LANES],
                    false => gates(a.near(c, down), scan.log_gates),
                };
                let inputs = b.near(c, down);
                for i in 0..LANES {
                    states[i] = factors[i].fused(states[i], inputs[i]);
                }
                store(out.add(c), std::array::from_fn(|i| E::narrowed(states[i])), shape.streamed);
            }
        }
        for (c, state) in h.iter_mut().enumerate().skip(done) {
            *state = gate(a.one(c), scan.log_gates).fused(*state, b.one(c));
            *out.offset(c as isize * across[Forward::OUT]) = E::narrowed(*state);
        }
    }
    if !scan.state.is_null() {
        for (c, &state) in h.iter().enumerate() {
            *scan.state.offset(at[Forward::STATE] + c as isize * across[Forward::STATE]) = state;
        }
    }
}

/// # Safety
/// As for `forward`.
pub unsafe fn backward<E: Element>(scan: &Backward<E>, shape: &Shape, unit: usize) {
    let place = shape.place(unit);
    let (at, across, step) = (place.at, shape.channels.strides, shape.steps.strides);
    let channels = |operand, data| Channels { data, stride: across[operand] };
    let entering = |c: usize| match scan.grad_state.is_null() {
        true => E::State::default(),
        false => *scan.grad_state.offset(at[Backward::GRAD_STATE] + c as isize * across[Backward::GRAD_STATE]),
    };
    let mut carried: Vec<E::State> = (0..place.channels).map(entering).collect(); // gate·g of the step after
    let same_gate = across[Backward::A] == 0;
    let needs_a = !scan.da.is_null();
    let near = (same_gate || across[Backward::A] == 1)
        && [Backward::GRAD, Backward::H, Backward::DB].iter().all(|&operand| across[operand] == 1)
        && (!needs_a || across[Backward::DA] == 1);
    let row = |operand: usize, t: isize| at[operand] + t * step[operand];
    let down = step[Backward::DB] > 0;
    for t in (0..shape.steps.size as isize).rev() {
        let a = channels(Backward::A, scan.a.offset(row(Backward::A, t)));
        let grad = channels(Backward::GRAD, scan.grad.offset(row(Backward::GRAD, t)));
        let before = channels(Backward::H, scan.h.wrapping_offset(row(Backward::H, t - 1)));
        let (da, db) = (scan.da.wrapping_offset(row(Backward::DA, t)), scan.db.offset(row(Backward::DB, t)));
        let mut done = 0;
        if near && t > 0 {
            let shared = if same_gate && place.channels > 0 { gate(a.one(0), scan.log_gates) } else { E::State::ONE };
            done = carried.len() / LANES * LANES;
            for group in 0..done / LANES {
                let c = if down { done - LANES - group * LANES } else { group * LANES };
                let onward = &mut carried[c..c + LANES];
                let factors = match same_gate {
                    true => [shared; LANES],
                    false => gates(a.near(c, down), scan.log_gates),
                };
                let arrived = grad.near(c, down);
                // Values of their own, because the compiler cannot know that no result overlaps `carried`.
                let g: [E::State; LANES] = std::array::from_fn(|i| arrived[i] + onward[i]);
                let product: [E::State; LANES] = std::array::from_fn(|i| factors[i] * g[i]);
                onward.copy_from_slice(&product);
                if needs_a {
                    let (h, scaled) = (before.near(c, down), if scan.log_gates { product } else { g });
                    store(da.add(c), std::array::from_fn(|i| E::narrowed(scaled[i] * h[i])), shape.streamed);
                }
                store(db.add(c), g.map(E::narrowed), shape.streamed);
            }
        }
        for (c, onward) in carried.iter_mut().enumerate().skip(done) {
            let g = grad.one(c) + *onward;
            *onward = gate(a.one(c), scan.log_gates) * g;
            *db.offset(c as isize * across[Backward::DB]) = E::narrowed(g);
            if needs_a {
                let h = match t {
                    0 => scan.h0.read::<E>(at[Backward::H0] + c as isize * across[Backward::H0]),
                    _ => before.one(c),
                };
                let scaled = if scan.log_gates { *onward } else { g };
                *da.offset(c as isize * across[Backward::DA]) = E::narrowed(scaled * h);
            }
        }
    }
    if !scan.dh0.is_null() {
        for (c, &onward) in carried.iter().enumerate() {
            *scan.dh0.offset(at[Backward::DH0] + c as isize * across[Backward::DH0]) = onward;
        }
    }
}
