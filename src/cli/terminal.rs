//! The two streams: data on stdout, words on stderr.
//!
//! Colours are stripped where nobody sees them (`NO_COLOR`, pipes, files). A reader that goes away
//! (`| head`) ends the output, not the program with a panic.

use std::io::Write as _;

use crate::cli::Ended;
use crate::telemetry::chain;

/// Prints data.
pub(super) fn data(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Prints words.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Says what is wrong with the call.
pub(super) fn misused(text: &str) -> Ended {
    say(&format!("\u{1b}[1;31merror\u{1b}[0m: {text}"));
    Ended::Misused
}

/// Says an error with its causes.
pub(super) fn failed(error: &dyn std::error::Error) -> Ended {
    misused(&chain(error))
}
