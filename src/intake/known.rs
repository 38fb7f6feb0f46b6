//! Makes a user known, by whichever door: a signup, or a visitor of a site.
//!
//! In: what is known of the person. Out: the payments that waited for that, recorded and decided.
//! `[events]` of the mapping file may bind the reserved name `signup`: it is recorded once for each
//! user, with the signup that makes the user known, in the same transaction.

use super::client::reserved_id;
use super::{Captured, Intake, Project, Refused, Ruled, SignedUp, answered, decided};
use super::{parse, read};
use crate::core::json;
use crate::core::payment::CaptureKind;
use crate::core::signup::{self, Signup};
use crate::core::time::Timestamp;
use crate::store::{Entered, EnteredSignup, NewSignup};

/// The event of a first signup.
pub(super) const SIGNUP: &str = "signup";

impl Intake {
    /// Makes a user known, and releases what waited for that.
    ///
    /// # Errors
    /// [`Refused`]: the body or the store is at fault, and the user is not known.
    pub async fn sign_up(&self, project: &Project, body: &[u8]) -> Result<SignedUp, Refused> {
        let now = self.clock.now();
        let project = &project.ruled();
        let reading = signup::read_signup(&parse(body)?, project.arrival(now));
        let Some(signup) = reading.value else { return Err(Refused::Body(reading.findings)) };
        let user_id = signup.user_id.as_str().to_owned();
        let body = event_body(project, &signup);
        let event = body
            .as_deref()
            .and_then(|body| read(CaptureKind::Event, body.as_bytes(), project.arrival(now)).ok());
        let first = event.as_ref().map(|(event, findings)| {
            let mut decision = decided(project, event, Some(&signup.user), now);
            decision.findings.extend(findings.clone());
            (self.new_payment(project, event, &mut decision), decision)
        });
        let (first, decision) = first.unzip();
        let new = NewSignup {
            project: project.project.key,
            user_id: user_id.clone(),
            user: signup.user,
            install: signup.install,
            first,
        };
        let (first, released) = self.admit(project, new, now).await?;
        let signup = event.zip(decision).zip(first);
        let signup =
            signup.and_then(|(((event, _), decision), first)| answered(&event, decision, &first));
        Ok(SignedUp { user_id, signup, released, findings: reading.findings })
    }

    /// Makes a user known or corrects what is known, and releases what waited. Gives back what
    /// became of the event of the signup too.
    pub(super) async fn admit(
        &self,
        project: &Ruled<'_>,
        signup: NewSignup,
        now: Timestamp,
    ) -> Result<(Option<Entered>, Vec<Captured>), Refused> {
        let EnteredSignup { first, waiting } = self.store.sign_up(signup, now).await?;
        let mut released = Vec::with_capacity(waiting.len());
        for payment in waiting {
            released.extend(self.release_safely(project, payment).await?);
        }
        Ok((first, released))
    }
}

/// The body of the event of a signup, where the mapping file binds one and the person is new.
fn event_body(project: &Ruled<'_>, signup: &Signup) -> Option<String> {
    let registration = signup.registration.as_ref()?;
    project.mapping.event(SIGNUP)?;
    let user_id = signup.user_id.as_str();
    let event_id = match &registration.event_id {
        Some(id) => id.as_str().to_owned(),
        None => reserved_id(SIGNUP, project.project, user_id),
    };
    let time = registration.occurred_at.map(|time| format!(r#","occurred_at":"{time}""#));
    Some(format!(
        r#"{{"event_name":"{SIGNUP}","user_id":{},"event_id":{}{}}}"#,
        json::quoted(user_id),
        json::quoted(&event_id),
        time.unwrap_or_default()
    ))
}
