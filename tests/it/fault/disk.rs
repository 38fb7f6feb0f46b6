//! A disk that fails on demand, put between the program and the system.
//!
//! `disk.c` beside this file says what it can do. It is compiled by the machine's C compiler, which
//! building `SQLite` needs anyway, and preloaded into the real program; no privileges are needed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use tillpost::sandbox::Sandbox;

use super::load::Load;
use crate::program::{self, Program};

/// The disk of one program.
pub(super) struct Disk {
    folder: TempDir,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    /// Gives the disk its orders; it counts anew.
    pub(super) fn order(&self, orders: &str) {
        // Written aside and moved: the disk must not read half an order.
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, format!("{orders}\n")).expect("orders");
        std::fs::rename(draft, self.control()).expect("orders");
    }

    /// What has struck so far, a line each.
    pub(super) fn struck(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Starts the program on this disk; its exit code if it ends before it is ready.
    pub(super) fn start(&self, folder: &Path) -> Result<Program, Option<i32>> {
        let environment = [
            ("LD_PRELOAD", library().to_owned()),
            ("FAULT_DATABASE", database(folder)),
            ("FAULT_CONTROL", self.control()),
            ("FAULT_LOG", self.log()),
        ];
        Program::try_start(folder, &environment)
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("struck")
    }
}

/// The database of a configured folder.
pub(super) fn database(folder: &Path) -> PathBuf {
    let folder = folder.canonicalize().expect("a folder");
    folder.join("tillpost-data/tillpost.db")
}

/// The compiled library, made once for all stories.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fault/disk.c");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let library = target.join(format!("disk-{}.so", std::process::id()));
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .status();
        assert!(compiled.is_ok_and(|status| status.success()), "cc compiles {}", source.display());
        library
    })
}

/// How a story on such a disk begins: a folder and whom the service in it sends to, the disk and a
/// producer, and the service, which knows the producer's user.
pub(super) async fn begun() -> ((TempDir, Sandbox), (Disk, Load), Program) {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let (disk, load) = (Disk::new(), Load::new());
    let program = disk.start(folder.path()).expect("a start");
    load.sign_up(program.api).await;
    ((folder, sandbox), (disk, load), program)
}
