//! What comes from apps: captures without a user, and the first opening, which they report unasked.
//!
//! A capture whose user only its installation tells waits under a stand-in, or is given to the user
//! whom a signup has named. `[events]` of the mapping file may bind the reserved name `first_open`,
//! recorded once for each installation.

use sha2::{Digest as _, Sha256};

use super::known::SIGNUP;
use super::{Captured, Intake, Project, Refused, Ruled};
use crate::core::client::ClientBody;
use crate::core::finding::{Code, Finding, Findings, Severity};
use crate::core::json;
use crate::core::payment::{CaptureKind, Occasion, UserId};

/// The event of an app that is opened for the first time.
const FIRST_OPEN: &str = "first_open";

/// The events that are made here, once for each person or installation, and the call that makes them.
const RESERVED: [(&str, &str); 2] = [(SIGNUP, "signup"), (FIRST_OPEN, "init")];

impl Intake {
    /// Takes a capture from an app.
    ///
    /// # Errors
    /// [`Refused`]: the body or the store is at fault, and nothing was recorded.
    pub async fn client_capture(
        &self,
        project: &Project,
        kind: CaptureKind,
        body: &ClientBody<'_>,
    ) -> Result<Captured, Refused> {
        let user = if body.names_user() { None } else { Some(self.user_of(project, body).await?) };
        self.capture(project, kind, body.for_server(user.as_ref()).as_bytes()).await
    }

    /// Takes note that an app was opened, where the mapping file binds `first_open`.
    ///
    /// # Errors
    /// [`Refused`]: the store is at fault.
    pub async fn opened(&self, project: &Project, body: &ClientBody<'_>) -> Result<(), Refused> {
        let Some(install) = body.install() else { return Ok(()) };
        if project.mapping.mapping().event(FIRST_OPEN).is_none() {
            return Ok(());
        }
        let event = format!(
            r#"{{"event_name":"{FIRST_OPEN}","event_id":{}}}"#,
            json::quoted(&reserved_id(FIRST_OPEN, project, install.as_str()))
        );
        let event = json::read(event.as_bytes()).ok().and_then(ClientBody::read);
        let Some(event) = event else { return Ok(()) };
        let user = self.user_of(project, body).await?;
        let event = event.for_server(Some(&user));
        let ruled = project.ruled();
        let kind = (CaptureKind::Event, Origin::Ourselves);
        let answers = self.take_safely(&ruled, kind, &[event.as_bytes()]).await?;
        answers.into_iter().next().map_or(Ok(()), |answer| answer.map(|_| ()))
    }

    /// The user of an installation, or who stands in for them.
    async fn user_of(&self, project: &Project, body: &ClientBody<'_>) -> Result<UserId, Refused> {
        let Some(install) = body.install() else {
            let says = "user_id is required";
            let finding = Finding::in_body(Code::FieldMissing, "/user_id", says)
                .help("or send `install_instance_id`, so that a later signup can name the user");
            return Err(Refused::Body(Findings::from_iter([finding])));
        };
        let known = self.store.user_of_install(project.key, install.clone()).await?;
        Ok(known.as_deref().and_then(UserId::read).unwrap_or_else(|| install.stand_in()))
    }
}

/// Who tells of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A caller.
    Caller,
    /// We, because of another call.
    Ourselves,
}

/// Refuses an event that its own call makes already: told twice, one person would be two at Meta.
/// Where the mapping file does not bind it, it is an event like any other.
pub(super) fn not_reserved(project: &Ruled<'_>, occasion: &Occasion<'_>) -> Result<(), Findings> {
    let Occasion::Event(name) = occasion else { return Ok(()) };
    let reserved = RESERVED.into_iter().find(|(reserved, _)| reserved == name);
    match reserved.filter(|(name, _)| project.mapping.event(name).is_some()) {
        Some((name, call)) => {
            let says = format!("the event `{name}` is recorded by the call `{call}`, once");
            let finding = Finding::in_body(Code::FieldMisplaced, "/event_name", says)
                .weighing(Severity::Error)
                .help(format!("leave it to `{call}`, or give your own event another name"));
            Err(Findings::from_iter([finding]))
        }
        None => Ok(()),
    }
}

/// The same id for the same person or installation, which tells nobody who that is.
pub(super) fn reserved_id(event: &str, project: &Project, of: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{event}\n{of}", project.name));
    format!("{event}.{}", const_hex::encode(&digest[..12]))
}
