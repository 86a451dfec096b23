//! Samples for a run without Python: drawn from a seed, or read from a file.

use super::random::Random;
use super::training::Samples;
use crate::refused::{refuse, Refused};

pub struct Table {
    pub features: usize,
    x: Vec<f32>,
    y: Vec<i64>,
}

impl Table {
    /// `count` normal samples; the class is that of a random teacher, a small network, and one in twenty is flipped.
    pub fn drawn(count: usize, features: usize, seed: u64) -> Table {
        const UNITS: usize = 8;
        let mut random = Random::new(seed);
        let teacher: Vec<f32> = (0..UNITS * features).map(|_| random.normal()).collect();
        let signs: [f32; UNITS] = std::array::from_fn(|unit| if unit % 2 == 0 { 1.0 } else { -1.0 });
        let (mut x, mut y) = (Vec::with_capacity(count * features), Vec::with_capacity(count));
        for _ in 0..count {
            let start = x.len();
            x.extend((0..features).map(|_| random.normal()));
            let unit = |row: &[f32]| row.iter().zip(&x[start..]).map(|(w, x)| w * x).sum::<f32>().max(0.0);
            let score: f32 = teacher.chunks_exact(features).zip(signs).map(|(row, sign)| sign * unit(row)).sum();
            y.push(i64::from((score > 0.0) != (random.below(20) == 0)));
        }
        Table { features, x, y }
    }

    /// From lines of numbers with commas between them, the class last.
    pub fn parsed(text: &str) -> Result<Table, Refused> {
        let mut table = Table { features: 0, x: Vec::new(), y: Vec::new() };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what: &str| Refused(format!("line {}: {what}", number + 1));
            let (numbers, class) = line.rsplit_once(',').ok_or_else(|| wrong("expected numbers and a class"))?;
            let before = table.x.len();
            for each in numbers.split(',') {
                let value = each.trim().parse().map_err(|_| wrong(&format!("{each:?} is no number")))?;
                table.x.push(value);
            }
            let features = table.x.len() - before;
            if before > 0 && features != table.features {
                return Err(wrong(&format!("{features} numbers: expected {} as before", table.features)));
            }
            table.features = features;
            table.y.push(class.trim().parse().map_err(|_| wrong(&format!("{class:?} is no class")))?);
        }
        if table.y.is_empty() {
            return refuse!("no samples: expected lines of numbers and a class");
        }
        Ok(table)
    }

    pub fn classes(&self) -> usize {
        self.y.iter().max().map_or(0, |&largest| largest.max(0) as usize + 1)
    }

    pub fn count(&self) -> usize {
        self.y.len()
    }

    /// The first samples, and the `held_out` last ones.
    pub fn split(&self, held_out: usize) -> (Samples<'_>, Samples<'_>) {
        let first = self.count() - held_out.min(self.count());
        let (x, held_x) = self.x.split_at(first * self.features);
        let (y, held_y) = self.y.split_at(first);
        (Samples { x, y }, Samples { x: held_x, y: held_y })
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn lines_are_read() {
        let table = Table::parsed("1, 2.5,0\n\n-3e-1,4,2\n").unwrap();
        let (first, last) = table.split(1);
        assert_eq!((first.x, first.y, last.x, last.y), (&[1.0, 2.5][..], &[0][..], &[-0.3, 4.0][..], &[2][..]));
        assert_eq!((table.features, table.classes(), table.count()), (2, 3, 2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, reason) in [
            ("", "no samples: expected lines of numbers and a class"),
            ("1,2,0\n1,0", "line 2: 1 numbers: expected 2 as before"),
            ("1,x,0", "line 1: \"x\" is no number"),
            ("1,2,cat", "line 1: \"cat\" is no class"),
            ("7", "line 1: expected numbers and a class"),
        ] {
            assert_eq!(Table::parsed(text).err().map(|refused| refused.0).as_deref(), Some(reason));
        }
    }

    #[test]
    fn drawn_classes_are_about_balanced() {
        let table = Table::drawn(4000, 20, 1);
        let ones: i64 = table.split(0).0.y.iter().sum();
        assert!((1000..3000).contains(&ones), "{ones}");
    }
}
