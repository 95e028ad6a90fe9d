//! A first load takes shortcuts where a table was empty. Nobody may see a difference, and another's writing ends them.

use super::loading::{codes, info, record};
use super::*;
use crate::{Counts, Refusal, indexing};
use rusqlite::Connection;

fn one<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str) -> T {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What is behind a row is noted in runs; each feature must have its own.
#[test]
fn every_row_has_its_revision_whatever_the_runs() {
    let (dir, store) = new_city();
    let mut load = store.begin_load(info("hydrants")).unwrap();
    for record in codes(1037) {
        load.add(record).unwrap();
        if load.counts().added % 300 == 0 {
            load.land().unwrap();
        }
    }
    let summary = load.finish().unwrap();
    assert_eq!(summary.counts, Counts { added: 1037, ..Counts::default() });
    let conn = look(&dir);
    let noted = "SELECT count(*) FROM hydrant t JOIN ct_class c ON c.tbl='hydrant' JOIN ct_row r ON r.class=c.no AND r.fid=t.fid
        WHERE r.said IS NOT NULL AND r.rev>0";
    assert_eq!(one::<i64>(&conn, noted), 1037);
    assert_eq!(one::<i64>(&conn, "SELECT count(DISTINCT said) FROM ct_row"), 1037);
}

/// A code that comes twice is found out in the same link, in the next, and a thousand records later.
#[test]
fn a_key_that_comes_twice_is_refused_wherever_the_first_is() {
    let (_dir, store) = new_city();
    let mut load = store.begin_load(info("hydrants")).unwrap();
    let mut records = codes(1200);
    records.insert(3, record(5001, HYDRANT, "H-2".into(), 1));
    records.insert(700, record(5002, HYDRANT, "H-2".into(), 1));
    records.push(record(5003, HYDRANT, "H-2".into(), 1));
    records.push(record(5004, HYDRANT, "H-1200".into(), 1));
    for record in records {
        load.add(record).unwrap();
    }
    land_all(&mut load);
    let twice: Vec<u64> = load.take_refused().iter().filter(|r| matches!(r.refusal, Refusal::KeyTwice { .. })).map(|r| r.number).collect();
    assert_eq!(twice, [5001, 5002, 5003, 5004]);
    assert_eq!(load.finish().unwrap().counts, Counts { added: 1200, refused: 4, ..Counts::default() });
}

/// Another program writes a row of the same data set between two links: the record that comes later means that row.
#[test]
fn what_another_program_adds_meanwhile_is_found() {
    let (dir, store) = new_city();
    let mut load = store.begin_load(info("hydrants")).unwrap();
    let mut records = codes(1500).into_iter();
    records.by_ref().take(1200).for_each(|record| load.add(record).unwrap());
    land_all(&mut load);
    let conn = look(&dir);
    let made = "INSERT INTO hydrant(geom, code, source) SELECT geom, 'H-1300', source FROM hydrant WHERE code='H-1'";
    assert_eq!(conn.execute(made, []).unwrap(), 1);
    records.for_each(|record| load.add(record).unwrap());
    let summary = load.finish().unwrap();
    assert_eq!(summary.counts, Counts { added: 1499, changed: 1, ..Counts::default() });
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM hydrant WHERE code='H-1300'"), 1);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM rtree_hydrant_geom"), 1500);
    assert_eq!(indexing::trouble(&look(&dir), "hydrant").unwrap(), None);
}

/// Another program moves, deletes and adds rows after the last link: the index knows.
#[test]
fn what_another_program_changes_before_the_packing_is_in_the_index() {
    let (dir, store) = new_city();
    let mut load = store.begin_load(info("hydrants")).unwrap();
    codes(1500).into_iter().for_each(|record| load.add(record).unwrap());
    land_all(&mut load);
    let conn = look(&dir);
    conn.execute_batch(
        "UPDATE hydrant SET geom=(SELECT geom FROM hydrant WHERE code='H-1') WHERE code='H-900';
         DELETE FROM hydrant WHERE code='H-901';
         INSERT INTO hydrant(geom, code) SELECT geom, 'other' FROM hydrant WHERE code='H-7';",
    )
    .unwrap();
    load.finish().unwrap();
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM rtree_hydrant_geom"), 1500);
    assert_eq!(indexing::trouble(&look(&dir), "hydrant").unwrap(), None);
}

