//! The command line, as a person types it: output, words and exit codes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::program::{command, run};

pub(crate) struct Printed {
    pub(crate) code: Option<i32>,
    pub(crate) data: String,
    pub(crate) words: String,
}

pub(crate) fn printed(folder: &Path, arguments: &[&str], input: &str) -> Printed {
    let mut child = command(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A command that refuses its arguments does not read its input.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("its output");
    Printed {
        code: output.status.code(),
        data: String::from_utf8(output.stdout).expect("UTF-8"),
        words: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

#[test]
fn check_points_into_the_file_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let mapping = "version = 1\n\n[defaults]\ndataset = \"storefront\"\n\n[payments]\nDEFAULT = \"Purchse\"\nFIRST_PAYMNT = \"Purchase\"\n";
    std::fs::write(folder.path().join("m.toml"), mapping).expect("a file");
    let text = printed(folder.path(), &["check", "m.toml"], "");
    assert_eq!(text.code, Some(1));
    insta::assert_snapshot!(text.data, @r#"
    error[M405]: `Purchse` is not one of Meta's standard events
     --> m.toml:7:11
      |
    7 | DEFAULT = "Purchse"
      |           ^^^^^^^^^
      |
      = help: did you mean `Purchase`? Names are case-sensitive at Meta

    error[M404]: `FIRST_PAYMNT` is not a payment type
     --> m.toml:8:1
      |
    8 | FIRST_PAYMNT = "Purchase"
      | ^^^^^^^^^^^^
      |
      = help: did you mean `FIRST_PAYMENT`?
    "#);
    insta::assert_snapshot!(text.words, @"
    m.toml: datasets were not compared: no tillpost.toml names this file
    checked 1 file: 2 errors; `tillpost explain CODE` tells more
    ");
    let github = printed(folder.path(), &["check", "--format", "github", "-"], mapping);
    insta::assert_snapshot!(github.data, @"
    ::error file=(standard input),line=7,col=11,title=M405::`Purchse` is not one of Meta's standard events%0Ahelp: did you mean `Purchase`? Names are case-sensitive at Meta
    ::error file=(standard input),line=8,col=1,title=M404::`FIRST_PAYMNT` is not a payment type%0Ahelp: did you mean `FIRST_PAYMENT`?
    ");
    let json = printed(folder.path(), &["check", "--format", "json", "m.toml"], "");
    let document: serde_json::Value = serde_json::from_str(&json.data).expect("one document");
    assert_eq!(document["errors"], 2);
    assert_eq!(document["files"][0]["findings"][0]["line"], 7);
}

/// The typical slips of a person who edits a table, each with the one thing that is said of it:
/// its code, its column, its help.
const SLIPS: [(&str, &str, u64, &str); 33] = [
    ("DEFAULT = Purchase", "M401", 11, "put the text into quotes: \"Purchase\""),
    (
        "DEFAULT = \u{201c}Purchase\u{201d}",
        "M401",
        11,
        "write straight quotes (\"), not curly ones",
    ),
    ("DEFAULT = \"Purchase", "M401", 20, "close the quotes at the end of the text"),
    ("DEFAULT = { event: \"Lead\" }", "M401", 18, "write `=` between a key and its value"),
    (
        "DEFAULT = \"Lead\"\nDEFAULT = \"Lead\"",
        "M401",
        1,
        "this key stands in line 6 already; keep one of the two",
    ),
    (
        "DEFAULT = \"Lead\"\n[[payments.DEFAULT]]\nevent = \"Lead\"",
        "M401",
        12,
        "a name has one table, or one line; several rules are all [[payments.TYPE]]",
    ),
    (
        "DEFAULT = { event = \"Lead\", when = { amount > 100 } }",
        "M401",
        45,
        "write amount = { at_least = 100 } or { at_most = 100 }",
    ),
    ("default = \"Lead\"", "M404", 1, "did you mean `DEFAULT`?"),
    (
        "DEFAULT = \"Purchse\"",
        "M405",
        11,
        "did you mean `Purchase`? Names are case-sensitive at Meta",
    ),
    (
        "DEFAULT = { event = \"Lead\", statuses = \"COMPLETED\" }",
        "M406",
        40,
        "did you mean `PAYMENT_COMPLETED`?",
    ),
    (
        "DEFAULT = { event = \"Lead\", action_source = \"web\" }",
        "M406",
        45,
        "did you mean `website`?",
    ),
    (
        "DEFAULT = { event = \"Lead\", value = \"{event_data.total}\" }",
        "M411",
        37,
        "leave out the braces: \"event_data.total\"",
    ),
    (
        "DEFAULT = { event = \"Lead\", value = \"event_data.a + event_data.b\" }",
        "M411",
        37,
        "name one value; the sender can add up, and sum(contents) adds lines",
    ),
    ("DEFAULT = { event = \"Lead\", value = \"100\" }", "M403", 37, "write 100 without quotes"),
    (
        "DEFAULT = { event = \"Lead\", send_revenue = \"no\" }",
        "M403",
        44,
        "write `false`, without quotes",
    ),
    (
        "DEFAULT = false",
        "M403",
        11,
        "write { forward = false, because = \"…\" } for payments that stay here",
    ),
    (
        "DEFAULT = { event = \"Lead\", when = { event_data.trial = true } }",
        "M411",
        38,
        "write when = { \"event_data.plan\" = \"gold\" }",
    ),
    ("DEFAULT = { event = \"Lead\"\nONE_TIME = \"Lead\"", "M401", 11, "write `}` where it ends"),
    (
        "DEFAULT = { event = \"Lead\", dataset = [\"a\" }\n[events]\na = \"Lead\"",
        "M401",
        39,
        "write `]` where it ends",
    ),
    ("DEFAULT = { event = \"Lead\", send_revenue = no }", "M401", 44, "write `false`"),
    (
        "[[payments.RECURRING]]\nevent = \"Lead\"\nDEFAULT = \"Lead\"\nONE_TIME = \"Lead\"",
        "M402",
        1,
        "move that rule, and every [[…]], below the last plain line of [payments]",
    ),
    (
        "DEFAULT = { event = \"Lead\", when = { amount = { at_least = \"100 INR\" } } }",
        "M403",
        60,
        "write at_least = 100",
    ),
    (
        "DEFAULT = { event = \"Lead\", when = { \"event_data.plan\" = { one_of = \"gold\" } } }",
        "M403",
        69,
        "write one_of = [\"gold\"]",
    ),
    (
        "DEFAULT = { event = \"Lead\", when = { status = \"COMPLETED\" } }",
        "M406",
        47,
        "did you mean `PAYMENT_COMPLETED`?",
    ),
    (
        "DEFAULT = { event = \"Lead\", when = \"gold\" }",
        "M403",
        36,
        "write when = { \"event_data.plan\" = \"gold\" }",
    ),
    (
        "DEFAULT = { event = \"Lead\", content_id = \"wc_\" }",
        "M403",
        42,
        "write content_id = { strip_prefix = \"wc_\" }",
    ),
    (
        "DEFAULT = { event = \"Lead\", contents = \"event_data.lines\" }",
        "M403",
        40,
        "write contents = { each = \"event_data.lines\" }",
    ),
    (
        "DEFAULT = { event = \"Lead\", when = { amount = { minimum = 5 } } }",
        "M402",
        49,
        "did you mean `at_least`?",
    ),
    (
        "DEFAULT = { event = \"Lead\", order_id = \"a\" }",
        "M402",
        29,
        "write custom_data = { order_id = \"{payment_id}\" }",
    ),
    (
        "DEFAULT = { event = \"Lead\", custom_data = { box = \"event_dta.box\" } }",
        "M411",
        51,
        "did you mean `event_data.box`?",
    ),
    (
        "DEFAULT = { event = \"Lead\", custom_data = { box = \"event_data.box}\" } }",
        "M411",
        51,
        "write \"event_data.box\" for the value, or \"{event_data.box}\"",
    ),
    (
        "DEFAULT = { event = \"Lead\", custom_data = { box = \"{{event_data.box}}\" } }",
        "M411",
        51,
        "write {event_data.box}",
    ),
    (
        "DEFAULT = { event = \"Lead\", contents = { each = \"event_data.l\", quantity = \"event_data.l.qty\" } }",
        "M411",
        76,
        "write quantity = \"qty\"",
    ),
];

#[test]
fn a_misspelt_table_is_one_finding_and_its_lines_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = "version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\nDEFAULT = \"Lead\"\n[events]\na = \"Lead\"\n";
    for (right, wrong) in
        [("[defaults]", "[default]"), ("[payments]", "[payment]"), ("[events]", "[event]")]
    {
        let printed = printed(folder.path(), &["check", "-"], &good.replace(right, wrong));
        let meant = format!("did you mean `{}`?", right.trim_matches(['[', ']']));
        assert!(printed.data.contains(&meant), "{}", printed.data);
        assert_eq!(printed.data.matches("error[").count(), 1, "{}", printed.data);
    }
}

#[test]
fn the_table_that_is_used_is_named_and_is_the_one_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let body = r#"{"user_id":"1","payment_id":"a","amount":5,"currency":"INR"}"#;
    let said = |arguments: &[&str]| {
        let printed = printed(folder.path(), arguments, body);
        (printed.data.contains(": forward"), printed.words)
    };
    let shipped = said(&["decide"]).1;
    assert_eq!(shipped, "mapping: mappings/commerce.toml (shipped with tillpost)\n");
    let table = "version = 1\n[defaults]\ndataset = \"nowhere\"\n[payments]\nDEFAULT = \"Lead\"\n";
    std::fs::create_dir(at("mappings")).expect("a folder");
    std::fs::write(at("mappings/commerce.toml"), table).expect("a file");
    let own = said(&["decide"]);
    assert_eq!(own, (true, "mapping: mappings/commerce.toml (of this folder)\n".to_owned()));
    std::fs::write(at("m.toml"), table).expect("a file");
    let config = "[[projects]]\nname = \"a\"\nmapping = \"m.toml\"\n";
    std::fs::write(at("tillpost.toml"), config).expect("a file");
    let named = said(&["decide"]);
    assert_eq!(named, (true, "mapping: m.toml (named in tillpost.toml)\n".to_owned()));
    let other = "[[projects]]\nname = \"b\"\nmapping = \"mappings/commerce.toml\"\n";
    std::fs::write(at("tillpost.toml"), format!("{config}{other}")).expect("a file");
    let unsure = said(&["decide"]);
    assert!(!unsure.0 && unsure.1.contains("with --project: a, b"), "{}", unsure.1);
    assert!(said(&["decide", "--project", "b"]).1.starts_with("mapping: mappings/commerce.toml"));
    let wrong = said(&["decide", "--mapping", "tillpost.toml"]).1;
    assert!(wrong.contains("is a configuration, not a mapping file"), "{wrong}");
    let wrong = said(&["decide", "--project", "b", "m.toml"]).1;
    assert!(wrong.contains("write `--mapping m.toml`"), "{wrong}");
    // `check` of the file compares its datasets with those of the configuration that names it.
    let checked = printed(folder.path(), &["check", "m.toml"], "");
    assert!(checked.data.contains("error[M409]"), "{}{}", checked.data, checked.words);
    std::fs::write(at("alone.toml"), table).expect("a file");
    let alone = printed(folder.path(), &["check", "alone.toml"], "");
    let words = "alone.toml: datasets were not compared: no tillpost.toml names this file\n";
    assert!(alone.data.is_empty() && alone.words.starts_with(words), "{}", alone.words);
}

#[test]
fn a_feed_that_cannot_be_read_is_an_error_for_whoever_looks_at_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let table = "version = 1\n[defaults]\ndataset = \"d\"\n[payments]\nDEFAULT = \"Lead\"\n[catalog]\nfeed = \"none.csv\"\n";
    std::fs::write(at("m.toml"), table).expect("a file");
    let config = "[[projects]]\nname = \"a\"\nserver_key = { env = \"K\" }\nmapping = \"m.toml\"\n[datasets.d]\nid = \"1234567890\"\naccess_token = { env = \"T\" }\n";
    std::fs::write(at("tillpost.toml"), config).expect("a file");
    let body = r#"{"user_id":"1","amount":5,"currency":"INR"}"#;
    for (arguments, code) in [
        (&["check"][..], 1),
        (&["check", "m.toml"], 1),
        (&["test"], 1),
        (&["decide"], 2),
        (&["decide", "--config", "tillpost.toml"], 2),
    ] {
        let printed = printed(folder.path(), arguments, body);
        assert_eq!(printed.code, Some(code), "{arguments:?}: {}", printed.words);
        let all = format!("{}{}", printed.data, printed.words);
        assert!(all.contains("error[M416]"), "{arguments:?}: {all}");
    }
}

#[test]
fn a_refused_payment_is_named_by_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "{\"user_id\":\"1\",\"amount\":5,\"currency\":\"INR\"}\n{\"payment_id\":\"p2\"}\n{\"user_id\":\"1\",}\n";
    std::fs::write(folder.path().join("p.ndjson"), lines).expect("a file");
    let pretty = "{\n  \"user_id\": \"1\",\n  \"amount\": 5\n  \"currency\": \"INR\"\n}\n";
    std::fs::write(folder.path().join("p.json"), pretty).expect("a file");
    let decided = printed(folder.path(), &["decide", "p.ndjson"], "");
    for part in ["p.ndjson:2, payment_id p2: refused", "p.ndjson:3: refused", "(line 3, column"] {
        assert!(decided.data.contains(part), "{part} in {}", decided.data);
    }
    let decided = printed(folder.path(), &["decide", "p.json"], "");
    assert_eq!(decided.data.matches("refused").count(), 1, "{}", decided.data);
    assert!(decided.data.contains("(line 4, column"), "{}", decided.data);
}

#[test]
fn check_says_one_thing_of_a_slip_and_how_to_mend_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let head = "version = 1\n[defaults]\ndataset = \"shop\"\ncurrency = \"INR\"\n[payments]\n";
    for (line, code, column, help) in SLIPS {
        // As some editors save it: a mark of the byte order, and two signs at the end of a line.
        let plain = format!("{head}{line}\n");
        for text in [plain.clone(), format!("\u{feff}{plain}").replace('\n', "\r\n")] {
            let printed = printed(folder.path(), &["check", "--format", "json", "-"], &text);
            let document: serde_json::Value = serde_json::from_str(&printed.data).expect("JSON");
            let findings = document["files"][0]["findings"].as_array().expect("findings");
            let found: Vec<(&str, u64, &str)> = findings
                .iter()
                .map(|found| {
                    let text = |key: &str| found[key].as_str().unwrap_or_default();
                    (text("code"), found["column"].as_u64().unwrap_or_default(), text("help"))
                })
                .collect();
            assert_eq!(found, [(code, column, help)], "{text}");
        }
    }
}

