//! Numbers that can be read and are probably wrong: too fine, too large, too many.
//!
//! A value with more decimals than its currency has was computed, not paid. Software that reads
//! JSON numbers as doubles, as most does, keeps fifteen digits. A quantity of tens of thousands is
//! nearly always a price or a weight in the wrong field. Meta takes all of them: warnings.
//!
//! Source: ISO 4217 (minor units); IEEE 754 binary64 (15 digits survive); the bound of quantities
//! is ours.

use std::fmt;

use rust_decimal::Decimal;

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::money::{Amount, Currency};

/// Largest quantity of one line, and number of pieces, that needs no second look.
const PIECES_MAX: u64 = 10_000;

/// Digits of a number that every reader of JSON keeps.
const DIGITS_MAX: u32 = 15;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, number) in amounts(evidence) {
        findings.extend(too_long(at, number));
        findings.extend(evidence.custom_data.currency.and_then(|of| too_fine(at, number, of)));
    }
    for (at, count) in counts(evidence).filter(|(_, count)| *count > PIECES_MAX) {
        let at = at.to_string();
        let says = format!("`{}` is {count}", field(&at));
        let finding = Finding::in_body(Code::NumberUnlikely, at, says);
        findings
            .push(finding.help("send how many pieces were bought; look for a price or a weight"));
    }
    findings
}

/// Where a number stands; written only where there is something to say.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// At this pointer.
    At(&'static str),
    /// In a line of the order: its index and the field.
    Line(usize, &'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(pointer) => formatter.write_str(pointer),
            Self::Line(index, field) => write!(formatter, "/event_data/contents/{index}/{field}"),
        }
    }
}

/// What Meta gets as the value, wherever it came from, and every price, with their places.
fn amounts(evidence: &Evidence<'_>) -> impl Iterator<Item = (Place, Amount)> {
    let at = if evidence.sent.value.is_some() { "/event_data/value" } else { "/amount" };
    let value = evidence.custom_data.value.map(|value| (Place::At(at), value));
    let items = evidence.custom_data.contents.iter().enumerate();
    let prices = items
        .filter_map(|(index, item)| Some((Place::Line(index, "item_price"), item.item_price?)));
    value.into_iter().chain(prices)
}

/// The number of pieces and every quantity, with their places.
fn counts(evidence: &Evidence<'_>) -> impl Iterator<Item = (Place, u64)> {
    let all = evidence.custom_data.num_items.map(|all| (Place::At("/event_data/num_items"), all));
    let items = evidence.custom_data.contents.iter().enumerate();
    let quantities =
        items.filter_map(|(index, item)| Some((Place::Line(index, "quantity"), item.quantity?)));
    all.into_iter().chain(quantities)
}

fn field(at: &str) -> &str {
    at.rsplit('/').next().unwrap_or(at)
}

fn too_long(at: Place, number: Amount) -> Option<Finding> {
    // Without its trailing zeros it is only shorter.
    let is_long = |number: Decimal| {
        number.mantissa().unsigned_abs().checked_ilog10().is_some_and(|log| log >= DIGITS_MAX)
    };
    if !is_long(number.decimal()) || !is_long(number.decimal().normalize()) {
        return None;
    }
    let at = at.to_string();
    let says = format!("`{}` has more than {DIGITS_MAX} digits; Meta may round it", field(&at));
    let finding = Finding::in_body(Code::NumberUnlikely, at, says);
    Some(finding.help("send the number as it was paid"))
}

fn too_fine(at: Place, number: Amount, currency: Currency) -> Option<Finding> {
    let digits = currency.minor_digits();
    if number.decimal().scale() <= digits {
        return None;
    }
    let rounded = number.decimal().round_dp(digits);
    if rounded == number.decimal() {
        return None;
    }
    let at = &*at.to_string();
    let (key, code) = (field(at), currency.code());
    let says = match digits {
        0 => format!("`{key}` is {number}, but {code} has no decimals"),
        _ => format!("`{key}` is {number}, but {code} has {digits} decimals"),
    };
    let finding = Finding::in_body(Code::TooManyDecimals, at, says);
    Some(finding.help(match (key, rounded > Decimal::ZERO) {
        // A price per piece may rightly be finer than any coin: 3 for 10.
        ("item_price", _) => {
            "a unit price may be fine; check that it is not a computed rest".into()
        }
        (_, true) => format!("send {rounded}"),
        (_, false) => "send the number as it was paid".into(),
    }))
}
