//! The mapping: which payment type becomes which event at Meta.
//!
//! In: a TOML table that marketing engineers edit. Out: a [`Mapping`], compiled once, with every
//! default filled in, so that deciding is a look-up; or findings that point into the file.
//! A [`MappingVersion`] names the exact text, and every decision carries it.

mod compile;

pub use compile::{Datasets, compile};

use sha2::{Digest as _, Sha256};

use super::check::{Profile, Weights};
use super::customer::CountryCode;
use super::meta::{ActionSource, DataProcessing, EventName};
use super::money::Currency;
use super::payment::{PaymentStatus, PaymentType};

/// The first twelve hex digits of the SHA-256 of a mapping file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MappingVersion(String);

impl MappingVersion {
    /// The version of this text.
    #[must_use]
    pub fn of(source: &str) -> Self {
        Self(const_hex::encode(&Sha256::digest(source.as_bytes())[..6]))
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name by which `tillpost.toml` and mapping files call one of Meta's datasets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct DatasetName(String);

impl DatasetName {
    /// The name, if `text` is one: 1 to 64 letters, digits, `_` or `-`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let fits = (1..=64).contains(&text.len()) && text.chars().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DatasetName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A compiled mapping file.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    version: MappingVersion,
    default_country: Option<CountryCode>,
    rules: [Option<Rule>; PaymentType::ALL.len()],
}

/// What happens to payments of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// They become an event.
    Forward(Forward),
    /// They stay here.
    Withhold {
        /// Why, in the words of the file.
        because: String,
    },
}

/// How a payment becomes an event, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    /// The event's name.
    pub event: EventName,
    /// Where it goes. Never empty.
    pub datasets: Vec<DatasetName>,
    /// Which statuses are forwarded.
    pub statuses: Vec<PaymentStatus>,
    /// Where the conversion happened.
    pub action_source: ActionSource,
    /// What an app event without device data is sent as; `None` blocks it.
    pub without_device: Option<ActionSource>,
    /// The currency where neither payment nor `event_data` names one.
    pub currency: Option<Currency>,
    /// What the event is for.
    pub profile: Profile,
    /// What Meta may do with the event, where the sender does not choose.
    pub data_processing: Option<DataProcessing>,
    /// What findings weigh.
    pub checks: Weights,
}

impl Mapping {
    /// Which text this was compiled from.
    #[must_use]
    pub fn version(&self) -> &MappingVersion {
        &self.version
    }

    /// With which country phone numbers in national form are completed.
    #[must_use]
    pub fn default_country(&self) -> Option<CountryCode> {
        self.default_country
    }

    /// What happens to payments of this type; nothing, if the file does not name it.
    #[must_use]
    pub fn rule(&self, payment_type: PaymentType) -> Option<&Rule> {
        self.rules[payment_type as usize].as_ref()
    }

    /// Every dataset that some rule sends to, without repetition.
    #[must_use]
    pub fn datasets(&self) -> Vec<&DatasetName> {
        let mut names: Vec<&DatasetName> = self
            .rules
            .iter()
            .flatten()
            .flat_map(|rule| match rule {
                Rule::Forward(forward) => forward.datasets.as_slice(),
                Rule::Withhold { .. } => &[],
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests;
