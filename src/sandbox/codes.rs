//! Meta's codes: the sentence, type and flags that usually come with each.
//!
//! In: a code and a subcode, as a fault script orders them. Out: the [`Refusal`] Meta would send.
//! Deliberately absent: when Meta sends them. Source: MAPI/error-reference, GRAPH/guides/error-handling
//! and GRAPH/overview/rate-limiting (meta-capi.md 1.7 and 9); the table of `rules/complaint.rs` for
//! 2804xxx. Sentences marked "own" are in no source we have: branch on codes, never on words.

use std::borrow::Cow;

use axum::http::Method;

use super::answer::Refusal;
use super::rules::complaint;

/// The answer of a code about a dataset. An unknown code has nothing but "Unknown error".
pub(crate) fn refusal(status: u16, code: i64, subcode: Option<u32>, dataset: &str) -> Refusal {
    let refusal = match (code, subcode) {
        (100, Some(33)) => Refusal::object_missing(&Method::POST, dataset),
        (100, Some(subcode)) => complaint::known(subcode).map_or_else(
            || Refusal::new(status, code, "Invalid parameter"),
            complaint::Complaint::usual,
        ),
        (803, _) => Refusal::new(
            status,
            code,
            format!("(#803) Some of the aliases you requested do not exist: {dataset}"),
        ),
        _ => Refusal::new(status, code, message(code, subcode)),
    };
    let flag = if subcode == Some(33) { None } else { is_transient(code) };
    let transient = refusal.transient.or(flag);
    let (title, says) = user_words(code, subcode).unzip();
    Refusal {
        status,
        subcode,
        transient,
        title: refusal.title.or(title.map(Into::into)),
        says: refusal.says.or(says.map(Into::into)),
        ..refusal
    }
}

/// Whether Meta answers a call with this code because there were too many.
///
/// # Source
/// meta-capi.md 1.7 and 1.9.
pub(crate) fn is_throttle(code: i64) -> bool {
    matches!(code, 4 | 17 | 32 | 613) || is_business_limit(code)
}

/// Whether the limit is one of an ad account.
pub(crate) fn is_account_limit(code: i64) -> bool {
    matches!(code, 17 | 613)
}

/// Whether the limit is one of a business use case, whose header says when calls are served again.
pub(crate) fn is_business_limit(code: i64) -> bool {
    (80_000..=80_014).contains(&code)
}

fn message(code: i64, subcode: Option<u32>) -> Cow<'static, str> {
    let text = match code {
        1 => "An unknown error occurred",
        2 => "An unexpected error has occurred. Please retry your request later.",
        3 => "(#3) Application does not have the capability to make this API call.",
        4 => "(#4) Application request limit reached",
        10 => "(#10) Application does not have permission for this action",
        17 => "User request limit reached",
        32 => "(#32) Page request limit reached",
        100 => "Invalid parameter",
        // Own.
        102 => "The session key is invalid or no longer valid",
        104 => "An access token is required to request this resource.",
        // Own.
        105 => "(#105) There are too many parameters",
        190 => token_message(subcode),
        // Own.
        270 => "(#270) The app's level of access does not allow this request",
        // Own.
        294 => "(#294) Managing advertisements needs a permission that this token does not have",
        341 => "(#341) Feed action request limit reached",
        368 => "The action attempted has been deemed abusive or is otherwise disallowed",
        506 => "(#506) Duplicate status message",
        613 => "(#613) Calls to this api have exceeded the rate limit.",
        // Own; the code is in peers.md.
        2635 => "(#2635) This version of the API is no longer served. Call a newer one.",
        5000 => "Unknown error code",
        21_009 => "(#21009) The data set upload is temporarily not ready.",
        200..=299 => return format!("(#{code}) Permissions error").into(),
        _ if is_business_limit(code) => {
            let rest =
                "There have been too many calls to this ad-account. Wait a bit and try again.";
            return format!("(#{code}) {rest}").into();
        }
        _ => "Unknown error",
    };
    text.into()
}

/// What is wrong with a token. Own words but for 460 and the last: meta-capi.md 1.7 names the causes.
fn token_message(subcode: Option<u32>) -> &'static str {
    match subcode {
        Some(458) => "Error validating access token: The user has removed the application.",
        Some(459) => {
            "Error validating access token: The user must log in at www.facebook.com and follow the \
             instructions given there."
        }
        Some(460) => {
            "Error validating access token: The session has been invalidated because the user \
             changed their password or Facebook has changed the session for security reasons."
        }
        Some(463) => "Error validating access token: Session has expired.",
        Some(464) => "Error validating access token: The user is not a confirmed user.",
        Some(467) => "Error validating access token: The token is invalid.",
        Some(492) => "Error validating access token: The user has lost a role that it needs.",
        Some(_) | None => "The access token could not be decrypted",
    }
}

