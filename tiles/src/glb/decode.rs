//! From the glb's JSON and bytes to a [`DecodedTile`].

use super::document::{
    Accessor, Document, FLOAT, FeatureIds, KNOWN, Node, Primitive, TRIANGLES, UNIT_CYLINDER, UNIT_SPHERE, UNSIGNED_INT, UNSIGNED_SHORT,
};
use super::{DecodeError, DecodedTile, Joint, MAX_BYTES, Mesh, NO_FEATURE, TileFeature, Tube, container};
use citytwin_model::ClassNo;

/// Memory that a tile may ask for: this many bytes for each of its own, and a little for the smallest.
const GROWTH: usize = 12;
const ALLOWANCE: usize = 64 << 10;
/// Our JSON is a few kilobytes; each of its words costs tens of bytes when parsed.
const MAX_JSON_BYTES: usize = 256 << 10;
/// How far a tile's content may lie from the city's origin. Ours end at 46 km.
const FARTHEST_M: f64 = 1e6;

/// Reads one tile as this crate writes them.
pub fn decode(bytes: &[u8]) -> Result<DecodedTile, DecodeError> {
    if bytes.len() > MAX_BYTES {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    let (json, binary) = container::open(bytes)?;
    if json.len() > MAX_JSON_BYTES {
        return Err(DecodeError::TooLong(json.len()));
    }
    let document: Document = serde_json::from_slice(json).map_err(|error| DecodeError::Json(error.to_string()))?;
    if let Some(unknown) = document.extensions_required.iter().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(DecodeError::Extension(unknown.clone()));
    }
    if document.buffers.len() > 1 || document.buffers.iter().any(|buffer| buffer.uri.is_some()) {
        return Err(DecodeError::Form("the buffer"));
    }
    let mut reader = Reader { document: &document, binary, left: bytes.len() * GROWTH + ALLOWANCE, size: bytes.len() };
    reader.tile()
}

struct Reader<'a> {
    document: &'a Document,
    binary: &'a [u8],
    /// Bytes that may still be allocated.
    left: usize,
    size: usize,
}

impl<'a> Reader<'a> {
    fn tile(&mut self) -> Result<DecodedTile, DecodeError> {
        let document = self.document;
        let features = self.features()?;
        let mut tile = DecodedTile { features, ..DecodedTile::default() };
        let Some(scene) = document.scenes.get(document.scene) else { return Ok(tile) };
        let [root] = scene.nodes[..] else { return Err(DecodeError::Form("the scene")) };
        let root = document.nodes.get(root).ok_or(DecodeError::Missing("the scene"))?;
        check_placement(root)?;
        if root.mesh.is_some() {
            return Err(DecodeError::Form("the root node"));
        }
        let [x, y, z] = root.translation.unwrap_or_default();
        if [x, y, z].iter().any(|v| !v.is_finite() || v.abs() > FARTHEST_M) {
            return Err(DecodeError::Number("the root node"));
        }
        tile.origin = [x, 0.0 - z, y];
        for child in &root.children {
            let node = document.nodes.get(*child).ok_or(DecodeError::Missing("the root node"))?;
            self.node(node, &mut tile)?;
        }
        Ok(tile)
    }

    fn node(&mut self, node: &Node, tile: &mut DecodedTile) -> Result<(), DecodeError> {
        check_placement(node)?;
        if node.translation.is_some() || !node.children.is_empty() {
            return Err(DecodeError::Form("a node"));
        }
        let mesh = node.mesh.ok_or(DecodeError::Form("a node"))?;
        let mesh = self.document.meshes.get(mesh).ok_or(DecodeError::Missing("a node"))?;
        if node.extensions.as_ref().is_some_and(|extensions| extensions.instancing.is_some()) {
            return match mesh.name.as_deref() {
                Some(UNIT_CYLINDER) => self.tubes(node, tile),
                Some(UNIT_SPHERE) => self.joints(node, tile),
                _ => Err(DecodeError::Form("an instanced mesh")),
            };
        }
        for primitive in &mesh.primitives {
            let mesh = self.mesh(primitive, tile.features.len())?;
            self.spend(size_of::<Mesh>())?;
            tile.meshes.push(mesh);
        }
        Ok(())
    }

