//! Chance that is the same everywhere: every place draws from a stream of its own, so order does not matter.

/// SplitMix64 (Steele, Lea and Flood 2014): small, quick, and nobody's idea of a secret.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of one thing: the city's seed, what it is drawn for, and which one of them.
    pub fn of(seed: u64, what: &str, a: i64, b: i64) -> Self {
        let mut state = seed;
        for byte in what.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        Self(mix(mix(state ^ a as u64).wrapping_add(b as u64)))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// 0 ≤ x < 1, every step of 2⁻⁵³ alike.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// 0 … n − 1.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// low … high, both included.
    pub fn whole(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of `from`, each as often as its share says.
    pub fn weighted<T: Copy>(&mut self, from: &[(T, f64)]) -> T {
        let total: f64 = from.iter().map(|(_, share)| share).sum();
        let mut left = self.unit() * total;
        for (item, share) in from {
            if left < *share {
                return *item;
            }
            left -= share;
        }
        from[from.len() - 1].0
    }

    /// How often something happened that happens `mean` times on average (Knuth's method; means are small here).
    pub fn poisson(&mut self, mean: f64) -> i64 {
        let limit = libm::exp(-mean);
        let mut product = self.unit();
        let mut count = 0;
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs for seed 1234567, as published with the reference implementation.
        let mut random = Random(1_234_567);
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn streams_differ_by_each_of_their_names() {
        let first = |seed, what, a, b| Random::of(seed, what, a, b).next();
        let base = first(1, "roof", 2, 3);
        for other in [first(2, "roof", 2, 3), first(1, "roofs", 2, 3), first(1, "roof", 3, 2), first(1, "roof", 2, 4)] {
            assert_ne!(base, other);
        }
        assert_eq!(base, first(1, "roof", 2, 3));
    }

    #[test]
    fn counts_come_out_as_often_as_asked() {
        let mut random = Random::of(7, "test", 0, 0);
        let mean = (0..20_000).map(|_| random.poisson(1.7)).sum::<i64>() as f64 / 20_000.0;
        assert!((mean - 1.7).abs() < 0.05, "{mean}");
        let share = (0..20_000).filter(|_| random.weighted(&[("a", 3.0), ("b", 1.0)]) == "a").count() as f64 / 20_000.0;
        assert!((share - 0.75).abs() < 0.02, "{share}");
        assert!((0..1000).all(|_| (3..=5).contains(&random.whole(3, 5))));
    }
}
