//! How large a zone's pipes and pumps must be: solved, looked at, enlarged, until the peak hour and a fire are served.

use super::demand::Draw;
use super::hydraulics::{self, Kind, Link, Place, State, velocity};
use super::{Run, supply::Site};
use crate::geodesy::round_to;
use crate::mains::Net;
use crate::quarter::Quarter;
use crate::streets::Node;
use std::collections::BTreeMap;

/// Water stands so high above the ground at the worst junction in the peak hour: six storeys (GB 50013-2018 §3.0.9).
pub const SERVICE_HEAD_M: f64 = 28.0;
/// A hydrant's flow, and the head that must be left (GB 50974-2014 §7.2.8), with something to spare.
const FIRE_LPS: f64 = 15.0;
const FIRE_HEAD_M: f64 = 12.0;
/// Beyond these a pipe is too small.
const MOST_VELOCITY: f64 = 1.0;
const MOST_GRADIENT: f64 = 0.007;
/// Larger ones would come too near to the drains that cross below.
const DIAMETERS_MM: [i64; 6] = [100, 150, 200, 250, 300, 400];
const MOST_ROUNDS: usize = 12;
/// The main behind the pumps crosses none.
const OUTLETS_MM: [i64; 5] = [200, 300, 400, 500, 600];
/// Hydrants looked at in a round: those with least head.
const SAMPLED: usize = 3;

/// The zone, and what comes out: heads at mean demand.
#[derive(Debug)]
pub struct Design {
    pub outlet_mm: i64,
    /// Of all pumps that run.
    pub rated_lps: f64,
    pub rated_head_m: f64,
    pub mean_lps: f64,
    place_of: BTreeMap<Node, usize>,
    heads_m: Vec<f64>,
    /// Per run: the places along it.
    along: Vec<Vec<(f64, usize)>>,
}

/// A stretch of a run between two places.
struct Stretch {
    run: usize,
    from: usize,
    to: usize,
    length_m: f64,
}

struct Zone<'a> {
    runs: &'a mut [Run],
    outlet_mm: i64,
    outlet_m: f64,
    join: usize,
    stretches: Vec<Stretch>,
    along: Vec<Vec<(f64, usize)>>,
    grounds: Vec<f64>,
    draws: Vec<Draw>,
}

const MANIFOLD: usize = 0;

pub fn design(quarter: &Quarter, net: &Net, runs: &mut [Run], draws: &BTreeMap<Node, Draw>, site: &Site) -> Design {
    let own: Vec<Node> = net.nodes.iter().filter(|(_, joint)| joint.is_own).map(|(node, _)| *node).collect();
    let place_of: BTreeMap<Node, usize> = own.iter().enumerate().map(|(k, node)| (*node, k + 1)).collect();
    let mut zone = Zone::new(runs, net, &own, &place_of, draws, site);
    let peak: Vec<f64> = zone.demands(zone.peak_hour());
    for _ in 0..MOST_ROUNDS {
        let state = zone.solve(&peak);
        if !zone.grow(quarter, &state) {
            break;
        }
    }
    let mut pumps = zone.pumps(&peak, site.basin_m);
    for _ in 0..MOST_ROUNDS {
        if !zone.serve_fires(quarter, &peak, pumps, site.basin_m) {
            break;
        }
        pumps = zone.pumps(&peak, site.basin_m);
    }
    let mean: Vec<f64> = zone.draws.iter().map(|draw| draw.lps).collect();
    let mean_lps: f64 = mean.iter().sum();
    let state = zone.solve(&mean);
    let manifold_m = site.basin_m + gain(pumps, mean_lps);
    Design {
        outlet_mm: zone.outlet_mm,
        rated_lps: pumps.0,
        rated_head_m: pumps.1,
        mean_lps,
        heads_m: state.heads_m.iter().map(|head| head + manifold_m).collect(),
        along: zone.along,
        place_of,
    }
}

