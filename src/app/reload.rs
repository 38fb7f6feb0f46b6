//! Live mapping files: an edit is in force within a second, an edit with errors is not.
//!
//! In: the files of all projects. Out: [`LiveMapping`]s that are exchanged whole, log lines, and
//! nothing else. Files are looked at, not listened to: notices of the file system get lost on
//! network drives, in containers and with editors that write beside and rename. A text counts once
//! two looks in a row have seen it, so that nobody decides by half a file.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{self, FeedStamp, World};
use crate::core::finding::{At, Code, Finding, Findings, placed};
use crate::core::mapping::{DatasetName, Datasets, MappingVersion};
use crate::intake::{LiveMapping, RefusedFile};
use crate::telemetry;

/// Milliseconds between two looks: two of them, and the reading, stay well within a second.
const LOOK_MILLIS: i64 = 250;

/// What a running service needs to look at files again.
pub type SharedWorld = Arc<dyn World + Send + Sync>;

/// Looks at the mapping files of a running service.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) files: Vec<LiveMapping>,
    pub(super) datasets: BTreeSet<DatasetName>,
    /// The file whose `check` shows what is wrong: the configuration.
    pub(super) config: PathBuf,
    pub(super) world: SharedWorld,
    pub(super) clock: Clock,
}

/// What a look saw of one file: its text and the feed that the table in force names, or why there
/// is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Text(MappingVersion, Option<FeedStamp>),
    Unreadable(String),
}

impl Seen {
    /// Whether both saw the same text, whatever became of the feed.
    fn is_text_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one, _), Self::Text(other, _)) => one == other,
            (Self::Unreadable(_), _) | (_, Self::Unreadable(_)) => self == other,
        }
    }

    fn stamp(&self) -> Option<FeedStamp> {
        match self {
            Self::Text(_, stamp) => *stamp,
            Self::Unreadable(_) => None,
        }
    }
}

/// What was seen of one file so far.
struct Sight {
    /// What is in force.
    in_force: Seen,
    /// The last that was acted upon.
    settled: Seen,
    /// What the last look saw.
    last: Seen,
}

impl Sight {
    fn of(seen: Seen) -> Self {
        Self { in_force: seen.clone(), settled: seen.clone(), last: seen }
    }
}

impl Reload {
    /// Looks for ever.
    pub(super) async fn run(self) {
        let mut sights: Vec<Sight> =
            self.files.iter().map(|file| Sight::of(self.in_force(file))).collect();
        let this = Arc::new(self);
        loop {
            this.clock.sleep_millis(LOOK_MILLIS).await;
            // Reading may wait for a slow disk; payments must not wait with it.
            let looker = Arc::clone(&this);
            let looked = tokio::task::spawn_blocking(move || {
                for (file, sight) in looker.files.iter().zip(&mut sights) {
                    looker.look(file, sight);
                }
                sights
            });
            match looked.await {
                Ok(looked) => sights = looked,
                Err(error) => return telemetry::reload_failed(&error),
            }
        }
    }

    /// What is in force of a file, as a look would see it.
    fn in_force(&self, file: &LiveMapping) -> Seen {
        let mapping = file.mapping();
        let stamp = config::feed_stamp(file.path(), &mapping, &*self.world);
        Seen::Text(mapping.version().clone(), stamp)
    }

