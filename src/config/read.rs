//! From the text of `tillpost.toml` to a checked [`Config`], with every fault in one pass.

mod dataset;
mod keys;
pub(super) mod mapping_file;
pub(super) mod secret;
mod signing;
mod webhooks;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use toml::Spanned;
use toml::de::DeValue;

use super::{Config, FileReport, Http, Project, Report, Site, Users, World, limits};
use crate::core::finding::{At, Code, Finding, Findings};
use crate::core::mapping::{DatasetName, Datasets, Mapping};
use crate::core::money::Currency;
use crate::core::toml_reader::{Codes, Placed, Table, kind, parse, settled};

const CODES: Codes = Codes {
    syntax: Code::ConfigSyntax,
    key: Code::ConfigKey,
    kind: Code::ConfigKind,
    missing: Code::ConfigMissing,
    word: Code::ConfigRange,
};

pub(super) fn load(path: &Path, world: &dyn World) -> (Option<Config>, Report) {
    let text = match world.file(path) {
        Ok(text) => text,
        Err(error) => {
            let says = format!("cannot read the file: {error}");
            let finding = Finding::new(Code::ConfigFile, At::Span(0..0), says).help(
                "name another with --config, or try `tillpost serve --sandbox`, which needs none",
            );
            let findings = Findings::from_iter([finding]);
            let file = FileReport { path: path.to_owned(), text: String::new(), findings };
            return (None, Report { files: vec![file] });
        }
    };
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut reader = Reader { world, folder, findings: Findings::default(), mappings: Vec::new() };
    let config = reader.config(path, &text);
    let findings = settled(reader.findings, &text, CODES);
    let mut files = vec![FileReport { path: path.to_owned(), text, findings }];
    files.append(&mut reader.mappings);
    let report = Report { files };
    let config = config.filter(|_| !report.has_error());
    (config, report)
}

struct Reader<'w> {
    world: &'w dyn World,
    folder: PathBuf,
    findings: Findings,
    /// The mapping files, each reported once however many projects share it.
    mappings: Vec<FileReport>,
}

