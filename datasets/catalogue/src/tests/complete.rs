//! The built-in catalogue is complete: every class and every property that the requirements name is there, and everything
//! that is there is used.

use crate::Catalogue;
use citytwin_model::class::{AttributeType, Class, Form, Group, Kept};
use std::collections::{BTreeMap, BTreeSet};

/// The requirements' table of facility classes: what a row is called, the classes that answer to it, and the properties
/// that its sensors report. Positions and video are no numbers and so no observed properties: a feature's place, a camera's
/// stream. Network state and last message follow from the readings themselves.
const ROWS: [(&str, &[&str], &[&str]); 48] = [
    ("道路", &["road", "road_section", "road_surface"], &["traffic_flow", "speed", "traffic_occupancy"]),
    ("地面坍塌高风险道路", &["collapse_risk_road"], &["void_size", "void_depth", "settlement", "soil_moisture"]),
    ("道路病害体", &["road_defect"], &[]),
    ("沉降点", &["settlement_point"], &["settlement", "settlement_rate"]),
    ("易积水点", &["ponding_point"], &["water_depth"]),
    ("交通安全设施", &["traffic_facility"], &[]),
    ("桥梁", &["bridge"], &[]),
    (
        "构件/测点",
        &["bridge_member", "bridge_point"],
        &["deflection", "displacement", "strain", "tilt", "cable_force", "crack_width", "temperature", "vibration"],
    ),
    ("动态称重", &["weigh_site"], &["axle_load", "gross_weight", "axle_spacing", "speed", "vehicle_class"]),
    (
        "隧道",
        &["tunnel", "tunnel_section"],
        &[
            "crown_settlement",
            "settlement",
            "convergence",
            "soil_pressure",
            "concrete_stress",
            "temperature",
            "humidity",
            "seepage",
            "co",
            "visibility",
        ],
    ),
    ("结构缺陷", &["structural_defect"], &[]),
    ("燃气管线", &["gas_pipe"], &["pressure", "flow"]),
    ("阀井/调压站", &["gas_valve", "gas_regulator", "manhole"], &["ch4_vol", "ch4", "pressure", "temperature"]),
    ("相邻地下空间", &["adjacent_space"], &["ch4_vol", "o2", "h2s", "level"]),
    (
        "水源/水厂/泵站",
        &["water_source", "water_reservoir", "water_tank", "water_pump_station", "water_pump"],
        &["flow", "pressure", "level", "turbidity", "chlorine", "ph"],
    ),
    ("供水管线/阀门/节点", &["water_pipe", "water_valve", "water_node"], &["flow", "pressure", "noise"]),
    ("压力监测点", &["pressure_point", "water_zone"], &["pressure"]),
    ("用户/水表", &["water_customer", "water_meter"], &["volume"]),
    ("末梢水/管网水/出厂水", &["water_quality_point"], &["quality_pass"]),
    ("排水管线", &["storm_pipe", "sewer_pipe", "combined_pipe"], &["discharge", "level", "velocity"]),
    ("检查井/排口/泵站/调蓄", &["manhole", "outfall", "pump_station", "drain_storage", "gully"], &["level", "h2s", "ch4", "pump_running"]),
    ("汇水区/雨量站", &["catchment", "rain_gauge"], &["rainfall", "rain_intensity", "rain_forecast"]),
    ("窨井盖", &["manhole_cover"], &["cover_open", "cover_tilt", "vibration", "cover_flooded"]),
    (
        "垃圾投放点",
        &["drop_off_point"],
        &["mixed_events", "bag_events", "overflow_events", "fill_level", "nh3", "h2s", "tvoc", "hcho", "co2", "pm25", "pm10"],
    ),
    ("中转站", &["transfer_station"], &["nh3", "h2s", "tvoc", "hcho", "co2", "pm25", "pm10", "odour"]),
    ("垃圾处理设备", &["waste_equipment"], &["running", "load", "energy"]),
    ("清运车辆/趟次", &["collection_vehicle", "collection_trip"], &["weight"]),
    ("环卫人员", &["sanitation_worker"], &["sos", "motion"]),
    (
        "污水处理设施",
        &["sewage_plant", "process_unit"],
        &["orp", "ec", "temperature", "turbidity", "ph", "flow", "cod", "nh3n", "tn", "tp"],
    ),
    ("河道/闸/泵", &["river", "sluice", "flood_pump", "water_area"], &["level", "discharge", "gate_opening", "pump_running"]),
    ("市政消火栓", &["hydrant"], &["pressure", "tilt", "water_out", "cap_off"]),
    ("单位/消防安全重点单位", &["key_unit"], &["fire_alarm", "smoke", "residual_current", "pressure", "level"]),
    ("消防车道", &["fire_lane"], &["lane_blocked"]),
    ("人员密集场所/安全监测目标区域", &["crowded_place", "target_area"], &["people_in", "people_out", "density", "behaviour_events"]),
    (
        "应急避难/庇护场所",
        &["shelter"],
        &["temperature", "humidity", "power_on", "water_on", "co", "h2s", "co2", "o2", "ch4_vol", "people_present"],
    ),
    ("标准消防站/小型普通消防站", &["fire_station", "fire_vehicle"], &[]),
    ("出警记录", &["turnout"], &[]),
    ("区域底数", &["district", "built_up_area", "unit_grid", "evaluation_grid"], &[]),
    ("DEM/建筑/BIM/影像", &["terrain", "building", "base_data"], &[]),
    ("视频", &["camera"], &["video_events"]),
    ("部件事件案件", &["case", "component"], &[]),
    ("道路施工许可/排水申请", &["permit"], &[]),
    ("智能照明/信息终端", &["smart_light", "info_terminal"], &["on", "fault", "energy"]),
    ("安防消防/电梯/车位/充电桩", &["security_device", "lift", "parking_space", "charging_pile"], &["occupied", "fault"]),
    ("温湿度/水电气热终端", &["climate_terminal", "utility_terminal"], &["temperature", "humidity", "balance_low"]),
    (
        "机房",
        &["computer_room"],
        &["temperature", "humidity", "water_leak", "current", "voltage", "ups_load", "cylinder_pressure", "door_open"],
    ),
    ("运维对象", &["it_object"], &["cpu_load", "memory_used", "disk_used", "traffic", "service_up", "log_errors"]),
    ("监测设备", &["sensor", "datastream"], &["battery"]),
];

