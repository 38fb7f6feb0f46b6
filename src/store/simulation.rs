//! A deterministic simulation of forwarding: the real decisions and the real SQL, under a simulated
//! clock, a simulated Meta, and every fault that a seed thinks of.
//!
//! What decides is not imitated: `core::delivery` carries, isolates, paces and judges; the lease,
//! the log, the claims and the settlements are this store's own functions on a database in memory.
//! What is imitated is the glue of `forwarder`: processes that take turns, crash, and stand still.
//! One seed gives one history, byte for byte. A failing seed is printed with the command that plays
//! it again. The sabotages are the negative control: each must be noticed.

#![expect(clippy::print_stdout, reason = "figures for whoever runs a test with --nocapture")]

mod process;
mod world;

use super::DatasetKey;
use crate::core::batch::BatchLimits;
use world::World;

const BEGINNING: i64 = 1_772_280_000_000;
const DAY: i64 = 86_400_000;
const LEASE_MILLIS: i64 = 30_000;
const DATASET: DatasetKey = DatasetKey(1);
const LIMITS: BatchLimits = BatchLimits { events: 8, bytes: 100_000 };
const IN_FLIGHT: usize = 3;

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    Nothing,
    /// The cursor moves when a run is sent, not when it is finished.
    SettlesEarly,
    /// A settlement does not compare the epoch.
    IgnoresTheFence,
    /// What the table calls a wait is forgotten.
    ForgetsRetries,
    /// A throttle is not waited out.
    IgnoresThrottles,
}

macro_rules! counts {
    ($($what:ident),* $(,)?) => {
        /// How often what happened: a simulation in which nothing goes wrong proves nothing.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        struct Counts {
            $($what: u64,)*
        }

        impl Counts {
            fn all(&mut self) -> Vec<&mut u64> {
                vec![$(&mut self.$what),*]
            }
        }
    };
}

counts! {
    appended, requests, crashes, stalls, takeovers, fenced, steps, throttles, pauses, lost_answers,
    isolations, refused, too_old, withheld, twice,
}

/// What went wrong.
type Breach = String;

#[expect(clippy::disallowed_methods, reason = "whoever runs a test chooses its seeds")]
/// From the environment: `SIMULATION_SEED=n` plays one, `SIMULATION_SEEDS=n` so many.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// At two seconds a turn, a history takes four minutes: long enough for a lease to run out.
const TURNS: u32 = 120;

#[test]
fn no_seed_loses_doubles_or_forgets_anything() {
    let one = setting("SIMULATION_SEED");
    let seeds = one.map_or(0..setting("SIMULATION_SEEDS").unwrap_or(80), |seed| seed..seed + 1);
    let mut sum = Counts::default();
    for seed in seeds.clone() {
        let replay = "cargo test --lib simulation -- --nocapture";
        let (counts, trace) = World::new(seed, Sabotage::Nothing)
            .play(TURNS)
            .unwrap_or_else(|breach| panic!("{breach}; SIMULATION_SEED={seed} {replay}"));
        if seed % 50 == 0 {
            let again = World::new(seed, Sabotage::Nothing).play(TURNS).expect("the same history");
            assert_eq!((counts, trace), again, "seed {seed} has two histories");
        }
        sum.add(counts);
    }
    println!("{} seeds: {sum:?}", seeds.end - seeds.start);
    if one.is_none() {
        sum.everything_happened();
    }
}

#[test]
fn each_sabotage_is_noticed() {
    for sabotage in [
        Sabotage::SettlesEarly,
        Sabotage::IgnoresTheFence,
        Sabotage::ForgetsRetries,
        Sabotage::IgnoresThrottles,
    ] {
        let noticed = (0..300).find_map(|seed| {
            World::new(seed, sabotage).play(TURNS).err().map(|breach| (seed, breach))
        });
        println!("{sabotage:?}: {noticed:?}");
        assert!(noticed.is_some(), "{sabotage:?} went unnoticed");
    }
}

impl Counts {
    fn add(&mut self, mut other: Self) {
        for (sum, count) in self.all().into_iter().zip(other.all()) {
            *sum += *count;
        }
    }

    /// A fault that never struck was not survived.
    fn everything_happened(mut self) {
        let printed = format!("{self:?}");
        assert!(self.all().into_iter().all(|count| *count >= 10), "something is rare: {printed}");
    }
}