impl Reader<'_> {
    fn config(&mut self, path: &Path, text: &str) -> Option<Config> {
        let parsed = parse(text, CODES, &mut self.findings);
        let mut file = Table::new(parsed.get_ref(), 0..0, CODES);
        let http = self.http(&mut file);
        let store = self.store(&mut file);
        let (datasets, names) = self.datasets(&mut file);
        let projects = self.projects(&mut file, &names);
        let alerts = self.alerts(&mut file);
        file.finish(&mut self.findings);
        self.no_key_twice(&projects);
        let (store, retention_days) = (store.0?, store.1);
        let path = path.to_owned();
        Some(Config { path, http, store, retention_days, projects, datasets, alerts })
    }

    fn http(&mut self, file: &mut Table<'_, '_>) -> Http {
        let mut http = Http {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            admin_token: None,
        };
        let Some(mut table) = file.table("http", &mut self.findings) else { return http };
        let listen = self.address(&mut table, "listen");
        let admin_listen = self.address(&mut table, "admin_listen");
        let span = admin_listen.as_ref().or(listen.as_ref()).map(|address| address.span.clone());
        http.listen = listen.map_or(http.listen, |address| address.value);
        http.admin_listen = admin_listen.map_or(http.admin_listen, |address| address.value);
        if collide(http.listen, http.admin_listen) {
            let says = "`listen` and `admin_listen` are one address".to_owned();
            self.say(Code::ConfigTwice, span.unwrap_or_default(), says, "give them two ports");
        }
        let tokens = self.secrets(&mut table, "admin_token");
        let is_named = tokens.is_some();
        self.none_weak(&mut table, "admin_token", tokens.as_deref());
        http.admin_token = tokens.into_iter().flatten().next();
        if !http.admin_listen.ip().is_loopback() && !is_named {
            let help = "set `admin_token = { env = \"ADMIN_TOKEN\" }`, or listen on 127.0.0.1";
            table.missing("admin_token", help, &mut self.findings);
        }
        table.finish(&mut self.findings);
        http
    }

    /// Where alarms go. The address is a secret: whoever knows it can write there.
    fn alerts(&mut self, file: &mut Table<'_, '_>) -> Option<SecretString> {
        let mut table = file.table("alerts", &mut self.findings)?;
        let help = "write `webhook = { env = \"ALERTS_WEBHOOK\" }`";
        let span = table.get("webhook").map(Spanned::span);
        let Some(found) = self.secrets(&mut table, "webhook") else {
            table.missing("webhook", help, &mut self.findings);
            return None;
        };
        table.finish(&mut self.findings);
        let webhook = found.into_iter().next()?;
        if secret::is_not_set(&webhook) || dataset::is_safe(webhook.expose_secret()) {
            return Some(webhook);
        }
        let says =
            "`webhook` holds an address that is neither https nor on this machine".to_owned();
        self.say(Code::ConfigRange, span.unwrap_or_default(), says, "use an address with https");
        None
    }

    fn address(
        &mut self,
        table: &mut Table<'_, '_>,
        key: &'static str,
    ) -> Option<Placed<SocketAddr>> {
        let Placed { value: text, span } = table.text(key, &mut self.findings)?;
        let Ok(value) = text.parse() else {
            let says = format!("`{key}` is not an address with a port");
            self.say(Code::ConfigRange, span, says, "write \"127.0.0.1:8080\"");
            return None;
        };
        Some(Placed { value, span })
    }

    /// Where the books are, and for how many days they are kept.
    fn store(&mut self, file: &mut Table<'_, '_>) -> (Option<PathBuf>, u64) {
        let default = self.folder.join("tillpost-data").join("tillpost.db");
        let Some(mut table) = file.table("store", &mut self.findings) else {
            return (Some(default), limits::RETENTION_DAYS_DEFAULT);
        };
        let url = table.text("url", &mut self.findings);
        let days = self.number(&mut table, "retention_days", limits::RETENTION_DAYS);
        let days = days.unwrap_or(limits::RETENTION_DAYS_DEFAULT);
        table.finish(&mut self.findings);
        let Some(url) = url else { return (Some(default), days) };
        let path = match url.value.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Some(self.folder.join(path)),
            _ => {
                let says = "`url` names none of the stores that are known: sqlite".to_owned();
                self.say(
                    Code::ConfigRange,
                    url.span,
                    says,
                    "write \"sqlite:tillpost-data/tillpost.db\"",
                );
                None
            }
        };
        (path, days)
    }

    fn projects(
        &mut self,
        file: &mut Table<'_, '_>,
        names: &BTreeSet<DatasetName>,
    ) -> Vec<Project> {
        let mut projects: Vec<Project> = Vec::new();
        let Some(all) = file.get("projects").and_then(|value| {
            let list = value.get_ref().as_array();
            if list.is_none() {
                let says =
                    format!("`projects` must be a list of tables, not {}", kind(value.get_ref()));
                self.say(Code::ConfigKind, value.span(), says, "write [[projects]]");
            }
            list
        }) else {
            if file.get("projects").is_none() {
                file.missing(
                    "projects",
                    "add [[projects]] with name, server_key and mapping",
                    &mut self.findings,
                );
            }
            return projects;
        };
        for value in all {
            let Some(table) = self.inner(value) else { continue };
            let Some(project) = self.project(Table::new(table, value.span(), CODES), names) else {
                continue;
            };
            if projects.iter().any(|other| other.name == project.name) {
                let says = format!("two projects are called `{}`", project.name);
                self.say(Code::ConfigTwice, value.span(), says, "give one of them another name");
            }
            projects.push(project);
        }
        projects
    }

    fn project(
        &mut self,
        mut table: Table<'_, '_>,
        names: &BTreeSet<DatasetName>,
    ) -> Option<Project> {
        let name = self.required(&mut table, "name", "name = \"shop\"");
        let server_keys = self.keys(&mut table, "server_key");
        if server_keys.is_none() {
            let help = "write `server_key = { env = \"SHOP_SERVER_KEY\" }`";
            table.missing("server_key", help, &mut self.findings);
        }
        let site = self.site(&mut table);
        let client_tokens = self.keys(&mut table, "client_token").unwrap_or_default();
        let client_signing = self.client_signing(&mut table);
        let mapping = self.mapping(&mut table, names);
        let users = table.word("users", Users::ALL, Users::as_str, &mut self.findings);
        let currency = self.currency(&mut table);
        let hold_days = self.number(&mut table, "hold_days", limits::HOLD_DAYS);
        let rate = self.number(&mut table, "max_requests_per_second", limits::PER_SECOND);
        let user_wins = table.boolean("remove_by_user_wins", &mut self.findings);
        let webhooks = self.webhooks(&mut table);
        table.finish(&mut self.findings);
        let (mapping_path, mapping) = mapping?;
        Some(Project {
            name: name?.value,
            server_keys: server_keys?,
            client_tokens,
            client_signing,
            mapping_path,
            mapping,
            users: users.map_or(Users::Known, |word| word.value),
            currency,
            hold_days: hold_days.unwrap_or(7),
            max_requests_per_second: rate.and_then(|rate| u32::try_from(rate).ok()),
            remove_by_user_wins: user_wins.is_some_and(|flag| flag.value),
            site,
            webhooks,
        })
    }

    fn site(&mut self, table: &mut Table<'_, '_>) -> Site {
        let keys = self.keys(table, "site_key").unwrap_or_default();
        let closed = table.boolean("closed", &mut self.findings);
        let limit = self.number(table, "max_payments_per_month", limits::PER_MONTH);
        Site {
            keys,
            closed: closed.is_some_and(|closed| closed.value),
            max_payments_per_month: limit.and_then(|limit| u32::try_from(limit).ok()),
        }
    }

    fn mapping(
        &mut self,
        table: &mut Table<'_, '_>,
        names: &BTreeSet<DatasetName>,
    ) -> Option<(PathBuf, Mapping)> {
        let written = self.required(table, "mapping", "mapping = \"mappings/commerce.toml\"")?;
        let path = self.folder.join(&written.value);
        let (mapping, report) =
            match mapping_file::at_a_start(&path, Datasets::Known(names), self.world) {
                Ok(read) => read,
                Err(error) => {
                    let says = format!("cannot read the mapping file {}: {error}", path.display());
                    let help = "paths are relative to the folder of tillpost.toml";
                    self.say(Code::ConfigFile, written.span, says, help);
                    return None;
                }
            };
        if self.mappings.iter().all(|file| file.path != path) {
            self.mappings.push(report);
        }
        mapping.map(|mapping| (path, mapping))
    }

    fn currency(&mut self, table: &mut Table<'_, '_>) -> Option<Currency> {
        let text = table.text("currency", &mut self.findings)?;
        let found = Currency::read(text.value);
        if found.is_none() {
            let says = format!("`{}` is not an ISO 4217 currency", text.value);
            self.say(Code::ConfigRange, text.span, says, "write three letters such as \"INR\"");
        }
        found
    }

    fn required(
        &mut self,
        table: &mut Table<'_, '_>,
        key: &'static str,
        help: &str,
    ) -> Option<Placed<String>> {
        if table.get(key).is_none() {
            table.missing(key, &format!("write {help}"), &mut self.findings);
            return None;
        }
        let text = table.text(key, &mut self.findings)?;
        Some(Placed { value: text.value.to_owned(), span: text.span })
    }

    fn number(
        &mut self,
        table: &mut Table<'_, '_>,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let number = table.whole(key, &mut self.findings)?;
        if range.contains(&number.value) {
            return Some(number.value);
        }
        let says = format!("`{key}` is {}", number.value);
        let help = format!("write a number from {} to {}", range.start(), range.end());
        self.say(Code::ConfigRange, number.span, says, &help);
        None
    }

    fn inner<'t, 'i>(
        &mut self,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Option<&'t toml::de::DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let says = format!("here stands {}, where a table belongs", kind(value.get_ref()));
            self.say(Code::ConfigKind, value.span(), says, "write a table");
        }
        table
    }

    fn say(&mut self, code: Code, span: Range<usize>, says: String, help: &str) {
        self.findings.push(Finding::new(code, At::Span(span), says).help(help));
    }
}

/// Whether two listeners would fight for one port. Port 0 is a new one each time.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let overlap =
        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && overlap
}
