//! `tillpost serve`: the service, with or without a sandbox in Meta's place.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::setup::BuiltIn;
use super::{ConfigArgument, Ended, Format, setup, terminal};
use crate::app::{App, SharedWorld};
use crate::clock::Clock;
use crate::config::{Config, System};
use crate::sandbox::{self, Sandbox, Settings};
use crate::telemetry;

/// Runs the service.
///
/// Takes payments, decides what becomes of them, and sends the events to Meta. Ctrl-C or SIGTERM
/// stops it gracefully: what was accepted is answered and what is under way is settled.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tillpost serve --sandbox                 try it: nothing to configure, nothing leaves the machine
  tillpost serve --config tillpost.toml    the real thing")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,

    /// Sends everything to a built-in stand-in for Meta instead of Meta itself.
    #[arg(long)]
    sandbox: bool,

    /// Where the stand-in listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090", requires = "sandbox")]
    sandbox_listen: SocketAddr,

    /// Where the API listens, instead of where the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Where the admin API listens, instead of where the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,

    /// What is printed once the service is ready.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// How much is logged: error, warn, info, debug, or a list such as tillpost=debug,warn.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
}

/// What is printed once the service is ready.
#[derive(Debug, Serialize)]
struct Ready {
    api: SocketAddr,
    admin: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_key: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_key: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'static str>,
    database: PathBuf,
}

/// The user that `serve --sandbox` signs up, so that a first payment has somebody to belong to.
const DEMO_USER: &str = "demo-user";

pub(super) fn run(arguments: &Arguments) -> Ended {
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    telemetry::start(
        &arguments.log,
        colour && anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
    );
    match setup::runtime() {
        Ok(runtime) => {
            let ended = runtime.block_on(serve(arguments)).unwrap_or_else(|ended| ended);
            // Whoever still reads the books on a thread has nobody left to tell.
            runtime.shutdown_background();
            ended
        }
        Err(ended) => ended,
    }
}

async fn serve(arguments: &Arguments) -> Result<Ended, Ended> {
    let clock = Clock::System;
    let (stopping, stopped) = watch::channel(false);
    let stand_in = if arguments.sandbox {
        Some(start_sandbox(arguments.sandbox_listen, &clock, stopped).await?)
    } else {
        None
    };
    let (config, is_built_in) = config(arguments, stand_in)?;
    let world: SharedWorld = match stand_in {
        Some(sandbox) if is_built_in => Arc::new(BuiltIn::new(sandbox)),
        Some(_) | None => Arc::new(System),
    };
    let app = App::build(&config, clock, world).await.map_err(|error| terminal::failed(&error))?;
    if is_built_in {
        sign_up_demo_user(&app).await?;
    }
    // Before anybody is told that the service is ready: whoever is told may stop it at once.
    let (once, twice) = signals().map_err(|error| terminal::failed(&error))?;
    announce(arguments, &config, &app, (stand_in, is_built_in))?;
    let ran = tokio::select! {
        ran = app.run(once) => ran,
        () = twice => {
            terminal::say("stopped at once: what was under way is sent again at the next start");
            return Ok(Ended::WithErrors);
        }
    };
    stopping.send_replace(true);
    ran.map(|()| Ended::Well).map_err(|_| Ended::WithErrors)
}

/// The configuration, with the addresses of the arguments, and whether it is the built-in one.
fn config(arguments: &Arguments, stand_in: Option<SocketAddr>) -> Result<(Config, bool), Ended> {
    let is_named = arguments.config.config.is_some();
    let is_built_in = arguments.sandbox && !is_named;
    let mut config = match stand_in {
        Some(address) if is_built_in => setup::sandbox_config(address)?,
        None if !is_named && !setup::has_config() => {
            return Err(terminal::misused(
                "there is no tillpost.toml here; name one with --config, or try `tillpost serve --sandbox`",
            ));
        }
        Some(_) | None => setup::config(&arguments.config, arguments.sandbox, &System)?,
    };
    config.http.listen = arguments.listen.unwrap_or(config.http.listen);
    config.http.admin_listen = arguments.admin_listen.unwrap_or(config.http.admin_listen);
    if !config.http.admin_listen.ip().is_loopback() && config.http.admin_token.is_none() {
        return Err(terminal::misused(
            "the admin API beyond this machine needs `admin_token` under [http] of the configuration",
        ));
    }
    if let Some(address) = stand_in {
        for dataset in config.datasets.values_mut() {
            dataset.endpoint = format!("http://{address}");
        }
    }
    Ok((config, is_built_in))
}

async fn start_sandbox(
    listen: SocketAddr,
    clock: &Clock,
    mut stop: watch::Receiver<bool>,
) -> Result<SocketAddr, Ended> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        terminal::misused(&format!(
            "the sandbox cannot listen on {listen} ({error}); give another with --sandbox-listen"
        ))
    })?;
    let address = listener.local_addr().map_err(|error| terminal::failed(&error))?;
    let clock = clock.clone();
    let sandbox = Sandbox::new(Settings::default(), Arc::new(move || clock.now().seconds()));
    let stop = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::spawn(sandbox::serve(listener, sandbox, stop));
    Ok(address)
}

