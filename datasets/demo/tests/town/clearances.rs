//! Buried pipes keep their lawful distances (GB 50289-2016 tables 4.1.1, 4.1.9, 4.1.14).

use crate::town::{P, Squares, Town, crossing, plan_distance, segment_distance, to_segment, towns};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Water,
    Gas,
    Storm,
    Sewer,
}

struct Pipe {
    kind: Kind,
    code: String,
    line: Vec<P>,
    /// Outside, walls included.
    radius_m: f64,
    dn: f64,
}

fn pipes(town: &Town) -> Vec<Pipe> {
    let classes = [("water_pipe", Kind::Water), ("gas_pipe", Kind::Gas), ("storm_pipe", Kind::Storm), ("sewer_pipe", Kind::Sewer)];
    let of = |(class, kind): (&'static str, Kind)| {
        town.all(class).map(move |pipe| {
            let dn = pipe.number("diameter_mm");
            // Concrete is a tenth of the bore thick; iron and plastic hardly anything.
            let wall = if matches!(kind, Kind::Storm | Kind::Sewer) { 0.1 } else { 0.03 };
            Pipe { kind, code: pipe.code().to_owned(), line: pipe.vertices(), radius_m: dn / 1000.0 * (0.5 + wall), dn }
        })
    };
    classes.into_iter().flat_map(of).collect()
}

/// Between walls, side by side.
fn horizontal_limit(a: &Pipe, b: &Pipe) -> f64 {
    let (a, b) = if a.kind as u8 <= b.kind as u8 { (a, b) } else { (b, a) };
    match (a.kind, b.kind) {
        (Kind::Water, Kind::Storm | Kind::Sewer) => {
            if a.dn > 200.0 {
                1.5
            } else {
                1.0
            }
        }
        (Kind::Water, Kind::Gas) => 0.5,
        (Kind::Gas, Kind::Storm | Kind::Sewer) => 1.2,
        // The standard has no figure; a trench wall must stand between them.
        _ => 0.4,
    }
}

/// Between walls, one above the other.
fn vertical_limit(a: &Pipe, b: &Pipe) -> f64 {
    let is_drain = |kind| matches!(kind, Kind::Storm | Kind::Sewer);
    if (a.kind == Kind::Water && is_drain(b.kind)) || (b.kind == Kind::Water && is_drain(a.kind)) { 0.40 } else { 0.15 }
}

fn height(s: &[P], share: f64) -> f64 {
    s[0][2] + (s[1][2] - s[0][2]) * share
}

#[test]
fn pipes_keep_their_distance_side_by_side_and_at_crossings() {
    for (seed, town, _) in towns() {
        let pipes = pipes(town);
        let mut squares = Squares::default();
        pipes.iter().enumerate().for_each(|(k, pipe)| squares.add(k, &pipe.line, 3.0));
        let (mut crossings, mut parallels) = (0, 0);
        for (k, a) in pipes.iter().enumerate() {
            for other in squares.near(&a.line, 0.0).into_iter().filter(|other| *other > k) {
                let b = &pipes[other];
                if a.kind == b.kind {
                    continue;
                }
                for (s, t) in a.line.windows(2).flat_map(|s| b.line.windows(2).map(move |t| (s, t))) {
                    if let Some((on_a, on_b)) = crossing(s[0], s[1], t[0], t[1]) {
                        crossings += 1;
                        let clear = (height(s, on_a) - height(t, on_b)).abs() - a.radius_m - b.radius_m;
                        let limit = vertical_limit(a, b);
                        assert!(clear >= limit, "seed {seed}: {} and {} cross {clear:.3} m apart, {limit} m wanted", a.code, b.code);
                    } else if run_alongside(s, t) {
                        parallels += 1;
                        let apart = [
                            to_segment(s[0], t[0], t[1]).0,
                            to_segment(s[1], t[0], t[1]).0,
                            to_segment(t[0], s[0], s[1]).0,
                            to_segment(t[1], s[0], s[1]).0,
                        ];
                        let clear = apart.into_iter().fold(f64::INFINITY, f64::min) - a.radius_m - b.radius_m;
                        let limit = horizontal_limit(a, b);
                        assert!(clear >= limit, "seed {seed}: {} and {} run {clear:.3} m apart, {limit} m wanted", a.code, b.code);
                    }
                }
            }
        }
        assert!(crossings > 300 && parallels > 2000, "seed {seed}: {crossings} crossings, {parallels} stretches side by side");
    }
}

