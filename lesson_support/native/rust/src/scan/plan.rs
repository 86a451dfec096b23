//! How the operands of a scan lie in memory: one axis of steps, one of channels, and the other axes; and how the
//! rows are shared among threads.

use super::elements::Element;

pub const OPERANDS: usize = 8; // at most; one that is not there has strides of 0
pub const LINE: usize = 64; // bytes that memory hands over at once
pub const STRIP: usize = 4096; // channels whose states stay in L1
const LEAST: usize = 512; // channels of a strip, where they are shared among threads
const GRAIN: usize = 1 << 17; // elements that are worth a thread, which is started anew for each call
const BEYOND_CACHES: usize = 4 << 20; // results of this many bytes go past the caches

/// h0 in the dtype of the rows or in that of the state; zeros where it is null.
pub struct Start {
    pub data: *mut u8,
    pub narrow: bool,
}

impl Start {
    /// # Safety
    /// `at` is an offset inside.
    #[inline]
    pub unsafe fn read<E: Element>(&self, at: isize) -> E::State {
        match (self.data.is_null(), self.narrow) {
            (true, _) => E::State::default(),
            (_, true) => (*(self.data as *const E).offset(at)).widened(),
            (_, false) => *(self.data as *const E::State).offset(at),
        }
    }
}

/// h_t = a_t·h_{t−1} + b_t; `state` may be null.
pub struct Forward<E = f32, S = <E as Element>::State> {
    pub a: *const E,
    pub b: *const E,
    pub h0: Start,
    pub out: *mut E,
    pub state: *mut S,
    pub log_gates: bool,
}

/// g_t = grad_t + a_{t+1}·g_{t+1} and what follows from it; `da` and `dh0` may be null.
pub struct Backward<E = f32, S = <E as Element>::State> {
    pub grad: *const E,
    pub grad_state: *const S,
    pub a: *const E,
    pub h: *const E,
    pub h0: Start,
    pub da: *mut E,
    pub db: *mut E,
    pub dh0: *mut S,
    pub log_gates: bool,
}

// Threads write disjoint rows of what they point to.
unsafe impl<E, S> Sync for Forward<E, S> {}
unsafe impl<E, S> Sync for Backward<E, S> {}

/// Which operands have steps, and of those which are written; the memory of `result` is walked in order.
pub struct Layout {
    has_steps: &'static [bool],
    written: &'static [bool],
    result: usize,
}

impl Forward {
    pub const OPERANDS: usize = 5;
    pub const A: usize = 0;
    pub const B: usize = 1;
    pub const H0: usize = 2;
    pub const OUT: usize = 3;
    pub const STATE: usize = 4;
    pub const ROWS: &'static [bool] = &[true, true, false, true, false];
    pub const LAYOUT: Layout =
        Layout { has_steps: Self::ROWS, written: &[false, false, false, true, true], result: Self::OUT };
}

impl Backward {
    pub const OPERANDS: usize = 8;
    pub const GRAD: usize = 0;
    pub const GRAD_STATE: usize = 1;
    pub const A: usize = 2;
    pub const H: usize = 3;
    pub const H0: usize = 4;
    pub const DA: usize = 5;
    pub const DB: usize = 6;
    pub const DH0: usize = 7;
    pub const ROWS: &'static [bool] = &[true, false, true, true, false, true, true, false];
    pub const LAYOUT: Layout = Layout {
        has_steps: Self::ROWS,
        written: &[false, false, false, false, false, true, true, true],
        result: Self::DB,
    };
}

#[derive(Clone, Copy)]
pub struct Axis {
    pub size: usize,
    pub strides: [isize; OPERANDS],
}

/// `along` where the steps are neighbours in every operand.
pub struct Plan {
    pub shape: Shape,
    pub along: bool,
}

pub struct Shape {
    pub steps: Axis,
    pub channels: Axis,
    pub others: Vec<Axis>,
    pub strip: usize,
    pub streamed: bool,
}

/// Where a unit begins: how many channels it has, and the offset of each operand's first step.
pub struct Place {
    pub channels: usize,
    pub at: [isize; OPERANDS],
}

