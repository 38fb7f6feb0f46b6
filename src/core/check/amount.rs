//! Two sums for one payment: `amount` and `event_data.value`.
//!
//! Meta receives `event_data.value`, the amount only where there is none. The payment API's own
//! sample sends 25096 and 2000 in one body, so they may differ on purpose; they rarely do.
//!
//! In different currencies they must differ: that is P204's to say. Where a rule of the mapping file
//! says what the value is, somebody decided that it is not the amount.
//!
//! Source: Linkrunner, "Revenue Tracking API", Meta Ecommerce Events (the sample); row MX-7 of
//! reference/payment-apis.md 5.2.

use super::Evidence;
use crate::core::finding::{Code, Finding};

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    // A rule with `send_revenue = false` sends neither.
    let sent = evidence.sent.value.and(evidence.custom_data.value);
    let Some((value, amount)) = sent.zip(evidence.amount) else {
        return Vec::new();
    };
    let of_value = evidence.custom_data.currency;
    let comparable = evidence.currency.is_none_or(|own| of_value.is_none_or(|other| own == other));
    if !comparable || value.decimal() == amount.decimal() {
        return Vec::new();
    }
    let says = format!("`amount` is {amount} and `event_data.value` is {value}; Meta gets {value}");
    let finding = Finding::in_body(Code::AmountDiffers, "/event_data/value", says);
    vec![
        finding.help("send the same number twice, unless the event is worth less than the payment"),
    ]
}
