//! The built-in catalogue is complete and consistent; a bad file is refused by naming what is wrong.

use super::*;
use citytwin_model::class::{AttributeType, FIRST_OWN_CLASS, Form, Group, Kept};
use std::collections::BTreeSet;

/// Numbers are on the wire and in stores: this list may grow, never change.
const NUMBERS: [(&str, u16); 26] = [
    ("building", 1),
    ("district", 2),
    ("road", 3),
    ("water_area", 4),
    ("park", 5),
    ("terrain", 6),
    ("address", 7),
    ("bridge", 20),
    ("tunnel", 21),
    ("ponding_point", 22),
    ("water_pipe", 40),
    ("water_valve", 41),
    ("water_node", 42),
    ("water_source", 43),
    ("gas_pipe", 50),
    ("gas_valve", 51),
    ("gas_node", 52),
    ("gas_regulator", 53),
    ("storm_pipe", 60),
    ("sewer_pipe", 61),
    ("manhole", 62),
    ("outfall", 63),
    ("hydrant", 80),
    ("fire_station", 81),
    ("sensor", 100),
    ("datastream", 101),
];

#[test]
fn class_numbers_stand_for_ever() {
    for (id, no) in NUMBERS {
        assert_eq!(Catalogue::builtin().class(id).map(|class| class.no.0), Some(no), "{id}");
        assert_eq!(Catalogue::builtin().class_no(ClassNo(no)).map(|class| class.id.as_str()), Some(id));
    }
    assert_eq!(Catalogue::builtin().classes.len(), NUMBERS.len(), "a new class belongs into this list");
    assert!(Catalogue::builtin().class("no_such_class").is_none());
}

#[test]
fn every_name_is_there_in_both_languages_and_chinese_is_chinese() {
    let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let check = |what: String, label: &citytwin_model::class::Label| {
        assert!(is_chinese(&label.zh), "{what}: zh is {:?}", label.zh);
        assert!(!label.en.is_empty() && !is_chinese(&label.en), "{what}: en is {:?}", label.en);
    };
    let catalogue = Catalogue::builtin();
    for class in &catalogue.classes {
        check(class.id.clone(), &class.label);
        for attribute in &class.attributes {
            check(format!("{}.{}", class.id, attribute.id), &attribute.label);
            if let AttributeType::Code(entries) = &attribute.ty {
                assert!(!entries.is_empty());
                // Grades and brand words may be Latin in Chinese too, but most of a list is not.
                entries.iter().for_each(|entry| check(format!("{}.{}={}", class.id, attribute.id, entry.value), &entry.label));
            }
        }
    }
    catalogue.properties.iter().for_each(|property| check(property.id.clone(), &property.label));
}

#[test]
fn a_measure_names_its_unit_and_its_unit_is_in_its_name() {
    let units = [("_m", "m"), ("_mm", "mm"), ("_kpa", "kPa"), ("_t", "t"), ("_kmh", "km/h")];
    for class in &Catalogue::builtin().classes {
        for attribute in &class.attributes {
            for (ending, unit) in units {
                if attribute.id.ends_with(ending) {
                    assert_eq!(attribute.unit.as_deref(), Some(unit), "{}.{}", class.id, attribute.id);
                }
            }
        }
    }
    assert!(Catalogue::builtin().properties.iter().all(|property| !property.unit.is_empty()));
}

#[test]
fn what_other_rooms_lean_on_is_there() {
    let wanted: &[(&str, &[&str])] = &[
        ("building", &["code", "name", "height_m", "storeys", "use", "residents", "built_year", "state"]),
        ("road", &["name", "road_class", "lanes", "width_m", "one_way"]),
        ("bridge", &["name", "width_m"]),
        ("tunnel", &["name", "width_m", "height_m"]),
        (
            "water_pipe",
            &["code", "material", "diameter_mm", "built_year", "cover_m", "from_node", "to_node", "breaks", "pressure_kpa", "soil"],
        ),
        (
            "gas_pipe",
            &["code", "material", "diameter_mm", "built_year", "cover_m", "from_node", "to_node", "breaks", "soil", "pressure_level"],
        ),
        ("storm_pipe", &["invert_from_m", "invert_to_m", "from_node", "to_node", "diameter_mm", "material"]),
        ("sewer_pipe", &["invert_from_m", "invert_to_m", "from_node", "to_node", "diameter_mm", "material"]),
        ("manhole", &["depth_m", "kind"]),
        ("hydrant", &["diameter_mm", "kind", "pressure_kpa"]),
        ("sensor", &["code", "name", "kind", "host", "simulated"]),
        (
            "datastream",
            &[
                "code",
                "sensor",
                "host",
                "property",
                "unit",
                "alarm_high",
                "alarm_low",
                "hysteresis",
                "severity",
                "simulated",
                "baseline",
                "amplitude",
            ],
        ),
    ];
    for (id, attributes) in wanted {
        let class = Catalogue::builtin().class(id).unwrap_or_else(|| panic!("{id} is missing"));
        for attribute in *attributes {
            assert!(class.attribute(attribute).is_some(), "{id}.{attribute} is missing");
        }
    }
}