impl Design {
    pub fn manifold_head_m(&self) -> f64 {
        self.heads_m[MANIFOLD]
    }

    pub fn head_at(&self, node: Node) -> f64 {
        self.heads_m[self.place_of[&node]]
    }

    /// So far along a run. Between two places the head falls evenly; a run that is shut at one end stands as the other.
    pub fn head_along(&self, run: usize, s: f64) -> f64 {
        head_along(&self.along[run], &self.heads_m, s)
    }
}

fn head_along(places: &[(f64, usize)], heads_m: &[f64], s: f64) -> f64 {
    let after = places.iter().position(|(at, _)| *at >= s).unwrap_or(places.len() - 1);
    let ((s0, a), (s1, b)) = (places[after.saturating_sub(1)], places[after]);
    if s1 > s0 { heads_m[a] + (heads_m[b] - heads_m[a]) * ((s - s0) / (s1 - s0)) } else { heads_m[b] }
}

/// What pumps lift by at a flow: EPANET's curve through the rated point.
pub fn gain((rated_lps, rated_head_m): (f64, f64), lps: f64) -> f64 {
    let share = lps / rated_lps;
    rated_head_m * (4.0 - share * share) / 3.0
}

impl<'a> Zone<'a> {
    fn new(
        runs: &'a mut [Run],
        net: &Net,
        own: &[Node],
        place_of: &BTreeMap<Node, usize>,
        draws: &BTreeMap<Node, Draw>,
        site: &Site,
    ) -> Self {
        let mut zone = Self {
            outlet_mm: 200,
            outlet_m: site.outlet_m(),
            join: 0,
            stretches: vec![],
            along: vec![],
            grounds: vec![site.ground_m],
            draws: vec![Draw::default()],
            runs,
        };
        zone.grounds.extend(own.iter().map(|node| net.nodes[node].ground_m));
        zone.draws.extend(own.iter().map(|node| draws.get(node).copied().unwrap_or_default()));
        zone.join = place_of[&site.node];
        for (k, run) in zone.runs.iter().enumerate() {
            let places: Vec<(f64, usize)> = [(0.0, run.edge.from), (run.length_m, run.edge.to())]
                .into_iter()
                .filter_map(|(s, node)| place_of.get(&node).map(|place| (s, *place)))
                .collect();
            let pairs = places.windows(2).map(|pair| Stretch { run: k, from: pair[0].1, to: pair[1].1, length_m: pair[1].0 - pair[0].0 });
            zone.stretches.extend(pairs);
            zone.along.push(places);
        }
        zone
    }

    fn demands(&self, hour: usize) -> Vec<f64> {
        self.draws.iter().map(|draw| draw.at_hour(hour)).collect()
    }

    fn peak_hour(&self) -> usize {
        let total = |hour: usize| self.demands(hour).iter().sum::<f64>();
        (0..24).max_by(|a, b| total(*a).total_cmp(&total(*b))).unwrap_or(0)
    }

    /// Heads below the manifold's, which is nought.
    fn solve(&self, demands: &[f64]) -> State {
        let mut places: Vec<Place> = demands.iter().map(|lps| Place::Demand(*lps)).collect();
        places[MANIFOLD] = Place::Head(0.0);
        let pipe = |length_m: f64, mm: i64, roughness: i64| Kind::Pipe { length_m, diameter_mm: mm as f64, roughness: roughness as f64 };
        let mut links = vec![Link { from: MANIFOLD, to: self.join, kind: pipe(self.outlet_m, self.outlet_mm, super::supply::OUTLET_C) }];
        links.extend(self.stretches.iter().map(|stretch| {
            let run = &self.runs[stretch.run];
            Link { from: stretch.from, to: stretch.to, kind: pipe(stretch.length_m, run.diameter_mm, run.roughness()) }
        }));
        hydraulics::solve(&places, &links).expect("a quarter's streets hang together, so that its water reaches all of it")
    }

