//! `FILE.script.json`: the incidents that the simulator plays, over and over.
//!
//! An incident pulls datastreams away from their normal course and lets them go again. The script says how far and how
//! fast; what is normal, the simulator knows from the datastream itself (baseline, daily swing).

use serde::{Deserialize, Serialize};

/// Format of the file; a reader refuses another.
pub const FORMAT: &str = "citytwin.script.v1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub format: String,
    /// Always true: nothing in here happened.
    pub simulated: bool,
    /// Seconds after which the whole script starts again.
    pub repeat_s: f64,
    pub incidents: Vec<Incident>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    pub id: String,
    pub label: Label,
    /// Where it happens: degrees.
    pub at: [f64; 2],
    pub courses: Vec<Course>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    pub zh: String,
    pub en: String,
}

/// One datastream's way to `target` and back. Seconds count from the start of the script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// Code of the datastream.
    pub datastream: String,
    pub start_s: f64,
    pub rise_s: f64,
    pub hold_s: f64,
    pub fall_s: f64,
    /// In the datastream's unit.
    pub target: f64,
}

impl Script {
    pub fn from_json(text: &str) -> Result<Self, String> {
        let script: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if script.format != FORMAT {
            return Err(format!("its format is `{}`, this program plays `{FORMAT}`", script.format));
        }
        if !(script.repeat_s > 0.0 && script.repeat_s.is_finite()) {
            return Err(format!("it repeats after {} s", script.repeat_s));
        }
        for course in script.incidents.iter().flat_map(|incident| &incident.courses) {
            let spans = [course.start_s, course.rise_s, course.hold_s, course.fall_s];
            if !spans.iter().all(|span| *span >= 0.0 && span.is_finite()) || !course.target.is_finite() {
                return Err(format!("the course of `{}` has a span or target that is no number of seconds or no value", course.datastream));
            }
            if course.end_s() > script.repeat_s {
                return Err(format!("the course of `{}` ends after the script starts again", course.datastream));
            }
        }
        Ok(script)
    }

    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a script has only what JSON can hold");
        text.push('\n');
        text
    }

    /// What a datastream reports so long after the start, given what it would report on a normal day.
    pub fn value(&self, datastream: &str, elapsed_s: f64, normal: f64) -> f64 {
        let phase_s = elapsed_s.max(0.0) % self.repeat_s;
        let courses = self.incidents.iter().flat_map(|incident| &incident.courses).filter(|course| course.datastream == datastream);
        courses.fold(normal, |value, course| {
            let pull = course.pull(phase_s);
            value + (course.target - value) * pull
        })
    }
}

impl Course {
    /// How far from normal (0) to target (1), so many seconds after the script's start.
    pub fn pull(&self, phase_s: f64) -> f64 {
        let since = phase_s - self.start_s;
        let falling = since - self.rise_s - self.hold_s;
        if since < 0.0 || falling >= self.fall_s {
            0.0
        } else if since < self.rise_s {
            since / self.rise_s
        } else if falling < 0.0 {
            1.0
        } else {
            1.0 - falling / self.fall_s
        }
    }

    pub fn end_s(&self) -> f64 {
        self.start_s + self.rise_s + self.hold_s + self.fall_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        let course = Course { datastream: "H1.pressure".into(), start_s: 40.0, rise_s: 10.0, hold_s: 60.0, fall_s: 20.0, target: 60.0 };
        let label = Label { zh: "消火栓压力骤降".into(), en: "hydrant loses pressure".into() };
        let incident = Incident { id: "one".into(), label, at: [116.0, 30.0], courses: vec![course] };
        Script { format: FORMAT.into(), simulated: true, repeat_s: 600.0, incidents: vec![incident] }
    }

    #[test]
    fn a_course_leaves_the_normal_day_and_returns_to_it() {
        let at = |s| script().value("H1.pressure", s, 260.0);
        assert_eq!(at(0.0), 260.0);
        assert_eq!(at(45.0), 160.0);
        assert_eq!(at(50.0), 60.0);
        assert_eq!(at(109.0), 60.0);
        assert_eq!(at(120.0), 160.0);
        assert_eq!(at(130.0), 260.0);
        assert_eq!(at(645.0), 160.0, "it repeats");
        assert_eq!(script().value("H2.pressure", 60.0, 260.0), 260.0, "others are left alone");
    }

    #[test]
    fn a_step_without_rise_or_fall_is_a_step() {
        let course = Course { datastream: "a".into(), start_s: 5.0, rise_s: 0.0, hold_s: 1.0, fall_s: 0.0, target: 9.0 };
        assert_eq!([4.9, 5.0, 5.9, 6.0].map(|s| course.pull(s)), [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_script_comes_back_from_its_file_and_a_bad_one_is_refused() {
        let text = script().to_json();
        assert_eq!(Script::from_json(&text), Ok(script()));
        for (from, to) in [(FORMAT, "other"), ("600.0", "0.0"), ("600.0", "100.0"), ("\"rise_s\": 10.0", "\"rise_s\": -10.0")] {
            assert!(Script::from_json(&text.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
