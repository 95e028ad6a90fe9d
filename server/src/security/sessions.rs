//! Browsers that have signed in, and the one-time link that signs one in.

use super::key::{random_hex, same};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

pub const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Beyond this the oldest session ends.
const MAX_SESSIONS: usize = 256;

#[derive(Default)]
pub struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    once: Option<String>,
    /// Token → when it ends.
    open: HashMap<String, Instant>,
}

impl Sessions {
    /// A new one-time token; an earlier one that was not used is void.
    pub fn issue_once(&self) -> Result<String, getrandom::Error> {
        let token = random_hex()?;
        self.lock().once = Some(token.clone());
        Ok(token)
    }

    /// Takes the one-time token: true once.
    pub fn spend_once(&self, offered: &str) -> bool {
        let mut inner = self.lock();
        let right = inner.once.as_deref().is_some_and(|once| same(once, offered));
        if right {
            inner.once = None;
        }
        right
    }

    pub fn start(&self, now: Instant) -> Result<String, getrandom::Error> {
        let token = random_hex()?;
        let mut inner = self.lock();
        inner.open.retain(|_, ends| *ends > now);
        if inner.open.len() >= MAX_SESSIONS {
            let oldest = inner.open.iter().min_by_key(|(_, ends)| **ends).map(|(token, _)| token.clone());
            oldest.map(|token| inner.open.remove(&token));
        }
        inner.open.insert(token.clone(), now + LIFETIME);
        Ok(token)
    }

    /// A session is found by its hash, so comparing tells nothing of other tokens that 256 random bits would not hide.
    pub fn is_open(&self, token: &str, now: Instant) -> bool {
        self.lock().open.get(token).is_some_and(|ends| *ends > now)
    }

    pub fn end(&self, token: &str) {
        self.lock().open.remove(token);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_signs_in_once() {
        let sessions = Sessions::default();
        assert!(!sessions.spend_once(""));
        let once = sessions.issue_once().unwrap();
        assert!(!sessions.spend_once("0"));
        assert!(sessions.spend_once(&once));
        assert!(!sessions.spend_once(&once));
    }

    #[test]
    fn a_session_ends_by_time_and_by_hand() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let token = sessions.start(start).unwrap();
        assert!(sessions.is_open(&token, start));
        assert!(!sessions.is_open(&token, start + LIFETIME));
        sessions.end(&token);
        assert!(!sessions.is_open(&token, start));
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let first = sessions.start(start).unwrap();
        for i in 1..=MAX_SESSIONS {
            sessions.start(start + Duration::from_millis(i as u64)).unwrap();
        }
        assert!(!sessions.is_open(&first, start));
    }
}
