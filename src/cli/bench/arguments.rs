//! The arguments of `tillpost bench`.

use std::path::PathBuf;

use super::site::{End, Way};
use super::stand_in::Kind;
use super::stock::Shape;

/// Measures the service on this machine: how fast it takes payments durably, and what it costs.
///
/// Starts this same program as a process of its own, with a database in a folder of its own and a
/// stand-in for Meta, signs up a thousand users, and sends unique payments over the loopback. At the
/// end the answers, the books and the stand-in are compared; where they differ there are no figures.
/// The generator and the stand-in share the machine with the service. Use a release build.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "\
Examples:
  tillpost bench --connections 64 --seconds 10             as many payments as are answered
  tillpost bench --rate 20000 --json figures.json          at a steady rate: times count from the intended moment
  tillpost bench --batch 100 --connections 8               a hundred payments a request
  tillpost bench --backlog 1000000                         start, memory and drain rate with a backlog
  tillpost bench curves --up-to 1000000 --json curves.json
  tillpost bench draw curves.json --into docs/performance"
)]
pub(in crate::cli) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) load: Load,

    #[command(flatten)]
    pub(super) place: Place,

    /// Writes the figures as one JSON document too; `-` prints it instead of the table.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Curves(CurvesArguments),
    Draw(DrawArguments),
}

/// Measures how the figures change as things grow, one series after the other.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Example:\n  tillpost bench curves --only connections --only rules --json curves.json"
)]
pub(super) struct CurvesArguments {
    /// The largest size of the series of payments and of backlogs: 10000000 payments take tens of
    /// gigabytes.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(super) up_to: u64,

    /// Only these series; may be repeated.
    #[arg(long, value_enum, value_name = "SERIES")]
    pub(super) only: Vec<super::curves::Series>,

    /// How long each point is measured.
    #[arg(long, value_name = "S", default_value_t = 3)]
    pub(super) seconds: u64,

    #[command(flatten)]
    pub(super) place: Place,

    /// Where the points go.
    #[arg(long, value_name = "FILE", default_value = "curves.json")]
    pub(super) json: PathBuf,
}

/// Draws the series of a file as SVG, one picture each.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost bench draw curves.json --into docs/performance")]
pub(super) struct DrawArguments {
    /// What `tillpost bench curves` wrote.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,

    /// The folder of the pictures.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(super) into: PathBuf,
}

/// Where it is measured.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Place {
    /// Where the database goes, in a folder of its own that is removed afterwards: the disk is
    /// measured too.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(super) folder: PathBuf,

    /// Who stands in for Meta.
    #[arg(long, value_enum, default_value = "plain")]
    pub(super) stand_in: Kind,
}

/// What is sent.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Load {
    /// Connections; each has one request under way.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=2_000))]
    pub(super) connections: usize,

    /// How long payments are sent.
    #[arg(long, value_name = "S", default_value_t = 10, conflicts_with = "payments", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) seconds: u64,

    /// How many payments are sent, however long it takes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) payments: Option<u64>,

    /// Requests a second, whatever the answers do; the time of each counts from the moment at which
    /// it should have gone. Without it: as many as are answered.
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) rate: Option<u32>,

    /// Payments a request: above one they go to /api/v1/capture-payments, one a line.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    pub(super) batch: usize,

    /// `contents` of each payment.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=500))]
    pub(super) lines: usize,

    /// Mapping rules for the type of the payments, of which only the last holds; 0 takes the shipped
    /// mapping file.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=10_000))]
    pub(super) rules: usize,

    /// Payments carry the buyer's address and browser, which are erased after delivery.
    #[arg(long)]
    pub(super) address: bool,

    /// Where chance begins: the same seed sends the same payments.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,

    /// Payments that are stored and delivered before the measurement begins.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) preload: u64,

    /// Leaves the database in tillpost-bench; the next call with --keep goes on with it, and loads
    /// only what --preload misses.
    #[arg(long)]
    pub(super) keep: bool,

    /// Events that wait because the stand-in refuses everything; then the start of the service and
    /// the drain are measured instead of a load.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with_all = ["payments", "rate", "batch"])]
    pub(super) backlog: u64,
}

impl Load {
    /// What is sent where nothing is said.
    pub(super) fn usual() -> Self {
        Self {
            connections: 64,
            seconds: 10,
            payments: None,
            rate: None,
            batch: 1,
            lines: 3,
            rules: 0,
            address: false,
            seed: 1,
            preload: 0,
            keep: false,
            backlog: 0,
        }
    }

    /// How large payments are.
    pub(super) fn shape(&self) -> Shape {
        Shape { seed: self.seed, lines: self.lines, address: self.address }
    }

    /// How they are sent.
    pub(super) fn way(&self) -> Way {
        let end = match self.payments {
            Some(payments) => End::Payments(payments),
            None => End::Micros(self.seconds.saturating_mul(1_000_000)),
        };
        Way { connections: self.connections, batch: self.batch, rate: self.rate, end }
    }
}
