//! What makes a person known: a signup, and what takes payments back: a removal.
//!
//! In: JSON bodies. Out: [`Signup`] with hashed identifiers, [`Removal`] with the keys to look for.
//! A device comes as `device_data` beside `user_data`, as the mobile SDKs send it.

use jiff::civil::{DateTime, Time};

use super::device::Device;
use super::finding::{Code, Finding, Severity};
use super::json::{self, Json};
use super::names::suggestion;
use super::payment::reader::BodyReader;
use super::payment::{self, Arrival, InstallId, PaymentId, Reading, UserId};
use super::time::Timestamp;
use super::user::User;
use super::user_data::{self, Unknown};

/// A person who is known from now on.
#[derive(Debug, PartialEq)]
pub struct Signup {
    /// The sender's id of the person.
    pub user_id: UserId,
    /// What is known of the person.
    pub user: User,
    /// The installation of an app that the person uses, where the signup names it.
    pub install: Option<InstallId>,
    /// What the sender says of the registration; none where the person is not new.
    pub registration: Option<Registration>,
}

/// What a signup says of its event.
#[derive(Debug, Default, PartialEq)]
pub struct Registration {
    /// The id that the copy of an app or a browser has.
    pub event_id: Option<PaymentId>,
    /// When it happened, where that is not now.
    pub occurred_at: Option<Timestamp>,
}

/// Which payments are to be taken back. At least one key is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// All payments of this person, or of those the ones that match `payment_id` too.
    pub user_id: Option<UserId>,
    /// All payments with this id, of whatever type.
    pub payment_id: Option<PaymentId>,
}

impl Removal {
    /// What is meant where both keys are given: the payments that match both, or, if the user wins,
    /// every payment of the user.
    ///
    /// # Source
    /// Linkrunner, "Revenue Tracking API": its note says that a `user_id` removes all payments of
    /// the user, its SDKs' pages say "if only". The second is the default (row LR-34).
    #[must_use]
    pub fn understood(mut self, user_wins: bool) -> Self {
        self.payment_id = self.payment_id.filter(|_| !user_wins || self.user_id.is_none());
        self
    }
}

