//! `tillpost sandbox`: the stand-in for Meta alone, for other teams' tests.

mod log;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Ended, Format, serve, setup, terminal};
use crate::clock::Clock;
use crate::core::time::Timestamp;
use crate::sandbox::{self, Now, OnVerdict, Sandbox, Script, Settings};

/// Runs the stand-in for Meta alone.
///
/// It judges what is posted to /vNN.N/DATASET/events as Meta would, and shows what arrived under
/// /sandbox/events. Each request is told in one line. Unless it is --strict it refuses only what
/// Meta is known to refuse. Ctrl-C or SIGTERM stops it gracefully.
#[derive(Debug, clap::Args)]
#[command(after_long_help = manual())]
pub(super) struct Arguments {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// A script of faults to begin with, as POST /sandbox/faults takes it.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// Refuses events also for what Meta is only assumed to refuse: where its pages are silent or
    /// contradict each other. Without it such events are accepted with warnings.
    #[arg(long)]
    strict: bool,

    /// A token that is good; may be repeated. Others are answered 190. Without it every token is.
    /// Make one up: nothing but the sandbox should know it.
    #[arg(long, value_name = "TOKEN")]
    token: Vec<String>,

    /// A dataset that exists; may be repeated. Others are answered 100/33. Without it every id does.
    #[arg(long, value_name = "ID")]
    dataset: Vec<String>,

    /// A clock that stands still: RFC 3339 or Unix seconds. Without it: the system's.
    #[arg(long, value_name = "TIME")]
    now: Option<String>,

    /// Events that are kept; the oldest make room for others.
    #[arg(long, value_name = "N", default_value_t = Settings::default().keep_events)]
    keep_events: usize,

    /// How requests are told. Without it: as text on a terminal, else as JSON.
    #[arg(long, value_enum, value_name = "FORMAT")]
    log: Option<Format>,
}

/// What stands below the flags in `--help`.
fn manual() -> String {
    format!(
        "\
Examples:
  tillpost sandbox --listen 127.0.0.1:8090
  tillpost sandbox --strict --dataset 1234567890 --token good-token --now 2026-09-21T12:00:00Z

{}",
        sandbox::routes_and_faults()
    )
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let ran = setup::runtime().and_then(|runtime| runtime.block_on(serve(arguments)));
    ran.unwrap_or_else(|ended| ended)
}

async fn serve(arguments: &Arguments) -> Result<Ended, Ended> {
    let sandbox = Sandbox::new(settings(arguments), clock(arguments)?);
    if let Some(path) = &arguments.script {
        sandbox.set_faults(script(path)?);
    }
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| terminal::misused(&format!("cannot listen on {listen}: {error}")))?;
    let address = listener.local_addr().map_err(|error| terminal::failed(&error))?;
    let (stop, _) = serve::signals().map_err(|error| terminal::failed(&error))?;
    terminal::data(&format!("http://{address}"));
    sandbox::serve(listener, sandbox, stop).await.map_err(|error| terminal::failed(&error))?;
    Ok(Ended::Well)
}

/// The script in a file.
fn script(path: &Path) -> Result<Script, Ended> {
    Script::read(&setup::input(path)?).map_err(|mistakes| {
        let shown = path.display();
        let lines: Vec<String> = mistakes.iter().map(|says| format!("{shown}: {says}")).collect();
        terminal::misused(&lines.join("\n"))
    })
}

fn settings(arguments: &Arguments) -> Settings {
    let set = |words: &[String]| -> Option<BTreeSet<String>> {
        (!words.is_empty()).then(|| words.iter().cloned().collect())
    };
    Settings {
        strict: arguments.strict,
        tokens: set(&arguments.token),
        datasets: set(&arguments.dataset),
        keep_events: arguments.keep_events,
        on_verdict: Some(report(arguments.log)),
        ..Settings::default()
    }
}

fn clock(arguments: &Arguments) -> Result<Now, Ended> {
    let Some(text) = &arguments.now else {
        return Ok(Arc::new(|| Clock::System.now().seconds()));
    };
    let now = Timestamp::read(text)
        .map_err(|reason| terminal::misused(&format!("--now {reason}: {text}")))?
        .seconds();
    Ok(Arc::new(move || now))
}

/// One line a request: what came, and what it was answered.
fn report(format: Option<Format>) -> OnVerdict {
    let usual = if std::io::stderr().is_terminal() { Format::Text } else { Format::Json };
    match format.unwrap_or(usual) {
        Format::Text => Arc::new(|request| terminal::say(&log::line(request))),
        Format::Json => Arc::new(|request| {
            terminal::say(&serde_json::to_string(request).unwrap_or_default());
        }),
    }
}
