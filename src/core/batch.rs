//! Cuts deliveries into requests, and puts aside what has become too old to send.
//!
//! In: deliveries in the order of the log, limits, the time. Out: a [`Plan`]. One event that is
//! too old would make Meta refuse the whole request, so age is asked here, right before sending.
//! The body of a request is the frozen events joined by commas: nothing is serialised again.

use super::time::Timestamp;

/// How much one request may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events. At most Meta's 1,000.
    pub events: usize,
    /// Bytes of all events together. A single larger event still goes, alone.
    pub bytes: usize,
}

/// What planning needs to know of a delivery.
pub trait Planned {
    /// The latest moment at which Meta takes its event.
    fn expires_at(&self) -> Timestamp;
    /// The frozen event.
    fn body(&self) -> &str;
}

/// What to do with a run of deliveries.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan<D> {
    /// Requests, in order.
    pub requests: Vec<Vec<D>>,
    /// Deliveries that Meta would no longer take.
    pub too_old: Vec<D>,
}

/// How long a request may take until Meta looks at its clock, in milliseconds. What would reach
/// the limit on the way is not sent.
pub const TRAVEL_MILLIS: i64 = 60_000;

/// Whether Meta would refuse an event for its age by the time at which a request of now arrives.
#[must_use]
pub fn is_too_old(expires_at: Timestamp, now: Timestamp) -> bool {
    now.plus_millis(TRAVEL_MILLIS) > expires_at
}

/// Plans.
#[must_use]
pub fn plan<D: Planned>(limits: BatchLimits, ready: Vec<D>, now: Timestamp) -> Plan<D> {
    let (too_old, fresh): (Vec<D>, Vec<D>) =
        ready.into_iter().partition(|delivery| is_too_old(delivery.expires_at(), now));
    let mut requests: Vec<Vec<D>> = Vec::new();
    let mut bytes = 0;
    for delivery in fresh {
        let size = delivery.body().len() + 1;
        match requests.last_mut() {
            Some(open) if open.len() < limits.events && bytes + size <= limits.bytes => {
                bytes += size;
                open.push(delivery);
            }
            _ => {
                bytes = size;
                requests.push(vec![delivery]);
            }
        }
    }
    Plan { requests, too_old }
}

/// The body of a request: `{"data":[…],"test_event_code":"…"}`.
#[must_use]
pub fn join<D: Planned>(deliveries: &[D], test_event_code: Option<&str>) -> String {
    let bytes: usize = deliveries.iter().map(|delivery| delivery.body().len() + 1).sum();
    let mut body = String::with_capacity(bytes + 64);
    body.push_str(r#"{"data":["#);
    for (index, delivery) in deliveries.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(delivery.body());
    }
    body.push(']');
    if let Some(code) = test_event_code {
        body.push_str(r#","test_event_code":"#);
        body.push_str(&super::json::quoted(code));
    }
    body.push('}');
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    #[derive(Debug, PartialEq, Clone)]
    struct Row(i64, &'static str);

    impl Planned for Row {
        fn expires_at(&self) -> Timestamp {
            Timestamp::from_seconds(self.0)
        }
        fn body(&self) -> &str {
            self.1
        }
    }

    const NOW: i64 = 1_772_280_000;
    const LATER: i64 = NOW + 3_600;

    #[test]
    fn requests_are_cut_by_count_and_by_bytes() {
        let limits = BatchLimits { events: 3, bytes: 12 };
        for (bodies, expected) in [
            (vec!["{}"; 7], vec![3, 3, 1]),
            (vec!["{aaaa}", "{b}", "{c}", "{d}"], vec![2, 2]),
            (vec!["{larger than the limit}", "{}"], vec![1, 1]),
            (vec![], vec![]),
        ] {
            let rows = bodies.iter().map(|body| Row(LATER, body)).collect();
            let plan = plan(limits, rows, Timestamp::from_seconds(NOW));
            let lengths: Vec<usize> = plan.requests.iter().map(Vec::len).collect();
            assert_eq!(lengths, expected, "{bodies:?}");
        }
    }

    #[test]
    fn what_would_be_too_old_on_arrival_is_put_aside() {
        let limits = BatchLimits { events: 10, bytes: 1_000 };
        let oldest = NOW + TRAVEL_MILLIS / 1_000;
        let rows = vec![Row(oldest - 1, "{}"), Row(oldest, "{}"), Row(LATER, "{}")];
        let plan = plan(limits, rows, Timestamp::from_seconds(NOW));
        assert_eq!(plan.too_old, [Row(oldest - 1, "{}")]);
        assert_eq!(plan.requests, [[Row(oldest, "{}"), Row(LATER, "{}")]]);
    }

    #[test]
    fn a_body_is_the_frozen_events_joined() {
        let rows = [Row(NOW, r#"{"a":1}"#), Row(NOW, r#"{"b":2}"#)];
        assert_eq!(join(&rows, None), r#"{"data":[{"a":1},{"b":2}]}"#);
        let tested = join(&rows[..1], Some("TEST\"1"));
        assert_eq!(tested, r#"{"data":[{"a":1}],"test_event_code":"TEST\"1"}"#);
    }
}
