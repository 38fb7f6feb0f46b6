//! The mapping: which payment type becomes which event at Meta.
//!
//! In: a TOML table that marketing engineers edit. Out: a [`Mapping`], compiled once, with every
//! default filled in, so that deciding is a look-up; or findings that point into the file.
//! A [`MappingVersion`] names the exact text, and every decision carries it.

mod compile;
pub mod condition;
pub mod path;
pub mod schema;
pub mod shape;
mod table;
pub mod template;

pub use compile::{Datasets, compile};
pub use table::EffectiveTable;

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::catalog::{Catalog, Feed};
use super::check::{Profile, Weights};
use super::customer::CountryCode;
use super::meta::{ActionSource, DataProcessing, EventName};
use super::money::Currency;
use super::names::closed_list;
use super::payment::{Occasion, PaymentStatus, PaymentType};
use condition::When;
use path::Path;
use shape::Shape;
use template::Template;

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
    /// For each payment type its rules, in the file's order.
    payments: [Vec<Rule>; PaymentType::ALL.len()],
    /// For each name of an event that a sender reports, its rule.
    events: BTreeMap<String, Rule>,
    tests: Vec<TestCase>,
    feed: Option<Feed>,
    /// What the feed held, once somebody has read it.
    catalog: Option<Arc<Catalog>>,
}

/// One line of a mapping file.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// When it holds.
    pub when: When,
    /// What happens then.
    pub action: Action,
    /// The line of the file where it stands, from 1.
    pub line: usize,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The payment becomes an event.
    Forward(Box<Forward>),
    /// It stays here.
    Withhold {
        /// Why, in the words of the file.
        because: String,
    },
}

closed_list! {
    /// How the person's own id is sent.
    pub enum ExternalId {
        /// Normalised and hashed.
        Hashed = "hashed",
        /// As the sender gives it.
        Plain = "plain",
    }
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
    /// Whether value and currency are sent.
    pub send_revenue: bool,
    /// What the event is for.
    pub profile: Profile,
    /// What becomes of `event_data`.
    pub shape: Shape,
    /// The event's id, unless the sender gives one; `{type}.{payment_id}` where none is set.
    pub event_id: Option<Template>,
    /// How the person's own id is sent.
    pub external_id: ExternalId,
    /// What must be true for anything to be sent.
    pub consent: Option<Path>,
    /// What Meta may do with the event, where the sender does not choose.
    pub data_processing: Option<DataProcessing>,
    /// What findings weigh.
    pub checks: Weights,
}

/// One `[[test]]` of a mapping file: a payment, and what must become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// The body of the payment, as JSON.
    pub payment: String,
    /// What is expected, key by key, as JSON.
    pub expect: Vec<(String, String)>,
    /// The line of the file where it stands, from 1.
    pub line: usize,
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

    /// The rules for payments of this type, in the file's order; the first that holds counts.
    #[must_use]
    pub fn rules(&self, payment_type: PaymentType) -> &[Rule] {
        &self.payments[payment_type as usize]
    }

    /// The rules for whatever a capture is about.
    #[must_use]
    pub fn rules_of(&self, occasion: &Occasion<'_>) -> &[Rule] {
        match occasion {
            Occasion::Payment(payment_type) => self.rules(*payment_type),
            Occasion::Event(name) => {
                self.events.get(&**name).map_or(&[], |rule| std::slice::from_ref(rule))
            }
        }
    }

    /// The rule for an event that a sender reports under this name.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<&Rule> {
        self.events.get(name)
    }

    /// The tests that the file brings along.
    #[must_use]
    pub fn tests(&self) -> &[TestCase] {
        &self.tests
    }

    /// The product feed that the file names. Reading it is not the compiler's.
    #[must_use]
    pub fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref()
    }

    /// The catalogue that events are compared with, if its feed was read.
    #[must_use]
    pub fn catalog(&self) -> Option<&Catalog> {
        self.catalog.as_deref()
    }

    /// The same mapping, with this catalogue.
    #[must_use]
    pub fn with_catalog(self, catalog: Arc<Catalog>) -> Self {
        Self { catalog: Some(catalog), ..self }
    }

    /// Every dataset that some rule sends to, without repetition.
    #[must_use]
    pub fn datasets(&self) -> Vec<&DatasetName> {
        let rules = self.payments.iter().flatten().chain(self.events.values());
        let mut names: Vec<&DatasetName> = rules
            .flat_map(|rule| match &rule.action {
                Action::Forward(forward) => forward.datasets.as_slice(),
                Action::Withhold { .. } => &[],
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests;
