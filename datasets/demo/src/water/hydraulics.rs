//! The steady state of a water zone: heads and flows of a looped network with pumps, by Newton's method on the heads
//! (Todini's global gradient, the way EPANET takes too), so that what pipes are said to carry is what they would carry.

/// Hazen–Williams in metres and cubic metres per second: h = 10.667 · L · (q/C)^1.852 / d^4.871.
const HAZEN_WILLIAMS: f64 = 10.667;
const FLOW_EXPONENT: f64 = 1.852;
const BORE_EXPONENT: f64 = 4.871;
/// Below this gradient (m per m³/s) a link counts as open water; keeps the matrix regular where nothing flows.
const LEAST_GRADIENT: f64 = 1e-6;
/// Flows have settled when they change by less than this share in a round.
const SETTLED: f64 = 1e-7;
const MOST_ROUNDS: usize = 80;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Takes so much, L/s.
    Demand(f64),
    /// Water that stands so high whatever flows, m.
    Head(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Pipe {
        length_m: f64,
        diameter_mm: f64,
        /// Hazen–Williams C.
        roughness: f64,
    },
    /// Lifts from `from` to `to`, by EPANET's curve through one point: a third more at no flow, nothing at twice the flow.
    #[cfg_attr(not(test), expect(dead_code, reason = "a zone is solved below its pumps, whose curve then lifts all of it"))]
    Pump { rated_lps: f64, rated_head_m: f64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    pub from: usize,
    pub to: usize,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Per place, m.
    pub heads_m: Vec<f64>,
    /// Per link, L/s, from `from` to `to`.
    pub flows_lps: Vec<f64>,
    pub rounds: usize,
}

/// Heads and flows, or `None` where the flows do not settle or a place has no way to a head.
pub fn solve(places: &[Place], links: &[Link]) -> Option<State> {
    let order = Order::new(places, links);
    if !order.all_fed {
        return None;
    }
    let mut flows: Vec<f64> = links.iter().map(|link| first_guess(&link.kind)).collect();
    let mut heads: Vec<f64> = places.iter().map(|place| if let Place::Head(head) = place { *head } else { 0.0 }).collect();
    for round in 1..=MOST_ROUNDS {
        let mut matrix = Envelope::new(&order);
        let mut right = vec![0.0; order.rows.len()];
        for (at, place) in places.iter().enumerate() {
            if let (Place::Demand(lps), Some(row)) = (place, order.row_of[at]) {
                right[row] -= lps / 1000.0;
            }
        }
        let laws: Vec<Law> = links.iter().zip(&flows).map(|(link, q)| law(&link.kind, *q)).collect();
        for ((link, law), q) in links.iter().zip(&laws).zip(&flows) {
            // What would flow were both heads the same, and what a metre of difference adds.
            let (idle, per_metre) = (q - law.loss_m / law.gradient, 1.0 / law.gradient);
            let (from, to) = (order.row_of[link.from], order.row_of[link.to]);
            for (row, sign, other) in [(from, -1.0, link.to), (to, 1.0, link.from)] {
                let Some(row) = row else { continue };
                matrix.add(row, row, per_metre);
                right[row] += sign * idle;
                match order.row_of[other] {
                    Some(column) if column < row => matrix.add(row, column, -per_metre),
                    Some(_) => {}
                    None => right[row] += per_metre * heads[other],
                }
            }
        }
        matrix.solve(&mut right)?;
        for (row, at) in order.rows.iter().enumerate() {
            heads[*at] = right[row];
        }
        let (mut moved, mut carried) = (0.0, 0.0);
        for ((link, law), q) in links.iter().zip(&laws).zip(&mut flows) {
            let next = *q - (law.loss_m - (heads[link.from] - heads[link.to])) / law.gradient;
            moved += (next - *q).abs();
            carried += next.abs();
            *q = next;
        }
        if moved <= SETTLED * carried {
            return Some(State { heads_m: heads, flows_lps: flows.iter().map(|q| q * 1000.0).collect(), rounds: round });
        }
    }
    None
}

/// Velocity in a pipe, m/s.
pub fn velocity(flow_lps: f64, diameter_mm: f64) -> f64 {
    let d = diameter_mm / 1000.0;
    flow_lps.abs() / 1000.0 / (std::f64::consts::PI * d * d / 4.0)
}

/// Head lost at a flow, and how it grows with it.
struct Law {
    loss_m: f64,
    gradient: f64,
}

fn law(kind: &Kind, q: f64) -> Law {
    match *kind {
        Kind::Pipe { length_m, diameter_mm, roughness } => {
            let r = HAZEN_WILLIAMS * length_m / (libm::pow(roughness, FLOW_EXPONENT) * libm::pow(diameter_mm / 1000.0, BORE_EXPONENT));
            let power = r * libm::pow(q.abs(), FLOW_EXPONENT - 1.0);
            Law { loss_m: power * q, gradient: (FLOW_EXPONENT * power).max(LEAST_GRADIENT) }
        }
        Kind::Pump { rated_lps, rated_head_m } => {
            let rated = rated_lps / 1000.0;
            let falls = rated_head_m / (3.0 * rated * rated);
            // No pump runs backwards: its curve is mirrored, steeply enough to come back.
            Law { loss_m: falls * q * q.abs() - rated_head_m * 4.0 / 3.0, gradient: (2.0 * falls * q.abs()).max(LEAST_GRADIENT) }
        }
    }
}

/// m³/s: a foot per second in a pipe, the rated flow of a pump.
fn first_guess(kind: &Kind) -> f64 {
    match *kind {
        Kind::Pipe { diameter_mm, .. } => {
            let d = diameter_mm / 1000.0;
            0.3 * std::f64::consts::PI * d * d / 4.0
        }
        Kind::Pump { rated_lps, .. } => rated_lps / 1000.0,
    }
}

/// In which order the heads are eliminated: by Cuthill and McKee from the fixed heads, reversed, which keeps neighbours near.
struct Order {
    /// Row of a place; a fixed head has none.
    row_of: Vec<Option<usize>>,
    /// Place of a row.
    rows: Vec<usize>,
    /// First column of each row that is not nought.
    first: Vec<usize>,
    all_fed: bool,
}

impl Order {
    fn new(places: &[Place], links: &[Link]) -> Self {
        let mut near: Vec<Vec<usize>> = vec![vec![]; places.len()];
        for link in links {
            near[link.from].push(link.to);
            near[link.to].push(link.from);
        }
        let is_fixed = |at: usize| matches!(places[at], Place::Head(_));
        let mut seen: Vec<bool> = (0..places.len()).map(is_fixed).collect();
        let mut line: Vec<usize> = (0..places.len()).filter(|at| is_fixed(*at)).collect();
        let mut next = 0;
        while let Some(at) = line.get(next).copied() {
            next += 1;
            let mut fresh: Vec<usize> = near[at].iter().copied().filter(|other| !seen[*other]).collect();
            fresh.sort_by_key(|other| (near[*other].len(), *other));
            fresh.dedup();
            for other in fresh {
                seen[other] = true;
                line.push(other);
            }
        }
        let rows: Vec<usize> = line.into_iter().filter(|at| !is_fixed(*at)).rev().collect();
        let mut row_of = vec![None; places.len()];
        rows.iter().enumerate().for_each(|(row, at)| row_of[*at] = Some(row));
        let first =
            rows.iter().enumerate().map(|(row, at)| near[*at].iter().filter_map(|other| row_of[*other]).fold(row, usize::min)).collect();
        Self { row_of, rows, first, all_fed: seen.iter().all(|seen| *seen) }
    }
}

/// A symmetric matrix, row by row from the first entry to the diagonal.
struct Envelope<'a> {
    first: &'a [usize],
    rows: Vec<Vec<f64>>,
}

