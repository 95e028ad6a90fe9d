//! What keeps a city safe, by the real program: undo of a load, revert, backup beside a running server, restore, verify,
//! doctor.

mod support;

use citytwin_catalogue::Catalogue;
use citytwin_model::{Geometry, Position, Shape, Value};
use citytwin_store::{LoadInfo, Record, Store};
use std::path::Path;
use std::process::Command;
use support::{Server, make_city};

/// Runs a command and demands an exit code; what was said.
fn run(code: i32, args: &[&str]) -> String {
    run_in("en_US.UTF-8", code, args)
}

fn run_in(lang: &str, code: i32, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    command.args(args).env("LANG", lang).env("USER", "gis").env_remove("LC_ALL").env_remove("LC_MESSAGES");
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn open(city: &Path) -> Store {
    Store::open(city, &Catalogue::builtin().classes).unwrap()
}

/// A load of hydrants of our own, on top of the city's.
fn load(city: &Path, count: u64, diameter: i64) {
    let store = open(city);
    let class = Catalogue::builtin().class("hydrant").unwrap();
    let mut load = store.begin_load(LoadInfo { source: "survey".into(), file: "survey.gpkg".into(), ..LoadInfo::default() }).unwrap();
    for number in 0..count {
        let mut attributes = vec![Value::Null; class.attributes.len()];
        attributes[class.attribute_index("code").unwrap()] = format!("S-{number}").into();
        attributes[class.attribute_index("diameter_mm").unwrap()] = diameter.into();
        let place = Position::new(116.0 + number as f64 * 1e-4, 30.01, 1.0);
        let geometry = Some(Geometry::with_z(Shape::Point(place)));
        load.add(Record { number, class: class.no, geometry, attributes, other: None, source_id: None }).unwrap();
    }
    load.finish().unwrap();
}

fn hydrants(city: &Path) -> usize {
    let mut count = 0;
    open(city).read_class(Catalogue::builtin().class("hydrant").unwrap().no, &mut |_| count += 1).unwrap();
    count
}

#[test]
fn a_load_is_taken_back_by_its_number_unless_somebody_came_later() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path();
    make_city(city, 5, 0);
    load(city, 30, 100);
    let said = run(2, &["load", "--undo", "7", "--city", text(city)]);
    assert!(said.contains("there is no load 7"), "{said}");
    // Somebody puts one right, which came with the load.
    load(city, 1, 150);
    let said = run(2, &["load", "--undo", "1", "--city", text(city)]);
    assert!(said.contains("1 of its features") && said.contains("hydrant.6") && said.contains("survey"), "{said}");
    assert_eq!(hydrants(city), 35);
    let said = run(0, &["load", "--undo", "1", "--keep-later", "--city", text(city)]);
    assert!(said.contains("29 removed") && said.contains("hydrant.6"), "{said}");
    assert_eq!(hydrants(city), 6);
    let said = run_in("zh_CN.UTF-8", 0, &["load", "--list", "--city", text(city)]);
    assert!(said.contains("已撤销"), "{said}");
    let said = run_in("zh_CN.UTF-8", 2, &["load", "--undo", "1", "--city", text(city)]);
    assert!(said.contains("已经撤销"), "{said}");
}

#[test]
fn one_feature_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path();
    make_city(city, 2, 0);
    load(city, 1, 100);
    load(city, 1, 150);
    let versions = run(0, &["revert", "hydrant.3", "--city", text(city)]);
    assert_eq!(versions.lines().count(), 2, "{versions}");
    let first: &str = versions.split([' ', ':']).nth(1).unwrap();
    let said = run(0, &["revert", "hydrant.3", "--to", first, "--city", text(city)]);
    assert!(said.contains("is again what it was"), "{said}");
    let class = Catalogue::builtin().class("hydrant").unwrap();
    let now = open(city).feature(citytwin_model::FeatureId::new(class.no, 3)).unwrap().unwrap();
    assert_eq!(now.get(class, "diameter_mm").as_number(), Some(100.0));
    // Once more, it is that already: no revision that says nothing.
    let said = run(0, &["revert", "hydrant.3", "--to", first, "--city", text(city)]);
    assert!(said.contains("nothing was changed"), "{said}");
    let versions = run(0, &["revert", "hydrant.3", "--city", text(city)]);
    assert_eq!(versions.lines().count(), 3, "{versions}");
    // Times are the city's, and are taken as they are shown.
    assert!(versions.lines().all(|line| line.contains("+08:00")), "{versions}");
    let at = versions.lines().nth(1).and_then(|line| line.split([' ', ',']).find(|word| word.contains("+08:00"))).unwrap();
    let said = run(0, &["revert", "hydrant.3", "--to", at, "--city", text(city)]);
    assert!(said.contains("is again what it was"), "{said}");
    for when in ["2100-01-01T00:00:00Z", "2100-01-01T00:00", "2100-01-01"] {
        assert!(run(0, &["revert", "hydrant.3", "--to", when, "--city", text(city)]).contains("nothing was changed"), "{when}");
    }
    let said = run(2, &["revert", "hydrant.3", "--to", "0", "--city", text(city)]);
    assert!(said.contains("hydrant.3 was not there at revision 0"), "{said}");
    let said = run(2, &["revert", "hydrant.99", "--to", "1", "--city", text(city)]);
    assert!(said.contains("never had") && !said.contains("class.number"), "{said}");
    assert!(run(0, &["load", "--list", "--city", text(city)]).lines().all(|line| line.contains("+08:00")));
    for (feature, to) in [("hydrant.99", "1"), ("hydrants.3", "1"), ("hydrant.3", "yesterday"), ("hydrant.3", "999")] {
        run(2, &["revert", feature, "--to", to, "--city", text(city)]);
    }
}

