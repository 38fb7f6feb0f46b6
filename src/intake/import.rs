//! Bulk loading: lines of JSON, each a signup or a capture, under the same rules as the API.
//!
//! In: lines in their order. Out: what became of each. A run of captures is entered in one
//! transaction; a signup ends the run, since what follows may depend on it. Importing a file twice
//! changes nothing: the key of deduplication is the only memory that is needed. A line without a
//! payment id would be a new payment each time, so it is refused here.

use serde::Serialize;

use super::{Intake, Project, Refused};
use crate::core::finding::{Code, Finding, Findings};
use crate::core::json;
use crate::core::names::{closed_list, one_of};
use crate::core::payment::{CaptureKind, PaymentId};
use crate::store::StoreError;

closed_list! {
    /// What became of a line.
    pub enum LineOutcome {
        /// A payment is in the books.
        Recorded = "recorded",
        /// A payment was in the books already.
        Duplicate = "duplicate",
        /// A payment waits for its user.
        Held = "held",
        /// A user is known.
        SignedUp = "signed_up",
        /// The line is at fault.
        Refused = "refused",
    }
}

/// One line and what became of it.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// What became of it.
    pub outcome: LineOutcome,
    /// Of a payment that was recorded or waits: what becomes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why it is not sent, in one word; a block has its findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Findings::is_empty")]
    pub findings: Findings,
}

impl Imported {
    /// A line that is no payment, or was not taken.
    fn new(outcome: LineOutcome, findings: Findings) -> Self {
        Self { outcome, verdict: None, reason: None, findings }
    }
}

/// Most captures in one transaction of an import.
const RUN_MAX: usize = 500;

/// The lines of a file that are not blank.
pub fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// The project of this name, or the only one. `how` is how the caller names one.
///
/// # Errors
/// A sentence that says which there are.
pub fn project<'p>(
    projects: &'p [Project],
    name: Option<&str>,
    how: &str,
) -> Result<&'p Project, String> {
    let names = || one_of(projects.iter().map(|project| project.name.as_str()));
    match (name, projects) {
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("name the project with {how}: {}", names())),
        (Some(name), _) => projects
            .iter()
            .find(|project| project.name == name)
            .ok_or_else(|| format!("there is no project `{name}`, only {}", names())),
    }
}

/// Takes lines in their order.
///
/// # Errors
/// [`StoreError`]: the lines before are in the books, and taking all of them again is safe.
pub async fn lines_in(
    intake: &Intake,
    project: &Project,
    lines: &[&[u8]],
) -> Result<Vec<Imported>, StoreError> {
    let mut imported = Vec::with_capacity(lines.len());
    let mut rest = lines;
    while let Some((first, others)) = rest.split_first() {
        if is_signup(first) {
            imported.push(signed_up(intake, project, first).await?);
            rest = others;
        } else {
            let run = rest.iter().take(RUN_MAX).take_while(|line| !is_signup(line)).count();
            imported.extend(captured(intake, project, &rest[..run]).await?);
            rest = &rest[run..];
        }
    }
    Ok(imported)
}

/// A signup has `user_data` and no `user_id`; a capture always has a `user_id`.
fn is_signup(line: &[u8]) -> bool {
    let Ok(line) = json::read(line) else { return false };
    json::fields(&line).is_some_and(|fields| {
        json::get(fields, "user_data").is_some() && json::get(fields, "user_id").is_none()
    })
}

async fn signed_up(
    intake: &Intake,
    project: &Project,
    line: &[u8],
) -> Result<Imported, StoreError> {
    match intake.sign_up(project, line).await {
        Ok(signed_up) => Ok(Imported::new(LineOutcome::SignedUp, signed_up.findings)),
        Err(refused) => unserved(refused),
    }
}

async fn captured(
    intake: &Intake,
    project: &Project,
    lines: &[&[u8]],
) -> Result<Vec<Imported>, StoreError> {
    let with_id: Vec<&[u8]> = lines.iter().copied().filter(|line| has_id(line)).collect();
    let mut answers = intake.capture_all(project, CaptureKind::Either, &with_id).await?.into_iter();
    lines
        .iter()
        .map(|line| match has_id(line).then(|| answers.next()).flatten() {
            Some(Ok(captured)) => {
                let outcome = match (captured.recorded, captured.duplicate) {
                    (true, false) => LineOutcome::Recorded,
                    (true, true) => LineOutcome::Duplicate,
                    (false, _) => LineOutcome::Held,
                };
                let verdict = Some(captured.verdict().to_owned());
                let reason = captured.reason().map(str::to_owned);
                Ok(Imported { outcome, verdict, reason, findings: Findings::default() })
            }
            Some(Err(refused)) => unserved(refused),
            None => Ok(without_id()),
        })
        .collect()
}

/// Whether a line names its payment, or is so broken that the reader must say so.
fn has_id(line: &[u8]) -> bool {
    let Ok(line) = json::read(line) else { return true };
    let Some(fields) = json::fields(&line) else { return true };
    let ids = ["payment_id", "event_id"].map(|key| json::get(fields, key));
    let id = ids.into_iter().flatten().find_map(json::text_or_number);
    id.and_then(PaymentId::read).is_some()
}

fn without_id() -> Imported {
    let says = "payment_id is required in an import";
    let finding = Finding::in_body(Code::FieldMissing, "/payment_id", says)
        .help("give each payment an id; a second import of the file would count it twice");
    Imported::new(LineOutcome::Refused, Findings::from_iter([finding]))
}

fn unserved(refused: Refused) -> Result<Imported, StoreError> {
    match refused {
        Refused::Body(findings) => Ok(Imported::new(LineOutcome::Refused, findings)),
        // A line over which our own code panics does not end the import.
        Refused::NothingToRemove | Refused::Store(StoreError::Panicked) => {
            Ok(Imported::new(LineOutcome::Refused, Findings::default()))
        }
        Refused::Store(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_no_project_is_told_how_the_door_takes_one() {
        for how in ["--project", "?project="] {
            let says = project(&[], None, how).err().unwrap_or_default();
            assert!(says.contains(&format!("with {how}:")), "{says}");
        }
    }
}
