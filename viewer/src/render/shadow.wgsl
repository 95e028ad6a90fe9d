// The sun's view of the tiles: depth only. The frame's clip matrix is the sun's here.

struct Corner {
    @location(0) position: vec3<f32>,
    @location(1) normal: vec4<f32>,
    @location(2) row_height: u32,
}

@vertex
fn vertex(corner: Corner) -> @builtin(position) vec4<f32> {
    let style = style_of(corner.row_height & 0xFFFFu);
    let world = corner.position + tile.offset.xyz + vec3<f32>(0.0, 0.0, style.lift);
    if (style.flags & (HIDDEN | GHOST)) != 0u {
        return vec4<f32>(2.0, 2.0, 2.0, 1.0);
    }
    return frame.shadow_from_world * vec4<f32>(world, 1.0);
}