/// What no row names, and why it is there.
const BESIDES: [&str; 17] = [
    // The city itself, and what is told about it.
    "address",
    "park",
    "road_node",
    "incident",
    // Networks that are solved and measured to.
    "water_pipe",
    "network_curve",
    "gas_node",
    "gas_station",
    "drain_control",
    "power_cable",
    "telecom_duct",
    "heat_pipe",
    "heat_station",
    "service_node",
    "utility_tunnel",
    "industrial_pipe",
    "unknown_pipe",
];

#[test]
fn every_row_of_the_requirements_has_its_classes_and_they_report_what_it_says() {
    let catalogue = Catalogue::builtin();
    for (row, classes, properties) in ROWS {
        let mut observed: BTreeSet<&str> = BTreeSet::new();
        for id in classes {
            let class = catalogue.class(id).unwrap_or_else(|| panic!("{row}: the class {id} is missing"));
            observed.extend(class.observed.iter().map(String::as_str));
        }
        for property in properties {
            assert!(catalogue.property(property).is_some(), "{row}: the property {property} is missing");
            assert!(observed.contains(property), "{row}: none of {classes:?} reports {property}");
        }
    }
}

#[test]
fn every_class_answers_to_a_row_or_is_there_for_a_reason() {
    let named: BTreeSet<&str> = ROWS.iter().flat_map(|(_, classes, _)| classes.iter().copied()).chain(BESIDES).collect();
    for class in &Catalogue::builtin().classes {
        assert!(named.contains(class.id.as_str()), "{} answers to nothing", class.id);
    }
    for id in BESIDES {
        assert!(Catalogue::builtin().class(id).is_some(), "{id} is missing");
    }
}

