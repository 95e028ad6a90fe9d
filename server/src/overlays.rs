//! Analyses that run behind the map: how likely pipes break, what hydrants reach. Computed again when what they were
//! computed from has changed; served as collections, as layers, and as one byte per feature.

use crate::app::{App, ended};
use crate::clock;
use crate::problem::{ApiResult, Kind};
use crate::view::View;
use arc_swap::ArcSwapOption;
use citytwin_analysis::coverage::{self, CoverageRules};
use citytwin_analysis::risk::{self, PipeRisk, RiskRules};
use citytwin_index::Snapshot;
use citytwin_model::class::{Form, Label, Symbol};
use citytwin_model::{
    Attribute, AttributeType, City, Class, ClassNo, Domain, Feature, FeatureId, Fid, GeometryKind, Kept, Revision, Timestamp, Value,
};
use citytwin_wire::overlay::NO_DATA;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Numbers of computed classes: below those of a city's own, above those of the catalogue. They are never stored.
const PIPE_RISK: ClassNo = ClassNo(9001);
const HYDRANT_COVERAGE: ClassNo = ClassNo(9002);
const BUILDING_COVERAGE: ClassNo = ClassNo(9003);

/// How long a request waits for the first results.
const PATIENCE: Duration = Duration::from_secs(5);
/// After computing, at least this many times as long is left to others.
const REST_FACTOR: u32 = 4;
const SHORTEST_REST: Duration = Duration::from_millis(200);

pub const RISK: &str = "risk";
pub const COVERAGE: &str = "coverage";

/// Names of the collections that are computed. There is no other list of them.
pub const COMPUTED: [&str; 3] = ["pipe_risk", "hydrant_coverage", "building_coverage"];

pub fn is_computed(collection: &str) -> bool {
    COMPUTED.contains(&collection)
}

/// The newest results, and who waits for the first.
pub struct Overlays {
    newest: ArcSwapOption<Results>,
    ready: watch::Sender<bool>,
}

impl Default for Overlays {
    fn default() -> Self {
        Self { newest: ArcSwapOption::empty(), ready: watch::Sender::new(false) }
    }
}

pub struct Results {
    /// The last revision that changed what they were computed from.
    pub revision: Revision,
    pub year: i32,
    pub collections: Vec<Computed>,
    pub overlays: Vec<OverlayBytes>,
}

/// A collection that no table holds.
pub struct Computed {
    pub class: Arc<Class>,
    /// A city of this one class.
    pub city: Snapshot,
    pub origins: Arc<Origins>,
}

/// What each computed feature speaks of, by its number (from 1).
#[derive(Default)]
pub struct Origins {
    names: Vec<String>,
    ids: Vec<Option<FeatureId>>,
    by_name: HashMap<String, Fid>,
}

pub struct OverlayBytes {
    pub id: &'static str,
    pub bytes: HashMap<FeatureId, u8>,
    /// Ids of the classes that it colours.
    pub classes: Vec<String>,
}

impl Overlays {
    pub fn newest(&self) -> Option<Arc<Results>> {
        self.newest.load_full()
    }

    /// The newest results; waits a little for the first ones.
    pub async fn results(&self) -> ApiResult<Arc<Results>> {
        if let Some(results) = self.newest() {
            return Ok(results);
        }
        let mut ready = self.ready.subscribe();
        let _ = tokio::time::timeout(PATIENCE, ready.wait_for(|ready| *ready)).await;
        self.newest().ok_or_else(|| Kind::NotReady.into())
    }

    fn publish(&self, results: Results) {
        self.newest.store(Some(Arc::new(results)));
        self.ready.send_replace(true);
    }
}

impl Results {
    /// Names these results among all of the city: a new year changes them too.
    pub fn edition(&self) -> String {
        format!("{}-{}", self.revision, self.year)
    }

    pub fn collection(&self, name: &str) -> Option<&Computed> {
        self.collections.iter().find(|computed| computed.class.id == name)
    }

