//! When it happened: neither in the future nor older than Meta takes.
//!
//! Meta refuses a whole request for one event that is too old, so such an event is not made; the
//! same question is asked again before each attempt. How far ahead Meta takes a time is not
//! documented: up to a minute counts as clocks that disagree, more blocks.
//!
//! Source: Meta, "Conversions API / Parameters / Server event", `event_time`; contract section 8.

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::meta::ActionSource;
use crate::core::time::Timestamp;

/// Furthest into the future that counts as now, in milliseconds.
pub const FUTURE_MAX_MILLIS: i64 = 60_000;

/// The latest moment at which Meta takes an event of this time and source.
#[must_use]
pub fn expiry(time: Timestamp, source: ActionSource) -> Timestamp {
    // Meta compares whole seconds: the fraction of ours that `event_time` drops counts as age.
    Timestamp::from_seconds(time.seconds()).plus_millis(source.age_max_millis())
}

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let ahead = evidence.time.millis_since(evidence.now);
    let (code, says) = if ahead > FUTURE_MAX_MILLIS {
        let says = format!("the payment lies {} s in the future", ahead / 1_000);
        (Code::TimeInFuture, says)
    } else if ahead > 0 {
        let seconds = ahead.div_euclid(1_000).max(1);
        let says = format!("the payment lies {seconds} s in the future; it was dated now");
        (Code::TimeTakenAsNow, says)
    } else {
        return Vec::new();
    };
    let finding = Finding::in_body(code, "/occurred_at", says);
    vec![finding.help("send the time of the payment in UTC; check the sender's clock")]
}
