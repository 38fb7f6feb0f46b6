//! `webhooks = { stripe = { env = … }, … }` of a project: the secrets that its providers sign with.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::Reader;
use crate::core::toml_reader::Table;
use crate::core::webhook::Provider;

impl Reader<'_> {
    /// The secrets of each provider that is named; a provider without one is not listened to.
    pub(super) fn webhooks(
        &mut self,
        project: &mut Table<'_, '_>,
    ) -> BTreeMap<Provider, Vec<SecretString>> {
        let mut found = BTreeMap::new();
        let Some(mut table) = project.table("webhooks", &mut self.findings) else { return found };
        for provider in Provider::ALL {
            if let Some(secrets) = self.secrets(&mut table, provider.as_str()) {
                found.insert(*provider, secrets);
            }
        }
        table.finish(&mut self.findings);
        found
    }
}