/// What stands in a row's column of attributes, where it is more than a name and a kind.
#[test]
fn the_rows_attributes_are_there() {
    let wanted: [(&str, &[&str]); 40] = [
        (
            "road",
            &[
                "road_class",
                "lanes",
                "length_m",
                "width_m",
                "pavement",
                "busy",
                "commercial",
                "complex_pipes",
                "collapse_frequency",
                "from_node",
                "to_node",
            ],
        ),
        ("collapse_risk_road", &["grade", "report", "length_m", "surveyed", "surveyed_m"]),
        ("road_defect", &["kind", "length_m", "width_m", "height_m", "cover_m", "found", "mending"]),
        ("settlement_point", &["reference", "method"]),
        ("ponding_point", &["ground_m", "warn_depth_m", "alarm_depth_m", "responsible", "monitored"]),
        ("traffic_facility", &["kind", "lanes", "school_distance_m"]),
        (
            "bridge",
            &[
                "kind",
                "main_span_m",
                "bridge_class",
                "special",
                "load_limit_t",
                "needs_monitoring",
                "inspection_cycle_months",
                "last_inspected",
                "condition",
            ],
        ),
        ("bridge_point", &["member", "direction", "warn_1", "warn_2", "warn_3"]),
        ("weigh_site", &["lane", "direction"]),
        ("tunnel", &["length_m", "kind", "inspection_cycle_months", "chainage_from_m"]),
        ("structural_defect", &["kind", "length_m", "width_mm", "ring", "angle_deg", "image", "found"]),
        (
            "gas_pipe",
            &[
                "pressure_level",
                "diameter_mm",
                "material",
                "built_year",
                "cover_m",
                "coating",
                "ageing",
                "renewal_state",
                "risk_grade",
                "length_m",
            ],
        ),
        ("adjacent_space", &["kind", "volume_m3", "connections", "gas_distance_m", "danger_point", "risk_grade"]),
        ("water_source", &["capacity_m3d", "pumps", "supply_plan"]),
        ("water_pipe", &["diameter_mm", "material", "built_year", "roughness", "cover_m", "joint", "zone", "from_node", "to_node"]),
        ("water_valve", &["position", "operable", "setting", "node", "pipe"]),
        ("water_node", &["ground_m", "demand_lps", "zone", "pattern", "required_head_m"]),
        ("water_pump", &["from_node", "to_node", "curve", "power_kw"]),
        ("water_tank", &["bottom_m", "min_level_m", "max_level_m", "diameter_m", "curve"]),
        ("water_reservoir", &["head_m", "pattern"]),
        ("pressure_point", &["zone", "standard_kpa"]),
        ("water_customer", &["users", "contact", "zone"]),
        (
            "storm_pipe",
            &[
                "section",
                "section_height_mm",
                "section_width_mm",
                "slope",
                "manning_n",
                "built_year",
                "structural_grade",
                "risk_grade",
                "length_m",
                "invert_from_m",
                "joint",
            ],
        ),
        (
            "combined_pipe",
            &["section", "slope", "manning_n", "structural_grade", "invert_from_m", "invert_to_m", "from_node", "to_node", "breaks"],
        ),
        ("pump_station", &["invert_m", "capacity_m3s", "start_level_m", "stop_level_m"]),
        ("drain_storage", &["invert_m", "volume_m3", "rim_m", "curve"]),
        ("outfall", &["gate", "gate_open", "invert_m", "boundary"]),
        ("catchment", &["area_m2", "impervious_pct", "width_m", "slope_pct", "drains_to"]),
        ("manhole_cover", &["owner_unit", "kind", "load_class", "problem", "smart"]),
        ("drop_off_point", &["bins", "kind", "service_hours", "monitored"]),
        ("sewage_plant", &["capacity_m3d", "process", "cod_limit_mgl"]),
        ("hydrant", &["diameter_mm", "kind", "problem"]),
        ("key_unit", &["kind", "connected", "service_provider", "lane_video"]),
        ("fire_lane", &["width_m", "unit", "covered_by_video"]),
        ("crowded_place", &["kind", "capacity", "exits", "routes", "floor_plans"]),
        ("shelter", &["total_m2", "effective_m2", "capacity", "supplies", "open"]),
        ("fire_station", &["kind", "service_area_km2", "vehicles", "staff"]),
        ("turnout", &["called", "dispatched", "departed", "arrived", "effective"]),
        ("incident", &["kind", "level", "progress", "place", "alarm", "feature"]),
        ("sensor", &["iot_id", "ccid", "model", "sensor_code", "host", "interval_s", "calibrated", "firmware", "keeper"]),
    ];
    for (id, attributes) in wanted {
        let class = Catalogue::builtin().class(id).unwrap_or_else(|| panic!("{id} is missing"));
        for attribute in attributes {
            assert!(class.attribute(attribute).is_some(), "{id}.{attribute} is missing");
        }
    }
}