    pub fn overlay(&self, id: &str) -> Option<&OverlayBytes> {
        self.overlays.iter().find(|overlay| overlay.id == id)
    }
}

impl OverlayBytes {
    pub fn byte(&self, id: FeatureId) -> u8 {
        self.bytes.get(&id).copied().unwrap_or(NO_DATA)
    }
}

impl Origins {
    pub fn of(&self, fid: Fid) -> Option<&str> {
        self.names.get(fid as usize - 1).map(String::as_str)
    }

    /// The feature of the city that a computed one speaks of; `None` for one that speaks of many.
    pub fn id(&self, fid: Fid) -> Option<FeatureId> {
        self.ids.get(fid as usize - 1).copied().flatten()
    }

    pub fn find(&self, name: &str) -> Option<Fid> {
        self.by_name.get(name).copied()
    }

    fn add(&mut self, name: String, id: Option<FeatureId>) -> Fid {
        self.names.push(name.clone());
        self.ids.push(id);
        let fid = self.names.len() as Fid;
        self.by_name.insert(name, fid);
        fid
    }
}

/// Follows the city: computes what is stale, one run at a time.
pub async fn follow(app: App) {
    let mut served = app.served.subscribe();
    let mut stopping = app.stopping.subscribe();
    loop {
        served.borrow_and_update();
        let view = app.view();
        let year = year_of(clock::now(), app.store.config());
        let wanted = (inputs_revision(&view), year);
        if app.overlays.newest().is_none_or(|results| (results.revision, results.year) != wanted) {
            let started = Instant::now();
            match app.compute.run(move || compute(&view, wanted.0, year)).await {
                Ok(results) => {
                    tracing::debug!(
                        revision = results.revision,
                        took_ms = started.elapsed().as_millis() as u64,
                        "risk and coverage computed"
                    );
                    let edition = results.edition();
                    app.overlays.publish(results);
                    // After they can be asked for.
                    app.hub.computed(edition);
                }
                Err(error) => tracing::warn!(code = error.kind.code(), "risk and coverage were not computed"),
            }
            let rest = (started.elapsed() * REST_FACTOR).max(SHORTEST_REST);
            if tokio::time::timeout(rest, ended(&mut stopping)).await.is_ok() {
                return;
            }
        }
        tokio::select! {
            changed = served.changed() => if changed.is_err() { return },
            // A new year changes every age.
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
            () = ended(&mut stopping) => return,
        }
    }
}

/// The calendar year where the city lies.
fn year_of(now: Timestamp, config: &citytwin_store::CityConfig) -> i32 {
    let ahead = i64::from(citytwin_store::utc_offset_minutes(&config.time_zone).unwrap_or(0));
    i32::try_from(now.plus_millis(ahead * 60_000).date().0).unwrap_or(i32::MAX)
}

fn inputs_revision(view: &View) -> Revision {
    let classes = view.city.classes().iter();
    classes
        .filter(|class| risk::is_pipe(class) || is_coverage_input(class))
        .map(|class| view.fresh.class(class.no))
        .max()
        .unwrap_or_else(|| view.revision())
}

fn is_coverage_input(class: &Class) -> bool {
    let rules = CoverageRules::default();
    class.id == rules.hydrant_class || class.id == rules.building_class
}

/// Everything, from one snapshot.
pub fn compute(view: &View, revision: Revision, year: i32) -> Results {
    let city = &view.city;
    let (risk, risk_bytes) = pipe_risk(city, year);
    let (area, buildings, coverage_bytes) = hydrant_coverage(city);
    let of = |pick: fn(&Class) -> bool| city.classes().iter().filter(|class| pick(class)).map(|class| class.id.clone()).collect();
    Results {
        revision,
        year,
        collections: vec![risk, area, buildings],
        overlays: vec![
            OverlayBytes { id: RISK, bytes: risk_bytes, classes: of(risk::is_pipe) },
            OverlayBytes { id: COVERAGE, bytes: coverage_bytes, classes: of(|class| class.id == CoverageRules::default().building_class) },
        ],
    }
}

