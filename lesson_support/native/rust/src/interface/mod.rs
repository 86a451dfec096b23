//! The border to C: plain values come in, an error code goes out, and no panic leaves.

mod border;
mod inference;
mod networks;
mod products;
mod training;

pub(crate) use border::caught;