#[test]
fn every_asset_says_who_owns_it_and_how_long_it_is_valid() {
    // What has no owner of its own: places in the city's order, records, what moves, and the parts of our own bookkeeping.
    let no_assets = [
        "address",
        "built_up_area",
        "case",
        "collection_trip",
        "collection_vehicle",
        "datastream",
        "district",
        "evaluation_grid",
        "fire_vehicle",
        "incident",
        "network_curve",
        "permit",
        "road_node",
        "sanitation_worker",
        "terrain",
        "turnout",
        "unit_grid",
    ];
    let of_assets =
        ["owner_unit", "managing_unit", "built_date", "risk_grade", "area_code", "grid_code", "documents", "valid_from", "valid_to"];
    for class in &Catalogue::builtin().classes {
        let has = of_assets.iter().filter(|id| class.attribute(id).is_some()).count();
        let wanted = if no_assets.contains(&class.id.as_str()) { 0 } else { of_assets.len() };
        assert_eq!(has, wanted, "{}", class.id);
        if class.kept != Kept::Terrain {
            assert!(class.attribute("code").is_some_and(|code| code.required), "{} has no code", class.id);
        }
    }
}

#[test]
fn what_is_defined_is_used() {
    let catalogue = Catalogue::builtin();
    let attributes = || catalogue.classes.iter().flat_map(|class| &class.attributes);
    for (id, values) in &catalogue.shared.lists {
        let used = attributes().any(|attribute| matches!(&attribute.ty, AttributeType::Code(entries) if entries == values));
        assert!(used, "nobody uses the code list {id}");
    }
    for (id, shared) in &catalogue.shared.attributes {
        assert!(attributes().any(|attribute| attribute == shared), "nobody uses the shared attribute {id}");
    }
    for (id, run) in &catalogue.shared.common {
        let used = catalogue.classes.iter().any(|class| class.attributes.windows(run.len()).any(|window| window == run));
        assert!(used, "nobody uses the common attributes {id}");
    }
    for property in &catalogue.properties {
        assert!(catalogue.classes.iter().any(|class| class.observed.contains(&property.id)), "nobody reports {}", property.id);
    }
}

#[test]
fn a_feature_of_the_city_names_only_features_of_the_city() {
    let catalogue = Catalogue::builtin();
    for class in catalogue.classes.iter().filter(|class| class.kept == Kept::City) {
        for attribute in &class.attributes {
            let AttributeType::Ref(targets) = &attribute.ty else { continue };
            for target in targets {
                let kept = catalogue.class(target).unwrap().kept;
                assert_eq!(kept, Kept::City, "{}.{} may name a {target}, which is no feature of the store", class.id, attribute.id);
            }
        }
    }
}

#[test]
fn records_and_what_moves_live_elsewhere() {
    let live: Vec<&str> =
        Catalogue::builtin().classes.iter().filter(|class| class.kept == Kept::Live).map(|class| class.id.as_str()).collect();
    let records = ["incident", "case", "permit", "collection_trip", "turnout"];
    let moving = ["fire_vehicle", "collection_vehicle", "sanitation_worker"];
    assert_eq!(live.iter().copied().collect::<BTreeSet<_>>(), records.into_iter().chain(moving).collect());
    // They are not drawn with the scene of the city.
    assert!(
        Catalogue::builtin().classes.iter().all(|class| class.kept != Kept::Live || (class.group.is_none() && class.form == Form::None))
    );
}

#[test]
fn class_ids_are_words_in_the_singular() {
    for class in &Catalogue::builtin().classes {
        let last = class.id.rsplit('_').next().unwrap();
        assert!(!last.ends_with('s') || last.ends_with("ss") || last == "gas", "{} is a plural", class.id);
        assert!(!class.id.contains("__") && !class.id.ends_with('_'), "{}", class.id);
    }
}

/// Redmean: cheap, and nearer to the eye than plain distance.
fn distance(a: [u8; 3], b: [u8; 3]) -> f64 {
    let [dr, dg, db] = [0, 1, 2].map(|i| f64::from(a[i]) - f64::from(b[i]));
    let red = (f64::from(a[0]) + f64::from(b[0])) / 2.0;
    ((2.0 + red / 256.0) * dr * dr + 4.0 * dg * dg + (2.0 + (255.0 - red) / 256.0) * db * db).sqrt()
}

