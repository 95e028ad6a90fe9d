//! The built-in catalogue is consistent; a bad file is refused by naming what is wrong.

mod complete;

use super::*;
use citytwin_model::class::{AttributeType, FIRST_OWN_CLASS, Form, Group, Kept};
use citytwin_model::units::Unit;
use std::collections::BTreeSet;

/// Numbers are on the wire and in stores: this list may grow, never change.
const NUMBERS: [(&str, u16); 103] = [
    ("building", 1),
    ("district", 2),
    ("road", 3),
    ("water_area", 4),
    ("park", 5),
    ("terrain", 6),
    ("address", 7),
    ("unit_grid", 8),
    ("evaluation_grid", 9),
    ("built_up_area", 10),
    ("base_data", 11),
    ("bridge", 20),
    ("tunnel", 21),
    ("ponding_point", 22),
    ("road_surface", 23),
    ("road_section", 24),
    ("collapse_risk_road", 25),
    ("road_defect", 26),
    ("settlement_point", 27),
    ("traffic_facility", 28),
    ("bridge_member", 29),
    ("bridge_point", 30),
    ("weigh_site", 31),
    ("tunnel_section", 32),
    ("structural_defect", 33),
    ("road_node", 34),
    ("water_pipe", 40),
    ("water_valve", 41),
    ("water_node", 42),
    ("water_source", 43),
    ("water_pump", 44),
    ("water_tank", 45),
    ("water_reservoir", 46),
    ("water_meter", 47),
    ("water_zone", 48),
    ("water_pump_station", 49),
    ("gas_pipe", 50),
    ("gas_valve", 51),
    ("gas_node", 52),
    ("gas_regulator", 53),
    ("adjacent_space", 54),
    ("gas_station", 55),
    ("storm_pipe", 60),
    ("sewer_pipe", 61),
    ("manhole", 62),
    ("outfall", 63),
    ("combined_pipe", 64),
    ("gully", 65),
    ("pump_station", 66),
    ("drain_storage", 67),
    ("catchment", 68),
    ("rain_gauge", 69),
    ("drain_control", 70),
    ("manhole_cover", 71),
    ("power_cable", 72),
    ("telecom_duct", 73),
    ("heat_pipe", 74),
    ("service_node", 75),
    ("heat_station", 76),
    ("utility_tunnel", 77),
    ("industrial_pipe", 78),
    ("unknown_pipe", 79),
    ("hydrant", 80),
    ("fire_station", 81),
    ("shelter", 82),
    ("crowded_place", 83),
    ("key_unit", 84),
    ("fire_lane", 85),
    ("target_area", 86),
    ("turnout", 87),
    ("fire_vehicle", 88),
    ("sensor", 100),
    ("datastream", 101),
    ("incident", 102),
    ("case", 103),
    ("component", 104),
    ("camera", 105),
    ("permit", 106),
    ("computer_room", 107),
    ("it_object", 108),
    ("drop_off_point", 120),
    ("transfer_station", 121),
    ("waste_equipment", 122),
    ("collection_vehicle", 123),
    ("collection_trip", 124),
    ("sanitation_worker", 125),
    ("sewage_plant", 140),
    ("process_unit", 141),
    ("river", 142),
    ("sluice", 143),
    ("flood_pump", 144),
    ("smart_light", 160),
    ("info_terminal", 161),
    ("security_device", 162),
    ("charging_pile", 163),
    ("parking_space", 164),
    ("lift", 165),
    ("climate_terminal", 166),
    ("utility_terminal", 167),
    ("water_customer", 200),
    ("pressure_point", 201),
    ("water_quality_point", 202),
    ("network_curve", 203),
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
    let units = [
        ("_m", "m"),
        ("_mm", "mm"),
        ("_inch", "in"),
        ("_m2", "m²"),
        ("_km2", "km²"),
        ("_m3", "m³"),
        ("_kpa", "kPa"),
        ("_mpa", "MPa"),
        ("_t", "t"),
        ("_kg", "kg"),
        ("_td", "t/d"),
        ("_kmh", "km/h"),
        ("_lps", "L/s"),
        ("_m3s", "m³/s"),
        ("_m3h", "m³/h"),
        ("_m3d", "m³/d"),
        ("_mgl", "mg/L"),
        ("_pct", "%"),
        ("_deg", "°"),
        ("_c", "°C"),
        ("_s", "s"),
        ("_days", "d"),
        ("_months", "month"),
        ("_kv", "kV"),
        ("_kva", "kVA"),
        ("_w", "W"),
        ("_kw", "kW"),
        ("_mw", "MW"),
    ];
    // What has a unit that its name does not tell: grades of a slope, rates.
    let unnamed = ["slope", "collapse_frequency", "emitter", "density_limit"];
    for class in &Catalogue::builtin().classes {
        for attribute in &class.attributes {
            for (ending, unit) in units {
                if attribute.id.ends_with(ending) {
                    assert_eq!(attribute.unit.as_deref(), Some(unit), "{}.{}", class.id, attribute.id);
                }
            }
            if let Some(unit) = &attribute.unit {
                assert!(Unit::of(unit).is_some(), "{}.{}: nobody knows the unit {unit:?}", class.id, attribute.id);
                let named = units.iter().any(|(ending, of)| attribute.id.ends_with(ending) && unit == of);
                assert!(named || unnamed.contains(&attribute.id.as_str()), "{}.{} hides its unit {unit}", class.id, attribute.id);
            }
        }
    }
    for property in &Catalogue::builtin().properties {
        assert!(Unit::of(&property.unit).is_some(), "{}: nobody knows the unit {:?}", property.id, property.unit);
    }
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
fn what_classes_have_in_common_stands_at_the_end() {
    let pipe = Catalogue::builtin().class("water_pipe").unwrap();
    let place = |id: &str| pipe.attribute_index(id).unwrap();
    // The order in which tables were made stays: what comes later comes behind.
    assert!(["code", "state", "length_m", "pressure_kpa", "to_node"].windows(2).all(|pair| place(pair[0]) < place(pair[1])));
    assert!(place("to_node") < place("roughness") && place("roughness") < place("joint") && place("joint") < place("owner_unit"));
    assert_eq!(pipe.attributes.last().unwrap().id, "valid_to");
}

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
    refused("id = \"tree\"", "id = \"h_tree\"", &["h_tree", "store"]);
    refused("domain = \"base\"", "domain = \"wood\"", &["tree", "wood", "base, road"]);
    refused("shared = [\"code\"]", "common = [\"wood\"]", &["tree", "wood"]);
    refused("shared = [\"code\"]", "shared = [\"code\", \"documents\"]\ncommon = [\"asset\"]", &["tree", "documents", "twice"]);
    refused("id = \"girth_mm\"", "id = \"kind\"", &["tree", "kind", "twice"]);
    refused("[\"plane\"", "[\"camphor\"", &["tree_kind", "camphor", "twice"]);
    refused("[[list]]", "[[list", &["own classes", "line"]);
}
