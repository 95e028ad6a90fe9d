//! Sensors watch real things, are quiet on a normal day, and speak up when the script is played.

use crate::town::{Thing, plan_distance, towns};
use citytwin_catalogue::Catalogue;
use citytwin_demo::Script;

/// Both ends of a normal day, with half as much again for noise.
fn normal_day(stream: &Thing) -> [f64; 2] {
    let (base, swing) = (stream.number("baseline"), stream.number("amplitude") * 1.5);
    [base - swing, base + swing]
}

fn breaches(stream: &Thing, value: f64) -> bool {
    stream.get("alarm_high").as_number().is_some_and(|limit| value > limit)
        || stream.get("alarm_low").as_number().is_some_and(|limit| value < limit)
}

#[test]
fn a_normal_day_raises_no_alarm_and_clears_one() {
    for (seed, town, _) in towns() {
        for stream in town.all("datastream") {
            let (high, low, back) =
                (stream.get("alarm_high").as_number(), stream.get("alarm_low").as_number(), stream.number("hysteresis"));
            assert!(high.is_some() || low.is_some(), "{}", stream.code());
            assert!(back >= 0.0);
            // Even back across the hysteresis: an alarm of the script ends.
            for value in normal_day(stream) {
                assert!(high.is_none_or(|limit| value < limit - back), "seed {seed}: {} at {value}", stream.code());
                assert!(low.is_none_or(|limit| value > limit + back), "seed {seed}: {} at {value}", stream.code());
            }
        }
    }
}

#[test]
fn units_and_properties_are_the_catalogues_and_everything_is_labelled_simulated() {
    let yes = citytwin_model::Value::Bool(true);
    for (_, town, _) in towns() {
        let sensors = town.by_code("sensor");
        for stream in town.all("datastream") {
            let property = Catalogue::builtin().property(stream.text("property")).expect("the property is known");
            assert_eq!(stream.text("unit"), property.unit);
            assert_eq!(stream.get("simulated"), &yes);
            assert_eq!(sensors[stream.text("sensor")].text("host"), stream.text("host"));
            assert!(!stream.code().contains(['/', '+', '#', ' ']), "{} cannot be part of an MQTT topic", stream.code());
        }
        assert!(town.all("sensor").all(|sensor| sensor.get("simulated") == &yes));
    }
}

#[test]
fn a_sensor_sits_where_its_host_is() {
    for (seed, town, _) in towns() {
        let things: std::collections::BTreeMap<&str, &Thing> = town.things.iter().map(|thing| (thing.code(), thing)).collect();
        for sensor in town.all("sensor") {
            let host = things[sensor.text("host")];
            let at = sensor.at();
            let near =
                host.vertices().windows(2).map(|s| crate::town::to_segment(at, s[0], s[1]).0).fold(plan_distance(host.at(), at), f64::min);
            assert!(near < 15.0, "seed {seed}: {} is {near:.1} m from {}", sensor.code(), host.code());
        }
    }
}

#[test]
fn hosts_of_every_kind_report_what_the_issue_names() {
    let (_, town, _) = towns().next().unwrap();
    let wanted = [
        ("XHS", "pressure"),
        ("JP-", "pressure"),
        ("JP-", "flow"),
        ("YSJ", "level"),
        ("WSJ", "level"),
        ("WSJ", "ch4"),
        ("QL-", "strain"),
        ("SD-", "co"),
        ("YLD", "water_depth"),
        ("XFZ", "rain_intensity"),
        ("SY-", "level"),
    ];
    for (host, property) in wanted {
        assert!(
            town.all("datastream").any(|stream| stream.text("host").starts_with(host) && stream.text("property") == property),
            "{host} {property}"
        );
    }
}

#[test]
fn the_script_turns_a_sensor_red_within_a_minute_or_two_and_lets_it_go_again() {
    for (seed, town, summary) in towns() {
        let streams = town.by_code("datastream");
        let script = Script::from_json(&summary.script.to_json()).unwrap();
        assert_eq!(script, summary.script);
        assert!(script.incidents.len() >= 5);
        let mut first = f64::INFINITY;
        for incident in &script.incidents {
            let mut red = false;
            for course in &incident.courses {
                let stream =
                    streams.get(course.datastream.as_str()).unwrap_or_else(|| panic!("seed {seed}: no datastream {}", course.datastream));
                let normal = stream.number("baseline");
                for second in 0..script.repeat_s as u32 {
                    if breaches(stream, script.value(&course.datastream, f64::from(second), normal)) {
                        first = first.min(f64::from(second));
                        red = true;
                    }
                }
                assert!(
                    !breaches(stream, script.value(&course.datastream, script.repeat_s - 1.0, normal)),
                    "seed {seed}: {} stays red",
                    course.datastream
                );
            }
            assert!(red, "seed {seed}: {} raises nothing", incident.id);
        }
        assert!((10.0..90.0).contains(&first), "seed {seed}: the first alarm comes after {first} s");
    }
}
