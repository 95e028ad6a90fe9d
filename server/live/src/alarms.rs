//! What readings do to alarms, and an alarm's life from raised to cleared.

use citytwin_model::Timestamp;
use citytwin_model::alarm::{AlarmRule, AlarmState, Direction};
use citytwin_model::sensor::Reading;

/// What happened to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    Raised,
    Cleared,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmEvent {
    pub happening: Happening,
    /// When the value that did it was measured.
    pub at: Timestamp,
    pub value: f64,
}

/// What one reading does to an alarm. The caller keeps the state and sends the event.
///
/// Raised when the value passes the limit; cleared when it is back by more than the hysteresis. In between nothing
/// changes, so a value that trembles at the limit raises one alarm, not a hundred.
pub fn step(rule: &AlarmRule, state: AlarmState, reading: &Reading) -> (AlarmState, Option<AlarmEvent>) {
    let beyond = match rule.direction {
        Direction::Above => reading.value - rule.limit,
        Direction::Below => rule.limit - reading.value,
    };
    let (at, value) = (reading.measured_at.0, reading.value);
    match state {
        AlarmState::Quiet if beyond > 0.0 => {
            (AlarmState::Raised { since: at, value }, Some(AlarmEvent { happening: Happening::Raised, at, value }))
        }
        AlarmState::Raised { .. } | AlarmState::Acknowledged { .. } if beyond < 0.0 && -beyond > rule.hysteresis => {
            (AlarmState::Quiet, Some(AlarmEvent { happening: Happening::Cleared, at, value }))
        }
        AlarmState::Quiet | AlarmState::Raised { .. } | AlarmState::Acknowledged { .. } => (state, None),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    pub by: String,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmPhase {
    Raised,
    Acknowledged,
    Cleared,
}

/// One alarm, from the reading that raised it on. Rule and limit are those under which it was raised.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Never given again.
    pub id: i64,
    pub rule: AlarmRule,
    pub since: Timestamp,
    /// The value that raised it.
    pub value: f64,
    /// Raised by a simulated reading, and shown as such.
    pub simulated: bool,
    pub acknowledged: Option<Acknowledgement>,
    pub cleared_at: Option<Timestamp>,
}

impl Alarm {
    pub fn phase(&self) -> AlarmPhase {
        match (&self.cleared_at, &self.acknowledged) {
            (Some(_), _) => AlarmPhase::Cleared,
            (None, Some(_)) => AlarmPhase::Acknowledged,
            (None, None) => AlarmPhase::Raised,
        }
    }

    /// What [`step`] goes on from.
    pub fn state(&self) -> AlarmState {
        match self.phase() {
            AlarmPhase::Cleared => AlarmState::Quiet,
            AlarmPhase::Raised => AlarmState::Raised { since: self.since, value: self.value },
            AlarmPhase::Acknowledged => {
                let at = self.acknowledged.as_ref().map_or(self.since, |a| a.at);
                AlarmState::Acknowledged { since: self.since, at, value: self.value }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{reading, rule};
    use proptest::prelude::*;

    fn run(rule: &AlarmRule, values: &[f64]) -> String {
        let mut state = AlarmState::Quiet;
        let mut told = String::new();
        for (i, &value) in values.iter().enumerate() {
            let (next, event) = step(rule, state, &reading(1, i as i64, value));
            told.push(match event.map(|e| e.happening) {
                Some(Happening::Raised) => 'R',
                Some(Happening::Cleared) => 'C',
                None => '.',
            });
            state = next;
        }
        told
    }

    #[test]
    fn a_value_that_passes_the_limit_raises_once_and_clears_beyond_the_band() {
        let above = rule(1, Direction::Above, 10.0, 2.0);
        assert_eq!(run(&above, &[9.0, 10.0, 10.1, 11.0, 9.0, 8.0, 7.9, 7.0, 10.5]), "..R...C.R");
        let below = rule(1, Direction::Below, 10.0, 2.0);
        assert_eq!(run(&below, &[11.0, 10.0, 9.9, 9.0, 11.0, 12.0, 12.1, 13.0, 9.5]), "..R...C.R");
    }

    #[test]
    fn without_a_band_the_limit_itself_is_neither_breach_nor_recovery() {
        assert_eq!(run(&rule(1, Direction::Above, 10.0, 0.0), &[10.0, 10.1, 10.0, 9.9, 10.1]), ".R.CR");
    }

    #[test]
    fn what_is_no_number_changes_nothing() {
        assert_eq!(run(&rule(1, Direction::Above, 10.0, 0.0), &[f64::NAN, 11.0, f64::NAN, 9.0]), ".R.C");
    }

    #[test]
    fn an_acknowledged_alarm_clears_like_a_raised_one_and_is_not_raised_again_meanwhile() {
        let rule = rule(1, Direction::Above, 10.0, 1.0);
        let at = Timestamp::from_secs(0);
        let known = AlarmState::Acknowledged { since: at, at, value: 11.0 };
        assert_eq!(step(&rule, known, &reading(1, 5, 50.0)), (known, None));
        assert_eq!(step(&rule, known, &reading(1, 5, 8.0)).0, AlarmState::Quiet);
    }

    proptest! {
        /// The rule told another way: walk the values, remembering only whether it is on.
        #[test]
        fn events_are_those_of_a_switch_with_a_band(values in prop::collection::vec(0.0f64..20.0, 0..60), limit in 5.0f64..15.0, band in 0.0f64..4.0, up: bool) {
            let rule = rule(1, if up { Direction::Above } else { Direction::Below }, limit, band);
            let mut on = false;
            let mut expected = String::new();
            for &v in &values {
                let breach = if up { v > limit } else { v < limit };
                let well = if up { limit - v > band } else { v - limit > band };
                if !on && breach { on = true; expected.push('R'); }
                else if on && well { on = false; expected.push('C'); }
                else { expected.push('.'); }
            }
            prop_assert_eq!(run(&rule, &values), expected);
        }

        /// Whatever trembles within the band raises at most one alarm and clears none.
        #[test]
        fn trembling_at_the_limit_does_not_flap(offsets in prop::collection::vec(-1.9f64..2.0, 1..100)) {
            let values: Vec<f64> = offsets.iter().map(|o| 10.0 + o).collect();
            let told = run(&rule(1, Direction::Above, 10.0, 2.0), &values);
            prop_assert!(told.matches('R').count() <= 1 && !told.contains('C'), "{}", told);
        }
    }
}
