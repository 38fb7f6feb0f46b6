//! `tillpost.toml`: every fault at its line and column, each said once, and no secret in any.
//!
//! A [`World`] made of two maps stands in for files and environment variables.

use std::io;

use secrecy::ExposeSecret;

use super::*;
use crate::core::finding::render::line_and_column;
use crate::core::finding::{At, Code};

const MAPPING: &str =
    "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nDEFAULT = \"Purchase\"\n";

const DATASET: &str = r#"[datasets.storefront]
id = "1234567890"
access_token = { env = "TOKEN" }
"#;

const PROJECT: &str = r#"[[projects]]
name = "shop"
server_key = { env = "KEY" }
mapping = "m.toml"
"#;

/// The text of `tillpost.toml`, beside one good mapping file and four variables.
#[derive(Debug)]
struct Made(String);

impl World for Made {
    fn file(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/etc/tillpost.toml") => Ok(self.0.clone()),
            Some("/etc/m.toml") => Ok(MAPPING.to_owned()),
            Some("/etc/bad.toml") => Ok(MAPPING.replace("version = 1", "version = 2")),
            Some("/etc/token") => Ok("canary-of-a-file\n".to_owned()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("canary-token-of-meta".to_owned()),
            "KEY" => Some("canary-key-number-one".to_owned()),
            "KEY2" => Some("canary-key-number-two".to_owned()),
            "SITE" => Some("canary-key-of-a-site".to_owned()),
            "SITE2" => Some("canary-key-of-another-site".to_owned()),
            "WEAK" => Some("canary-weak".to_owned()),
            "EMPTY" => Some("  ".to_owned()),
            "LINES" => Some("canary\nlines".to_owned()),
            _ => None,
        }
    }
}

fn loaded(text: &str) -> (Option<Config>, Report) {
    let (config, report) = load(Path::new("/etc/tillpost.toml"), &Made(text.to_owned()));
    assert_eq!(config.is_none(), report.has_error(), "refused if and only if an error: {text}");
    let printed = format!("{}{report:?}{config:?}", report.draw(Colour::Never));
    assert!(!printed.contains("canary"), "a secret is never printed: {printed}");
    (config, report)
}

/// Every finding of every file as (code, line, column), in the order of the files.
fn found(text: &str) -> Vec<(Code, usize, usize)> {
    let place = |text: &str, at: &At| match at {
        At::Span(span) => line_and_column(text, span.start),
        At::Pointer(_) => unreachable!("a file has spans"),
    };
    let of_file = |file: &FileReport| {
        let all = file.findings.iter().map(|finding| {
            let (line, column) = place(&file.text, &finding.at);
            (finding.code, line, column)
        });
        all.collect::<Vec<_>>()
    };
    loaded(text).1.files.iter().flat_map(of_file).collect()
}

#[test]
fn a_short_file_is_completed_with_defaults() {
    let (config, report) = loaded(&format!("{DATASET}{PROJECT}"));
    assert!(report.files.iter().all(|file| file.findings.is_empty()), "{report:?}");
    let config = config.expect("a configuration");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.store, Path::new("/etc/tillpost-data/tillpost.db"));
    let project = &config.projects[0];
    assert_eq!((project.users, project.hold_days, project.currency), (Users::Known, 7, None));
    assert!(project.server_keys[0].is(&KeyDigest::of(b"canary-key-number-one")));
    let (name, dataset) = config.datasets.iter().next().expect("a dataset");
    assert_eq!((name.as_str(), dataset.id.as_str()), ("storefront", "1234567890"));
    assert_eq!(
        (dataset.endpoint.as_str(), dataset.version.as_str()),
        (META_ENDPOINT, META_VERSION)
    );
    assert_eq!(dataset.sending, Sending::default());
}

/// The same for somebody who only looks.
#[derive(Debug)]
struct Looking(Made);

