//! A full disk: nothing new is taken, what was taken is finished, and nobody has to restart.
//!
//! Once the disk tells that it is nearly full, and once it does not (a quota), so that a write
//! fails. The control is the same load on a disk with room, which refuses nothing.

use std::time::{Duration, Instant};

use super::disk::{begun, database};
use super::load::{Answered, TRIES, ended, wait_until};

/// Load until 503, then: the rest goes on, and so does everything once there is room.
async fn story(orders: &str, proof: &str) {
    let ((folder, sandbox), (disk, load), mut program) = begun().await;

    let connections = load.start(program.api);
    wait_until(|| load.taken() >= 200, "a disk with room takes").await;
    assert_eq!(load.refused(), 0, "the control: with room nothing is refused");
    disk.order(orders);
    ended(connections).await;
    assert!(load.refused() > 0, "the disk was full");

    let mut quickest = Duration::MAX;
    for _ in 0..TRIES {
        let asked = Instant::now();
        assert_eq!(load.one(program.api).await, Answered::Refused);
        quickest = quickest.min(asked.elapsed());
    }
    assert!(quickest < Duration::from_secs(1), "the answer comes at once: {quickest:?}");
    let status = async |url: String| load.http.get(url).send().await.expect("an answer").status();
    assert_eq!(status(format!("http://{}/health/ready", program.api)).await, 503);
    assert_eq!(status(format!("http://{}/health/live", program.api)).await, 200);
    assert_eq!(status(format!("http://{}/metrics", program.admin)).await, 200);
    let books = load.drained(&program).await;
    assert_eq!(books["delivered"], books["recorded"], "what was taken is delivered: {books}");
    assert_eq!(load.one(program.api).await, Answered::Refused, "and it is still full");

    disk.order("");
    let freed = Instant::now();
    while load.one(program.api).await != Answered::Taken {
        assert!(freed.elapsed() < Duration::from_secs(20), "it takes again without a restart");
    }
    load.repeat(program.api).await;
    let books = load.drained(&program).await;
    assert_eq!(load.judge(&sandbox, &books), Vec::<String>::new());
    assert_eq!(program.terminate(), Some(0), "a graceful stop");
    let log = std::fs::read_to_string(folder.path().join("log.txt")).expect("a log");
    assert_eq!(log.matches("the disk of the database is full").count(), 1, "it is said once");
    assert!(log.contains("has room again"), "and so is its end");
    assert!(proof.is_empty() || disk.struck().contains(proof), "it struck: {}", disk.struck());
    assert!(database(folder.path()).with_added_extension("ballast").exists(), "kept for next time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_nearly_full_is_kept_for_what_was_taken() {
    story("room 16000000", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_without_room_gets_the_room_that_was_kept() {
    story("quota", "full").await;
}
