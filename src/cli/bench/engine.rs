//! The service under measurement: this same program, as a process of its own in a folder of its own.
//!
//! In: a folder, where the stand-in is, how many mapping rules. Out: its addresses, once it says
//! that it is ready. It is measured from outside only: over HTTP and through `/proc`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::fault::Fault;
use super::machine::Process;
use crate::cli::setup::SHIPPED_MAPPING;
use crate::clock::Clock;

/// The key of the only project. It opens a service that lives as long as the measurement.
pub(super) const KEY: &str = "bench-server-key";

/// Where the service finds its key and its token.
const VARIABLE: &str = "TILLPOST_BENCH_KEY";

/// How long a service may take to end, in milliseconds: it promises ten seconds.
const STOP_MILLIS: u64 = 20_000;

/// How often the books are asked for.
const BOOKS_TRIES: usize = 5;

/// How long an answer of the admin API may take: its sums count whole tables.
const ADMIN_SECS: u64 = 120;

/// A running service. It ends when this is dropped.
pub(super) struct Engine {
    /// Where payments go.
    pub(super) api: SocketAddr,
    /// Where the books are.
    pub(super) admin: SocketAddr,
    /// The database.
    pub(super) database: PathBuf,
    /// From the start of the process until it said that it is ready.
    pub(super) start_micros: u64,
    /// Its numbers.
    pub(super) process: Process,
    child: Child,
}

/// The sums that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Books {
    /// Payments.
    pub(super) recorded: u64,
    /// Events that the stand-in took.
    pub(super) delivered: u64,
    /// Events that wait.
    pub(super) pending: u64,
    /// Events that will be sent again.
    pub(super) retrying: u64,
    /// Events that need a person.
    pub(super) dead: u64,
}

#[derive(Deserialize)]
struct Ready {
    api: SocketAddr,
    admin: SocketAddr,
    database: PathBuf,
}

impl Engine {
    /// Starts the service in this folder.
    pub(super) fn start(folder: &Path, stand_in: SocketAddr, rules: usize) -> Result<Self, Fault> {
        let failed = || Fault::of(format!("cannot prepare {}", folder.display()));
        fs::write(folder.join("tillpost.toml"), config(stand_in)).map_err(failed())?;
        fs::write(folder.join("mapping.toml"), mapping(rules)).map_err(failed())?;
        let log = File::create(folder.join("service.log")).map_err(failed())?;
        let binary = std::env::current_exe().map_err(Fault::of("cannot find this program"))?;
        let began = Clock::System.monotonic_micros();
        let mut child = Command::new(binary)
            .args(["serve", "--format", "json", "--log", "warn"])
            .current_dir(folder)
            .env(VARIABLE, KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(Fault::of("cannot start the service"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let read = BufReader::new(stdout).read_line(&mut line);
            read.map_err(Fault::of("cannot read what the service says"))?;
        }
        let start_micros = Clock::System.monotonic_micros() - began;
        let Ok(ready) = serde_json::from_str::<Ready>(&line) else {
            let _ = child.wait();
            let log = fs::read_to_string(folder.join("service.log")).unwrap_or_default();
            return Err(Fault::Unexpected(format!("the service does not start:\n{}", log.trim())));
        };
        let process = Process::of(child.id());
        let database = folder.join(ready.database);
        Ok(Self { api: ready.api, admin: ready.admin, database, start_micros, process, child })
    }

    /// The sums of the books. The service gives up after half a minute; what it has read by then is
    /// in the machine's memory when it is asked again.
    pub(super) fn books(&self) -> Result<Books, Fault> {
        for _ in 1..BOOKS_TRIES {
            if let Ok(books) = self.ask_for_books() {
                return Ok(books);
            }
        }
        self.ask_for_books()
    }

    fn ask_for_books(&self) -> Result<Books, Fault> {
        let doing = || Fault::of("cannot ask the service for its books");
        let mut stream = TcpStream::connect(self.admin).map_err(doing())?;
        stream.set_read_timeout(Some(Duration::from_secs(ADMIN_SECS))).map_err(doing())?;
        let request =
            "GET /admin/v1/books HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).map_err(doing())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(doing())?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        body.and_then(|body| serde_json::from_str(body).ok())
            .ok_or_else(|| Fault::Unexpected(format!("the books cannot be read: {answer}")))
    }

    /// Ends the service as a supervisor would, and waits until it has gone.
    pub(super) fn stop(mut self) -> Result<(), Fault> {
        let id = i32::try_from(self.child.id()).map(Pid::from_raw);
        if let Ok(id) = id {
            // Where it has gone already, waiting says so.
            let _ = kill(id, Signal::SIGTERM);
        }
        for _ in 0..STOP_MILLIS / 10 {
            let gone = self.child.try_wait().map_err(Fault::of("cannot wait for the service"))?;
            if let Some(status) = gone {
                return if status.success() {
                    Ok(())
                } else {
                    Err(Fault::Unexpected(format!("the service ended with {status}")))
                };
            }
            Clock::block_micros(10_000);
        }
        Err(Fault::Unexpected(format!("the service did not end within {STOP_MILLIS} ms")))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(stand_in: SocketAddr) -> String {
    format!(
        r#"[http]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[[projects]]
name = "shop"
server_key = {{ env = "{VARIABLE}" }}
mapping = "mapping.toml"

[datasets.storefront]
id = "1234567890"
access_token = {{ env = "{VARIABLE}" }}
endpoint = "http://{stand_in}"
"#
    )
}

/// The shipped mapping file; with rules, so many of them for the type of our payments. Only the
/// last one holds, so each payment asks them all.
fn mapping(rules: usize) -> String {
    let shipped = SHIPPED_MAPPING.split("[[test]]").next().unwrap_or_default();
    if rules == 0 {
        return shipped.to_owned();
    }
    let lines = shipped.lines().filter(|line| !line.starts_with("DEFAULT "));
    let mut text: String = lines.flat_map(|line| [line, "\n"]).collect();
    for rule in 1..=rules {
        let channel = if rule == rules { "app".to_owned() } else { format!("channel-{rule}") };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[payments.DEFAULT]]\nwhen = {{ \"event_data.channel\" = \"{channel}\" }}\nevent = \"Purchase\"\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mapping::{Datasets, compile};

    #[test]
    fn its_mapping_files_have_nothing_to_mend() {
        for rules in [0, 1, 2, 1_000] {
            let (mapping, findings) = compile(&mapping(rules), Datasets::Any);
            assert!(mapping.is_some(), "{rules} rules: {findings:?}");
            assert!(findings.is_empty(), "{rules} rules: {findings:?}");
        }
    }
}
