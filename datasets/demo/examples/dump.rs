use citytwin_demo::*;
use citytwin_model::*;
use std::sync::Arc;
struct S;
impl Sink for S {
    fn add(&mut self, class: &Arc<citytwin_model::class::Class>, g: Option<Geometry>, a: Vec<Value>) -> Result<(), SinkError> {
        let pos = |p: &Position| format!("[{:.9},{:.9},{:.3}]", p.lon, p.lat, p.z);
        let line = |l: &Vec<Position>| format!("[{}]", l.iter().map(pos).collect::<Vec<_>>().join(","));
        let geom = match g {
            None => "null".into(),
            Some(g) => match &g.shape {
                Shape::Point(p) => format!("{{\"type\":\"Point\",\"coordinates\":{}}}", pos(p)),
                Shape::Line(l) => format!("{{\"type\":\"LineString\",\"coordinates\":{}}}", line(l)),
                Shape::Polygon(r) => {
                    format!("{{\"type\":\"Polygon\",\"coordinates\":[{}]}}", r.iter().map(line).collect::<Vec<_>>().join(","))
                }
                _ => panic!(),
            },
        };
        let props: Vec<String> = class
            .attributes
            .iter()
            .zip(&a)
            .map(|(at, v)| {
                format!(
                    "{:?}:{}",
                    at.id,
                    match v {
                        Value::Null => "null".into(),
                        Value::Bool(b) => b.to_string(),
                        Value::Int(i) => i.to_string(),
                        Value::Real(x) => format!("{x}"),
                        Value::Text(t) => format!("{t:?}"),
                    }
                )
            })
            .collect();
        println!("{{\"class\":{:?},\"geometry\":{},\"properties\":{{{}}}}}", class.id, geom, props.join(","));
        Ok(())
    }
}
fn main() {
    let seed: u64 = std::env::args().nth(1).map_or(1, |s| s.parse().unwrap());
    let s = generate(Size::Village, seed, &mut S).unwrap();
    eprintln!("{:#?} total {}", s.counts, s.total());
    if let Some(dir) = std::env::args().nth(2) {
        let mut f = std::io::BufWriter::new(std::fs::File::create(format!("{dir}/v.dem.tif")).unwrap());
        s.write_dem(&mut f).unwrap();
        std::fs::write(format!("{dir}/v.script.json"), s.script.to_json()).unwrap();
        std::fs::write(format!("{dir}/v.truth.json"), s.truth.to_json()).unwrap();
        std::fs::write(format!("{dir}/v.city.toml"), s.city_toml()).unwrap();
    }
}
