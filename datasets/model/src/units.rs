//! Quantities with their unit in the type or in the name, and the units that catalogues and sensors write.

use std::fmt;
use std::ops::{Add, Sub};

/// Density of fresh water in kg/m³ and standard gravity in m/s²: what turns pressure into head.
const WATER_DENSITY_KG_M3: f64 = 1000.0;
const GRAVITY_M_S2: f64 = 9.806_65;

/// One measure: a private `f64` in one SI unit, finite by construction.
macro_rules! quantity {
    ($(#[$about:meta])* $name:ident, $symbol:literal) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            pub const ZERO: Self = Self(0.0);

            /// `None` for NaN and infinities, so that nobody downstream has to ask again.
            pub fn new(value: f64) -> Option<Self> {
                value.is_finite().then_some(Self(value))
            }

            /// For values that are finite because of how they were made.
            pub fn new_unchecked(value: f64) -> Self {
                debug_assert!(value.is_finite());
                Self(value)
            }

            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self::new_unchecked(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;

            fn sub(self, other: Self) -> Self {
                Self::new_unchecked(self.0 - other.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $symbol), self.0)
            }
        }
    };
}

quantity!(
    /// A length or height in metres.
    Metres,
    "m"
);
quantity!(
    /// Gauge pressure in pascals.
    Pascals,
    "Pa"
);
quantity!(
    /// Volume per time in m³/s.
    CubicMetresPerSecond,
    "m³/s"
);
quantity!(
    /// Speed in m/s.
    MetresPerSecond,
    "m/s"
);
quantity!(
    /// A span of time in seconds.
    Seconds,
    "s"
);

impl Metres {
    pub fn from_mm(mm: f64) -> Option<Self> {
        Self::new(mm / 1000.0)
    }

    /// Pressure at the foot of a column of fresh water so high.
    pub fn water_pressure(self) -> Pascals {
        Pascals::new_unchecked(self.0 * WATER_DENSITY_KG_M3 * GRAVITY_M_S2)
    }
}

impl Pascals {
    pub fn from_kpa(kpa: f64) -> Option<Self> {
        Self::new(kpa * 1000.0)
    }

    pub fn kpa(self) -> f64 {
        self.0 / 1000.0
    }

    /// Height of the column of fresh water that presses so hard.
    pub fn head(self) -> Metres {
        Metres::new_unchecked(self.0 / (WATER_DENSITY_KG_M3 * GRAVITY_M_S2))
    }
}

impl CubicMetresPerSecond {
    pub fn from_lps(litres_per_second: f64) -> Option<Self> {
        Self::new(litres_per_second / 1000.0)
    }

    pub fn lps(self) -> f64 {
        self.0 * 1000.0
    }
}

/// Probability that something happens within its stated span: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    pub fn new(p: f64) -> Option<Self> {
        (0.0..=1.0).contains(&p).then_some(Self(p))
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

/// What a unit measures. Values convert within one dimension only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    Length,
    Area,
    Volume,
    Mass,
    MassRate,
    Time,
    Speed,
    SettlementRate,
    Acceleration,
    Force,
    Pressure,
    Flow,
    RainRate,
    Temperature,
    Angle,
    Ratio,
    Strain,
    Frequency,
    TrafficFlow,
    CollapseRate,
    PerArea,
    MassConcentration,
    VolumeConcentration,
    GasOfLowerLimit,
    RelativeHumidity,
    Turbidity,
    Acidity,
    Odour,
    SoundLevel,
    SmokeDensity,
    Voltage,
    Current,
    Conductivity,
    Power,
    ApparentPower,
    Energy,
    DataRate,
    Seepage,
    Emitter,
    /// A number of things.
    Count,
    /// A state: 0 or 1.
    State,
}

/// A unit as catalogues and datastreams write it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    pub symbol: &'static str,
    pub dimension: Dimension,
    /// One of this is so many of the dimension's base unit …
    factor: f64,
    /// … counted from here: only temperatures have it.
    offset: f64,
}

const fn unit(symbol: &'static str, dimension: Dimension, factor: f64) -> Unit {
    Unit { symbol, dimension, factor, offset: 0.0 }
}

