//! The JSON of our glb files: the part of glTF 2.0 and its extensions that we write and read.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const GPU_INSTANCING: &str = "EXT_mesh_gpu_instancing";
pub const INSTANCE_FEATURES: &str = "EXT_instance_features";
pub const MESH_FEATURES: &str = "EXT_mesh_features";
pub const STRUCTURAL_METADATA: &str = "EXT_structural_metadata";

/// What a decoder must understand to draw one of our tiles right; anything else required is refused.
pub const KNOWN: [&str; 4] = [GPU_INSTANCING, INSTANCE_FEATURES, MESH_FEATURES, STRUCTURAL_METADATA];

pub const UNSIGNED_SHORT: u32 = 5123;
pub const UNSIGNED_INT: u32 = 5125;
pub const FLOAT: u32 = 5126;
pub const TRIANGLES: u32 = 4;

/// Names of the two instanced shapes: a cylinder of radius 1 from 0 to 1 along y, and a sphere of radius 1.
pub const UNIT_CYLINDER: &str = "unit_cylinder";
pub const UNIT_SPHERE: &str = "unit_sphere";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub asset: Asset,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions_used: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions_required: Vec<String>,
    #[serde(default)]
    pub scene: usize,
    #[serde(default)]
    pub scenes: Vec<Scene>,
    #[serde(default)]
    pub nodes: Vec<Node>,
    #[serde(default)]
    pub meshes: Vec<Mesh>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub materials: Vec<Material>,
    #[serde(default)]
    pub accessors: Vec<Accessor>,
    #[serde(default)]
    pub buffer_views: Vec<BufferView>,
    #[serde(default)]
    pub buffers: Vec<Buffer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<DocumentExtensions>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Asset {
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Scene {
    #[serde(default)]
    pub nodes: Vec<usize>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Node {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh: Option<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translation: Option<[f64; 3]>,
    /// Read only to refuse what we never write.
    #[serde(default, skip_serializing)]
    pub rotation: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing)]
    pub scale: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing)]
    pub matrix: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<NodeExtensions>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NodeExtensions {
    #[serde(rename = "EXT_mesh_gpu_instancing", default, skip_serializing_if = "Option::is_none")]
    pub instancing: Option<Instancing>,
    #[serde(rename = "EXT_instance_features", default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureIds>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Instancing {
    pub attributes: BTreeMap<String, usize>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureIds {
    pub feature_ids: Vec<FeatureIdSet>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureIdSet {
    pub feature_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property_table: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Mesh {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub primitives: Vec<Primitive>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Primitive {
    pub attributes: BTreeMap<String, usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indices: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub material: Option<usize>,
    #[serde(default = "triangles")]
    pub mode: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<PrimitiveExtensions>,
}

fn triangles() -> u32 {
    TRIANGLES
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PrimitiveExtensions {
    #[serde(rename = "EXT_mesh_features", default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureIds>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Material {
    /// The class's id, or `terrain`.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub pbr_metallic_roughness: Pbr,
    #[serde(default)]
    pub double_sided: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pbr {
    #[serde(default = "white")]
    pub base_color_factor: [f32; 4],
    #[serde(default = "one")]
    pub metallic_factor: f32,
    #[serde(default = "one")]
    pub roughness_factor: f32,
}

fn white() -> [f32; 4] {
    [1.0; 4]
}

fn one() -> f32 {
    1.0
}

impl Default for Pbr {
    fn default() -> Self {
        Self { base_color_factor: white(), metallic_factor: 1.0, roughness_factor: 1.0 }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accessor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_view: Option<usize>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub byte_offset: usize,
    pub component_type: u32,
    pub count: usize,
    #[serde(rename = "type")]
    pub shape: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Vec<f32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Vec<f32>>,
    #[serde(default, skip_serializing)]
    pub sparse: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BufferView {
    pub buffer: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub byte_offset: usize,
    pub byte_length: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_stride: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<u32>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Buffer {
    pub byte_length: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct DocumentExtensions {
    #[serde(rename = "EXT_structural_metadata", default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Constant; written, never read.
    #[serde(default, skip_deserializing, skip_serializing_if = "serde_json::Value::is_null")]
    pub schema: serde_json::Value,
    #[serde(default)]
    pub property_tables: Vec<PropertyTable>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PropertyTable {
    pub class: String,
    pub count: u32,
    pub properties: BTreeMap<String, Property>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    pub values: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_offsets: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_offset_type: Option<String>,
}
