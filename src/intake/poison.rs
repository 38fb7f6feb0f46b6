//! Payments over which our own code panics: such a one is refused, and costs no other.
//!
//! In: bodies, and payments that waited. Out: what became of each. Nothing of a payment over which
//! reading or deciding panicked is stored. A panic behind the entry promises nothing to anybody, and
//! nothing is entered again: a payment without an id would be another one. Deliberately absent: trying
//! it again, which would panic again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::client::Origin;
use super::{Captured, Intake, Project, Refused, Ruled};
use crate::core::payment::CaptureKind;
use crate::store::{HeldPayment, StoreError};
use crate::telemetry::{self, Panicked, caught};

/// What becomes of one body.
type Taken = Result<Captured, Refused>;

impl Intake {
    /// Takes captures; if that panics before anything is entered, each for itself, so that only the
    /// one that panics is refused.
    pub(super) async fn take_safely(
        &self,
        project: &Ruled<'_>,
        kind: (CaptureKind, Origin),
        bodies: &[&[u8]],
    ) -> Result<Vec<Taken>, StoreError> {
        let has_entered = AtomicBool::new(false);
        let together = caught(self.take(project, kind, bodies, &has_entered)).await;
        if let Ok(taken) = together {
            return taken;
        }
        let mut answers = Vec::with_capacity(bodies.len());
        for body in bodies {
            let taken = if bodies.len() == 1 || has_entered.load(Ordering::Relaxed) {
                Err(Panicked)
            } else {
                caught(self.take(project, kind, &[body], &AtomicBool::new(false))).await
            };
            if let Ok(taken) = taken {
                answers.extend(taken?);
            } else {
                telemetry::payment_panicked(&project.project.name);
                answers.push(Err(StoreError::Panicked.into()));
            }
        }
        Ok(answers)
    }

    /// Releases a held payment; one that panics goes on waiting and holds up no other.
    pub(super) async fn release_safely(
        &self,
        project: &Ruled<'_>,
        held: HeldPayment,
    ) -> Result<Option<Captured>, Refused> {
        let id = held.id;
        let release = async {
            self.clock.pass("release", &held.user_id);
            self.release(project, held).await
        };
        caught(release).await.unwrap_or_else(|Panicked| {
            let Project { name, .. } = project.project;
            telemetry::unreadable(name, "held payment", id);
            Ok(None)
        })
    }
}