/// Nobody has changed anything: the boxes are those that were kept while the rows went in, over several links.
#[test]
fn the_index_holds_every_row_of_every_link() {
    let (dir, store) = new_city();
    let mut load = store.begin_load(info("hydrants")).unwrap();
    for run in codes(3600).chunks(1200) {
        run.iter().for_each(|record| load.add(record.clone()).unwrap());
        while !load.is_landed() {
            load.land().unwrap();
        }
    }
    assert_eq!(store.unindexed().unwrap(), ["hydrant"]);
    load.finish().unwrap();
    let conn = look(&dir);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM rtree_hydrant_geom"), 3600);
    assert_eq!(indexing::trouble(&conn, "hydrant").unwrap(), None);
}

/// Another program puts a trigger of its own on the table, or another table in its place: the shortcuts are over.
#[test]
fn a_table_that_another_program_has_its_hands_in_is_fresh_no_more() {
    let (dir, store) = new_city();
    let mut load = store.begin_load(info("hydrants")).unwrap();
    let mut records = codes(4000).into_iter();
    let mut go_on = |load: &mut crate::Load, n: usize| {
        records.by_ref().take(n).for_each(|record| load.add(record).unwrap());
        while !load.is_landed() {
            load.land().unwrap();
        }
    };
    go_on(&mut load, 1500);
    let conn = look(&dir);
    conn.execute_batch(
        "CREATE TRIGGER theirs AFTER INSERT ON hydrant WHEN NEW.code='H-2000' BEGIN DELETE FROM hydrant WHERE code='H-1999'; END",
    )
    .unwrap();
    go_on(&mut load, 2500);
    let summary = load.finish().unwrap();
    assert_eq!(summary.counts.added, 4000);
    let conn = look(&dir);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM hydrant"), 3999);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM rtree_hydrant_geom"), 3999);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM ct_row"), 3999);
    assert_eq!(indexing::trouble(&conn, "hydrant").unwrap(), None);
}

/// What has no code is known by its source's id, and an id that comes twice is none.
#[test]
fn ids_that_come_twice_in_a_fresh_table_are_two_features() {
    let (dir, store) = new_city();
    let with_id = |n: u64, id: u64| crate::Record { source_id: Some(id.to_string()), ..record(n, HYDRANT, Value::Null, n as i64) };
    let run = |twice: bool| {
        let mut load = store.begin_load(info("hydrants")).unwrap();
        (1..=1500).for_each(|n| load.add(with_id(n, n)).unwrap());
        if twice {
            load.add(with_id(2000, 7)).unwrap();
            load.add(with_id(2001, 1499)).unwrap();
        }
        load.finish().unwrap().counts
    };
    assert_eq!(run(true), Counts { added: 1502, ..Counts::default() });
    assert_eq!(run(true), Counts { unchanged: 1502, ..Counts::default() });
    let conn = look(&dir);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM ct_key"), 1502);
}

/// A collection gets a further column while a load into it goes on.
#[test]
fn a_collection_may_grow_within_a_load() {
    use crate::{CollectionSchema, Field, FieldType, Kind};
    let (dir, store) = new_city();
    let schema = |columns: &[&str]| CollectionSchema {
        label: "trees".into(),
        geometry: Kind::Point,
        attributes: columns.iter().map(|id| Field { id: (*id).into(), ty: FieldType::Text }).collect(),
    };
    let put = |load: &mut crate::Load, n: u64, columns: &[&str]| {
        let class = store.own_collection("trees", &schema(columns)).unwrap();
        let mut attributes = vec![Value::Null; class.attributes.len()];
        for (i, attribute) in class.attributes.iter().enumerate().filter(|(_, a)| columns.contains(&a.id.as_str())) {
            attributes[i] = format!("{} {n}", attribute.id).into();
        }
        let geometry = point(116.0, 30.0 + n as f64 * 1e-5);
        let record = crate::Record { number: n, class: class.no, geometry, attributes, other: None, source_id: Some(n.to_string()) };
        load.add_checked(n, store.checker().check(record, None).unwrap()).unwrap();
    };
    let mut load = store.begin_load(info("trees")).unwrap();
    put(&mut load, 1, &["kind"]);
    put(&mut load, 2, &["kind", "crown"]);
    assert_eq!(load.finish().unwrap().counts, Counts { added: 2, ..Counts::default() });
    let conn = look(&dir);
    assert_eq!(one::<String>(&conn, "SELECT group_concat(kind) FROM trees"), "kind 1,kind 2");
    assert_eq!(one::<String>(&conn, "SELECT crown FROM trees WHERE kind='kind 2'"), "crown 2");
    assert_eq!(one::<i64>(&conn, "SELECT count(DISTINCT source) FROM trees"), 1);
}