/// Near enough to each other's direction, and beside each other for more than a metre.
fn run_alongside(s: &[P], t: &[P]) -> bool {
    let (sx, sy, tx, ty) = (s[1][0] - s[0][0], s[1][1] - s[0][1], t[1][0] - t[0][0], t[1][1] - t[0][1]);
    let (length, other) = (sx.hypot(sy), tx.hypot(ty));
    if (sx * tx + sy * ty).abs() < 0.87 * length * other {
        return false;
    }
    let station = |p: P| ((p[0] - s[0][0]) * sx + (p[1] - s[0][1]) * sy) / length;
    let (a, b) = (station(t[0]), station(t[1]));
    a.max(b).min(length) - a.min(b).max(0.0) > 1.0
}

#[test]
fn an_oracle_that_cannot_fail_proves_nothing() {
    let pipe = |kind, line: [P; 2], dn: f64| Pipe { kind, code: String::new(), line: line.to_vec(), radius_m: dn / 2000.0, dn };
    // Vectors of engineering-facts §1.2 and §1.3.
    let (water, sewer) = (pipe(Kind::Water, [[0.0; 3], [9.0, 0.0, 0.0]], 150.0), pipe(Kind::Sewer, [[0.0; 3]; 2], 400.0));
    assert!(0.9 < horizontal_limit(&water, &sewer));
    assert!(1.4 < horizontal_limit(&pipe(Kind::Water, [[0.0; 3]; 2], 300.0), &sewer));
    assert!(1.2 >= horizontal_limit(&pipe(Kind::Gas, [[0.0; 3]; 2], 200.0), &sewer));
    assert!(0.32 < vertical_limit(&water, &sewer));
    let (s, t) = ([[0.0, 0.0, -1.5], [10.0, 0.0, -1.5]], [[5.0, -5.0, -2.2], [5.0, 5.0, -2.2]]);
    assert_eq!(crossing(s[0], s[1], t[0], t[1]), Some((0.5, 0.5)));
    assert!(!run_alongside(&s, &t));
    assert!(run_alongside(&s, &[[3.0, 0.5, 0.0], [9.0, 0.5, 0.0]]));
}

#[test]
fn pressure_pipes_keep_off_buildings() {
    for (seed, town, _) in towns() {
        let rings: Vec<Vec<P>> = town.all("building").map(crate::town::Thing::vertices).collect();
        let mut squares = Squares::default();
        rings.iter().enumerate().for_each(|(k, ring)| squares.add(k, ring, 0.0));
        for pipe in pipes(town) {
            let limit = match pipe.kind {
                Kind::Water if pipe.dn > 200.0 => 3.0,
                Kind::Water | Kind::Gas => 1.0,
                Kind::Storm | Kind::Sewer => 2.5,
            };
            for k in squares.near(&pipe.line, 4.0) {
                for (s, t) in pipe.line.windows(2).flat_map(|s| rings[k].windows(2).map(move |t| (s, t))) {
                    let apart = segment_distance(s[0], s[1], t[0], t[1]) - pipe.radius_m;
                    assert!(apart >= limit, "seed {seed}: {} is {apart:.2} m from a building", pipe.code);
                }
            }
        }
    }
}

#[test]
fn hydrants_stand_at_the_kerb_and_off_the_walls() {
    for (seed, town, _) in towns() {
        let rings: Vec<Vec<P>> = town.all("building").map(crate::town::Thing::vertices).collect();
        let mut squares = Squares::default();
        rings.iter().enumerate().for_each(|(k, ring)| squares.add(k, ring, 0.0));
        let roads: Vec<(f64, Vec<P>)> = town.all("road").map(|road| (road.number("width_m"), road.vertices())).collect();
        for hydrant in town.all("hydrant") {
            let at = hydrant.at();
            let kerb = roads
                .iter()
                .filter(|(_, line)| plan_distance(line[0], at) < 200.0)
                .map(|(width, line)| line.windows(2).map(|s| to_segment(at, s[0], s[1]).0).fold(f64::INFINITY, f64::min) - width / 2.0)
                .fold(f64::INFINITY, f64::min);
            assert!((0.2..2.0).contains(&kerb), "seed {seed}: {} is {kerb:.2} m from the kerb", hydrant.code());
            for k in squares.near(&[at], 6.0) {
                let wall = rings[k].windows(2).map(|s| to_segment(at, s[0], s[1]).0).fold(f64::INFINITY, f64::min);
                assert!(wall >= 4.9, "seed {seed}: {} is {wall:.2} m from a wall", hydrant.code());
            }
        }
    }
}
