// Terrain, buildings, roads, furniture: the merged mesh of a tile.

@group(0) @binding(2) var shadow_map: texture_depth_2d;
@group(0) @binding(3) var shadow_sampler: sampler_comparison;

struct Corner {
    @location(0) position: vec3<f32>,
    @location(1) normal: vec4<f32>,
    @location(2) row_height: u32,
}

struct Varying {
    @builtin(position) clip: vec4<f32>,
    @location(0) world: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) colour: vec4<f32>,
    @location(3) foot: f32,                              // metres above the feature's lowest point
    @location(4) @interpolate(flat) flags: u32,
    @location(5) @interpolate(flat) row: u32,
    @location(6) haze: f32,
}

@vertex
fn vertex(corner: Corner) -> Varying {
    let row = corner.row_height & 0xFFFFu;
    let style = style_of(row);
    var out: Varying;
    out.world = corner.position + tile.offset.xyz + vec3<f32>(0.0, 0.0, style.lift);
    out.clip = frame.clip_from_world * vec4<f32>(out.world, 1.0);
    if (style.flags & HIDDEN) != 0u {
        out.clip = vec4<f32>(2.0, 2.0, 2.0, 1.0);       // outside the picture, all three corners alike
    }
    // What lies on the terrain is drawn a hair nearer, the more the flatter it is seen: no flicker far away.
    if tile.kind == KIND_GROUND && row != tile.rows {
        let d = distance(out.world, frame.eye.xyz);
        out.clip.z *= 1.0 + clamp(d * 2.0e-6, 0.0, 2.0e-3);
    }
    out.normal = corner.normal.xyz;
    out.colour = style.colour;
    out.haze = haze_share(out.world);
    if tile.kind == KIND_GROUND && row == tile.rows {
        // Bare land: a little uneven, so that a large field is not a flat colour; steep slopes are darker. Per corner:
        // the terrain's own grid is fine enough, and pixels are dear.
        let place = out.world.xy + frame.origin.xy;
        let grain = noise(place * 0.013) * 0.6 + noise(place * 0.11) * 0.4;
        out.colour = vec4<f32>(style.colour.rgb * mix(0.93, 1.05, grain) * mix(0.86, 1.0, smoothstep(0.80, 1.0, corner.normal.z)), style.colour.a);
    }
    out.foot = f32(corner.row_height >> 16u) * 0.1;
    out.flags = style.flags;
    out.row = row;
    return out;
}

fn sunlight(world: vec3<f32>, normal: vec3<f32>) -> f32 {
    // What faces away from the sun is dark without asking the map.
    if frame.shadow.x < 0.5 || dot(normal, frame.sun.xyz) <= 0.0 {
        return 1.0;
    }
    let offset = world + normal * frame.shadow.z;
    let p = frame.shadow_from_world * vec4<f32>(offset, 1.0);
    let uv = p.xy * vec2<f32>(0.5, -0.5) + 0.5;
    var light = 0.0;
    if frame.modes.z == 0u {
        light = textureSampleCompareLevel(shadow_map, shadow_sampler, uv, p.z);
    } else {
        for (var i = 0; i < 4; i++) {
            let corner = vec2<f32>(f32(i & 1), f32(i >> 1u)) - 0.5;
            light += 0.25 * textureSampleCompareLevel(shadow_map, shadow_sampler, uv + corner * frame.shadow.y, p.z);
        }
    }
    // Beyond the map everything is lit; the border fades.
    return mix(light, 1.0, smoothstep(0.9, 1.0, max(abs(p.x), abs(p.y))));
}

// Storeys and windows, as a hint: gone where they would be finer than the pixels.
fn facade(colour: vec3<f32>, cell: vec2<f32>, width: vec2<f32>, foot: f32) -> vec3<f32> {
    let near = clamp(1.25 - 2.5 * max(width.x, width.y), 0.0, 1.0);
    if near <= 0.0 {
        return colour;
    }
    let p = fract(cell);
    let soft = clamp(width, vec2<f32>(0.001), vec2<f32>(0.5));
    let inside = smoothstep(vec2<f32>(0.22) - soft, vec2<f32>(0.22) + soft, p) * (1.0 - smoothstep(vec2<f32>(0.78) - soft, vec2<f32>(0.78) + soft, p));
    let glass = inside.x * inside.y * step(0.6, foot);
    return mix(colour, colour * vec3<f32>(0.66, 0.72, 0.79), glass * near * 0.75);
}

