//! Secrets: read from the environment or from a file, never from the configuration itself.
//!
//! A finding names the place that was looked at; a value that stands in the open is not repeated.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use toml::Spanned;
use toml::de::DeValue;

use super::{CODES, Reader};
use crate::core::finding::{At, Code, Finding, Severity};
use crate::core::toml_reader::Table;

/// Longest secret. Ours: a token of Meta's has some 200 characters.
const SECRET_CHARS_MAX: usize = 4_096;

/// What stands in for a secret that was not found, where somebody only looks.
const NOT_SET: &str = "not set: ";

/// Whether this stands in for a secret that was not found. No secret of Meta's has blanks.
#[must_use]
pub fn is_not_set(secret: &SecretString) -> bool {
    secret.expose_secret().starts_with(NOT_SET)
}

impl Reader<'_> {
    /// One secret or a list of them, each `{ env = … }` or `{ file = … }`. `None` if the key is
    /// absent or an empty list; secrets that cannot be found are findings.
    pub(super) fn secrets(
        &mut self,
        table: &mut Table<'_, '_>,
        key: &'static str,
    ) -> Option<Vec<SecretString>> {
        let value = table.get(key)?;
        let single = std::slice::from_ref(value);
        let all: &[Spanned<DeValue<'_>>] = match value.get_ref().as_array() {
            Some(list) => list,
            None => single,
        };
        let found = || all.iter().filter_map(|value| self.secret(key, value)).collect();
        (!all.is_empty()).then(found)
    }

    /// The file that a secret is read from, if it is one. What is wrong with it, [`Self::secrets`]
    /// says.
    pub(super) fn secret_file(
        &self,
        table: &mut Table<'_, '_>,
        key: &'static str,
    ) -> Option<PathBuf> {
        let named = table.get(key)?.get_ref().as_table()?.get("file")?;
        Some(self.folder.join(named.get_ref().as_str()?))
    }

    fn secret(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<SecretString> {
        let help = format!("write `{key} = {{ env = \"NAME\" }}` or `{{ file = \"PATH\" }}`");
        let Some(table) = value.get_ref().as_table() else {
            // The value itself is not repeated: it may be the secret.
            let says = format!("`{key}` is a secret and must not stand in this file");
            self.say(Code::ConfigKind, value.span(), says, &help);
            return None;
        };
        let mut table = Table::new(table, value.span(), CODES);
        let variable = table.text("env", &mut self.findings);
        let file = table.text("file", &mut self.findings);
        table.finish(&mut self.findings);
        let (found, place) = match (&variable, &file) {
            (Some(name), None) => {
                (self.world.variable(name.value), format!("environment variable {}", name.value))
            }
            (None, Some(path)) => {
                let text = self.world.file(&self.folder.join(path.value)).ok();
                (text, format!("file {}", path.value))
            }
            (Some(_), Some(_)) | (None, None) => {
                let says = format!("`{key}` must name one place: env or file");
                self.say(Code::ConfigTwice, value.span(), says, &help);
                return None;
            }
        };
        if let Some(secret) = found.as_deref().and_then(secret_in) {
            return Some(secret);
        }
        let says = format!("`{key}` is not found: the {place} is empty, missing or not one line");
        let finding = Finding::new(Code::ConfigSecret, At::Span(value.span()), says)
            .help("set it before you start tillpost");
        if self.world.needs_secrets() {
            self.findings.push(finding);
            return None;
        }
        self.findings.push(finding.weighing(Severity::Warning));
        // Nobody sends it anywhere. It differs from every other, as real ones do.
        Some(SecretString::from(format!("{NOT_SET}{key} at {}", value.span().start)))
    }
}

/// The secret of a file or a variable: one line, blanks around it left out.
#[must_use]
pub fn secret_in(text: &str) -> Option<SecretString> {
    let text = text.trim();
    let one_line = !text.chars().any(char::is_control);
    let is_secret = !text.is_empty() && one_line && text.chars().count() <= SECRET_CHARS_MAX;
    is_secret.then(|| SecretString::from(text))
}