#[test]
fn a_city_is_backed_up_while_it_is_served_and_restored_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (city, backup, restored) = (folder.path().join("city"), folder.path().join("backup"), folder.path().join("restored"));
    make_city(&city, 20, 3);
    let server = Server::start(&city, &[]);
    let readings = r#"[{"datastream":"H-0.pressure","time":"2026-11-21T00:00:00Z","value":301.5}]"#;
    assert_eq!(server.client().send("POST", "/readings", &[], readings).unwrap().status, 200);
    let said = run(0, &["backup", "--city", text(&city), "--to", text(&backup)]);
    assert!(said.contains("测试市") && said.contains("revision 2"), "{said}");
    assert!(run(0, &["verify", "--city", text(&city)]).contains("is sound"), "a city in use");
    server.assert_clean_log();
    server.end();
    assert!(run(0, &["verify", "--city", text(&backup)]).contains("is sound"));
    assert!(!backup.join("admin.key").exists());
    run(2, &["backup", "--city", text(&city), "--to", text(&backup)]);
    run(2, &["restore", text(&backup), "--city", text(&city)]);
    let said = run(0, &["restore", text(&backup), "--city", text(&restored)]);
    assert!(said.contains("+08:00"), "{said}");
    assert!(run(0, &["verify", "--city", text(&restored)]).contains("is sound"));
    let again = Server::start(&restored, &[]);
    let client = again.client();
    assert_eq!(client.get("/collections/hydrant/items?limit=1").json()["numberMatched"], 20);
    let latest = client.get("/readings/latest").json();
    assert!(latest.to_string().contains("301.5"), "{latest}");
    again.end();
    // One byte of the backup turned.
    let path = backup.join("live.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x55;
    std::fs::write(&path, bytes).unwrap();
    assert!(run(2, &["verify", "--city", text(&backup)]).contains("live.db is not what the manifest says"));
    let said = run(2, &["restore", text(&backup), "--city", text(&folder.path().join("other"))]);
    assert!(said.contains("live.db"), "{said}");
    assert!(!folder.path().join("other").exists());
}

#[test]
fn the_doctor_names_what_is_wrong_and_adopts_a_replaced_table() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path();
    make_city(city, 4, 0);
    assert!(run(0, &["doctor", "--city", text(city)]).contains("all is well"));
    let gpkg = city.join("city.gpkg");
    let given = folder.path().join("inspected.geojson");
    std::fs::write(
        &given,
        r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"H-0","inspector":"王工"},"geometry":{"type":"Point","coordinates":[116.05,30.05]}}]}"#,
    )
    .unwrap();
    // What a user does who means well.
    let overwritten = Command::new("ogr2ogr")
        .args(["-update", "-overwrite", "-nln", "hydrant", "-a_srs", "EPSG:4490", text(&gpkg), text(&given)])
        .output();
    let Ok(overwritten) = overwritten else {
        assert!(std::env::var_os("CI").is_none(), "ogr2ogr is missing");
        return println!("skipped: ogr2ogr is not installed");
    };
    assert!(overwritten.status.success(), "{overwritten:?}");
    let said = run(2, &["doctor", "--city", text(city)]);
    assert!(said.contains("--adopt hydrant"), "{said}");
    run(2, &["doctor", "--adopt", "manhole", "--city", text(city)]);
    let said = run(0, &["doctor", "--adopt", "hydrant", "--city", text(city)]);
    assert!(said.contains("1 feature,") && said.contains("3 former ones lost") && said.contains("inspector"), "{said}");
    assert!(run(0, &["doctor", "--city", text(city)]).contains("all is well"));
    assert_eq!(hydrants(city), 1);
    let listing = Command::new("ogrinfo").args(["-q", text(&gpkg)]).output().unwrap();
    assert!(String::from_utf8_lossy(&listing.stdout).contains("hydrant (3D Point)"), "{listing:?}");
}

