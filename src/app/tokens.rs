//! Tokens that stand in files: a new one is in use a second after it was written.
//!
//! In: the files of the datasets' tokens. Out: tokens that are exchanged while the service runs,
//! which wakes a dataset that was paused for its token. Like mapping files, they are looked at, and a
//! text counts once two looks in a row have seen it. A file that is missing, empty or not one line
//! changes nothing: the token in use stays.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use super::SharedWorld;
use crate::clock::Clock;
use crate::config;
use crate::core::mapping::DatasetName;
use crate::telemetry;

/// Milliseconds between two looks.
const LOOK_MILLIS: i64 = 250;

/// The token of one dataset.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) dataset: DatasetName,
    /// Where it stands, if it is a file.
    pub(super) file: Option<PathBuf>,
    /// What is in use; every request reads it here.
    pub(super) in_use: watch::Sender<SecretString>,
}

/// Looks at the tokens of a running service, and keeps them.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) all: Vec<Token>,
    pub(super) world: SharedWorld,
    pub(super) clock: Clock,
}

impl Tokens {
    /// Looks for ever.
    pub(super) async fn run(self) {
        let mut last: Vec<Option<SecretString>> = self.all.iter().map(|_| None).collect();
        loop {
            self.clock.sleep_millis(LOOK_MILLIS).await;
            for (token, last) in self.all.iter().zip(&mut last) {
                let Some(file) = token.file.clone() else { continue };
                let world = SharedWorld::clone(&self.world);
                // Reading may wait for a slow disk; payments must not wait with it.
                let text = tokio::task::spawn_blocking(move || world.file(&file).ok()).await;
                let seen = text.ok().flatten().as_deref().and_then(config::secret_in);
                token.look(seen, last);
            }
        }
    }
}

impl Token {
    fn look(&self, seen: Option<SecretString>, last: &mut Option<SecretString>) {
        if let (Some(seen), Some(last)) = (&seen, &*last)
            && same(seen, last)
            && !same(seen, &self.in_use.borrow())
        {
            self.in_use.send_replace(seen.clone());
            telemetry::token_taken(&self.dataset);
        }
        *last = seen;
    }
}

/// Both come from the operator's own files: nobody measures how long this takes.
fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
