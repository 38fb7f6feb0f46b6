//! `tillpost backup`: a copy of the books while they are in use.

use std::path::PathBuf;

use super::{ConfigArgument, Ended, Format, setup, terminal};
use crate::config::Onlooker;
use crate::core::names::counted;
use crate::store;

/// Copies the database into a new file, beside a running service or without one.
///
/// Everything that was answered before the copy began is in it. The file appears when it is whole
/// and on the disk; a file that exists is never overwritten. docs/operations.md says how to restore.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost backup /backups/tillpost-monday.db")]
pub(super) struct Arguments {
    /// The new file.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    #[command(flatten)]
    config: ConfigArgument,

    /// The books of `serve --sandbox`, where there is a tillpost.toml as well.
    #[arg(long)]
    sandbox: bool,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    copy(arguments).unwrap_or_else(|ended| ended)
}

fn copy(arguments: &Arguments) -> Result<Ended, Ended> {
    let config = setup::config(&arguments.config, arguments.sandbox, &Onlooker)?;
    setup::books_exist(&config)?;
    let books =
        store::backup(&config.store, &arguments.file).map_err(|error| terminal::failed(&error))?;
    let bytes = std::fs::metadata(&arguments.file).map_or(0, |known| known.len());
    let file = arguments.file.display().to_string();
    match arguments.format {
        Format::Json => {
            let done = serde_json::json!({ "file": file, "bytes": bytes, "books": books });
            terminal::data(&done.to_string());
        }
        Format::Text => {
            let recorded = usize::try_from(books.recorded).unwrap_or(usize::MAX);
            let payments = counted(recorded, "payment");
            terminal::say(&format!("copied {payments} into {file} ({bytes} bytes)"));
        }
    }
    Ok(Ended::Well)
}
