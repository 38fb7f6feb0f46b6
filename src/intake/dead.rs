//! Dead letters as a person sees them, and what a person asks about them.
//!
//! In: [`Asked`], the one form of the admin API and the command line. Out: letters with what they
//! most likely suffer from and what to do next, or what became of each. Nothing here is decided a
//! second time: the bytes that are sent again are those that were refused.

use serde::{Deserialize, Serialize};

use super::Intake;
use crate::core::batch;
use crate::core::dead_letter::{Death, likely, next_step};
use crate::core::delivery::DeathReason;
use crate::core::finding::Code;
use crate::core::json::shortened;
use crate::core::names::one_of;
use crate::core::payment::PaymentType;
use crate::core::time::Timestamp;
use crate::store::{
    AttemptStory, DeliveryStory, EndedLetter, Ending, Fate, Letter, LetterCursor, LetterEnd,
    Letters, StoreError,
};

/// Letters of one page, unless asked for otherwise.
pub const PAGE: usize = 50;

/// Most letters of one page, and of one call that ends some: well within a second.
pub const PAGE_MAX: usize = 500;

/// Longest reason for dropping letters, in characters. Ours: a sentence or two.
pub const BECAUSE_CHARS_MAX: usize = 500;

/// What a person asks: which letters, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// By number.
    pub ids: Vec<i64>,
    /// Every one: it must be said, so that nobody means it by saying nothing.
    pub all: bool,
    /// Of this project.
    pub project: Option<String>,
    /// To this dataset.
    pub dataset: Option<String>,
    /// `refused` or `too_old`.
    pub reason: Option<String>,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Of payments of this type.
    pub r#type: Option<String>,
    /// Of the payment with this id.
    pub payment_id: Option<String>,
    /// Whose event has this name.
    pub event_name: Option<String>,
    /// Dead since then or later: RFC 3339 or Unix seconds.
    pub since: Option<String>,
    /// Dead before.
    pub until: Option<String>,
    /// Why they are dropped, for whoever looks later.
    pub because: Option<String>,
    /// Says what would happen, and changes nothing.
    pub dry_run: bool,
    /// Most letters of the page.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// Why a person gets no answer.
#[derive(Debug)]
pub enum NotAnswered {
    /// The question is at fault, in these ways.
    Asked(Vec<String>),
    /// The store is.
    Store(StoreError),
}

impl From<StoreError> for NotAnswered {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a letter may suffer from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Likely {
    /// The code of a finding; `tillpost explain` has its page.
    pub code: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What was said when the payment was decided, if this was found then already.
    pub said: Option<String>,
}

/// One dead letter, with advice.
#[derive(Debug, Serialize)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// Whose books.
    pub project: String,
    /// The sender's id of the payment.
    pub payment_id: Option<String>,
    /// The type of the payment.
    pub r#type: String,
    /// When the payment arrived.
    pub received_at: Timestamp,
    /// Where it goes.
    pub dataset: String,
    /// The event's name.
    pub event_name: String,
    /// The event's id.
    pub event_id: String,
    /// Where it stands: dead, or what became of it since.
    pub fate: Fate,
    /// Since when it is dead, or was for the last time.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Meta's words, or ours.
    pub says: String,
    /// Meta's id of the request.
    pub trace_id: Option<String>,
    /// Until when Meta takes it.
    pub sendable_until: Timestamp,
    /// What it may suffer from, likeliest first.
    pub likely: Vec<Likely>,
    /// What to do.
    pub next_step: String,
    /// The requests that carried it, where the letter was asked for alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<AttemptStory>>,
    /// What persons decided about it before, where the letter was asked for alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Vec<EndedLetter>>,
}

/// Some letters, and where to go on.
#[derive(Debug, Serialize)]
pub struct DeadLetters {
    /// Newest first.
    pub dead_letters: Vec<DeadLetter>,
    /// Where the next page begins; none behind the last.
    pub next: Option<LetterCursor>,
}

/// What became of one letter.
#[derive(Debug, Serialize)]
pub struct Ended {
    /// Its number.
    pub id: i64,
    /// What became of it, or would.
    pub result: LetterEnd,
    /// The event's id, where the letter was found by a filter.
    pub event_id: Option<String>,
    /// Where it goes, where the letter was found by a filter.
    pub dataset: Option<String>,
}

/// What became of some letters, and where to go on.
#[derive(Debug, Serialize)]
pub struct EndedPage {
    /// In the order of the numbers that were asked for; else newest first.
    pub dead_letters: Vec<Ended>,
    /// Where the next page begins; none behind the last.
    pub next: Option<LetterCursor>,
}