/// What has no meaning where it is said is refused, not passed over.
#[test]
fn an_option_that_would_do_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path();
    make_city(city, 2, 0);
    let file = folder.path().join("h.geojson");
    std::fs::write(&file, "{}").unwrap();
    for (args, wanted) in [
        (&["load", text(&file), "--keep-later"][..], "--keep-later"),
        (&["load", text(&file), "--to", "x.gpkg"], "--to"),
        (&["load", text(&file), "--overwrite"], "--overwrite"),
        (&["load", "--list", "--replace"], "--replace"),
        (&["load", "--undo", "1", "--replace"], "--replace"),
        (&["load", "--undo", "1", "--class", "hydrant"], "--class"),
        (&["load", "--changes", "1", "--to", "x.gpkg", "--source", "a"], "--source"),
        (&["load", text(&file), "--accept-shift", "nan"], "“nan” is no number of metres"),
        (&["load", text(&file), "--accept-shift=-1"], "--accept-shift"),
        (&["load", text(&file), "--source", " "], "at least one letter"),
        (&["load", text(&file), "--name", "elsewhere"], "--name"),
        (&["load", text(&file), "--division", "110000"], "city.toml"),
        (&["load", text(&file), "--origin", "1,2"], "city.toml"),
    ] {
        let mut all = args.to_vec();
        all.extend(["--city", text(city)]);
        let said = run(2, &all);
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
    // The command that made the city may be given again: then it is about the file.
    let said = run(2, &["load", text(&file), "--name", "测试市", "--origin", "116,30", "--city", text(city)]);
    assert!(!said.contains("city.toml"), "{said}");
    let said = run_in("zh_CN.UTF-8", 2, &["load", text(&file), "--accept-shift", "nan", "--city", text(city)]);
    assert!(said.contains("不是大于零的米数"), "{said}");
}

#[test]
fn what_keeps_a_city_from_being_opened_is_said_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path();
    make_city(city, 2, 0);
    let toml = std::fs::read(city.join("city.toml")).unwrap();
    std::fs::remove_file(city.join("city.toml")).unwrap();
    let said = run(2, &["doctor", "--city", text(city)]);
    assert!(said.contains("city.toml is missing; restore it") && !said.contains("os error"), "{said}");
    let said = run_in("zh_CN.UTF-8", 2, &["load", "--list", "--city", text(city)]);
    assert_eq!(said.matches("没有这个文件").count(), 1, "{said}");
    std::fs::write(city.join("city.toml"), toml).unwrap();
    // A store of a newer program.
    sqlite(city, "UPDATE ct_head SET format=99");
    for command in ["verify", "doctor"] {
        let said = run(2, &[command, "--city", text(city)]);
        assert!(said.contains("newer CityTwin") && !said.contains("damaged"), "{command}: {said}");
    }
}

/// By another program than ours.
fn sqlite(city: &Path, sql: &str) {
    // What the triggers of the spatial index ask for; nothing here changes a geometry.
    let script = "import sqlite3,sys\ndb=sqlite3.connect(sys.argv[1])
for name in ['ST_IsEmpty', 'ST_MinX', 'ST_MinY', 'ST_MaxX', 'ST_MaxY']: db.create_function(name, 1, lambda geom: None)
db.executescript(sys.argv[2]); db.commit()";
    let told = Command::new("python3").args(["-c", script]).arg(city.join("city.gpkg")).arg(sql).output().expect("python3 runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}

#[test]
fn a_table_that_another_program_has_added_is_named_and_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path();
    make_city(city, 2, 0);
    sqlite(
        city,
        "CREATE TABLE my_trees(fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, species TEXT);
         INSERT INTO gpkg_contents(table_name, data_type, identifier, srs_id) VALUES('my_trees', 'features', 'my_trees', 4490);
         INSERT INTO gpkg_geometry_columns VALUES('my_trees', 'geom', 'POINT', 4490, 0, 0);",
    );
    let said = run(2, &["doctor", "--city", text(city)]);
    let remedy = format!("citytwin doctor --adopt my_trees --city {}", text(city));
    assert!(said.contains(&remedy), "{said}");
    // Whoever serves the city hears it too, and goes on.
    let server = Server::start(city, &[]);
    assert_eq!(server.client().get("/collections/my_trees").status, 404);
    server.says(&remedy);
    server.end();
    let said = run(0, &["doctor", "--adopt", "my_trees", "--city", text(city)]);
    assert!(said.contains("took table my_trees in"), "{said}");
    assert!(run(0, &["doctor", "--city", text(city)]).contains("all is well"));
}

/// An edit session elsewhere is waited for, also by what only reads.
#[test]
fn a_lock_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path();
    make_city(city, 2, 0);
    load(city, 1, 100);
    for args in [&["load", "--list"][..], &["revert", "hydrant.1", "--to", "1"], &["doctor"]] {
        let script = "import sqlite3,sys,time\ndb=sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN IMMEDIATE')
print('held', flush=True); time.sleep(7); db.execute('ROLLBACK')";
        let mut other =
            Command::new("python3").args(["-c", script]).arg(city.join("city.gpkg")).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(other.stdout.take().unwrap()), &mut String::new()).unwrap();
        let mut all = args.to_vec();
        all.extend(["--city", text(city)]);
        let said = run(0, &all);
        assert!(said.contains("python3") && said.contains("waited"), "{args:?}: {said}");
        assert!(other.wait().unwrap().success());
    }
}

