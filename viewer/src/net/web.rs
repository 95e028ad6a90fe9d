//! Requests and the live socket through the page's own JavaScript (`viewer/web/host.js`).
//!
//! Decoding has no thread of its own here: it takes a few milliseconds of each frame.

use super::{Outcome, Ticket, Work, finish};
use bevy::platform::collections::HashMap;
use bevy::platform::time::Instant;
use bevy::prelude::Resource;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;
use wasm_bindgen::prelude::*;

/// So much of a frame goes into decoding; what is left waits for the next one.
const DECODING: Duration = Duration::from_millis(6);

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = citytwinHost)]
    fn get(ticket: f64, path: &str);
    #[wasm_bindgen(js_namespace = citytwinHost)]
    fn post(ticket: f64, path: &str, body: &str);
    #[wasm_bindgen(js_namespace = citytwinHost)]
    fn cancel(ticket: f64);
    #[wasm_bindgen(js_namespace = citytwinHost, js_name = openLive)]
    fn open_live();
    #[wasm_bindgen(js_namespace = citytwinHost, js_name = sayLive)]
    fn say_live(text: &str);
}

thread_local! {
    static ANSWERS: RefCell<VecDeque<(Ticket, u16, Vec<u8>)>> = const { RefCell::new(VecDeque::new()) };
    static HEARD: RefCell<Vec<LiveEvent>> = const { RefCell::new(Vec::new()) };
}

/// Status 0 stands for no answer at all.
#[wasm_bindgen]
pub fn citytwin_answer(ticket: f64, status: u16, body: Vec<u8>) {
    ANSWERS.with_borrow_mut(|answers| answers.push_back((ticket as Ticket, status, body)));
}

#[wasm_bindgen]
pub fn citytwin_live_open() {
    HEARD.with_borrow_mut(|heard| heard.push(LiveEvent::Open));
}

#[wasm_bindgen]
pub fn citytwin_live_text(text: String) {
    HEARD.with_borrow_mut(|heard| heard.push(LiveEvent::Text(text)));
}

#[wasm_bindgen]
pub fn citytwin_live_closed() {
    HEARD.with_borrow_mut(|heard| heard.push(LiveEvent::Closed));
}

#[derive(Clone, Debug, PartialEq)]
pub enum LiveEvent {
    Open,
    Text(String),
    Closed,
}

#[derive(Resource)]
pub struct Client {
    next: Ticket,
    works: HashMap<Ticket, Work>,
}

impl Client {
    /// The page's own origin and session are used: server, key and language are the browser's.
    pub fn new(_server: &str, _key: Option<String>, _lang: &str) -> Self {
        Self { next: 1, works: HashMap::default() }
    }

    pub fn get(&mut self, path: &str, work: Work) -> Ticket {
        let ticket = self.ticket(work);
        get(ticket as f64, path);
        ticket
    }

    pub fn post(&mut self, path: &str, body: String) -> Ticket {
        let ticket = self.ticket(Work::Bytes);
        post(ticket as f64, path, &body);
        ticket
    }

    fn ticket(&mut self, work: Work) -> Ticket {
        self.next += 1;
        self.works.insert(self.next, work);
        self.next
    }

    pub fn cancel(&mut self, ticket: Ticket) {
        self.works.remove(&ticket);
        cancel(ticket as f64);
    }

    pub fn poll(&mut self) -> Vec<(Ticket, Outcome)> {
        let start = Instant::now();
        let mut done = Vec::new();
        while start.elapsed() < DECODING {
            let Some((ticket, status, body)) = ANSWERS.with_borrow_mut(VecDeque::pop_front) else { break };
            if let Some(work) = self.works.remove(&ticket) {
                let outcome =
                    if status == 0 { Outcome::Failed(String::from_utf8_lossy(&body).into_owned()) } else { finish(status, body, work) };
                done.push((ticket, outcome));
            }
        }
        done
    }

    pub fn open_live(&mut self) {
        open_live();
    }

    pub fn say_live(&mut self, text: String) {
        say_live(&text);
    }

    pub fn hear_live(&mut self) -> Vec<LiveEvent> {
        HEARD.with_borrow_mut(std::mem::take)
    }
}
