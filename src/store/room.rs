//! Room on the disk: new payments are turned away while what was taken can still be finished.
//!
//! Finishing needs room too: a settlement is written before it counts, and the write-ahead log is
//! folded into the database. So nothing new is taken once less than [`FLOOR_BYTES`] is free. If
//! somebody else fills the disk all the same, a file of [`BALLAST_BYTES`] beside the database is
//! given up for what has to be finished; it is made again when there is room for it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::beside;

/// Free space below which nothing new is taken. Ours: four times the length at which the
/// write-ahead log is folded in, which is what a fold may need at once, with a large group beside.
const FLOOR_BYTES: u64 = 16 * 1024 * 1024;

/// After how many looks making the file is tried again, if it could not be made: a look comes with
/// every group of payments, and a try writes megabytes. Ours.
const LOOKS_BETWEEN_TRIES: u32 = 64;

/// The same while nothing is taken, when few ask and somebody waits for the end of it.
const LOOKS_WHILE_FULL: u32 = 4;

/// The length of the file that is given up. Ours: one write-ahead log.
const BALLAST_BYTES: u64 = 4 * 1024 * 1024;

/// The room on the disk of a database.
#[derive(Debug)]
pub(super) struct Room {
    folder: PathBuf,
    ballast: PathBuf,
    has_ballast: bool,
    /// How many looks are left until the file is tried again.
    looks_left: u32,
}

impl Room {
    /// Looks at the disk of this database and keeps some of it.
    pub(super) fn beside(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let ballast = beside(path, "ballast");
        let has_ballast = ballast.metadata().is_ok_and(|known| known.len() == BALLAST_BYTES);
        let mut room = Self { folder, ballast, has_ballast, looks_left: 0 };
        room.look(false);
        room
    }

    /// Whether something new may be taken. A disk that was full is so until it has some to spare,
    /// and proves it, so that nothing changes with every payment: a quota does not show in what is
    /// free.
    pub(super) fn look(&mut self, was_full: bool) -> bool {
        // A disk that does not tell is tried.
        let free = free_bytes(&self.folder).unwrap_or(u64::MAX);
        if was_full {
            let has_some = free >= FLOOR_BYTES + 2 * BALLAST_BYTES;
            return has_some && self.keep_in_time(BALLAST_BYTES, LOOKS_WHILE_FULL);
        }
        if free >= FLOOR_BYTES + BALLAST_BYTES && !self.has_ballast {
            self.keep_in_time(0, LOOKS_BETWEEN_TRIES);
        }
        free >= FLOOR_BYTES
    }

    /// Gives up what was kept, for something that must be finished. Whether there was any.
    pub(super) fn give_up(&mut self) -> bool {
        std::mem::take(&mut self.has_ballast) && std::fs::remove_file(&self.ballast).is_ok()
    }

    /// Makes the file, unless that was tried only some looks ago.
    fn keep_in_time(&mut self, spare: u64, looks: u32) -> bool {
        // Of two reasons to wait, the shorter wait counts.
        self.looks_left = self.looks_left.min(looks).saturating_sub(1);
        if self.looks_left > 0 {
            return false;
        }
        let kept = self.keep(spare);
        self.looks_left = if kept { 0 } else { looks };
        kept
    }

    /// Makes the file, if there is room for it and for so many bytes more.
    fn keep(&mut self, spare: u64) -> bool {
        let write = || {
            let mut file = File::create(&self.ballast)?;
            // A file system that compresses would keep no room for zeros.
            let mut piece = [0; 16 * 1024];
            let mut noise = fastrand::Rng::with_seed(BALLAST_BYTES);
            for _ in 0..(BALLAST_BYTES + spare) / piece.len() as u64 {
                noise.fill(&mut piece);
                file.write_all(&piece)?;
            }
            file.set_len(BALLAST_BYTES)
        };
        let kept: std::io::Result<()> = write();
        self.has_ballast = kept.is_ok();
        if !self.has_ballast {
            drop(std::fs::remove_file(&self.ballast));
        }
        self.has_ballast
    }
}

/// What a program without privileges may still write in this folder.
#[allow(clippy::useless_conversion, reason = "some systems count in 32 bits")]
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ballast_is_kept_given_up_once_and_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        let mut room = Room::beside(&path);
        let kept = || beside(&path, "ballast").metadata().map(|known| known.len()).ok();
        assert_eq!(kept(), Some(BALLAST_BYTES));
        assert!(room.give_up());
        assert_eq!(kept(), None);
        assert!(!room.give_up(), "there is only one");
        assert!(room.look(true), "this disk has room");
        assert_eq!(kept(), Some(BALLAST_BYTES));
    }

    #[test]
    fn the_ballast_does_not_shrink_where_files_are_compressed() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        drop(Room::beside(&path));
        let bytes = std::fs::read(beside(&path, "ballast")).expect("the ballast");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&bytes).expect("packed");
        assert!(packed.finish().expect("packed").len() > bytes.len() * 99 / 100);
    }

    #[test]
    fn a_ballast_that_cannot_be_made_is_not_tried_with_every_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        let ballast = beside(&path, "ballast");
        for (was_full, looks) in [(false, LOOKS_BETWEEN_TRIES), (true, LOOKS_WHILE_FULL)] {
            // A folder of that name: the file cannot be made.
            std::fs::create_dir(&ballast).expect("a folder");
            let mut room = Room::beside(&path);
            room.looks_left = 0;
            assert_eq!(room.look(was_full), !was_full);
            std::fs::remove_dir(&ballast).expect("gone");
            let tried = (1..=100).find(|_| {
                room.look(was_full);
                ballast.exists()
            });
            assert_eq!(tried, Some(looks));
            std::fs::remove_file(&ballast).expect("gone");
        }
    }
}
