//! What people read about the sandbox: routes, faults with their keys, versions.
//!
//! In: nothing. Out: text for `GET /` and for `tillpost sandbox --help`, and the names that a fault
//! script is checked against. Deliberately absent: what faults do (`faults.rs`) and how scripts are
//! read (`script.rs`); a test holds this table and the reader together.

use std::fmt::Write as _;

use super::version;

/// Every route, in the order people need them.
pub(crate) const ROUTES: [&str; 10] = [
    "POST /{version}/{dataset_id}/events",
    "POST /{dataset_id}/events",
    "GET /sandbox/events",
    "DELETE /sandbox/events",
    "GET /sandbox/duplicates",
    "GET /sandbox/requests",
    "GET /sandbox/faults",
    "POST /sandbox/faults",
    "DELETE /sandbox/faults",
    "GET /",
];

/// A fault as people order it.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    /// Its keys, but for `do` and the three that every fault may have.
    pub(crate) keys: &'static [&'static str],
    pub(crate) says: &'static str,
}

pub(crate) const FORMS: [Form; 13] = [
    Form {
        name: "throttle",
        keys: &["code", "subcode", "status", "retry_minutes"],
        says: "a rate limit: code 4, 17, 32, 613 or 80000 to 80014",
    },
    Form {
        name: "fail",
        keys: &[
            "code",
            "status",
            "subcode",
            "message",
            "title",
            "user_msg",
            "type",
            "is_transient",
            "empty",
        ],
        says: "any error of Meta's, with its usual words or yours; empty sends no body",
    },
    Form {
        name: "stall",
        keys: &["ms", "accepted"],
        says: "answers after ms, which must be there",
    },
    Form { name: "drip", keys: &["ms"], says: "answers byte by byte over ms, which must be there" },
    Form {
        name: "cut",
        keys: &["bytes", "accepted"],
        says: "closes the connection after so many bytes of the body, which must be there",
    },
    Form { name: "reset", keys: &["accepted"], says: "closes the connection without an answer" },
    Form {
        name: "wrong_json",
        keys: &["status", "accepted"],
        says: "answers JSON that breaks off",
    },
    Form { name: "html", keys: &["status", "accepted"], says: "answers a page, as gateways do" },
    Form {
        name: "refuse_event",
        keys: &["index", "name_index", "subcode"],
        says: "refuses requests with an event at index, which must be there",
    },
    Form {
        name: "refuse_event_id",
        keys: &["event_id", "name_index", "subcode"],
        says: "refuses requests that hold event_id, which must be there",
    },
    Form { name: "token_revoked", keys: &[], says: "answers 190/460" },
    Form { name: "dataset_missing", keys: &[], says: "answers 100/33" },
    Form {
        name: "usage",
        keys: &[
            "percent",
            "call_count",
            "total_time",
            "total_cputime",
            "account_percent",
            "reset_seconds",
            "retry_minutes",
        ],
        says: "answers as usual, with usage headers that warn; one percent must be there",
    },
];

/// The page at `/`.
pub(crate) fn page() -> String {
    format!(
        "\
Tillpost sandbox: a local stand-in for Meta's Conversions API.

Point your sender at this address instead of https://graph.facebook.com and POST to
/{{version}}/{{dataset_id}}/events with any token. It answers as Meta does, right and wrong:
one bad event refuses the whole request, with Meta's code, subcode and sentence. Calls that go
elsewhere are answered as Meta does and listed under /sandbox/requests.
Nothing leaves this machine.

{}",
        routes_and_faults()
    )
}

