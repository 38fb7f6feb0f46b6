//! The real binary, as a process: for what only a process can show, such as dying.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use serde_json::Value;
use tillpost::clock::Clock;
use tillpost::sandbox::{self, Sandbox, Settings};
use tokio::net::TcpListener;

/// The server key of the programs.
pub(crate) const KEY: &str = "program-server-key-a7f3";

/// The site key of the programs.
pub(crate) const SITE_KEY: &str = "program-site-key-5d0e";

/// The client token of the programs.
pub(crate) const CLIENT_TOKEN: &str = "program-client-token-3b8d";

/// The secret with which apps sign to the programs.
pub(crate) const SIGNING_SECRET: &str = "program-signing-secret-c64e";

/// The secret of Stripe's webhook.
pub(crate) const HOOK_SECRET: &str = "program-hook-secret-72fa";

/// The access token of the programs.
pub(crate) const TOKEN: &str = "program-access-token-91c2";

/// A running `tillpost serve`.
pub(crate) struct Program {
    child: Child,
    pub(crate) api: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Program {
    /// Writes a configuration into the folder, once.
    pub(crate) fn configure(folder: &Path, sandbox: SocketAddr) {
        let config = format!(
            r#"
            [http]
            listen = "127.0.0.1:0"
            admin_listen = "127.0.0.1:0"
            [[projects]]
            name = "shop"
            server_key = {{ env = "SHOP_SERVER_KEY" }}
            site_key = {{ env = "SHOP_SITE_KEY" }}
            client_token = {{ env = "SHOP_CLIENT_TOKEN" }}
            client_signing = {{ key_id = "app-1", secret = {{ env = "SHOP_SIGNING_SECRET" }} }}
            webhooks = {{ stripe = {{ env = "SHOP_HOOK_SECRET" }} }}
            mapping = "commerce.toml"
            [datasets.storefront]
            id = "1234567890"
            access_token = {{ env = "META_ACCESS_TOKEN" }}
            endpoint = "http://{sandbox}"
            batch_wait_ms = 5
            "#
        );
        std::fs::write(folder.join("tillpost.toml"), config).expect("a configuration");
        let mapping = crate::engine::commerce();
        std::fs::write(folder.join("commerce.toml"), mapping).expect("a mapping");
    }

    /// Starts the program in a configured folder and waits until it is ready.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::try_start(folder, &[]).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(folder.join("log.txt")).expect("a log");
            panic!("the program does not start: {log}")
        })
    }

    /// Starts the program with more in its environment; its exit code if it ends before it is
    /// ready.
    pub(crate) fn try_start(
        folder: &Path,
        environment: &[(&str, PathBuf)],
    ) -> Result<Self, Option<i32>> {
        let mut command = command(folder);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::start_by(folder, command)
    }

    /// Starts the program in a configured folder with a log that says everything there is.
    pub(crate) fn start_talkative(folder: &Path) -> Self {
        Self::start_at("trace", folder, command(folder)).expect("the program starts")
    }

    /// The same by a command of the test's own, to which the arguments are added. It must become the
    /// program, not wait for it.
    pub(crate) fn start_by(folder: &Path, command: Command) -> Result<Self, Option<i32>> {
        Self::start_at("debug", folder, command)
    }

    fn start_at(log_level: &str, folder: &Path, mut command: Command) -> Result<Self, Option<i32>> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("log.txt"))
            .expect("a log file");
        let mut child = command
            .args(["serve", "--format", "json", "--log", log_level])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            return Err(child.wait().expect("an end").code());
        };
        let address =
            |key: &str| ready[key].as_str().and_then(|text| text.parse().ok()).expect("an address");
        Ok(Self { child, api: address("api"), admin: address("admin") })
    }

    /// Ends the process as `kill -9` does: without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a signal");
        self.child.wait().expect("an end");
    }

    /// Asks the process to stop, and waits.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal("-TERM");
        self.wait()
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("a signal");
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }

    /// A path as the process sees it, which may have mounted something there.
    pub(crate) fn seen(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").expect("a whole path");
        PathBuf::from(format!("/proc/{}/root", self.child.id())).join(path)
    }

    /// The memory that the process holds, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a system with /proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// What anybody on the machine can see of the process: its command line.
    pub(crate) fn command_line(&self) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/cmdline", self.child.id())).expect("a system with /proc")
    }

    /// How many files and connections the process has open.
    pub(crate) fn open_files(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        files.expect("a system with /proc").count()
    }

    /// The sums of the books, from the admin API.
    pub(crate) async fn books(&self, http: &reqwest::Client) -> Value {
        let url = format!("http://{}/admin/v1/books", self.admin);
        let answer = http.get(url).send().await.expect("an answer");
        serde_json::from_str(&answer.text().await.expect("text")).expect("JSON")
    }
}

/// A process must not outlive its test.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with the secrets of the tests, in a folder.
pub(crate) fn command(folder: &Path) -> Command {
    with_secrets(Command::new(PROGRAM), folder)
}

/// Where the program is.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tillpost");

/// Any command, in a folder and with the secrets of the tests.
pub(crate) fn with_secrets(mut command: Command, folder: &Path) -> Command {
    command
        .current_dir(folder)
        .env("SHOP_SERVER_KEY", KEY)
        .env("SHOP_SITE_KEY", SITE_KEY)
        .env("SHOP_CLIENT_TOKEN", CLIENT_TOKEN)
        .env("SHOP_SIGNING_SECRET", SIGNING_SECRET)
        .env("SHOP_HOOK_SECRET", HOOK_SECRET)
        .env("META_ACCESS_TOKEN", TOKEN)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Runs a command of the program to its end. One that does not end within a minute is ended, and
/// what it said until then is returned: a test that expects a refusal must not wait for ever.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = command(folder);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    let child = command.spawn().expect("the program runs");
    let id = child.id().to_string();
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if end
            .recv_timeout(Duration::from_mins(1))
            .is_err_and(|error| error == RecvTimeoutError::Timeout)
        {
            let _ = Command::new("kill").args(["-9", &id]).status();
        }
    });
    let output = child.wait_with_output().expect("its output");
    drop(ended);
    watch.join().expect("a watch");
    output
}

/// All that a command said, on both channels: what a failed test must show.
pub(crate) fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).join("\n")
}

/// A sandbox in this process: it survives the death of the program.
pub(crate) async fn oracle() -> (Sandbox, SocketAddr) {
    started(Settings::default()).await
}

/// A sandbox that takes only these tokens.
pub(crate) async fn oracle_with(tokens: BTreeSet<String>) -> SocketAddr {
    started(Settings { tokens: Some(tokens), ..Settings::default() }).await.1
}

async fn started(settings: Settings) -> (Sandbox, SocketAddr) {
    let sandbox = Sandbox::new(settings, Arc::new(|| Clock::System.now().seconds()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(sandbox::serve(listener, sandbox.clone(), std::future::pending()));
    (sandbox, address)
}

/// A client that keeps its connections to this machine.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
