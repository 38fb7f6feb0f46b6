//! The identifiers that Meta wants in clear: click ids, addresses, ids of devices and accounts.
//!
//! In: fields of a person. Out: the same values, checked and never changed but for their case
//! where Meta says so. A malformed one is left out with a finding, and the event goes on.
//!
//! Source: Meta, "Conversions API / Parameters / Customer information parameters" (not hashed).

use jiff::civil::Date;

use super::{UserData, refused};
use crate::core::customer;
use crate::core::json::{self, Json};
use crate::core::names::closed_list;
use crate::core::payment::personal::is_address;
use crate::core::payment::reader::{BodyReader, TEXT_CHARS_MAX};
use crate::core::time::{NotATime, Timestamp};

closed_list! {
    /// The identifiers that Meta wants as they are, never hashed.
    pub enum ClearField {
        /// The person's public network address.
        ClientIpAddress = "client_ip_address",
        /// The person's browser.
        ClientUserAgent = "client_user_agent",
        /// Click id, `fb.1.<ms>.<fbclid>`.
        Fbc = "fbc",
        /// Browser id, `fb.1.<ms>.<random>`.
        Fbp = "fbp",
        /// Advertising id of the device.
        Madid = "madid",
        /// Install id of Meta's app SDK.
        AnonId = "anon_id",
        /// Id of the subscription paid for.
        SubscriptionId = "subscription_id",
        /// Id issued by Facebook Login.
        FbLoginId = "fb_login_id",
        /// Id of a lead ad's lead.
        LeadId = "lead_id",
        /// Page behind the ad.
        PageId = "page_id",
        /// The person's id in the page's messages.
        PageScopedUserId = "page_scoped_user_id",
        /// Id of a click that opened a `WhatsApp` chat.
        CtwaClid = "ctwa_clid",
        /// The business's professional Instagram account.
        IgAccountId = "ig_account_id",
        /// The person's id in Instagram's messages.
        IgSid = "ig_sid",
        /// The business's `WhatsApp` account.
        WhatsappBusinessAccountId = "whatsapp_business_account_id",
        /// The business's Instagram account, in samples of messaging events.
        InstagramBusinessAccountId = "instagram_business_account_id",
    }
}

impl ClearField {
    /// What says where a person was, and is kept only until Meta has the event. Ours: an address
    /// and a browser are of no use to the books afterwards.
    pub const PASSING: [Self; 2] = [Self::ClientIpAddress, Self::ClientUserAgent];
}

/// The click id of a landing page's address, and when it was clicked.
pub(super) const CLICK: &str = "fbclid";
pub(super) const CLICK_TIME: &str = "fbclid_at";

/// Makes an `fbc` of an `fbclid` and the time of the click. Without the time none is made: a time
/// of ours would claim a click that nobody made then.
///
/// # Source
/// Meta, "`ClickID` and the fbp and fbc Parameters": `fb.1.<milliseconds>.<fbclid>`, 1 for a value
/// made on a server.
pub(super) fn click(reader: &mut BodyReader<'_, '_>, today: Date, user_data: &mut UserData) {
    let Some(value) = reader.get(CLICK) else { return };
    let id = json::text(value).map(customer::trim);
    if id.is_some_and(customer::is_absent)
        || user_data.clear.iter().any(|(field, _)| *field == ClearField::Fbc)
    {
        return;
    }
    let Some(clicked) = reader.get(CLICK_TIME).and_then(json::text_or_number) else {
        refused(CLICK, "needs the time of the click in `fbclid_at`", reader);
        return;
    };
    let Some(millis) = click_millis(clicked).filter(|millis| could_be(*millis, today)) else {
        let reason = "is no time of a click (RFC 3339, Unix seconds or milliseconds)";
        refused(CLICK_TIME, reason, reader);
        return;
    };
    let made = id.map(|id| format!("fb.1.{millis}.{id}"));
    match made.as_deref().map(customer::click_id) {
        Some(Ok(Some(fbc))) if fbc.split('.').count() == 4 => {
            user_data.set(ClearField::Fbc, fbc.to_owned());
        }
        _ => refused(CLICK, "is not a click id", reader),
    }
}

/// Milliseconds are what a browser's clock gives; they are as good here as seconds.
fn click_millis(text: &str) -> Option<i64> {
    match Timestamp::read(text) {
        Ok(time) => Some(time.millis()),
        Err(NotATime::Milliseconds) => text.trim().parse().ok(),
        Err(NotATime::Unreadable) => None,
    }
}

/// Whether somebody could have clicked then: since Meta has click ids (2018), and not after today.
fn could_be(millis: i64, today: Date) -> bool {
    const FIRST_CLICK_IDS: i64 = 1_514_764_800_000;
    let end = today.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC));
    let end = end.map_or(i64::MAX, |end| end.timestamp().as_millisecond());
    (FIRST_CLICK_IDS..end).contains(&millis)
}

