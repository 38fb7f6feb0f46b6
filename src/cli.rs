//! The doors for people: the command tree, and what a terminal shows.
//!
//! In: arguments. Out: data on stdout, words on stderr, and an exit code: 0 good, 1 the thing
//! looked at has errors, 2 the call or the configuration is wrong. Each command is one file.

mod backup;
mod bench;
mod catalog;
mod check;
mod dead;
mod decide;
mod difference;
mod doctor;
mod door;
mod explain;
mod import;
mod margin;
mod payments;
mod replay;
mod sandbox;
mod schema;
mod serve;
mod setup;
mod table;
mod terminal;
mod test;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Payments in, Meta conversions out.
#[derive(Debug, Parser)]
#[command(name = "tillpost", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Check(check::Arguments),
    Test(test::Arguments),
    Decide(decide::Arguments),
    Explain(explain::Arguments),
    Catalog(catalog::Arguments),
    Trace(trace::Arguments),
    Import(import::Arguments),
    Replay(replay::Arguments),
    Dead(dead::Arguments),
    Sandbox(sandbox::Arguments),
    Schema(schema::Arguments),
    Backup(backup::Arguments),
    Bench(bench::Arguments),
    Doctor(doctor::Arguments),
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document, or one object a line.
    Json,
}

/// Which configuration a command works with.
#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// The configuration. Without it: tillpost.toml in this folder, or, if there is none, the
    /// built-in one. `serve --sandbox` takes the built-in one unless a file is named.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All is well.
    Well,
    /// The thing looked at has errors.
    WithErrors,
    /// The call or the configuration is wrong.
    Misused,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::SUCCESS,
            Ended::WithErrors => Self::from(1),
            Ended::Misused => Self::from(2),
        }
    }
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    // Before any TLS: the one provider of cryptography. A second call would find it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ended = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Decide(arguments) => decide::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Catalog(arguments) => catalog::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Dead(arguments) => dead::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    };
    ended.into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_tree_is_sound_and_every_command_shows_an_example() {
        let mut tree = super::Arguments::command();
        tree.build();
        tree.clone().debug_assert();
        for command in tree.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
        }
    }
}
