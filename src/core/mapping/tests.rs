//! Mapping files: every fault at its line and column, each said once.
//!
//! Sources: section 4 of the contract. Lines and columns are counted by hand in the row.

use std::collections::BTreeSet;

use super::super::finding::Severity;
use super::super::finding::render::line_and_column;
use super::super::finding::{At, Code};
use super::*;

const HEAD: &str = "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\n";

/// Every finding as (code, line, column).
fn found(source: &str) -> Vec<(Code, usize, usize)> {
    let known: BTreeSet<DatasetName> =
        ["storefront", "app_store"].into_iter().filter_map(DatasetName::read).collect();
    let (mapping, findings) = compile(source, Datasets::Known(&known));
    assert_eq!(
        mapping.is_none(),
        findings.has_error(),
        "refused if and only if an error: {source}"
    );
    let place = |at: &At| match at {
        At::Span(span) => {
            assert!(span.start <= span.end && span.end <= source.len(), "{span:?} in {source}");
            line_and_column(source, span.start)
        }
        At::Pointer(_) => unreachable!("a file has spans"),
    };
    findings
        .iter()
        .map(|finding| {
            let (line, column) = place(&finding.at);
            (finding.code, line, column)
        })
        .collect()
}

/// What is found in [`HEAD`] and these lines; the first of them is line 5.
fn after_head(lines: &str) -> Vec<(Code, usize, usize)> {
    found(&format!("{HEAD}{lines}"))
}

