//! What the machine says: processor time, memory and writes of a process, the disk's own pace.
//!
//! In: a process id, a folder. Out: numbers of `/proc` and of a loop of syncs. Linux only.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::fault::Fault;
use crate::clock::Clock;

/// One tick of the processor times in `/proc`.
///
/// # Source
/// proc(5): they are in units of `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux of today.
const TICK_MICROS: u64 = 10_000;

/// How long the disk is measured, in microseconds.
const DISK_MICROS: u64 = 1_000_000;

/// How fast a disk appends 4 KiB and syncs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk {
    /// The median.
    pub(super) p50_us: u64,
    /// 99 of 100 are faster.
    pub(super) p99_us: u64,
    /// How many, one after the other.
    pub(super) per_second: u64,
}

impl Disk {
    /// Measures the disk of this folder for a second.
    pub(super) fn measure(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join("sync");
        let failed = || Fault::of(format!("cannot write to {}", path.display()));
        let mut file = File::create(&path).map_err(failed())?;
        let (page, clock) = ([7_u8; 4_096], Clock::System);
        let began = clock.monotonic_micros();
        let (mut micros, mut now) = (Vec::new(), began);
        while now - began < DISK_MICROS {
            file.write_all(&page).map_err(failed())?;
            file.sync_data().map_err(failed())?;
            let after = clock.monotonic_micros();
            micros.push(after - now);
            now = after;
        }
        drop(fs::remove_file(&path));
        micros.sort_unstable();
        let count = micros.len();
        Ok(Self {
            p50_us: micros[count / 2],
            p99_us: micros[count * 99 / 100],
            per_second: u64::try_from(count).unwrap_or(u64::MAX) * 1_000_000 / (now - began),
        })
    }
}

/// A process in `/proc`.
#[derive(Debug, Clone)]
pub(super) struct Process(String);

impl Process {
    /// This one.
    pub(super) fn own() -> Self {
        Self("/proc/self".to_owned())
    }

    /// The one with this number.
    pub(super) fn of(id: u32) -> Self {
        Self(format!("/proc/{id}"))
    }

    /// Processor time so far, of user and system.
    pub(super) fn cpu_micros(&self) -> Result<u64, Fault> {
        cpu_micros(&format!("{}/stat", self.0))
    }

    /// Memory in use, in KiB.
    pub(super) fn resident_kib(&self) -> Result<u64, Fault> {
        self.number("status", "VmRSS:")
    }

    /// The most memory that was ever in use, or since [`Process::forget_peak`], in KiB.
    pub(super) fn peak_kib(&self) -> Result<u64, Fault> {
        self.number("status", "VmHWM:")
    }

    /// Bytes that went to the disk.
    pub(super) fn written_bytes(&self) -> Result<u64, Fault> {
        self.number("io", "write_bytes:")
    }

    /// Lets the peak begin anew.
    ///
    /// # Source
    /// proc(5), `clear_refs`: 5 resets the peak resident set size.
    pub(super) fn forget_peak(&self) -> Result<(), Fault> {
        let path = format!("{}/clear_refs", self.0);
        fs::write(&path, "5").map_err(Fault::of(format!("cannot write {path}")))
    }

    fn number(&self, file: &str, field: &str) -> Result<u64, Fault> {
        let path = format!("{}/{file}", self.0);
        let text = read(&path)?;
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        let number = line.split_whitespace().next().and_then(|number| number.parse().ok());
        number.ok_or_else(|| Fault::Unexpected(format!("{path} has no number `{field}`")))
    }
}

/// Processor time of the thread that asks.
pub(super) fn own_thread_cpu_micros() -> Result<u64, Fault> {
    cpu_micros("/proc/thread-self/stat")
}

fn cpu_micros(path: &str) -> Result<u64, Fault> {
    let text = read(path)?;
    // The name in brackets may hold anything, blanks too; after it the state is the first field.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Option<u64> =
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().ok()).sum::<Option<u64>>();
    let ticks = ticks.ok_or_else(|| Fault::Unexpected(format!("{path} has no processor times")))?;
    Ok(ticks * TICK_MICROS)
}

fn read(path: &str) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(Fault::of(format!("cannot read {path}; this needs Linux")))
}

/// Processor time that everything on this machine has used so far, us included.
///
/// # Source
/// proc(5), `/proc/stat`: user, nice, system, idle, iowait, irq, softirq; the guest's own time ends there.
pub(super) fn all_cpu_micros() -> Result<u64, Fault> {
    let text = read("/proc/stat")?;
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.take(7).filter_map(|ticks| ticks.parse().ok()).collect();
    let [user, nice, system, _, _, irq, softirq] = ticks[..] else {
        return Err(Fault::Unexpected("/proc/stat has no processor times".to_owned()));
    };
    Ok((user + nice + system + irq + softirq) * TICK_MICROS)
}

/// The processor's name and how many of its cores there are.
pub(super) fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} × {name}")
}

/// Allows as many open files as the machine does: each connection is one at both ends.
pub(super) fn allow_connections() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it is refused, a run with too many connections says which one failed.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

/// Bytes of the database and of its write-ahead log.
pub(super) fn database_bytes(database: &Path) -> (u64, u64) {
    let size = |ending: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        fs::metadata(name).map_or(0, |file| file.len())
    };
    (size(""), size("-wal"))
}