#[test]
fn ids_are_unique_and_lists_are_found_by_their_class() {
    let catalogue = Catalogue::builtin();
    let ids: BTreeSet<_> = catalogue.classes.iter().map(|class| &class.id).collect();
    assert_eq!(ids.len(), catalogue.classes.len());
    assert!(catalogue.classes.is_sorted_by(|a, b| a.no < b.no));
    assert!(catalogue.classes.iter().all(|class| class.no < FIRST_OWN_CLASS));
    let material = catalogue.class("water_pipe").unwrap().attribute("material").unwrap();
    let AttributeType::Code(entries) = &material.ty else { panic!("material is a code") };
    assert!(entries.iter().any(|entry| entry.value == "cast_iron" && entry.label.zh == "灰口铸铁"));
}

#[test]
fn pipe_colours_follow_the_convention() {
    let colour = |id| Catalogue::builtin().class(id).unwrap().symbol.colour;
    assert_eq!(colour("water_pipe"), [0, 255, 255]);
    assert_eq!(colour("gas_pipe"), [255, 0, 255]);
    assert_eq!(colour("storm_pipe"), [76, 57, 38]);
    assert_eq!(colour("sewer_pipe"), [76, 57, 38]);
}

#[test]
fn buried_groups_hold_tubes_and_terrain_is_kept_as_such() {
    for class in &Catalogue::builtin().classes {
        let buried = class.group.is_some_and(Group::is_buried);
        assert_eq!(buried, matches!(class.form, Form::Tube { .. }), "{}", class.id);
        assert_eq!(buried, class.network, "{}", class.id);
        assert_eq!(class.kept == Kept::Terrain, class.id == "terrain");
        // What is drawn in 3D is streamed with some group.
        assert!(class.form == Form::None || class.group.is_some(), "{}", class.id);
    }
}

/// An own class with one thing changed, and the words that the refusal must contain.
fn refused(from: &str, to: &str, words: &[&str]) {
    let changed = OWN.replacen(from, to, 1);
    assert_ne!(changed, OWN, "nothing to replace: {from}");
    let message = Catalogue::builtin().with_own(&changed).expect_err(to).to_string();
    for word in words {
        assert!(message.contains(word), "{message:?} does not say {word:?}");
    }
}

const OWN: &str = r##"
[[list]]
id = "tree_kind"
values = [["camphor", "香樟", "camphor"], ["plane", "悬铃木", "plane"]]

[[class]]
id = "tree"
no = 10001
zh = "行道树"
en = "street tree"
domain = "base"
geometry = "point"
group = "furniture"
symbol = { colour = "#2e7d32", min_zoom = 16 }
form = { kind = "post", height_m = 6.0, radius_m = 0.2 }
shared = ["code"]
attributes = [
  { id = "kind", zh = "树种", en = "kind", type = "code", list = "tree_kind" },
  { id = "girth_mm", zh = "胸径", en = "girth", type = "int", unit = "mm" },
  { id = "road", zh = "道路", en = "road", type = "ref", refs = ["road"] },
]
"##;

#[test]
fn a_city_adds_its_own_classes() {
    let city = Catalogue::builtin().with_own(OWN).unwrap();
    assert_eq!(city.class("tree").unwrap().no, ClassNo(10_001));
    assert_eq!(city.classes.len(), Catalogue::builtin().classes.len() + 1);
    assert!(Catalogue::builtin().class("tree").is_none(), "the built-in one stays as it is");
}

#[test]
fn a_bad_entry_is_refused_by_name() {
    refused("no = 10001", "no = 41", &["tree", "10000"]);
    refused("no = 10001", "no = 20000", &["20000", "19999"]);
    refused("no = 10001", "no = 70000", &["70000"]);
    refused("id = \"tree\"", "id = \"Tree\"", &["Tree", "lower-case"]);
    refused("id = \"tree\"", "id = \"hydrant\"", &["hydrant", "exists already"]);
    refused("zh = \"行道树\"", "zh = \"\"", &["tree", "both languages"]);
    refused("unit = \"mm\"", "in_tiles = true", &["tree", "girth_mm", "unit"]);
    refused("list = \"tree_kind\" }", "list = \"trees\" }", &["tree", "kind", "trees"]);
    refused("refs = [\"road\"]", "refs = [\"street\"]", &["tree", "road", "street"]);
    refused("#2e7d32", "green", &["tree", "green"]);
    refused("group = \"furniture\"", "group = \"garden\"", &["tree", "garden"]);
    refused("geometry = \"point\"", "geometry = \"line\"", &["tree", "Point"]);
    refused("type = \"int\"", "type = \"number\"", &["tree", "girth_mm", "number"]);
    refused("shared = [\"code\"]", "shared = [\"kode\"]", &["tree", "kode"]);
    refused("shared = [\"code\"]", "share = [\"code\"]", &["share"]);
    refused("id = \"girth_mm\"", "id = \"fid\"", &["tree", "fid", "store"]);
    refused("id = \"girth_mm\"", "id = \"kind\"", &["tree", "kind", "twice"]);
    refused("[\"plane\"", "[\"camphor\"", &["tree_kind", "camphor", "twice"]);
    refused("[[list]]", "[[list", &["own classes", "line"]);
}
