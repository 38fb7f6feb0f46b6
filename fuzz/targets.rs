//! What must hold of any bytes at all: one function for each thing that reads from outside.
//!
//! Run by cargo-fuzz with bytes it makes up (`fuzz/README.md`), and by `tests/it/fuzzing.rs` with
//! the corpus of bytes that once were interesting. A function that returns has found nothing.

#![allow(unreachable_pub, reason = "of two programs that use this file, one needs it public")]

use std::io;
use std::path::Path;

use tillpost::config::{World, feed};
use tillpost::core::catalog::ID_CHARS_MAX;
use tillpost::core::decide::{Case, Verdict, decide};
use tillpost::core::finding::At;
use tillpost::core::json;
use tillpost::core::mapping::{Datasets, Mapping, compile};
use tillpost::core::meta::{ContentType, answer};
use tillpost::core::money::Currency;
use tillpost::core::payment::{self, Occasion};
use tillpost::core::signup::{read_removal, read_signup};
use tillpost::core::time::Timestamp;
use tillpost::core::user::User;
use tillpost::core::webhook::{self, Meaning};

/// 2026-02-28T12:00:00Z
const NOW: i64 = 1_772_280_000;

const MAPPINGS: [&str; 2] = [
    include_str!("../mappings/commerce.toml"),
    concat!(
        "version = 1\n[defaults]\ndataset = \"a\"\naction_source = \"website\"\n",
        "default_country = \"IN\"\nlimited_data_use = true\nchecks = { E201 = \"off\" }\n",
        "[payments]\nDEFAULT = \"Purchase\"\nONE_TIME = \"Search\"\nRECURRING = \"Subscribe\"\n",
    ),
];

/// A body of `capture-payment`: whatever is forwarded is JSON, an error blocks, and what is stored
/// is read back as the same payment.
pub fn capture(bytes: &[u8]) {
    let now = Timestamp::from_seconds(NOW);
    let Ok(body) = json::read(bytes) else { return };
    let Some(payment) = payment::read(body, now).value else { return };
    let stored = payment.to_stored();
    let again = json::read(stored.as_bytes()).expect("what is stored is JSON");
    let again = payment::read(again, now).value.expect("what is stored is a payment");
    assert_eq!(again, payment, "{stored}");
    for source in MAPPINGS {
        judge(&mapping_of(source), &payment, now);
    }
}

fn judge(mapping: &Mapping, payment: &payment::Payment<'_>, now: Timestamp) {
    let decision = decide(Case {
        mapping,
        payment,
        user: Some(&User::default()),
        currency: Currency::read("INR"),
        record_id: "r",
        now,
    });
    let forwarded = decision.verdict == Verdict::Forward;
    assert_eq!(forwarded, !decision.events.is_empty());
    assert!(!(forwarded && decision.findings.has_error()), "an error blocks");
    for event in &decision.events {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&event.body);
        assert!(read.is_ok_and(|event| event["event_name"].is_string()), "{}", event.body);
    }
}

fn mapping_of(source: &str) -> Mapping {
    compile(source, Datasets::Any).0.expect("a good mapping")
}

/// A body of `signup` or of a removal: what is stored of a person is read back as the same person.
pub fn person(bytes: &[u8]) {
    let Ok(body) = json::read(bytes) else { return };
    let _ = read_removal(&body);
    for source in MAPPINGS {
        let default_country = mapping_of(source).default_country();
        let received_at = Timestamp::from_seconds(NOW);
        let arrival = payment::Arrival { received_at, default_country };
        let Some(signup) = read_signup(&body, arrival).value else { continue };
        let stored = signup.user.to_stored();
        assert_eq!(User::from_stored(&stored), signup.user, "{stored}");
    }
}

/// An answer of Meta's, or of whatever stood in the way: the first two bytes are the status, the
/// third the number of events sent. What is kept of it is bounded.
pub fn answer(bytes: &[u8]) {
    let [high, low, sent, body @ ..] = bytes else { return };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let outcome = answer::read(status, body, usize::from(*sent));
    assert!(format!("{outcome:?}").len() < 20_000, "what is kept is bounded");
}

/// A mapping file: it is refused with a place, or it decides.
pub fn mapping(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (compiled, findings) = compile(text, Datasets::Any);
    assert_eq!(compiled.is_none(), findings.has_error(), "refused if and only if an error");
    for finding in &findings {
        let At::Span(span) = &finding.at else { unreachable!("a file has spans") };
        assert!(span.start <= span.end && span.end <= text.len(), "{span:?}");
    }
    let Some(compiled) = compiled else { return };
    let body = br#"{"user_id":"1","amount":5,"event_data":{"contents":[{"id":"a","quantity":1}]}}"#;
    let now = Timestamp::from_seconds(NOW);
    let body = json::read(body).expect("JSON");
    let payment = payment::read(body, now).value.expect("a payment");
    judge(&compiled, &payment, now);
}

/// A product feed of any format: it cannot be read, or every row is a product or is counted.
pub fn feed(bytes: &[u8]) {
    for name in ["feed.csv", "feed.tsv", "feed"] {
        let world = OneFile(bytes.to_vec());
        let Ok((catalog, report)) = feed::read(Path::new(name), None, &world) else { continue };
        assert_eq!(catalog.products(), report.products);
        let troubled: u64 = report.troubles.iter().map(|trouble| trouble.rows).sum();
        assert!(report.rows <= report.products as u64 + troubled, "{report:?}");
        let id: String = String::from_utf8_lossy(bytes).chars().take(ID_CHARS_MAX).collect();
        for kind in [None, Some(ContentType::Product), Some(ContentType::ProductGroup)] {
            let meant = catalog.suggestion(kind, &id);
            assert!(meant.is_none_or(|meant| meant.help().len() < 2_000), "a hint is a sentence");
        }
    }
}

/// A webhook of any provider: a payment that is made of it is one that the reader of captures reads
/// under the same id, or refuses; a refund names a payment.
pub fn webhook(bytes: &[u8]) {
    let now = Timestamp::from_seconds(NOW);
    for provider in webhook::Provider::ALL {
        match webhook::read(*provider, bytes) {
            Meaning::Capture(capture) => {
                let body = json::read(capture.body.as_bytes()).expect("a capture is JSON");
                let Some(payment) = payment::read(body, now).value else { continue };
                let id = payment.payment_id.expect("a capture has an id");
                assert_eq!(id.as_str(), capture.payment_id.trim());
                assert_eq!(payment.occasion, Occasion::Payment(capture.payment_type));
            }
            Meaning::Refund(ids) => assert!(!ids.is_empty(), "a refund names a payment"),
            Meaning::Alias { alias, payment_id } => {
                assert!(!alias.is_empty() && !payment_id.is_empty(), "both have a name");
            }
            Meaning::PartialRefund | Meaning::Ignored(_) | Meaning::Unknown | Meaning::Fault(_) => {
            }
        }
    }
}

/// A world of one file.
#[derive(Debug)]
struct OneFile(Vec<u8>);

impl World for OneFile {
    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn io::Read>> {
        Ok(Box::new(io::Cursor::new(self.0.clone())))
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}
