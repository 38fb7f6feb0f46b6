//! Events that arrived more than once, as Meta would recognise them.
//!
//! In: the kept events in order of arrival. Out: one [`Duplicate`] for each dataset, name and id that
//! came twice or more. Deliberately absent: events without an id, which Meta cannot match either, and
//! Meta's window of 48 hours: a tester wants to see all copies. Source:
//! CAPI/deduplicate-pixel-and-server-events, meta-capi.md 2.3.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::memory::ArrivedEvent;

/// Most numbers of requests that one duplicate names.
const REQUESTS_MAX: usize = 20;

/// One event that arrived more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The dataset it was sent to.
    pub dataset_id: String,
    /// `event_name`.
    pub event_name: String,
    /// `event_id`.
    pub event_id: String,
    /// How many times it is among the kept events.
    pub count: usize,
    /// Whether all copies are the same bytes: then it was repeated, else it was made anew.
    pub same_bytes: bool,
    /// Numbers of the requests that brought it, oldest first; the first 20.
    pub requests: Vec<u64>,
}

/// The events that came more than once, in the order they first came.
pub(crate) fn find<'a>(events: impl Iterator<Item = &'a Arc<ArrivedEvent>>) -> Vec<Duplicate> {
    let mut places = HashMap::new();
    let mut found: Vec<(Duplicate, &str)> = Vec::new();
    for event in events {
        let Some(id) = &event.event_id else { continue };
        let key = (&*event.dataset_id, event.event_name.as_str(), id.as_str());
        let place = *places.entry(key).or_insert(found.len());
        match found.get_mut(place) {
            Some((duplicate, raw)) => duplicate.count_in(event, raw),
            None => found.push((Duplicate::of(event, id), &event.raw)),
        }
    }
    let duplicates = found.into_iter().map(|(duplicate, _)| duplicate);
    duplicates.filter(|duplicate| duplicate.count > 1).collect()
}

impl Duplicate {
    fn of(event: &ArrivedEvent, id: &str) -> Self {
        Self {
            dataset_id: event.dataset_id.as_ref().to_owned(),
            event_name: event.event_name.clone(),
            event_id: id.to_owned(),
            count: 1,
            same_bytes: true,
            requests: vec![event.request],
        }
    }

    fn count_in(&mut self, copy: &ArrivedEvent, first: &str) {
        self.count += 1;
        self.same_bytes &= copy.raw == first;
        if self.requests.len() < REQUESTS_MAX {
            self.requests.push(copy.request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(dataset: &str, id: Option<&str>, raw: &str, request: u64) -> Arc<ArrivedEvent> {
        Arc::new(ArrivedEvent {
            dataset_id: dataset.into(),
            version: "v25.0".into(),
            event_name: "Lead".to_owned(),
            event_id: id.map(str::to_owned),
            event_time: 5,
            raw: raw.to_owned(),
            received_at: 6,
            request,
            seen: 1,
            test_event_code: None,
            warnings: vec![],
        })
    }

    #[test]
    fn copies_are_found_by_dataset_name_and_id() {
        let events = [
            event("7", Some("a"), "1", 1),
            event("7", Some("b"), "1", 1),
            event("7", None, "1", 1),
            event("8", Some("a"), "1", 2),
            event("7", Some("b"), "1", 3),
            event("7", None, "1", 3),
            event("7", Some("a"), "1", 4),
            event("7", Some("a"), "2", 4),
        ];
        let found = find(events.iter());
        let told = |duplicate: &Duplicate| {
            (duplicate.event_id.clone(), duplicate.count, duplicate.same_bytes)
        };
        let found: Vec<_> = found.iter().map(|d| (told(d), d.requests.clone())).collect();
        let expect =
            [(("a".to_owned(), 3, false), vec![1, 4, 4]), (("b".to_owned(), 2, true), vec![1, 3])];
        assert_eq!(found, expect);
    }

    #[test]
    fn the_list_of_requests_is_bounded() {
        let events: Vec<_> = (0..50).map(|request| event("7", Some("a"), "1", request)).collect();
        let found = find(events.iter());
        assert_eq!((found[0].count, found[0].requests.len()), (50, REQUESTS_MAX));
    }
}
