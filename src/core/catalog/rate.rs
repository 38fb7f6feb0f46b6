//! The match rate: how many ids of the events the catalogue has, and which it lacks most often.
//!
//! In: the [`Lookup`] of each event. Out: sums, and the ids that failed most. The memory is bounded:
//! of twice [`TRACKED_MAX`] ids that are counted, the rarer half is left out from time to time, and
//! whoever comes later begins with the largest count that was left out. So an id that is more than
//! one in [`TRACKED_MAX`] is never missed, and its count is at most too high, never too low (the
//! counters of Misra and Gries, 1982, thinned out in bulk).
//!
//! An id counts once an event. Meta counts for itself, over what all its sources send.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{Catalog, Mend};
use crate::core::json;
use crate::core::mapping::DatasetName;
use crate::core::meta::ContentType;
use crate::core::money::Amount;

/// The match rate from which on Meta calls a catalogue's events good, in percent.
///
/// # Source
/// Meta, "Catalog signals quality": a content id match rate of 90 % or more.
pub const GOOD_PERCENT: u64 = 90;

/// So many ids are always counted one by one, per dataset. Ours: with twice as many between two
/// thinnings some 400 KB.
pub const TRACKED_MAX: usize = 1_000;

/// Most lines whose effect is counted for one report. Ours: each asks for every counted id.
const MENDS_TRIED: usize = 100;

/// What was looked up for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Where the event goes, or would go.
    pub datasets: Vec<DatasetName>,
    /// What its ids are ids of.
    pub kind: Option<ContentType>,
    /// Each id once, and whether the catalogue has it.
    pub ids: Vec<(String, bool)>,
}

/// A running match rate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchRate {
    events: u64,
    seen: u64,
    matched: u64,
    /// By kind and id, how often it was not found.
    missed: Counts,
    /// The same of the first [`TRACKED_MAX`] ids that were found: what a line would break.
    found: Counts,
    /// The largest count of an id that is not counted any more.
    left_out: u64,
}

/// By kind and id, how often.
type Counts = BTreeMap<Option<ContentType>, HashMap<String, u64>>;

/// A match rate as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateReport {
    /// Events that named products.
    pub events: u64,
    /// Ids in them.
    pub seen: u64,
    /// Ids that the catalogue has.
    pub matched: u64,
    /// The share in percent, cut to one decimal; nothing where no id was seen.
    pub rate_percent: Option<Amount>,
    /// Whether Meta would call it good.
    pub good: Option<bool>,
    /// The ids that failed most often.
    pub worst: Vec<Missed>,
    /// The lines of the mapping file that would mend most, each with how often it would.
    pub mends: Vec<Mended>,
}

/// An id that the catalogue does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// The id.
    pub id: String,
    /// In how many events.
    pub times: u64,
    /// The id that was probably meant, where it is another.
    pub did_you_mean: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

/// A line of the mapping file, and what it would mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// The line.
    pub line: String,
    /// How many of the ids that were not found it would have made found.
    pub ids: u64,
    /// How many of those that were found it would have made unknown. Always fewer.
    pub breaks: u64,
    /// The share that would have matched, in percent, cut to one decimal.
    pub rate_percent: Amount,
}

impl MatchRate {
    /// Counts one event.
    pub fn note(&mut self, lookup: &Lookup) {
        if lookup.ids.is_empty() {
            return;
        }
        self.events += 1;
        for (id, found) in &lookup.ids {
            self.seen += 1;
            if *found {
                self.matched += 1;
                self.hit(id, lookup.kind);
            } else {
                self.miss(id, lookup.kind);
            }
        }
    }

    fn hit(&mut self, id: &str, kind: Option<ContentType>) {
        let has_room = self.found.values().map(HashMap::len).sum::<usize>() < TRACKED_MAX;
        let of_kind = self.found.entry(kind).or_default();
        if let Some(times) = of_kind.get_mut(id) {
            *times += 1;
        } else if has_room {
            of_kind.insert(id.to_owned(), 1);
        }
    }

