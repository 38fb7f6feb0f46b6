//! `kill -9` under load: what was answered 201 is delivered, and stands once in the books.
//!
//! After a number of answers the process is killed; the requests that broke off are sent again
//! after the restart. A killed process loses nothing that the kernel was given, so an answer before
//! the sync is not found here but by `power`. Long: `FAULT_ROUNDS=200 FAULT_PAUSE=1`, with half a
//! second to three between two kills.
//!
//! The control was tried by hand: with the loop over `payment.deliveries` in
//! `store/payments.rs::record` moved into a second job of the writer, this story fails every time.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::load::{CONNECTIONS, Load, ended, wait_until};
use super::{number, rounds, seeded};
use crate::program::{self, Program};

/// Shows LR-10, LR-40.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_under_load_loses_nothing_and_doubles_nothing() {
    let (mut random, rounds) = (seeded(), rounds(15));
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let load = Load::new();
    let mut program = Program::start(folder.path());
    load.sign_up(program.api).await;
    for round in 0..rounds {
        let connections = load.start(program.api);
        let enough = load.taken() + random.usize(20..200);
        let pause = number("FAULT_PAUSE").map_or(0, |_| random.u64(500..3_000));
        let (began, pause) = (Instant::now(), Duration::from_millis(pause));
        let is_time = || load.taken() >= enough && began.elapsed() >= pause;
        wait_until(is_time, "the producer is answered").await;
        program.kill();
        ended(connections).await;
        assert!(load.unanswered() > 0, "round {round}: the kill struck requests under way");
        program = Program::start(folder.path());
        load.repeat(program.api).await;
    }
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    assert!(load.taken() >= rounds * 20, "the load was real");
    let again = sandbox.duplicates().len();
    let under_way = 1_000 * CONNECTIONS;
    assert!(again <= rounds * under_way, "{again} events were sent twice");
    assert_eq!(program.terminate(), Some(0), "a graceful stop");
}
