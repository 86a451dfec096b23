//! What the lessons compute in Rust, with nothing but its standard library.

pub mod gemm;
mod interface;
pub mod mlp;
pub mod refused;
pub mod scan;
