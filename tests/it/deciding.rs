//! `tillpost decide`: the way of a decision, and what an edit of a mapping file changes.

use crate::commands::printed;

const OLD: &str = r#"version = 1
[defaults]
dataset = "storefront"
[[payments.RECURRING]]
when  = { "event_data.trial" = true }
event = "StartTrial"
[[payments.RECURRING]]
when  = { amount = { at_least = 100 } }
event = "Subscribe"
custom_data = { plan = "{event_data.plan}", channel = "app" }
[[payments.RECURRING]]
forward = false
because = "small"
"#;

const INPUT: &str = r#"{"user_id":"u1","payment_id":"a","amount":500,"currency":"INR","type":"RECURRING","event_data":{"trial":false,"plan":"gold"}}
{"user_id":"u2","payment_id":"b","amount":5000,"currency":"INR","type":"RECURRING","event_data":{"plan":"gold"}}
{"user_id":"u2","payment_id":"c","amount":5,"currency":"INR","type":"RECURRING"}"#;

const AT: [&str; 2] = ["--at", "2026-02-28T12:00:00Z"];

/// A folder with the mapping file before and after an edit.
fn edited() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let new = OLD.replace("at_least = 100", "at_least = 1000").replace("\"app\"", "\"shop\"");
    std::fs::write(folder.path().join("old.toml"), OLD).expect("a file");
    std::fs::write(folder.path().join("new.toml"), new).expect("a file");
    folder
}

#[test]
fn the_way_of_a_decision_is_told() {
    let folder = edited();
    let decided =
        printed(folder.path(), &[&["decide", "--mapping", "old.toml"], &AT[..]].concat(), INPUT);
    insta::assert_snapshot!(decided.data, @r#"
    a: forward
      rule of line 4 (StartTrial) does not hold: `event_data.trial` is true (the payment has false)
      rule of line 7 (Subscribe) is taken
      rule of line 11 (stays here) is not asked any more
      Subscribe RECURRING.a to storefront
        {
          "event_name": "Subscribe",                  ← the rule of line 7
          "event_time": 1772280000,                   ← when the payment arrived
          "event_id": "RECURRING.a",                  ← {type}.{payment_id}
          "action_source": "system_generated",        ← the mapping file's `action_source`
          "user_data": {
            "external_id": [                          ← user_id, hashed
              "bb82030dbc2bcaba32a90bf2e207a84a856fc5f033b77c480836ab6f77f40f19"
            ]
          },
          "custom_data": {
            "value": 500,                             ← amount
            "currency": "INR",                        ← currency
            "trial": false,                           ← event_data.trial
            "channel": "app",                         ← the mapping file
            "plan": "gold"                            ← event_data.plan
          }
        }
      note[E235]: Subscribe teaches Meta more with `predicted_ltv`
        --> /event_data/predicted_ltv
         = help: send it in `event_data`, or silence this note with `checks` in the mapping
    b: forward
      rule of line 4 (StartTrial) does not hold: `event_data.trial` is true (the payment has nothing there)
      rule of line 7 (Subscribe) is taken
      rule of line 11 (stays here) is not asked any more
      Subscribe RECURRING.b to storefront
        {
          "event_name": "Subscribe",                  ← the rule of line 7
          "event_time": 1772280000,                   ← when the payment arrived
          "event_id": "RECURRING.b",                  ← {type}.{payment_id}
          "action_source": "system_generated",        ← the mapping file's `action_source`
          "user_data": {
            "external_id": [                          ← user_id, hashed
              "6ca202c88e549dff68c09bfafbfc60b2fac074debc1e6777e9ba4b6c703ed114"
            ]
          },
          "custom_data": {
            "value": 5000,                            ← amount
            "currency": "INR",                        ← currency
            "channel": "app",                         ← the mapping file
            "plan": "gold"                            ← event_data.plan
          }
        }
      note[E235]: Subscribe teaches Meta more with `predicted_ltv`
        --> /event_data/predicted_ltv
         = help: send it in `event_data`, or silence this note with `checks` in the mapping
    c: skip: small
      rule of line 4 (StartTrial) does not hold: `event_data.trial` is true (the payment has nothing there)
      rule of line 7 (Subscribe) does not hold: `amount` is at least 100 (the payment has 5)
      rule of line 11 (stays here) is taken
    "#);
}

#[test]
fn an_edit_is_compared_payment_by_payment_and_in_sum() {
    let folder = edited();
    let edit = ["decide", "--mapping", "new.toml", "--diff", "old.toml"];
    let changed = printed(folder.path(), &[&edit[..], &AT].concat(), INPUT);
    insta::assert_snapshot!(changed.data, @r#"
    a
      verdict               "forward" → "skip"
      event_name            "Subscribe" → nothing
      custom_data.value     500 → nothing
      custom_data.currency  "INR" → nothing
      because               nothing → "small"
    b
      custom_data.channel  "app" → "shop"

    3 payments, 2 of them change from old.toml to new.toml
    1 would no longer be sent
      because differs in 1
      custom_data.channel differs in 1
      custom_data.currency differs in 1
      custom_data.value differs in 1
      event_name differs in 1
      verdict differs in 1
    before  2 forward, 1 skip; 2 Subscribe; 5500 INR
    after   1 forward, 2 skip; 1 Subscribe; 5000 INR
    "#);
    assert_eq!(changed.code, Some(1), "something would no longer be sent");
    let same = ["decide", "--mapping", "old.toml", "--diff", "old.toml"];
    let same = printed(folder.path(), &[&same[..], &AT].concat(), INPUT);
    assert_eq!(
        (same.code, same.data.as_str()),
        (Some(0), "3 payments, 0 of them change from old.toml to old.toml\n")
    );
    let json = printed(folder.path(), &[&edit[..], &AT, &["--format", "json"]].concat(), INPUT);
    let lines = json.data.lines().map(serde_json::from_str::<serde_json::Value>);
    let lines: Vec<serde_json::Value> = lines.collect::<Result<_, _>>().expect("JSON lines");
    assert_eq!(lines[1]["changes"][0]["after"], "shop");
    assert_eq!(lines[3]["sum"]["before"]["value"]["INR"], 5500);
}