impl World for Looking {
    fn file(&self, path: &Path) -> io::Result<String> {
        self.0.file(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.0.variable(name)
    }

    fn needs_secrets(&self) -> bool {
        false
    }
}

#[test]
fn an_alarms_address_is_looked_at_wherever_it_is_found() {
    let text = |name: &str| {
        let alerts = format!("[alerts]\nwebhook = {{ env = \"{name}\" }}\n");
        Made(format!("{PROJECT}{DATASET}{alerts}"))
    };
    let path = Path::new("/etc/tillpost.toml");
    let codes = |report: Report| -> Vec<Code> {
        report.files[0].findings.iter().map(|finding| finding.code).collect()
    };
    // "canary-key-number-one" is no address at all.
    for (name, serving, looking) in [
        ("KEY", vec![Code::ConfigRange], vec![Code::ConfigRange]),
        ("NOWHERE", vec![Code::ConfigSecret], vec![Code::ConfigSecret]),
    ] {
        assert_eq!(codes(load(path, &text(name)).1), serving, "{name}");
        assert_eq!(codes(load(path, &Looking(text(name))).1), looking, "{name}");
    }
    let (config, _) = load(path, &Looking(text("NOWHERE")));
    let webhook = config.expect("a configuration").alerts.expect("an address");
    assert!(is_not_set(&webhook));
}

#[test]
fn secrets_of_webhooks_are_kept_by_provider() {
    let one = r#"webhooks = { stripe = { env = "KEY2" } }"#;
    let (config, _) = loaded(&format!("{DATASET}{PROJECT}{one}"));
    let webhooks = &config.expect("a configuration").projects[0].webhooks;
    let secrets = webhooks[&Provider::Stripe].iter().map(ExposeSecret::expose_secret);
    assert_eq!(secrets.collect::<Vec<&str>>(), ["canary-key-number-two"]);
    assert_eq!(webhooks.len(), 1, "nobody else is listened to");
    for (line, expected) in [
        (r#"webhooks = { stripe = [{ env = "KEY" }, { file = "token" }] }"#, vec![]),
        (r#"webhooks = { polar = { env = "KEY" }, lemonsqueezy = { env = "KEY" } }"#, vec![]),
        ("webhooks = {}", vec![]),
        ("webhooks = 5", vec![(Code::ConfigKind, 8, 12)]),
        (r#"webhooks = { strip = { env = "KEY" } }"#, vec![(Code::ConfigKey, 8, 14)]),
        (r#"webhooks = { stripe = "open" }"#, vec![(Code::ConfigKind, 8, 23)]),
        (r#"webhooks = { stripe = { env = "NOWHERE" } }"#, vec![(Code::ConfigSecret, 8, 23)]),
    ] {
        assert_eq!(found(&format!("{DATASET}{PROJECT}{line}")), expected, "{line}");
    }
}

#[test]
fn several_keys_are_valid_at_once_and_only_their_digests_are_kept() {
    let several = PROJECT.replace(r#"{ env = "KEY" }"#, r#"[{ env = "KEY" }, { env = "KEY2" }]"#);
    let (config, _) = loaded(&format!("{DATASET}{several}site_key = {{ file = \"token\" }}"));
    let project = &config.expect("a configuration").projects[0];
    let is_key = |keys: &[KeyDigest], text: &str| {
        keys.iter().any(|key| key.is(&KeyDigest::of(text.as_bytes())))
    };
    for (text, server, site) in [
        ("canary-key-number-one", true, false),
        ("canary-key-number-two", true, false),
        ("canary-of-a-file", false, true),
        ("canary", false, false),
    ] {
        let found = (is_key(&project.server_keys, text), is_key(&project.site.keys, text));
        assert_eq!(found, (server, site), "{text}");
    }
    let server = r#"site_key = { env = "KEY" }"#;
    assert_eq!(found(&format!("{DATASET}{PROJECT}{server}")), [(Code::ConfigKeyShared, 1, 1)]);
    // Nobody could say whose call it is.
    let other = PROJECT.replace("shop", "other").replace("KEY", "KEY2");
    let token = r#"client_token = { env = "TOKEN" }"#;
    let twice = format!("{DATASET}{PROJECT}{token}\n{other}{token}");
    assert_eq!(found(&twice), [(Code::ConfigTwice, 1, 1)]);
}

#[test]
fn a_key_that_can_be_guessed_is_named_where_it_stands_and_the_service_starts() {
    let weak = PROJECT.replace("KEY", "WEAK");
    for (text, expected) in [
        (format!("{DATASET}{weak}"), vec![(Code::ConfigKeyWeak, 6, 14)]),
        (
            format!("{DATASET}{PROJECT}site_key = [{{ file = \"token\" }}, {{ env = \"WEAK\" }}]"),
            vec![(Code::ConfigKeyWeak, 8, 12)],
        ),
        (
            format!("{DATASET}{PROJECT}client_token = {{ env = \"WEAK\" }}"),
            vec![(Code::ConfigKeyWeak, 8, 16)],
        ),
        (
            format!(
                "{DATASET}{PROJECT}client_signing = {{ key_id = \"a\", secret = {{ env = \"WEAK\" }} }}"
            ),
            vec![(Code::ConfigKeyWeak, 8, 43)],
        ),
        (
            format!("[http]\nadmin_token = {{ env = \"WEAK\" }}\n{DATASET}{PROJECT}"),
            vec![(Code::ConfigKeyWeak, 2, 15)],
        ),
        // Others make these.
        (format!("{DATASET}{PROJECT}webhooks = {{ stripe = {{ env = \"WEAK\" }} }}"), vec![]),
        (DATASET.replace("TOKEN", "WEAK") + PROJECT, vec![]),
    ] {
        assert_eq!(found(&text), expected, "{text}");
        assert!(loaded(&text).0.is_some(), "a warning: {text}");
    }
}

#[test]
fn what_apps_sign_with_has_a_name_and_a_secret() {
    let signing = |text: &str| format!("{DATASET}{PROJECT}client_signing = {text}");
    for (text, ids) in [
        (r#"{ key_id = "a", secret = { env = "KEY2" } }"#, vec!["a"]),
        (r#"{ key_id = "a", secret = [{ env = "KEY" }, { env = "KEY2" }] }"#, vec!["a", "a"]),
        (
            r#"[{ key_id = "a", secret = { env = "KEY" } }, { key_id = "b", secret = { file = "token" } }]"#,
            vec!["a", "b"],
        ),
        ("[]", vec![]),
    ] {
        let (config, _) = loaded(&signing(text));
        let keys = &config.expect(text).projects[0].client_signing;
        assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ids, "{text}");
        let secrets = keys.iter().map(|key| key.secret.expose_secret());
        assert!(secrets.into_iter().all(|secret| secret.starts_with("canary-")), "{text}");
    }
    for (text, expected) in [
        ("5", vec![(Code::ConfigKind, 8, 18)]),
        (r#"{ key_id = "a" }"#, vec![(Code::ConfigMissing, 8, 18)]),
        (r#"{ secret = { env = "KEY" } }"#, vec![(Code::ConfigMissing, 8, 18)]),
        (r#"{ key_id = 5, secret = { env = "KEY" } }"#, vec![(Code::ConfigKind, 8, 29)]),
        (r#"{ key_id = "a", secret = "open" }"#, vec![(Code::ConfigKind, 8, 43)]),
        (r#"{ key_id = "a", secret = { env = "EMPTY" } }"#, vec![(Code::ConfigSecret, 8, 43)]),
        (
            r#"{ keyid = "a", key_id = "a", secret = { env = "KEY" } }"#,
            vec![(Code::ConfigKey, 8, 20)],
        ),
    ] {
        assert_eq!(found(&signing(text)), expected, "{text}");
    }
}

#[test]
fn a_setting_of_the_http_table_is_right_or_its_fault_has_a_place() {
    for (lines, expected) in [
        ("", vec![]),
        (r#"listen = "0.0.0.0:80""#, vec![]),
        (
            r#"listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0""#,
            vec![],
        ),
        (r#"listen = "127.0.0.1""#, vec![(Code::ConfigRange, 2, 10)]),
        ("listen = 8080", vec![(Code::ConfigKind, 2, 10)]),
        (r#"listn = "127.0.0.1:80""#, vec![(Code::ConfigKey, 2, 1)]),
        ("listen", vec![(Code::ConfigSyntax, 2, 7)]),
        // One address for both, also where one of them is the default.
        (r#"listen = "127.0.0.1:8081""#, vec![(Code::ConfigTwice, 2, 10)]),
        (
            r#"listen = "127.0.0.1:9000"
admin_listen = "127.0.0.1:9000""#,
            vec![(Code::ConfigTwice, 3, 16)],
        ),
        (r#"listen = "0.0.0.0:8081""#, vec![(Code::ConfigTwice, 2, 10)]),
        // The admin API beyond the loopback wants a token; a missing one is one finding.
        (r#"admin_listen = "0.0.0.0:9000""#, vec![(Code::ConfigMissing, 1, 1)]),
        (
            r#"admin_listen = "0.0.0.0:9000"
admin_token = { env = "KEY" }"#,
            vec![],
        ),
        (
            r#"admin_listen = "0.0.0.0:9000"
admin_token = { env = "NOWHERE" }"#,
            vec![(Code::ConfigSecret, 3, 15)],
        ),
        (
            r#"admin_listen = "0.0.0.0:9000"
admin_token = []"#,
            vec![(Code::ConfigMissing, 1, 1)],
        ),
    ] {
        assert_eq!(found(&format!("[http]\n{lines}\n{DATASET}{PROJECT}")), expected, "{lines}");
    }
}

#[test]
fn a_setting_of_a_dataset_is_right_or_its_fault_has_a_place() {
    let id = r#"id = "1""#;
    let token = r#"access_token = { env = "TOKEN" }"#;
    let good = format!("{id}\n{token}\n");
    let also = |line: &str| format!("{good}{line}");
    for (lines, expected) in [
        (format!("{id}\naccess_token = {{ file = \"token\" }}"), vec![]),
        (token.to_owned(), vec![(Code::ConfigMissing, 1, 1)]),
        (format!("id = \"12a\"\n{token}"), vec![(Code::ConfigRange, 2, 6)]),
        (format!("id = 12\n{token}"), vec![(Code::ConfigKind, 2, 6)]),
        (id.to_owned(), vec![(Code::ConfigMissing, 1, 1)]),
        (format!("{id}\naccess_token = []"), vec![(Code::ConfigMissing, 1, 1)]),
        // The dataset exists all the same: the mapping file is not blamed (no M409).
        (
            format!("{id}\naccess_token = {{ env = \"NOWHERE\" }}"),
            vec![(Code::ConfigSecret, 3, 16)],
        ),
        (format!("{id}\naccess_token = {{ env = \"EMPTY\" }}"), vec![(Code::ConfigSecret, 3, 16)]),
        (format!("{id}\naccess_token = {{ env = \"LINES\" }}"), vec![(Code::ConfigSecret, 3, 16)]),
        (format!("{id}\naccess_token = {{ file = \"gone\" }}"), vec![(Code::ConfigSecret, 3, 16)]),
        (
            format!("{id}\naccess_token = {{ env = \"TOKEN\", file = \"token\" }}"),
            vec![(Code::ConfigTwice, 3, 16)],
        ),
        (format!("{id}\naccess_token = {{}}"), vec![(Code::ConfigTwice, 3, 16)]),
        (also("batch_events = 1000"), vec![]),
        (also("batch_events = 1001"), vec![(Code::ConfigRange, 4, 16)]),
        (also("batch_events = 0"), vec![(Code::ConfigRange, 4, 16)]),
        (also("batch_events = -1"), vec![(Code::ConfigKind, 4, 16)]),
        (also("batch_events = \"9\""), vec![(Code::ConfigKind, 4, 16)]),
        (also("endpoint = \"http://127.0.0.1:8090\""), vec![]),
        (also("endpoint = \"http://shop.example\""), vec![(Code::ConfigRange, 4, 12)]),
        (also("version = \"v25.0\""), vec![]),
        (also("version = \"25\""), vec![(Code::ConfigRange, 4, 11)]),
        (also("batch_evnts = 5"), vec![(Code::ConfigKey, 4, 1)]),
    ] {
        assert_eq!(
            found(&format!("[datasets.storefront]\n{lines}\n{PROJECT}")),
            expected,
            "{lines}"
        );
    }
}

#[test]
fn a_secret_that_stands_in_the_file_is_refused_and_not_repeated_in_a_sentence() {
    let text = format!("[datasets.storefront]\nid = \"1\"\naccess_token = \"hunter2\"\n{PROJECT}");
    let (_, report) = loaded(&text);
    let findings: Vec<_> = report.files.iter().flat_map(|file| file.findings.iter()).collect();
    let [finding] = findings.as_slice() else { unreachable!("one finding: {findings:?}") };
    assert_eq!(finding.code, Code::ConfigKind);
    assert!(!format!("{finding:?}").contains("hunter2"), "{finding:?}");
}

#[test]
fn a_project_is_right_or_its_fault_has_a_place() {
    let (name, key, mapping) =
        (r#"name = "shop""#, r#"server_key = { env = "KEY" }"#, r#"mapping = "m.toml""#);
    let good = format!("{name}\n{key}\n{mapping}\n");
    for (lines, expected) in [
        (good.clone(), vec![]),
        (format!("{key}\n{mapping}"), vec![(Code::ConfigMissing, 4, 1)]),
        (format!("{name}\n{mapping}"), vec![(Code::ConfigMissing, 4, 1)]),
        (format!("{name}\nserver_key = []\n{mapping}"), vec![(Code::ConfigMissing, 4, 1)]),
        (format!("{name}\n{key}"), vec![(Code::ConfigMissing, 4, 1)]),
        (format!("{name}\n{key}\nmapping = \"gone.toml\""), vec![(Code::ConfigFile, 7, 11)]),
        (
            format!("{name}\n{key}\nmapping = \"bad.toml\""),
            vec![(Code::MappingVersionUnknown, 1, 11)],
        ),
        (
            format!(
                "{name}\nserver_key = [{{ env = \"KEY\" }}, {{ env = \"NOWHERE\" }}]\n{mapping}"
            ),
            vec![(Code::ConfigSecret, 6, 32)],
        ),
        (format!("{good}users = \"open\""), vec![]),
        (format!("{good}users = \"everybody\""), vec![(Code::ConfigRange, 8, 9)]),
        (format!("{good}currency = \"Rs\""), vec![(Code::ConfigRange, 8, 12)]),
        (format!("{good}remove_by_user_wins = true"), vec![]),
        (format!("{good}remove_by_user_wins = \"yes\""), vec![(Code::ConfigKind, 8, 23)]),
        (format!("{good}hold_days = 91"), vec![(Code::ConfigRange, 8, 13)]),
        (format!("{good}[[projects]]\n{good}"), vec![(Code::ConfigTwice, 8, 1)]),
        (
            format!("{good}[[projects]]\nname = \"b\"\n{key}\n{mapping}"),
            vec![(Code::ConfigTwice, 1, 1)],
        ),
        (
            format!(
                "{good}[[projects]]\nname = \"b\"\nserver_key = {{ env = \"KEY2\" }}\n{mapping}"
            ),
            vec![],
        ),
    ] {
        assert_eq!(found(&format!("{DATASET}[[projects]]\n{lines}\n")), expected, "{lines}");
    }
}

#[test]
fn a_table_that_is_missing_or_no_table_is_said_once() {
    for (text, expected) in [
        (PROJECT.to_owned(), vec![(Code::ConfigMissing, 1, 1), (Code::MappingDataset, 3, 11)]),
        (DATASET.to_owned(), vec![(Code::ConfigMissing, 1, 1)]),
        (format!("projects = 5\n{DATASET}"), vec![(Code::ConfigKind, 1, 12)]),
        (
            format!("datasets = 5\n{PROJECT}"),
            vec![(Code::ConfigKind, 1, 12), (Code::MappingDataset, 3, 11)],
        ),
        (format!("[stroe]\n{DATASET}{PROJECT}"), vec![(Code::ConfigKey, 1, 2)]),
        (
            format!("[store]\nurl = \"postgres://x\"\n{DATASET}{PROJECT}"),
            vec![(Code::ConfigRange, 2, 7)],
        ),
        (
            format!(
                "[datasets.\"a b\"]\nid = \"1\"\naccess_token = {{ env = \"TOKEN\" }}\n{DATASET}{PROJECT}"
            ),
            vec![(Code::ConfigRange, 1, 11)],
        ),
    ] {
        assert_eq!(found(&text), expected, "{text}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (config, report) = load(Path::new("/nowhere.toml"), &Made(String::new()));
    assert!(config.is_none());
    let codes: Vec<Code> =
        report.files.iter().flat_map(|file| file.findings.iter().map(|f| f.code)).collect();
    assert_eq!(codes, [Code::ConfigFile]);
}

/// A mapping file beside its feed, if there is one.
#[derive(Debug)]
struct WithFeed(Option<&'static str>);

impl World for WithFeed {
    fn file(&self, path: &Path) -> io::Result<String> {
        let feed = || self.0.map(str::to_owned).ok_or(io::ErrorKind::NotFound.into());
        match path.to_str() {
            Some("/etc/feeds/f.csv") => feed(),
            Some("/etc/m.toml") => Ok(format!("{MAPPING}[catalog]\nfeed = \"feeds/f.csv\"\n")),
            _ => Made(format!("{PROJECT}{DATASET}")).file(path),
        }
    }

    fn stamp(&self, path: &Path) -> Option<FeedStamp> {
        let bytes = u64::try_from(self.file(path).ok()?.len()).ok()?;
        Some(FeedStamp { modified: None, bytes })
    }

    fn variable(&self, name: &str) -> Option<String> {
        Made(String::new()).variable(name)
    }
}

/// A start goes on without a catalogue; whoever has an older mapping keeps that.
#[test]
fn a_feed_that_cannot_be_used_refuses_the_file_but_no_start() {
    for (feed, code, products) in [
        (Some("id,price\na,1 USD\nb,2 USD\n"), None, Some(2)),
        (Some("id,price\na,1 USD\na,2 USD\n"), Some(Code::FeedRows), Some(1)),
        (Some("sku;price\na;1\n"), Some(Code::FeedEmpty), None),
        (Some(""), Some(Code::FeedEmpty), None),
        (None, Some(Code::FeedUnreadable), None),
    ] {
        let world = WithFeed(feed);
        let known = [DatasetName::read("storefront").expect("a name")].into();
        let datasets = crate::core::mapping::Datasets::Known(&known);
        let path = Path::new("/etc/m.toml");
        let (mapping, report) = mapping_file(path, datasets, &world).expect("the file is there");
        let found = report.findings.iter().next();
        assert_eq!(found.map(|finding| finding.code), code, "{feed:?}");
        if let Some(At::Span(span)) = found.map(|finding| &finding.at) {
            assert_eq!(line_and_column(&report.text, span.start), (7, 8), "{feed:?}");
        }
        assert_eq!(mapping.is_some(), products.is_some(), "a reload keeps the older one: {feed:?}");
        let (config, report) = load(Path::new("/etc/tillpost.toml"), &world);
        assert_eq!(report.count(Severity::Warning), usize::from(code.is_some()), "{feed:?}");
        let mapping = &config.expect("a start").projects[0].mapping;
        assert_eq!(
            mapping.catalog().map(crate::core::catalog::Catalog::products),
            products,
            "{feed:?}"
        );
        let stamp = feed_stamp(path, mapping, &world).map(|stamp| stamp.bytes);
        assert_eq!(stamp, feed.map(|feed| feed.len() as u64), "{feed:?}");
    }
}

#[test]
fn a_site_has_keys_a_limit_and_an_end() {
    let site = |lines: &str| {
        let (config, report) = loaded(&format!("{DATASET}{PROJECT}{lines}"));
        let config = config.unwrap_or_else(|| panic!("{lines}: {report:?}"));
        let Site { keys, closed, max_payments_per_month } = config.projects[0].site.clone();
        (keys.len(), closed, max_payments_per_month)
    };
    for (lines, expected) in [
        ("", (0, false, None)),
        ("site_key = { env = \"SITE\" }\nclosed = true\n", (1, true, None)),
        ("site_key = [{ env = \"SITE\" }, { env = \"SITE2\" }]\n", (2, false, None)),
        ("max_payments_per_month = 1\nclosed = false\n", (0, false, Some(1))),
        ("max_payments_per_month = 1000000000\n", (0, false, Some(1_000_000_000))),
    ] {
        assert_eq!(site(lines), expected, "{lines}");
    }
    for (lines, expected) in [
        ("max_payments_per_month = 0\n", Code::ConfigRange),
        ("max_payments_per_month = 1000000001\n", Code::ConfigRange),
        ("max_payments_per_month = \"1\"\n", Code::ConfigKind),
        ("closed = \"yes\"\n", Code::ConfigKind),
        ("site_key = \"open\"\n", Code::ConfigKind),
        ("site_key = { env = \"NOBODY\" }\n", Code::ConfigSecret),
    ] {
        let codes: Vec<Code> =
            found(&format!("{DATASET}{PROJECT}{lines}")).iter().map(|found| found.0).collect();
        assert_eq!(codes, [expected], "{lines}");
    }
}

#[test]
fn two_projects_have_no_site_key_in_common() {
    let other = PROJECT.replace("shop", "other").replace("KEY", "KEY2");
    let both = |second: &str| {
        let key = |name: &str| format!("site_key = {{ env = \"{name}\" }}\n");
        let text = format!("{DATASET}{PROJECT}{}{other}{}", key("SITE"), key(second));
        found(&text).iter().map(|found| found.0).collect::<Vec<_>>()
    };
    assert_eq!(both("SITE"), [Code::ConfigTwice]);
    assert_eq!(both("SITE2"), []);
}