#[test]
fn check_draws_carets_under_wide_signs_and_tabs() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "\u{feff}versoin = 1\r\n[defaults]\r\n\tdataset\t=\t5\r\n[payments]\r\nDEFAULT = { event = \"漢字\", custom_event = true, evnt = 1 }\r\n";
    std::fs::write(folder.path().join("m.toml"), text).expect("a file");
    let drawn = printed(folder.path(), &["check", "m.toml"], "");
    insta::assert_snapshot!(drawn.data, @r#"
    error[M407]: `version` is missing
     --> m.toml:1:1
      |
    1 | versoin = 1
      | ^
      |
      = help: begin the file with `version = 1`

    error[M402]: `versoin` is not known here
     --> m.toml:1:1
      |
    1 | versoin = 1
      | ^^^^^^^
      |
      = help: did you mean `version`?

    error[M403]: `dataset` must be text or a list of texts, not a whole number
     --> m.toml:3:12
      |
    3 |     dataset    =    5
      |                     ^
      |
      = help: put it into quotes

    error[M402]: `evnt` is not known here
     --> m.toml:5:48
      |
    5 | DEFAULT = { event = "漢字", custom_event = true, evnt = 1 }
      |                                                  ^^^^
      |
      = help: did you mean `event`?
    "#);
    std::fs::write(folder.path().join("b.toml"), [0xff, 0xfe, 0x76, 0]).expect("a file");
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    for (path, says) in [
        ("b.toml", "error: b.toml is not UTF-8 text; save it as UTF-8"),
        ("empty", "error: there is no .toml file in empty"),
    ] {
        let refused = printed(folder.path(), &["check", path], "");
        assert_eq!((refused.code, refused.words.trim_end()), (Some(2), says));
    }
    let nowhere = printed(folder.path(), &["check", "nowhere"], "");
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.words.contains("cannot read nowhere"), "{}", nowhere.words);
}

