//! The live socket: values and alarms as they come, and edits that make tiles stale.

use crate::city::City;
use crate::net::{Client, LiveEvent, NetSystems};
use crate::scene::{Looked, Scene};
use bevy::prelude::*;
use citytwin_model::{FeatureId, Position};
use citytwin_viewer_state::live::{is_raised, severity_colour};
use citytwin_viewer_state::{Live, looks};
use citytwin_viewer_stream::Aabb;
use citytwin_wire::live::FromClient;

#[derive(Resource, Default)]
pub struct Lively {
    pub live: Live,
    pub connected: bool,
    opened: bool,
    /// Grows with each change, so that panels and labels know when to look again.
    pub version: u64,
}

pub struct LivePlugin;

impl Plugin for LivePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Lively>().add_systems(PreUpdate, listen.after(NetSystems));
    }
}

fn listen(mut lively: ResMut<Lively>, mut client: ResMut<Client>, mut looked: ResMut<Looked>, mut scene: ResMut<Scene>, city: Res<City>) {
    if !lively.opened && city.catalogue.is_some() {
        lively.opened = true;
        client.open_live();
    }
    for event in client.hear_live() {
        lively.version += 1;
        match event {
            LiveEvent::Open => {
                lively.connected = true;
                // The whole city: what the viewer colours is not only what it sees, an alarm elsewhere is listed, too.
                let subscribe = FromClient::Subscribe { r#box: None, classes: None, since: lively.live.seq() };
                client.say_live(serde_json::to_string(&subscribe).expect("numbers and texts only"));
            }
            LiveEvent::Closed => lively.connected = false,
            LiveEvent::Text(text) => match lively.live.receive(&text) {
                Ok(touched) => {
                    for host in &touched.hosts {
                        recolour(&lively.live, *host, &mut looked);
                    }
                    for change in &touched.changed {
                        if let Some(area) = change.bounds.and_then(|bounds| plan_box(&city, bounds)) {
                            scene.stream.invalidate(&area);
                        }
                    }
                    if touched.new_results {
                        scene.forget_asked_values(&mut client);
                        looked.0.ask_values_again();
                    }
                    if touched.changed_more {
                        scene.stream.invalidate(&Aabb { min: [f64::NEG_INFINITY; 3], max: [f64::INFINITY; 3] });
                    }
                }
                Err(error) => warn!("live: {error}"),
            },
        }
    }
}

fn recolour(live: &Live, host: FeatureId, looked: &mut Looked) {
    let alarm = live.alarm_of(host).map(|alarm| looks::Alarm { colour: severity_colour(&alarm.severity), flashing: is_raised(alarm) });
    looked.0.set_alarm(host, alarm);
}

/// West, south, east, north as a box of the city's plane, a little larger than that.
fn plan_box(city: &City, [west, south, east, north]: [f64; 4]) -> Option<Aabb> {
    let frame = city.frame?;
    let mut area = Aabb { min: [f64::INFINITY; 3], max: [f64::NEG_INFINITY; 3] };
    for (lon, lat) in [(west, south), (east, south), (west, north), (east, north)] {
        let p = frame.local(Position::new(lon, lat, 0.0));
        for (i, x) in [p.east, p.north, p.up].into_iter().enumerate() {
            area.min[i] = area.min[i].min(x - 0.5);
            area.max[i] = area.max[i].max(x + 0.5);
        }
    }
    Some(area)
}