fn pipe_risk(city: &Snapshot, year: i32) -> (Computed, HashMap<FeatureId, u8>) {
    let rules = RiskRules::default();
    let class = Arc::new(pipe_risk_class());
    let mut rows = Rows::new(city, class);
    let mut bytes = HashMap::new();
    for pipe in risk::pipes_by(city, year, &rules) {
        bytes.insert(pipe.id, pipe.likelihood.map_or(NO_DATA, |found| rules.scale(found.probability)));
        rows.add(Some(pipe.id), |of, code| risk_row(&pipe, of, code, year, &rules));
    }
    (rows.done(), bytes)
}

fn risk_row(pipe: &PipeRisk, of: String, code: Value, year: i32, rules: &RiskRules) -> Vec<Value> {
    let found = pipe.likelihood;
    let missing: Vec<&str> = pipe.missing.iter().map(|missing| missing.attribute().unwrap_or("method")).collect();
    vec![
        of.into(),
        code,
        found.map(|found| found.probability).into(),
        found.map(|found| i64::from(found.grade)).into(),
        found.map(|found| found.rate_per_km_year).into(),
        pipe.length_m.into(),
        if missing.is_empty() { Value::Null } else { missing.join(",").into() },
        i64::from(year).into(),
        rules.version.clone().into(),
    ]
}

fn hydrant_coverage(city: &Snapshot) -> (Computed, Computed, HashMap<FeatureId, u8>) {
    let rules = CoverageRules::default();
    let found = coverage::hydrants_by(city, &rules);
    let mut area = Rows::new(city, Arc::new(hydrant_coverage_class()));
    if let Some(shape) = found.area {
        let counts = [found.hydrants, found.idle].map(|n| Value::Int(n as i64));
        let [hydrants, idle] = counts;
        area.add_shape("hydrant_coverage.1".to_owned(), shape, vec![rules.radius_m.into(), hydrants, idle, rules.version.clone().into()]);
    }
    let mut bytes = HashMap::new();
    let mut buildings = Rows::new(city, Arc::new(building_coverage_class()));
    for building in found.buildings {
        // Without any hydrant a building is not covered; that is known, not missing.
        bytes.insert(building.building, if building.covered { 254 } else { 0 });
        let nearest = building.nearest;
        let nearest_name = nearest.and_then(|(id, _)| crate::instruments::public_id(city, id));
        buildings.add(Some(building.building), |of, code| {
            vec![
                of.into(),
                code,
                building.covered.into(),
                nearest.map(|(_, distance_m)| distance_m).into(),
                nearest_name.into(),
                rules.radius_m.into(),
                rules.version.clone().into(),
            ]
        });
    }
    (area.done(), buildings.done(), bytes)
}

/// Gathers a computed collection.
struct Rows<'a> {
    source: &'a Snapshot,
    class: Arc<Class>,
    features: Vec<Feature>,
    origins: Origins,
}

impl<'a> Rows<'a> {
    fn new(source: &'a Snapshot, class: Arc<Class>) -> Self {
        Self { source, class, features: Vec::new(), origins: Origins::default() }
    }

    /// A row that speaks of one feature and has its geometry. `row` gets that feature's public id and code.
    fn add(&mut self, id: Option<FeatureId>, row: impl FnOnce(String, Value) -> Vec<Value>) {
        let Some((id, feature)) = id.and_then(|id| Some((id, self.source.feature(id)?))) else { return };
        let (Some(class), Some(name)) = (self.source.class(id.class), crate::instruments::public_id(self.source, id)) else { return };
        let code = feature.get(class, "code").clone();
        let fid = self.origins.add(name.clone(), Some(id));
        self.push(fid, feature.geometry.clone(), row(name, code));
    }

    fn add_shape(&mut self, name: String, shape: citytwin_model::Geometry, row: Vec<Value>) {
        let fid = self.origins.add(name, None);
        self.push(fid, Some(shape), row);
    }

