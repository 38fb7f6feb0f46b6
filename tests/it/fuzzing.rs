//! The corpus of the fuzzers, played through their targets: what once was found stays mended.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::path::Path;

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