/// Every file of a folder with its SHA-256, by another program than ours.
fn sums(folder: &Path) -> String {
    let script = "find . -type f | sort | xargs -d '\\n' sha256sum; find . | sort; stat -c '%n %a' *";
    let told = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap()
}

#[test]
fn a_backup_is_read_where_it_lies_and_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    // A name that means something in the address of a file.
    let (city, backup) = (folder.path().join("city"), folder.path().join("backup 100%?#1"));
    make_city(&city, 5, 1);
    load(&city, 3, 100);
    run(0, &["backup", "--city", text(&city), "--to", text(&backup)]);
    let before = sums(&backup);
    let (out, changes) = (folder.path().join("out.geojson"), folder.path().join("changes.gpkg"));
    let reads: [(&[&str], &str); 6] = [
        (&["doctor"], "all is well"),
        (&["export", "--class", "hydrant", "--to", text(&out)], "8 features"),
        (&["load", "--list"], "survey.gpkg"),
        (&["load", "--changes", "1", "--to", text(&changes)], "added 3"),
        (&["revert", "hydrant.6"], "created"),
        (&["verify"], "is sound"),
    ];
    for (args, wanted) in reads {
        let mut all = args.to_vec();
        all.extend(["--city", text(&backup)]);
        let said = run(0, &all);
        assert!(said.contains(wanted), "{args:?}: {said}");
        assert_eq!(sums(&backup), before, "{args:?}");
    }
    let file = folder.path().join("h.geojson");
    std::fs::write(&file, r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"N"},"geometry":{"type":"Point","coordinates":[116,30]}}]}"#).unwrap();
    let inside = backup.join("report.gpkg");
    let writes: [&[&str]; 7] = [
        &["serve", "--listen", "127.0.0.1:0"],
        &["doctor", "--adopt", "hydrant"],
        &["load", text(&file), "--class", "hydrant"],
        &["load", text(&file), "--class", "hydrant", "--dry-run"],
        &["load", "--undo", "1"],
        &["revert", "hydrant.6", "--to", "1"],
        &["export", "--to", text(&inside)],
    ];
    for args in writes {
        let mut all = args.to_vec();
        all.extend(["--city", text(&backup)]);
        for (lang, wanted) in [("en_US.UTF-8", "is a backup"), ("zh_CN.UTF-8", "是一份备份")] {
            let said = run_in(lang, 2, &all);
            assert!(args[0] == "export" || said.contains(wanted) && said.contains("citytwin restore"), "{args:?}: {said}");
            assert_eq!(sums(&backup), before, "{args:?}");
        }
    }
    assert!(run(0, &["verify", "--city", text(&backup)]).contains("is sound"));
    run(0, &["restore", text(&backup), "--city", text(&folder.path().join("restored"))]);
    assert_eq!(hydrants(&folder.path().join("restored")), 8);
}

/// What a backup lacks to be read is made at its restoring, not in it.
#[test]
fn a_backup_that_has_to_be_brought_up_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (city, backup) = (folder.path().join("city"), folder.path().join("backup"));
    make_city(&city, 2, 0);
    // An edit made while no server ran has no revision yet.
    sqlite(&city, "UPDATE hydrant SET name='moved' WHERE fid=1");
    run(0, &["backup", "--city", text(&city), "--to", text(&backup)]);
    let before = sums(&backup);
    for (lang, wanted) in [("en_US.UTF-8", "cannot be read where it lies"), ("zh_CN.UTF-8", "不能直接读取")] {
        let said = run_in(lang, 2, &["load", "--list", "--city", text(&backup)]);
        assert!(said.contains(wanted) && said.contains("citytwin restore"), "{said}");
    }
    run(2, &["doctor", "--city", text(&backup)]);
    assert_eq!(sums(&backup), before);
    let restored = folder.path().join("restored");
    run(0, &["restore", text(&backup), "--city", text(&restored)]);
    assert!(run(0, &["doctor", "--city", text(&restored)]).contains("all is well"));
}