/// Title and sentence for people, where the causes are known. Own words.
fn user_words(code: i64, subcode: Option<u32>) -> Option<(&'static str, &'static str)> {
    let words = match (code, subcode?) {
        (4, 1_504_022 | 1_504_039) => {
            ("Too Many Calls By The App", "The app has sent too many calls. Wait and try again.")
        }
        (17, 2_446_079) | (613, 1_487_742) => (
            "Too Many Calls To The Ad Account",
            "There have been too many calls to this ad-account. Wait a bit and try again.",
        ),
        (613, 1996) => {
            ("Unusual Number Of Calls", "The number of calls is unusual. Send fewer and try again.")
        }
        (613, 5_044_001) => {
            ("Too Many Changes", "There have been more than 100 changes a second. Slow down.")
        }
        _ => return None,
    };
    Some(words)
}

/// The flag, where Meta is known to send one.
fn is_transient(code: i64) -> Option<bool> {
    match code {
        1 | 2 | 4 | 17 | 32 => Some(true),
        100 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_says_what_it_means() {
        for (code, subcode, message, kind, transient) in [
            (2, None, "An unexpected error", "OAuthException", Some(true)),
            (-1, None, "Unknown error", "OAuthException", None),
            (190, None, "The access token could not be decrypted", "OAuthException", None),
            (
                190,
                Some(460),
                "Error validating access token: The session has",
                "OAuthException",
                None,
            ),
            (
                190,
                Some(463),
                "Error validating access token: Session has expired",
                "OAuthException",
                None,
            ),
            (100, None, "Invalid parameter", "OAuthException", Some(false)),
            (
                100,
                Some(33),
                "Unsupported post request. Object with ID '7'",
                "GraphMethodException",
                None,
            ),
            (100, Some(34), "Invalid parameter", "OAuthException", Some(false)),
            (100, Some(2_804_003), "Invalid parameter", "OAuthException", Some(false)),
            (102, None, "The session key is invalid", "OAuthException", None),
            (200, None, "(#200) Permissions error", "OAuthException", None),
            (270, None, "(#270) The app's level", "OAuthException", None),
            (273, None, "(#273) Permissions error", "OAuthException", None),
            (294, None, "(#294) Managing", "OAuthException", None),
            (
                803,
                None,
                "(#803) Some of the aliases you requested do not exist: 7",
                "OAuthException",
                None,
            ),
            (2635, None, "(#2635) This version", "OAuthException", None),
            (5000, None, "Unknown error code", "OAuthException", None),
            (80_004, None, "(#80004) There have been too many calls", "OAuthException", None),
            (99_999, None, "Unknown error", "OAuthException", None),
        ] {
            let refusal = refusal(400, code, subcode, "7");
            assert!(refusal.message.starts_with(message), "{code} {subcode:?}: {refusal:?}");
            assert_eq!((&*refusal.kind, refusal.status), (kind, 400), "{code} {subcode:?}");
            assert_eq!((refusal.code, refusal.subcode), (code, subcode));
            assert_eq!(refusal.transient, transient, "{code} {subcode:?}");
        }
    }

    #[test]
    fn the_payload_faults_bring_their_titles_and_sentences() {
        for (subcode, title) in [
            (2_804_001, "Invalid Click ID"),
            (2_804_003, "Event Timestamp Too Old"),
            (2_804_009, "Missing Value for Purchase Event"),
            (2_804_019, "Server Side Api Parameter Error"),
            (2_804_030, "Limited Data Use Selection Required"),
        ] {
            let refusal = refusal(400, 100, Some(subcode), "7");
            assert_eq!(refusal.title.as_deref(), Some(title));
            assert!(refusal.says.is_some_and(|says| !says.contains("$[")), "{subcode}");
        }
        let unknown = refusal(400, 100, Some(2_804_048), "7");
        assert_eq!((unknown.title, unknown.says), (None, None), "its meaning is not published");
    }

    #[test]
    fn throttles_are_told_apart() {
        for code in [4, 17, 32, 613, 80_000, 80_004, 80_014] {
            assert!(is_throttle(code), "{code}");
        }
        for code in [0, 1, 2, 100, 190, 341, 368, 79_999, 80_015] {
            assert!(!is_throttle(code), "{code}");
        }
    }
}
