//! How much of its allowance a sender has used up, as Meta's headers say it.
//!
//! In: the headers of an answer. Out: a [`Usage`]. Each header may be absent, broken or of another
//! shape tomorrow: what cannot be read says nothing. What follows from it, `delivery` decides.
//!
//! # Source
//! Meta, "Graph API / Rate limits" (`X-App-Usage`, `X-Business-Use-Case-Usage`: percents, and
//! minutes until access is regained) and "Marketing API / Rate limiting" (`X-Ad-Account-Usage`:
//! seconds), as read 2026-08-13.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The names of the headers that are read, in small letters.
pub const HEADERS: [&str; 4] =
    ["x-app-usage", "x-business-use-case-usage", "x-ad-account-usage", "retry-after"];

/// Longest time to wait that is believed, in milliseconds: a day. Ours; Meta's blocks last minutes
/// to hours, and a header must not silence a dataset for ever.
pub const REGAIN_MILLIS_MAX: u64 = 24 * 3_600_000;

/// Percent from which an account's time to reset is a time to wait: its budget is as good as gone.
const ACCOUNT_IS_FULL: f64 = 95.0;

/// What the headers of one answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// The fullest of all budgets, in percent. It may pass 100.
    pub percent: Option<u32>,
    /// When Meta lets us in again, in milliseconds from the answer on.
    pub regain_millis: Option<u64>,
}

#[derive(Deserialize)]
struct Budget {
    call_count: Option<f64>,
    total_time: Option<f64>,
    total_cputime: Option<f64>,
    /// Minutes.
    estimated_time_to_regain_access: Option<f64>,
}

#[derive(Deserialize)]
struct Account {
    acc_id_util_pct: Option<f64>,
    /// Seconds.
    reset_time_duration: Option<f64>,
}

/// Reads the headers of an answer, by their names in small letters.
#[must_use]
pub fn read<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Usage {
    let mut usage = Usage::default();
    for (name, value) in headers {
        match name {
            "x-app-usage" => {
                if let Ok(budget) = serde_json::from_str::<Budget>(value) {
                    usage.budget(&budget);
                }
            }
            "x-business-use-case-usage" => {
                let by_id = serde_json::from_str::<BTreeMap<String, Vec<Budget>>>(value);
                let budgets = by_id.iter().flat_map(BTreeMap::values).flatten();
                for budget in budgets {
                    usage.budget(budget);
                }
            }
            "x-ad-account-usage" => {
                if let Ok(account) = serde_json::from_str::<Account>(value) {
                    usage.account(&account);
                }
            }
            "retry-after" => usage.regain(value.trim().parse().ok(), 1_000.0),
            _ => {}
        }
    }
    usage
}

impl Usage {
    fn budget(&mut self, budget: &Budget) {
        for percent in [budget.call_count, budget.total_time, budget.total_cputime] {
            self.percent(percent);
        }
        self.regain(budget.estimated_time_to_regain_access, 60_000.0);
    }

    fn account(&mut self, account: &Account) {
        self.percent(account.acc_id_util_pct);
        if account.acc_id_util_pct.is_some_and(|percent| percent >= ACCOUNT_IS_FULL) {
            self.regain(account.reset_time_duration, 1_000.0);
        }
    }

    fn percent(&mut self, percent: Option<f64>) {
        if let Some(percent) = percent.and_then(whole) {
            let percent = u32::try_from(percent).unwrap_or(u32::MAX);
            self.percent = Some(self.percent.unwrap_or(0).max(percent));
        }
    }

    fn regain(&mut self, duration: Option<f64>, unit_millis: f64) {
        let millis = duration.and_then(|duration| whole(duration * unit_millis));
        if let Some(millis) = millis.filter(|millis| *millis > 0) {
            let millis = millis.min(REGAIN_MILLIS_MAX);
            self.regain_millis = Some(self.regain_millis.unwrap_or(0).max(millis));
        }
    }
}

/// Rounded up; nothing for what is no number of anything.
fn whole(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float that is too large becomes the largest number, which is then bounded"
    )]
    let rounded = number.ceil() as u64;
    (number.is_finite() && number >= 0.0).then_some(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    #[test]
    fn each_header_as_meta_prints_it() {
        // The first three values are the samples of Meta's pages, as quoted in meta-capi.md 1.9.
        let business = r#"{"1":[{"type":"ads_management","call_count":100,"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":19,"ads_api_access_tier":"standard_access"}]}"#;
        for (name, value, percent, regain_millis) in [
            (
                "x-app-usage",
                r#"{"call_count":28,"total_time":25,"total_cputime":25}"#,
                Some(28),
                None,
            ),
            ("x-business-use-case-usage", business, Some(100), Some(19 * 60_000)),
            (
                "x-ad-account-usage",
                r#"{"acc_id_util_pct":9.67,"reset_time_duration":100,"ads_api_access_tier":"standard_access"}"#,
                Some(10),
                None,
            ),
            (
                "x-ad-account-usage",
                r#"{"acc_id_util_pct":100,"reset_time_duration":100}"#,
                Some(100),
                Some(100_000),
            ),
            ("x-app-usage", r#"{"total_cputime":81}"#, Some(81), None),
            (
                "x-business-use-case-usage",
                r#"{"1":[{"estimated_time_to_regain_access":0}]}"#,
                None,
                None,
            ),
            (
                "x-business-use-case-usage",
                r#"{"1":[{"call_count":7}],"2":[{"total_time":93}]}"#,
                Some(93),
                None,
            ),
            ("retry-after", "120", None, Some(120_000)),
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", None, None),
            ("retry-after", "1e300", None, Some(DAY)),
            ("retry-after", "-5", None, None),
            ("retry-after", "NaN", None, None),
            ("x-app-usage", "[]", None, None),
            ("x-app-usage", r#"{"call_count":"28"}"#, None, None),
            ("x-app-usage", r#"{"call_count":1e99}"#, Some(u32::MAX), None),
            ("x-other", "120", None, None),
        ] {
            assert_eq!(read([(name, value)]), Usage { percent, regain_millis }, "{name}: {value}");
        }
    }

    #[test]
    fn the_fullest_budget_and_the_longest_wait_count() {
        let usage = read([
            ("x-app-usage", r#"{"call_count":80}"#),
            ("x-ad-account-usage", r#"{"acc_id_util_pct":96,"reset_time_duration":30}"#),
            ("retry-after", "10"),
        ]);
        assert_eq!(usage, Usage { percent: Some(96), regain_millis: Some(30_000) });
    }
}