#[test]
fn the_shipped_mappings_are_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked = printed(root, &["check", "--strict", "mappings"], "");
    assert_eq!((checked.code, checked.data.as_str()), (Some(0), ""), "{}", checked.words);
}

#[test]
fn decide_prints_the_exact_event_and_stores_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let payment = include_str!("../corpus/linkrunner/commerce.json");
    let arguments = ["decide", "--at", "2026-02-28T12:00:00Z"];
    let text = printed(folder.path(), &arguments, payment);
    insta::assert_snapshot!(text.data, @r#"
    ABC: forward
      rule of line 20 (Purchase) is taken
      Purchase DEFAULT.ABC to storefront
        {
          "event_name": "Purchase",                   ← the rule of line 20
          "event_time": 1772280000,                   ← when the payment arrived
          "event_id": "DEFAULT.ABC",                  ← {type}.{payment_id}
          "action_source": "system_generated",        ← without_device: no device is known
          "user_data": {
            "external_id": [                          ← user_id, hashed
              "c7e616822f366fb1b5e0756af498cc11d2c0862edcb32ca65882f622ff39de1b"
            ]
          },
          "custom_data": {
            "value": 2000.0,                          ← event_data.value
            "currency": "INR",                        ← event_data.currency
            "content_ids": [                          ← event_data.content_ids
              "whshct4mwc"
            ],
            "contents": [                             ← event_data.contents
              {
                "id": "whshct4mwc",
                "quantity": 2,
                "item_price": 1000
              }
            ],
            "content_type": "product",                ← event_data.content_type
            "num_items": 2,                           ← event_data.num_items
            "order_id": "order_id_1234"               ← event_data.order_id
          }
        }
      warning[E210]: `amount` is 25096 and `event_data.value` is 2000.0; Meta gets 2000.0
        --> /event_data/value
         | "value": 2000.0
         |          ^^^^^^
         = help: send the same number twice, unless the event is worth less than the payment
    "#);
    assert_eq!(text.code, Some(0));
    let json = printed(folder.path(), &[&arguments[..], &["--format", "json"]].concat(), payment);
    let decided: serde_json::Value = serde_json::from_str(&json.data).expect("one document");
    assert_eq!(decided["events"][0]["event"]["custom_data"]["order_id"], "order_id_1234");
    assert!(json.data.contains(r#""value":2000.0,"#), "digit by digit: {}", json.data);
    let none = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(none, 0, "nothing was written");
}

#[test]
fn decide_takes_lines_and_says_what_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "{\"user_id\":\"1\",\"payment_id\":\"a\",\"amount\":1,\"type\":\"WALLET_TOPUP\"}\nnonsense\n{\"user_id\":\"1\",\"payment_id\":\"c\",\"amount\":1,\"type\":\"FUNDS_WITHDRAWAL\"}\n";
    let decided = printed(folder.path(), &["decide", "--format", "json"], lines);
    assert_eq!(decided.code, Some(1), "one of them has an error");
    let verdicts: Vec<serde_json::Value> =
        decided.data.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let words: Vec<_> =
        verdicts.iter().map(|line| (line["verdict"].as_str(), &line["refused"])).collect();
    let (yes, no) = (serde_json::json!(true), serde_json::json!(false));
    // Without a currency a value is refused by Meta: the mapping alone names none.
    assert_eq!(words, [(Some("block"), &no), (None, &yes), (Some("skip"), &no)]);
}

#[test]
fn wrong_calls_say_what_to_do_and_exit_with_two() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("faults.json");
    std::fs::write(script, r#"{"faults":[{"do":"rset"}]}"#).expect("a script");
    for (arguments, says) in [
        (&["serve"][..], "try `tillpost serve --sandbox`"),
        (&["serve", "--config", "absent.toml"][..], "cannot read the file"),
        (&["check"][..], "there is neither a tillpost.toml nor a folder mappings"),
        (&["decide"][..], "there is no payment in the input"),
        (&["check", "absent.toml"][..], "cannot read absent.toml"),
        (&["decide", "--at", "yesterday"][..], "RFC 3339"),
        (&["decide", "--mapping", "absent.toml"][..], "cannot read absent.toml"),
        (&["explain", "E27"][..], "there is no code"),
        (&["import", "absent.ndjson"][..], "cannot read absent.ndjson"),
        (&["trace", "ABC"][..], "there is no database"),
        (&["sandbox", "--listen", "nonsense"][..], "invalid value"),
        (&["sandbox", "--now", "noon"][..], "--now is neither RFC 3339"),
        (
            &["sandbox", "--script", "faults.json"][..],
            "faults.json: faults[0]: did you mean `reset`?",
        ),
        (&["nonsense"][..], "unrecognized subcommand"),
    ] {
        let printed = printed(folder.path(), arguments, "");
        assert_eq!(printed.code, Some(2), "{arguments:?}: {}{}", printed.data, printed.words);
        assert!(printed.words.contains(says), "{arguments:?}: {}", printed.words);
        assert_eq!(printed.data, "", "{arguments:?}: data is for data");
    }
}

#[test]
fn explain_prints_a_page_or_the_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = run(folder.path(), &["explain", "e207"]);
    let text = String::from_utf8(page.stdout).expect("UTF-8");
    assert!(text.starts_with("# E207 ") && text.contains("**Source**"), "{text}");
    let list = String::from_utf8(run(folder.path(), &["explain"]).stdout).expect("UTF-8");
    let codes = tillpost::core::finding::Code::ALL.len();
    assert_eq!(list.lines().count(), codes);
}

