//! Published curves of pipe failure. Rates are breaks per kilometre and year unless a name says otherwise.

/// A mile in kilometres; the older curves count breaks per mile.
pub const KM_PER_MILE: f64 = 1.609_344;

/// Breaks after `years` more, when they grow by `growth` per year: Shamir & Howard 1979.
pub fn exponential_growth(rate: f64, growth: f64, years: f64) -> f64 {
    rate * (growth * years).exp()
}

/// Breaks per *mile* and year of pit-cast iron at an age in years: Walski & Pelliccia 1982.
pub fn pit_cast_iron_per_mile(age_years: f64) -> f64 {
    exponential_growth(0.02577, 0.0207, age_years)
}

/// Breaks per *mile* and year of spun-cast iron at an age in years: Walski & Pelliccia 1982.
pub fn spun_cast_iron_per_mile(age_years: f64) -> f64 {
    exponential_growth(0.0627, 0.0137, age_years)
}

/// Breaks per *mile* and year by diameter in inches: Su et al. 1987.
pub fn by_diameter_per_mile(inches: f64) -> f64 {
    0.6858 / inches.powf(3.26) + 2.7158 / inches.powf(1.3131) + 2.7685 / inches.powf(3.5792) + 0.042
}

/// Probability of at least one break on `length_km` within a year.
pub fn poisson(rate_per_km_year: f64, length_km: f64) -> f64 {
    -(-rate_per_km_year * length_km).exp_m1()
}

/// Failure rate at an age `t` of what wears out by Weibull's law: shape `k`, scale `eta` in years.
pub fn weibull_hazard(k: f64, eta: f64, t: f64) -> f64 {
    k / eta * (t / eta).powf(k - 1.0)
}

/// Probability that what has lived to `t` fails within the next `span` years.
pub fn weibull_conditional(k: f64, eta: f64, t: f64, span: f64) -> f64 {
    -((t / eta).powf(k) - ((t + span) / eta).powf(k)).exp_m1()
}

/// Expected number of repeat breaks until `t` by the power law: scale `theta`, shape `beta`.
pub fn power_law_breaks(theta: f64, beta: f64, t: f64) -> f64 {
    (t / theta).powf(beta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(figure: f64, vector: f64, digits: i32) {
        assert!((figure - vector).abs() <= 0.5 * 10f64.powi(-digits) * 1.000_001, "{figure} is not {vector}");
    }

    // Vectors of the project's engineering facts, §12.1.
    #[test]
    fn cast_iron_at_fifty_years() {
        check(pit_cast_iron_per_mile(50.0), 0.072545, 6);
        check(spun_cast_iron_per_mile(50.0), 0.124382, 6);
    }

    #[test]
    fn diameters_of_six_twelve_and_twenty_four_inches() {
        for (inches, per_mile, per_km) in [(6.0, 0.306823, 0.190651), (12.0, 0.146538, 0.091054), (24.0, 0.083889, 0.052126)] {
            check(by_diameter_per_mile(inches), per_mile, 6);
            check(by_diameter_per_mile(inches) / KM_PER_MILE, per_km, 6);
        }
    }

    #[test]
    fn weibull_wear() {
        check(weibull_hazard(2.5, 80.0, 40.0), 0.0110485, 7);
        check(weibull_conditional(2.5, 80.0, 40.0, 1.0), 0.0111934, 7);
        check(weibull_conditional(2.5, 80.0, 60.0, 5.0), 0.1022984, 7);
        check(weibull_conditional(3.0, 100.0, 50.0, 1.0), 0.0076218, 7);
    }

    #[test]
    fn poisson_and_power_law() {
        check(poisson(0.2, 1.5), 0.2591818, 7);
        check(power_law_breaks(8.0, 1.5, 10.0), 1.39754, 5);
    }
}
