//! The corpus of the fuzzers, played through their targets: what once was found stays mended. And the
//! same bytes spoilt at random, a thousand times here, a million times by hand:
//!
//! ```text
//! FUZZ_EXECUTIONS=1000000 cargo test --release --test it fuzzing::spoilt -- --nocapture
//! ```
//!
//! It prints how often it ran, the slowest, and the `FUZZ_SEED` that plays it again.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

fn play(target: &str, play: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("a corpus") {
        play(&std::fs::read(file.expect("a file").path()).expect("bytes"));
        count += 1;
    }
    assert!(count > 0, "{target} has a corpus");
}

#[test]
fn captures() {
    play("capture", targets::capture);
}

#[test]
fn persons() {
    play("person", targets::person);
}

#[test]
fn answers() {
    play("answer", targets::answer);
}

#[test]
fn mappings() {
    play("mapping", targets::mapping);
}

#[test]
fn webhooks() {
    play("webhook", targets::webhook);
}

#[test]
fn feeds() {
    play("feed", targets::feed);
}

/// What plays bytes, and returns if it found nothing.
type Target = fn(&[u8]);

/// What is put into the bytes: pieces that readers stumble over.
const PIECES: [&[u8]; 19] = [
    b"1e400",
    b"9007199254740993",
    b"-0.0",
    b"\\ud800",
    b"\\u0000",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc0\xaf",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":{\"a\":",
    b"\"amount\":1,\"amount\":2,",
    b"\r\n\r\n",
    b"\\\"",
    b"null",
    b"{{{event_data.x}}}",
    b"<!ENTITY x SYSTEM \"file:///etc/passwd\">",
    b"]]>",
    "\u{202e}\u{200d}\u{1f469}".as_bytes(),
];

/// Spoils some bytes: a few strokes, each in another place.
fn spoil(chance: &mut fastrand::Rng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..chance.usize(1..=6) {
        let place = chance.usize(0..=bytes.len());
        let end = bytes.len().min(place + chance.usize(0..64));
        match chance.u8(0..7) {
            0 if place < bytes.len() => bytes[place] ^= 1 << chance.u8(0..8),
            1 if place < bytes.len() => bytes[place] = chance.u8(..),
            2 => drop(bytes.drain(place..end)),
            3 => bytes.truncate(place),
            4 => {
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
            5 => {
                let from = chance.usize(0..=other.len());
                bytes.splice(place..end, other[from..].iter().take(200).copied());
            }
            _ => {
                let piece = PIECES[chance.usize(0..PIECES.len())];
                bytes.splice(place..place, piece.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn spoilt() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let executions = number("FUZZ_EXECUTIONS").unwrap_or(1_200);
    let seed = number("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("replay with FUZZ_SEED={seed} FUZZ_EXECUTIONS={executions}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let targets: [(&str, Target); 6] = [
        ("capture", targets::capture),
        ("person", targets::person),
        ("answer", targets::answer),
        ("mapping", targets::mapping),
        ("webhook", targets::webhook),
        ("feed", targets::feed),
    ];
    let share = executions / 6 + 1;
    for (target, play) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let files = std::fs::read_dir(&folder).expect("a corpus");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        files.sort();
        let corpus: Vec<_> = files.iter().map(|file| std::fs::read(file).expect("bytes")).collect();
        let mut slowest = Duration::ZERO;
        for _ in 0..share {
            let one = &corpus[chance.usize(0..corpus.len())];
            let other = &corpus[chance.usize(0..corpus.len())];
            let bytes = spoil(&mut chance, one, other);
            let began = Instant::now();
            play(&bytes);
            slowest = slowest.max(began.elapsed());
        }
        println!("{target}: {share} executions, the slowest {slowest:?}");
    }
}