    fn look(&self, file: &LiveMapping, sight: &mut Sight) {
        let seen = match self.world.file(file.path()) {
            Ok(text) => {
                let stamp = config::feed_stamp(file.path(), &file.mapping(), &*self.world);
                Seen::Text(MappingVersion::of(&text), stamp)
            }
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        // A feed that grows all the time must not keep an edit of the table waiting.
        let is_edited = !seen.is_text_of(&sight.settled) && seen.is_text_of(&sight.last);
        if seen == sight.settled || (seen != sight.last && !is_edited) {
            sight.last = seen;
            return;
        }
        sight.settled = seen;
        match &sight.settled {
            Seen::Text(version, _) if sight.settled == sight.in_force => {
                file.restored();
                telemetry::mapping_restored(file.path(), version);
            }
            Seen::Text(version, _) => {
                let before = file.mapping();
                if self.take(file, version) {
                    // The stamp was taken before the feed was read: one that changed meanwhile is
                    // read again. A feed that was not known before is read once more, for the same.
                    let now = file.mapping();
                    let is_same = before.feed() == now.feed();
                    let stamp = sight.settled.stamp().filter(|_| is_same);
                    *sight = Sight::of(Seen::Text(now.version().clone(), stamp));
                }
            }
            Seen::Unreadable(_) => self.unreadable(file),
        }
    }

    /// Takes a text that has come to rest, and its feed, if it can be taken.
    fn take(&self, file: &LiveMapping, version: &MappingVersion) -> bool {
        let datasets = Datasets::Known(&self.datasets);
        let old = file.mapping();
        match config::mapping_file(file.path(), datasets, &*self.world) {
            Ok((Some(mapping), _)) => {
                telemetry::mapping_taken(file.path(), (old.version(), mapping.version()));
                file.take(mapping, self.clock.now());
                return true;
            }
            Ok((None, report)) => {
                let found = (&report.findings, report.text.as_str());
                self.refuse(file, Some(version.clone()), found);
            }
            // It was there a moment ago.
            Err(_) => self.unreadable(file),
        }
        false
    }

    fn unreadable(&self, file: &LiveMapping) {
        let says = "the mapping file cannot be read";
        let finding = Finding::new(Code::ConfigFile, At::Span(0..0), says)
            .help("put it back; the table that was read last stays in force");
        self.refuse(file, None, (&Findings::from_iter([finding]), ""));
    }

    fn refuse(
        &self,
        file: &LiveMapping,
        version: Option<MappingVersion>,
        (findings, text): (&Findings, &str),
    ) {
        let findings = placed(findings, text);
        let files = (file.path(), self.config.as_path());
        telemetry::mapping_refused(files, &findings, file.mapping().version());
        file.refuse(RefusedFile { version, at: self.clock.now(), findings });
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::clock::FrozenClock;
    use crate::core::mapping::compile;
    use crate::core::time::Timestamp;

    /// One file, and what stands in it at this moment.
    #[derive(Debug, Default)]
    struct OneFile(Mutex<Option<&'static str>>);

    impl World for OneFile {
        fn file(&self, _: &Path) -> io::Result<String> {
            let text = *self.0.lock().expect("no test panics inside");
            text.map(str::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    const ONE: &str = "version = 1\n[defaults]\ndataset = \"a\"\n[payments]\nDEFAULT = \"Lead\"\n";
    const TWO: &str =
        "version = 1\n[defaults]\ndataset = \"a\"\n[payments]\nDEFAULT = \"Search\"\n";
    const HALF: &str = "version = 1\n[defaults]\ndataset = \"a\"\n[payments]\n";
    const BROKEN: &str = "version = 1\n[defaults]\n";

    /// What is in force after these looks: the version, and how often something was taken and
    /// refused.
    fn after(looks: &[Option<&'static str>]) -> (MappingVersion, u64, u64) {
        let mapping = compile(ONE, Datasets::Any).0.expect("a mapping");
        let now = Timestamp::from_seconds(0);
        let file = LiveMapping::new(Path::new("m.toml"), mapping, now);
        let world = Arc::new(OneFile::default());
        let reload = Reload {
            files: vec![file.clone()],
            datasets: DatasetName::read("a").into_iter().collect(),
            config: PathBuf::from("tillpost.toml"),
            world: world.clone(),
            clock: Clock::Frozen(FrozenClock::at(now)),
        };
        let mut sight = Sight::of(reload.in_force(&file));
        for text in looks {
            *world.0.lock().expect("no test panics inside") = *text;
            reload.look(&file, &mut sight);
        }
        let in_force = file.look();
        (in_force.mapping.version().clone(), in_force.taken, in_force.refusals)
    }

    #[test]
    fn a_text_counts_once_two_looks_in_a_row_have_seen_it() {
        let (one, two) = (Some(ONE), Some(TWO));
        for (looks, in_force, taken, refusals) in [
            (vec![one, one, one], ONE, 0, 0),
            (vec![two], ONE, 0, 0),
            (vec![two, two], TWO, 1, 0),
            (vec![two, two, two, two], TWO, 1, 0),
            (vec![Some(HALF), two, two], TWO, 1, 0),
            (vec![two, one, two, one], ONE, 0, 0),
            (vec![two, two, one, one], ONE, 2, 0),
            (vec![Some(BROKEN), Some(BROKEN), Some(BROKEN)], ONE, 0, 1),
            (vec![Some(BROKEN), Some(BROKEN), two, two], TWO, 1, 1),
            (vec![Some(BROKEN), Some(BROKEN), one, one], ONE, 0, 1),
            (vec![None, one, None, one], ONE, 0, 0),
            (vec![None, None, None], ONE, 0, 1),
        ] {
            let expected = (MappingVersion::of(in_force), taken, refusals);
            assert_eq!(after(&looks), expected, "{looks:?}");
        }
    }
}