#[test]
fn a_rule_is_right_or_its_fault_has_a_place() {
    for (line, expected) in [
        (r#"DEFAULT = "Purchase""#, vec![]),
        (r#"DEFAULT = { event = "Purchase" }"#, vec![]),
        (r#"DEFAULT = { event = "WalletTopup", custom_event = true }"#, vec![]),
        (r#"DEFAULT = { forward = false, because = "money out" }"#, vec![]),
        (
            r#"DEFAULT = { event = "Purchase", dataset = ["app_store", "storefront", "app_store"] }"#,
            vec![],
        ),
        ("DEFAULT = Purchase", vec![(Code::MappingSyntax, 5, 11)]),
        (r#"FIRST_PAYMNT = "Purchase""#, vec![(Code::MappingType, 5, 1)]),
        (r#"DEFAULT = "purchase""#, vec![(Code::MappingEvent, 5, 11)]),
        (r#"DEFAULT = "WalletTopup""#, vec![(Code::MappingEvent, 5, 11)]),
        ("DEFAULT = 5", vec![(Code::MappingKind, 5, 11)]),
        ("DEFAULT = []", vec![(Code::MappingKind, 5, 11)]),
        ("DEFAULT = { event = 5 }", vec![(Code::MappingKind, 5, 21)]),
        (
            r#"DEFAULT = { evnt = "Purchase" }"#,
            vec![(Code::MappingMissing, 5, 11), (Code::MappingKey, 5, 13)],
        ),
        (
            r#"DEFAULT = { event = "Purchase", custom_event = true }"#,
            vec![(Code::MappingEvent, 5, 21)],
        ),
        ("DEFAULT = { forward = false }", vec![(Code::MappingMissing, 5, 11)]),
        (r"DEFAULT = { forward = false, because = 5 }", vec![(Code::MappingKind, 5, 40)]),
        // A flag of the wrong kind is one fault, not two.
        (r#"DEFAULT = { forward = "false" }"#, vec![(Code::MappingKind, 5, 23)]),
        (
            r#"DEFAULT = { event = "WalletTopup", custom_event = "true" }"#,
            vec![(Code::MappingKind, 5, 51)],
        ),
        // An event beside `forward = false` has no effect: a warning.
        (
            r#"DEFAULT = { forward = false, because = "x", event = "Purchase" }"#,
            vec![(Code::MappingKey, 5, 53)],
        ),
        (
            r#"DEFAULT = { event = "Purchase", action_source = "web" }"#,
            vec![(Code::MappingWord, 5, 49)],
        ),
        (r#"DEFAULT = { event = "Purchase", currency = "Rs" }"#, vec![(Code::MappingWord, 5, 44)]),
        (
            r#"DEFAULT = { event = "Purchase", profile = "catalogue" }"#,
            vec![(Code::MappingWord, 5, 43)],
        ),
        (
            r#"DEFAULT = { event = "Purchase", action_source = "app", without_device = "app" }"#,
            vec![(Code::MappingWord, 5, 73)],
        ),
        (
            r#"DEFAULT = { event = "Purchase", statuses = ["DONE"] }"#,
            vec![(Code::MappingWord, 5, 45)],
        ),
        (r#"DEFAULT = { event = "Purchase", statuses = [] }"#, vec![(Code::MappingMissing, 5, 44)]),
        (r#"DEFAULT = { event = "Purchase", statuses = 5 }"#, vec![(Code::MappingKind, 5, 44)]),
        (r#"DEFAULT = { event = "Purchase", dataset = [] }"#, vec![(Code::MappingMissing, 5, 43)]),
        (
            r#"DEFAULT = { event = "Purchase", dataset = "shop" }"#,
            vec![(Code::MappingDataset, 5, 43)],
        ),
        (r#"DEFAULT = { event = "Purchase", dataset = 5 }"#, vec![(Code::MappingKind, 5, 43)]),
        ("DEFAULT = \"Purchase\"\nDEFAULT = \"Purchase\"", vec![(Code::MappingSyntax, 6, 1)]),
    ] {
        assert_eq!(after_head(line), expected, "{line}");
    }
}

#[test]
fn weights_regions_and_countries_are_known_or_have_a_place() {
    for (line, expected) in [
        (
            r#"DEFAULT = { event = "Lead", checks = { E207 = "block", p204 = "off", U303 = "block" } }"#,
            vec![],
        ),
        (
            r#"DEFAULT = { event = "Lead", checks = { E999 = "off" } }"#,
            vec![(Code::MappingKey, 5, 40)],
        ),
        // Found before an event is decided: its weight is fixed.
        (
            r#"DEFAULT = { event = "Lead", checks = { P104 = "off" } }"#,
            vec![(Code::MappingKey, 5, 40)],
        ),
        // What Meta refuses always blocks.
        (
            r#"DEFAULT = { event = "Lead", checks = { E233 = "warn" } }"#,
            vec![(Code::MappingWord, 5, 47)],
        ),
        (
            r#"DEFAULT = { event = "Lead", checks = { E207 = "error" } }"#,
            vec![(Code::MappingWord, 5, 47)],
        ),
        (
            r#"DEFAULT = { event = "Lead", checks = { E207 = 5 } }"#,
            vec![(Code::MappingWord, 5, 47)],
        ),
        (r#"DEFAULT = { event = "Lead", checks = "off" }"#, vec![(Code::MappingKind, 5, 38)]),
        (r#"DEFAULT = { event = "Lead", limited_data_use = true }"#, vec![]),
        (
            r#"DEFAULT = { event = "Lead", limited_data_use = { country = 1, state = 1000 } }"#,
            vec![],
        ),
        (
            r#"DEFAULT = { event = "Lead", limited_data_use = { country = 1, state = 6 } }"#,
            vec![(Code::MappingWord, 5, 48)],
        ),
        (
            r#"DEFAULT = { event = "Lead", limited_data_use = { country = 1 } }"#,
            vec![(Code::MappingMissing, 5, 48)],
        ),
        (
            r#"DEFAULT = { event = "Lead", limited_data_use = { country = 1, stat = 1000 } }"#,
            vec![(Code::MappingMissing, 5, 48), (Code::MappingKey, 5, 63)],
        ),
        (
            r#"DEFAULT = { event = "Lead", limited_data_use = "yes" }"#,
            vec![(Code::MappingKind, 5, 48)],
        ),
        // The country of phone numbers is the file's, because signups are hashed with it too.
        (
            r#"DEFAULT = { event = "Lead", default_country = "IN" }"#,
            vec![(Code::MappingKey, 5, 29)],
        ),
    ] {
        assert_eq!(after_head(line), expected, "{line}");
    }
    let with = |country: &str| {
        found(&format!(
            "version = 1\n[defaults]\ndataset = \"storefront\"\ndefault_country = {country}\n[payments]\n"
        ))
    };
    assert_eq!(with("\"IN\""), []);
    assert_eq!(with("\"India\""), [], "by its name too");
    assert_eq!(with("\"Indja\""), [(Code::MappingWord, 4, 19)]);
    assert_eq!(with("91"), [(Code::MappingKind, 4, 19)]);
}

#[test]
fn a_custom_name_is_nobody_elses() {
    for (name, expected) in [
        ("WalletTopup", vec![]),
        ("Purchase", vec![(Code::MappingEvent, 5, 21)]),
        (" ", vec![(Code::MappingEvent, 5, 21)]),
        ("AppendValue", vec![(Code::MappingEvent, 5, 21)]),
        ("Purchases", vec![(Code::MappingEventNear, 5, 21)]),
        ("fb_mobile_purchase", vec![(Code::MappingEventNear, 5, 21)]),
    ] {
        let line = format!(r#"DEFAULT = {{ event = "{name}", custom_event = true }}"#);
        assert_eq!(after_head(&line), expected, "{name}");
    }
}

#[test]
fn a_name_from_elsewhere_is_translated() {
    for (name, help) in [
        ("checkout", "Meta calls it `InitiateCheckout`; "),
        ("Sign up", "Meta calls it `CompleteRegistration`; "),
        ("add to cart", "did you mean `AddToCart`? "),
        ("WalletTopup", "for an event of your own write "),
    ] {
        let (_, findings) = compile(&format!("{HEAD}DEFAULT = \"{name}\"\n"), Datasets::Any);
        let said = findings.iter().find_map(|finding| finding.help.clone()).unwrap_or_default();
        assert!(said.starts_with(help), "{name}: {said}");
    }
}

#[test]
fn a_custom_name_has_a_limit() {
    for (chars, expected) in [(50, vec![]), (51, vec![(Code::MappingEvent, 5, 21)])] {
        let name = "é".repeat(chars);
        let line = format!(r#"DEFAULT = {{ event = "{name}", custom_event = true }}"#);
        assert_eq!(after_head(&line), expected, "{chars} characters");
    }
}

#[test]
fn a_fault_of_the_whole_file_is_said_once() {
    let rules = "[payments]\nDEFAULT = \"Purchase\"\nONE_TIME = \"Purchase\"\n";
    for (head, expected) in [
        ("version = 1\n[defaults]\ndataset = \"storefront\"\n", vec![]),
        ("[defaults]\ndataset = \"storefront\"\n", vec![(Code::MappingMissing, 1, 1)]),
        (
            "version = 2\n[defaults]\ndataset = \"storefront\"\n",
            vec![(Code::MappingVersionUnknown, 1, 11)],
        ),
        (
            "version = \"1\"\n[defaults]\ndataset = \"storefront\"\n",
            vec![(Code::MappingKind, 1, 11)],
        ),
        ("version = -1\n[defaults]\ndataset = \"storefront\"\n", vec![(Code::MappingKind, 1, 11)]),
        // One unknown dataset, whatever number of rules rely on it.
        ("version = 1\n[defaults]\ndataset = \"shop\"\n", vec![(Code::MappingDataset, 3, 11)]),
        ("version = 1\n[defaults]\ndataset = []\n", vec![(Code::MappingMissing, 3, 11)]),
        ("version = 1\n[defaults]\ndataset = 5\n", vec![(Code::MappingKind, 3, 11)]),
        (
            "version = 1\ndefaults = 5\n",
            vec![
                (Code::MappingKind, 2, 12),
                (Code::MappingMissing, 4, 11),
                (Code::MappingMissing, 5, 12),
            ],
        ),
        (
            "version = 1\ndescription = 5\n[defaults]\ndataset = \"storefront\"\n",
            vec![(Code::MappingKind, 2, 15)],
        ),
        (
            "version = 1\n[defaults]\ndataset = \"storefront\"\naction_sorce = \"app\"\n",
            vec![(Code::MappingKey, 4, 1)],
        ),
        // Without any dataset each rule says where it misses one.
        ("version = 1\n", vec![(Code::MappingMissing, 3, 11), (Code::MappingMissing, 4, 12)]),
    ] {
        let source = format!("{head}{rules}");
        assert_eq!(found(&source), expected, "{source}");
    }
    assert_eq!(found(""), [(Code::MappingMissing, 1, 1), (Code::MappingMissing, 1, 1)]);
    assert_eq!(found("version = 1\npayments = 5\n"), [(Code::MappingKind, 2, 12)]);
}

#[test]
fn an_ignored_event_and_a_near_name_only_warn() {
    for line in [
        r#"DEFAULT = { forward = false, because = "x", event = "Purchase" }"#,
        r#"DEFAULT = { event = "Purchases", custom_event = true }"#,
    ] {
        let (mapping, findings) = compile(&format!("{HEAD}{line}"), Datasets::Any);
        assert!(mapping.is_some(), "{line}");
        assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{line}");
    }
}

#[test]
fn a_help_names_no_key_twice() {
    let (_, findings) = compile(&format!("{HEAD}DEFAULT = {{ zzzzzz = 1 }}"), Datasets::Any);
    let help = findings.iter().filter_map(|finding| finding.help.as_deref());
    let lists: Vec<&str> = help.filter(|help| help.contains("known here")).collect();
    let [list] = lists.as_slice() else { unreachable!("one unknown key: {lists:?}") };
    for key in ["`event`", "`dataset`", "`statuses`", "`because`", "`forward`"] {
        assert_eq!(list.matches(key).count(), 1, "{key} in {list}");
    }
}

#[test]
fn a_mapping_knows_its_datasets_and_its_version() {
    let source = format!(
        "{HEAD}DEFAULT = \"Purchase\"\nONE_TIME = {{ event = \"Lead\", dataset = [\"b\", \"a\"] }}\n"
    );
    let mapping = compile(&source, Datasets::Any).0.expect(&source);
    let names: Vec<&str> = mapping.datasets().into_iter().map(DatasetName::as_str).collect();
    assert_eq!(names, ["a", "b", "storefront"]);
    assert_eq!(mapping.version(), &MappingVersion::of(&source));
    assert_ne!(mapping.version(), &MappingVersion::of(&format!("{source}\n")), "one byte more");
    assert_eq!(mapping.version().as_str().len(), 12);
    for (text, is_name) in [("a-B_9", true), ("", false), ("app store", false), ("é", false)] {
        assert_eq!(DatasetName::read(text).is_some(), is_name, "{text}");
    }
    let longest = "x".repeat(64);
    assert!(DatasetName::read(&longest).is_some());
    assert!(DatasetName::read(&format!("{longest}x")).is_none());
}

#[test]
fn two_thousand_broken_files_are_refused_with_a_place_or_compile() {
    let pieces =
        ["\"", "[", "]", "{", "}", "=", "#", "\n", ",", "é", "5", "true", "DEFAULT", "\0", "-"];
    let files = [
        include_str!("../../../mappings/commerce.toml"),
        include_str!("../../../mappings/subscription.toml"),
        include_str!("../../../mappings/wallet.toml"),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let (mut refused, mut compiled) = (0, 0);
    for round in 0..2_000 {
        let mut chars: Vec<char> = files[round % files.len()].chars().collect();
        for _ in 0..random.usize(1..5) {
            let at = random.usize(..chars.len());
            match random.u8(..3) {
                0 => drop(chars.drain(at..(at + random.usize(1..12)).min(chars.len()))),
                1 => drop(chars.splice(at..at, pieces[random.usize(..pieces.len())].chars())),
                _ => chars.swap(at, random.usize(..at.max(1))),
            }
        }
        let source: String = chars.into_iter().collect();
        // `found` holds: refused if and only if there is an error, and every span lies inside.
        let findings = found(&source);
        *(if findings.is_empty() { &mut compiled } else { &mut refused }) += 1;
    }
    assert!(refused > 500 && compiled > 100, "{refused} refused, {compiled} compiled");
}

#[test]
fn every_form_of_the_language_compiles() {
    let source = include_str!("../../../tests/corpus/mappings/v1/every-form.toml");
    assert_eq!(found(source), []);
}

#[test]
fn conditions_and_their_order_are_judged_at_their_place() {
    let rules = |first: &str, second: &str| {
        after_head(&format!(
            "[[payments.RECURRING]]\n{first}\nevent = \"Lead\"\n[[payments.RECURRING]]\n{second}\nevent = \"Lead\"\n"
        ))
    };
    let paid = "when = { amount = { at_least = 100 } }";
    for (first, second, expected) in [
        (paid, "", vec![]),
        ("", paid, vec![(Code::MappingUnreachable, 8, 1)]),
        (paid, paid, vec![(Code::MappingUnreachable, 8, 1)]),
        (paid, "when = { amount = { at_least = 200 } }", vec![(Code::MappingUnreachable, 8, 1)]),
        (paid, "when = { amount = { at_least = 50 } }", vec![]),
        (
            "when = { amount = { at_least = 5, at_most = 4 } }",
            "",
            vec![(Code::MappingUnreachable, 5, 1)],
        ),
        ("when = { amout = 5 }", "", vec![(Code::MappingPath, 6, 10)]),
        ("when = { \"event_data\" = 5 }", "", vec![(Code::MappingPath, 6, 10)]),
        ("when = { amount = [5] }", "", vec![(Code::MappingKind, 6, 19)]),
        ("when = { amount = { atleast = 5 } }", "", vec![(Code::MappingKey, 6, 21)]),
        ("when = { amount = {} }", "", vec![(Code::MappingKind, 6, 19)]),
        ("when = { amount = { one_of = [] } }", "", vec![(Code::MappingKind, 6, 30)]),
        ("when = { amount = { at_most = \"5\" } }", "", vec![(Code::MappingKind, 6, 31)]),
        ("when = { status = \"PAID\" }", "", vec![(Code::MappingWord, 6, 19)]),
        ("when = { type = \"SALE\" }", "", vec![(Code::MappingWord, 6, 17)]),
        ("when = { currency = \"inr\" }", "", vec![(Code::MappingWord, 6, 21)]),
        ("when = { status = \"PAYMENT_FAILED\" }", "", vec![(Code::MappingUnreachable, 5, 1)]),
        ("when = 5", "", vec![(Code::MappingKind, 6, 8)]),
    ] {
        assert_eq!(rules(first, second), expected, "{first} / {second}");
    }
}

#[test]
fn sources_and_templates_name_something_or_their_fault_has_a_place() {
    for (setting, code, column) in [
        (r#"value = "event_data.total""#, None, 0),
        (r#"value = ["event_data.total", "amount"]"#, None, 0),
        (r#"value = "sum(contents)""#, None, 0),
        (r"value = 9.99", None, 0),
        (r#"value = "evnt_data.total""#, Some(Code::MappingPath), 41),
        (r#"value = "sum(lines)""#, Some(Code::MappingPath), 41),
        (r"value = true", Some(Code::MappingKind), 41),
        (r#"num_items = "count(contents)""#, None, 0),
        (r#"num_items = "sum(contents)""#, Some(Code::MappingPath), 45),
        (r#"currency = ["event_data.cur", "INR"]"#, None, 0),
        (r#"currency = "evnt_data.cur""#, Some(Code::MappingPath), 44),
        (r#"content_id = { strip_prefix = "wc_", case = "lower" }"#, None, 0),
        (r#"content_id = { strip = "wc_" }"#, Some(Code::MappingKey), 48),
        (r#"content_id = { case = "small" }"#, Some(Code::MappingWord), 55),
        (r#"contents = { each = "event_data.lines", id = "sku" }"#, None, 0),
        (r#"contents = { id = "sku" }"#, Some(Code::MappingMissing), 44),
        (r#"contents = { each = "amount" }"#, Some(Code::MappingPath), 53),
        (r#"contents = { each = "event_data.l", sku = "x" }"#, Some(Code::MappingKey), 69),
        (r#"custom_data = { plan = "{event_data.plan}", n = 5, ok = true }"#, None, 0),
        (r#"custom_data = { plan = "{event_data.plan" }"#, Some(Code::MappingPath), 56),
        ("custom_data = { value = 5 }", Some(Code::MappingKey), 49),
        ("custom_data = { list = [1] }", Some(Code::MappingKind), 56),
        (r#"event_id = "{type}-{payment_id}""#, None, 0),
        (r#"event_id = "{type}""#, Some(Code::MappingPath), 44),
        (r#"external_id = "plain""#, None, 0),
        (r#"external_id = "clear""#, Some(Code::MappingWord), 47),
        (r#"consent = "event_data.ok""#, None, 0),
        (r#"consent = "ok""#, Some(Code::MappingPath), 43),
        (r"send_revenue = false", Some(Code::MappingUnsendable), 11),
    ] {
        let line = format!(r#"DEFAULT = {{ event = "Purchase", {setting} }}"#);
        let expected: Vec<_> = code.map(|code| (code, 5, column)).into_iter().collect();
        assert_eq!(after_head(&line), expected, "{line}");
    }
}

#[test]
fn tests_of_a_file_are_read_and_their_faults_have_places() {
    let rule = "DEFAULT = \"Lead\"\n";
    for (test, expected) in [
        (
            "[[test]]\nname = \"a\"\npayment = { amount = 5, user_id = \"u\" }\nexpect = { verdict = \"forward\" }\n",
            vec![],
        ),
        (
            "[[test]]\npayment = { amount = 5, user_id = \"u\" }\nexpect = { reason = \"rule\" }\n",
            vec![(Code::MappingMissing, 6, 1)],
        ),
        (
            "[[test]]\nname = \"a\"\npayment = 5\nexpect = { reason = \"rule\" }\n",
            vec![(Code::MappingKind, 8, 11)],
        ),
        (
            "[[test]]\nname = \"a\"\npayment = { amount = 5, user_id = \"u\" }\nexpect = { verdct = \"forward\" }\n",
            vec![(Code::MappingKey, 9, 12)],
        ),
        ("test = 5\n", vec![(Code::MappingType, 6, 1)]),
    ] {
        assert_eq!(after_head(&format!("{rule}{test}")), expected, "{test}");
    }
}

#[test]
fn a_feed_is_named_or_its_fault_has_a_place() {
    for (lines, expected) in [
        ("[catalog]\nfeed = \"f.csv\"", vec![]),
        ("[catalog]\nfeed = \"f\"\nformat = \"tsv\"", vec![]),
        ("[catalog]", vec![(Code::MappingMissing, 6, 1)]),
        ("[catalog]\nfeed = \" \"", vec![(Code::MappingMissing, 7, 8)]),
        ("[catalog]\nfeed = 5", vec![(Code::MappingKind, 7, 8)]),
        ("[catalog]\nfeed = \"f\"\nformat = \"xlsx\"", vec![(Code::MappingWord, 8, 10)]),
        ("[catalog]\nfeed = \"f\"\nfromat = \"csv\"", vec![(Code::MappingKey, 8, 1)]),
    ] {
        assert_eq!(after_head(&format!("DEFAULT = \"Lead\"\n{lines}\n")), expected, "{lines}");
    }
    let source =
        format!("{HEAD}DEFAULT = \"Lead\"\n[catalog]\nfeed = \"f.csv\"\nformat = \"rss\"\n");
    let mapping = compile(&source, Datasets::Any).0.expect(&source);
    let feed = mapping.feed().expect("a feed");
    assert_eq!((&*feed.path, feed.format), ("f.csv", Some(super::super::catalog::FeedFormat::Rss)));
    assert!(mapping.catalog().is_none(), "the compiler reads no file");
}

#[test]
fn rules_that_contradict_or_leave_nothing_are_judged_at_their_place() {
    let rules = |list: &[&str]| {
        let each = |rule: &&str| format!("[[payments.RECURRING]]\n{rule}\n");
        after_head(&list.iter().map(each).collect::<String>())
    };
    let trial = "when = { \"event_data.trial\" = true }\n";
    let big = "when = { amount = { at_least = 100 } }\n";
    let small = "when = { amount = { at_most = 100 } }\n";
    let sends = |when: &str| format!("{when}event = \"Lead\"");
    let keeps = |when: &str| format!("{when}forward = false\nbecause = \"x\"");
    for (list, expected) in [
        (
            vec![sends(trial), format!("{trial}event = \"Contact\"")],
            vec![(Code::MappingContradiction, 8, 1)],
        ),
        (vec![sends(trial), keeps(trial)], vec![(Code::MappingContradiction, 8, 1)]),
        (vec![sends(trial), sends(trial)], vec![(Code::MappingUnreachable, 8, 1)]),
        // Rules that overlap are meant to: the first that holds counts.
        (vec![sends(trial), keeps(big)], vec![]),
        (vec![keeps(big), sends(trial)], vec![]),
        (vec![sends(trial), keeps("")], vec![]),
        (vec![sends(big), sends(small), sends("")], vec![(Code::MappingUnreachable, 11, 1)]),
        (
            vec![sends("when = { type = \"ONE_TIME\" }\n"), sends("")],
            vec![(Code::MappingUnreachable, 5, 1)],
        ),
        (
            vec![sends("when = { amount = \"100\" }\n"), sends("")],
            vec![(Code::MappingUnreachable, 5, 1)],
        ),
        (
            vec![sends(
                "when = { status = { one_of = [\"PAYMENT_FAILED\", \"PAYMENT_CANCELLED\"] } }\n",
            )],
            vec![(Code::MappingUnreachable, 5, 1)],
        ),
        (
            vec![sends(
                "when = { status = { one_of = [\"PAYMENT_FAILED\", \"PAYMENT_COMPLETED\"] } }\n",
            )],
            vec![],
        ),
        (vec![sends("when = { event_data.trial = true }\n")], vec![(Code::MappingPath, 6, 10)]),
        (
            vec![sends("when = { \"event_data.n\" = { one_of = [\"a\", \"b\", \"a\"] } }\n")],
            vec![(Code::MappingNoEffect, 6, 49)],
        ),
        (
            vec![sends("when = { \"event_data.email\" = { exists = true } }\n")],
            vec![(Code::MappingPersonal, 6, 10)],
        ),
    ] {
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        assert_eq!(rules(&list), expected, "{list:#?}");
    }
}

#[test]
fn a_setting_without_effect_or_that_meta_refuses_has_a_place() {
    for (setting, code, column) in [
        (r#"value = ["amount", 5]"#, Some(Code::MappingNoEffect), 48),
        (r#"value = ["sum(contents)", "amount"]"#, Some(Code::MappingNoEffect), 55),
        (r#"value = ["event_data.a", "sum(contents)"]"#, None, 0),
        (r#"currency = ["INR", "event_data.cur"]"#, Some(Code::MappingNoEffect), 41),
        (r#"without_device = "system_generated""#, Some(Code::MappingNoEffect), 46),
        (r#"without_device = "website", action_source = "app""#, None, 0),
        (r#"because = "x""#, Some(Code::MappingNoEffect), 39),
        ("send_revenue = false, value = 5", Some(Code::MappingNoEffect), 59),
        (r#"send_revenue = false, currency = "INR""#, Some(Code::MappingNoEffect), 62),
        (
            r#"content_id = { case = "upper", strip_prefix = "wc_" }"#,
            Some(Code::MappingNoEffect),
            75,
        ),
        (r#"content_id = { case = "upper", strip_prefix = "WC_" }"#, None, 0),
        ("value = -5", Some(Code::MappingUnsendable), 37),
        ("num_items = 1.5", Some(Code::MappingUnsendable), 41),
        ("custom_data = { content_category = 5 }", Some(Code::MappingUnsendable), 64),
        (r#"custom_data = { content_type = "products" }"#, Some(Code::MappingUnsendable), 60),
        (r#"custom_data = { email = "{user_id}" }"#, Some(Code::MappingPersonal), 45),
        (r#"custom_data = { plan = "{event_data.email}" }"#, Some(Code::MappingPersonal), 52),
        (r#"value = "event_data.phone""#, Some(Code::MappingPersonal), 37),
        (r#"value = "currency""#, Some(Code::MappingPath), 37),
        (r#"currency = "user_id""#, Some(Code::MappingPath), 40),
        (r#"consent = "amount""#, Some(Code::MappingPath), 39),
    ] {
        let line = format!(r#"DEFAULT = {{ event = "Lead", {setting} }}"#);
        let expected: Vec<_> = code.map(|code| (code, 5, column)).into_iter().collect();
        assert_eq!(after_head(&line), expected, "{line}");
    }
    let kept = r#"DEFAULT = { forward = false, because = "x", value = 5 }"#;
    assert_eq!(after_head(kept), [(Code::MappingNoEffect, 5, 45)]);
    let defaults = "version = 1\n[defaults]\ndataset = \"storefront\"\nwithout_device = \"website\"\n[payments]\nDEFAULT = \"Lead\"\n";
    assert_eq!(found(defaults), [(Code::MappingNoEffect, 4, 18)]);
}

#[test]
fn a_test_that_can_never_be_met_has_a_place() {
    let rule = "DEFAULT = \"Lead\"\n";
    let test = |payment: &str, expect: &str| {
        let text = format!("[[test]]\nname = \"a\"\npayment = {payment}\nexpect = {expect}\n");
        after_head(&format!("{rule}{text}"))
    };
    let paid = r#"{ amount = 5, user_id = "u" }"#;
    for (expect, column) in [
        (r#"{ verdict = "forward", event = "Lead", dataset = "storefront", value = 5 }"#, None),
        (r#"{ findings = ["E207"] }"#, None),
        ("{}", Some(10)),
        (r#"{ verdict = "forwrd" }"#, Some(22)),
        // The user of a test is known.
        (r#"{ verdict = "hold" }"#, Some(22)),
        (r#"{ reason = "user_not_known" }"#, Some(21)),
        (r#"{ event = "Purchase" }"#, Some(20)),
        (r#"{ dataset = "app_store" }"#, Some(22)),
        (r#"{ action_source = "web" }"#, Some(28)),
        (r#"{ findings = ["E207", "E999"] }"#, Some(32)),
        (r#"{ findings = ["e207"] }"#, Some(24)),
        (r#"{ value = "5" }"#, Some(20)),
        (r#"{ currency = "inr" }"#, Some(23)),
        (r#"{ verdict = "forward", reason = "rule" }"#, Some(33)),
        (r#"{ verdict = "skip", event = "Lead" }"#, Some(30)),
    ] {
        // Columns are counted behind `expect = `, as the rows show them.
        let expected: Vec<_> =
            column.map(|column| (Code::MappingTest, 9, column)).into_iter().collect();
        assert_eq!(test(paid, expect), expected, "{expect}");
    }
    let forward = r#"{ verdict = "forward" }"#;
    for (payment, column) in [
        ("{ amount = 5 }", Some(11)),
        (r#"{ amount = -5, user_id = "u" }"#, Some(13)),
        (r#"{ amount = 5, user_id = "u", type = "SALE" }"#, Some(40)),
        (r#"{ amount = 5, user_id = "u", curency = "INR" }"#, Some(40)),
        (r#"{ amount = "5", user_id = "u" }"#, None),
        (
            &format!(
                "{{ event_data = {}{} }}",
                "{ a = ".repeat(40),
                "1".to_owned() + &" }".repeat(40)
            ),
            Some(11),
        ),
    ] {
        let expected: Vec<_> =
            column.map(|column| (Code::MappingTest, 8, column)).into_iter().collect();
        assert_eq!(test(payment, forward), expected, "{payment}");
    }
    let twice = format!(
        "{rule}[[test]]\nname = \"a\"\npayment = {paid}\nexpect = {forward}\n[[test]]\nname = \"a\"\npayment = {paid}\nexpect = {forward}\n"
    );
    assert_eq!(after_head(&twice), [(Code::MappingTest, 11, 8)]);
}

/// One fault of each code, with the line and the column of its caret.
const ONE_OF_EACH: [(Code, &str, (usize, usize)); 17] = [
    (Code::MappingSyntax, "DEFAULT = Purchase", (5, 11)),
    (Code::MappingKey, "DEFAULT = { event = \"Lead\", evnt = 5 }", (5, 29)),
    (Code::MappingKind, "DEFAULT = 5", (5, 11)),
    (Code::MappingType, "FIRST_PAYMNT = \"Lead\"", (5, 1)),
    (Code::MappingEvent, "DEFAULT = \"lead\"", (5, 11)),
    (Code::MappingWord, "DEFAULT = { event = \"Lead\", profile = \"x\" }", (5, 39)),
    (Code::MappingMissing, "DEFAULT = { forward = false }", (5, 11)),
    (Code::MappingVersionUnknown, "", (1, 11)),
    (Code::MappingDataset, "DEFAULT = { event = \"Lead\", dataset = \"x\" }", (5, 39)),
    (Code::MappingEventNear, "DEFAULT = { event = \"Leads\", custom_event = true }", (5, 21)),
    (Code::MappingPath, "DEFAULT = { event = \"Lead\", value = \"amuont\" }", (5, 37)),
    (Code::MappingUnreachable, "DEFAULT = [\"Lead\", \"Lead\"]", (5, 20)),
    (Code::MappingUnsendable, "DEFAULT = { event = \"Lead\", value = -1 }", (5, 37)),
    (Code::MappingContradiction, "DEFAULT = [\"Lead\", \"Contact\"]", (5, 20)),
    (Code::MappingNoEffect, "DEFAULT = { event = \"Lead\", because = \"x\" }", (5, 39)),
    (
        Code::MappingTest,
        "DEFAULT = \"Lead\"\n[[test]]\nname = \"a\"\npayment = { user_id = \"é\", amount = 1 }\nexpect = {}",
        (9, 10),
    ),
    (
        Code::MappingPersonal,
        "DEFAULT = { event = \"Lead\", custom_data = { \"é\" = 1, email = \"event_data.x\" } }",
        (5, 54),
    ),
];

#[test]
fn every_code_of_a_mapping_file_has_a_caret_at_its_place() {
    // What is wrong with a feed is found where it is read: `config`.
    let of_feed = [Code::FeedUnreadable, Code::FeedRows, Code::FeedEmpty];
    let of_text = |code: &&Code| code.as_str().starts_with('M') && !of_feed.contains(code);
    for code in Code::ALL.iter().filter(of_text) {
        let row = ONE_OF_EACH.iter().find(|(of, ..)| of == code);
        let (_, lines, place) = row.expect("every code has a row in ONE_OF_EACH");
        let is_of_version = *code == Code::MappingVersionUnknown;
        let version = if is_of_version { "version = 7" } else { "version = 1" };
        let head = HEAD.replace("version = 1", version);
        let (line, column) = *place;
        assert_eq!(found(&format!("{head}{lines}\n")), [(*code, line, column)], "{lines}");
    }
}

#[test]
fn a_list_is_as_long_as_its_maximum_and_no_longer() {
    let rules = |count: usize| {
        let rule =
            |n: usize| format!("{{ when = {{ amount = {} }}, event = \"Purchase\" }}", n + 1);
        format!("DEFAULT = [{}]", (0..count).map(rule).collect::<Vec<_>>().join(", "))
    };
    let conditions = |count: usize| {
        let part = |n: usize| format!("\"event_data.p{n}\" = true");
        let parts = (0..count).map(part).collect::<Vec<_>>().join(", ");
        format!("DEFAULT = {{ when = {{ {parts} }}, event = \"Purchase\" }}")
    };
    let words = |count: usize| {
        let words = (0..count).map(|n| format!("\"w{n}\"")).collect::<Vec<_>>().join(", ");
        let when = format!("{{ \"event_data.p\" = {{ one_of = [{words}] }} }}");
        format!("DEFAULT = {{ when = {when}, event = \"Purchase\" }}")
    };
    for (lines, max, column) in [
        (&rules as &dyn Fn(usize) -> String, compile::RULES_MAX, 11),
        (&conditions, condition::CONDITIONS_MAX, 20),
        (&words, condition::WORDS_MAX, 50),
    ] {
        assert_eq!(after_head(&lines(max)), [], "{max}");
        assert_eq!(after_head(&lines(max + 1)), [(Code::MappingKind, 5, column)], "{max}");
    }
}

/// However the rules are made, what costs too much to look at is not claimed, and what is cheap is.
#[test]
fn in_a_long_list_of_rules_each_is_still_looked_at_by_itself() {
    let rule = |n: usize| {
        let when = format!("\"event_data.p{n}\" = true");
        format!("[[payments.DEFAULT]]\nwhen = {{ {when} }}\nevent = \"Purchase\"\n")
    };
    let lines = (0..660).map(rule).collect::<Vec<_>>().concat();
    let head = HEAD.replace("[payments]\n", "");
    assert_eq!(found(&format!("{head}{lines}")), []);
    let last = "[[payments.DEFAULT]]\nwhen = { amount = -1 }\nevent = \"Purchase\"\n\
        [[payments.DEFAULT]]\nwhen = { \"event_data.p0\" = true, status = \"PAYMENT_COMPLETED\" }\nevent = \"Purchase\"\n";
    let line = 4 + 660 * 3;
    let expected = [(Code::MappingUnreachable, line, 1), (Code::MappingUnreachable, line + 3, 1)];
    assert_eq!(found(&format!("{head}{lines}{last}")), expected);
}

#[test]
fn an_event_without_an_amount_can_be_asked_for() {
    let lines =
        "[events]\nseen = { when = { amount = { exists = false } }, event = \"ViewContent\" }";
    assert_eq!(after_head(lines), []);
}
