//! Whose captures are taken: a project, and the table by which one request is decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::LiveMapping;
use crate::config::{SigningKey, Site, Users};
use crate::core::key::KeyDigest;
use crate::core::mapping::Mapping;
use crate::core::money::Currency;
use crate::core::payment::{Arrival, Payment};
use crate::core::time::Timestamp;
use crate::core::webhook::Provider;
use crate::store::{ProjectKey, Source};

/// A project while the service runs.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its number in the books.
    pub key: ProjectKey,
    /// The keys of its servers.
    pub server_keys: Vec<KeyDigest>,
    /// The tokens that its apps send along.
    pub client_tokens: Vec<KeyDigest>,
    /// With what its apps sign; nothing where they need not.
    pub client_signing: Vec<SigningKey>,
    /// Its mapping file.
    pub mapping: LiveMapping,
    /// Whose payments count.
    pub users: Users,
    /// Its currency.
    pub currency: Option<Currency>,
    /// How long a payment waits for its user, in milliseconds.
    pub hold_millis: i64,
    /// Most requests of one key in a second.
    pub max_requests_per_second: Option<u32>,
    /// Whether a removal that names a user and a payment means every payment of the user.
    pub remove_by_user_wins: bool,
    /// The secrets of its webhooks, by provider.
    pub webhooks: BTreeMap<Provider, Vec<SecretString>>,
    /// The same as Faurya's API sees it.
    pub site: Site,
}

/// A project under the table that is in force while one request is served.
#[derive(Debug, Clone)]
pub(super) struct Ruled<'p> {
    pub(super) project: &'p Project,
    pub(super) mapping: Arc<Mapping>,
    /// Who tells of what is paid while it is served.
    teller: Source,
}

impl Project {
    /// The project under the table that is in force now.
    pub(super) fn ruled(&self) -> Ruled<'_> {
        Ruled { project: self, mapping: self.mapping.mapping(), teller: Source::Sender }
    }

    /// The same while a provider tells of a payment.
    pub(super) fn ruled_for_provider(&self) -> Ruled<'_> {
        Ruled { teller: Source::Provider, ..self.ruled() }
    }
}

impl Ruled<'_> {
    /// What a body of this project meets at that moment.
    pub(super) fn arrival(&self, received_at: Timestamp) -> Arrival {
        Arrival { received_at, default_country: self.mapping.default_country() }
    }

    /// Who tells of this capture.
    pub(super) fn source_of(&self, payment: &Payment<'_>) -> Source {
        if payment.occasion.is_payment() { self.teller } else { Source::Event }
    }
}