#[test]
fn colours_can_be_told_apart_within_a_group() {
    let mut groups: BTreeMap<String, Vec<&Class>> = BTreeMap::new();
    for class in &Catalogue::builtin().classes {
        // Classes without a group of the scene are listed with their domain.
        let group = class.group.map_or_else(|| class.domain.id().to_owned(), |group| group.id().to_owned());
        groups.entry(group).or_default().push(class);
    }
    for (group, classes) in groups {
        // The convention has one brown for all that drains.
        if group == Group::NetDrainage.id() {
            assert!(classes.iter().all(|class| class.symbol.colour == [76, 57, 38]));
            continue;
        }
        for (i, a) in classes.iter().enumerate() {
            for b in &classes[..i] {
                let far = distance(a.symbol.colour, b.symbol.colour);
                assert!(far >= 20.0, "{group}: {} and {} are {far:.0} apart", a.id, b.id);
            }
        }
    }
}

/// Letter codes of CJJ 61-2017, annex B, and the minor classes of GB/T 30428.2 that are confirmed; no other code is written.
#[test]
fn codes_are_those_of_the_standards() {
    let letters = [
        "JY", "SS", "ZS", "JP", "JZ", "XS", "LS", "JH", "YS", "WS", "HS", "MQ", "YH", "TR", "RS", "ZQ", "GD", "LD", "XH", "DC", "GG", "DH",
        "DS", "XX", "GB", "QQ", "YQ", "GQ", "YX", "BQ", "LQ", "DQ", "EY", "AQ", "JB", "ZH", "BM",
    ];
    let mut written = BTreeSet::new();
    for class in &Catalogue::builtin().classes {
        for (standard, code) in &class.codes {
            match standard.as_str() {
                "CJJ 61" => assert!(letters.contains(&code.as_str()), "{}: {code}", class.id),
                "GB/T 30428.2" => {
                    let (major, minor) = (code[..2].parse::<u8>().unwrap(), code[2..].parse::<u8>().unwrap());
                    let most = [38, 17, 10, 10];
                    assert!(code.len() == 4 && (1..=4).contains(&major) && (1..=most[major as usize - 1]).contains(&minor), "{code}");
                }
                other => panic!("{}: {other}", class.id),
            }
            if class.network {
                written.insert(code.as_str());
            }
        }
    }
    // Every sub-class of pipe has a class, but for the shared trench, which is no tube.
    let missing: Vec<_> = letters.iter().filter(|code| !written.contains(**code)).collect();
    assert_eq!(missing, [&"ZH"]);
}

#[test]
fn pipes_have_the_colours_of_the_convention() {
    for (id, colour) in [
        ("combined_pipe", [76, 57, 38]),
        ("heat_pipe", [255, 128, 0]),
        ("power_cable", [255, 0, 0]),
        ("telecom_duct", [0, 255, 0]),
        ("industrial_pipe", [0, 0, 0]),
        ("unknown_pipe", [102, 0, 204]),
    ] {
        assert_eq!(Catalogue::builtin().class(id).unwrap().symbol.colour, colour, "{id}");
    }
}

/// Files are matched by id, Chinese or English name, without regard to case and spaces: a name must mean one thing.
#[test]
fn a_name_means_one_class_and_within_it_one_attribute() {
    fn plain(name: &str) -> String {
        name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
    }
    fn once<'a>(what: &str, things: impl Iterator<Item = (&'a str, &'a str, &'a str)>) {
        let mut owner: BTreeMap<String, &str> = BTreeMap::new();
        for (id, zh, en) in things {
            for name in [id, zh, en].map(plain) {
                let other = owner.insert(name.clone(), id).filter(|other| *other != id);
                assert!(other.is_none(), "{what}: {name:?} may mean {id} or {other:?}");
            }
        }
    }
    let classes = &Catalogue::builtin().classes;
    once("classes", classes.iter().map(|class| (class.id.as_str(), class.label.zh.as_str(), class.label.en.as_str())));
    for class in classes {
        once(&class.id, class.attributes.iter().map(|a| (a.id.as_str(), a.label.zh.as_str(), a.label.en.as_str())));
    }
}
