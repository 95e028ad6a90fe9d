//! Figures as a table for people and as JSON for what comes after.

use serde_json::{Value, json};

/// One side's time per query in microseconds, in one round: the median over its queries.
#[derive(Clone, Copy)]
pub struct Round {
    pub ours_us: f64,
    pub peer_us: f64,
}

pub struct Comparison {
    pub what: String,
    pub ours: String,
    pub peer: String,
    pub goal: String,
    pub queries: usize,
    pub rounds: Vec<Round>,
}

impl Comparison {
    pub fn lines(&self) -> String {
        format!(
            "{} (goal: {})\n{}{}{}{}",
            self.what,
            self.goal,
            head(&format!("({} queries in each of {} rounds)", self.queries, self.rounds.len())),
            row(&format!("ours: {}", self.ours), self.spread(|r| r.ours_us), "µs"),
            row(&format!("peer: {}", self.peer), self.spread(|r| r.peer_us), "µs"),
            row("ratio peer/ours", self.spread(|r| r.peer_us / r.ours_us), "×"),
        )
    }

    pub fn json(&self) -> Value {
        let spread = |figure: fn(&Round) -> f64| spread_json(self.spread(figure));
        json!({
            "what": self.what, "ours": self.ours, "peer": self.peer, "goal": self.goal, "queries": self.queries,
            "rounds": self.rounds.len(), "ours_us": spread(|r| r.ours_us), "peer_us": spread(|r| r.peer_us),
            "ratio": spread(|r| r.peer_us / r.ours_us),
        })
    }

    fn spread(&self, figure: impl Fn(&Round) -> f64) -> [f64; 3] {
        spread(self.rounds.iter().map(figure).collect())
    }
}

/// Least, middle and greatest of figures, of which there is at least one.
pub fn spread(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [figures[0], median(&figures), figures[figures.len() - 1]]
}

pub fn spread_json([min, median, max]: [f64; 3]) -> Value {
    json!({"min": min, "median": median, "max": max})
}

/// The line above the rows of a table.
pub fn head(remark: &str) -> String {
    format!("  {:<44} {:>10} {:>10} {:>10}    {remark}\n", "", "min", "median", "max")
}

pub fn row(name: &str, [min, median, max]: [f64; 3], unit: &str) -> String {
    format!("  {name:<44} {min:>10.2} {median:>10.2} {max:>10.2} {unit}\n")
}

/// Of a sorted list that is not empty.
pub fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}