pub(super) fn clear_field(
    field: ClearField,
    value: &Json<'_>,
    reader: &mut BodyReader<'_, '_>,
    user_data: &mut UserData,
) {
    let key = field.as_str();
    let Some(text) = json::text_or_number(value) else {
        refused(key, &format!("must be text, not {}", json::kind(value)), reader);
        return;
    };
    if text.len() > TEXT_CHARS_MAX && text.chars().nth(TEXT_CHARS_MAX).is_some() {
        refused(key, "is longer than 2048 characters", reader);
        return;
    }
    match checked(field, text.trim()) {
        Ok(Some(value)) => user_data.set(field, value),
        Ok(None) => {}
        Err(reason) => refused(key, reason, reader),
    }
}

/// The value as it is stored and sent, or why it is not. What is sent clear must not be a person's
/// e-mail address.
fn checked(field: ClearField, text: &str) -> Result<Option<String>, &'static str> {
    if customer::is_absent(text) {
        return Ok(None);
    }
    if field != ClearField::ClientUserAgent && text.contains('@') || is_address(text) {
        return Err("holds an e-mail address, which is never sent in clear");
    }
    let read = match field {
        ClearField::ClientIpAddress => {
            customer::public_address(text).map(|found| found.map(|address| address.to_string()))
        }
        ClearField::Fbc | ClearField::Fbp => {
            customer::click_id(text).map(|found| found.map(str::to_owned))
        }
        ClearField::Madid => customer::advertising_id(text),
        ClearField::LeadId if !is_lead_id(text) => return Err("must have 15 to 17 digits"),
        ClearField::FbLoginId
        | ClearField::PageId
        | ClearField::PageScopedUserId
        | ClearField::IgAccountId
        | ClearField::IgSid
        | ClearField::WhatsappBusinessAccountId
        | ClearField::InstagramBusinessAccountId
            if !text.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            return Err("must be digits alone, the id that Meta gave");
        }
        ClearField::ClientUserAgent
        | ClearField::AnonId
        | ClearField::SubscriptionId
        | ClearField::FbLoginId
        | ClearField::LeadId
        | ClearField::PageId
        | ClearField::PageScopedUserId
        | ClearField::CtwaClid
        | ClearField::IgAccountId
        | ClearField::IgSid
        | ClearField::WhatsappBusinessAccountId
        | ClearField::InstagramBusinessAccountId => Ok(Some(text.to_owned())),
    };
    read.map_err(customer::Refusal::says)
}

/// # Source
/// Meta, "Customer information parameters", `lead_id`: 15 to 17 digits; error 2804036.
fn is_lead_id(text: &str) -> bool {
    (15..=17).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::super::customer::Context;
    use super::super::{Unknown, of_person};
    use super::*;
    use crate::core::finding::Code;

    fn fbc(body: &str) -> (Option<String>, Vec<Code>) {
        let Ok(Json::Object(fields)) = json::read(body.as_bytes()) else {
            unreachable!("the rows are objects: {body}")
        };
        let today = jiff::civil::date(2026, 2, 28);
        let context = Context { country: None, default_country: None, today };
        let mut reader = BodyReader::at("/user_data", &fields);
        let user_data = of_person(&mut reader, context, Unknown::Warn);
        let codes = reader.findings.iter().map(|finding| finding.code).collect();
        let fbc = user_data.clear.into_iter().find(|(field, _)| *field == ClearField::Fbc);
        (fbc.map(|(_, text)| text), codes)
    }

    #[test]
    fn a_click_id_is_made_only_with_the_time_of_the_click() {
        // Meta's page: fbclid IwAR2F4-dbP0l7Mn1, clicked at 1554763741205 ms, gives this fbc.
        let made = Some("fb.1.1554763741205.IwAR2F4-dbP0l7Mn1".to_owned());
        let refused = vec![Code::UserFieldRefused];
        for (body, expected, codes) in [
            (r#"{"fbclid":"IwAR2F4-dbP0l7Mn1","fbclid_at":1554763741205}"#, made.clone(), vec![]),
            (
                r#"{"fbclid":"IwAR2F4-dbP0l7Mn1","fbclid_at":"1554763741.205"}"#,
                made.clone(),
                vec![],
            ),
            (
                r#"{"fbclid":"IwAR2F4-dbP0l7Mn1","fbclid_at":"2019-04-08T22:49:01.205Z"}"#,
                made,
                vec![],
            ),
            (r#"{"fbclid":"IwAR2F4-dbP0l7Mn1"}"#, None, refused.clone()),
            (r#"{"fbclid":"IwAR2F4-dbP0l7Mn1","fbclid_at":"yesterday"}"#, None, refused.clone()),
            (r#"{"fbclid":"a b","fbclid_at":1554763741205}"#, None, refused.clone()),
            (r#"{"fbclid":"a.b","fbclid_at":1554763741205}"#, None, refused.clone()),
            (r#"{"fbclid":"x","fbclid_at":1554763741205000}"#, None, refused.clone()),
            (r#"{"fbclid":"x","fbclid_at":"2027-01-01T00:00:00Z"}"#, None, refused),
            (r#"{"fbclid":"undefined","fbclid_at":1554763741205}"#, None, vec![]),
            (r#"{"fbclid":"","fbclid_at":1554763741205}"#, None, vec![]),
            (
                r#"{"fbc":"fb.1.1700000000000.own","fbclid":"x","fbclid_at":1554763741205}"#,
                Some("fb.1.1700000000000.own".to_owned()),
                vec![],
            ),
        ] {
            assert_eq!(fbc(body), (expected, codes), "{body}");
        }
    }
}
