//! A classifier and its training: linear layers, BatchNorm and ReLU after each but the last, cross entropy, Adam.

mod adam;
pub mod data;
mod loss;
mod network;
mod normalise;
mod pass;
mod random;
mod schedule;
mod shape;
mod single;
mod sums;
mod training;

pub use network::Network;
pub use random::Random;
pub use shape::Shape;
pub use single::{Folded, Single};
pub use training::{Epoch, Plan, Samples, Trainer};
