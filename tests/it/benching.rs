//! `tillpost bench` does what it says: it compares before it prints, and draws what it measured.
//!
//! Nothing here looks at how fast anything is.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{printed, run};

/// The figures of a run, which must have none of its files left over.
fn figures(folder: &Path, arguments: &[&str]) -> Value {
    let all = [&["bench", "--json", "-"], arguments].concat();
    let output = run(folder, &all);
    assert!(output.status.success(), "{}", printed(&output));
    let left = std::fs::read_dir(folder).expect("the folder").count();
    assert_eq!(left, 0, "the database is removed");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn a_load_is_counted_compared_and_cleaned_up() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, payments) in [
        (&["--payments", "60", "--connections", "4", "--address"][..], 60),
        (&["--payments", "95", "--connections", "2", "--batch", "10", "--lines", "5"], 100),
        (&["--payments", "40", "--rate", "400", "--rules", "20", "--stand-in", "sandbox"], 40),
    ] {
        let figures = figures(folder.path(), arguments);
        assert_eq!(figures["payments"], payments, "{arguments:?}: {figures}");
        assert_eq!(figures["payments_stored_after"], payments, "{arguments:?}: {figures}");
        for figure in ["durable_answers_per_second", "p99_ms", "peak_mib", "idle_mib"] {
            assert!(figures[figure].as_f64() > Some(0.0), "{figure}: {figures}");
        }
    }
}

#[test]
fn a_backlog_waits_and_drains_after_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let figures = figures(folder.path(), &["--preload", "200", "--backlog", "300"]);
    assert_eq!(figures["payments_stored_before"], 200);
    assert_eq!(figures["backlog_events"], 300);
    assert_eq!(figures["payments_stored_after"], 500);
    assert!(figures["start_ms"].as_f64() > Some(0.0), "{figures}");
}

#[test]
fn a_series_becomes_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let point = |x: u64| json!({"x": x, "durable_answers_per_second": 400 * x, "p99_ms": 1.5});
    let series = json!({"name": "connections", "points": [point(1), point(8), point(64)]});
    let file = folder.path().join("curves.json");
    std::fs::write(&file, json!({"series": [series]}).to_string()).expect("a document");
    let output = run(folder.path(), &["bench", "draw", "curves.json", "--into", "pictures"]);
    assert!(output.status.success(), "{}", printed(&output));
    let picture = std::fs::read_to_string(folder.path().join("pictures/connections.svg"));
    let picture = picture.expect("a picture");
    assert_eq!(picture.matches("<circle").count(), 6, "three points of two figures");

    std::fs::write(&file, "{}").expect("a document");
    let output = run(folder.path(), &["bench", "draw", "curves.json"]);
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
}

#[test]
fn what_cannot_be_measured_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, says) in [
        (&["--folder", "nowhere"][..], "nowhere is not a folder"),
        (&["--connections", "0"], "0 is not in 1..=2000"),
        (&["--backlog", "10", "--rate", "5"], "cannot be used with"),
    ] {
        let output = run(folder.path(), &[&["bench"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
        assert!(printed(&output).contains(says), "{}", printed(&output));
    }
}
