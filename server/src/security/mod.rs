//! Who may: closed by default. Foreign names and origins are refused, loopback only reads, writing wants the key.

pub mod guard;
pub mod key;
pub mod sessions;

use axum::http::{HeaderMap, header};
use key::AdminKey;
use sessions::Sessions;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

pub struct Security {
    key: AdminKey,
    pub sessions: Sessions,
    /// Cookies are shared by all ports of a host: the name keeps two cities apart.
    pub cookie_name: String,
}

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular, from this machine: reads.
    Reader,
    /// Holds the key, or a session that was opened with it.
    Admin,
}

impl Security {
    pub fn new(key: AdminKey, listen: SocketAddr) -> Self {
        Self { key, sessions: Sessions::default(), cookie_name: format!("citytwin_{}", listen.port()) }
    }

    /// `Err` when a key was offered and is wrong.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ()> {
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            let offered = authorization.to_str().ok().and_then(offered_key).ok_or(())?;
            return if self.key.is(&offered) { Ok(Caller::Admin) } else { Err(()) };
        }
        match self.session_token(headers) {
            Some(token) if self.sessions.is_open(token, Instant::now()) => Ok(Caller::Admin),
            _ => Ok(Caller::Reader),
        }
    }

    pub fn is_key(&self, offered: &str) -> bool {
        self.key.is(offered)
    }

    pub fn session_token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|line| line.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.cookie_name).then_some(value)
        })
    }
}

/// The key out of `Bearer KEY` or out of the password of `Basic`.
fn offered_key(authorization: &str) -> Option<String> {
    let (scheme, rest) = authorization.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Some(rest.trim().to_owned())
    } else if scheme.eq_ignore_ascii_case("basic") {
        let text = String::from_utf8(base64_decode(rest.trim())?).ok()?;
        text.split_once(':').map(|(_, password)| password.to_owned())
    } else {
        None
    }
}

/// Standard base64 with or without padding; enough for a header of a hundred bytes.
fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for b in text.bytes() {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// A `Host` that means this machine: `localhost`, a loopback address, with or without a port.
pub fn is_own_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => address,
            Some((address, port)) if port.strip_prefix(':').is_some_and(is_port) => address,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.parse::<u16>().is_ok() && text.bytes().all(|b| b.is_ascii_digit())
}

/// An `Origin` that is this very server, as the client calls it.
pub fn is_own_origin(origin: &str, host: &str) -> bool {
    origin.strip_prefix("http://").is_some_and(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_its_hosts() {
        for own in ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080", "127.0.0.2", "[::1]:8080", "[::1]"] {
            assert!(is_own_host(own), "{own}");
        }
        for foreign in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "localhost:",
            "localhost:80x",
            "[::1",
            "[::1]x",
            "::1",
            "0.0.0.0",
            "localhost:80:80",
            "user@localhost",
        ] {
            assert!(!is_own_host(foreign), "{foreign}");
        }
    }

    #[test]
    fn an_origin_is_ours_only_with_the_same_name_and_port() {
        assert!(is_own_origin("http://localhost:8080", "localhost:8080"));
        for foreign in
            ["null", "http://localhost:3000", "https://localhost:8080", "http://localhost", "http://localhost:8080.evil", "localhost:8080"]
        {
            assert!(!is_own_origin(foreign, "localhost:8080"), "{foreign}");
        }
    }

    #[test]
    fn a_key_comes_as_bearer_or_as_password() {
        assert_eq!(offered_key("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(offered_key("basic YW55b25lOmtleTp3aXRoOmNvbG9ucw==").as_deref(), Some("key:with:colons"));
        for bad in ["abc", "Digest abc", "Basic !!!", "Basic YWJj", ""] {
            assert_eq!(offered_key(bad), None, "{bad}");
        }
    }
}
