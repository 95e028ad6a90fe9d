//! Names that sound right, in both languages. Nobody and nothing real is meant.

mod pools;

use pools::{AUSPICIOUS, ENDINGS};

/// 中文 and English.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub zh: String,
    pub en: String,
}

impl Name {
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// With something behind it, in both languages.
    pub fn and(&self, zh: &str, en: &str) -> Self {
        Self::new(format!("{}{zh}", self.zh), format!("{} {en}", self.en))
    }
}

impl From<(&str, &str)> for Name {
    fn from((zh, en): (&str, &str)) -> Self {
        Self::new(zh, en)
    }
}

pub const CITY: (&str, &str) = ("示范市", "Shifan");
pub const RIVER: (&str, &str) = ("清溪河", "Qingxi River");
pub const LAKE: (&str, &str) = ("东湖", "Donghu Lake");
/// Streets whose names everyone knows; the rest are made of [`stem`]s.
pub use pools::{ESTATES, SECONDARY, STREETS, WORKS};

/// Two characters that go together: how many there are, and the `k`th in an order that is the kind's own.
pub const STEMS: usize = AUSPICIOUS.len() * ENDINGS.len();

/// What names are given to. Each kind goes through the stems in its own order.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Street = 0,
    Place = 1,
    Estate = 2,
    Nature = 3,
    Works = 4,
}

pub fn stem(seed: u64, kind: Kind, k: usize) -> Name {
    // A step that has no divisor in common with the number of stems comes by all of them before it returns.
    let start = (crate::random::Random::of(seed, "stems", kind as i64, 0).next() % STEMS as u64) as usize;
    let at = (start + (k % STEMS) * 3_907) % STEMS;
    let ((zh_1, en_1), (zh_2, en_2)) = (AUSPICIOUS[at / ENDINGS.len()], ENDINGS[at % ENDINGS.len()]);
    // 汉语拼音正词法: a syllable that begins with a, e or o is set off.
    let gap = if en_2.starts_with(['a', 'e', 'o']) { "'" } else { "" };
    let mut en = en_1.to_owned();
    en[..1].make_ascii_uppercase();
    Name::new(format!("{zh_1}{zh_2}"), format!("{en}{gap}{en_2}"))
}

/// The `k`th small street of the city, after the first `kept` stems, which are kept for long ones. No two are alike.
pub fn street(seed: u64, kept: usize, k: usize) -> Name {
    const FORMS: [(&str, &str); 8] = [
        ("街", "Street"),
        ("路", "Road"),
        ("巷", "Lane"),
        ("一路", "1st Road"),
        ("二路", "2nd Road"),
        ("三路", "3rd Road"),
        ("东街", "East Street"),
        ("西街", "West Street"),
    ];
    let free = STEMS - kept;
    let (zh, en) = FORMS[k / free % FORMS.len()];
    stem(seed, Kind::Street, kept + k % free).and(zh, en)
}

/// The name of a part of a long street: 人民路 → 人民北路, Renmin Road → Renmin North Road.
pub fn part(stem: &Name, part: (&str, &str), form: (&str, &str)) -> Name {
    let en = if part.1.is_empty() { format!("{} {}", stem.en, form.1) } else { format!("{} {} {}", stem.en, part.1, form.1) };
    Name::new(format!("{}{}{}", stem.zh, part.0, form.0), en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_stem_comes_twice_and_none_is_a_name_that_everyone_knows() {
        let stems: Vec<Name> = (0..STEMS).map(|k| stem(1, Kind::Street, k)).collect();
        let zh: BTreeSet<&str> = stems.iter().map(|name| name.zh.as_str()).collect();
        assert_eq!(zh.len(), STEMS);
        for (known, _) in SECONDARY.iter().chain(&STREETS) {
            let known: String = known.chars().take(2).collect();
            assert!(!zh.contains(known.as_str()), "{known}");
        }
        assert!(stems.iter().all(|name| name.zh.chars().next() != name.zh.chars().nth(1)));
        assert!(stems.iter().all(|name| name.en.chars().next().is_some_and(char::is_uppercase) && !name.en.contains(' ')));
    }

    #[test]
    fn a_metropolis_has_names_enough() {
        let names: BTreeSet<String> = (0..45_000).map(|k| street(7, 400, k).zh).collect();
        assert_eq!(names.len(), 45_000);
    }

    #[test]
    fn pinyin_is_written_as_it_should_be() {
        let all: BTreeSet<(String, String)> = (0..STEMS).map(|k| stem(3, Kind::Place, k)).map(|name| (name.zh, name.en)).collect();
        assert!(all.contains(&("永安".to_owned(), "Yong'an".to_owned())));
        assert!(all.contains(&("绿源".to_owned(), "Lüyuan".to_owned())));
    }
}
