//! Plane geometry in metres east and north of the city's origin.

use std::ops::{Add, Mul, Sub};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    pub e: f64,
    pub n: f64,
}

impl Plan {
    pub const fn new(e: f64, n: f64) -> Self {
        Self { e, n }
    }

    pub fn dot(self, other: Self) -> f64 {
        self.e * other.e + self.n * other.n
    }

    pub fn cross(self, other: Self) -> f64 {
        self.e * other.n - self.n * other.e
    }

    /// `hypot` is the platform's; the root of a sum is the same everywhere.
    pub fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    pub fn distance(self, other: Self) -> f64 {
        (other - self).length()
    }

    pub fn unit(self) -> Self {
        self * (1.0 / self.length())
    }

    /// A quarter turn to the left.
    pub fn left(self) -> Self {
        Self::new(-self.n, self.e)
    }

    pub fn toward(self, other: Self, share: f64) -> Self {
        self + (other - self) * share
    }
}

impl Add for Plan {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.e + other.e, self.n + other.n)
    }
}

impl Sub for Plan {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.e - other.e, self.n - other.n)
    }
}

impl Mul<f64> for Plan {
    type Output = Self;
    fn mul(self, by: f64) -> Self {
        Self::new(self.e * by, self.n * by)
    }
}

pub fn line_length(line: &[Plan]) -> f64 {
    line.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

/// The point so many metres along a line, and the line's direction there. Beyond the ends: the ends.
pub fn along(line: &[Plan], metres: f64) -> (Plan, Plan) {
    let mut left = metres.max(0.0);
    for pair in line.windows(2) {
        let length = pair[0].distance(pair[1]);
        if left <= length {
            return (pair[0].toward(pair[1], left / length), (pair[1] - pair[0]).unit());
        }
        left -= length;
    }
    let [.., before, last] = line else { panic!("a line has two points") };
    (*last, (*last - *before).unit())
}

/// The part of a line between two distances along it.
pub fn part(line: &[Plan], from_m: f64, to_m: f64) -> Vec<Plan> {
    let mut out = vec![along(line, from_m).0];
    let mut passed = 0.0;
    for pair in line.windows(2) {
        passed += pair[0].distance(pair[1]);
        // A vertex that all but coincides with an end would make a pipe of no length.
        if passed > from_m + 0.5 && passed < to_m - 0.5 {
            out.push(pair[1]);
        }
    }
    out.push(along(line, to_m).0);
    out
}

/// Even-odd rule; the ring's first point need not be repeated.
pub fn inside(ring: &[Plan], p: Plan) -> bool {
    let mut odd = false;
    for (i, a) in ring.iter().enumerate() {
        let b = ring[(i + 1) % ring.len()];
        if (a.n > p.n) != (b.n > p.n) && p.e < (b.e - a.e) * (p.n - a.n) / (b.n - a.n) + a.e {
            odd = !odd;
        }
    }
    odd
}

/// The area inside a ring; its first point need not be repeated.
pub fn ring_area(ring: &[Plan]) -> f64 {
    let twice: f64 = ring.iter().enumerate().map(|(i, a)| a.cross(ring[(i + 1) % ring.len()])).sum();
    twice.abs() / 2.0
}

/// A rectangle anywhere, at any angle: a footprint.
#[derive(Clone, Copy, Debug)]
pub struct Rectangle {
    pub centre: Plan,
    /// Direction of its length; of length one.
    pub axis: Plan,
    pub length: f64,
    pub depth: f64,
}

impl Rectangle {
    /// Counter-clockwise.
    pub fn corners(&self) -> [Plan; 4] {
        let x = self.axis * (self.length / 2.0);
        let y = self.axis.left() * (self.depth / 2.0);
        [self.centre - x - y, self.centre + x - y, self.centre + x + y, self.centre - x + y]
    }

    pub fn area(&self) -> f64 {
        self.length * self.depth
    }

    /// Corners and quarter points of the sides all lie in the ring.
    pub fn is_inside(&self, ring: &[Plan]) -> bool {
        let corners = self.corners();
        (0..4).all(|i| [0.0, 0.25, 0.5, 0.75].into_iter().all(|share| inside(ring, corners[i].toward(corners[(i + 1) % 4], share))))
    }

    /// Closer to each other than `gap` (by the separating axes of the two).
    pub fn is_near(&self, other: &Self, gap: f64) -> bool {
        let between = other.centre - self.centre;
        let reach = |r: &Self, axis: Plan| (r.axis.dot(axis) * r.length / 2.0).abs() + (r.axis.left().dot(axis) * r.depth / 2.0).abs();
        [self.axis, self.axis.left(), other.axis, other.axis.left()]
            .into_iter()
            .all(|axis| between.dot(axis).abs() < reach(self, axis) + reach(other, axis) + gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORNER: [Plan; 3] = [Plan::new(0.0, 0.0), Plan::new(10.0, 0.0), Plan::new(10.0, 5.0)];

    #[test]
    fn a_line_is_walked_in_metres() {
        assert_eq!(line_length(&CORNER), 15.0);
        assert_eq!(along(&CORNER, 12.0), (Plan::new(10.0, 2.0), Plan::new(0.0, 1.0)));
        assert_eq!(along(&CORNER, 99.0).0, Plan::new(10.0, 5.0));
        assert_eq!(part(&CORNER, 4.0, 12.0), vec![Plan::new(4.0, 0.0), Plan::new(10.0, 0.0), Plan::new(10.0, 2.0)]);
    }

    #[test]
    fn rectangles_know_when_they_touch() {
        let at = |e, n, axis: Plan| Rectangle { centre: Plan::new(e, n), axis: axis.unit(), length: 10.0, depth: 4.0 };
        let (flat, turned) = (Plan::new(1.0, 0.0), Plan::new(1.0, 1.0));
        assert!(at(0.0, 0.0, flat).is_near(&at(9.0, 0.0, flat), 0.0));
        assert!(!at(0.0, 0.0, flat).is_near(&at(12.0, 0.0, flat), 1.0));
        assert!(at(0.0, 0.0, flat).is_near(&at(12.0, 0.0, flat), 3.0));
        assert!(!at(0.0, 0.0, flat).is_near(&at(0.0, 7.1, turned), 0.0));
        assert_eq!(at(3.0, 4.0, turned).corners()[0].distance(at(3.0, 4.0, turned).corners()[1]).round(), 10.0);
    }

    #[test]
    fn a_ring_holds_what_is_in_it() {
        let ring = [Plan::new(0.0, 0.0), Plan::new(4.0, 0.0), Plan::new(4.0, 4.0), Plan::new(2.0, 1.0), Plan::new(0.0, 4.0)];
        assert!(inside(&ring, Plan::new(2.0, 0.5)));
        assert!(!inside(&ring, Plan::new(2.0, 2.0)));
        assert!(!inside(&ring, Plan::new(5.0, 0.5)));
    }
}