/// Reads `{"user_data": {"id": …, "name": …, "email": …, "phone": …}, "device_data": {…}}`.
#[must_use]
pub fn read_signup(body: &Json<'_>, arrival: impl Into<Arrival>) -> Reading<Signup> {
    let Some(fields) = json::fields(body) else { return BodyReader::not_an_object(body) };
    let mut outer = BodyReader::new(fields);
    let inner = match outer.get("user_data") {
        Some(Json::Object(inner)) => inner,
        Some(other) => {
            outer.kind("user_data", "an object", other);
            return Reading { value: None, findings: outer.findings };
        }
        None => {
            outer.missing("user_data", r#"send {"user_data": {"id": "…", "email": "…"}}"#);
            return Reading { value: None, findings: outer.findings };
        }
    };
    let mut reader = BodyReader::at("/user_data", inner);
    let user_id = reader.required_id("id").and_then(UserId::read);
    let arrival = arrival.into();
    let context = arrival.context();
    let mut user_data = user_data::of_person(&mut reader, context, Unknown::Ignore);
    let Device { app_data, tracking, .. } = payment::device(&mut outer, &mut user_data);
    let user = User { user_data, app_data, tracking };
    let install = outer.get("install_instance_id").and_then(json::text).and_then(InstallId::read);
    let registration = registration(&mut outer, &mut reader, arrival.received_at);
    let value = user_id.zip(registration.ok());
    let value =
        value.map(|(user_id, registration)| Signup { user_id, user, install, registration });
    outer.findings.extend(reader.findings);
    Reading { value, findings: outer.findings }
}

/// What says since when, and whether for the first time, a person is there.
const OF_REGISTRATION: [&str; 2] = ["user_created_at", "is_first_time_user"];

/// What the body says of the event. An id, a time or a flag that cannot be read is a fault of the
/// body, as in a capture: without it the event would be another one, and somebody who has been there
/// for years would have registered today. `user_created_at` only helps out.
///
/// # Source
/// reference/payment-apis.md 2.2: `is_first_time_user` and `user_created_at` of the SDKs.
fn registration(
    outer: &mut BodyReader<'_, '_>,
    inner: &mut BodyReader<'_, '_>,
    now: Timestamp,
) -> Result<Option<Registration>, Unreadable> {
    let before = outer.findings.iter().count() + inner.findings.iter().count();
    let event_id = outer.optional_id("event_id").and_then(PaymentId::read);
    let occurred_at = outer.time("occurred_at");
    let created = created(inner).filter(|created| *created <= now);
    let is_new = is_new(inner);
    misplaced(outer, "move it into `user_data`");
    misplaced(inner, "");
    if outer.findings.iter().count() + inner.findings.iter().count() > before {
        return Err(Unreadable);
    }
    let occurred_at = occurred_at.or(created);
    Ok(is_new.then_some(Registration { event_id, occurred_at }))
}

/// When the person came. Databases write a date alone, or a time without its offset; among years
/// the few hours that UTC may be off do not matter.
fn created(inner: &mut BodyReader<'_, '_>) -> Option<Timestamp> {
    const KEY: &str = "user_created_at";
    let text = inner.get(KEY).and_then(json::text).map(str::trim).unwrap_or_default();
    if let (Err(_), Ok(local)) = (Timestamp::read(text), text.parse::<DateTime>()) {
        let since_midnight = local.time().duration_since(Time::midnight()).as_millis();
        let since_midnight = i64::try_from(since_midnight).unwrap_or_default();
        return Some(Timestamp::midnight(local.date()).plus_millis(since_midnight));
    }
    inner.time(KEY)
}

/// Whether the person is new: so long as nobody says otherwise.
fn is_new(inner: &mut BodyReader<'_, '_>) -> bool {
    const KEY: &str = "is_first_time_user";
    match inner.get(KEY).filter(|value| !json::is_blank(value)) {
        None => true,
        Some(Json::Bool(flag)) => *flag,
        Some(other) => {
            inner.kind(KEY, "true or false", other);
            true
        }
    }
}

/// Notes what is meant for [`OF_REGISTRATION`] and would not be heard: with `elsewhere` also the
/// right name, because it stands in the wrong place.
fn misplaced(reader: &mut BodyReader<'_, '_>, elsewhere: &str) {
    let fields = reader.fields();
    let says_nothing = |value: &Json<'_>| matches!(value, Json::Null) || json::is_blank(value);
    for (key, _) in fields.iter().filter(|(_, value)| !says_nothing(value)) {
        let is_right = OF_REGISTRATION.contains(&&**key);
        let help = match suggestion(key, OF_REGISTRATION) {
            Some(_) if is_right && elsewhere.is_empty() => continue,
            Some(_) if is_right => elsewhere.to_owned(),
            Some(near) => format!("did you mean `user_data.{near}`?"),
            None => continue,
        };
        let says = format!("`{}` has no effect where it stands", json::shortened(key));
        let finding = Finding::in_body(Code::FieldMisplaced, reader.pointer(key), says);
        reader.findings.push(finding.weighing(Severity::Error).help(help));
    }
}

/// A field of the body is at fault; the finding is in the reader.
struct Unreadable;

/// What names the payments of a removal.
const OF_REMOVAL: [&str; 2] = ["user_id", "payment_id"];

/// What the mobile SDKs send besides; none of it narrows a removal.
///
/// # Source
/// reference/payment-apis.md 2.2: `remove-captured-payment`, and what every call of an SDK may have.
pub const BESIDE_REMOVAL: [&str; 11] = [
    "token",
    "data",
    "device_data",
    "platform",
    "install_instance_id",
    "time_since_app_install",
    "package_version",
    "app_version",
    "debug",
    "source",
    "link",
];

/// Reads `{"user_id": …, "payment_id": …}`, of which one may be absent or blank. Any other field may
/// be meant as a limit, and no removal can be undone, so that it is refused.
#[must_use]
pub fn read_removal(body: &Json<'_>) -> Reading<Removal> {
    let Some(fields) = json::fields(body) else { return BodyReader::not_an_object(body) };
    let mut reader = BodyReader::new(fields);
    let user_id = reader.optional_id("user_id").and_then(UserId::read);
    let payment_id = reader.optional_id("payment_id").and_then(PaymentId::read);
    let help = "leave it out: a removal goes by `user_id` and `payment_id` alone";
    reader.nothing_but(&OF_REMOVAL, &BESIDE_REMOVAL, help);
    if user_id.is_none() && payment_id.is_none() && reader.findings.is_empty() {
        let says = "user_id or payment_id is required";
        reader.findings.push(Finding::in_body(Code::FieldMissing, "", says));
    }
    let value = (!reader.findings.has_error()).then_some(Removal { user_id, payment_id });
    Reading { value, findings: reader.findings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finding::At;
    use crate::core::user_data::ClearField;

    fn removal(text: &str) -> Reading<Removal> {
        read_removal(&json::read(text.as_bytes()).expect(text))
    }

    #[test]
    fn a_removal_names_a_user_a_payment_or_both() {
        for (text, user, payment) in [
            (r#"{"user_id":"666","payment_id":"ABC"}"#, Some("666"), Some("ABC")),
            (r#"{"user_id":"666","payment_id":""}"#, Some("666"), None),
            (r#"{"user_id":null,"payment_id":7}"#, None, Some("7")),
        ] {
            let read = removal(text).value.expect(text);
            assert_eq!(read.user_id.as_ref().map(UserId::as_str), user, "{text}");
            assert_eq!(read.payment_id.as_ref().map(PaymentId::as_str), payment, "{text}");
        }
    }

    #[test]
    fn where_the_user_wins_a_payment_beside_it_says_nothing() {
        for (text, user_wins, user, payment) in [
            (r#"{"user_id":"666","payment_id":"ABC"}"#, false, Some("666"), Some("ABC")),
            (r#"{"user_id":"666","payment_id":"ABC"}"#, true, Some("666"), None),
            (r#"{"payment_id":"ABC"}"#, true, None, Some("ABC")),
            (r#"{"user_id":"666"}"#, true, Some("666"), None),
        ] {
            let read = removal(text).value.expect(text).understood(user_wins);
            assert_eq!(read.user_id.as_ref().map(UserId::as_str), user, "{text}");
            assert_eq!(read.payment_id.as_ref().map(PaymentId::as_str), payment, "{text}");
        }
    }

    #[test]
    fn a_removal_of_nothing_is_refused() {
        for text in ["{}", r#"{"user_id":"","payment_id":"  "}"#, r#"{"user_id":null}"#] {
            let reading = removal(text);
            assert_eq!(reading.value, None, "{text}");
            let says: Vec<&str> = reading.findings.iter().map(|f| f.says.as_str()).collect();
            assert_eq!(says, ["user_id or payment_id is required"], "{text}");
        }
        assert_eq!(removal(r#"{"user_id":["666"],"payment_id":"ABC"}"#).value, None);
    }

    #[test]
    fn a_removal_with_a_field_that_is_none_of_its_own_is_refused() {
        let alone = "leave it out: a removal goes by `user_id` and `payment_id` alone";
        for (field, help) in [
            ("paymentId", "did you mean `payment_id`?"),
            ("payment_ids", "did you mean `payment_id`?"),
            ("userId", "did you mean `user_id`?"),
            ("transactionId", alone),
            ("type", alone),
            ("status", alone),
            ("amount", alone),
            ("currency", alone),
            ("event_id", alone),
        ] {
            for value in [r#""R1""#, "null", r#""""#] {
                let reading = removal(&format!(r#"{{"user_id":"666","{field}":{value}}}"#));
                assert_eq!(reading.value, None, "{field}");
                let found: Vec<_> =
                    reading.findings.iter().map(|f| (f.code, f.help.as_deref())).collect();
                assert_eq!(found, [(Code::FieldMisplaced, Some(help))], "{field}");
            }
        }
        // As the SDKs of iOS and Android send it.
        let sdk = r#"{"token":"t","user_id":"666","payment_id":"","platform":"ANDROID",
            "data":{"device_data":{}},"install_instance_id":"i","time_since_app_install":1.5}"#;
        assert!(removal(sdk).value.is_some() && removal(sdk).findings.is_empty());
    }

    #[test]
    fn a_signup_needs_an_id_and_survives_what_else_is_wrong() {
        let now = Timestamp::from_seconds(1_772_280_000);
        let signup = |text: &str| read_signup(&json::read(text.as_bytes()).expect(text), now);
        for text in ["[]", "{}", r#"{"user_data":[]}"#, r#"{"user_data":{"email":"a@b.io"}}"#] {
            let reading = signup(text);
            assert!(reading.value.is_none() && reading.findings.has_error(), "{text}");
        }
        let reading =
            signup(r#"{"user_data":{"id":666,"email":"nonsense","is_first_time_user":true}}"#);
        let read = reading.value.expect("a signup");
        assert_eq!(read.user_id.as_str(), "666");
        assert!(read.user.user_data.is_empty());
        assert_eq!(reading.findings.iter().count(), 1, "the e-mail, not the unknown field");
        for (field, expected) in [
            ("emial", Some("did you mean `email`?")),
            ("mobile", Some("did you mean `phone`?")),
            ("device_data", Some("send `device_data` beside `user_data`, not in it")),
            ("ga_session_id", None),
            ("mixpanel_distinct_id", None),
            ("loyalty_tier", None),
        ] {
            let reading = signup(&format!(r#"{{"user_data":{{"id":"1","{field}":"x"}}}}"#));
            assert!(reading.value.is_some(), "{field}");
            let help = reading.findings.iter().find_map(|finding| finding.help.as_deref());
            assert_eq!(help, expected, "{field}");
        }
        assert_eq!(ClearField::read("fbc"), Some(ClearField::Fbc));
    }

    #[test]
    fn a_signup_says_whether_and_when_somebody_registered() {
        let at = |text: &str| Some(Timestamp::read(text).expect(text));
        let new = |id: Option<&str>, occurred_at| {
            Some(Registration { event_id: id.and_then(PaymentId::read), occurred_at })
        };
        for (outer, inner, expected) in [
            ("", "", new(None, None)),
            (r#","event_id":"e1""#, r#","is_first_time_user":true"#, new(Some("e1"), None)),
            ("", r#","is_first_time_user":false"#, None),
            ("", r#","user_created_at":"1997-01-01T00:00:00Z""#, new(None, at("852076800"))),
            ("", r#","user_created_at":"1997-01-01""#, new(None, at("852076800"))),
            ("", r#","user_created_at":"1997-01-01 00:00:01""#, new(None, at("852076801"))),
            ("", r#","user_created_at":"1997-01-01T00:00:01.5""#, new(None, at("852076801.5"))),
            (
                "",
                r#","user_created_at":852076800,"is_first_time_user":null"#,
                new(None, at("852076800")),
            ),
            ("", r#","user_created_at":"""#, new(None, None)),
            (r#","user_created_at":null"#, r#","is_first_time_user":"""#, new(None, None)),
            (
                r#","occurred_at":1772280000"#,
                r#","user_created_at":"1997-01-01T00:00:00Z""#,
                new(None, at("2026-02-28T12:00:00Z")),
            ),
        ] {
            let text = format!(r#"{{"user_data":{{"id":"1"{inner}}}{outer}}}"#);
            let body = json::read(text.as_bytes()).expect(&text);
            let reading = read_signup(&body, Timestamp::from_seconds(1_772_280_000));
            assert_eq!(reading.value.expect(&text).registration, expected, "{text}");
        }
    }

    #[test]
    fn what_says_whether_somebody_is_new_is_heard_or_refused() {
        use Code::{FieldKind, FieldMisplaced, TimeUnreadable};
        let within = r#"{"user_data":{"id":"1",FIELD}}"#;
        let beside = r#"{"user_data":{"id":"1"},FIELD}"#;
        for (body, field, code, at) in [
            (beside, r#""event_id":[1]"#, FieldKind, "/event_id"),
            (beside, r#""occurred_at":"soon""#, TimeUnreadable, "/occurred_at"),
            (beside, r#""occurred_at":true"#, FieldKind, "/occurred_at"),
            (
                within,
                r#""user_created_at":"last year""#,
                TimeUnreadable,
                "/user_data/user_created_at",
            ),
            (
                within,
                r#""user_created_at":"02/03/2024""#,
                TimeUnreadable,
                "/user_data/user_created_at",
            ),
            (
                within,
                r#""user_created_at":852076800000"#,
                TimeUnreadable,
                "/user_data/user_created_at",
            ),
            (within, r#""user_created_at":false"#, FieldKind, "/user_data/user_created_at"),
            (within, r#""is_first_time_user":"false""#, FieldKind, "/user_data/is_first_time_user"),
            (within, r#""is_first_time_user":0"#, FieldKind, "/user_data/is_first_time_user"),
            (within, r#""userCreatedAt":"2019""#, FieldMisplaced, "/user_data/userCreatedAt"),
            (within, r#""isFirstTimeUser":false"#, FieldMisplaced, "/user_data/isFirstTimeUser"),
            (beside, r#""user_created_at":"1997-01-01""#, FieldMisplaced, "/user_created_at"),
            (beside, r#""is_first_time_user":false"#, FieldMisplaced, "/is_first_time_user"),
        ] {
            let text = body.replace("FIELD", field);
            let body = json::read(text.as_bytes()).expect(&text);
            let reading = read_signup(&body, Timestamp::from_seconds(1_772_280_000));
            assert!(reading.value.is_none(), "{text}");
            let place = At::Pointer(at.to_owned());
            let said = reading.findings.iter().find(|f| f.code == code && f.at == place);
            assert_eq!(said.map(|finding| finding.severity), Some(Severity::Error), "{text}");
        }
    }
}