/// Every unit there is, the base unit of each dimension first (factor 1). A unit that is not here is a slip of the pen.
const UNITS: [Unit; 87] = [
    unit("m", Dimension::Length, 1.0),
    unit("km", Dimension::Length, 1000.0),
    unit("cm", Dimension::Length, 0.01),
    unit("mm", Dimension::Length, 0.001),
    unit("in", Dimension::Length, 0.0254),
    unit("m²", Dimension::Area, 1.0),
    unit("km²", Dimension::Area, 1e6),
    unit("hm²", Dimension::Area, 1e4),
    unit("m³", Dimension::Volume, 1.0),
    unit("L", Dimension::Volume, 0.001),
    unit("kg", Dimension::Mass, 1.0),
    unit("g", Dimension::Mass, 0.001),
    unit("t", Dimension::Mass, 1000.0),
    unit("t/d", Dimension::MassRate, 1.0),
    unit("s", Dimension::Time, 1.0),
    unit("min", Dimension::Time, 60.0),
    unit("h", Dimension::Time, 3600.0),
    unit("d", Dimension::Time, 86_400.0),
    // A mean month of the Gregorian calendar.
    unit("month", Dimension::Time, 2_629_746.0),
    unit("a", Dimension::Time, 31_556_952.0),
    unit("m/s", Dimension::Speed, 1.0),
    unit("km/h", Dimension::Speed, 1.0 / 3.6),
    unit("mm/month", Dimension::SettlementRate, 1.0),
    unit("mm/a", Dimension::SettlementRate, 1.0 / 12.0),
    unit("mm/d", Dimension::SettlementRate, 30.436_875),
    unit("m/s²", Dimension::Acceleration, 1.0),
    unit("gal", Dimension::Acceleration, 0.01),
    unit("N", Dimension::Force, 1.0),
    unit("kN", Dimension::Force, 1000.0),
    unit("Pa", Dimension::Pressure, 1.0),
    unit("kPa", Dimension::Pressure, 1000.0),
    unit("MPa", Dimension::Pressure, 1e6),
    unit("bar", Dimension::Pressure, 1e5),
    unit("mH₂O", Dimension::Pressure, WATER_DENSITY_KG_M3 * GRAVITY_M_S2),
    unit("m³/s", Dimension::Flow, 1.0),
    unit("m³/h", Dimension::Flow, 1.0 / 3600.0),
    unit("m³/d", Dimension::Flow, 1.0 / 86_400.0),
    unit("L/s", Dimension::Flow, 0.001),
    unit("L/min", Dimension::Flow, 0.001 / 60.0),
    unit("mm/h", Dimension::RainRate, 1.0),
    unit("mm/min", Dimension::RainRate, 60.0),
    unit("K", Dimension::Temperature, 1.0),
    Unit { symbol: "°C", dimension: Dimension::Temperature, factor: 1.0, offset: 273.15 },
    unit("°", Dimension::Angle, 1.0),
    unit("rad", Dimension::Angle, 180.0 / std::f64::consts::PI),
    unit("%", Dimension::Ratio, 1.0),
    unit("‰", Dimension::Ratio, 0.1),
    unit("µε", Dimension::Strain, 1.0),
    unit("Hz", Dimension::Frequency, 1.0),
    unit("veh/h", Dimension::TrafficFlow, 1.0),
    unit("1/(km·a)", Dimension::CollapseRate, 1.0),
    unit("1/m²", Dimension::PerArea, 1.0),
    unit("mg/L", Dimension::MassConcentration, 1000.0),
    unit("mg/m³", Dimension::MassConcentration, 1.0),
    unit("µg/m³", Dimension::MassConcentration, 0.001),
    unit("µg/L", Dimension::MassConcentration, 1.0),
    unit("ppm", Dimension::VolumeConcentration, 1.0),
    unit("ppb", Dimension::VolumeConcentration, 0.001),
    unit("%VOL", Dimension::VolumeConcentration, 1e4),
    unit("%LEL", Dimension::GasOfLowerLimit, 1.0),
    unit("%RH", Dimension::RelativeHumidity, 1.0),
    unit("NTU", Dimension::Turbidity, 1.0),
    unit("pH", Dimension::Acidity, 1.0),
    unit("OU", Dimension::Odour, 1.0),
    unit("dB", Dimension::SoundLevel, 1.0),
    unit("dB/m", Dimension::SmokeDensity, 1.0),
    unit("V", Dimension::Voltage, 1.0),
    unit("mV", Dimension::Voltage, 0.001),
    unit("kV", Dimension::Voltage, 1000.0),
    unit("A", Dimension::Current, 1.0),
    unit("mA", Dimension::Current, 0.001),
    unit("µS/cm", Dimension::Conductivity, 1.0),
    unit("mS/cm", Dimension::Conductivity, 1000.0),
    unit("W", Dimension::Power, 1.0),
    unit("kW", Dimension::Power, 1000.0),
    unit("MW", Dimension::Power, 1e6),
    unit("kVA", Dimension::ApparentPower, 1.0),
    unit("kWh", Dimension::Energy, 1.0),
    unit("MWh", Dimension::Energy, 1000.0),
    unit("GJ", Dimension::Energy, 1000.0 / 3.6),
    unit("Mbit/s", Dimension::DataRate, 1.0),
    unit("kbit/s", Dimension::DataRate, 0.001),
    unit("L/(m²·d)", Dimension::Seepage, 1.0),
    unit("L/(s·m^0.5)", Dimension::Emitter, 1.0),
    unit("count", Dimension::Count, 1.0),
    unit("0/1", Dimension::State, 1.0),
    unit("m/h", Dimension::Speed, 1.0 / 3600.0),
];

