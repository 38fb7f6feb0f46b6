//! The arguments of `tillpost dead`.

use crate::cli::{ConfigArgument, Format};
use crate::core::delivery::DeathReason;
use crate::core::payment::PaymentType;
use crate::core::time::Timestamp;
use crate::intake::dead::Asked;

/// Lists events that Meta refused or that became too old, and sends them again or drops them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tillpost dead list --dataset storefront          what is dead, why, and what it may suffer from
  tillpost dead show 17                            one of them, with every attempt
  tillpost dead retry --subcode 2804011 --dry-run  what a retry would send")]
pub(in crate::cli) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(ListArguments),
    Show(ShowArguments),
    Retry(EndArguments),
    Drop(DropArguments),
}

/// Lists dead letters, newest first.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Example:\n  tillpost dead list --reason refused --since 2026-11-20T00:00:00Z"
)]
pub(super) struct ListArguments {
    #[command(flatten)]
    pub(super) filter: Filter,

    #[command(flatten)]
    pub(super) books: BooksArguments,
}

/// Shows a dead letter: its attempts, what it may suffer from, and what to do.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost dead show 17")]
pub(super) struct ShowArguments {
    /// The letter's number.
    #[arg(value_name = "ID")]
    pub(super) id: i64,

    #[command(flatten)]
    pub(super) books: BooksArguments,
}

/// Sends dead letters again, with the same bytes and a fresh count of tries.
///
/// What is too old for Meta by now stays where it is.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tillpost dead retry 17 18
  tillpost dead retry --subcode 2804011 --dry-run")]
pub(super) struct EndArguments {
    /// The letters' numbers.
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<i64>,

    /// Every dead letter.
    #[arg(long)]
    pub(super) all: bool,

    /// Says what would happen, and changes nothing.
    #[arg(long)]
    pub(super) dry_run: bool,

    #[command(flatten)]
    pub(super) filter: Filter,

    #[command(flatten)]
    pub(super) books: BooksArguments,
}

/// Decides that dead letters are never sent. The decision is recorded and shown by `trace`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tillpost dead drop 17 --because \"a test payment\"
  tillpost dead drop --reason too_old")]
pub(super) struct DropArguments {
    /// Why, for whoever looks later. --all requires it.
    #[arg(long, value_name = "TEXT")]
    pub(super) because: Option<String>,

    #[command(flatten)]
    pub(super) end: EndArguments,
}

/// Which letters.
#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Only of payments of this project.
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,

    /// Only to this dataset.
    #[arg(long, value_name = "NAME")]
    pub(super) dataset: Option<String>,

    /// Only those that are dead for this reason.
    #[arg(long, value_name = "REASON", value_parser = DeathReason::words().collect::<Vec<_>>())]
    pub(super) reason: Option<String>,

    /// Only those that Meta refused with this code.
    #[arg(long, value_name = "CODE")]
    pub(super) code: Option<i64>,

    /// Only those that Meta refused with this subcode.
    #[arg(long, value_name = "SUBCODE")]
    pub(super) subcode: Option<i64>,

    /// Only of payments of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = PaymentType::words().collect::<Vec<_>>())]
    pub(super) payment_type: Option<String>,

    /// Only of the payment with this id.
    #[arg(long, value_name = "PAYMENT_ID")]
    pub(super) payment: Option<String>,

    /// Only events of this name.
    #[arg(long, value_name = "NAME")]
    pub(super) event: Option<String>,

    /// Only those dead since then or later: RFC 3339 or Unix seconds.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) since: Option<Timestamp>,

    /// Only those dead before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) until: Option<Timestamp>,
}

/// Whose books, and how they are printed.
#[derive(Debug, clap::Args)]
pub(super) struct BooksArguments {
    /// How the letters are printed.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,

    #[command(flatten)]
    pub(super) config: ConfigArgument,

    /// The books of `serve --sandbox`, where there is a tillpost.toml as well.
    #[arg(long)]
    pub(super) sandbox: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::read(text).map_err(|reason| reason.to_string())
}

impl Filter {
    /// What is asked, but for how.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            project: self.project.clone(),
            dataset: self.dataset.clone(),
            reason: self.reason.clone(),
            code: self.code,
            subcode: self.subcode,
            r#type: self.payment_type.clone(),
            payment_id: self.payment.clone(),
            event_name: self.event.clone(),
            since: self.since.map(|time| time.to_string()),
            until: self.until.map(|time| time.to_string()),
            ..Asked::default()
        }
    }
}