#[test]
fn whoever_only_looks_does_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[[projects]]\nname = \"shop\"\nserver_key = { env = \"NO_SUCH_KEY\" }\nmapping = \"m.toml\"\n[datasets.storefront]\nid = \"1\"\naccess_token = { file = \"absent\" }\n";
    std::fs::write(folder.path().join("tillpost.toml"), config).expect("a file");
    let mapping =
        "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nDEFAULT = \"Purchase\"\n";
    std::fs::write(folder.path().join("m.toml"), mapping).expect("a file");
    let checked = printed(folder.path(), &["check"], "");
    assert_eq!(checked.code, Some(0), "{}", checked.data);
    assert_eq!(checked.data.matches("warning[C506]").count(), 2, "{}", checked.data);
    let strict = printed(folder.path(), &["check", "--strict"], "");
    assert_eq!(strict.code, Some(1));
    let traced = printed(folder.path(), &["trace", "ABC"], "");
    assert!(traced.words.contains("there is no database"), "{}", traced.words);
    assert!(!traced.words.contains("C506"), "{}", traced.words);
    let served = printed(folder.path(), &["serve"], "");
    assert_eq!(served.code, Some(2));
    assert_eq!(served.words.matches("error[C506]").count(), 2, "{}", served.words);
}

#[test]
fn a_configuration_with_many_faults_reports_all_of_them_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = r#"
[http]
listn = "127.0.0.1:8080"
admin_listen = "0.0.0.0:8081"