    fn mesh(&mut self, primitive: &Primitive, features: usize) -> Result<Mesh, DecodeError> {
        if primitive.mode != TRIANGLES {
            return Err(DecodeError::Form("a primitive"));
        }
        let attribute = |name: &str| primitive.attributes.get(name).copied();
        let positions = self.vec3s(attribute("POSITION").ok_or(DecodeError::Missing("a primitive"))?)?;
        let normals = self.vec3s(attribute("NORMAL").ok_or(DecodeError::Missing("a primitive"))?)?;
        let ids = primitive.extensions.as_ref().and_then(|extensions| extensions.features.as_ref());
        let ids = match ids {
            Some(ids) => {
                check_feature_ids(ids)?;
                let ids = self.shorts(attribute("_FEATURE_ID_0").ok_or(DecodeError::Missing("a primitive"))?)?;
                check_range(&ids, features)?;
                ids
            }
            None => {
                self.spend(2 * positions.len())?;
                vec![NO_FEATURE; positions.len()]
            }
        };
        if normals.len() != positions.len() || ids.len() != positions.len() {
            return Err(DecodeError::Form("a primitive"));
        }
        let indices = self.indices(primitive.indices.ok_or(DecodeError::Form("a primitive"))?)?;
        if indices.len() % 3 != 0 || indices.iter().any(|i| *i as usize >= positions.len()) {
            return Err(DecodeError::Number("a primitive's indices"));
        }
        let material = match primitive.material {
            Some(material) => Some(self.document.materials.get(material).ok_or(DecodeError::Missing("a primitive"))?),
            None => None,
        };
        let name = material.map(|material| material.name.clone()).unwrap_or_default();
        self.spend(name.len())?;
        Ok(Mesh {
            material: name,
            two_sided: material.is_some_and(|material| material.double_sided),
            colour: material.map_or([1.0; 3], |material| {
                let [r, g, b, _] = material.pbr_metallic_roughness.base_color_factor;
                [r, g, b]
            }),
            positions,
            normals,
            features: ids,
            indices,
        })
    }

    fn tubes(&mut self, node: &Node, tile: &mut DecodedTile) -> Result<(), DecodeError> {
        let (starts, ids) = self.instances(node, tile.features.len())?;
        let scales = self.scales(node)?;
        let turns = self.floats::<4>(self.instance_attribute(node, "ROTATION")?)?;
        if scales.len() != starts.len() || turns.len() != starts.len() {
            return Err(DecodeError::Form("instances"));
        }
        self.spend(size_of::<Tube>() * starts.len())?;
        tile.tubes.reserve_exact(starts.len());
        for (((start, scale), turn), feature) in starts.into_iter().zip(scales).zip(turns).zip(ids) {
            if scale == [0.0; 3] {
                continue; // of no size: there for other readers, who look at where instances are
            }
            let along = up_turned_by(turn).map(|axis| axis * scale[1]);
            let end = [start[0] + along[0], start[1] + along[1], start[2] + along[2]];
            if end.iter().any(|v| !v.is_finite()) {
                return Err(DecodeError::Number("instances"));
            }
            tile.tubes.push(Tube { start: z_up(start), end: z_up(end), radius: scale[0], feature });
        }
        Ok(())
    }

    fn joints(&mut self, node: &Node, tile: &mut DecodedTile) -> Result<(), DecodeError> {
        let (centres, ids) = self.instances(node, tile.features.len())?;
        let scales = self.scales(node)?;
        if scales.len() != centres.len() {
            return Err(DecodeError::Form("instances"));
        }
        self.spend(size_of::<Joint>() * centres.len())?;
        tile.joints.reserve_exact(centres.len());
        let joints = centres.into_iter().zip(scales).zip(ids);
        tile.joints.extend(joints.map(|((centre, scale), feature)| Joint { centre: z_up(centre), radius: scale[0], feature }));
        Ok(())
    }

    /// Translations and feature indices of a node's instances, in the file's axes.
    fn instances(&mut self, node: &Node, features: usize) -> Result<(Vec<[f32; 3]>, Vec<u16>), DecodeError> {
        let ids = node.extensions.as_ref().and_then(|extensions| extensions.features.as_ref());
        check_feature_ids(ids.ok_or(DecodeError::Missing("instances"))?)?;
        let places = self.floats::<3>(self.instance_attribute(node, "TRANSLATION")?)?;
        let ids = self.shorts(self.instance_attribute(node, "_FEATURE_ID_0")?)?;
        check_range(&ids, features)?;
        if ids.len() != places.len() {
            return Err(DecodeError::Form("instances"));
        }
        Ok((places, ids))
    }

