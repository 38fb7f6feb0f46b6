//! `client_signing = { key_id = …, secret = { env = … } }` of a project: with what its apps sign.

use super::{CODES, Reader};
use crate::config::SigningKey;
use crate::core::toml_reader::Table;

const KEY_ID: &str = "write `key_id = \"…\"`: the name that your app gives its signing secret";
const SECRET: &str = "write `secret = { env = \"SHOP_SIGNING_SECRET\" }`";

impl Reader<'_> {
    /// One pair of a name and a secret, or a list of them; empty where apps need not sign.
    pub(super) fn client_signing(&mut self, project: &mut Table<'_, '_>) -> Vec<SigningKey> {
        let Some(value) = project.get("client_signing") else { return Vec::new() };
        let all = value.get_ref().as_array().map_or(std::slice::from_ref(value), |list| list);
        let mut found = Vec::new();
        for value in all {
            let Some(table) = self.inner(value) else { continue };
            let mut table = Table::new(table, value.span(), CODES);
            if table.get("key_id").is_none() {
                table.missing("key_id", KEY_ID, &mut self.findings);
            }
            let id = table.text("key_id", &mut self.findings);
            let secrets = self.secrets(&mut table, "secret");
            self.none_weak(&mut table, "secret", secrets.as_deref());
            if secrets.is_none() {
                table.missing("secret", SECRET, &mut self.findings);
            }
            table.finish(&mut self.findings);
            let Some(id) = id else { continue };
            let named = |secret| SigningKey { id: id.value.to_owned(), secret };
            found.extend(secrets.unwrap_or_default().into_iter().map(named));
        }
        found
    }
}
