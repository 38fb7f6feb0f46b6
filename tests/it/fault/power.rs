//! A power cut under load: what was answered 201 survives although the disk forgets what was not
//! synced, or keeps a part of it.
//!
//! The control is a disk that says it has synced and has not: there the judge must find losses.
//! Long: `FAULT_ROUNDS=100`.

use rusqlite::Connection;

use super::disk::{begun, database};
use super::load::{Answered, ended};
use super::{rounds, seeded};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_promised() {
    let (mut random, rounds) = (seeded(), rounds(12));
    let ((folder, sandbox), (disk, load), mut program) = begun().await;
    for round in 0..rounds {
        // The seed of what survives; 0 is a disk that forgets everything.
        let survivors = if random.bool() { 0 } else { random.u32(1..) };
        let struck = disk.struck().len();
        disk.order(&format!("cut {} {survivors}", random.u32(1..400)));
        ended(load.start(program.api)).await;
        assert_eq!(program.wait(), Some(137), "round {round}: the power failed");
        assert!(disk.struck()[struck..].contains("cut at"), "round {round}: {}", disk.struck());
        // Now and then it fails again while the books are opened.
        disk.order(&if random.u8(..4) == 0 {
            format!("cut {} {survivors}", random.u32(1..30))
        } else {
            String::new()
        });
        program = disk.start(folder.path()).unwrap_or_else(|code| {
            assert_eq!(code, Some(137), "round {round}: only the power ends a start");
            disk.order("");
            disk.start(folder.path()).expect("a start with power")
        });
        disk.order("");
        // What was meant for the start may strike behind it, until the order is read again: at the next
        // write.
        if load.one(program.api).await != Answered::Taken {
            assert_eq!(program.wait(), Some(137), "round {round}: only the power ends it");
            program = disk.start(folder.path()).expect("a start with power");
        }
        load.repeat(program.api).await;
    }
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    assert!(disk.struck().contains("lost "), "something was not synced: {}", disk.struck());
    assert_eq!(program.terminate(), Some(0), "a graceful stop");
    let books = Connection::open(database(folder.path())).expect("a database");
    let look: String =
        books.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a look");
    assert_eq!(look, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_judge_notices_a_disk_that_only_says_it_has_synced() {
    let ((folder, sandbox), (disk, load), mut program) = begun().await;
    assert_eq!(program.terminate(), Some(0));
    disk.order("lie\ncut 400");
    let mut program = disk.start(folder.path()).expect("a start");
    ended(load.start(program.api)).await;
    assert_eq!(program.wait(), Some(137), "the power failed");
    disk.order("");
    assert!(load.taken() > 0, "something was promised");
    // A start that refuses what is left has noticed as well.
    let Ok(program) = disk.start(folder.path()) else { return };
    let books = load.drained(&program).await;
    assert!(!load.judge(&sandbox, &books).is_empty(), "the judge sees what was lost");
}
