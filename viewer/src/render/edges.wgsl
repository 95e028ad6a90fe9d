// Outlines of solids, from the same corners as their faces.

struct Corner {
    @location(0) position: vec3<f32>,
    @location(1) normal: vec4<f32>,
    @location(2) row_height: u32,
}

struct Varying {
    @builtin(position) clip: vec4<f32>,
    @location(0) world: vec3<f32>,
    @location(1) @interpolate(flat) flags: u32,
}

@vertex
fn vertex(corner: Corner) -> Varying {
    let style = style_of(corner.row_height & 0xFFFFu);
    var out: Varying;
    out.world = corner.position + tile.offset.xyz + vec3<f32>(0.0, 0.0, style.lift);
    // A little towards the eye, so that a line is not half buried in its own faces.
    let nearer = mix(out.world, frame.eye.xyz, 0.0012);
    out.clip = frame.clip_from_world * vec4<f32>(nearer, 1.0);
    if (style.flags & HIDDEN) != 0u {
        out.clip = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    }
    out.flags = style.flags;
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    let d = distance(in.world, frame.eye.xyz);
    let underground = frame.modes.x == 1u;
    var ink = select(vec3<f32>(0.10, 0.12, 0.15), vec3<f32>(0.62, 0.74, 0.86), underground);
    var strength = select(0.42, 0.34, underground) * (1.0 - smoothstep(350.0, 1600.0, d));
    if tile.kind == KIND_GROUND {
        strength *= 0.55 * (1.0 - smoothstep(150.0, 650.0, d));
    }
    if (in.flags & SELECTED) != 0u {
        ink = frame.selection.rgb;
        strength = 0.95;
    }
    return vec4<f32>(hazed(ink, in.world), strength);
}
