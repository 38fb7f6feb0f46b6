//! Signals under load: a process that stands still for a while, one that is asked to stop, and one
//! that is asked twice.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tillpost::sandbox::Script;

use super::load::{Load, ended, wait_until};
use crate::program::{self, Program};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stood_still_has_lost_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let load = Load::new();
    let mut program = Program::start(folder.path());
    load.sign_up(program.api).await;
    let connections = load.impatient(Duration::from_secs(5)).start(program.api);
    wait_until(|| load.taken() >= 50, "the producer is answered").await;
    program.signal("-STOP");
    ended(connections).await;
    assert!(load.unanswered() > 0, "it stood still: nobody was answered in time");
    program.signal("-CONT");
    load.repeat(program.api).await;
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    assert_eq!(program.terminate(), Some(0), "a graceful stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_is_quick_and_loses_and_doubles_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let load = Load::new();
    let mut program = Program::start(folder.path());
    load.sign_up(program.api).await;
    let connections = load.start(program.api);
    wait_until(|| load.taken() >= 100, "the producer is answered").await;
    let asked = Instant::now();
    assert_eq!(program.terminate(), Some(0), "a graceful stop");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    ended(connections).await;
    let program = Program::start(folder.path());
    load.repeat(program.api).await;
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    assert_eq!(sandbox.duplicates().len(), 0, "with a healthy Meta nothing is sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_twice_does_not_wait() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let load = Load::new();
    let mut program = Program::start(folder.path());
    load.sign_up(program.api).await;
    let stall = r#"{"faults":[{"do":"stall","ms":60000}]}"#;
    sandbox.set_faults(Script::read(stall.as_bytes()).expect("a good script"));
    let connections = load.start(program.api);
    wait_until(|| load.taken() >= 50, "the producer is answered").await;
    wait_until(|| !sandbox.requests().is_empty(), "a request to Meta is under way").await;
    program.signal("-TERM");
    let log = || std::fs::read_to_string(folder.path().join("log.txt")).expect("a log");
    wait_until(|| log().contains("stopping: no new requests"), "it stops").await;
    let asked = Instant::now();
    assert_eq!(program.terminate(), Some(1), "not graceful any more");
    // A graceful stop waits for Meta four seconds.
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    ended(connections).await;
    sandbox.set_faults(Script::read(br#"{"faults":[]}"#).expect("a good script"));
    let program = Program::start(folder.path());
    load.repeat(program.api).await;
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
}
