//! A tile as a glTF binary: plain, uncompressed, readable by anyone.

use crate::glb::container;
use crate::glb::document::*;
use crate::glb::{DecodedTile, Joint, Mesh as TileMesh, TileFeature, Tube};
use citytwin_model::{City, ClassNo};
use serde_json::json;
use std::collections::BTreeMap;

const ARRAY: u32 = 34962;
const ELEMENTS: u32 = 34963;
/// Sides of a tube, and rings and sides of a ball: smooth enough at the screen sizes at which pipes are looked at.
const TUBE_SIDES: u16 = 12;
const BALL_SIDES: u16 = 12;
const BALL_RINGS: u16 = 6;

pub(crate) fn glb(tile: &DecodedTile, city: &dyn City) -> Vec<u8> {
    let mut file = File::default();
    let mut nodes = Vec::new();
    for mesh in &tile.meshes {
        let mesh = file.merged(mesh, tile.features.len());
        nodes.push(Node { mesh: Some(mesh), ..Node::default() });
    }
    for (class, tubes) in by_class(&tile.tubes, &tile.features, |tube| tube.feature) {
        nodes.push(file.tubes(class, &tubes, tile.features.len(), city));
    }
    for (class, joints) in by_class(&tile.joints, &tile.features, |joint| joint.feature) {
        nodes.push(file.joints(class, &joints, tile.features.len(), city));
    }
    file.property_table(&tile.features);
    file.close(tile.origin, nodes)
}

/// Tubes of one class share a material. Their order within the class stays.
fn by_class<T: Copy>(things: &[T], features: &[TileFeature], feature: impl Fn(&T) -> u16) -> BTreeMap<ClassNo, Vec<T>> {
    let mut classes: BTreeMap<ClassNo, Vec<T>> = BTreeMap::new();
    for thing in things {
        classes.entry(features[usize::from(feature(thing))].class).or_default().push(*thing);
    }
    classes
}

#[derive(Default)]
struct File {
    document: Document,
    binary: Vec<u8>,
    /// Accessors of the unit shapes, once made.
    shapes: BTreeMap<&'static str, (BTreeMap<String, usize>, usize)>,
}

impl File {
    fn merged(&mut self, mesh: &TileMesh, feature_count: usize) -> usize {
        let mut attributes = self.vertices(&mesh.positions, &mesh.normals);
        let has_features = mesh.features.iter().any(|feature| usize::from(*feature) < feature_count);
        if has_features {
            attributes.insert("_FEATURE_ID_0".into(), self.ids(&mesh.features, Some(ARRAY)));
        }
        let indices = self.indices(&mesh.indices, mesh.positions.len());
        let material = self.material(mesh.material.clone(), mesh.colour, mesh.two_sided);
        let extensions = has_features.then(|| PrimitiveExtensions { features: Some(feature_ids(feature_count)) });
        if has_features {
            self.uses(MESH_FEATURES);
        }
        self.mesh(None, Primitive { attributes, indices: Some(indices), material: Some(material), mode: TRIANGLES, extensions })
    }

    fn tubes(&mut self, class: ClassNo, tubes: &[Tube], feature_count: usize, city: &dyn City) -> Node {
        let tubes: Vec<Tube> = tubes.iter().copied().chain(corners(tubes)).collect();
        let starts: Vec<[f32; 3]> = tubes.iter().map(|tube| y_up(tube.start)).collect();
        let ways: Vec<[f64; 3]> = tubes.iter().map(|tube| way(y_up(tube.start), y_up(tube.end))).collect();
        let scales: Vec<[f32; 3]> = tubes.iter().zip(&ways).map(|(tube, way)| [tube.radius, length(*way) as f32, tube.radius]).collect();
        let turns: Vec<[f32; 4]> = ways.into_iter().map(turn_from_y).collect();
        let attributes = BTreeMap::from([
            ("ROTATION".into(), self.floats(&turns, None)),
            ("SCALE".into(), self.floats(&scales, None)),
            ("TRANSLATION".into(), self.bounded(&starts, None)),
            ("_FEATURE_ID_0".into(), self.ids(&tubes.iter().map(|tube| tube.feature).collect::<Vec<_>>(), None)),
        ]);
        self.instanced(UNIT_CYLINDER, unit_cylinder, class, attributes, feature_count, city)
    }