impl DeadLetter {
    /// A letter with advice, as things stand.
    #[must_use]
    pub fn of(letter: Letter, now: Timestamp) -> Self {
        let reason = DeathReason::read(&letter.reason);
        let is_too_old = batch::is_too_old(letter.expires_at, now);
        let death = Death { reason, subcode: letter.subcode, is_too_old };
        let mut codes: Vec<Likely> =
            likely(letter.subcode).iter().map(|code| Likely::of(*code, &letter.found)).collect();
        // What was found when the payment arrived is the likeliest; the order of the rest stays.
        codes.sort_by_key(|likely| likely.said.is_none());
        Self {
            id: letter.id,
            project: letter.project,
            payment_id: letter.payment_id,
            r#type: letter.payment_type,
            received_at: letter.received_at,
            dataset: letter.dataset,
            event_name: letter.event_name,
            event_id: letter.event_id,
            fate: Fate::Dead,
            since: letter.since,
            reason: letter.reason,
            code: letter.code,
            subcode: letter.subcode,
            says: letter.says,
            trace_id: letter.trace_id,
            sendable_until: letter.expires_at,
            likely: codes,
            next_step: next_step(death),
            attempts: None,
            ended: None,
        }
    }

    /// The same, with everything that happened to its delivery.
    #[must_use]
    pub fn told((letter, story): (Letter, DeliveryStory), now: Timestamp) -> Self {
        let mut told = Self::of(letter, now);
        told.fate = story.fate;
        let nothing = match story.fate {
            Fate::Dead => None,
            Fate::Delivered => Some("nothing: Meta has it"),
            Fate::Pending | Fate::Retrying => Some("nothing: it is on its way again"),
            Fate::Dropped => Some("nothing: it is dropped, and never sent"),
            Fate::Withheld => Some("nothing: its payment was removed"),
        };
        if let Some(nothing) = nothing {
            nothing.clone_into(&mut told.next_step);
        }
        told.attempts = Some(story.attempts);
        told.ended = Some(story.ended);
        told
    }
}

impl Likely {
    fn of(code: Code, found: &[(String, String)]) -> Self {
        let said = found.iter().find(|(known, _)| known == code.as_str());
        let said = said.map(|(_, says)| says.clone());
        Self { code: code.as_str(), title: code.title(), said }
    }
}

impl Asked {
    /// Which letters are meant, and behind which.
    ///
    /// # Errors
    /// A sentence for each thing that is wrong.
    pub fn letters(&self) -> Result<(Letters, Option<LetterCursor>), Vec<String>> {
        let mut faults = Vec::new();
        let mut time = |key: &str, text: &Option<String>| {
            let read = text.as_deref().map(Timestamp::read).transpose();
            read.unwrap_or_else(|reason| {
                faults.push(format!("`{key}` {reason}"));
                None
            })
        };
        let (since, until) = (time("since", &self.since), time("until", &self.until));
        let mut not = |key: &str, wanted: &str, text: &str| {
            faults.push(format!("`{key}` is {wanted}, not `{}`", shortened(text)));
        };
        let reason = self.reason.as_deref().and_then(|word| {
            let read = DeathReason::read(word);
            read.or_else(|| {
                not("reason", &one_of(DeathReason::words()), word);
                None
            })
        });
        let payment_type = self.r#type.as_deref().and_then(|word| {
            let read = PaymentType::read(word);
            read.or_else(|| {
                not("type", &one_of(PaymentType::words()), word);
                None
            })
        });
        let cursor = self.cursor.as_deref().and_then(|text| {
            let read = LetterCursor::read(text);
            read.or_else(|| {
                not("cursor", "what a page gave as `next`", text);
                None
            })
        });
        if let Some(limit) = self.limit.filter(|limit| !(1..=PAGE_MAX).contains(limit)) {
            not("limit", &format!("a number from 1 to {PAGE_MAX}"), &limit.to_string());
        }
        let which = Letters {
            project: self.project.clone(),
            dataset: self.dataset.clone(),
            reason,
            code: self.code,
            subcode: self.subcode,
            payment_type,
            payment_id: self.payment_id.clone(),
            event_name: self.event_name.clone(),
            since,
            until,
        };
        if faults.is_empty() { Ok((which, cursor)) } else { Err(faults) }
    }

    /// What is wrong with wanting to end these letters.
    fn faults(&self, which: &Letters, ending: &Ending) -> Vec<String> {
        let mut faults = Vec::new();
        let is_filtered = *which != Letters::default();
        let ways = [!self.ids.is_empty(), self.all, is_filtered];
        match ways.iter().filter(|way| **way).count() {
            1 => {}
            0 => faults.push("say which letters: `ids`, a filter, or `all`".to_owned()),
            _ => faults.push("`ids`, a filter and `all` exclude each other".to_owned()),
        }
        if self.ids.len() > PAGE_MAX {
            faults.push(format!("`ids` has more than {PAGE_MAX} numbers; send them in parts"));
        }
        match (ending, &self.because) {
            (Ending::Retry, Some(_)) => {
                faults.push("`because` belongs to a drop; a retry needs no reason".to_owned());
            }
            (Ending::Drop { .. }, Some(text)) if text.chars().nth(BECAUSE_CHARS_MAX).is_some() => {
                faults.push(format!("`because` is longer than {BECAUSE_CHARS_MAX} characters"));
            }
            (Ending::Drop { .. }, None) if self.all && !self.dry_run => {
                faults.push("a drop of `all` needs `because`: why, for whoever looks later".into());
            }
            (Ending::Retry, None) | (Ending::Drop { .. }, Some(_) | None) => {}
        }
        faults
    }
}

