//! `GET /admin/v1/payments`: the list of payments, newest first, a page at a time.
//!
//! In: the query. Out: a page, or a 400 that names every parameter at fault. Nothing is passed
//! over: a misspelt filter that shows everything would be believed.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::{Api, answer, parameters};
use crate::core::decide::Verdict;
use crate::core::json::shortened;
use crate::core::names::one_of;
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::time::Timestamp;
use crate::store::{Cursor, Listing};

/// Payments of one page, unless asked for otherwise.
pub(super) const PAGE: usize = 50;

/// Most payments of one page: well within a megabyte and a second.
pub(super) const PAGE_MAX: usize = 500;

/// Every parameter.
pub(super) const PARAMETERS: [&str; 9] =
    ["payment_id", "type", "user_id", "verdict", "status", "since", "until", "limit", "cursor"];

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    listing: Listing,
    limit: Option<usize>,
    cursor: Option<Cursor>,
}

/// A page of the list.
pub(super) async fn payments(State(api): State<Api>, RawQuery(query): RawQuery) -> Response {
    let asked = match asked(query.as_deref().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(faults) => return answer::plain(StatusCode::BAD_REQUEST, &faults.join("; ")),
    };
    let size = (asked.limit.unwrap_or(PAGE), api.shared.clock.now());
    match api.shared.store.list(asked.listing, asked.cursor, size).await {
        Ok(page) => answer::json(StatusCode::OK, &page),
        Err(_) => answer::unavailable("The store does not answer."),
    }
}

fn asked(query: &str) -> Result<Asked, Vec<String>> {
    let mut asked = Asked::default();
    parameters::each(query, PARAMETERS, |key, value| asked.take(key, value))?;
    Ok(asked)
}

impl Asked {
    /// Takes one parameter.
    fn take(&mut self, known: &'static str, value: &str) -> Result<(), String> {
        let not = |wanted: &str| format!("`{known}` is {wanted}, not `{}`", shortened(value));
        let time = || Timestamp::read(value).map_err(|reason| format!("`{known}` {reason}"));
        let listing = &mut self.listing;
        match known {
            "payment_id" => listing.payment_id = Some(value.to_owned()),
            "user_id" => listing.user_id = Some(value.to_owned()),
            "type" => {
                let read = PaymentType::read(value);
                listing.payment_type =
                    Some(read.ok_or_else(|| not(&one_of(PaymentType::words())))?);
            }
            "verdict" => {
                let read = Verdict::read(value);
                listing.verdict = Some(read.ok_or_else(|| not(&one_of(Verdict::words())))?);
            }
            "status" => {
                let read = PaymentStatus::read(value);
                listing.status = Some(read.ok_or_else(|| not(&one_of(PaymentStatus::words())))?);
            }
            "since" => listing.since = Some(time()?),
            "until" => listing.until = Some(time()?),
            "cursor" => {
                let read = Cursor::read(value);
                self.cursor = Some(read.ok_or_else(|| not("what a page gave as `next`"))?);
            }
            // The list of parameters stands above, so this is `limit`.
            _ => {
                let read = value.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
                let wanted = format!("a number from 1 to {PAGE_MAX}");
                self.limit = Some(read.ok_or_else(|| not(&wanted))?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_taken_and_every_fault_is_named() {
        let query = "payment_id=a%20b&type=ONE_TIME&user_id=666&verdict=hold\
                     &status=PAYMENT_FAILED&since=7&until=2026-02-28T12:00:00Z&limit=500&cursor=1-1-1";
        let all = asked(query).expect("a good query");
        let listing = Listing {
            payment_id: Some("a b".to_owned()),
            payment_type: Some(PaymentType::OneTime),
            user_id: Some("666".to_owned()),
            verdict: Some(Verdict::Hold),
            status: Some(PaymentStatus::Failed),
            since: Some(Timestamp::from_seconds(7)),
            until: Some(Timestamp::from_seconds(1_772_280_000)),
        };
        assert_eq!(all, Asked { listing, limit: Some(500), cursor: Cursor::read("1-1-1") });
        assert_eq!(asked("type=&limit="), Ok(Asked::default()));
        for (query, faults) in [
            ("paymentid=1", vec!["did you mean `payment_id`?"]),
            ("colour=red", vec!["`colour` is not a parameter; there are `payment_id`"]),
            ("type=SALE", vec!["`type` is `FIRST_PAYMENT`"]),
            ("verdict=sent", vec!["`verdict` is `forward`"]),
            ("status=PAID", vec!["`status` is `PAYMENT_INITIATED`"]),
            (
                "since=yesterday&until=1772280000000",
                vec!["`since` is neither", "`until` looks like"],
            ),
            ("limit=0", vec!["`limit` is a number from 1 to 500, not `0`"]),
            ("limit=501", vec!["`limit` is a number"]),
            ("limit=-1&limit=5", vec!["`limit` is a number", "`limit` stands twice"]),
            ("cursor=x", vec!["`cursor` is what a page gave as `next`"]),
        ] {
            let said = asked(query).expect_err(query);
            assert_eq!(said.len(), faults.len(), "{query}: {said:?}");
            for (said, part) in said.iter().zip(faults) {
                assert!(said.contains(part), "{query}: {said}");
            }
        }
    }
}
