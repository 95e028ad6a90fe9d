//! Readings and alarms as clients see them: joined with what they speak of.

use crate::hub::News;
use crate::instruments::Instrument;
use crate::view::View;
use citytwin_live::{Alarm, AlarmPhase};
use citytwin_model::alarm::Severity;
use citytwin_model::sensor::Reading;
use citytwin_model::{Bounds, City, FeatureId};
use citytwin_wire::live::{self, Changed, FromServer, LiveValue, direction_word, severity_word};
use std::collections::{HashMap, HashSet};

/// What a client wants to hear of.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    pub bounds: Option<Bounds>,
    /// Classes of the things watched.
    pub classes: Option<HashSet<String>>,
}

impl Interest {
    fn in_box(&self, position: Option<[f64; 3]>) -> bool {
        match (&self.bounds, position) {
            (None, _) => true,
            (Some(bounds), Some([lon, lat, _])) => bounds.contains_point(lon, lat),
            (Some(_), None) => false,
        }
    }

    fn wants_class(&self, class: Option<&str>) -> bool {
        self.classes.as_ref().is_none_or(|classes| class.is_some_and(|class| classes.contains(class)))
    }

    fn wants(&self, view: &View, instrument: &Instrument) -> bool {
        let class = instrument.host.as_ref().and_then(|(id, _)| view.city.class(id.class)).map(|class| class.id.as_str());
        self.in_box(instrument.position) && self.wants_class(class)
    }
}

/// The values that are wanted, with the alarm that is on for each.
pub fn values(view: &View, news: &News, interest: &Interest) -> Vec<LiveValue> {
    let wanted = news.values.iter().filter_map(|reading| view.instruments.by_feature(reading.datastream).map(|found| (reading, found)));
    wanted.filter(|(_, found)| interest.wants(view, found)).map(|(reading, found)| value(reading, found, &news.severities)).collect()
}

fn value(reading: &Reading, of: &Instrument, severities: &HashMap<FeatureId, Severity>) -> LiveValue {
    LiveValue {
        datastream: of.code.clone(),
        id: of.host.as_ref().map(|(id, _)| id.wire()),
        host: of.host.as_ref().map(|(_, name)| name.clone()),
        sensor: of.sensor.as_ref().map(|(_, name)| name.clone()),
        property: of.property.clone(),
        label: of.label.clone(),
        value: reading.value,
        unit: of.unit.clone(),
        measured_at: reading.measured_at.0.to_string(),
        simulated: reading.simulated,
        position: of.position,
        alarm: severities.get(&reading.datastream).map(|severity| severity_word(*severity).to_owned()),
    }
}

pub fn alarms(view: &View, news: &News, interest: &Interest) -> Vec<live::Alarm> {
    let wanted = |alarm: &&Alarm| match view.instruments.by_feature(alarm.rule.datastream) {
        Some(instrument) => interest.wants(view, instrument),
        // The end of an alarm whose datastream is gone goes to everybody: nobody knows any more where it was.
        None => true,
    };
    news.alarms.iter().filter(wanted).map(|alarm| self::alarm(view, alarm)).collect()
}

pub fn alarm(view: &View, alarm: &Alarm) -> live::Alarm {
    let of = view.instruments.by_feature(alarm.rule.datastream);
    let host = of.and_then(|of| of.host.as_ref());
    live::Alarm {
        id: alarm.id,
        datastream: of.map_or_else(|| format!("datastream.{}", alarm.rule.datastream.fid), |of| of.code.clone()),
        host: host.map(|(_, name)| name.clone()),
        id_host: host.map(|(id, _)| id.wire()),
        severity: severity_word(alarm.rule.severity).to_owned(),
        state: phase_word(alarm.phase()).to_owned(),
        since: alarm.since.to_string(),
        limit: alarm.rule.limit,
        direction: direction_word(alarm.rule.direction).to_owned(),
        value: alarm.value,
        unit: of.map(|of| of.unit.clone()).unwrap_or_default(),
        position: of.and_then(|of| of.position),
        label: of.map(|of| of.label.clone()).unwrap_or_default(),
        simulated: alarm.simulated,
    }
}

fn phase_word(phase: AlarmPhase) -> &'static str {
    match phase {
        AlarmPhase::Raised => "raised",
        AlarmPhase::Acknowledged => "acknowledged",
        AlarmPhase::Cleared => "cleared",
    }
}

/// Everything there is for an interest.
pub fn snapshot(view: &View, news: &News, interest: &Interest) -> FromServer {
    let (values, alarms) = (values(view, news, interest), alarms(view, news, interest));
    FromServer::Snapshot { seq: news.seq, values, alarms, overlays: news.overlays.clone() }
}

/// What is new for an interest; `None` when nothing of it is.
pub fn delta(view: &View, news: &News, interest: &Interest) -> Option<FromServer> {
    let (values, alarms) = (values(view, news, interest), alarms(view, news, interest));
    let changed: Vec<Changed> = news
        .changed
        .iter()
        .filter(|change| interest.bounds.is_none_or(|wanted| change.bounds.is_none_or(|b| b.intersects(&wanted))))
        .filter_map(|change| {
            let class = view.city.class(change.id.class)?;
            let bounds = change.bounds.map(|b| [b.west, b.south, b.east, b.north]);
            interest.wants_class(Some(&class.id)).then(|| Changed { id: change.id.wire(), class: class.id.clone(), bounds })
        })
        .collect();
    let revision = news.revision.filter(|_| !changed.is_empty() || news.changed_more);
    if values.is_empty() && alarms.is_empty() && revision.is_none() && news.overlays.is_none() {
        return None;
    }
    let (changed_more, overlays) = (news.changed_more, news.overlays.clone());
    Some(FromServer::Delta { seq: news.seq, values, alarms, revision, changed, changed_more, overlays })
}
