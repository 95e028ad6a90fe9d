// Behind everything: the sky, and the country beyond the city's terrain.

struct Varying {
    @builtin(position) clip: vec4<f32>,
    @location(0) ray: vec3<f32>,
    @location(1) land: vec3<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Varying {
    let corner = vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u)) * 2.0 - 1.0;
    var out: Varying;
    // Depth 0 is infinitely far.
    out.clip = vec4<f32>(corner, 0.0, 1.0);
    out.ray = frame.forward.xyz + frame.right.xyz * corner.x + frame.up.xyz * corner.y;
    out.land = lit(frame.land.rgb, vec3<f32>(0.0, 0.0, 1.0), 1.0, 1.0);
    return out;
}

@fragment
fn fragment(in: Varying) -> @location(0) vec4<f32> {
    if frame.modes.y == 1u {
        return vec4<f32>(0.0, 0.0, 0.0, 1.0);
    }
    let ray = normalize(in.ray);
    let drop = frame.eye.z - frame.right.w;
    if frame.modes.x == 1u {
        // Below ground: no horizon line, dark to the depth, a little lighter towards the surface.
        let c = mix(frame.land.rgb, frame.horizon.rgb, smoothstep(-0.9, 0.25, ray.z));
        return vec4<f32>(mix(c, frame.zenith.rgb, smoothstep(0.1, 0.8, ray.z)), 1.0);
    }
    if ray.z < 0.0 && drop > 0.0 {
        let world = frame.eye.xyz + ray * (drop / -ray.z);
        return vec4<f32>(shown(hazed(in.land, world)), 1.0);
    }
    // The haze of the country reaches a little above the horizon.
    return vec4<f32>(shown(mix(frame.haze.rgb, sky(ray), smoothstep(0.0, 0.06, ray.z))), 1.0);
}