    fn scales(&mut self, node: &Node) -> Result<Vec<[f32; 3]>, DecodeError> {
        let scales = self.floats::<3>(self.instance_attribute(node, "SCALE")?)?;
        if scales.iter().flatten().any(|s| *s < 0.0) { Err(DecodeError::Number("instances")) } else { Ok(scales) }
    }

    fn instance_attribute(&self, node: &Node, name: &str) -> Result<usize, DecodeError> {
        let instancing = node.extensions.as_ref().and_then(|extensions| extensions.instancing.as_ref());
        instancing.and_then(|instancing| instancing.attributes.get(name)).copied().ok_or(DecodeError::Missing("instances"))
    }

    fn features(&mut self) -> Result<Vec<TileFeature>, DecodeError> {
        let metadata = self.document.extensions.as_ref().and_then(|extensions| extensions.metadata.as_ref());
        let Some(table) = metadata.and_then(|metadata| metadata.property_tables.first()) else { return Ok(Vec::new()) };
        let count = table.count as usize;
        if count >= usize::from(NO_FEATURE) {
            return Err(DecodeError::Number("the property table"));
        }
        let property = |name: &str| table.properties.get(name).ok_or(DecodeError::Missing("the property table"));
        let classes = self.view(property("class")?.values, count * 2)?;
        let fids = self.view(property("fid")?.values, count * 4)?;
        let code = property("code")?;
        if !matches!(code.string_offset_type.as_deref(), None | Some("UINT32")) {
            return Err(DecodeError::Form("the property table"));
        }
        let offsets = self.view(code.string_offsets.ok_or(DecodeError::Missing("the property table"))?, (count + 1) * 4)?;
        let texts = self.view(code.values, 0)?;
        let u32_at = |bytes: &[u8], i: usize| u32::from_le_bytes(bytes[i * 4..i * 4 + 4].try_into().expect("length checked"));
        let mut budget = self.left;
        let mut features = Vec::with_capacity(count);
        for i in 0..count {
            let (from, to) = (u32_at(offsets, i) as usize, u32_at(offsets, i + 1) as usize);
            let text = texts.get(from..to).ok_or(DecodeError::Number("the property table"))?;
            budget = budget.checked_sub(size_of::<TileFeature>() + text.len()).ok_or(DecodeError::TooMuch(self.size))?;
            features.push(TileFeature {
                class: ClassNo(u16::from_le_bytes(classes[i * 2..i * 2 + 2].try_into().expect("length checked"))),
                fid: u32_at(fids, i),
                code: std::str::from_utf8(text).map_err(|_| DecodeError::Form("a code"))?.to_owned(),
            });
        }
        self.left = budget;
        Ok(features)
    }

    /// Vertex positions or normals, turned from the file's axes (y up) to ours (z up).
    fn vec3s(&mut self, accessor: usize) -> Result<Vec<[f32; 3]>, DecodeError> {
        let mut values = self.floats::<3>(accessor)?;
        values.iter_mut().for_each(|v| *v = z_up(*v));
        Ok(values)
    }

    fn floats<const N: usize>(&mut self, accessor: usize) -> Result<Vec<[f32; N]>, DecodeError> {
        let shape = if N == 3 { "VEC3" } else { "VEC4" };
        let (accessor, bytes, stride) = self.elements(accessor, shape, &[FLOAT], N * 4)?;
        let count = accessor.count;
        self.spend(count * N * 4)?;
        let mut values = Vec::with_capacity(count);
        for i in 0..count {
            let at = i * stride;
            let value: [f32; N] =
                std::array::from_fn(|k| f32::from_le_bytes(bytes[at + k * 4..at + k * 4 + 4].try_into().expect("length checked")));
            if value.iter().any(|v| !v.is_finite()) {
                return Err(DecodeError::Number("an accessor"));
            }
            values.push(value);
        }
        Ok(values)
    }

    fn shorts(&mut self, accessor: usize) -> Result<Vec<u16>, DecodeError> {
        let (accessor, bytes, stride) = self.elements(accessor, "SCALAR", &[UNSIGNED_SHORT], 2)?;
        let count = accessor.count;
        self.spend(count * 2)?;
        Ok((0..count).map(|i| u16::from_le_bytes([bytes[i * stride], bytes[i * stride + 1]])).collect())
    }

