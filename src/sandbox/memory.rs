//! What the sandbox remembers: the events that were accepted and the requests that were answered.
//!
//! In: arrivals and request records, in the order they are settled. Out: both again, newest last.
//! Everything is bounded: what no longer fits is forgotten oldest first and counted. An event is
//! kept as the text that was sent, so 100,000 of them cost their own length and little more.
//! Deliberately absent: files, locks and JSON trees.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use serde::Serialize;

use super::rules::Warning;

/// An event the sandbox accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedEvent {
    /// The dataset it was sent to.
    pub dataset_id: Arc<str>,
    /// The Graph version it was sent with, `v25.0`; empty for an unversioned call.
    pub version: Arc<str>,
    /// `event_name`.
    pub event_name: String,
    /// `event_id`, where one was sent.
    pub event_id: Option<String>,
    /// `event_time`, in Unix seconds.
    pub event_time: i64,
    /// The event's JSON object, byte for byte as it was sent.
    pub raw: String,
    /// When it arrived, in Unix seconds of the sandbox's clock.
    pub received_at: i64,
    /// Number of the request that brought it; see [`RequestRecord::number`].
    pub request: u64,
    /// How many kept events, this one included, have brought this dataset, name and id: 1 for the
    /// first, 2 for its first copy. Always 1 without an id.
    pub seen: u64,
    /// `test_event_code` of the request, where one was sent.
    pub test_event_code: Option<Arc<str>>,
    /// What is wrong with it although it was accepted.
    pub warnings: Vec<Warning>,
}

/// One request and its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// Counts from 1 and never repeats while the sandbox lives.
    pub number: u64,
    /// When it arrived, in Unix seconds of the sandbox's clock.
    pub received_at: i64,
    /// HTTP method.
    pub method: String,
    /// The path as asked for, at most 100 characters of it and without the query.
    pub path: String,
    /// The dataset, where the path named one.
    pub dataset_id: Option<String>,
    /// The Graph version as asked for; `None` for an unversioned call.
    pub version: Option<String>,
    /// Events it carried.
    pub events: usize,
    /// Events of it that were remembered: all or none.
    pub accepted: usize,
    /// Those of them whose dataset, name and id had been seen before.
    pub seen_before: usize,
    /// What was really answered.
    pub answer: Answered,
    /// HTTP status answered; 0 where the connection was cut without an answer.
    pub status: u16,
    /// Meta's `code`, where an error of Meta's was answered.
    pub code: Option<i64>,
    /// Meta's `error_subcode`.
    pub subcode: Option<u32>,
    /// Meta's `error_user_title`.
    pub title: Option<String>,
    /// The sentence that says what is wrong: `error_user_msg`, else `message`.
    pub says: Option<String>,
    /// Name of the sandbox's rule that was answered to.
    pub rule: Option<&'static str>,
    /// What the rules have against the request, whatever was answered; `None` for a right one.
    pub verdict: Option<Objection>,
    /// What is wrong with its events although Meta may take them; the first 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Name of the scripted fault it met.
    pub fault: Option<&'static str>,
    /// `fbtrace_id` of the answer.
    pub fbtrace_id: String,
    /// Length of the body.
    pub bytes: usize,
    /// The first three event ids.
    pub event_ids: Vec<String>,
    /// `test_event_code`, where one was sent.
    pub test_event_code: Option<String>,
}

/// What a client got to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// Meta's success body.
    Success,
    /// Meta's error envelope.
    Error,
    /// JSON that breaks off.
    WrongJson,
    /// A page of HTML.
    Html,
    /// A status without a body.
    Empty,
    /// A head, and a body that the connection's end cut short.
    Cut,
    /// Nothing: the connection was closed.
    #[default]
    Nothing,
}

/// Why the rules refuse a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// Meta's `code`.
    pub code: i64,
    /// Meta's `error_subcode`.
    pub subcode: Option<u32>,
    /// Name of the sandbox's rule, where it is one about an event.
    pub rule: Option<&'static str>,
    /// What is wrong.
    pub says: String,
}

/// An accepted event on its way into memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) event_name: String,
    pub(crate) event_id: Option<String>,
    pub(crate) event_time: i64,
    pub(crate) raw: String,
    pub(crate) warnings: Vec<Warning>,
}

/// Everything remembered.
#[derive(Debug)]
pub(crate) struct Memory {
    keep_events: usize,
    keep_requests: usize,
    events: VecDeque<Arc<ArrivedEvent>>,
    requests: VecDeque<Arc<RequestRecord>>,
    received: u64,
    seen: Seen,
}

/// How often each dataset, name and id is among the kept events.
///
/// The key is a 64-bit hash with a random seed: at 200,000 events two of them meet once in a
/// thousand million runs, and nothing but a number in a listing would be wrong.
#[derive(Debug, Default)]
struct Seen {
    hasher: RandomState,
    counts: HashMap<u64, Count>,
}

#[derive(Debug, Default)]
struct Count {
    seen: u64,
    kept: u64,
}

impl Memory {
    pub(crate) fn new(keep_events: usize, keep_requests: usize) -> Self {
        Self {
            keep_events,
            keep_requests,
            events: VecDeque::new(),
            requests: VecDeque::new(),
            received: 0,
            seen: Seen::default(),
        }
    }

