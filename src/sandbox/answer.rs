//! Meta's answers: the success body, the error envelope, the headers that travel with them.
//!
//! In: a count or a [`Refusal`], and the number of the request. Out: the body as text. Deliberately
//! absent: the faults of single events, which stand with their rules, the words of each code
//! (`codes.rs`), and deciding anything.
//! Source: meta-capi.md 1.5 to 1.9 and 9; sentences found nowhere are our own wording.

use std::borrow::Cow;

use axum::http::Method;
use serde::Serialize;

/// An error answer: HTTP status and the members of Meta's `error` object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    pub(crate) message: Cow<'static, str>,
    /// Meta's `type`.
    pub(crate) kind: Cow<'static, str>,
    pub(crate) code: i64,
    pub(crate) subcode: Option<u32>,
    pub(crate) transient: Option<bool>,
    pub(crate) title: Option<Box<str>>,
    pub(crate) says: Option<Box<str>>,
    /// Name of the rule that was broken, for people; not part of Meta's answer.
    pub(crate) rule: Option<&'static str>,
}

/// How much of the rate limits is used, for the usage headers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    /// Percent of the hour's calls.
    pub(crate) call_count: u8,
    /// Percent of the hour's time.
    pub(crate) total_time: u8,
    /// Percent of the hour's computing time.
    pub(crate) total_cputime: u8,
    /// Minutes until calls are served again; `None` leaves the business header out.
    pub(crate) minutes: Option<u32>,
    /// What the header of the ad account says; `None` leaves it out.
    pub(crate) account: Option<AccountUsage>,
}

/// How much of an ad account's limit is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AccountUsage {
    pub(crate) percent: u8,
    /// Seconds until the score is nothing again.
    pub(crate) reset_seconds: u32,
}

impl Refusal {
    /// The request's parameters are wrong as a whole.
    pub(crate) fn of_request(says: &str) -> Self {
        Self::new(400, 100, format!("(#100) {says}"))
    }

    /// No token came with the call.
    ///
    /// # Source
    /// Code 104, HTTP 400, as the Graph API answers any call without a token.
    pub(crate) fn token_missing() -> Self {
        Self::new(400, 104, "An access token is required to request this resource.")
    }

    /// The token is not one.
    ///
    /// # Source
    /// Live probe of 2026-09 (meta-capi.md 1.7): 401, no `is_transient`.
    pub(crate) fn token_malformed() -> Self {
        Self::new(401, 190, "Invalid OAuth access token - Cannot parse access token")
    }

    /// No such dataset, or none this token may see.
    pub(crate) fn dataset_missing(id: &str) -> Self {
        Self::object_missing(&Method::POST, id)
    }

    /// No such object, or none that can be asked so.
    ///
    /// # Source
    /// 100/33 (meta-capi.md 9), with the method in the sentence as the Graph API has it.
    pub(crate) fn object_missing(method: &Method, id: &str) -> Self {
        let message = format!(
            "Unsupported {} request. Object with ID '{}' does not exist, cannot be loaded due to \
             missing permissions, or does not support this operation",
            clip(method.as_str()).to_ascii_lowercase(),
            clip(id)
        );
        let refusal = Self::new(400, 100, message);
        Self { kind: "GraphMethodException".into(), subcode: Some(33), ..refusal }
    }

    /// The path leads nowhere, or begins with something that is no version.
    ///
    /// # Source
    /// Code 2500 as the Graph API answers unknown paths and versions such as `v99.0`.
    pub(crate) fn path_unknown(path: &str) -> Self {
        Self::new(400, 2500, format!("Unknown path components: {}", clip(path)))
    }

    /// Any `OAuthException` with nothing but a sentence.
    pub(crate) fn new(status: u16, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            message: message.into(),
            kind: "OAuthException".into(),
            code,
            subcode: None,
            transient: None,
            title: None,
            says: None,
            rule: None,
        }
    }

    /// The envelope, as JSON text.
    pub(crate) fn body(&self, trace: &str) -> String {
        let error = ErrorBody {
            message: &self.message,
            kind: &self.kind,
            code: self.code,
            error_subcode: self.subcode,
            is_transient: self.transient,
            error_user_title: self.title.as_deref(),
            error_user_msg: self.says.as_deref(),
            fbtrace_id: trace,
        };
        serde_json::to_string(&ErrorEnvelope { error }).unwrap_or_default()
    }
}

/// The body of an accepted request.
pub(crate) fn success(events: usize, trace: &str) -> String {
    format!(r#"{{"events_received":{events},"messages":[],"fbtrace_id":"{trace}"}}"#)
}

/// A trace id of Meta's look: `A` and 22 characters of the base64url alphabet. The same request
/// number always gives the same id.
pub(crate) fn trace_id(number: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = number;
    let letters = (0..22).map(|_| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        char::from(ALPHABET[usize::from((scatter(state) >> 58) as u8)])
    });
    std::iter::once('A').chain(letters).collect()
}

