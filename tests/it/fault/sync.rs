//! A sync that fails: no promise for what it should have written, no later success that would hide
//! it, an end with a name, and a new start that has everything that was promised.
//!
//! What the failed sync should have written is gone at the end of the process, as on Linux, where
//! the next sync succeeds without it. The control is a disk that fails and does not tell: there the
//! judge must find losses. Long: `FAULT_ROUNDS=60`, which fails each of the first sixty syncs.

use std::path::Path;

use super::disk::begun;
use super::load::ended;
use super::rounds;

/// Writes and syncs between two folds beside the writer, at the very most: ten lengths of the log.
const GOES_ON: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_ends_the_service_and_breaks_no_promise() {
    let rounds = rounds(6);
    let ((folder, sandbox), (disk, load), mut program) = begun().await;
    for round in 0..rounds {
        // The first sixty in a long run; a few of them, far apart, in a short one.
        let number = if rounds < 60 { round * round + 1 } else { round + 1 };
        let struck = disk.struck().len();
        disk.order(&format!("eio {number}"));
        ended(load.start(program.api)).await;
        assert_eq!(program.wait(), Some(1), "sync {number}: it ends by itself, with an error");
        let told = disk.struck().split_off(struck);
        assert!(told.contains(&format!("sync {number} of")), "it struck: {told}");
        disk.order("");
        program = disk.start(folder.path()).expect("a start");
        load.repeat(program.api).await;
    }
    // Not in each round: a sync may have had nothing but settlements to write.
    assert!(load.refused() > 0, "payments that a failed sync should have written are answered 503");
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    let times = log(folder.path()).matches("the disk of the database failed").count();
    assert!(times >= rounds, "each is named in the log: {times} of {rounds}");
}

/// What is folded into the database beside the writer is synced by a handle of our own, of which
/// `SQLite` knows nothing. Where somebody has appended during the fold, nobody else has synced it, and
/// what it wrote is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_of_what_was_folded_in_ends_the_service_and_breaks_no_promise() {
    let ((folder, sandbox), (disk, load), mut program) = begun().await;
    let rounds = rounds(3);
    for round in 0..rounds {
        let (number, struck) = (round % 4 + 1, disk.struck().len());
        // A service that went on would do so for ever: then the power fails.
        disk.order(&format!("fold {number}\ncut {}", number * GOES_ON));
        ended(load.start(program.api)).await;
        assert_eq!(program.wait(), Some(1), "fold {number}: it ends by itself, with an error");
        let told = disk.struck().split_off(struck);
        assert!(told.contains(" of tillpost.db failed"), "it struck: {told}");
        disk.order("");
        program = disk.start(folder.path()).expect("a start");
        load.repeat(program.api).await;
    }
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    let times = log(folder.path()).matches("syncing the database: ").count();
    assert!(times >= rounds, "each is named in the log: {times} of {rounds}");
}

/// A sync may have had nothing but settlements to write: then nothing is lost by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_judge_notices_a_sync_that_fails_and_does_not_tell() {
    for nth in 3..13 {
        if is_noticed(nth).await {
            return;
        }
    }
    panic!("the judge sees what was lost");
}

async fn is_noticed(nth: usize) -> bool {
    let ((folder, sandbox), (disk, load), mut program) = begun().await;
    disk.order(&format!("deaf {nth}\ncut 300"));
    ended(load.start(program.api)).await;
    assert_eq!(program.wait(), Some(137), "the power failed");
    assert!(disk.struck().contains("nobody was told"), "{}", disk.struck());
    disk.order("");
    // A start that refuses what is left has noticed as well.
    let Ok(program) = disk.start(folder.path()) else { return true };
    let books = load.drained(&program).await;
    !load.judge(&sandbox, &books).is_empty()
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log.txt")).expect("a log")
}
