//! What a configuration is read from: files and environment variables.
//!
//! A trait, so that tests hand in a map instead of changing the environment of the whole process.

use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// What tells whether a file has changed, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedStamp {
    /// When it was written, where the file system knows.
    pub modified: Option<SystemTime>,
    /// How long it is, in bytes.
    pub bytes: u64,
}

/// Files and environment variables.
pub trait World: std::fmt::Debug {
    /// The text of a file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn file(&self, path: &Path) -> io::Result<String>;

    /// A file that is read piece by piece, because it may be too large to hold.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(io::Cursor::new(self.file(path)?)))
    }

    /// What tells whether a file has changed; `None` where it is not there or nobody can tell.
    fn stamp(&self, path: &Path) -> Option<FeedStamp> {
        let _ = path;
        None
    }

    /// The value of an environment variable, if it is set and is text.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether a secret that cannot be found forbids using the configuration. Whoever only looks,
    /// at the file or at the books, does without.
    fn needs_secrets(&self) -> bool {
        true
    }

    /// Whether everybody may know the keys: those of a service that guards nothing.
    fn is_play(&self) -> bool {
        false
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

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        System.open(path)
    }

    fn stamp(&self, path: &Path) -> Option<FeedStamp> {
        System.stamp(path)
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

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        // A pipe could keep whoever reads it waiting for ever.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        Ok(Box::new(std::fs::File::open(path)?))
    }

    fn stamp(&self, path: &Path) -> Option<FeedStamp> {
        let known = std::fs::metadata(path).ok()?;
        Some(FeedStamp { modified: known.modified().ok(), bytes: known.len() })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