    fn joints(&mut self, class: ClassNo, joints: &[Joint], feature_count: usize, city: &dyn City) -> Node {
        let centres: Vec<[f32; 3]> = joints.iter().map(|joint| y_up(joint.centre)).collect();
        let scales: Vec<[f32; 3]> = joints.iter().map(|joint| [joint.radius; 3]).collect();
        let attributes = BTreeMap::from([
            ("SCALE".into(), self.floats(&scales, None)),
            ("TRANSLATION".into(), self.bounded(&centres, None)),
            ("_FEATURE_ID_0".into(), self.ids(&joints.iter().map(|joint| joint.feature).collect::<Vec<_>>(), None)),
        ]);
        self.instanced(UNIT_SPHERE, unit_sphere, class, attributes, feature_count, city)
    }

    fn instanced(
        &mut self,
        name: &'static str,
        shape: fn() -> (Vec<[f32; 3]>, Vec<[f32; 3]>, Vec<u32>),
        class: ClassNo,
        instances: BTreeMap<String, usize>,
        feature_count: usize,
        city: &dyn City,
    ) -> Node {
        self.uses(GPU_INSTANCING);
        self.uses(INSTANCE_FEATURES);
        if !self.shapes.contains_key(name) {
            let (positions, normals, indices) = shape();
            let made = (self.vertices(&positions, &normals), self.indices(&indices, positions.len()));
            self.shapes.insert(name, made);
        }
        let (attributes, indices) = self.shapes[name].clone();
        let (material, colour) = city.class(class).map_or_else(Default::default, |class| (class.id.clone(), class.symbol.colour));
        let material = self.material(material, colour.map(super::builder::linear), false);
        let primitive = Primitive { attributes, indices: Some(indices), material: Some(material), mode: TRIANGLES, extensions: None };
        Node {
            mesh: Some(self.mesh(Some(name.to_owned()), primitive)),
            extensions: Some(NodeExtensions {
                instancing: Some(Instancing { attributes: instances }),
                features: Some(feature_ids(feature_count)),
            }),
            ..Node::default()
        }
    }

    fn property_table(&mut self, features: &[TileFeature]) {
        if features.is_empty() {
            return;
        }
        self.uses(STRUCTURAL_METADATA);
        let classes = self.view(&bytes(features.iter().map(|feature| feature.class.0.to_le_bytes())), None, None);
        let fids = self.view(&bytes(features.iter().map(|feature| feature.fid.to_le_bytes())), None, None);
        let mut offsets = vec![0u32];
        let mut codes = Vec::new();
        for feature in features {
            codes.extend_from_slice(feature.code.as_bytes());
            offsets.push(codes.len() as u32);
        }
        if codes.is_empty() {
            codes.push(0); // a buffer view may not be empty
        }
        let codes = self.view(&codes, None, None);
        let offsets = self.view(&bytes(offsets.iter().map(|offset| offset.to_le_bytes())), None, None);
        let plain = |values| Property { values, string_offsets: None, string_offset_type: None };
        let properties = BTreeMap::from([
            ("class".into(), plain(classes)),
            ("fid".into(), plain(fids)),
            ("code".into(), Property { values: codes, string_offsets: Some(offsets), string_offset_type: Some("UINT32".into()) }),
        ]);
        let scalar = |component: &str| json!({ "type": "SCALAR", "componentType": component, "required": true });
        let schema = json!({
            "id": "citytwin",
            "classes": { "feature": { "properties": {
                "class": scalar("UINT16"),
                "fid": scalar("UINT32"),
                "code": { "type": "STRING", "noData": "" },
            } } },
        });
        let table = PropertyTable { class: "feature".into(), count: features.len() as u32, properties };
        self.document.extensions = Some(DocumentExtensions { metadata: Some(Metadata { schema, property_tables: vec![table] }) });
    }

    /// Everything hangs under one node that carries the tile's place: whole metres, so that it is exact.
    fn close(mut self, [east, north, up]: [f64; 3], mut nodes: Vec<Node>) -> Vec<u8> {
        let children = (1..=nodes.len()).collect();
        nodes.insert(0, Node { translation: Some([east, up, 0.0 - north]), children, ..Node::default() });
        let document = &mut self.document;
        document.asset = Asset { version: "2.0".into(), generator: Some("CityTwin".into()) };
        document.nodes = nodes;
        document.scenes = vec![Scene { nodes: vec![0] }];
        document.buffers = vec![Buffer { byte_length: self.binary.len(), uri: None }];
        // Without instancing a reader would draw one pipe at the wrong size; without the ids it only loses picking.
        document.extensions_required = document.extensions_used.iter().filter(|name| *name == GPU_INSTANCING).cloned().collect();
        let json = serde_json::to_vec(document).expect("numbers and texts only");
        container::close(&json, &self.binary)
    }