    /// Enlarges what is too small for these flows. Whether anything was.
    fn grow(&mut self, quarter: &Quarter, state: &State) -> bool {
        let mut grown = vec![];
        for (stretch, lps) in self.stretches.iter().zip(&state.flows_lps[1..]) {
            let lost = (state.heads_m[stretch.from] - state.heads_m[stretch.to]).abs() / stretch.length_m;
            let is_small = velocity(*lps, self.runs[stretch.run].diameter_mm as f64) > MOST_VELOCITY || lost > MOST_GRADIENT;
            if is_small && grown.last() != Some(&stretch.run) {
                grown.push(stretch.run);
            }
        }
        let mut any = false;
        for run in grown {
            any |= self.enlarge(quarter, run);
        }
        if velocity(state.flows_lps[0], self.outlet_mm as f64) > MOST_VELOCITY
            && let Some(next) = OUTLETS_MM.into_iter().find(|next| *next > self.outlet_mm)
        {
            self.outlet_mm = next;
            any = true;
        }
        any
    }

    fn enlarge(&mut self, quarter: &Quarter, run: usize) -> bool {
        let next = larger(self.runs[run].diameter_mm);
        next.inspect(|mm| self.runs[run].resize(quarter, *mm)).is_some()
    }

    /// Flow and head at which the pumps serve the worst junction in the peak hour.
    fn pumps(&self, peak: &[f64], basin_m: f64) -> (f64, f64) {
        let state = self.solve(peak);
        let wanted = |place: usize| self.grounds[place] + SERVICE_HEAD_M - state.heads_m[place];
        let head = (1..self.grounds.len()).map(wanted).fold(f64::NEG_INFINITY, f64::max);
        let lps: f64 = peak.iter().sum();
        // Two pumps of whole m³/h; a little more head than must be.
        let each_m3h = libm::ceil(lps * 3.6 / 2.0);
        (each_m3h * 2.0 / 3.6, round_to(libm::ceil((head - basin_m) * 2.0) / 2.0, 1))
    }

    /// Tries the hydrants that have least head left, and enlarges the street of those that have too little.
    fn serve_fires(&mut self, quarter: &Quarter, peak: &[f64], pumps: (f64, f64), basin_m: f64) -> bool {
        let state = self.solve(peak);
        let mut hydrants: Vec<(f64, usize, f64, f64)> = vec![];
        for (k, run) in self.runs.iter().enumerate() {
            for (s, ground_m) in &run.tees {
                let on_the_way = run.fire_loss(FIRE_LPS, *s, self.along[k].len() > 1);
                hydrants.push((head_along(&self.along[k], &state.heads_m, *s) - on_the_way - ground_m, k, *s, *ground_m));
            }
        }
        hydrants.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.total_cmp(&b.2)));
        let manifold_m = basin_m + gain(pumps, peak.iter().sum::<f64>() + FIRE_LPS);
        let mut tried = vec![];
        let mut any = false;
        for (_, k, s, ground_m) in hydrants {
            if tried.contains(&k) {
                continue;
            }
            tried.push(k);
            if tried.len() > SAMPLED {
                break;
            }
            let mut demands = peak.to_vec();
            let (first, last) = (self.along[k][0].1, self.along[k][self.along[k].len() - 1].1);
            let share = s / self.runs[k].length_m;
            let is_through = first != last;
            demands[first] += if is_through { FIRE_LPS * (1.0 - share) } else { FIRE_LPS };
            demands[last] += if is_through { FIRE_LPS * share } else { 0.0 };
            let fire = self.solve(&demands);
            let on_the_way = self.runs[k].fire_loss(FIRE_LPS, s, is_through);
            let left = manifold_m + head_along(&self.along[k], &fire.heads_m, s) - on_the_way - ground_m;
            if left < FIRE_HEAD_M {
                any |= self.enlarge(quarter, k);
            }
        }
        any
    }
}

fn larger(mm: i64) -> Option<i64> {
    DIAMETERS_MM.into_iter().find(|next| *next > mm)
}