    fn miss(&mut self, id: &str, kind: Option<ContentType>) {
        let end = id.char_indices().nth(super::ID_CHARS_MAX).map_or(id.len(), |(at, _)| at);
        let of_kind = self.missed.entry(kind).or_default();
        if let Some(times) = of_kind.get_mut(&id[..end]) {
            *times += 1;
            return;
        }
        of_kind.insert(id[..end].to_owned(), self.left_out + 1);
        if self.missed.values().map(HashMap::len).sum::<usize>() > 2 * TRACKED_MAX {
            self.leave_out_the_rarest();
        }
    }

    /// Makes room: what is left out can have been seen as often as the most frequent of it.
    fn leave_out_the_rarest(&mut self) {
        let mut all: Vec<u64> = self.missed.values().flat_map(HashMap::values).copied().collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        self.left_out = all.get(TRACKED_MAX).copied().unwrap_or_default().max(self.left_out);
        for of_kind in self.missed.values_mut() {
            of_kind.retain(|_, times| *times > self.left_out);
        }
    }

    /// The rate as it is shown, with at most `worst` ids, and hints where a catalogue can give them.
    #[must_use]
    pub fn report(&self, catalog: Option<&Catalog>, worst: usize) -> RateReport {
        let Self { events, seen, matched, ref missed, .. } = *self;
        let rate = (seen > 0).then(|| percent(matched, seen));
        let of_kind = |(kind, ids): (_, &'_ HashMap<String, u64>)| -> Vec<_> {
            let ids = ids.iter().map(|(id, times)| (Reverse(*times), id.clone(), kind));
            ids.collect()
        };
        let mut all: Vec<_> =
            missed.iter().map(|(kind, ids)| (*kind, ids)).flat_map(of_kind).collect();
        // The feed may have got it since.
        all.retain(|(_, id, kind)| !catalog.is_some_and(|catalog| catalog.has(*kind, id)));
        all.sort_unstable();
        let mut mends: BTreeMap<String, Mend> = BTreeMap::new();
        let mut shown = Vec::new();
        for (Reverse(times), id, kind) in &all {
            let meant = catalog.and_then(|catalog| catalog.suggestion(*kind, id));
            if let Some((line, meant)) = meant.as_ref().and_then(|m| Some((m.mend.line()?, m))) {
                mends.entry(line).or_insert_with(|| meant.mend.clone());
            }
            if shown.len() < worst {
                let other = meant.as_ref().filter(|meant| *meant.id != **id);
                shown.push(Missed {
                    id: json::shortened(id).into_owned(),
                    times: *times,
                    did_you_mean: other.map(|meant| json::shortened(&meant.id).into_owned()),
                    help: meant.map(|meant| meant.help()),
                });
            }
        }
        let mends = mends.into_iter().take(MENDS_TRIED);
        let mut mends: Vec<Mended> = mends
            .filter_map(|(line, mend)| self.mended(line, &mend, catalog?))
            .filter(|mended| mended.ids > mended.breaks)
            .collect();
        mends.sort_by_key(|mended| Reverse(mended.ids - mended.breaks));
        mends.truncate(worst);
        RateReport {
            events,
            seen,
            matched,
            rate_percent: rate,
            good: (seen > 0).then_some(matched * 100 >= seen * GOOD_PERCENT),
            worst: shown,
            mends,
        }
    }

    /// What a line would have done to the ids that were seen.
    fn mended(&self, line: String, mend: &Mend, catalog: &Catalog) -> Option<Mended> {
        let sum = |counts: &Counts, would_be_found: bool| {
            let all = counts.iter().flat_map(|(kind, ids)| ids.iter().map(|id| (*kind, id)));
            let changed = all.filter(|(kind, (id, _))| {
                let (kind, id) = mend.applied(*kind, id);
                catalog.has(kind, &id) == would_be_found
            });
            changed.map(|(_, (_, times))| times).sum::<u64>()
        };
        let (ids, breaks) = (sum(&self.missed, true), sum(&self.found, false));
        // Inherited counts may be too high.
        let after = (self.matched + ids).saturating_sub(breaks).min(self.seen);
        (self.seen > 0).then(|| Mended {
            line,
            ids,
            breaks,
            rate_percent: percent(after, self.seen),
        })
    }
}

/// A share in percent, cut to one decimal.
fn percent(part: u64, whole: u64) -> Amount {
    let permille = (part * 1_000).checked_div(whole).unwrap_or_default();
    Amount::new(i64::try_from(permille).unwrap_or_default(), 1)
}
