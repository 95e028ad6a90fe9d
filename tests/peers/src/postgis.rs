//! The other side: the same rows in a PostGIS table, asked as its makers advise.

use crate::rows::CLASS_ID;
use anyhow::{Context, Result};
use citytwin_model::{Bounds, Feature, Value, wkb};
use postgres::{Client, NoTls, Statement};
use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

pub struct Peer {
    client: Client,
    box_ids: Statement,
    box_gist: Statement,
    page: Statement,
    line_page: Statement,
    pub version: String,
    pub build: Build,
}

/// What it took to get there.
pub struct Build {
    pub copy: Duration,
    pub index: Duration,
    pub cluster: Duration,
    pub analyze: Duration,
    pub table_bytes: i64,
    pub index_bytes: i64,
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [copy, index, cluster, analyze] = [self.copy, self.index, self.cluster, self.analyze].map(|time| time.as_secs_f64());
        let (table, gist) = (self.table_bytes >> 20, self.index_bytes >> 20);
        write!(
            f,
            "COPY {copy:.1} s, GiST {index:.1} s, CLUSTER {cluster:.1} s, VACUUM ANALYZE {analyze:.1} s; table {table} MB, GiST {gist} MB"
        )
    }
}

impl Build {
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "copy_s": self.copy.as_secs_f64(), "index_s": self.index.as_secs_f64(), "cluster_s": self.cluster.as_secs_f64(),
            "analyze_s": self.analyze.as_secs_f64(), "table_bytes": self.table_bytes, "index_bytes": self.index_bytes,
        })
    }
}

/// Exact, as ours is: the index proposes, the geometry decides.
const BOX_IDS: &str = "SELECT id FROM asset WHERE ST_Intersects(geom, ST_MakeEnvelope($1, $2, $3, $4, 4490))";
/// What the index alone proposes, with boxes rounded to single precision.
const BOX_GIST: &str = "SELECT id FROM asset WHERE geom && ST_MakeEnvelope($1, $2, $3, $4, 4490)";
/// Exact count and the page behind `$5`, as the text of one GeoJSON document. Of five forms tried, by CPU time per query over
/// 5 000 hits: text put together with ids counted first (this one, 8.1 ms), with aggregates over joined rows (8.7),
/// `ST_AsGeoJSON(record)` (8.6), whole rows with `count(*) OVER ()` (9.7), `json_build_object` (11.0).
const PAGE: &str = include_str!("page.sql");

