//! Figures: a list of names and numbers, as a table and as JSON. Each name carries its unit.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

/// Figures in the order in which they are shown. A row without a figure is a headline.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Vec<(&'static str, Value)>);

impl Figures {
    /// Adds a figure.
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    /// Adds all of another list.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// A table for people.
    pub(super) fn table(&self) -> String {
        let rows = self.0.iter().map(|(name, value)| format!("  {name:<36} {}", shown(value)));
        rows.collect::<Vec<_>>().join("\n")
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            let digits = if number.abs() < 10.0 { 2 } else { 1 };
            format!("{number:>12.digits$}")
        }
        Value::Number(number) => format!("{:>12}", number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A count as a number with a fraction; exact up to 2^53, which nothing here reaches.
#[expect(clippy::cast_precision_loss, reason = "figures are printed with few digits")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// One number by another, with three digits behind the point.
pub(super) fn ratio(count: u64, by: u64) -> f64 {
    (number(count) / number(by.max(1)) * 1_000.0).round() / 1_000.0
}

/// How many a second.
pub(super) fn per_second(count: u64, micros: u64) -> u64 {
    let a_second = u128::from(count) * 1_000_000 / u128::from(micros.max(1));
    u64::try_from(a_second).unwrap_or(u64::MAX)
}

/// The one that so many of a thousand sorted times do not exceed, in milliseconds.
pub(super) fn quantile_ms(sorted: &[u32], of_1000: usize) -> f64 {
    let at = (sorted.len() * of_1000).div_ceil(1_000).max(1) - 1;
    sorted.get(at).map_or(0.0, |micros| ratio(u64::from(*micros), 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        let thousand: Vec<u32> = (1..=1_000).map(|number| number * 1_000).collect();
        for (sorted, of_1000, expected) in [
            (&thousand[..], 500, 500.0),
            (&thousand[..], 990, 990.0),
            (&thousand[..], 999, 999.0),
            (&thousand[..], 1_000, 1_000.0),
            (&thousand[..1], 500, 1.0),
            (&thousand[..3], 990, 3.0),
            (&[], 990, 0.0),
        ] {
            let found = quantile_ms(sorted, of_1000);
            assert!((found - expected).abs() < 1e-9, "{of_1000}: {found} is not {expected}");
        }
    }

    #[test]
    fn a_table_and_a_document_keep_the_order() {
        let mut figures = Figures::default();
        figures.add("p99_ms", 1.25);
        figures.add("answers_per_second", 61_000_u64);
        let json = serde_json::to_string(&figures).unwrap();
        assert_eq!(json, r#"{"p99_ms":1.25,"answers_per_second":61000}"#);
        assert_eq!(
            figures.table(),
            "  p99_ms                                       1.25\n  answers_per_second                          61000"
        );
    }
}