impl Intake {
    /// A page of dead letters.
    ///
    /// # Errors
    /// [`NotAnswered`]: the question or the store is at fault.
    pub async fn dead_letters(&self, asked: &Asked) -> Result<DeadLetters, NotAnswered> {
        let (which, cursor) = asked.letters().map_err(NotAnswered::Asked)?;
        let page = self.store.letters(which, cursor, asked.limit.unwrap_or(PAGE)).await?;
        let now = self.clock.now();
        let letters = page.letters.into_iter().map(|letter| DeadLetter::of(letter, now));
        Ok(DeadLetters { dead_letters: letters.collect(), next: page.next })
    }

    /// One letter with everything that happened to it; `None` if it never was one.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, StoreError> {
        let now = self.clock.now();
        Ok(self.store.letter(id).await?.map(|found| DeadLetter::told(found, now)))
    }

    /// Retries or drops a page of dead letters. Age and place are asked again for each, in the
    /// transaction that ends it. `because` of what is asked goes into the record of a drop.
    ///
    /// # Errors
    /// [`NotAnswered`]: the question or the store is at fault, and nothing was ended.
    pub async fn end_dead_letters(
        &self,
        asked: &Asked,
        ending: Ending,
    ) -> Result<EndedPage, NotAnswered> {
        let (which, cursor) = asked.letters().map_err(NotAnswered::Asked)?;
        let faults = asked.faults(&which, &ending);
        if !faults.is_empty() {
            return Err(NotAnswered::Asked(faults));
        }
        let ending = match ending {
            Ending::Retry => Ending::Retry,
            Ending::Drop { .. } => Ending::Drop { because: asked.because.clone() },
        };
        let found = if asked.ids.is_empty() {
            let limit = asked.limit.unwrap_or(PAGE_MAX);
            let page = self.store.letters(which, cursor, limit).await?;
            let of = |letter: Letter| (letter.id, Some(letter.event_id), Some(letter.dataset));
            (page.letters.into_iter().map(of).collect(), page.next)
        } else {
            (asked.ids.iter().map(|id| (*id, None, None)).collect::<Vec<_>>(), None)
        };
        let (letters, next) = found;
        let ids = letters.iter().map(|(id, ..)| *id).collect();
        let now = self.clock.now();
        let ends = self.store.end_letters(ids, (ending, asked.dry_run), now).await?;
        let ended = letters.into_iter().zip(ends);
        let ended =
            ended.map(|((id, event_id, dataset), result)| Ended { id, result, event_id, dataset });
        Ok(EndedPage { dead_letters: ended.collect(), next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_ends_letters_must_say_which() {
        let by_code = || Asked { code: Some(100), ..Asked::default() };
        let retry = || Ending::Retry;
        let drop = || Ending::Drop { because: None };
        for (asked, ending, part) in [
            (Asked::default(), retry(), Some("say which letters")),
            (Asked { limit: Some(5), ..Asked::default() }, drop(), Some("say which letters")),
            (Asked { all: true, ..Asked::default() }, retry(), None),
            (Asked { all: true, ..Asked::default() }, drop(), Some("needs `because`")),
            (Asked { all: true, dry_run: true, ..Asked::default() }, drop(), None),
            (Asked { all: true, because: Some("x".into()), ..Asked::default() }, drop(), None),
            (Asked { ids: vec![1], ..Asked::default() }, drop(), None),
            (by_code(), retry(), None),
            (Asked { all: true, ..by_code() }, retry(), Some("exclude each other")),
            (Asked { ids: vec![1], ..by_code() }, retry(), Some("exclude each other")),
            (Asked { ids: vec![1; PAGE_MAX], ..Asked::default() }, retry(), None),
            (Asked { ids: vec![1; PAGE_MAX + 1], ..Asked::default() }, retry(), Some("in parts")),
            (Asked { because: Some("x".into()), ..by_code() }, retry(), Some("belongs to a drop")),
            (Asked { because: Some("x".repeat(500)), ..by_code() }, drop(), None),
            (Asked { because: Some("x".repeat(501)), ..by_code() }, drop(), Some("longer than")),
        ] {
            let (which, _) = asked.letters().expect("a question without faults of form");
            let faults = asked.faults(&which, &ending);
            match part {
                None => assert_eq!(faults, Vec::<String>::new(), "{asked:?}"),
                Some(part) => assert!(faults.iter().any(|f| f.contains(part)), "{faults:?}"),
            }
        }
    }

    #[test]
    fn every_fault_of_a_question_is_named() {
        let text = |text: &str| Some(text.to_owned());
        let asked = Asked {
            reason: text("old"),
            r#type: text("SALE"),
            since: text("yesterday"),
            until: text("never"),
            cursor: text("x"),
            limit: Some(501),
            ..Asked::default()
        };
        let faults = asked.letters().expect_err("six faults");
        let faults = faults.join("; ");
        for part in ["`since`", "`until`", "`reason` is `refused`", "`type`", "`cursor`", "`limit`"]
        {
            assert!(faults.contains(part), "{part} is not in {faults}");
        }
    }
}
