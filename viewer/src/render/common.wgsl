// What all shaders share: the frame, the tile, the style texture, light and haze.
// The world is metres east, north and up of the render origin; it moves in steps, so that f32 stays exact.

struct Frame {
    clip_from_world: mat4x4<f32>,
    shadow_from_world: mat4x4<f32>,
    eye: vec4<f32>,             // w: seconds
    right: vec4<f32>,           // scaled to the picture's edge; w: metres of height of the country beyond
    up: vec4<f32>,
    forward: vec4<f32>,
    sun: vec4<f32>,             // towards it; w: strength
    sun_colour: vec4<f32>,      // w: share of light without sun
    sky_light: vec4<f32>,
    ground_light: vec4<f32>,
    zenith: vec4<f32>,
    horizon: vec4<f32>,
    haze: vec4<f32>,            // w: per metre
    land: vec4<f32>,            // w: share of the flash, 0 to 1
    selection: vec4<f32>,
    tint: vec4<f32>,            // underground: houses; w: how much of it
    ground_tint: vec4<f32>,     // underground: terrain and what lies on it
    shadow: vec4<f32>,          // x: 1 with shadows, y: one texel, z: bias in metres, w: smallest radius of a tube at one metre
    origin: vec4<f32>,          // the render origin in the city, wrapped: patterns on the ground stay where they are
    modes: vec4<u32>,           // x: 1 underground, y: 1 ids instead of colours, z: 0 where pixels are dear
}

struct Tile {
    offset: vec4<f32>,          // w: opacity
    base: u32,
    rows: u32,                  // texel behind the last feature
    kind: u32,
    unused: u32,
}

const KIND_GROUND: u32 = 0u;
const KIND_SOLID: u32 = 1u;
const KIND_FURNITURE: u32 = 2u;

const HIDDEN: u32 = 1u;
const GHOST: u32 = 2u;
const FLASH: u32 = 4u;
const SELECTED: u32 = 8u;
const DATA: u32 = 16u;
const WATER: u32 = 32u;
const PAVED: u32 = 64u;

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var styles: texture_2d<u32>;
@group(1) @binding(0) var<uniform> tile: Tile;

struct Style {
    colour: vec4<f32>,
    flags: u32,
    lift: f32,
}

fn linear_from_srgb(c: vec3<f32>) -> vec3<f32> {
    return select(pow((c + 0.055) / 1.055, vec3<f32>(2.4)), c / 12.92, c <= vec3<f32>(0.04045));
}

// A colour whose bytes come out of an sRGB target as they are.
fn exact_bytes(n: u32) -> vec4<f32> {
    let bytes = vec3<f32>(f32(n & 255u), f32((n >> 8u) & 255u), f32((n >> 16u) & 255u)) / 255.0;
    return vec4<f32>(linear_from_srgb(bytes), 1.0);
}

fn style_of(row: u32) -> Style {
    let at = tile.base + row;
    let texel = textureLoad(styles, vec2<i32>(i32(at % 2048u), i32(at / 2048u)), 0);
    var style: Style;
    let bytes = vec4<f32>(f32(texel.x & 255u), f32((texel.x >> 8u) & 255u), f32((texel.x >> 16u) & 255u), f32(texel.x >> 24u)) / 255.0;
    style.colour = vec4<f32>(linear_from_srgb(bytes.rgb), bytes.a);
    style.flags = texel.y & 0xFFFFu;
    // Sixteen bits with a sign, in centimetres.
    style.lift = f32(i32(texel.y) >> 16u) * 0.01;
    return style;
}

// Alarms pulse between their colour and a brighter one; the selection glows.
fn emphasised(colour: vec3<f32>, flags: u32) -> vec3<f32> {
    var c = colour;
    if (flags & FLASH) != 0u {
        c = mix(c, vec3<f32>(1.0, 0.86, 0.80), 0.65 * frame.land.w);
    }
    if (flags & SELECTED) != 0u {
        c = mix(c, frame.selection.rgb, 0.6);
    }
    return c;
}

fn lit(colour: vec3<f32>, normal: vec3<f32>, sunlight: f32, occlusion: f32) -> vec3<f32> {
    let up = normal.z * 0.5 + 0.5;
    let ambient = mix(frame.ground_light.rgb, frame.sky_light.rgb, up) * frame.sun_colour.w * occlusion;
    let direct = frame.sun_colour.rgb * max(dot(normal, frame.sun.xyz), 0.0) * frame.sun.w * sunlight;
    return colour * (ambient + direct);
}

fn sky(ray: vec3<f32>) -> vec3<f32> {
    let low = 1.0 - max(ray.z, 0.0);
    var c = mix(frame.horizon.rgb, frame.zenith.rgb, 1.0 - low * low * low);
    let toward = dot(ray, frame.sun.xyz);
    if frame.modes.x == 0u && toward > 0.7 {
        let glow = pow(toward, 24.0);
        c += frame.sun_colour.rgb * (glow * 0.10 + pow(toward, 900.0) * 1.2);
    }
    return c;
}

// Things near the eye stay clear; from there on the air thickens evenly.
fn haze_share(world: vec3<f32>) -> f32 {
    return 1.0 - exp(-max(distance(world, frame.eye.xyz) - 150.0, 0.0) * frame.haze.w);
}

fn hazed(colour: vec3<f32>, world: vec3<f32>) -> vec3<f32> {
    return mix(colour, frame.haze.rgb, haze_share(world));
}

// Bright parts are compressed instead of cut, so that lit roofs keep their colour.
fn shown(c: vec3<f32>) -> vec3<f32> {
    let knee = max(c - 0.75, vec3<f32>(0.0));
    return min(c, vec3<f32>(0.75)) + knee / (1.0 + knee * 2.2);
}
