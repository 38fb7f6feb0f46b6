//! Sums: `value` against the lines of the order, `num_items` against their quantities.
//!
//! A price per piece is itself rounded to the currency's minor unit, so an honest order may be
//! off: each piece by half a minor unit, and the value by another half. That is the tolerance,
//! (Σ quantity + 1) × ½ × 10⁻ᵈⁱᵍⁱᵗˢ; one unit more is a finding. Discounts and shipping are the
//! usual reason, so it is a warning: Meta takes the event either way.
//!
//! Source: Linkrunner, "Meta Commerce Manager", rows `value` and `num_items`.

use rust_decimal::Decimal;

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::meta::event::{pieces, total};
use crate::core::money::{Amount, Currency};

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    // A list that could be read only in part has no sum.
    if evidence.custom_data.contents.is_empty() || evidence.sent.is_unreadable("contents") {
        return Vec::new();
    }
    value(evidence).into_iter().chain(num_items(evidence)).collect()
}

fn value(evidence: &Evidence<'_>) -> Option<Finding> {
    let custom_data = evidence.custom_data;
    // A rule with `send_revenue = false` sends no value that could differ.
    let value = evidence.sent.value.and(custom_data.value)?;
    let sum = total(&custom_data.contents)?;
    let tolerance = tolerance(pieces(&custom_data.contents)?, custom_data.currency);
    let off = (value.decimal() - sum).abs();
    if off <= tolerance {
        return None;
    }
    let sum = sum.normalize();
    let says = format!("`value` is {value}, but the contents add up to {sum}");
    let finding = Finding::in_body(Code::ValueDiffers, "/event_data/value", says);
    Some(finding.help(format!("send `value` = {sum}, or correct `item_price` and `quantity`")))
}

fn num_items(evidence: &Evidence<'_>) -> Option<Finding> {
    let pieces = pieces(&evidence.custom_data.contents)?;
    let num_items = evidence.custom_data.num_items?;
    if num_items == pieces {
        return None;
    }
    let says = format!("`num_items` is {num_items}, but the quantities add up to {pieces}");
    let finding = Finding::in_body(Code::NumItemsDiffers, "/event_data/num_items", says);
    Some(finding.help(format!("send `num_items` = {pieces}")))
}

fn tolerance(pieces: u64, currency: Option<Currency>) -> Decimal {
    let digits = currency.map_or(2, Currency::minor_digits);
    let half_unit = Amount::new(5, digits + 1).decimal();
    Decimal::from(pieces).checked_add(Decimal::ONE).map_or(half_unit, |n| n * half_unit)
}
