//! Random numbers from a seed: xoshiro256++ (Blackman and Vigna), its state filled by SplitMix64.

pub struct Random([u64; 4]);

impl Random {
    pub fn new(seed: u64) -> Random {
        let mut state = seed;
        Random(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state;
            word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ word >> 31
        }))
    }

    pub fn word(&mut self) -> u64 {
        let s = &mut self.0;
        let word = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let moved = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= moved;
        s[3] = s[3].rotate_left(45);
        word
    }

    /// From 0 up to 1, which it never is: 24 bits, as many as a float32 holds.
    pub fn uniform(&mut self) -> f32 {
        (self.word() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Normal, by Box and Muller.
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * f64::from(1.0 - self.uniform()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * f64::from(self.uniform())).cos()) as f32
    }

    /// One of 0 to `count` − 1, each equally often: words from the incomplete last round are drawn again.
    pub fn below(&mut self, count: usize) -> usize {
        let count = count as u64;
        let rounds = u64::MAX / count * count;
        loop {
            let word = self.word();
            if word < rounds {
                return (word % count) as usize;
            }
        }
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_words_are_those_of_xoshiro256_plus_plus() {
        // The state 1, 2, 3, 4 and its first words, as in the authors' code.
        let mut random = Random([1, 2, 3, 4]);
        let words: Vec<u64> = (0..4).map(|_| random.word()).collect();
        assert_eq!(words, [41943041, 58720359, 3588806011781223, 3591011842654386]);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        Random::new(7).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn every_order_comes_equally_often() {
        let (mut random, mut counts) = (Random::new(1), std::collections::HashMap::new());
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert!(counts.len() == 6 && counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn numbers_are_spread_as_they_should() {
        let mut random = Random::new(3);
        let count = 200_000;
        let mean = (0..count).map(|_| f64::from(random.uniform())).sum::<f64>() / f64::from(count);
        assert!((mean - 0.5).abs() < 0.005);
        let squares = (0..count).map(|_| f64::from(random.normal()).powi(2)).sum::<f64>() / f64::from(count);
        assert!((squares - 1.0).abs() < 0.02);
    }
}
