//! Why nothing is sent to a dataset, in words, and what a person can do about it.
//!
//! In: codes of Meta's. Out: a [`Circuit`] that says what it is and what helps. The same sentences
//! stand in the log, the alarm, the admin API and `tillpost doctor`. Deliberately absent: deciding
//! that a dataset stops (`valve`).

use crate::core::names::closed_list;
use crate::core::time::Timestamp;

closed_list! {
    /// Why nothing is sent to a dataset, the gravest last: a time that Meta stated holds whatever
    /// else is wrong, even for whoever mends a token and starts anew.
    pub enum Why {
        /// Meta is busy, broken or unreachable; it is tried again with growing pauses.
        Trouble = "trouble",
        /// Meta's budget is nearly used up; we stop before Meta does it.
        Budget = "budget",
        /// Token, permission or dataset: a person has to act, and until then nothing can pass.
        Setup = "setup",
        /// Meta throttles; nothing is sent before the time it stated.
        Throttled = "throttled",
    }
}

/// A stopped dataset, as people see it and as a restart finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circuit {
    /// Why nothing is sent.
    pub why: Why,
    /// Since when.
    pub since: Timestamp,
    /// When the next request goes.
    pub until: Timestamp,
    /// How many requests in a row have failed.
    pub failures: u32,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Meta's words, or ours.
    pub says: String,
}

impl Circuit {
    /// Whether only a person can end it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.why == Why::Setup
    }

    /// Whether a look at the dataset, which sends no event, shows that it is over. A token that may
    /// look may still not be allowed to send, so the other reasons end with an event that passes.
    ///
    /// # Source
    /// Meta, "Graph API / Handling errors": 190, 102 and 104 are about the token, whatever it is used
    /// for; 100 with 33 is an object that does not exist or is not visible.
    #[must_use]
    pub fn is_seen_by_a_look(&self) -> bool {
        let is_token = matches!(self.code, Some(102 | 104 | 190));
        let is_missing = self.code == Some(100) && self.subcode == Some(33);
        self.why == Why::Setup && (is_token || is_missing)
    }

    /// What is the matter, without a full stop.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self.why {
            Why::Trouble => {
                "Meta is in trouble or cannot be reached; it is tried again with growing pauses"
            }
            Why::Budget => "Meta's budget is nearly used up; requests wait before Meta blocks them",
            Why::Throttled => "Meta throttles; nothing is sent before the time it stated",
            Why::Setup => match self.code {
                Some(190) => "the access token is not good any more",
                Some(100) => "the dataset does not exist, or the token cannot see it",
                Some(102 | 104) => "Meta does not accept the session or the signature of the app",
                Some(3 | 10 | 200..=299) => "the token may not send events to this dataset",
                Some(_) | None => "the set-up at Meta does not allow events to this dataset",
            },
        }
    }

    /// Why an event to this dataset waits that could be on its way, without a full stop.
    #[must_use]
    pub fn why_it_waits(&self, dataset: &str) -> String {
        let state = match self.why {
            Why::Setup => "is paused",
            Why::Throttled => "is throttled",
            Why::Trouble | Why::Budget => "waits",
        };
        let Self { since, until, .. } = self;
        let (what, help) = (self.what(), self.help());
        format!("{dataset} {state} since {since}, and until {until} at least: {what}; help: {help}")
    }

    /// What to do, as an instruction without a full stop.
    ///
    /// # Source
    /// Meta, "Graph API / Handling errors" (190 and its subcodes), "Conversions API / Get started"
    /// (tokens and permissions), as collected in meta-capi.md 1.7.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self.why {
            Why::Trouble => {
                "wait; look at Meta's status page and at the way out of this machine if it lasts"
            }
            Why::Budget => {
                "wait; set max_events_per_second lower, or ask Meta for a higher access tier, if it comes back"
            }
            Why::Throttled => "wait; sending sooner makes the block longer",
            Why::Setup => match (self.code, self.subcode) {
                (Some(190), Some(460)) => {
                    "whoever made the token has changed the password: make a new one, best of a system user"
                }
                (Some(190), Some(458 | 492)) => {
                    "whoever made the token has lost the app or the role: make one of a system user of the business"
                }
                (Some(190), Some(459 | 464)) => {
                    "whoever made the token must log in to Facebook and confirm the account, then make a new one"
                }
                (Some(190), _) => {
                    "make a new access token in Events Manager and put it where access_token says; a file is read again at once, the environment at a restart"
                }
                (Some(100), Some(2_804_030)) => {
                    "choose the data processing options for this dataset in Events Manager"
                }
                (Some(100), _) => {
                    "compare `id` of the dataset with Events Manager, and give the token's system user access to that dataset"
                }
                (Some(102 | 104), _) => "make a new access token for the app of this dataset",
                (Some(3 | 10 | 200..=299), _) => {
                    "give the token's system user the permission to manage this dataset, in the business settings"
                }
                (Some(_) | None, _) => "look at the dataset and its token in Events Manager",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_proves_something_of_a_token_and_nothing_of_a_permission() {
        for (why, code, subcode, expected) in [
            (Why::Setup, Some(190), Some(463), true),
            (Why::Setup, Some(102), None, true),
            (Why::Setup, Some(100), Some(33), true),
            (Why::Setup, Some(100), Some(2_804_030), false),
            (Why::Setup, Some(200), None, false),
            (Why::Setup, Some(10), None, false),
            (Why::Setup, None, None, false),
            (Why::Trouble, Some(190), None, false),
            (Why::Throttled, Some(190), None, false),
        ] {
            let at = Timestamp::from_seconds(0);
            let (since, until, says) = (at, at, String::new());
            let circuit = Circuit { why, since, until, failures: 1, code, subcode, says };
            assert_eq!(circuit.is_seen_by_a_look(), expected, "{why:?} {code:?} {subcode:?}");
        }
    }

    #[test]
    fn every_reason_says_what_it_is_and_what_helps() {
        for why in Why::ALL {
            for (code, subcode) in [(None, None), (Some(190), Some(463)), (Some(200), None)] {
                let circuit = Circuit {
                    why: *why,
                    since: Timestamp::from_seconds(0),
                    until: Timestamp::from_seconds(0),
                    failures: 1,
                    code,
                    subcode,
                    says: String::new(),
                };
                assert!(!circuit.what().ends_with('.') && !circuit.help().ends_with('.'));
                assert_eq!(circuit.is_paused(), *why == Why::Setup);
            }
        }
    }
}