async fn sign_up_demo_user(app: &App) -> Result<(), Ended> {
    let desk = app.desk();
    let body = format!(
        r#"{{"user_data":{{"id":"{DEMO_USER}","name":"Demo User","email":"demo@example.com","is_first_time_user":false}}}}"#
    );
    for project in &desk.projects {
        let signed_up = desk.intake.sign_up(project, body.as_bytes()).await;
        if signed_up.is_err() {
            return Err(terminal::misused("the demo user cannot be signed up: the store fails"));
        }
    }
    Ok(())
}

fn announce(
    arguments: &Arguments,
    config: &Config,
    app: &App,
    (sandbox, is_built_in): (Option<SocketAddr>, bool),
) -> Result<(), Ended> {
    let address =
        |address: std::io::Result<SocketAddr>| address.map_err(|error| terminal::failed(&error));
    let ready = Ready {
        api: address(app.public_address())?,
        admin: address(app.admin_address())?,
        sandbox,
        server_key: is_built_in.then_some(setup::SANDBOX_SERVER_KEY),
        site_key: is_built_in.then_some(setup::SANDBOX_SITE_KEY),
        client_token: is_built_in.then_some(setup::SANDBOX_CLIENT_TOKEN),
        user_id: is_built_in.then_some(DEMO_USER),
        database: setup::shown(&config.store),
    };
    match arguments.format {
        Format::Json => terminal::data(&serde_json::to_string(&ready).unwrap_or_default()),
        Format::Text => terminal::data(&welcome(&ready)),
    }
    Ok(())
}

fn welcome(ready: &Ready) -> String {
    let Ready { api, admin, database, .. } = ready;
    let database = database.display();
    let mut lines = vec![
        "\nTillpost is ready.\n".to_owned(),
        format!("  payments    http://{api}/api/v1/capture-payment"),
        format!("  admin       http://{admin}/admin/v1/books"),
        format!("  database    {database}"),
    ];
    if let Some(sandbox) = ready.sandbox {
        let note = "(in Meta's place; nothing leaves this machine)";
        lines.push(format!("  sandbox     http://{sandbox}/sandbox/events   {note}"));
    }
    if let (Some(key), Some(user), Some(sandbox)) = (ready.server_key, ready.user_id, ready.sandbox)
    {
        // Where a tillpost.toml stands too, a command must be told which books are meant.
        let flag = if setup::has_config() { " --sandbox" } else { "" };
        let order = format!("order-{}", Clock::System.now().seconds());
        let trace = format!("trace {order}{flag}");
        lines.extend([
            format!("  mapping     {}", setup::SHIPPED_MAPPING_PATH),
            format!("  server key  {key}   (header linkrunner-key)"),
            format!("  site key    {}   (authorization: Bearer …)", setup::SANDBOX_SITE_KEY),
            format!("  app token   {}   (`token` in the body)", setup::SANDBOX_CLIENT_TOKEN),
            format!("  known user  {user}"),
            "\nPaste this into another terminal to send a first purchase:\n".to_owned(),
            purchase_curl(ready.api, key, (user, &order)),
            "\nThen see what arrived, and the whole story:\n".to_owned(),
            format!("curl -sS http://{sandbox}/sandbox/events"),
            format!(
                "tillpost {trace}          (from the repository: cargo run --release -- {trace})"
            ),
        ]);
    }
    lines.push("\nCtrl-C stops it.".to_owned());
    lines.join("\n")
}

/// One line, so that it can be pasted anywhere.
fn purchase_curl(api: SocketAddr, key: &str, (user, order): (&str, &str)) -> String {
    let body = format!(
        r#"{{"user_id":"{user}","payment_id":"{order}","amount":2000,"type":"DEFAULT","event_data":{{"content_ids":["whshct4mwc"],"contents":[{{"id":"whshct4mwc","quantity":2,"item_price":1000}}],"content_type":"product","currency":"INR","value":2000,"num_items":2,"order_id":"{order}"}}}}"#
    );
    format!(
        "curl -sS http://{api}/api/v1/capture-payment -H 'linkrunner-key: {key}' -H 'content-type: application/json' -d '{body}'"
    )
}

/// Two waits: for the first Ctrl-C or SIGTERM, and for the second.
pub(super) fn signals()
-> std::io::Result<(impl Future<Output = ()> + Send, impl Future<Output = ()> + Send)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (count, counted) = watch::channel(0_u32);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            count.send_modify(|count| *count += 1);
        }
    });
    let wait = move |mut counted: watch::Receiver<u32>, times: u32| async move {
        // The task that counts lives as long as the process.
        let _ = counted.wait_for(|count| *count >= times).await;
    };
    Ok((wait(counted.clone(), 1), wait(counted, 2)))
}
