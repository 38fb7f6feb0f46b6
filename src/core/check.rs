//! The checks: what may be wrong with an event although each of its fields can be read.
//!
//! In: [`Evidence`], all that is known of one event. Out: findings. Each check is a file with its
//! rule and its table of cases; this module is the ordered list of them. A finding of severity
//! error blocks the event, never the payment.
//!
//! Which missing fields block is the [`Profile`]'s decision: what Meta would refuse always blocks;
//! what only the catalogue needs blocks for `catalog` and warns for `plain`.

mod amount;
mod catalog;
mod data_processing;
mod identity;
mod ids;
mod messaging;
mod presence;
mod range;
mod source;
mod timing;
mod totals;
mod weights;

use super::catalog::Catalog;
use super::event_data::EventData;
use super::finding::{Code, Finding, Findings, Severity};
use super::meta::{ActionSource, AppData, CustomData, DataProcessing, EventFields, EventName};
use super::money::{Amount, Currency};
use super::names::closed_list;
use super::time::Timestamp;
use super::user_data::UserData;

closed_list! {
    /// What an event is for, which decides what it must carry.
    pub enum Profile {
        /// Measurement: what Meta's endpoint demands.
        Plain = "plain",
        /// Catalogue ads: ids, contents, type, counts and order ids as well.
        Catalog = "catalog",
    }
}

/// All that a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'e> {
    /// The event's name.
    pub event: &'e EventName,
    /// What it is for.
    pub profile: Profile,
    /// What the sender sent, without what only moves on into `custom_data`: lines, properties and the
    /// id of the order.
    pub sent: &'e EventData<'e>,
    /// What Meta would receive.
    pub custom_data: &'e CustomData<'e>,
    /// Whose it is.
    pub user_data: &'e UserData,
    /// Where it happened.
    pub action_source: ActionSource,
    /// On which device.
    pub app_data: Option<&'e AppData>,
    /// What the sender says of the event besides.
    pub event_fields: &'e EventFields,
    /// What Meta may do with it.
    pub data_processing: Option<DataProcessing>,
    /// The payment's own amount; none where the mapping file chose another number as the value.
    pub amount: Option<Amount>,
    /// The currency of that amount.
    pub currency: Option<Currency>,
    /// When it happened.
    pub time: Timestamp,
    /// What time it is.
    pub now: Timestamp,
    /// The advertiser's products, where the mapping file names a feed.
    pub catalog: Option<&'e Catalog>,
}

impl Evidence<'_> {
    /// The severity of something that only the catalogue needs: the code's own there, and a
    /// warning elsewhere.
    #[must_use]
    fn for_catalog(&self, code: Code) -> Severity {
        match self.profile {
            Profile::Catalog => code.severity(),
            Profile::Plain => Severity::Warning,
        }
    }
}

/// Every check, in the order in which a person would mend things.
const CHECKS: [fn(&Evidence<'_>) -> Vec<Finding>; 11] = [
    presence::check,
    timing::check,
    identity::check,
    data_processing::check,
    source::check,
    messaging::check,
    ids::check,
    catalog::check,
    totals::check,
    amount::check,
    range::check,
];

/// Runs every check.
#[must_use]
pub fn check(evidence: &Evidence<'_>) -> Findings {
    CHECKS.iter().flat_map(|check| check(evidence)).collect()
}

pub use weights::{Weight, Weights};

pub use timing::{FUTURE_MAX_MILLIS, expiry};

#[cfg(test)]
mod cases;
