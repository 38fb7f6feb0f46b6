//! A copy under load, restored elsewhere; and what the doctor says meanwhile.

use serde_json::Value;
use tempfile::TempDir;

use super::disk::database;
use super::load::{Load, ended, wait_until};
use crate::engine::purchase;
use crate::program::{self, KEY, Program, printed, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_under_load_has_all_that_was_promised_and_can_take_its_place() {
    let folder = TempDir::new().expect("a folder");
    let (_, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let load = Load::new();
    let mut program = Program::start(folder.path());
    load.sign_up(program.api).await;
    let connections = load.start(program.api);
    wait_until(|| load.taken() >= 100, "the producer is answered").await;
    let before = load.taken_ids();
    let copied = run(folder.path(), &["backup", "copy.db", "--format", "json"]);
    assert_eq!(copied.status.code(), Some(0), "{}", printed(&copied));
    wait_until(|| load.taken() > before.len(), "payments are taken meanwhile").await;
    let again = run(folder.path(), &["backup", "copy.db"]);
    assert_eq!(again.status.code(), Some(2), "{}", printed(&again));
    assert!(printed(&again).contains("exists already"), "{}", printed(&again));
    program.kill();
    ended(connections).await;

    let other = TempDir::new().expect("another folder");
    Program::configure(other.path(), address);
    std::fs::create_dir(other.path().join("tillpost-data")).expect("a folder");
    std::fs::copy(folder.path().join("copy.db"), database(other.path())).expect("a restore");
    let mut program = Program::start(other.path());
    for id in &before {
        let url = format!("http://{}/api/v1/capture-payment", program.api);
        let request = load.http.post(url).header("linkrunner-key", KEY).body(purchase("666", id));
        let text = request.send().await.expect("an answer").text().await.expect("text");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(body["data"]["duplicate"], true, "{id} is in the copy: {body}");
    }
    load.drained(&program).await;
    assert_eq!(program.terminate(), Some(0));
}

/// The state of each check, and what is said of one of them.
fn examined(folder: &TempDir, arguments: &[&str]) -> (Option<i32>, Vec<(String, String)>, String) {
    let looked = run(folder.path(), arguments);
    let text = String::from_utf8_lossy(&looked.stdout).into_owned();
    let document: Value = serde_json::from_str(&text).expect("one JSON document");
    let word = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let lines = document["checks"].as_array().expect("checks").iter();
    let states = lines.map(|line| (word(line, "check"), word(line, "state"))).collect();
    (looked.status.code(), states, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_finds_a_well_service_well_and_names_what_is_not() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let program = Program::start(folder.path());
    let (code, states, text) = examined(&folder, &["doctor", "--format", "json"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(states.iter().all(|(_, state)| state != "error"), "{text}");
    for check in ["configuration", "mapping", "store", "disk", "dataset storefront", "clock"] {
        assert!(states.contains(&(check.to_owned(), "ok".to_owned())), "{check}: {text}");
    }
    assert_eq!(sandbox.received(), 0, "no event was sent");
    drop(program);

    // A token that Meta does not know, and nobody at the address.
    let strict = program::oracle_with(["another-token".to_owned()].into()).await;
    let config = std::fs::read_to_string(folder.path().join("tillpost.toml")).expect("a file");
    for (endpoint, says) in [(strict, "code 190"), (([127, 0, 0, 1], 9).into(), "reached")] {
        let changed = config.replace(&address.to_string(), &endpoint.to_string());
        std::fs::write(folder.path().join("tillpost.toml"), changed).expect("a file");
        let (code, states, text) = examined(&folder, &["doctor", "--format", "json"]);
        assert_eq!(code, Some(1), "{text}");
        let wrong = ("dataset storefront".to_owned(), "error".to_owned());
        assert!(states.contains(&wrong) && text.contains(says), "{text}");
    }
}
