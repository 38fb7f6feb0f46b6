//! `[datasets.NAME]`: where events go, with which token, at what pace.

use std::collections::{BTreeMap, BTreeSet};

use super::{CODES, Reader};
use crate::config::{Dataset, META_ENDPOINT, META_VERSION, Sending, limits};
use crate::core::finding::Code;
use crate::core::mapping::DatasetName;
use crate::core::toml_reader::Table;

impl Reader<'_> {
    /// The datasets, and every name that stands there: a dataset whose token is missing is one that
    /// mapping files may name all the same.
    pub(super) fn datasets(
        &mut self,
        file: &mut Table<'_, '_>,
    ) -> (BTreeMap<DatasetName, Dataset>, BTreeSet<DatasetName>) {
        let mut datasets = BTreeMap::new();
        let mut names = BTreeSet::new();
        let Some(all) = file.table("datasets", &mut self.findings) else {
            let help = "add a table [datasets.NAME] with `id` and `access_token`";
            if file.get("datasets").is_none() {
                file.missing("datasets", help, &mut self.findings);
            }
            return (datasets, names);
        };
        for (key, value) in all.entries() {
            let name = DatasetName::read(key.value);
            if name.is_none() {
                let says = format!("`{}` is not a name for a dataset", key.value);
                self.say(Code::ConfigRange, key.span, says, "use letters, digits, `_` and `-`");
            }
            names.extend(name.clone());
            let Some(table) = self.inner(value) else { continue };
            let dataset = self.dataset(Table::new(table, value.span(), CODES));
            datasets.extend(name.zip(dataset));
        }
        (datasets, names)
    }

    fn dataset(&mut self, mut table: Table<'_, '_>) -> Option<Dataset> {
        let id = self.required(&mut table, "id", "Meta's number of the dataset: \"1234567890\"");
        let access_token_file = self.secret_file(&mut table, "access_token");
        let tokens = self.secrets(&mut table, "access_token");
        if tokens.is_none() {
            let help = "write `access_token = { env = \"META_ACCESS_TOKEN\" }`";
            table.missing("access_token", help, &mut self.findings);
        }
        let endpoint = self.endpoint(&mut table);
        let version = self.version(&mut table);
        let test_event_code = table.text("test_event_code", &mut self.findings);
        let sending = self.sending(&mut table);
        table.finish(&mut self.findings);
        let id = id?;
        if id.value.is_empty() || !id.value.bytes().all(|byte| byte.is_ascii_digit()) {
            let help = "copy the number from Events Manager";
            self.say(Code::ConfigRange, id.span, "`id` is not a number".into(), help);
        }
        Some(Dataset {
            id: id.value,
            access_token: tokens?.into_iter().next()?,
            access_token_file,
            endpoint: endpoint?,
            version: version?,
            test_event_code: test_event_code.map(|code| code.value.to_owned()),
            sending,
        })
    }

    /// Only https, or the loopback: a token must not cross a network in the clear.
    fn endpoint(&mut self, table: &mut Table<'_, '_>) -> Option<String> {
        let Some(text) = table.text("endpoint", &mut self.findings) else {
            return Some(META_ENDPOINT.to_owned());
        };
        if is_safe(text.value) {
            return Some(text.value.trim_end_matches('/').to_owned());
        }
        let says = "`endpoint` is neither https nor on this machine".to_owned();
        self.say(Code::ConfigRange, text.span, says, "write \"https://graph.facebook.com\"");
        None
    }

    fn version(&mut self, table: &mut Table<'_, '_>) -> Option<String> {
        let Some(text) = table.text("version", &mut self.findings) else {
            return Some(META_VERSION.to_owned());
        };
        let numbers = text.value.strip_prefix('v').and_then(|rest| rest.split_once('.'));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if numbers.is_some_and(|(major, minor)| digits(major) && digits(minor)) {
            return Some(text.value.to_owned());
        }
        let says = "`version` is not a version of the Graph API".to_owned();
        self.say(Code::ConfigRange, text.span, says, "write \"v25.0\"");
        None
    }

    fn sending(&mut self, table: &mut Table<'_, '_>) -> Sending {
        let default = Sending::default();
        let size = |number: Option<u64>, default: usize| {
            number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
        };
        let batch_events = self.number(table, "batch_events", limits::BATCH_EVENTS);
        let batch_bytes = self.number(table, "batch_bytes", limits::BATCH_BYTES);
        let wait = self.number(table, "batch_wait_ms", limits::BATCH_WAIT_MS);
        let in_flight = self.number(table, "max_in_flight", limits::IN_FLIGHT);
        let rate = self.number(table, "max_events_per_second", limits::PER_SECOND);
        let timeout = self.number(table, "timeout_ms", limits::TIMEOUT_MS);
        Sending {
            batch_events: size(batch_events, default.batch_events),
            batch_bytes: size(batch_bytes, default.batch_bytes),
            batch_wait_ms: wait.unwrap_or(default.batch_wait_ms),
            max_in_flight: size(in_flight, default.max_in_flight),
            max_events_per_second: rate.and_then(|rate| u32::try_from(rate).ok()),
            timeout_ms: timeout.unwrap_or(default.timeout_ms),
        }
    }
}

/// Whether an address may be told a secret: https, or this machine. What stands before an `@` looks
/// like a host and is none, so no address may have one.
pub(super) fn is_safe(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.strip_suffix(|c: char| c.is_ascii_digit()).map_or(authority, |_| {
        let name = authority.trim_end_matches(|c: char| c.is_ascii_digit());
        name.strip_suffix(':').unwrap_or(authority)
    });
    let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&host);
    !host.is_empty()
        && !authority.contains('@')
        && (scheme == "https" || scheme == "http" && is_local)
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn a_secret_goes_to_https_or_to_this_machine() {
        for (address, expected) in [
            ("https://graph.facebook.com", true),
            ("https://graph.facebook.com:443/v1", true),
            ("http://127.0.0.1", true),
            ("http://127.0.0.1:8090/x", true),
            ("http://localhost:8090", true),
            ("http://[::1]:8090", true),
            ("http://[::1]", true),
            ("http://graph.facebook.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1:x@example.invalid/", false),
            ("http://127.0.0.1@example.invalid/", false),
            ("https://user@example.invalid/", false),
            ("http://localhost.example.com", false),
            ("ftp://127.0.0.1", false),
            ("https://", false),
            ("127.0.0.1", false),
            // Other spellings of this machine, and what looks like it to one reader only.
            ("http://2130706433", false),
            ("http://0x7f.1", false),
            ("http://127.1", false),
            ("http://0.0.0.0", false),
            ("http://[::]", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("http://127.0.0.1\t.example.com", false),
            ("http://127.0.0.1%2eexample.com", false),
            ("http://127.0.0.1:80:80", false),
            ("http://localhost.", false),
            // Networks of others' machines and the clouds' metadata, in clear.
            ("http://10.0.0.1", false),
            ("http://172.16.0.1", false),
            ("http://192.168.0.1", false),
            ("http://100.64.0.1", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("http://[fe80::1]", false),
            ("http://[fd00::1]", false),
            ("http://metadata.google.internal", false),
            ("file:///etc/passwd", false),
            ("gopher://127.0.0.1", false),
        ] {
            assert_eq!(is_safe(address), expected, "{address}");
        }
    }
}
