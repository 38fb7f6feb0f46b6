//! What a configuration is read from: files and environment variables.
//!
//! A trait, so that tests hand in a map instead of changing the environment of the whole process.

use std::io;
use std::path::Path;

/// Files and environment variables.
pub trait World: std::fmt::Debug {
    /// The text of a file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn file(&self, path: &Path) -> io::Result<String>;

    /// The value of an environment variable, if it is set and is text.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether a secret that cannot be found forbids using the configuration. Whoever only looks,
    /// at the file or at the books, does without.
    fn needs_secrets(&self) -> bool {
        true
    }
}

/// The machine's own.
#[derive(Debug, Clone, Copy)]
pub struct System;

/// The machine's own, for somebody who only looks: secrets may be missing.
#[derive(Debug, Clone, Copy)]
pub struct Onlooker;

impl World for Onlooker {
    fn file(&self, path: &Path) -> io::Result<String> {
        System.file(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        System.variable(name)
    }

    fn needs_secrets(&self) -> bool {
        false
    }
}

impl World for System {
    fn file(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