impl Usage {
    /// The usage headers, by name. Meta sends percents; times to wait are in minutes for a business
    /// and in seconds for an ad account.
    ///
    /// # Source
    /// GRAPH/overview/rate-limiting (meta-capi.md 1.9). Which `type` a Conversions API call counts
    /// as is not published; `ads_management` is the one in Meta's sample.
    pub(crate) fn headers(self, dataset: &str) -> Vec<(&'static str, String)> {
        let Self { call_count, total_time, total_cputime, minutes, account } = self;
        let share = format!(
            r#""call_count":{call_count},"total_cputime":{total_cputime},"total_time":{total_time}"#
        );
        let mut headers = vec![("x-app-usage", format!("{{{share}}}"))];
        if let Some(minutes) = minutes {
            let business = format!(
                r#"{{"{dataset}":[{{"type":"ads_management",{share},"estimated_time_to_regain_access":{minutes},"ads_api_access_tier":"standard_access"}}]}}"#
            );
            headers.push(("x-business-use-case-usage", business));
        }
        if let Some(AccountUsage { percent, reset_seconds }) = account {
            let account = format!(
                r#"{{"acc_id_util_pct":{percent},"reset_time_duration":{reset_seconds},"ads_api_access_tier":"standard_access"}}"#
            );
            headers.push(("x-ad-account-usage", account));
        }
        headers
    }
}

/// At most 100 characters of what a client sent, for a sentence.
pub(crate) fn clip(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(end, _)| &text[..end])
}

/// The finaliser of splitmix64.
fn scatter(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    code: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_subcode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_transient: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_user_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_user_msg: Option<&'a str>,
    fbtrace_id: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_are_written_in_metas_order() {
        assert_eq!(
            success(3, "Atrace"),
            r#"{"events_received":3,"messages":[],"fbtrace_id":"Atrace"}"#
        );
        assert_eq!(
            Refusal::token_malformed().body("Atrace"),
            r#"{"error":{"message":"Invalid OAuth access token - Cannot parse access token","type":"OAuthException","code":190,"fbtrace_id":"Atrace"}}"#
        );
        let refusal = Refusal {
            transient: Some(false),
            title: Some("Event Timestamp Too Old".into()),
            says: Some("Says \"so\".".into()),
            rule: Some("never told"),
            subcode: Some(2_804_003),
            ..Refusal::new(400, 100, "Invalid parameter")
        };
        assert_eq!(
            refusal.body("Atrace"),
            r#"{"error":{"message":"Invalid parameter","type":"OAuthException","code":100,"error_subcode":2804003,"is_transient":false,"error_user_title":"Event Timestamp Too Old","error_user_msg":"Says \"so\".","fbtrace_id":"Atrace"}}"#
        );
        let missing = Refusal::dataset_missing("7").body("Atrace");
        assert!(missing.contains(r#""type":"GraphMethodException","code":100,"error_subcode":33"#));
    }

    #[test]
    fn trace_ids_look_like_metas_and_differ() {
        let ids: std::collections::BTreeSet<String> = (0..10_000).map(trace_id).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            assert!(id.len() == 23 && id.starts_with('A'), "{id}");
        }
        assert_eq!(trace_id(7), trace_id(7));
    }

    #[test]
    fn usage_headers_are_json() {
        let app = Usage { call_count: 28, total_time: 25, total_cputime: 7, ..Usage::default() };
        assert_eq!(
            app.headers("7"),
            [("x-app-usage", r#"{"call_count":28,"total_cputime":7,"total_time":25}"#.to_owned())]
        );
        let account = Some(AccountUsage { percent: 9, reset_seconds: 100 });
        let all = Usage { minutes: Some(19), account, ..app }.headers("7");
        let read = |at: usize| -> serde_json::Value { serde_json::from_str(&all[at].1).unwrap() };
        assert_eq!(all[1].0, "x-business-use-case-usage");
        assert_eq!(read(1)["7"][0]["estimated_time_to_regain_access"], 19);
        assert_eq!(read(1)["7"][0]["call_count"], 28);
        assert_eq!(all[2].0, "x-ad-account-usage");
        assert_eq!(
            (&read(2)["acc_id_util_pct"], &read(2)["reset_time_duration"]),
            (&9.into(), &100.into())
        );
    }

    #[test]
    fn long_text_is_clipped_between_characters() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"é".repeat(500)).chars().count(), 100);
    }
}