impl Plan {
    pub fn new(sizes: &[usize], strides: &[[isize; OPERANDS]], layout: &Layout, threads: u32) -> Plan {
        let axes = sizes.iter().zip(strides).map(|(&size, &strides)| Axis { size, strides });
        let mut rows: Vec<Axis> = axes.collect();
        let steps = rows.pop().expect("a scan has steps");
        let along = steps.size > 1
            && layout.has_steps.iter().enumerate().all(|(operand, &has_steps)| match steps.strides[operand] {
                1 => true,
                0 => !has_steps || !layout.written[operand] || operand == Backward::DA && layout.result == Backward::DB,
                _ => false,
            });
        rows.retain(|axis| axis.size != 1);
        rows.sort_by_key(|axis| -axis.strides[layout.result]);
        let mut others: Vec<Axis> = Vec::new();
        for axis in rows {
            match others.last_mut() {
                // Two axes of which one continues the other in every operand are one.
                Some(outer) if (0..OPERANDS).all(|i| outer.strides[i] == axis.strides[i] * axis.size as isize) => {
                    *outer = Axis { size: outer.size * axis.size, ..axis };
                }
                _ => others.push(axis),
            }
        }
        let channels = others.pop().unwrap_or(Axis { size: 1, strides: [0; OPERANDS] });
        let shares = if others.is_empty() { threads.max(1) as usize } else { 1 };
        let share = channels.size.div_ceil(shares).next_multiple_of(LEAST).max(LEAST);
        let strip = if along { 1 } else { STRIP.min(share) };
        Plan { shape: Shape { steps, channels, others, strip, streamed: false }, along }
    }
}

impl Shape {
    /// Whether results go past the caches: there is much of them, and their lines can be written whole.
    pub fn may_stream(&self, results: &[(usize, usize)], along: bool, bytes: usize) -> bool {
        let rows: usize = self.others.iter().map(|axis| axis.size).product();
        let large = rows * self.channels.size * self.steps.size * bytes >= BEYOND_CACHES;
        let whole = |&(operand, address): &(usize, usize)| {
            let on_line = |axis: &Axis| axis.strides[operand] * bytes as isize % LINE as isize == 0;
            address % LINE == 0 && on_line(&self.steps) && self.others.iter().all(on_line)
        };
        let alike = results.iter().all(|result| result.1 == 0 || result.1 % LINE == results[0].1 % LINE);
        large && if along { alike } else { results.iter().all(whole) }
    }

    /// The last step of `data`, from which a walk backwards has the stride that it now has.
    pub fn turned<E>(&mut self, operand: usize, data: *mut E) -> *mut E {
        let stride = self.steps.strides[operand];
        if data.is_null() || self.steps.size == 0 {
            return data;
        }
        self.steps.strides[operand] = -stride;
        data.wrapping_offset((self.steps.size - 1) as isize * stride)
    }

    fn strips(&self) -> usize {
        self.channels.size.div_ceil(self.strip)
    }

    pub fn place(&self, unit: usize) -> Place {
        let first = unit % self.strips() * self.strip;
        let mut rest = unit / self.strips();
        let mut at = self.channels.strides.map(|stride| stride * first as isize);
        for axis in self.others.iter().rev() {
            for (offset, stride) in at.iter_mut().zip(axis.strides) {
                *offset += (rest % axis.size) as isize * stride;
            }
            rest /= axis.size;
        }
        Place { channels: self.strip.min(self.channels.size - first), at }
    }

    /// Calls `work` for every unit, in as many threads as it is worth; `up` is the walk's direction in memory.
    pub fn each_unit(&self, threads: u32, up: bool, work: impl Fn(usize) + Sync) {
        let units = self.others.iter().map(|axis| axis.size).product::<usize>() * self.strips();
        let elements = units * self.strip * self.steps.size;
        let threads = (threads as usize).min(units).min(elements / GRAIN).max(1);
        let some = |from: usize, to: usize| {
            match up {
                true => (from..to).for_each(&work),
                false => (from..to).rev().for_each(&work),
            }
            finish_stream();
        };
        if threads == 1 {
            return some(0, units);
        }
        std::thread::scope(|scope| {
            for thread in 1..threads {
                let some = &some;
                scope.spawn(move || some(units * thread / threads, units * (thread + 1) / threads));
            }
            some(0, units / threads);
        });
    }
}

/// Streamed stores are weakly ordered: what follows must not overtake them.
fn finish_stream() {
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_sfence()
    }
}