impl<'a> Envelope<'a> {
    fn new(order: &'a Order) -> Self {
        let rows = order.first.iter().enumerate().map(|(row, first)| vec![0.0; row - first + 1]).collect();
        Self { first: &order.first, rows }
    }

    fn add(&mut self, row: usize, column: usize, value: f64) {
        self.rows[row][column - self.first[row]] += value;
    }

    /// Cholesky's factors, then forwards and backwards; the answer stands in `right`. `None`: not positive.
    fn solve(mut self, right: &mut [f64]) -> Option<()> {
        for i in 0..self.rows.len() {
            for j in self.first[i]..=i {
                let from = self.first[i].max(self.first[j]);
                let (before, rest) = self.rows.split_at(i);
                let (row, other) = (&rest[0], if j == i { &rest[0] } else { &before[j] });
                let (a, b) = (&row[from - self.first[i]..j - self.first[i]], &other[from - self.first[j]..j - self.first[j]]);
                let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                let value = row[j - self.first[i]] - dot;
                self.rows[i][j - self.first[i]] = if j < i {
                    value / self.rows[j][j - self.first[j]]
                } else if value > 0.0 {
                    value.sqrt()
                } else {
                    return None;
                };
            }
        }
        for i in 0..right.len() {
            let row = &self.rows[i];
            let (diagonal, before) = (row[row.len() - 1], &row[..row.len() - 1]);
            let dot: f64 = before.iter().zip(&right[self.first[i]..i]).map(|(x, y)| x * y).sum();
            right[i] = (right[i] - dot) / diagonal;
        }
        for i in (0..right.len()).rev() {
            let row = &self.rows[i];
            right[i] /= row[row.len() - 1];
            let value = right[i];
            for (entry, x) in row[..row.len() - 1].iter().zip(&mut right[self.first[i]..i]) {
                *x -= entry * value;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(from: usize, to: usize, length_m: f64, diameter_mm: f64, roughness: f64) -> Link {
        Link { from, to, kind: Kind::Pipe { length_m, diameter_mm, roughness } }
    }

    #[test]
    fn one_pipe_loses_what_hazen_and_williams_say() {
        let state = solve(&[Place::Head(50.0), Place::Demand(20.0)], &[pipe(0, 1, 1000.0, 200.0, 130.0)]).unwrap();
        let expected = 10.667 * 1000.0 * libm::pow(0.02 / 130.0, 1.852) / libm::pow(0.2, 4.871);
        assert!((50.0 - state.heads_m[1] - expected).abs() < 1e-6, "{state:?}");
        assert!((state.flows_lps[0] - 20.0).abs() < 1e-6);
    }

    #[test]
    fn a_place_without_a_way_to_water_is_noticed() {
        assert_eq!(solve(&[Place::Head(50.0), Place::Demand(1.0), Place::Demand(1.0)], &[pipe(0, 1, 10.0, 200.0, 130.0)]), None);
    }

    /// Two loops behind a pump, heads and flows from EPANET 2.3.
    #[test]
    fn loops_and_a_pump_as_epanet_has_them() {
        let places = [
            Place::Head(30.0),
            Place::Demand(0.0),
            Place::Demand(8.0),
            Place::Demand(12.0),
            Place::Demand(5.0),
            Place::Demand(15.0),
            Place::Demand(20.0),
        ];
        let mut links = vec![
            pipe(1, 2, 400.0, 300.0, 120.0),
            pipe(2, 3, 350.0, 200.0, 110.0),
            pipe(1, 4, 500.0, 250.0, 130.0),
            pipe(4, 3, 300.0, 150.0, 100.0),
            pipe(3, 5, 420.0, 200.0, 140.0),
            pipe(4, 6, 380.0, 200.0, 90.0),
            pipe(6, 5, 260.0, 150.0, 120.0),
        ];
        links.push(Link { from: 0, to: 1, kind: Kind::Pump { rated_lps: 60.0, rated_head_m: 32.0 } });
        let state = solve(&places, &links).unwrap();
        for (head, expected) in state.heads_m.iter().zip(EPANET_HEADS_M) {
            assert!((head - expected).abs() < 0.01, "{state:?}");
        }
        for (flow, expected) in state.flows_lps.iter().zip(EPANET_FLOWS_LPS) {
            assert!((flow - expected).abs() < 0.02, "{state:?}");
        }
        assert!(state.rounds < 12, "{}", state.rounds);
    }

    const EPANET_HEADS_M: [f64; 7] = [30.0, 62.0, 61.6866, 60.3905, 61.1408, 59.7469, 59.7028];
    const EPANET_FLOWS_LPS: [f64; 8] = [29.6302, 21.6302, 30.3698, 7.4647, 17.0949, 17.9051, -2.0949, 60.0];
}
