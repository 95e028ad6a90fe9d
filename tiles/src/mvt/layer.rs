//! One class as a layer: features with their numbers, typed attributes and geometry.

use super::pbf::Message;
use super::shape::{self, Drawn};
use super::{EXTENT, Layer, TileCoord};
use citytwin_model::{Attribute, Class, Feature, Value};
use std::collections::HashMap;

/// `None` when none of the features is in the tile.
pub(super) fn encode(tile: TileCoord, layer: &Layer<'_>) -> Option<Message> {
    let mut features: Vec<&Feature> = layer.features.iter().map(AsRef::as_ref).collect();
    features.sort_by_key(|feature| feature.id);
    features.dedup_by_key(|feature| feature.id);
    let carried: Vec<(usize, &Attribute)> =
        layer.class.attributes.iter().enumerate().filter(|(_, attribute)| is_carried(attribute)).collect();
    let mut words = Words::default();
    let mut written = Message::default();
    let mut any = false;
    for feature in features {
        let Some(geometry) = &feature.geometry else { continue };
        let Some(drawn) = shape::draw(tile, geometry) else { continue };
        any = true;
        written.message(2, &encode_feature(feature, &drawn, words.tags(feature, &carried)));
    }
    any.then(|| finish(layer.class, &written, &words))
}

/// Those that the catalogue marks for tiles, and what names a feature.
fn is_carried(attribute: &Attribute) -> bool {
    attribute.in_tiles || attribute.id == "code" || attribute.id == "name"
}

fn encode_feature(feature: &Feature, drawn: &Drawn, tags: Vec<u32>) -> Message {
    let mut message = Message::default();
    message.uint(1, feature.id.wire());
    if !tags.is_empty() {
        message.packed(2, &tags);
    }
    message.uint(3, drawn.kind as u64);
    message.packed(4, &drawn.commands);
    message
}

fn finish(class: &Class, features: &Message, words: &Words) -> Message {
    let mut layer = Message::default();
    layer.uint(15, 2);
    layer.text(1, &class.id);
    layer.append(features);
    words.keys.iter().for_each(|key| layer.text(3, key));
    layer.append(&words.written);
    layer.uint(5, u64::from(EXTENT));
    layer
}

/// Keys and values of a layer, each written once, numbered as they first appear.
#[derive(Default)]
struct Words {
    keys: Vec<String>,
    key_places: HashMap<usize, u32>,
    values: HashMap<Word, u32>,
    written: Message,
}

/// A value as its bits, so that it can be looked up.
#[derive(PartialEq, Eq, Hash)]
enum Word {
    Bool(bool),
    Int(i64),
    Real(u64),
    Text(String),
}

impl Words {
    fn tags(&mut self, feature: &Feature, carried: &[(usize, &Attribute)]) -> Vec<u32> {
        let mut tags = Vec::with_capacity(carried.len() * 2);
        for (place, attribute) in carried {
            let Some(word) = feature.attributes.get(*place).and_then(word) else { continue };
            let next = self.keys.len() as u32;
            let key = *self.key_places.entry(*place).or_insert_with(|| {
                self.keys.push(attribute.id.clone());
                next
            });
            tags.push(key);
            tags.push(self.value(word));
        }
        tags
    }

    fn value(&mut self, word: Word) -> u32 {
        if let Some(place) = self.values.get(&word) {
            return *place;
        }
        let mut value = Message::default();
        match &word {
            Word::Bool(yes) => value.uint(7, u64::from(*yes)),
            Word::Int(n) if *n < 0 => value.sint(6, *n),
            Word::Int(n) => value.uint(5, *n as u64),
            Word::Real(bits) => {
                // Half the bytes where nothing is lost by it.
                let real = f64::from_bits(*bits);
                let short = real as f32;
                if f64::from(short) == real { value.float(2, short) } else { value.double(3, real) }
            }
            Word::Text(text) => value.text(1, text),
        }
        self.written.message(4, &value);
        let place = self.values.len() as u32;
        self.values.insert(word, place);
        place
    }
}

/// "No data" is left out, and so is what is no number.
fn word(value: &Value) -> Option<Word> {
    match value {
        Value::Null => None,
        Value::Bool(yes) => Some(Word::Bool(*yes)),
        Value::Int(n) => Some(Word::Int(*n)),
        Value::Real(x) => x.is_finite().then(|| Word::Real(x.to_bits())),
        Value::Text(text) => Some(Word::Text(text.clone())),
    }
}