    fn uses(&mut self, extension: &str) {
        let used = &mut self.document.extensions_used;
        if let Err(at) = used.binary_search_by(|name| name.as_str().cmp(extension)) {
            used.insert(at, extension.to_owned());
        }
    }

    fn mesh(&mut self, name: Option<String>, primitive: Primitive) -> usize {
        self.document.meshes.push(Mesh { name, primitives: vec![primitive] });
        self.document.meshes.len() - 1
    }

    fn material(&mut self, name: String, [r, g, b]: [f32; 3], double_sided: bool) -> usize {
        if let Some(at) = self.document.materials.iter().position(|material| material.name == name) {
            return at;
        }
        let pbr_metallic_roughness = Pbr { base_color_factor: [r, g, b, 1.0], metallic_factor: 0.0, roughness_factor: 0.9 };
        self.document.materials.push(Material { name, pbr_metallic_roughness, double_sided });
        self.document.materials.len() - 1
    }

    fn vertices(&mut self, positions: &[[f32; 3]], normals: &[[f32; 3]]) -> BTreeMap<String, usize> {
        let turned = |values: &[[f32; 3]]| values.iter().map(|v| y_up(*v)).collect::<Vec<_>>();
        let position = self.bounded(&turned(positions), Some(ARRAY));
        let normal = self.floats(&turned(normals), Some(ARRAY));
        BTreeMap::from([("NORMAL".into(), normal), ("POSITION".into(), position)])
    }

    fn indices(&mut self, indices: &[u32], vertices: usize) -> usize {
        // 65 535 itself would restart the strip.
        let (bytes, component_type) = if vertices <= usize::from(u16::MAX) {
            (bytes(indices.iter().map(|i| (*i as u16).to_le_bytes())), UNSIGNED_SHORT)
        } else {
            (bytes(indices.iter().map(|i| i.to_le_bytes())), UNSIGNED_INT)
        };
        let view = self.view(&bytes, None, Some(ELEMENTS));
        self.accessor(view, component_type, indices.len(), "SCALAR", None)
    }

    /// 16 bits each, four bytes apart: vertex attributes stand at multiples of four.
    fn ids(&mut self, ids: &[u16], target: Option<u32>) -> usize {
        let view = match target {
            Some(_) => self.view(&bytes(ids.iter().map(|id| u32::from(*id).to_le_bytes())), Some(4), target),
            None => self.view(&bytes(ids.iter().map(|id| id.to_le_bytes())), None, None),
        };
        self.accessor(view, UNSIGNED_SHORT, ids.len(), "SCALAR", None)
    }

    fn floats<const N: usize>(&mut self, values: &[[f32; N]], target: Option<u32>) -> usize {
        self.vectors(values, target, None)
    }

    /// With the least and the greatest of each axis, as positions must have.
    fn bounded(&mut self, values: &[[f32; 3]], target: Option<u32>) -> usize {
        let fold = |start: f32, pick: fn(f32, f32) -> f32| (0..3).map(|axis| values.iter().map(|v| v[axis]).fold(start, pick)).collect();
        self.vectors(values, target, Some((fold(f32::INFINITY, f32::min), fold(f32::NEG_INFINITY, f32::max))))
    }

    fn vectors<const N: usize>(&mut self, values: &[[f32; N]], target: Option<u32>, range: Option<(Vec<f32>, Vec<f32>)>) -> usize {
        let view = self.view(&bytes(values.iter().flatten().map(|x| x.to_le_bytes())), None, target);
        self.accessor(view, FLOAT, values.len(), if N == 3 { "VEC3" } else { "VEC4" }, range)
    }

    fn accessor(&mut self, view: usize, component_type: u32, count: usize, shape: &str, range: Option<(Vec<f32>, Vec<f32>)>) -> usize {
        let (min, max) = range.unzip();
        let shape = shape.to_owned();
        self.document.accessors.push(Accessor {
            buffer_view: Some(view),
            byte_offset: 0,
            component_type,
            count,
            shape,
            min,
            max,
            sparse: None,
        });
        self.document.accessors.len() - 1
    }

    /// Each begins at a multiple of eight, as property tables want.
    fn view(&mut self, bytes: &[u8], byte_stride: Option<usize>, target: Option<u32>) -> usize {
        self.binary.resize(self.binary.len().next_multiple_of(8), 0);
        let view = BufferView { buffer: 0, byte_offset: self.binary.len(), byte_length: bytes.len(), byte_stride, target };
        self.binary.extend_from_slice(bytes);
        self.document.buffer_views.push(view);
        self.document.buffer_views.len() - 1
    }
}