    fn push(&mut self, fid: Fid, geometry: Option<citytwin_model::Geometry>, attributes: Vec<Value>) {
        let (id, revision) = (FeatureId::new(self.class.no, fid), self.source.revision());
        self.features.push(Feature { id, revision, geometry, attributes, other: None, source: None });
    }

    fn done(self) -> Computed {
        let Self { source, class, features, origins } = self;
        let city = Snapshot::build(source.revision(), *source.frame(), source.geoid_offset_m(), vec![class.clone()], features, None);
        Computed { class, city, origins: Arc::new(origins) }
    }
}

fn attribute(id: &str, zh: &str, en: &str, ty: AttributeType, unit: Option<&str>, in_tiles: bool) -> Attribute {
    let unit = unit.map(str::to_owned);
    Attribute { id: id.to_owned(), label: Label::new(zh, en), ty, unit, required: false, range: None, in_tiles }
}

fn class(
    no: ClassNo,
    id: &str,
    label: Label,
    domain: Domain,
    geometry: GeometryKind,
    colour: [u8; 3],
    attributes: Vec<Attribute>,
) -> Class {
    Class {
        no,
        id: id.to_owned(),
        label,
        domain,
        geometry,
        network: false,
        kept: Kept::Live,
        codes: Vec::new(),
        attributes,
        symbol: Symbol { colour, icon: None, min_zoom: 0 },
        form: Form::None,
        group: None,
        observed: Vec::new(),
    }
}

fn pipe_risk_class() -> Class {
    use AttributeType::{Int, Real, Text};
    let attributes = vec![
        attribute("feature", "管段", "pipe", Text, None, true),
        attribute("code", "编号", "code", Text, None, true),
        attribute("probability", "年内破裂概率", "probability of a break within the year", Real, None, true),
        attribute("grade", "风险等级", "grade", Int, None, true),
        attribute("rate_per_km_year", "破裂率", "rate of breaks", Real, Some("1/(km·a)"), false),
        attribute("length_m", "长度", "length", Real, Some("m"), false),
        attribute("missing", "缺少的数据", "missing data", Text, None, false),
        attribute("year", "评估年份", "year judged", Int, None, false),
        attribute("rules", "规则版本", "version of the rules", Text, None, false),
    ];
    class(PIPE_RISK, "pipe_risk", Label::new("管道风险", "pipe risk"), Domain::Pipe, GeometryKind::Line, [0xc6, 0x28, 0x28], attributes)
}

fn hydrant_coverage_class() -> Class {
    use AttributeType::{Int, Real, Text};
    let attributes = vec![
        attribute("radius_m", "保护半径", "radius", Real, Some("m"), true),
        attribute("hydrants", "消火栓数", "hydrants", Int, None, true),
        attribute("idle", "停用消火栓数", "hydrants out of use", Int, None, false),
        attribute("rules", "规则版本", "version of the rules", Text, None, false),
    ];
    let label = Label::new("消火栓覆盖范围", "hydrant coverage");
    class(HYDRANT_COVERAGE, "hydrant_coverage", label, Domain::Fire, GeometryKind::Area, [0x2e, 0x7d, 0x5b], attributes)
}

fn building_coverage_class() -> Class {
    use AttributeType::{Bool, Real, Text};
    let attributes = vec![
        attribute("feature", "建筑", "building", Text, None, true),
        attribute("code", "编号", "code", Text, None, true),
        attribute("covered", "已覆盖", "covered", Bool, None, true),
        attribute("nearest_m", "最近消火栓距离", "distance to the nearest hydrant", Real, Some("m"), true),
        attribute("nearest", "最近消火栓", "nearest hydrant", Text, None, false),
        attribute("radius_m", "保护半径", "radius", Real, Some("m"), false),
        attribute("rules", "规则版本", "version of the rules", Text, None, false),
    ];
    let label = Label::new("建筑消防覆盖", "buildings covered by hydrants");
    class(BUILDING_COVERAGE, "building_coverage", label, Domain::Fire, GeometryKind::Area, [0x2e, 0x7d, 0x5b], attributes)
}
