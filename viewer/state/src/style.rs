//! What one feature looks like: a colour, a few flags, a lift. Eight bytes, read by the vertex shader.

/// Red, green, blue, opacity as the eye sees them (sRGB).
pub type Rgba = [u8; 4];

/// How a feature is drawn. The flags are bits, so that the shader tests them without branching on kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// Not drawn and not picked.
    pub const HIDDEN: Self = Self(1);
    /// Drawn see-through, as context.
    pub const GHOST: Self = Self(2);
    /// Pulses: something wants attention.
    pub const FLASH: Self = Self(4);
    /// Rim light in the selection's colour.
    pub const SELECTED: Self = Self(8);
    /// Carries data by its colour: façades stay plain, so that the colour can be read from the legend.
    pub const DATA: Self = Self(16);
    /// Water: smooth, mirrors the sky.
    pub const WATER: Self = Self(32);
    /// Paved: roads and decks, with kerb lines.
    pub const PAVED: Self = Self(64);

    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: Rgba,
    pub flags: Flags,
    /// Drawn so much higher than it stands, in centimetres.
    pub lift_cm: i16,
}

impl Style {
    pub const fn plain(rgb: [u8; 3]) -> Self {
        Self { colour: [rgb[0], rgb[1], rgb[2], 255], flags: Flags(0), lift_cm: 0 }
    }

    pub const fn flagged(mut self, flags: Flags) -> Self {
        self.flags = self.flags.with(flags);
        self
    }

    /// The texel (Rg32Uint): RGBA8 from the low byte on, then 16 flag bits and the lift.
    pub const fn texel(self) -> [u32; 2] {
        [u32::from_le_bytes(self.colour), self.flags.0 as u32 | (self.lift_cm as u16 as u32) << 16]
    }

    pub const fn from_texel(texel: [u32; 2]) -> Self {
        Self { colour: texel[0].to_le_bytes(), flags: Flags(texel[1] as u16), lift_cm: (texel[1] >> 16) as u16 as i16 }
    }
}

/// `#rrggbb` as the catalogue and legends write colours.
pub fn parse_colour(text: &str) -> Option<[u8; 3]> {
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let byte = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).ok();
    Some([byte(0)?, byte(2)?, byte(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_texel_comes_back_as_the_same_style() {
        for lift_cm in [i16::MIN, -1, 0, 1, i16::MAX] {
            let style = Style { colour: [1, 2, 254, 255], flags: Flags::FLASH.with(Flags::HIDDEN), lift_cm };
            assert_eq!(Style::from_texel(style.texel()), style);
        }
    }

    #[test]
    fn the_shader_finds_red_in_the_lowest_byte() {
        let [colour, bits] = Style { colour: [0xAA, 0xBB, 0xCC, 0xDD], flags: Flags(0x8001), lift_cm: -2 }.texel();
        assert_eq!((colour, bits), (0xDDCC_BBAA, 0xFFFE_8001));
    }

    #[test]
    fn colours_are_six_hex_digits_and_nothing_else() {
        assert_eq!(parse_colour("#0a80FF"), Some([10, 128, 255]));
        for bad in ["", "#", "0a80ff", "#0a80f", "#0a80fff", "#0g80ff", "#é12345", "#+12345"] {
            assert_eq!(parse_colour(bad), None, "{bad}");
        }
    }
}
