//! The keys that callers show: kept as digests, hard to guess, and each for one door.
//!
//! In: tables with `server_key`, `site_key`, `client_token` and what apps sign with. Out: digests, and
//! findings that name the setting and never the key. Deliberately absent: Meta's tokens and the
//! secrets of payment providers, which others make.

use secrecy::{ExposeSecret as _, SecretString};
use toml::Spanned;

use super::{Reader, secret};
use crate::config::Project;
use crate::core::finding::{At, Code, Finding};
use crate::core::key::KeyDigest;
use crate::core::toml_reader::Table;

/// Fewest characters of a key. Ours: 16 drawn by chance of 64 are 96 bits.
const KEY_CHARS_MIN: usize = 16;

/// Fewest different characters of a key: below, somebody held a finger on the keyboard. Random hex of
/// 16 digits has fewer about once in thirty thousand times.
const KEY_LETTERS_MIN: usize = 6;

/// What stands in front of every key that is printed by the program or in its documentation.
const SAMPLES: [&str; 3] = ["sandbox-server-key", "sandbox-site-key", "sandbox-client-token"];

impl Reader<'_> {
    /// The keys of one kind, as digests. `None` if the setting is absent or an empty list.
    pub(super) fn keys(
        &mut self,
        table: &mut Table<'_, '_>,
        key: &'static str,
    ) -> Option<Vec<KeyDigest>> {
        let secrets = self.secrets(table, key);
        self.none_weak(table, key, secrets.as_deref());
        let digest = |key: &SecretString| KeyDigest::of(key.expose_secret().as_bytes());
        Some(secrets?.iter().map(digest).collect())
    }

    /// Says which of these can be guessed.
    pub(super) fn none_weak(
        &mut self,
        table: &mut Table<'_, '_>,
        key: &'static str,
        secrets: Option<&[SecretString]>,
    ) {
        if self.world.is_play() {
            return;
        }
        let span = table.get(key).map(Spanned::span).unwrap_or_default();
        for secret in secrets.unwrap_or_default() {
            let Some(why) = weakness(secret) else { continue };
            let says = format!("a value of `{key}` can be guessed: {why}");
            let help = "make a long random one, such as with `openssl rand -hex 24`";
            self.say(Code::ConfigKeyWeak, span.clone(), says, help);
        }
    }

    /// One key for two projects: nobody could say whose payment it is. One for two doors: what is
    /// public opens what is not.
    pub(super) fn no_key_twice(&mut self, projects: &[Project]) {
        let mut seen: Vec<(&KeyDigest, &str, &str)> = Vec::new();
        for project in projects {
            let kinds = [
                ("server_key", &project.server_keys),
                ("site_key", &project.site.keys),
                ("client_token", &project.client_tokens),
            ];
            for (kind, key) in
                kinds.into_iter().flat_map(|(kind, keys)| keys.iter().map(move |key| (kind, key)))
            {
                let Some((_, other_kind, other)) = seen.iter().find(|(known, ..)| known.is(key))
                else {
                    seen.push((key, kind, &project.name));
                    continue;
                };
                let (code, says) = if *other_kind != kind {
                    let says = format!(
                        "`{other_kind}` of `{other}` and `{kind}` of `{}` are the same",
                        project.name
                    );
                    (Code::ConfigKeyShared, says)
                } else if *other != project.name {
                    let says = format!("`{other}` and `{}` have the same `{kind}`", project.name);
                    (Code::ConfigTwice, says)
                } else {
                    continue;
                };
                let help = "give each a key of its own, such as from `openssl rand -hex 24`";
                self.findings.push(Finding::new(code, At::Span(0..0), says).help(help));
            }
        }
    }
}

/// Why a key can be guessed, if it can.
fn weakness(key: &SecretString) -> Option<String> {
    if secret::is_not_set(key) {
        return None;
    }
    let text = key.expose_secret();
    let count = text.chars().count();
    if count < KEY_CHARS_MIN {
        return Some(format!("it has {count} characters, of {KEY_CHARS_MIN} at least"));
    }
    if SAMPLES.contains(&text.to_ascii_lowercase().as_str()) {
        return Some("it is the one of `tillpost serve --sandbox`".to_owned());
    }
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let few = letters.len() < KEY_LETTERS_MIN;
    few.then(|| format!("it has {} different characters", letters.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_mixed_and_nobody_elses() {
        for (key, expected) in [
            ("", Some("it has 0 characters")),
            ("test", Some("it has 4 characters")),
            ("0123456789abcde", Some("it has 15 characters")),
            ("0123456789abcdef", None),
            ("schlüssel-über-all", None),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", Some("it has 1 different characters")),
            ("abcdeabcdeabcdeabcde", Some("it has 5 different characters")),
            ("abcdefabcdefabcdefab", None),
            ("sandbox-server-key", Some("it is the one of")),
            ("Sandbox-Client-Token", Some("it is the one of")),
            ("not set: server_key at 12", None),
        ] {
            let found = weakness(&SecretString::from(key));
            let is_so =
                found.as_deref().map(|why| expected.is_some_and(|text| why.starts_with(text)));
            assert_eq!(is_so, expected.map(|_| true), "{key}: {found:?}");
        }
    }
}
