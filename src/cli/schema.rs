//! `tillpost schema`: the JSON Schemas of our files, for editors, and the description of the API.

use clap::ValueEnum;

use super::{Ended, terminal};
use crate::app;
use crate::config;
use crate::core::mapping;

/// Prints the JSON Schema of a kind of file.
///
/// Editors for TOML (VS Code with Even Better TOML or Tombi, and others) complete, explain and
/// underline with it. Keep it beside your files, and begin each with its line, for example:
/// #:schema ./mapping.schema.json
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost schema mapping > mapping.schema.json")]
pub(super) struct Arguments {
    /// Which kind of file.
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Mapping files.
    Mapping,
    /// The configuration, tillpost.toml.
    Config,
    /// The HTTP API, as OpenAPI 3.1.
    Openapi,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let schema = match arguments.kind {
        Kind::Mapping => mapping::schema::schema(),
        Kind::Config => config::schema(),
        Kind::Openapi => app::openapi(),
    };
    terminal::data(schema.trim_end());
    Ended::Well
}