impl Unit {
    pub fn all() -> &'static [Self] {
        &UNITS
    }

    /// The unit that is written so; `None` for what no table of ours holds.
    pub fn of(symbol: &str) -> Option<&'static Self> {
        // The micro sign and the Greek letter look alike, and both are typed.
        let symbol = symbol.trim().replace('\u{03bc}', "\u{00b5}");
        UNITS.iter().find(|unit| unit.symbol == symbol)
    }

    /// A value of this unit in another; `None` where the two measure different things.
    pub fn convert(&self, value: f64, to: &Self) -> Option<f64> {
        if self.symbol == to.symbol {
            return Some(value);
        }
        (self.dimension == to.dimension).then(|| ((value * self.factor + self.offset) - to.offset) / to.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn converted(value: f64, from: &str, to: &str) -> Option<f64> {
        Unit::of(from).unwrap().convert(value, Unit::of(to).unwrap())
    }

    #[test]
    fn what_is_not_finite_is_no_quantity() {
        assert!(Metres::new(f64::NAN).is_none() && Pascals::new(f64::INFINITY).is_none());
        assert!(Probability::new(1.000_1).is_none() && Probability::new(f64::NAN).is_none());
        assert_eq!(Metres::new(2.5).map(|m| m.to_string()), Some("2.5 m".into()));
    }

    #[test]
    fn ten_metres_of_water_press_98_kilopascals() {
        let pressure = Metres::new(10.0).unwrap().water_pressure();
        assert!((pressure.kpa() - 98.0665).abs() < 1e-9);
        assert!((pressure.head().get() - 10.0).abs() < 1e-12);
        assert!((Pascals::from_kpa(140.0).unwrap().head().get() - 14.276).abs() < 1e-3);
        assert_eq!(CubicMetresPerSecond::from_lps(15.0).unwrap().get(), 0.015);
    }

    #[test]
    fn known_conversions_hold() {
        for (value, from, to, wanted) in [
            (0.14, "MPa", "kPa", 140.0),
            (40.0, "cm", "m", 0.4),
            (36.0, "m³/h", "L/s", 10.0),
            (25.0, "°C", "K", 298.15),
            (0.1, "%VOL", "ppm", 1000.0),
            (1.0, "mg/L", "µg/m³", 1e6),
            (5.0, "‰", "%", 0.5),
            (72.0, "km/h", "m/s", 20.0),
            (1.0, "mH₂O", "kPa", 9.80665),
            (3.6, "GJ", "kWh", 1000.0),
        ] {
            let got = converted(value, from, to).unwrap();
            assert!((got - wanted).abs() <= 1e-9 * wanted.abs(), "{value} {from} = {got} {to}, not {wanted}");
        }
    }

    #[test]
    fn what_measures_something_else_does_not_convert() {
        assert_eq!(converted(1.0, "kPa", "m"), None);
        // Parts of volume and milligrams need the gas; a share of the explosive limit needs it too.
        assert_eq!(converted(1.0, "ppm", "mg/m³"), None);
        assert_eq!(converted(1.0, "%LEL", "%VOL"), None);
        assert!(Unit::of("KPA").is_none() && Unit::of("").is_none());
        assert_eq!(Unit::of("\u{03bc}g/m³"), Unit::of("\u{00b5}g/m³"));
    }

    #[test]
    fn every_unit_is_there_once_and_its_dimension_has_a_base() {
        for (i, one) in UNITS.iter().enumerate() {
            assert!(UNITS[..i].iter().all(|other| other.symbol != one.symbol), "{}", one.symbol);
            assert!(one.factor > 0.0);
            assert!(UNITS.iter().any(|base| base.dimension == one.dimension && base.factor == 1.0), "{}", one.symbol);
        }
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(value in -1e6f64..1e6, a in 0..UNITS.len(), b in 0..UNITS.len()) {
            let (a, b) = (&UNITS[a], &UNITS[b]);
            if let Some(there) = a.convert(value, b) {
                let back = b.convert(there, a).unwrap();
                prop_assert!((back - value).abs() <= 1e-9 * value.abs().max(1.0), "{value} {} → {there} {} → {back}", a.symbol, b.symbol);
            }
        }
    }
}
