//! `tillpost doctor`: looks at everything that a service needs, and says what to do.
//!
//! Each check is one function that gives [`Line`]s; a new one is a new function and a line in
//! [`lines`]. Deliberately absent: mending. Only `--salvage` writes, into a new file.

mod checks;
mod salvage;

use std::path::PathBuf;

use serde::Serialize;

use super::{ConfigArgument, Ended, Format, setup, terminal};
use crate::clock::Clock;
use crate::config::{self, Config, Onlooker, System};

/// Looks at the configuration, the database, the disk, the tokens and the clock.
///
/// One line a check: ok, warning or error, with what to do. It works beside a running service and
/// sends no event. Exit codes: 0 nothing or warnings only, 1 errors, 2 it cannot look.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tillpost doctor                      before a start, and whenever something is odd
  tillpost doctor --salvage new.db     what can still be read of a damaged database")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,

    /// The books of `serve --sandbox`, where there is a tillpost.toml as well.
    #[arg(long)]
    sandbox: bool,

    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Looks at every page of the database, however large it is.
    #[arg(long)]
    full: bool,

    /// Asks Meta nothing.
    #[arg(long)]
    offline: bool,

    /// Reads what can be read of a damaged database into this new file. The service must not run.
    #[arg(long, value_name = "FILE")]
    salvage: Option<PathBuf>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Line {
    /// What: `store`, `disk`, `dataset storefront`.
    check: String,
    state: State,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Line {
    fn ok(check: impl Into<String>, says: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Ok, says: says.into(), help: None }
    }

    fn warning(check: impl Into<String>, says: impl Into<String>, help: &str) -> Self {
        Self { state: State::Warning, help: Some(help.to_owned()), ..Self::ok(check, says) }
    }

    fn error(check: impl Into<String>, says: impl Into<String>, help: &str) -> Self {
        Self { state: State::Error, help: Some(help.to_owned()), ..Self::ok(check, says) }
    }
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    examine(arguments).unwrap_or_else(|ended| ended)
}

fn examine(arguments: &Arguments) -> Result<Ended, Ended> {
    if let Some(into) = &arguments.salvage {
        let config = setup::config(&arguments.config, arguments.sandbox, &Onlooker)?;
        return salvage::run(&config.store, into, arguments.format);
    }
    let path = arguments.config.config.clone().unwrap_or_else(|| setup::DEFAULT_CONFIG.into());
    let is_built_in = arguments.config.config.is_none() && (arguments.sandbox || !path.exists());
    let (config, first) = if is_built_in {
        let config = setup::config(&arguments.config, arguments.sandbox, &Onlooker)?;
        (config, vec![Line::ok("configuration", "the built-in one, for the sandbox")])
    } else {
        let (whole, report) = config::load(&path, &System);
        let lines = checks::configuration(&report);
        // A secret that is missing is an error of its own; the rest can be looked at without it.
        let Some(config) = whole.or_else(|| config::load(&path, &Onlooker).0) else {
            print(arguments.format, &lines);
            return Err(Ended::Misused);
        };
        (config, lines)
    };
    let runtime = setup::runtime()?;
    let lines = runtime.block_on(lines(first, (&config, is_built_in), arguments));
    print(arguments.format, &lines);
    let worst = lines.iter().map(|line| line.state).max();
    Ok(if worst == Some(State::Error) { Ended::WithErrors } else { Ended::Well })
}

/// Every check, in the order in which a person would mend.
async fn lines(
    first: Vec<Line>,
    (config, is_built_in): (&Config, bool),
    arguments: &Arguments,
) -> Vec<Line> {
    let clock = Clock::System;
    let mut lines = first;
    lines.extend(checks::store(config, arguments.full, clock.now()));
    lines.extend(checks::permissions(&config.store));
    lines.extend(checks::addresses(config).await);
    if arguments.offline {
        lines.push(Line::ok("meta", "not asked, as wished"));
    } else {
        lines.extend(checks::datasets(config, &clock, is_built_in).await);
    }
    lines
}

fn print(format: Format, lines: &[Line]) {
    match format {
        Format::Json => {
            let document = serde_json::json!({ "checks": lines });
            terminal::data(&document.to_string());
        }
        Format::Text => lines.iter().for_each(|line| terminal::data(&drawn(line))),
    }
}

fn drawn(line: &Line) -> String {
    let word = match line.state {
        State::Ok => "\u{1b}[32mok     \u{1b}[0m",
        State::Warning => "\u{1b}[33mwarning\u{1b}[0m",
        State::Error => "\u{1b}[1;31merror  \u{1b}[0m",
    };
    let help = line.help.as_ref().map(|help| format!("\n         help: {help}"));
    let says = terminal::escaped(&line.says);
    format!("{word}  {}: {says}{}", line.check, help.unwrap_or_default())
}