impl Peer {
    pub fn connect(socket: &str, user: &str, features: &[Feature]) -> Result<Self> {
        let mut client =
            Client::connect(&format!("host={socket} user={user} dbname=postgres"), NoTls).context("the private cluster does not answer")?;
        client.batch_execute("CREATE EXTENSION IF NOT EXISTS postgis; DROP TABLE IF EXISTS asset")?;
        let version: String =
            client.query_one("SELECT split_part(version(), ' (', 1) || ', PostGIS ' || postgis_lib_version()", &[])?.get(0);
        client.batch_execute(
            "CREATE TABLE asset (id integer PRIMARY KEY, code text NOT NULL, material text, diameter_mm integer, built_year integer,
             cover_m double precision, geom geometry(GeometryZ, 4490) NOT NULL)",
        )?;
        let copy = timed(|| copy_in(&mut client, features))?;
        let index = timed(|| Ok(client.batch_execute("CREATE INDEX asset_geom ON asset USING gist (geom)")?))?;
        // Rows are numbered along the Hilbert curve: by number they lie as near in the file as they can.
        let cluster = timed(|| Ok(client.batch_execute("CLUSTER asset USING asset_pkey")?))?;
        let analyze = timed(|| Ok(client.batch_execute("VACUUM (ANALYZE, FREEZE) asset")?))?;
        let sizes = client.query_one("SELECT pg_table_size('asset'), pg_relation_size('asset_geom')", &[])?;
        let build = Build { copy, index, cluster, analyze, table_bytes: sizes.get(0), index_bytes: sizes.get(1) };
        // The lines alone, numbered anew: what the collection of lines holds on our side.
        client.batch_execute(
            "DROP TABLE IF EXISTS asset_line;
             CREATE TABLE asset_line AS SELECT row_number() OVER (ORDER BY id)::integer AS id, code, material, diameter_mm, built_year, cover_m, geom
                FROM asset WHERE ST_GeometryType(geom) = 'ST_LineString' ORDER BY id;
             ALTER TABLE asset_line ADD PRIMARY KEY (id);
             CREATE INDEX asset_line_geom ON asset_line USING gist (geom)",
        )?;
        client.batch_execute("VACUUM (ANALYZE, FREEZE) asset_line")?;
        let (box_ids, box_gist, page) = (client.prepare(BOX_IDS)?, client.prepare(BOX_GIST)?, client.prepare(PAGE)?);
        let line_page = client.prepare(&lines_only(PAGE))?;
        Ok(Self { client, box_ids, box_gist, page, line_page, version, build })
    }

    pub fn box_ids(&mut self, bounds: &Bounds) -> Result<Vec<u32>> {
        let statement = self.box_ids.clone();
        self.ids(&statement, bounds)
    }

    pub fn box_gist(&mut self, bounds: &Bounds) -> Result<Vec<u32>> {
        let statement = self.box_gist.clone();
        self.ids(&statement, bounds)
    }

    fn ids(&mut self, statement: &Statement, bounds: &Bounds) -> Result<Vec<u32>> {
        let rows = self.client.query(statement, &[&bounds.west, &bounds.south, &bounds.east, &bounds.north])?;
        Ok(rows.iter().map(|row| row.get::<_, i32>(0) as u32).collect())
    }

    /// The first page's bytes.
    pub fn page(&mut self, bounds: &Bounds, limit: usize) -> Result<String> {
        let statement = self.page.clone();
        self.document(&statement, bounds, limit)
    }

    /// The same of the lines alone.
    pub fn line_page(&mut self, bounds: &Bounds, limit: usize) -> Result<String> {
        let statement = self.line_page.clone();
        self.document(&statement, bounds, limit)
    }

    fn document(&mut self, statement: &Statement, bounds: &Bounds, limit: usize) -> Result<String> {
        let Bounds { west, south, east, north } = bounds;
        Ok(self.client.query_one(statement, &[west, south, east, north, &0i32, &(limit as i64)])?.get(0))
    }
}

fn lines_only(sql: &str) -> String {
    sql.replace("FROM asset ", "FROM asset_line ")
        .replace("asset.*", "asset_line.*")
        .replace("JOIN asset ", "JOIN asset_line ")
        .replace("\"asset.'", "\"asset_line.'")
}

fn copy_in(client: &mut Client, features: &[Feature]) -> Result<()> {
    let mut writer = client.copy_in("COPY asset (id, code, material, diameter_mm, built_year, cover_m, geom) FROM STDIN")?;
    let mut line = Vec::new();
    for feature in features {
        line.clear();
        write!(line, "{}", feature.id.fid)?;
        for value in &feature.attributes {
            match value {
                Value::Null => write!(line, "\t\\N")?,
                Value::Bool(b) => write!(line, "\t{b}")?,
                Value::Int(n) => write!(line, "\t{n}")?,
                Value::Real(x) => write!(line, "\t{x}")?,
                Value::Text(text) => write!(line, "\t{text}")?,
            }
        }
        line.push(b'\t');
        write_ewkb(&mut line, feature)?;
        line.push(b'\n');
        writer.write_all(&line)?;
    }
    writer.finish()?;
    Ok(())
}

/// Our WKB with PostGIS's flags for Z and for the reference system, in hexadecimal.
fn write_ewkb(line: &mut Vec<u8>, feature: &Feature) -> Result<()> {
    let mut iso = Vec::new();
    wkb::write(feature.geometry.as_ref().context("every row has a geometry")?, &mut iso);
    let code = u32::from_le_bytes(iso[1..5].try_into()?) - 1000;
    let head = [&[1], &(code | 0xa000_0000).to_le_bytes()[..], &4490u32.to_le_bytes()[..]].concat();
    for byte in head.iter().chain(&iso[5..]) {
        write!(line, "{byte:02X}")?;
    }
    Ok(())
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

/// The public id as both sides write it.
pub fn public_id(fid: u32) -> String {
    format!("{CLASS_ID}.{fid}")
}
