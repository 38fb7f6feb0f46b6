//! The command `tillpost sandbox` as a process: its flags, its log, its end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program;

/// A running `tillpost sandbox`.
struct StandIn {
    child: Child,
    address: String,
}

impl StandIn {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = program::command(folder)
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut address = String::new();
        let out = child.stdout.as_mut().expect("its output");
        BufReader::new(out).read_line(&mut address).expect("its address");
        Self { child, address: address.trim().to_owned() }
    }

    async fn post(&self, path: &str, token: &str, event: &str) -> (u16, String) {
        let answer = program::client()
            .post(format!("{}{path}", self.address))
            .bearer_auth(token)
            .body(format!(r#"{{"data":[{event}]}}"#))
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Asks the process to stop; its exit code and what it said.
    fn terminate(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("a signal");
        assert!(sent.success());
        let mut said = String::new();
        self.child.stderr.take().expect("words").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("an end").code(), said)
    }
}

/// A process must not outlive its test.
impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A right event of 2026-09-21.
const EVENT: &str = r#"{"event_name":"Lead","event_time":1790000000,"event_id":"a","action_source":"other","user_data":{"external_id":"7"}}"#;

#[tokio::test]
async fn the_flags_say_who_may_come_and_what_time_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = ["--token", "one", "--token", "two", "--dataset", "7", "--now", "1790000000"];
    let stand_in = StandIn::start(folder.path(), &[&flags[..], &["--keep-events", "1"]].concat());
    for (path, token, event, expect) in [
        ("/v25.0/7/events", "one", EVENT, "\"events_received\":1"),
        ("/v25.0/7/events", "two", EVENT, "\"events_received\":1"),
        ("/v25.0/7/events", "three", EVENT, "\"code\":190"),
        ("/v25.0/8/events", "one", EVENT, "\"error_subcode\":33"),
        ("/v25.0/7/events", "one", &EVENT.replace("179", "178"), "\"error_subcode\":2804003"),
        ("/v25.0/7/events", "one", &EVENT.replace(r#""a""#, "5"), "\"events_received\":1"),
    ] {
        let (_, body) = stand_in.post(path, token, event).await;
        assert!(body.contains(expect), "{path} {token}: {body}");
    }
    let url = format!("{}/sandbox/events", stand_in.address);
    let events = program::client().get(url).send().await.expect("an answer");
    let events = events.text().await.expect("text");
    assert!(events.contains(r#""received":3,"kept":1,"dropped":2"#), "{events}");
    let (code, said) = stand_in.terminate();
    assert_eq!(code, Some(0), "SIGTERM is a good end: {said}");
    assert_eq!(said.lines().count(), 6, "one line a request: {said}");
}

#[tokio::test]
async fn the_log_is_for_people_or_for_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    for (format, begins) in [
        ("text", "14:13:20 #1 ds 7 v25.0 1 event  ACCEPTED 1 event"),
        ("json", r#"{"number":1,"received_at":1790000000,"method":"POST""#),
    ] {
        let stand_in = StandIn::start(folder.path(), &["--now", "1790000000", "--log", format]);
        stand_in.post("/v25.0/7/events", "t", EVENT).await;
        let (_, said) = stand_in.terminate();
        assert!(said.starts_with(begins), "{said}");
    }
}

#[tokio::test]
async fn being_strict_it_refuses_what_is_assumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let stand_in = StandIn::start(folder.path(), &["--strict", "--now", "2026-09-21T14:13:20Z"]);
    let event = EVENT.replace(r#""a""#, "5");
    let (status, body) = stand_in.post("/v25.0/7/events", "t", &event).await;
    assert_eq!(status, 400, "{body}");
}