fn noise(p: vec2<f32>) -> f32 {
    let i = floor(p);
    let f = fract(p);
    let u = f * f * (3.0 - 2.0 * f);
    let h = vec4<f32>(hash(i), hash(i + vec2<f32>(1.0, 0.0)), hash(i + vec2<f32>(0.0, 1.0)), hash(i + vec2<f32>(1.0, 1.0)));
    return mix(mix(h.x, h.y, u.x), mix(h.z, h.w, u.x), u.y);
}

fn hash(p: vec2<f32>) -> f32 {
    let q = fract(p * vec2<f32>(0.1031, 0.1137));
    let s = q + dot(q, q.yx + 33.33);
    return fract((s.x + s.y) * s.x);
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    if frame.modes.y == 1u {
        return exact_bytes(tile.base + in.row + 1u);
    }
    let normal = in.normal;
    let place = in.world.xy + frame.origin.xy;
    let cell = vec2<f32>(dot(place, vec2<f32>(-normal.y, normal.x)) / 3.6, in.foot / 3.1);
    let width = fwidth(cell);
    if (in.flags & GHOST) != 0u && fract(dot(floor(in.clip.xy), vec2<f32>(0.5, 0.25)) + 0.1) > 0.3 {
        discard;
    }
    var colour = in.colour.rgb;
    let plain = (in.flags & DATA) != 0u;
    var occlusion = 1.0;
    if tile.kind == KIND_SOLID && (in.flags & PAVED) == 0u {
        // Streets are darker between houses: walls lose sky towards their foot.
        occlusion = mix(0.70, 1.0, smoothstep(0.0, 9.0, in.foot));
        if abs(normal.z) < 0.3 {
            if !plain && frame.modes.x == 0u {
                colour = facade(colour, cell, width, in.foot);
            }
        } else {
            colour *= 0.97;
        }
    }
    if tile.kind == KIND_GROUND && in.row == tile.rows && frame.modes.z != 0u {
        // Close by, soil is not paint.
        let far = distance(in.world, frame.eye.xyz) / 120.0;
        if far < 1.0 {
            let fine = noise(place * 1.7) * 0.5 + noise(place * 6.3) * 0.5;
            colour *= mix(mix(0.93, 1.05, fine), 1.0, far);
        }
    }
    colour = emphasised(colour, in.flags);
    let sun = sunlight(in.world, normal);
    var light = lit(colour, normal, sun, occlusion);
    if (in.flags & WATER) != 0u && !plain {
        let view = normalize(in.world - frame.eye.xyz);
        let mirrored = reflect(view, vec3<f32>(0.0, 0.0, 1.0));
        let fresnel = 0.04 + 0.96 * pow(1.0 - max(-view.z, 0.0), 5.0);
        light = mix(light, sky(mirrored), clamp(fresnel * 0.75, 0.0, 0.75));
    }
    if (in.flags & (FLASH | SELECTED)) != 0u {
        // Seen in the shade, too.
        light = mix(light, colour, 0.45);
    }
    var opacity = in.colour.a * tile.offset.w;
    if frame.modes.x == 1u {
        let speaks = (in.flags & (DATA | SELECTED | FLASH)) != 0u;
        let brightness = dot(light, vec3<f32>(0.3, 0.5, 0.2));
        if tile.kind == KIND_GROUND && !speaks {
            // A dark map of itself, with a trace of its colours.
            light = mix(light * 0.30, frame.ground_tint.rgb * (0.35 + brightness * 0.9), frame.ground_tint.w);
        } else if tile.kind == KIND_SOLID && tile.offset.w < 1.0 && !speaks {
            light = mix(light, frame.tint.rgb * (0.35 + 0.65 * brightness), frame.tint.w);
        } else if speaks {
            opacity = max(opacity, 0.72);
        }
    }
    return vec4<f32>(shown(mix(light, frame.haze.rgb, in.haze)), opacity);
}
