//! The two streams: data on stdout, words on stderr.
//!
//! Colours are stripped where nobody sees them (`NO_COLOR`, pipes, files). A reader that goes away
//! (`| head`) ends the output, not the program with a panic.

use std::borrow::Cow;
use std::io::Write as _;

use crate::cli::Ended;
use crate::core::json;
use crate::telemetry::chain;

/// Prints data.
pub(super) fn data(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Prints words.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// A text of somebody else's as a part of one line: what a terminal would obey, such as the end of a
/// line, is spelt out, so that no sender's id looks like words of ours.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(json::is_unprintable) {
        return Cow::Borrowed(text);
    }
    let spelt = |mut all: String, c: char| {
        if json::is_unprintable(c) {
            all.extend(c.escape_default());
        } else {
            all.push(c);
        }
        all
    };
    Cow::Owned(text.chars().fold(String::new(), spelt))
}

/// Lines that hold texts of others, each of them on one line.
pub(super) fn lined(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")
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
