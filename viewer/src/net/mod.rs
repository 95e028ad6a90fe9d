//! Asking the server: requests go out, outcomes come back some frames later. The same for native and web.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
pub mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Client, LiveEvent};
#[cfg(target_arch = "wasm32")]
pub use web::{Client, LiveEvent};

use crate::mesh::{self, Built, Edges};
use crate::tile;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;

pub type Ticket = u64;

/// What is to be done with the bytes, beside the main thread where there are threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Bytes,
    Tile { edges: Edges },
}

#[derive(Debug)]
pub enum Outcome {
    Bytes(Vec<u8>),
    Tile(Box<Built>),
    /// 204, 404 or 410: there is none.
    Missing,
    /// Another status, with the body's beginning.
    Refused(u16, String),
    /// No answer, or one that could not be read.
    Failed(String),
}

/// The body may be nearly anything; this much of it is read and no more.
pub const MAX_BODY: u64 = 256 << 20;

/// Turns an answer into an outcome.
pub fn finish(status: u16, body: Vec<u8>, work: Work) -> Outcome {
    match (status, work) {
        (200, Work::Bytes) => Outcome::Bytes(body),
        (200, Work::Tile { edges }) => match tile::decode(&body) {
            Ok(content) => Outcome::Tile(Box::new(mesh::build(content, edges))),
            Err(error) => Outcome::Failed(error.to_string()),
        },
        (204 | 404 | 410, _) => Outcome::Missing,
        _ => Outcome::Refused(status, String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned()),
    }
}

/// What has come; each room takes its own.
#[derive(Resource, Default)]
pub struct Arrivals(HashMap<Ticket, Outcome>);

impl Arrivals {
    pub fn take(&mut self, ticket: Ticket) -> Option<Outcome> {
        self.0.remove(&ticket)
    }
}

#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetSystems;

pub struct NetPlugin {
    /// `http://127.0.0.1:8080`, or the page's own origin where empty.
    pub server: String,
    pub key: Option<String>,
    pub lang: String,
}

impl Plugin for NetPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Client::new(&self.server, self.key.clone(), &self.lang))
            .init_resource::<Arrivals>()
            .add_systems(PreUpdate, collect.in_set(NetSystems));
    }
}

fn collect(mut client: ResMut<Client>, mut arrivals: ResMut<Arrivals>) {
    for (ticket, outcome) in client.poll() {
        arrivals.0.insert(ticket, outcome);
    }
}
