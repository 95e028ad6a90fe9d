// Pipes: one capsule, drawn once per segment between its start and end. Round ends close the bends.

struct Corner {
    @location(0) ring: vec3<f32>,       // x, y: on the unit circle or towards the pole; z: along the axis, beyond an end by up to 1
    @location(1) far: f32,              // 0 at the start, 1 at the end
}

struct Segment {
    @location(2) start: vec3<f32>,
    @location(3) radius: f32,
    @location(4) end: vec3<f32>,
    @location(5) row: u32,
}

struct Varying {
    @builtin(position) clip: vec4<f32>,
    @location(0) world: vec3<f32>,
    @location(1) normal: vec3<f32>,
    @location(2) colour: vec3<f32>,
    @location(3) @interpolate(flat) flags: u32,
    @location(4) @interpolate(flat) row: u32,
}

@vertex
fn vertex(corner: Corner, segment: Segment) -> Varying {
    let style = style_of(segment.row);
    let axis = segment.end - segment.start;
    let along = axis / max(length(axis), 1.0e-4);
    let other = select(vec3<f32>(0.0, 0.0, 1.0), vec3<f32>(1.0, 0.0, 0.0), abs(along.z) > 0.9);
    let side = normalize(cross(other, along));
    let top = cross(along, side);
    let normal = side * corner.ring.x + top * corner.ring.y + along * corner.ring.z;
    let centre = mix(segment.start, segment.end, corner.far) + tile.offset.xyz + vec3<f32>(0.0, 0.0, style.lift);
    // Far pipes keep about a pixel and a half: a network must not break up into dots.
    let d = distance(centre, frame.eye.xyz);
    let radius = max(segment.radius, d * length(frame.up.xyz) * frame.shadow.w);
    var out: Varying;
    out.world = centre + normal * radius;
    out.normal = normal;
    out.clip = frame.clip_from_world * vec4<f32>(out.world, 1.0);
    if (style.flags & HIDDEN) != 0u {
        out.clip = vec4<f32>(2.0, 2.0, 2.0, 1.0);
    }
    out.colour = style.colour.rgb;
    out.flags = style.flags;
    out.row = segment.row;
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    if frame.modes.y == 1u {
        return exact_bytes(tile.base + in.row + 1u);
    }
    let normal = normalize(in.normal);
    // Brown and black pipes would drown in the dark: their brightness is raised, their hue is kept.
    let dark = 1.0 - smoothstep(0.04, 0.26, dot(in.colour, vec3<f32>(0.2126, 0.7152, 0.0722)));
    let colour = emphasised(in.colour * (1.0 + 1.5 * dark), in.flags);
    // Below ground there is no sun: a lamp at the eye shows the roundness.
    let view = normalize(frame.eye.xyz - in.world);
    let round = 0.45 + 0.55 * max(dot(normal, normalize(view + vec3<f32>(0.0, 0.0, 0.6))), 0.0);
    let shine = pow(max(dot(normal, normalize(view + vec3<f32>(0.2, 0.1, 0.9))), 0.0), 24.0) * 0.12;
    var light = colour * round * 1.12 + shine;
    if (in.flags & (FLASH | SELECTED)) != 0u {
        light = mix(light, colour, 0.5);
    }
    // Colours that carry data or a convention stay readable far away: half the haze.
    return vec4<f32>(shown(mix(light, hazed(light, in.world), 0.5)), 1.0);
}
