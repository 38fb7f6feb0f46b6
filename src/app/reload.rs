//! Live mapping files: an edit is in force within a second, an edit with errors is not.
//!
//! In: the files of all projects. Out: [`LiveMapping`]s that are exchanged whole, log lines, and
//! nothing else. Files are looked at, not listened to: notices of the file system get lost on
//! network drives, in containers and with editors that write beside and rename. A text counts once
//! two looks in a row have seen it, so that nobody decides by half a file.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{self, World};
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
    pub(super) world: SharedWorld,
    pub(super) clock: Clock,
}

/// What a look saw of one file: its text, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Text(MappingVersion),
    Unreadable(String),
}

/// What was seen of one file so far.
struct Sight {
    /// The last that was acted upon.
    settled: Seen,
    /// What the last look saw.
    last: Seen,
}

impl Reload {
    /// Looks for ever.
    pub(super) async fn run(self) {
        let known = |file: &LiveMapping| {
            let seen = Seen::Text(file.mapping().version().clone());
            Sight { settled: seen.clone(), last: seen }
        };
        let mut sights: Vec<Sight> = self.files.iter().map(known).collect();
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

    fn look(&self, file: &LiveMapping, sight: &mut Sight) {
        let read = self.world.file(file.path());
        let seen = match &read {
            Ok(text) => Seen::Text(MappingVersion::of(text)),
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        if seen == sight.settled || seen != sight.last {
            sight.last = seen;
            return;
        }
        sight.settled = seen.clone();
        match (read, seen) {
            (Ok(text), Seen::Text(version)) => self.take(file, text, version),
            (_, Seen::Text(_) | Seen::Unreadable(_)) => self.unreadable(file),
        }
    }

    /// A text that has come to rest: it is taken if it can be.
    fn take(&self, file: &LiveMapping, text: String, version: MappingVersion) {
        let now = self.clock.now();
        let in_force = file.mapping();
        if *in_force.version() == version {
            file.restored();
            return telemetry::mapping_restored(file.path(), &version);
        }
        let (mapping, report) =
            config::compiled(file.path(), text, Datasets::Known(&self.datasets));
        match mapping {
            Some(mapping) => {
                file.take(mapping, now);
                telemetry::mapping_taken(file.path(), (in_force.version(), &version));
            }
            None => self.refuse(file, Some(version), (&report.findings, &report.text)),
        }
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
        telemetry::mapping_refused(file.path(), &findings, file.mapping().version());
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

    /// One file, and what each look at it finds.
    #[derive(Debug)]
    struct Looks(Mutex<Vec<Option<&'static str>>>);

    impl World for Looks {
        fn file(&self, _: &Path) -> io::Result<String> {
            let text = self.0.lock().expect("no test panics inside").pop().flatten();
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
        let reload = Reload {
            files: vec![file.clone()],
            datasets: DatasetName::read("a").into_iter().collect(),
            world: Arc::new(Looks(Mutex::new(looks.iter().rev().copied().collect()))),
            clock: Clock::Frozen(FrozenClock::at(now)),
        };
        let seen = Seen::Text(MappingVersion::of(ONE));
        let mut sight = Sight { settled: seen.clone(), last: seen };
        for _ in looks {
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
