//! What kinds of things a city has: the types that the catalogue's entries are parsed into.

use std::fmt;

/// A class's number, in the store and on the wire. Ours stand in the catalogue for ever; a city's own start at 10 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassNo(pub u16);

/// First number of the classes that a city adds in its own file or by `load --as`.
pub const FIRST_OWN_CLASS: ClassNo = ClassNo(10_000);

impl fmt::Display for ClassNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One thing's name in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Label {
    pub zh: String,
    pub en: String,
}

impl Label {
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

/// The part of municipal work that a class belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    Base,
    Road,
    Pipe,
    Waste,
    Water,
    Fire,
    Operation,
}

impl Domain {
    pub const ALL: [Self; 7] = [Self::Base, Self::Road, Self::Pipe, Self::Waste, Self::Water, Self::Fire, Self::Operation];

    pub const fn id(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Road => "road",
            Self::Pipe => "pipe",
            Self::Waste => "waste",
            Self::Water => "water",
            Self::Fire => "fire",
            Self::Operation => "operation",
        }
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|domain| domain.id() == id)
    }
}

/// What geometry a class's features have. Multi forms belong to the kind of their parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GeometryKind {
    None,
    Point,
    Line,
    Area,
}

/// Where a class's features live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// In `city.gpkg`, versioned.
    City,
    /// In `live.db`: incidents, cases, what moves. Such a class is no table and no collection.
    Live,
    /// In `terrain/`, as rasters.
    Terrain,
}

impl Kept {
    pub const fn id(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Live => "live",
            Self::Terrain => "terrain",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum AttributeType {
    Bool,
    Int,
    Real,
    Text,
    /// A calendar day, `2026-11-21`.
    Date,
    /// An instant, RFC 3339.
    Time,
    /// One of a list of values, each with its meaning.
    Code(Vec<CodeEntry>),
    /// Another feature, by its code in files and by its wire number in the store; the class ids it may be of, none named: any.
    Ref(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct CodeEntry {
    pub value: String,
    pub label: Label,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The column, the JSON key, the tile attribute.
    pub id: String,
    pub label: Label,
    pub ty: AttributeType,
    /// As shown: `mm`, `m`, `kPa`. `None` for what has no unit.
    pub unit: Option<String>,
    pub required: bool,
    /// Plausible range; a value outside is loaded and is a finding.
    pub range: Option<(f64, f64)>,
    /// Carried in vector tiles and 3D tiles, so that maps can style and filter by it.
    pub in_tiles: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// Red, green, blue by the pipe-colour convention (CJJ 61-2017) where there is one.
    pub colour: [u8; 3],
    /// Name of a picture in `assets/`.
    pub icon: Option<String>,
    /// Smallest map zoom at which single features are drawn.
    pub min_zoom: u8,
}

/// How a feature stands in the scene. Attribute names tell where the measures come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Not drawn in 3D.
    None,
    /// A tube along the line; `diameter_mm` is an attribute in millimetres.
    Tube { diameter_mm: String },
    /// A flat band along the line on the ground; `width_m` is an attribute.
    Ribbon { width_m: String },
    /// The area raised by an attribute in metres.
    Prism { height_m: String },
    /// A flat area on the ground.
    Patch,
    /// A vertical shaft below the ground; `depth_m` is an attribute.
    Shaft { depth_m: String },
    /// A deck on piers along the line; `width_m` is an attribute, heights are the line's own.
    Deck { width_m: String },
    /// A bore along the line; `width_m` is an attribute, heights are the line's own.
    Bore { width_m: String },
    /// A small post on the ground: hydrants, valves, sensors.
    Post { height_m: f64, radius_m: f64 },
}

/// The part of the scene that a class is streamed with: one tileset each, so that pipes load only when they can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    Ground,
    Buildings,
    Structures,
    Furniture,
    NetWater,
    NetGas,
    NetDrainage,
    NetOther,
}

impl Group {
    pub const ALL: [Self; 8] =
        [Self::Ground, Self::Buildings, Self::Structures, Self::Furniture, Self::NetWater, Self::NetGas, Self::NetDrainage, Self::NetOther];

    pub const fn id(self) -> &'static str {
        match self {
            Self::Ground => "ground",
            Self::Buildings => "buildings",
            Self::Structures => "structures",
            Self::Furniture => "furniture",
            Self::NetWater => "net_water",
            Self::NetGas => "net_gas",
            Self::NetDrainage => "net_drainage",
            Self::NetOther => "net_other",
        }
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.id() == id)
    }

    pub const fn is_buried(self) -> bool {
        matches!(self, Self::NetWater | Self::NetGas | Self::NetDrainage | Self::NetOther)
    }
}

/// One entry of the catalogue. Its id is the collection, the table and the tile layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    pub no: ClassNo,
    pub id: String,
    pub label: Label,
    pub domain: Domain,
    pub geometry: GeometryKind,
    /// Part of a network: its lines must be single.
    pub network: bool,
    pub kept: Kept,
    /// Codes given by standards, with the standard's name: (`CJJ 61`, `JP`). Some classes have several, some none.
    pub codes: Vec<(String, String)>,
    pub attributes: Vec<Attribute>,
    pub symbol: Symbol,
    pub form: Form,
    pub group: Option<Group>,
    /// Ids of the properties that sensors on such a feature report.
    pub observed: Vec<String>,
}

impl Class {
    pub fn attribute(&self, id: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.id == id)
    }

    /// Place of an attribute in [`Feature::attributes`].
    ///
    /// [`Feature::attributes`]: crate::feature::Feature
    pub fn attribute_index(&self, id: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.id == id)
    }
}

/// A property that sensors report: `pressure` in `kPa`.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedProperty {
    pub id: String,
    pub label: Label,
    pub unit: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::class;

    #[test]
    fn groups_and_domains_are_known_by_their_words() {
        assert!(Group::ALL.into_iter().all(|group| Group::from_id(group.id()) == Some(group)));
        assert!(Domain::ALL.into_iter().all(|domain| Domain::from_id(domain.id()) == Some(domain)));
        assert_eq!((Group::from_id("net_beer"), Domain::from_id("")), (None, None));
        assert_eq!(Group::ALL.into_iter().filter(|group| group.is_buried()).count(), 4);
    }

    #[test]
    fn attributes_are_found_by_name() {
        let hydrant = class(80, "hydrant", &["code", "kind"]);
        assert_eq!((hydrant.attribute_index("kind"), hydrant.attribute_index("colour")), (Some(1), None));
        assert_eq!(hydrant.attribute("code").map(|attribute| attribute.id.as_str()), Some("code"));
    }
}
