//! What makes a visitor known: `POST /api/v1/visitors`.
//!
//! In: its JSON body. Out: a [`Visitor`] with hashed identifiers, and the click ids, address and
//! agent that Meta wants in clear. A visitor is a user of the project under another name.
//!
//! Source: ours (requirements, FA-18): Faurya's visitors come into being in its browser script.

use super::optional_id;
use crate::core::json::{self, Json};
use crate::core::payment::reader::BodyReader;
use crate::core::payment::{Arrival, Reading, UserId};
use crate::core::user::User;
use crate::core::user_data;

/// A visitor who is known from now on.
#[derive(Debug, PartialEq)]
pub struct Visitor {
    /// The sender's id; one is made where it is absent.
    pub id: Option<UserId>,
    /// What is known of the person.
    pub user: User,
}

/// Reads `{"faurya_visitor_id"?, "user_data"?, "fbc"?, "fbp"?, "client_ip_address"?, "client_user_agent"?}`.
#[must_use]
pub fn read_visitor(body: &Json<'_>, arrival: impl Into<Arrival>) -> Reading<Visitor> {
    let Some(fields) = json::fields(body) else { return BodyReader::not_an_object(body) };
    let mut reader = BodyReader::new(fields);
    let id = optional_id("faurya_visitor_id", &mut reader).and_then(UserId::read);
    let user_data = user_data::of_payment(&mut reader, arrival.into().context());
    let user = User { user_data, ..User::default() };
    let value = (!reader.findings.has_error()).then_some(Visitor { id, user });
    Reading { value, findings: reader.findings }
}
