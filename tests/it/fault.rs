//! Faults: the real program under load, something that strikes it, and a judge.
//!
//! `load` is the producer, which remembers what it was answered, and the judge, who compares that
//! memory with the books and with what arrived at the sandbox. `disk` is a disk that fails on
//! demand. Each story proves that its fault struck, and has a control in which the judge must find
//! something. `FAULT_SEED=n` replays a run, `FAULT_ROUNDS=n` makes it longer; what was drawn is
//! printed, and shown where a story fails.

mod copies;
mod damaged;
mod disk;
mod flips;
mod full;
mod kill;
mod load;
mod power;
mod small;
mod stop;
mod sync;

/// The seed of this run: from the environment, or drawn. Printed, so that it can be played again.
fn seeded() -> fastrand::Rng {
    let seed = number("FAULT_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("replay with FAULT_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// How many rounds a story takes, unless the environment says otherwise.
fn rounds(usual: usize) -> usize {
    number("FAULT_ROUNDS").and_then(|rounds| usize::try_from(rounds).ok()).unwrap_or(usual)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