    /// Remembers a request and the events it brought, and counts those that were seen before.
    pub(crate) fn add(
        &mut self,
        mut record: RequestRecord,
        arrivals: Vec<Arrival>,
    ) -> Arc<RequestRecord> {
        let dataset_id: Arc<str> = record.dataset_id.as_deref().unwrap_or_default().into();
        let version: Arc<str> = record.version.as_deref().unwrap_or_default().into();
        let test_event_code: Option<Arc<str>> = record.test_event_code.as_deref().map(Arc::from);
        for arrival in arrivals {
            let mut event = ArrivedEvent {
                dataset_id: Arc::clone(&dataset_id),
                version: Arc::clone(&version),
                event_name: arrival.event_name,
                event_id: arrival.event_id,
                event_time: arrival.event_time,
                raw: arrival.raw,
                received_at: record.received_at,
                request: record.number,
                seen: 1,
                test_event_code: test_event_code.clone(),
                warnings: arrival.warnings,
            };
            event.seen = self.seen.add(&event);
            record.seen_before += usize::from(event.seen > 1);
            self.events.push_back(Arc::new(event));
            self.received += 1;
            if self.events.len() > self.keep_events {
                self.forget_oldest();
            }
        }
        let record = Arc::new(record);
        self.requests.push_back(Arc::clone(&record));
        if self.requests.len() > self.keep_requests {
            self.requests.pop_front();
        }
        record
    }

    /// The kept events, newest last.
    pub(crate) fn events(&self) -> Vec<Arc<ArrivedEvent>> {
        self.events.iter().cloned().collect()
    }

    /// The kept requests, newest last.
    pub(crate) fn requests(&self) -> Vec<Arc<RequestRecord>> {
        self.requests.iter().cloned().collect()
    }

    /// Events accepted since the beginning, or since they were last forgotten.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Forgets all, and says how many events and requests that were.
    pub(crate) fn clear(&mut self) -> (usize, usize) {
        let counts = (self.events.len(), self.requests.len());
        *self = Self::new(self.keep_events, self.keep_requests);
        counts
    }

    fn forget_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.seen.take_away(&event);
        }
    }
}

impl Seen {
    fn add(&mut self, event: &ArrivedEvent) -> u64 {
        let Some(key) = self.key(event) else { return 1 };
        let count = self.counts.entry(key).or_default();
        count.kept += 1;
        count.seen += 1;
        count.seen
    }

    fn take_away(&mut self, event: &ArrivedEvent) {
        let Some(key) = self.key(event) else { return };
        if let Some(count) = self.counts.get_mut(&key) {
            count.kept -= 1;
            if count.kept == 0 {
                self.counts.remove(&key);
            }
        }
    }

    fn key(&self, event: &ArrivedEvent) -> Option<u64> {
        let id = event.event_id.as_ref()?;
        Some(self.hasher.hash_one((&event.dataset_id, &event.event_name, id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(name: &str, id: Option<&str>) -> Arrival {
        let (event_name, event_id) = (name.to_owned(), id.map(str::to_owned));
        let raw = format!("{{\"n\":\"{name}\"}}");
        Arrival { event_name, event_id, event_time: 5, raw, warnings: vec![] }
    }

    fn add(memory: &mut Memory, number: u64, dataset: &str, arrivals: Vec<Arrival>) {
        let dataset_id = Some(dataset.to_owned());
        let record = RequestRecord { number, dataset_id, ..RequestRecord::default() };
        memory.add(record, arrivals);
    }

    #[test]
    fn copies_are_counted_by_dataset_name_and_id() {
        let mut memory = Memory::new(100, 100);
        add(&mut memory, 1, "7", vec![arrival("Purchase", Some("a")), arrival("Purchase", None)]);
        add(&mut memory, 2, "7", vec![arrival("Purchase", Some("a")), arrival("Purchase", None)]);
        add(&mut memory, 3, "8", vec![arrival("Purchase", Some("a"))]);
        add(&mut memory, 4, "7", vec![arrival("Lead", Some("a")), arrival("Purchase", Some("a"))]);
        let seen: Vec<u64> = memory.events().iter().map(|event| event.seen).collect();
        assert_eq!(seen, [1, 1, 2, 1, 1, 1, 3]);
        let before: Vec<usize> = memory.requests().iter().map(|r| r.seen_before).collect();
        assert_eq!(before, [0, 1, 0, 1]);
    }

    #[test]
    fn the_oldest_make_room_and_stay_counted() {
        let mut memory = Memory::new(3, 2);
        for number in 1..=5 {
            add(&mut memory, number, "7", vec![arrival("Lead", Some(&number.to_string()))]);
        }
        let numbers = |memory: &Memory| -> Vec<u64> {
            memory.events().iter().map(|event| event.request).collect()
        };
        assert_eq!(numbers(&memory), [3, 4, 5]);
        assert_eq!(memory.received(), 5);
        assert_eq!(memory.requests().len(), 2);
        assert_eq!(memory.seen.counts.len(), 3, "what is forgotten is no longer counted");
        add(&mut memory, 6, "7", vec![arrival("Lead", Some("1"))]);
        assert_eq!(memory.events().last().unwrap().seen, 1);
        assert_eq!(memory.clear(), (3, 2));
        assert_eq!((memory.received(), memory.events().len(), memory.seen.counts.len()), (0, 0, 0));
    }

    #[test]
    fn nothing_can_be_kept_too() {
        let mut memory = Memory::new(0, 0);
        add(&mut memory, 1, "7", vec![arrival("Lead", Some("a")), arrival("Lead", None)]);
        assert_eq!((memory.received(), memory.events().len(), memory.requests().len()), (2, 0, 0));
    }
}
