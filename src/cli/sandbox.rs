//! `tillpost sandbox`: the stand-in for Meta alone, for other teams' tests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Ended, setup, terminal};
use crate::clock::Clock;
use crate::sandbox::{self, RequestRecord, Sandbox, Script, Settings};

/// Runs the stand-in for Meta alone.
///
/// It judges what is posted to /vNN.N/DATASET/events as Meta would, and shows what arrived under
/// /sandbox/events. Each verdict is printed as one line of JSON.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost sandbox --listen 127.0.0.1:8090")]
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
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let ran = setup::runtime().and_then(|runtime| runtime.block_on(serve(arguments)));
    ran.unwrap_or_else(|ended| ended)
}

async fn serve(arguments: &Arguments) -> Result<Ended, Ended> {
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| terminal::misused(&format!("cannot listen on {listen}: {error}")))?;
    let address = listener.local_addr().map_err(|error| terminal::failed(&error))?;
    let settings = Settings {
        strict: arguments.strict,
        on_verdict: Some(Arc::new(report)),
        ..Settings::default()
    };
    let sandbox = Sandbox::new(settings, Arc::new(|| Clock::System.now().seconds()));
    if let Some(path) = &arguments.script {
        let script = Script::read(&setup::input(path)?);
        sandbox.set_faults(script.map_err(|faults| terminal::misused(&faults.join("\n")))?);
    }
    terminal::data(&format!("http://{address}"));
    let stop = async {
        // Without the signal handler the process simply ends at Ctrl-C.
        let _ = tokio::signal::ctrl_c().await;
    };
    sandbox::serve(listener, sandbox, stop).await.map_err(|error| terminal::failed(&error))?;
    Ok(Ended::Well)
}

/// One line a request: what came, and what Meta would say.
fn report(request: &RequestRecord) {
    let line = serde_json::to_string(request).unwrap_or_default();
    terminal::say(&line);
}
