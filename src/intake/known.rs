//! Makes a user known, by whichever door: a signup, or a visitor of a site.
//!
//! In: what is known of the person. Out: the payments that waited for that, recorded and decided.

use super::{Captured, Intake, Refused, Ruled};
use crate::core::time::Timestamp;
use crate::store::NewSignup;

impl Intake {
    /// Makes a user known or corrects what is known, and releases what waited.
    pub(super) async fn admit(
        &self,
        project: &Ruled<'_>,
        signup: NewSignup,
        now: Timestamp,
    ) -> Result<Vec<Captured>, Refused> {
        let held = self.store.sign_up(signup, now).await?;
        let mut released = Vec::with_capacity(held.len());
        for payment in held {
            released.extend(self.release(project, payment).await?);
        }
        Ok(released)
    }
}
