//! Quantities with their unit in the type or in the name.

use std::fmt;

/// A length or height in metres. Finite by construction.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Metres(f64);

impl Metres {
    pub const ZERO: Self = Self(0.0);

    /// `None` for NaN and infinities, so that nobody downstream has to ask again.
    pub fn new(metres: f64) -> Option<Self> {
        metres.is_finite().then_some(Self(metres))
    }

    /// For values that are finite because of how they were made.
    pub fn new_unchecked(metres: f64) -> Self {
        debug_assert!(metres.is_finite());
        Self(metres)
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Metres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} m", self.0)
    }
}

/// Probability that something happens within its stated span: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    pub fn new(p: f64) -> Option<Self> {
        (0.0..=1.0).contains(&p).then_some(Self(p))
    }

    pub fn get(self) -> f64 {
        self.0
    }
}
