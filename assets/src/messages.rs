//! Sentences by key: `say(Lang::Zh, "problem.not_found", &[("path", &path)])`.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// Where nothing decides, it is Chinese.
    #[default]
    Zh,
    En,
}

impl Lang {
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The language of a locale name as LANG has it (`en_US.UTF-8`); `None` for `C` and for languages we do not speak.
    pub fn of_locale(locale: &str) -> Option<Self> {
        Self::of_tag(locale.split(['.', '@']).next()?)
    }

    /// The language of a tag such as `zh-CN` or `en`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// What an `Accept-Language` header prefers among the languages we speak; `None` where it names neither.
    pub fn of_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',') {
            let mut fields = part.trim().split(';');
            let Some(lang) = fields.next().and_then(|tag| Self::of_tag(tag.trim())) else { continue };
            let weight = fields.find_map(|field| field.trim().strip_prefix("q=")).map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            if weight > 0.0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
                best = Some((weight, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }
}

/// One sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub zh: String,
    pub en: String,
}

impl Message {
    pub fn text(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// Every message, by its dotted key.
pub fn all() -> &'static BTreeMap<String, Message> {
    static ALL: OnceLock<BTreeMap<String, Message>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut out = BTreeMap::new();
        let table: toml::Table = include_str!("../messages.toml").parse().expect("messages.toml is checked by a test");
        collect(&table, "", &mut out);
        out
    })
}

pub fn find(key: &str) -> Option<&'static Message> {
    all().get(key)
}

/// The sentence of a key with its values filled in. An unknown key is said as it is: a reader gets the key and the
/// values rather than nothing.
pub fn say(lang: Lang, key: &str, values: &[(&str, &dyn Display)]) -> String {
    match find(key) {
        Some(message) => fill(message.text(lang), values),
        None => values.iter().fold(key.to_owned(), |mut text, (name, value)| {
            let _ = write!(text, " {name}={value}");
            text
        }),
    }
}

fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(Placeholder { before, name, words, after }) = next_placeholder(rest) {
        out.push_str(before);
        match (values.iter().find(|(known, _)| *known == name), words) {
            (Some((_, value)), None) => write!(out, "{value}").expect("writing to a String"),
            (Some((_, value)), Some((one, many))) => out.push_str(if value.to_string() == "1" { one } else { many }),
            (None, _) => write!(out, "{{{name}}}").expect("writing to a String"),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `{name}` stands for the value, `{name:one|many}` for the word that goes with it: `{count} {count:feature|features}`.
struct Placeholder<'t> {
    before: &'t str,
    name: &'t str,
    words: Option<(&'t str, &'t str)>,
    after: &'t str,
}

fn next_placeholder(text: &str) -> Option<Placeholder<'_>> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| at + from) {
        let inner = &text[open + 1..];
        let (name, rest) = inner.split_at(inner.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count());
        let found = |words, after| Some(Placeholder { before: &text[..open], name, words, after });
        if !name.is_empty() {
            if let Some(after) = rest.strip_prefix('}') {
                return found(None, after);
            }
            if let Some((words, after)) = rest.strip_prefix(':').and_then(|rest| rest.split_once('}'))
                && let Some(words) = words.split_once('|')
            {
                return found(Some(words), after);
            }
        }
        from = open + 1;
    }
    None
}

fn collect(table: &toml::Table, prefix: &str, out: &mut BTreeMap<String, Message>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let Some(inner) = value.as_table() else { panic!("messages.toml: {key} is no table") };
        if inner.values().any(|value| value.is_str()) {
            let text = |lang: &str| {
                inner.get(lang).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("messages.toml: {key} lacks {lang}"))
            };
            assert!(inner.len() == 2, "messages.toml: {key} holds more than zh and en");
            out.insert(key.clone(), Message { zh: text("zh").to_owned(), en: text("en").to_owned() });
        } else {
            collect(inner, &key, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn placeholders(mut text: &str) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        while let Some(Placeholder { name, after, .. }) = next_placeholder(text) {
            names.insert(name);
            text = after;
        }
        names
    }

    #[test]
    fn both_languages_say_it_with_the_same_values() {
        assert!(!all().is_empty());
        for (key, message) in all() {
            assert!(!message.zh.trim().is_empty() && !message.en.trim().is_empty(), "{key} says nothing in one language");
            assert_eq!(placeholders(&message.zh), placeholders(&message.en), "{key} differs between zh and en");
        }
    }

    #[test]
    fn chinese_is_chinese_and_english_is_not() {
        let han = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for (key, message) in all() {
            assert!(han(&message.zh), "{key}: no Chinese in zh");
            assert!(!han(&message.en.replace("模拟数据", "")), "{key}: Chinese in en");
        }
    }

    #[test]
    fn values_stand_where_their_names_are() {
        assert_eq!(fill("a {x} b {y}{x}", &[("x", &1), ("y", &"z")]), "a 1 b z1");
        assert_eq!(fill("{x} {not there} { {y", &[("x", &"{y}")]), "{y} {not there} { {y");
        assert_eq!(fill("{missing}", &[]), "{missing}");
    }

    #[test]
    fn a_word_goes_with_its_number() {
        let text = "{n} {n:layer has|layers have} {n:it|them";
        assert_eq!(fill(text, &[("n", &1)]), "1 layer has {n:it|them");
        assert_eq!(fill(text, &[("n", &"0")]), "0 layers have {n:it|them");
        assert_eq!(fill("{n:one} {:a|b} {n:a|b}", &[("n", &2)]), "{n:one} {:a|b} b");
        assert_eq!(fill("{missing:a|b}", &[]), "{missing}");
    }

    /// Where a number stands before a word of many, one of them has its own word.
    #[test]
    fn one_is_not_many() {
        const NUMBERS: [&str; 9] = ["count", "features", "layers", "classes", "files", "parts", "rows", "columns", "more"];
        for (key, message) in all() {
            let mut text = message.en.as_str();
            while let Some(Placeholder { name, words, after, .. }) = next_placeholder(text) {
                let word = after.strip_prefix(' ').unwrap_or_default().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
                let is_many = word.len() > 2 && word.ends_with('s') && word != "was";
                assert!(words.is_some() || !NUMBERS.contains(&name) || !is_many, "{key}: {{{name}}} {word}");
                text = after;
            }
        }
    }

    #[test]
    fn an_unknown_key_still_says_its_values() {
        assert_eq!(say(Lang::En, "no.such.key", &[("path", &"/x")]), "no.such.key path=/x");
    }

    #[test]
    fn the_language_follows_locale_and_header() {
        assert_eq!(Lang::of_locale("en_US.UTF-8"), Some(Lang::En));
        assert_eq!(Lang::of_locale("zh_CN"), Some(Lang::Zh));
        assert_eq!(Lang::of_locale("C.UTF-8"), None);
        assert_eq!(Lang::of_accept_language("de, en;q=0.5, zh;q=0.8"), Some(Lang::Zh));
        assert_eq!(Lang::of_accept_language("en-GB,en;q=0.9"), Some(Lang::En));
        assert_eq!(Lang::of_accept_language("de, zh;q=0"), None);
        assert_eq!(Lang::of_accept_language(""), None);
    }
}
