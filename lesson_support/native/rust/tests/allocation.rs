//! After the first, neither a step nor a sample takes memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use lessons::mlp::data::Table;
use lessons::mlp::{Folded, Random, Shape, Single, Trainer};

struct Counting;
static TAKEN: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(1, Ordering::Relaxed);
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        System.dealloc(place, layout);
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

// One test in this file: another's memory would be counted too.
#[test]
fn steps_and_samples_take_no_memory() {
    let table = Table::drawn(64, 20, 0);
    let data = table.split(0).0;
    let order: Vec<i64> = (0..64).collect();
    let shape = Shape::new(&[20, 96, 40, 2]).unwrap();
    let mut trainer = Trainer::new(shape, 64, 1, &mut Random::new(0));
    trainer.step(data, &order, 1e-3).unwrap();
    let (mut single, folded) = (Single::new(&trainer.network), Folded::new(&trainer.network));
    let mut out = [0.0; 2];
    let before = TAKEN.load(Ordering::Relaxed);
    trainer.step(data, &order, 1e-3).unwrap();
    single.logits(&trainer.network, &data.x[..20], &mut out);
    single.folded_logits(&folded, &data.x[..20], &mut out);
    assert_eq!(TAKEN.load(Ordering::Relaxed), before);
    drop(vec![0u8; 1]);
    assert_eq!(TAKEN.load(Ordering::Relaxed), before + 1); // the counter counts
}