/// Routes, faults and versions, one a line.
#[must_use]
pub fn routes_and_faults() -> String {
    let mut text = "\
Routes:
  /sandbox/events      GET what arrived, newest last (?event_id= &event_name= &dataset_id= &limit=)
                       DELETE forgets it
  /sandbox/duplicates  GET what arrived more than once, and whether as the same bytes
  /sandbox/requests    GET every request, the answer it got, and what the rules say
  /sandbox/faults      POST faults on order, GET what is left of them, DELETE clears them
                       {\"faults\":[{\"do\":\"throttle\",\"times\":2},{\"do\":\"reset\",\"times\":1}]}
  /                    GET the page about it

Faults: the first that concerns a request is met. Each may have times (else it lasts until it is
cleared), dataset_id, and holding (an event id). accepted says whether the events are kept.
"
    .to_owned();
    // Writing to a `String` does not fail.
    for Form { name, keys, says } in &FORMS {
        let _ = writeln!(text, "  {name:<16} {says}");
        for (number, keys) in keys.chunks(5).enumerate() {
            let label = if number == 0 { "keys:" } else { "" };
            let _ = writeln!(text, "  {:<16} {label:<5} {}", "", keys.join(", "));
        }
    }
    text.push_str("\nMeta's versions, and the day each ends:\n");
    let versions: Vec<String> = version::listed().collect();
    for versions in versions.chunks(4) {
        let _ = writeln!(text, "  {}", versions.join(", "));
    }
    text
}

/// Names of the faults, in order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|form| form.name)
}

/// What was meant by a misspelt word, if it is near enough to a known one.
pub(crate) fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong: more would guess at random.
    let most = (word.chars().count() / 3).max(1);
    let near = known.map(|one| (strsim::osa_distance(word, one), one));
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Script;

    const COMMON: [&str; 4] = ["do", "times", "dataset_id", "holding"];

    #[test]
    fn the_table_and_the_reader_know_the_same_keys() {
        for form in &FORMS {
            let name = form.name;
            let script = format!(r#"{{"faults":[{{"do":"{name}","#) + r#""none of these":1}]}"#;
            let mistakes = Script::read(script.as_bytes()).unwrap_err();
            let known = mistakes.iter().find_map(|says| says.split("(known: ").nth(1)).unwrap();
            let mut known: Vec<&str> = known.trim_end_matches(')').split(", ").collect();
            let mut listed: Vec<&str> = form.keys.iter().chain(&COMMON).copied().collect();
            known.sort_unstable();
            listed.sort_unstable();
            assert_eq!(known, listed, "{name}");
        }
    }

    #[test]
    fn the_page_shows_every_fault_and_key() {
        let page = page();
        for form in &FORMS {
            assert!(page.contains(form.name) && page.contains(form.says));
            assert!(form.keys.iter().all(|key| page.contains(key)), "{}", form.name);
        }
        for route in ROUTES {
            assert!(page.contains(route.split_once(' ').unwrap().1), "{route}");
        }
        assert!(page.contains("v25.0 until 2028-07-29") && page.ends_with("v26.0\n"));
        assert!(page.lines().all(|line| line.chars().count() <= 110), "{page}");
    }

    #[test]
    fn the_guide_orders_every_fault_and_each_order_is_understood() {
        let guide = include_str!("../../docs/sandbox.md");
        let faults: Vec<&str> = guide.lines().filter(|line| line.starts_with("{\"do\"")).collect();
        for fault in &faults {
            let script = format!("{{\"faults\":[{fault}]}}");
            assert!(Script::read(script.as_bytes()).is_ok(), "{fault}");
        }
        for name in names() {
            let ordered = format!("{{\"do\": \"{name}\"");
            assert!(faults.iter().any(|fault| fault.starts_with(&ordered)), "{name}");
        }
        let listed = guide.matches("http://127.0.0.1:8090/sandbox/");
        assert!(listed.count() > 3 && guide.contains("An event with a value needs a currency."));
    }

    #[test]
    fn a_misspelt_word_is_guessed_only_when_it_is_near() {
        for (word, expect) in [
            ("throtle", Some("throttle")),
            ("refuse-event", Some("refuse_event")),
            ("rest", Some("reset")),
            ("htm", Some("html")),
            ("explode", None),
            ("", None),
        ] {
            assert_eq!(meant(word, names()), expect, "{word}");
        }
    }
}
