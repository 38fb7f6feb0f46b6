//! `tillpost explain`: the page of a finding code.

use super::{Ended, terminal};
use crate::core::finding::Code;
use crate::core::names::suggestion;

/// Explains a finding.
///
/// Prints the page of a code: what it catches, why it matters, what is wrong, what is right.
/// Without a code it lists all of them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost explain E207")]
pub(super) struct Arguments {
    /// The code, as it stands in an answer or before a message.
    code: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let Some(text) = &arguments.code else {
        for code in Code::ALL {
            let severity = code.severity().as_str();
            terminal::data(&format!("{code}  {severity:<7}  {}", code.title()));
        }
        return Ended::Well;
    };
    if let Some(code) = Code::read(text) {
        terminal::data(code.page().trim_end());
        return Ended::Well;
    }
    let near = suggestion(text, Code::ALL.iter().map(|code| code.as_str()));
    let hint = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
    terminal::misused(&format!(
        "there is no code `{text}`.{hint} `tillpost explain` lists them all"
    ))
}
