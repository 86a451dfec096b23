//! Memory that products keep for the next one: fresh pages cost as much as a small product.

/// A line of a cache holds this many floats, and panels start on one.
const LINE: usize = 16;

#[derive(Default)]
pub struct Room {
    pub a: Buffer,
    pub b: Buffer,
}

#[derive(Default)]
pub struct Buffer(Vec<f32>);

impl Buffer {
    /// `count` floats that start on a line; what they hold is left over from before.
    pub fn floats(&mut self, count: usize) -> &mut [f32] {
        if self.0.len() < count + LINE {
            self.0 = vec![0.0; count + LINE];
        }
        let start = self.0.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        &mut self.0[start..start + count]
    }
}