[[projects]]
name = "shop"
server_key = "in-the-open-canary"
mapping = "absent.toml"
users = "knwon"

[datasets.storefront]
id = "not-a-number"
access_token = { env = "NO_SUCH_VARIABLE" }
endpoint = "http://example.com"
"#;
    std::fs::write(folder.path().join("tillpost.toml"), config).expect("a file");
    let served = printed(folder.path(), &["serve"], "");
    assert_eq!(served.code, Some(2));
    for says in [
        "`listn` is not known here",
        "did you mean `listen`?",
        "`admin_token` is missing",
        "`server_key` is a secret and must not stand in this file",
        "cannot read the mapping file",
        "did you mean `known`?",
        "environment variable NO_SUCH_VARIABLE",
        "`endpoint` is neither https nor on this machine",
    ] {
        assert!(served.words.contains(says), "{says}:\n{}", served.words);
    }
}

#[tokio::test]
async fn findings_are_the_same_values_at_every_door() {
    let engine = crate::engine::Engine::start().await;
    engine.sign_up("666").await;
    let body = r#"{"user_id":"666","payment_id":"A","amount":5,"currency":"JPY",
        "event_data":{"content_ids":["a,b"],"contents":[{"id":"c","quantity":20000,"item_price":0.5}],
        "value":"7.5","num_items":3,"order_id":1}}"#;
    let answered = engine.capture(body).await.body["data"]["findings"].clone();
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["decide", "--at", "2026-02-28T12:00:00Z"];
    let json = printed(folder.path(), &[&arguments[..], &["--format", "json"]].concat(), body);
    let decided: serde_json::Value = serde_json::from_str(&json.data).expect("one document");
    let sorted = |findings: &serde_json::Value| {
        let mut all: Vec<String> =
            findings.as_array().expect("findings").iter().map(ToString::to_string).collect();
        all.sort_unstable();
        all
    };
    assert!(sorted(&answered).len() > 8, "{answered}");
    assert_eq!(sorted(&decided["findings"]), sorted(&answered));
    let text = printed(folder.path(), &arguments, body).data;
    for finding in answered.as_array().expect("findings") {
        let part = |key: &str| finding[key].as_str().expect("text");
        let headline = format!("{}[{}]: {}", part("severity"), part("code"), part("says"));
        assert!(text.contains(&headline), "{headline} in {text}");
        assert!(text.contains(&format!("--> {}", part("at"))), "{finding} in {text}");
    }
}