/// Two tubes of no size at the ends of the box about all others. CesiumJS culls instances by where they begin and not by
/// how far they are stretched: without these, long pipes vanish when only their far end is in view.
fn corners(tubes: &[Tube]) -> [Tube; 2] {
    let ends = || tubes.iter().flat_map(|tube| [(tube.start, tube.radius), (tube.end, tube.radius)]);
    let corner = |pick: fn(f32, f32) -> f32, sign: f32| {
        let at = std::array::from_fn(|axis| ends().map(|(end, radius)| end[axis] + sign * radius).reduce(pick).unwrap_or_default());
        Tube { start: at, end: at, radius: 0.0, feature: tubes.first().map_or(0, |tube| tube.feature) }
    };
    [corner(f32::min, -1.0), corner(f32::max, 1.0)]
}

fn feature_ids(feature_count: usize) -> FeatureIds {
    FeatureIds { feature_ids: vec![FeatureIdSet { feature_count: feature_count as u32, attribute: Some(0), property_table: Some(0) }] }
}

fn bytes<const N: usize>(values: impl Iterator<Item = [u8; N]>) -> Vec<u8> {
    values.flatten().collect()
}

/// The city frame has z up; glTF has y up.
fn y_up([east, north, up]: [f32; 3]) -> [f32; 3] {
    [east, up, 0.0 - north]
}

fn way(from: [f32; 3], to: [f32; 3]) -> [f64; 3] {
    std::array::from_fn(|i| f64::from(to[i]) - f64::from(from[i]))
}

fn length(v: [f64; 3]) -> f64 {
    (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt()
}

/// The shortest turn of the y axis into a direction, as a unit quaternion.
fn turn_from_y(direction: [f64; 3]) -> [f32; 4] {
    let n = length(direction);
    if n == 0.0 {
        return [0.0, 0.0, 0.0, 1.0];
    }
    let [x, y, z] = direction.map(|v| v / n);
    if y < -0.999_999_999 {
        return [1.0, 0.0, 0.0, 0.0]; // straight down: half a turn about x
    }
    let w = ((1.0 + y) / 2.0).sqrt();
    [(z / (2.0 * w)) as f32, 0.0, (-x / (2.0 * w)) as f32, w as f32]
}

/// Radius 1, from 0 to 1 along what becomes y. Open: balls close the ends. In the city's axes, as `vertices` wants.
fn unit_cylinder() -> (Vec<[f32; 3]>, Vec<[f32; 3]>, Vec<u32>) {
    let (mut positions, mut normals, mut indices) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..TUBE_SIDES {
        let angle = std::f64::consts::TAU * f64::from(i) / f64::from(TUBE_SIDES);
        let (east, north) = (angle.cos() as f32, angle.sin() as f32);
        for up in [0.0, 1.0] {
            positions.push([east, north, up]);
            normals.push([east, north, 0.0]);
        }
        let (a, b) = (u32::from(i) * 2, u32::from((i + 1) % TUBE_SIDES) * 2);
        indices.extend([a, b, b + 1, a, b + 1, a + 1]);
    }
    (positions, normals, indices)
}

fn unit_sphere() -> (Vec<[f32; 3]>, Vec<[f32; 3]>, Vec<u32>) {
    let (mut positions, mut indices) = (vec![[0.0, 0.0, -1.0]], Vec::new());
    for ring in 1..BALL_RINGS {
        let latitude = std::f64::consts::PI * (f64::from(ring) / f64::from(BALL_RINGS) - 0.5);
        for side in 0..BALL_SIDES {
            let angle = std::f64::consts::TAU * f64::from(side) / f64::from(BALL_SIDES);
            positions.push([(latitude.cos() * angle.cos()) as f32, (latitude.cos() * angle.sin()) as f32, latitude.sin() as f32]);
        }
    }
    positions.push([0.0, 0.0, 1.0]);
    let top = positions.len() as u32 - 1;
    let at = |ring: u16, side: u16| 1 + u32::from(ring) * u32::from(BALL_SIDES) + u32::from(side % BALL_SIDES);
    for side in 0..BALL_SIDES {
        indices.extend([0, at(0, side + 1), at(0, side)]);
        for ring in 0..BALL_RINGS - 2 {
            let (a, b, c, d) = (at(ring, side), at(ring, side + 1), at(ring + 1, side + 1), at(ring + 1, side));
            indices.extend([a, b, c, a, c, d]);
        }
        indices.extend([at(BALL_RINGS - 2, side), at(BALL_RINGS - 2, side + 1), top]);
    }
    let normals = positions.clone();
    (positions, normals, indices)
}
