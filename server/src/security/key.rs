//! The admin key: one secret in the city's folder, mode 600. Who can read the file may write to the city.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

pub const FILE_NAME: &str = "admin.key";
const BYTES: usize = 32;

/// Never printed by accident: it has no Display and its Debug hides it.
#[derive(Clone)]
pub struct AdminKey(String);

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{path} holds no key of 64 hexadecimal digits; remove it, and serve makes a new one")]
    Broken { path: String },
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl AdminKey {
    /// Reads the key of a city, or makes one. A file that others could read is closed to them first.
    pub fn open(city: &Path) -> Result<Self, KeyError> {
        let path = city.join(FILE_NAME);
        let lost = |source| KeyError::File { path: path.display().to_string(), source };
        match fs::read_to_string(&path) {
            Ok(text) => {
                let mode = fs::metadata(&path).map_err(lost)?.permissions().mode();
                if mode & 0o077 != 0 {
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(lost)?;
                    tracing::info!(path = %path.display(), "others could read the admin key; its mode is 600 now");
                }
                let key = text.trim();
                let whole = key.len() == 2 * BYTES && key.bytes().all(|b| b.is_ascii_hexdigit());
                if whole { Ok(Self(key.to_owned())) } else { Err(KeyError::Broken { path: path.display().to_string() }) }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = random_hex().map_err(KeyError::Random)?;
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(lost)?;
                writeln!(file, "{key}").and_then(|()| file.sync_all()).map_err(lost)?;
                Ok(Self(key))
            }
            Err(error) => Err(lost(error)),
        }
    }

    pub fn is(&self, offered: &str) -> bool {
        same(&self.0, offered)
    }
}

/// 256 bits nobody can guess, as hexadecimal digits.
pub fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// Compares without telling by its time how much was right.
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |different, (x, y)| different | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_made_once_and_closed_to_others() {
        let city = tempfile::tempdir().unwrap();
        let first = AdminKey::open(city.path()).unwrap();
        let path = city.path().join(FILE_NAME);
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let again = AdminKey::open(city.path()).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(again.is(&first.0) && first.0.len() == 64);
        assert!(!again.is("") && !again.is(&"0".repeat(64)));
        assert!(!format!("{again:?}").contains(&again.0));
    }

    #[test]
    fn a_broken_key_file_is_refused() {
        let city = tempfile::tempdir().unwrap();
        fs::write(city.path().join(FILE_NAME), "secret\n").unwrap();
        assert!(matches!(AdminKey::open(city.path()), Err(KeyError::Broken { .. })));
    }
}
