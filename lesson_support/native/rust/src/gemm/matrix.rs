//! Matrices in memory that somebody else owns, checked once, so that nothing behind them needs to ask again.

use crate::refused::{refuse, Refused};

/// A matrix to read: element (i, j) is `data[i·down + j·right]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub down: usize,
    pub right: usize,
}

impl<'a> Matrix<'a> {
    /// Row after row, `stride` apart.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Result<Self, Refused> {
        check(data.len(), rows, columns, stride)?;
        Ok(Matrix { data, rows, columns, down: stride, right: 1 })
    }

    pub fn transposed(self) -> Self {
        Matrix { rows: self.columns, columns: self.rows, down: self.right, right: self.down, ..self }
    }

    /// What starts at element (i, j); empty beyond the last.
    #[inline(always)]
    pub fn from(&self, i: usize, j: usize) -> &'a [f32] {
        &self.data[(i * self.down + j * self.right).min(self.data.len())..]
    }

    /// `count` rows from `first` on.
    pub fn rows_from(self, first: usize, count: usize) -> Self {
        Matrix { data: self.from(first, 0), rows: count, ..self }
    }
}

/// A matrix to write, row after row, `stride` apart.
pub struct Target<'a> {
    pub data: &'a mut [f32],
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
}

impl<'a> Target<'a> {
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> Result<Self, Refused> {
        check(data.len(), rows, columns, stride)?;
        Ok(Target { data, rows, columns, stride })
    }
}

fn check(count: usize, rows: usize, columns: usize, stride: usize) -> Result<(), Refused> {
    if stride < columns {
        return refuse!("stride = {stride}: expected at least the {columns} columns of a row");
    }
    if rows == 0 || columns == 0 {
        return Ok(());
    }
    match (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(columns)) {
        Some(needed) if needed <= count => Ok(()),
        Some(needed) => refuse!("{count} numbers: expected {needed} for {rows}×{columns} with stride {stride}"),
        None => refuse!("{rows}×{columns} with stride {stride}: expected a matrix that fits into memory"),
    }
}