    fn indices(&mut self, accessor: usize) -> Result<Vec<u32>, DecodeError> {
        let component = self.document.accessors.get(accessor).map(|accessor| accessor.component_type);
        let size = if component == Some(UNSIGNED_SHORT) { 2 } else { 4 };
        let (accessor, bytes, stride) = self.elements(accessor, "SCALAR", &[UNSIGNED_SHORT, UNSIGNED_INT], size)?;
        let count = accessor.count;
        self.spend(count * 4)?;
        let read = |i: usize| match size {
            2 => u32::from(u16::from_le_bytes([bytes[i * stride], bytes[i * stride + 1]])),
            _ => u32::from_le_bytes(bytes[i * stride..i * stride + 4].try_into().expect("length checked")),
        };
        Ok((0..count).map(read).collect())
    }

    /// An accessor's bytes and the step between its elements; all `count` elements lie inside.
    fn elements(
        &self,
        accessor: usize,
        shape: &str,
        components: &[u32],
        size: usize,
    ) -> Result<(&'a Accessor, &'a [u8], usize), DecodeError> {
        let accessor = self.document.accessors.get(accessor).ok_or(DecodeError::Missing("an attribute"))?;
        if accessor.shape != shape || !components.contains(&accessor.component_type) || accessor.sparse.is_some() {
            return Err(DecodeError::Form("an accessor"));
        }
        let view = accessor.buffer_view.ok_or(DecodeError::Form("an accessor"))?;
        let stride = self.document.buffer_views.get(view).and_then(|view| view.byte_stride).unwrap_or(size);
        if stride < size || stride > 252 {
            return Err(DecodeError::Number("a buffer view"));
        }
        let needed = match accessor.count.checked_sub(1) {
            Some(last) => last.checked_mul(stride).and_then(|n| n.checked_add(size)).ok_or(DecodeError::Truncated)?,
            None => 0,
        };
        let bytes = self.view(view, 0)?;
        let bytes = bytes.get(accessor.byte_offset..).and_then(|bytes| bytes.get(..needed)).ok_or(DecodeError::Truncated)?;
        Ok((accessor, bytes, stride))
    }

    fn view(&self, view: usize, at_least: usize) -> Result<&'a [u8], DecodeError> {
        let view = self.document.buffer_views.get(view).ok_or(DecodeError::Missing("a buffer view"))?;
        if view.buffer != 0 {
            return Err(DecodeError::Missing("a buffer view"));
        }
        let end = view.byte_offset.checked_add(view.byte_length).ok_or(DecodeError::Truncated)?;
        let bytes = self.binary.get(view.byte_offset..end).ok_or(DecodeError::Truncated)?;
        if bytes.len() < at_least { Err(DecodeError::Truncated) } else { Ok(bytes) }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.left = self.left.checked_sub(bytes).ok_or(DecodeError::TooMuch(self.size))?;
        Ok(())
    }
}

/// Only translations are used: what turns or stretches a whole tile is not ours.
fn check_placement(node: &Node) -> Result<(), DecodeError> {
    let plain = node.rotation.is_none() && node.scale.is_none() && node.matrix.is_none();
    if plain { Ok(()) } else { Err(DecodeError::Form("a node")) }
}

fn check_feature_ids(ids: &FeatureIds) -> Result<(), DecodeError> {
    let [set] = &ids.feature_ids[..] else { return Err(DecodeError::Form("feature ids")) };
    if set.attribute == Some(0) && set.property_table == Some(0) { Ok(()) } else { Err(DecodeError::Form("feature ids")) }
}

fn check_range(ids: &[u16], features: usize) -> Result<(), DecodeError> {
    let inside = ids.iter().all(|id| usize::from(*id) < features);
    if inside { Ok(()) } else { Err(DecodeError::Number("feature ids")) }
}

/// glTF has y up and looks along z; the city frame has z up and looks north along y.
fn z_up([x, y, z]: [f32; 3]) -> [f32; 3] {
    [x, 0.0 - z, y]
}

/// Where the y axis points after a turn given as a unit quaternion (x, y, z, w).
fn up_turned_by([x, y, z, w]: [f32; 4]) -> [f32; 3] {
    [2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)]
}
