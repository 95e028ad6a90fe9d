//! What did not go with a file, or went changed: counted, and said at the end.

use citytwin_assets::{Lang, say};
use std::collections::BTreeMap;

/// Its sentence stands in `messages.toml` under `export.lost.KEY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Left out: no geometry that a class of places could be written with.
    NoPlace,
    /// Left out: the operation has no answer for one of its vertices.
    NoTransformation,
    /// Left out: longer than one message to the helper.
    TooLarge,
    /// Two features of a class have one code, of different sources: one file is one source.
    CodeTwice,
    /// A reference to a feature that has no code is written as its id.
    ReferenceWithoutCode,
    /// A text ends at a NUL for those who read it.
    Nul,
    /// Further attributes that are no JSON object.
    OtherUnreadable,
    /// Texts longer than the format's 254 bytes were cut.
    TextCut,
    /// Blanks at the ends of texts go.
    TextTrimmed,
    /// An empty text cannot be told from no data.
    EmptyText,
    /// Columns are called otherwise, because the format or its readers would not take their names.
    Renamed,
    /// What has no height stands at 0 beside others that have one.
    NoHeight,
}

impl Loss {
    #[cfg(test)]
    const ALL: [Self; 12] = [
        Self::NoPlace,
        Self::NoTransformation,
        Self::TooLarge,
        Self::CodeTwice,
        Self::ReferenceWithoutCode,
        Self::Nul,
        Self::OtherUnreadable,
        Self::TextCut,
        Self::TextTrimmed,
        Self::EmptyText,
        Self::NoHeight,
        Self::Renamed,
    ];

    pub const fn key(self) -> &'static str {
        match self {
            Self::NoPlace => "no_place",
            Self::NoTransformation => "no_transformation",
            Self::TooLarge => "too_large",
            Self::CodeTwice => "code_twice",
            Self::ReferenceWithoutCode => "reference_without_code",
            Self::Nul => "nul",
            Self::OtherUnreadable => "other_unreadable",
            Self::TextCut => "text_cut",
            Self::TextTrimmed => "text_trimmed",
            Self::EmptyText => "empty_text",
            Self::NoHeight => "no_height",
            Self::Renamed => "renamed",
        }
    }

    /// A feature is not in the file at all.
    const fn is_left_out(self) -> bool {
        matches!(self, Self::NoPlace | Self::NoTransformation | Self::TooLarge)
    }
}

/// Features named one by one, of each kind.
const NAMED: usize = 5;

#[derive(Default)]
pub struct Losses(BTreeMap<Loss, (u64, Vec<String>)>);

impl Losses {
    /// `id`: the public id of the feature that it happened to.
    pub fn note(&mut self, loss: Loss, id: impl FnOnce() -> String) {
        let (count, named) = self.0.entry(loss).or_default();
        *count += 1;
        if named.len() < NAMED {
            named.push(id());
        }
    }

    /// Features that are not in the files.
    pub fn left_out(&self) -> u64 {
        self.0.iter().filter(|(loss, _)| loss.is_left_out()).map(|(_, (count, _))| count).sum()
    }

    pub fn sentences(&self, lang: Lang) -> Vec<String> {
        let sentence = |(loss, (count, named)): (&Loss, &(u64, Vec<String>))| {
            let more = if *count > named.len() as u64 { ", …" } else { "" };
            let named = format!("{}{more}", named.join(", "));
            say(lang, &format!("export.lost.{}", loss.key()), &[("count", count), ("named", &named)])
        };
        self.0.iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_has_its_sentence() {
        for loss in Loss::ALL {
            let key = format!("export.lost.{}", loss.key());
            assert!(citytwin_assets::messages::find(&key).is_some(), "{key} stands nowhere in messages.toml");
        }
    }

    #[test]
    fn losses_are_counted_and_the_first_are_named() {
        let mut losses = Losses::default();
        for i in 0..7 {
            losses.note(Loss::TextCut, || format!("park.{i}"));
        }
        losses.note(Loss::NoPlace, || "park.9".to_owned());
        assert_eq!(losses.left_out(), 1);
        let said = losses.sentences(Lang::En).join("\n");
        assert!(said.contains('7') && said.contains("park.4, …") && !said.contains("park.5") && said.contains("park.9"), "{said}");
    }
}