#[test]
fn the_shipped_mappings_pass_their_own_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = printed(root, &["test"], "");
    assert_eq!(all.code, Some(0), "{}\n{}", all.data, all.words);
    // Each of the nine types in each of the three files, at least.
    assert!(all.data.lines().count() >= 27, "{}", all.data);
    assert!(all.data.lines().all(|line| line.starts_with("ok ")), "{}", all.data);
    let some = printed(root, &["test", "mappings/commerce.toml", "--filter", "money"], "");
    assert_eq!(some.data.lines().count(), 2, "{}", some.data);
}

#[test]
fn a_failed_test_shows_what_came_instead_and_exits_with_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = "version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\nDEFAULT = \"Purchase\"\n\
        [[test]]\nname = \"a lead\"\npayment = { user_id = \"1\", amount = 5, currency = \"INR\" }\n\
        expect = { event = \"Lead\", value = 5 }\n";
    std::fs::write(folder.path().join("m.toml"), source).expect("a file");
    let text = printed(folder.path(), &["test", "m.toml"], "");
    assert_eq!(text.code, Some(1), "{}", text.data);
    for part in [
        "FAILED  m.toml:6 a lead",
        "  event  expected  \"Lead\"\n         got       \"Purchase\"",
        "  rule of line 5 (Purchase) is taken",
        "warning[E201]",
    ] {
        assert!(text.data.contains(part), "{part} in {}", text.data);
    }
    let json = printed(folder.path(), &["test", "m.toml", "--format", "json"], "");
    let line: serde_json::Value = serde_json::from_str(&json.data).expect("one line");
    assert_eq!((&line["passed"], &line["line"]), (&false.into(), &6.into()), "{line}");
    assert_eq!(line["differences"][0]["got"], "\"Purchase\"", "{line}");
    std::fs::write(folder.path().join("m.toml"), "version = 1\n[payments]\n").expect("a file");
    let none = printed(folder.path(), &["test", "m.toml"], "");
    assert_eq!(none.code, Some(2), "a call without a test is wrong: {}", none.words);
    std::fs::write(folder.path().join("m.toml"), "version = 2\n").expect("a file");
    assert_eq!(
        printed(folder.path(), &["test", "m.toml"], "").code,
        Some(1),
        "a broken file fails"
    );
}

#[test]
fn replay_shows_what_an_edit_would_send_and_then_sends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write(
        "tillpost.toml",
        "[[projects]]\nname = \"shop\"\nserver_key = { env = \"K\" }\nmapping = \"m.toml\"\ncurrency = \"INR\"\nusers = \"open\"\n[datasets.storefront]\nid = \"1\"\naccess_token = { env = \"T\" }\nendpoint = \"http://127.0.0.1:9\"\n",
    );
    let mapping =
        "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nONE_TIME = \"Purchase\"\n";
    write("m.toml", mapping);
    let lines = r#"{"user_id":"u1","payment_id":"a","amount":5,"type":"RECURRING"}
{"user_id":"u1","payment_id":"b","amount":5,"type":"RECURRING","status":"PAYMENT_FAILED"}
{"user_id":"u2","payment_id":"c","amount":5,"type":"WALLET_TOPUP"}
{"user_id":"u2","payment_id":"d","amount":5,"type":"ONE_TIME"}"#;
    // Looking for what could be sent makes no database.
    let nothing = printed(folder.path(), &["replay"], "");
    assert_eq!(nothing.code, Some(2), "{}", nothing.data);
    assert!(nothing.words.contains("there is no database"), "{}", nothing.words);
    assert!(!folder.path().join("tillpost-data").exists());
    let imported = printed(folder.path(), &["import", "-"], lines);
    assert_eq!((imported.code, imported.data.as_str()), (Some(0), "4 recorded\n"));
    let says = "not sent: 3 × skip no_mapping: the mapping file does not name their type";
    assert!(imported.words.contains(says), "{}", imported.words);

    write("m.toml", &format!("{mapping}RECURRING = \"Subscribe\"\n"));
    // The time of arrival is today's; the rest is always the same.
    let replay = |arguments: &[&str]| {
        let replayed = printed(folder.path(), &[&["replay"], arguments].concat(), "");
        assert_eq!(replayed.code, Some(0), "{}", replayed.words);
        let lines = replayed.data.lines().map(|line| match line.split_once("Z  ") {
            Some((_, rest)) => format!("[time]  {rest}\n"),
            None => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    insta::assert_snapshot!(replay(&["--dry-run"]), @r#"
    [time]  RECURRING a: forward Subscribe to storefront  would be sent

    type          was                is now                           payments
    RECURRING     skip no_mapping →  forward Subscribe to storefront         1
    RECURRING     skip no_mapping →  skip status                             1
    WALLET_TOPUP  skip no_mapping →  skip no_mapping                         1

    1 would be sent, 2 unchanged; nothing was changed
    "#);
    assert!(replay(&[]).ends_with("\n1 on the way to Meta, 2 unchanged\n"));
    assert!(replay(&[]).ends_with("\n0 on the way to Meta, 2 unchanged\n"));
    assert_eq!(replay(&["--verdict", "block"]), "there is no payment that went nowhere and fits\n");
    let traced = printed(folder.path(), &["trace", "a"], "").data;
    assert!(traced.contains("skip: the mapping file binds no event to RECURRING"), "{traced}");
    assert!(traced.contains("decided anew by a replay"), "{traced}");
    assert_eq!(printed(folder.path(), &["replay", "--verdict", "forward"], "").code, Some(2));
}

#[test]
fn tests_are_read_from_standard_input_filtered_and_shown_with_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = "version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\nDEFAULT = \"Purchase\"\n\
        [[test]]\nname = \"A purchase\"\npayment = { user_id = \"1\", amount = 5, currency = \"INR\" }\n\
        expect = { findings = [\"E207\", \"E208\"], action_source = \"app\" }\n\
        [[test]]\nname = \"another\"\npayment = { user_id = \"1\", amount = 5, currency = \"INR\" }\n\
        expect = { verdict = \"forward\" }\n";
    let some = printed(folder.path(), &["test", "-", "--filter", "a PURCHASE"], source);
    insta::assert_snapshot!(some.data.split("    warning").next().unwrap_or_default(), @r#"
    FAILED  (standard input):6 A purchase
      action_source  expected  "app"
                     got       "system_generated"
      findings       expected  ["E207","E208"]
                     got       ["E201","E204","E206","E208"]
                     too many  E201 an event for the catalogue names no product
                     too many  E204 content_type is missing
                     too many  E206 num_items is missing
                     missing   E207 value differs from the sum of contents
      rule of line 5 (Purchase) is taken
    "#);
    assert_eq!((some.code, some.words.as_str()), (Some(1), "0 passed, 1 failed\n"));
    let all = printed(folder.path(), &["test", "-"], source);
    assert!(all.data.contains("ok      (standard input):10 another"), "{}", all.data);
    assert!(!all.data.contains('\u{1b}'), "no colours where nobody sees them: {}", all.data);
    let none = printed(folder.path(), &["test", "-", "--filter", "nothing"], source);
    assert_eq!(none.code, Some(2));
    assert!(none.words.contains("no test has `nothing` in its name"), "{}", none.words);
}

#[test]
fn a_configuration_means_the_mapping_files_that_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[[projects]]\nname = \"shop\"\nserver_key = { env = \"NO_SUCH_KEY\" }\nmapping = \"m.toml\"\n[datasets.shop]\nid = \"1\"\naccess_token = { file = \"absent\" }\n";
    std::fs::write(folder.path().join("tillpost.toml"), config).expect("a file");
    let none = printed(folder.path(), &["test"], "");
    assert_eq!(none.code, Some(2));
    assert!(none.words.contains("names no mapping file that can be read"), "{}", none.words);
    let mapping = "version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\nDEFAULT = \"Lead\"\n[[test]]\nname = \"a lead\"\npayment = { user_id = \"1\", amount = 5, currency = \"INR\" }\nexpect = { event = \"Lead\" }\n";
    std::fs::write(folder.path().join("m.toml"), mapping).expect("a file");
    let some = printed(folder.path(), &["test"], "");
    assert_eq!(
        (some.code, some.data.as_str()),
        (Some(0), "ok      m.toml:6 a lead\n"),
        "{}",
        some.words
    );
}

/// The elements of a document in order, each with its attributes; text with no name.
fn elements(xml: &str) -> Vec<(String, BTreeMap<String, String>)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(element) | Event::Empty(element) => {
                let attributes = element.attributes().map(|attribute| {
                    let attribute = attribute.expect("an attribute");
                    let key = attribute.key.as_ref().to_owned();
                    let value = quick_xml::escape::unescape(&attribute.value).expect("escapes");
                    (key, value.into_owned())
                });
                let name = element.name().as_ref().to_owned();
                found.push((name, attributes.collect()));
            }
            Event::Eof => return found,
            Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

#[test]
fn junit_shows_passed_failed_and_broken_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = "version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\nDEFAULT = \"Lead\"\n\
        [[test]]\nname = \"a lead <&> \\\"more\\\" \\u001b\"\npayment = { user_id = \"1\", amount = 5, currency = \"INR\" }\n\
        expect = { event = \"Lead\" }\n\
        [[test]]\nname = \"no lead\"\npayment = { user_id = \"1\", amount = 5, currency = \"INR\" }\n\
        expect = { event = \"Purchase\", value = 5 }\n";
    std::fs::write(folder.path().join("a.toml"), source).expect("a file");
    let broken = "version = 1\n[payments]\nDEFAULT = \"Purchse\"\n";
    std::fs::write(folder.path().join("b.toml"), broken).expect("a file");
    let junit = printed(folder.path(), &["test", ".", "--format", "junit"], "");
    assert_eq!(junit.code, Some(1), "{}", junit.words);
    let elements = elements(&junit.data);
    let names: Vec<&str> = elements.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "testsuites",
            "testsuite",
            "testcase",
            "testcase",
            "failure",
            "testsuite",
            "testcase",
            "error"
        ]
    );
    let attribute = |index: usize, key: &str| elements[index].1[key].as_str();
    for (index, key, expected) in [
        (0, "tests", "3"),
        (0, "failures", "1"),
        (0, "errors", "1"),
        (1, "name", "./a.toml"),
        (1, "tests", "2"),
        (2, "name", "a lead <&> \"more\" \u{fffd}"),
        (2, "line", "6"),
        (3, "file", "./a.toml"),
        (3, "line", "10"),
        (4, "message", "event: expected \"Purchase\", got \"Lead\""),
        (6, "name", "the file can be used"),
        (6, "line", "3"),
        (7, "type", "M405"),
    ] {
        assert_eq!(attribute(index, key), expected, "{key} of element {index}:\n{}", junit.data);
    }
    assert!(junit.data.contains("3 | DEFAULT ="), "the broken line is shown: {}", junit.data);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = printed(root, &["test", "--format", "junit"], "");
    assert_eq!(shipped.code, Some(0), "{}", shipped.data);
    assert!(!shipped.data.contains("<failure") && shipped.data.contains("classname=\"mappings/"));
}

#[test]
fn the_doctor_asks_nobody_with_a_token_that_it_has_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    crate::program::Program::configure(folder.path(), ([127, 0, 0, 1], 9).into());
    let mut doctor = command(folder.path());
    let looked = doctor.args(["doctor"]).env_remove("META_ACCESS_TOKEN").output().expect("a look");
    let says = String::from_utf8(looked.stdout).expect("UTF-8");
    assert!(says.contains("warning  dataset storefront: not asked: its token"), "{says}");
    assert!(!says.contains("Meta refuses"), "{says}");
}

#[test]
fn the_doctor_of_a_fresh_folder_misses_a_sandbox_and_no_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let looked = printed(folder.path(), &["doctor"], "");
    let line = looked.data.lines().find(|line| line.contains("  dataset ")).expect("a dataset");
    // Somebody may have a sandbox running on this machine.
    assert!(
        (line.starts_with("warning") && line.contains("no sandbox runs at "))
            || line.starts_with("ok"),
        "{line}"
    );
}
