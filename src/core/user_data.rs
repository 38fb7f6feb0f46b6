//! Meta's `user_data`: a person's identifiers, hashed and ready for the wire.
//!
//! In: the fields of a signup, of a payment's `user_data`, or of a stored record. Out: a
//! [`UserData`] that holds hashes and the few fields Meta wants clear (address, agent, click ids).
//! A field that cannot be used is left out with a finding that names the field and the reason,
//! never the value. Hashing is `customer`'s; this module knows which field goes where.
//!
//! Source: Meta, "Conversions API / Parameters / Customer information parameters".

mod clear;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::customer::{self, Context, CountryCode, Field, Hashed};
use super::finding::{Code, Finding, Severity};
use super::json::{self, Fields, Json};
use super::money::Amount;
use super::names::suggestion;
use super::payment::personal::is_address;
use super::payment::reader::BodyReader;
pub use clear::ClearField;
use clear::{CLICK, CLICK_TIME, clear_field, click};

/// Most values of one hashed field. Ours: an event with more e-mail addresses is a mistake.
pub const VALUES_MAX: usize = 10;

/// Most values of one field that are looked at, good or not.
const LOOKED_AT_MAX: usize = 10 * VALUES_MAX;

/// The plain words for Meta's short keys, for suggestions.
const PLAIN_WORDS: [&str; 13] = [
    "email",
    "phone",
    "first_name",
    "last_name",
    "date_of_birth",
    "gender",
    "city",
    "state",
    "zip",
    "postal_code",
    "name",
    "fbclid",
    "fbclid_at",
];

/// What others call the same fields, too far from our words to be guessed by letters.
const OTHER_WORDS: [(&str, &str); 9] = [
    ("ip", "client_ip_address"),
    ("ip_address", "client_ip_address"),
    ("user_agent", "client_user_agent"),
    ("userAgent", "client_user_agent"),
    ("mobile", "phone"),
    ("phone_number", "phone"),
    ("phoneNumber", "phone"),
    ("full_name", "name"),
    ("pincode", "zip"),
];

/// What the mobile SDKs send of a person besides (reference/payment-apis.md 2.2).
const OF_SDKS: [&str; 9] = [
    "is_first_time_user",
    "user_created_at",
    "mixpanel_distinct_id",
    "amplitude_device_id",
    "posthog_distinct_id",
    "braze_device_id",
    "ga_app_instance_id",
    "ga_session_id",
    "netcore_device_guid",
];

/// Fields of a payment that are easily put among a person's.
const BESIDE: [&str; 8] = [
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "opt_out",
    "device_data",
    "app_data",
    "event_source_url",
    "occurred_at",
];

/// A person's identifiers as Meta receives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserData {
    /// In the order of the fields; several values of one stand side by side. One list instead of a
    /// list of lists, because each payment copies it.
    hashed: Vec<(Field, Hashed)>,
    clear: Vec<(ClearField, String)>,
    /// The sender's own id, where the mapping file wants it as it is. Never stored with a person.
    plain_external_id: Option<String>,
}

impl UserData {
    /// Whether nothing at all is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashed.is_empty() && self.clear.is_empty()
    }

    /// The wire keys that are present, hashed ones first.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let hashed = self.by_field().map(|(field, _)| field.key());
        let plain = self.plain_external_id.as_ref().map(|_| Field::ExternalId.key());
        hashed.chain(self.clear.iter().map(|(field, _)| field.as_str())).chain(plain)
    }

    /// The hashed fields that are present, each with its values.
    fn by_field(&self) -> impl Iterator<Item = (Field, impl Iterator<Item = &Hashed>)> {
        let fields = self.hashed.chunk_by(|(one, _), (next, _)| one == next);
        fields.filter_map(|values| {
            let (field, _) = values.first()?;
            Some((*field, values.iter().map(|(_, hash)| hash)))
        })
    }

    /// Adds hashed values to a field, without repeating one.
    pub fn add(&mut self, field: Field, values: impl IntoIterator<Item = Hashed>) {
        let start = self.hashed.partition_point(|(known, _)| *known < field);
        let mut end = self.hashed.partition_point(|(known, _)| *known <= field);
        for value in values {
            let mut known = self.hashed[start..end].iter();
            if known.len() < VALUES_MAX && known.all(|(_, known)| *known != value) {
                self.hashed.insert(end, (field, value));
                end += 1;
            }
        }
    }

    /// Documented order, whatever order the fields came in: equal people are equal.
    fn in_order(&mut self) {
        self.clear.sort_by_key(|(field, _)| *field);
    }

    /// Sets the sender's own id, to be sent as it is. Hashed ids of the person are left out: Meta
    /// has one field for both.
    pub fn set_plain_external_id(&mut self, id: String) {
        self.hashed.retain(|(field, _)| *field != Field::ExternalId);
        self.plain_external_id = Some(id);
    }

    /// Takes a clear field away.
    pub fn remove(&mut self, field: ClearField) {
        self.clear.retain(|(known, _)| *known != field);
    }

    /// Sets a clear field.
    pub fn set(&mut self, field: ClearField, value: String) {
        self.clear.retain(|(known, _)| *known != field);
        self.clear.push((field, value));
        self.in_order();
    }

    /// These identifiers, completed with what `other` knows besides. Where both name one clear
    /// field, this one's value stands; hashed values of both are kept, since Meta takes lists.
    #[must_use]
    pub fn completed_with(mut self, other: &Self) -> Self {
        // Most payments bring nothing of the person's along. The place is for the id.
        if self == Self::default() && other.plain_external_id.is_none() {
            self.hashed.reserve_exact(other.hashed.len() + 1);
            self.hashed.extend_from_slice(&other.hashed);
            self.clear.clone_from(&other.clear);
            return self;
        }
        for (field, hash) in &other.hashed {
            self.add(*field, [*hash]);
        }
        for (field, value) in &other.clear {
            if self.clear.iter().all(|(known, _)| known != field) {
                self.clear.push((*field, value.clone()));
            }
        }
        self.in_order();
        self
    }

    /// These identifiers, with the fields of `older` that they do not name: a second signup
    /// corrects what it says and keeps the rest.
    #[must_use]
    pub fn correcting(mut self, older: Self) -> Self {
        for (field, values) in older.by_field() {
            if self.hashed.iter().all(|(known, _)| *known != field) {
                self.add(field, values.copied());
            }
        }
        for (field, value) in older.clear {
            if self.clear.iter().all(|(known, _)| *known != field) {
                self.clear.push((field, value));
            }
        }
        self.in_order();
        self
    }
}

/// The identifiers that travel with a payment: its `user_data` object and the fields beside it.
pub fn of_payment(reader: &mut BodyReader<'_, '_>, context: Context) -> UserData {
    let mut user_data = UserData::default();
    match reader.get("user_data") {
        None => {}
        Some(Json::Object(fields)) => {
            let mut inner = BodyReader::at("/user_data", fields);
            user_data = of_person(&mut inner, context, Unknown::Warn);
            reader.findings.extend(inner.findings);
        }
        Some(other) => reader.kind("user_data", "an object", other),
    }
    for key in ["client_ip_address", "client_user_agent", "fbc", "fbp"] {
        if let (Some(field), Some(value)) = (ClearField::read(key), reader.get(key)) {
            clear_field(field, value, reader, &mut user_data);
        }
    }
    user_data
}

/// What becomes of a key that is no field of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is mentioned: somebody may have misspelt it.
    Warn,
    /// It is passed over, unless it is almost a field of ours: the mobile SDKs send ids of other
    /// services beside the person's.
    Ignore,
}

/// Reads the fields of one object that describes a person. The country among them replaces the
/// context's.
pub fn of_person(reader: &mut BodyReader<'_, '_>, context: Context, unknown: Unknown) -> UserData {
    let mut user_data = UserData::default();
    let mut named: Vec<(Field, Vec<Hashed>)> = Vec::new();
    let context = Context { country: country(reader.fields()), ..context };
    for (key, value) in reader.fields() {
        if matches!(value, Json::Null) {
            continue;
        }
        if key == "name" {
            full_name(value, &context, reader, &mut user_data);
        } else if let Some(field) = Field::from_key(key) {
            let kept = hashed_field(field, key, value, &context, reader);
            if named.iter().any(|(other, values)| *other == field && disagree(values, &kept)) {
                reader.findings.push(two_values(field, key, reader));
            }
            user_data.add(field, kept.iter().copied());
            named.push((field, kept));
        } else if matches!(&**key, CLICK | CLICK_TIME) {
            // Read together, below.
        } else if let Some(field) = ClearField::read(key) {
            clear_field(field, value, reader, &mut user_data);
        } else if key != "id" {
            let finding = unknown_key(key, reader);
            let is_misspelt = finding.help.is_some() && !OF_SDKS.contains(&&**key);
            if unknown == Unknown::Warn || is_misspelt {
                reader.findings.push(finding);
            }
        }
    }
    click(reader, context.today, &mut user_data);
    user_data
}

/// Whether two lists of digests, neither of them empty, have none in common. Under two names of
/// one field (`email` and `em`) stands the same person, or somebody has mixed two up.
fn disagree(one: &[Hashed], other: &[Hashed]) -> bool {
    let one: BTreeSet<&Hashed> = one.iter().collect();
    !one.is_empty() && !other.is_empty() && other.iter().all(|hash| !one.contains(hash))
}

fn two_values(field: Field, key: &str, reader: &BodyReader<'_, '_>) -> Finding {
    let says =
        format!("`{key}` differs from the other field for `{}`; both were used", field.key());
    let help =
        "send one of the two, or the same value in both; a hash must be of the normalised text";
    Finding::in_body(Code::UserFieldsDisagree, reader.pointer(key), says).help(help)
}

/// A key may itself be somebody's address: then it is not repeated.
fn unknown_key(key: &str, reader: &BodyReader<'_, '_>) -> Finding {
    let code = Code::UserFieldUnknown;
    if is_address(key) {
        let says = "a key is an e-mail address where the name of a field belongs; it was not used";
        return Finding::in_body(code, reader.base(), says).help("send {\"email\": \"…\"}");
    }
    let says = format!("`{}` is not a field of a person; it was not used", json::shortened(key));
    let finding = Finding::in_body(code, reader.pointer(key), says);
    if let Some((_, meant)) = OTHER_WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(key)) {
        return finding.help(format!("did you mean `{meant}`?"));
    }
    if BESIDE.contains(&key) {
        return finding.help(format!("send `{key}` beside `user_data`, not in it"));
    }
    let words = PLAIN_WORDS.into_iter().chain(Field::ALL.map(Field::key));
    match suggestion(key, words.chain(ClearField::words())) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding,
    }
}

fn country(fields: &Fields<'_>) -> Option<CountryCode> {
    let named = fields.iter().find(|(key, _)| Field::from_key(key) == Some(Field::Country));
    named.and_then(|(_, value)| json::text(value)).and_then(CountryCode::read)
}

fn hashed_field(
    field: Field,
    key: &str,
    value: &Json<'_>,
    context: &Context,
    reader: &mut BodyReader<'_, '_>,
) -> Vec<Hashed> {
    let items = if let Json::Array(items) = value { items } else { std::slice::from_ref(value) };
    // What lies far beyond the limit is not normalised only to be left out.
    let items = &items[..items.len().min(LOOKED_AT_MAX)];
    let mut values: Vec<Cow<'_, str>> = Vec::with_capacity(items.len());
    let mut unreadable = None;
    for item in items {
        match as_text(item) {
            Ok(text) => values.extend(text),
            Err(reason) => drop(unreadable.get_or_insert(reason)),
        }
    }
    if let Some(reason) = unreadable {
        refused(key, &reason, reader);
    }
    let read = customer::hash_all(field, values.iter().map(|text| &**text), context);
    for refusal in &read.refusals {
        refused(key, refusal.says(), reader);
    }
    for caution in &read.cautions {
        let says = format!("`{key}` {}", caution.says());
        reader.findings.push(Finding::in_body(Code::UserFieldCaution, reader.pointer(key), says));
    }
    if read.kept.len() > VALUES_MAX {
        let says = format!("`{key}` has {} values; {VALUES_MAX} were used", read.kept.len());
        let finding = Finding::in_body(Code::UserFieldCaution, reader.pointer(key), says);
        reader.findings.push(finding.weighing(Severity::Note));
    }
    read.kept
}

/// A number becomes its decimal text, without exponent or trailing `.0`; `null` says nothing.
fn as_text<'j>(value: &'j Json<'_>) -> Result<Option<Cow<'j, str>>, String> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(Cow::Borrowed(text))),
        Json::Number((digits, _)) => match Amount::read(digits) {
            Ok(number) => Ok(Some(number.decimal().normalize().to_string().into())),
            Err(_) => Err("is a number of more than 18 digits; send it as text".to_owned()),
        },
        Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
            Err(format!("must be text, a number or a list of these, not {}", json::kind(value)))
        }
    }
}

fn full_name(
    value: &Json<'_>,
    context: &Context,
    reader: &mut BodyReader<'_, '_>,
    user_data: &mut UserData,
) {
    let Some(text) = json::text(value) else {
        refused("name", &format!("must be text, not {}", json::kind(value)), reader);
        return;
    };
    if Hashed::parse(text.trim()).is_some() {
        refused("name", "is hashed as a whole; send first_name and last_name apart", reader);
        return;
    }
    let (first, last) = customer::split_name(text);
    for (field, part) in [(Field::FirstName, Some(first)), (Field::LastName, last)] {
        let read = customer::hash_all(field, part, context);
        if let Some(refusal) = read.refusals.first() {
            refused("name", refusal.says(), reader);
        }
        user_data.add(field, read.kept);
    }
}

fn refused(key: &str, reason: &str, reader: &mut BodyReader<'_, '_>) {
    let says = format!("`{key}` {reason}; it was left out");
    reader.findings.push(Finding::in_body(Code::UserFieldRefused, reader.pointer(key), says));
}

#[cfg(test)]
mod tests {
    use super::super::finding::{At, Findings};
    use super::*;

    const CONTEXT: Context =
        Context { country: None, default_country: None, today: jiff::civil::date(2026, 2, 28) };

    fn read(text: &str) -> (UserData, Findings) {
        let Ok(Json::Object(fields)) = json::read(text.as_bytes()) else {
            unreachable!("the rows are objects: {text}")
        };
        let mut reader = BodyReader::at("/user_data", &fields);
        let user_data = of_person(&mut reader, CONTEXT, Unknown::Warn);
        (user_data, reader.findings)
    }

    /// Values of one field stand side by side, whatever order they come in.
    #[test]
    fn equal_people_are_equal_and_no_field_has_too_many_values() {
        let hash = |number: usize| Hashed::parse(&format!("{number:064x}")).expect("a digest");
        let of = |fields: &[(Field, usize)]| {
            let mut person = UserData::default();
            for (field, number) in fields {
                person.add(*field, [hash(*number)]);
            }
            person
        };
        let (email, city) = (Field::Email, Field::City);
        let person = of(&[(city, 3), (email, 1), (email, 2), (email, 1)]);
        assert_eq!(person, of(&[(email, 1), (email, 2), (city, 3)]));
        assert_eq!(person.keys().collect::<Vec<_>>(), ["em", "ct"]);
        // What only the other knows comes behind; a field that is named again is corrected as a whole.
        let completed = of(&[(email, 9)]).completed_with(&person);
        assert_eq!(completed, of(&[(email, 9), (email, 1), (email, 2), (city, 3)]));
        let corrected = of(&[(city, 9)]).correcting(person);
        assert_eq!(corrected, of(&[(email, 1), (email, 2), (city, 9)]));

        let many: Vec<_> = (0..VALUES_MAX + 3).map(|number| (email, number)).collect();
        assert_eq!(of(&many).hashed.len(), VALUES_MAX);
        assert_eq!(of(&many).completed_with(&of(&[(email, 99)])).hashed.len(), VALUES_MAX);
    }

    #[test]
    fn plain_words_and_metas_keys_give_the_same_hashes() {
        // Vectors 1 to 4 of reference/meta-capi.md 3.8, printed by Meta.
        let (plain, _) = read(
            r#"{"email":"John_Smith@gmail.com","phone":"1 (650) 555-1212","first_name":"Mary"}"#,
        );
        let (keys, _) = read(r#"{"em":["john_smith@gmail.com"],"ph":"16505551212","fn":"mary"}"#);
        assert_eq!(plain, keys);
        let json = plain.to_json();
        for hash in [
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
            "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec",
        ] {
            assert!(json.contains(hash), "{hash} in {json}");
        }
    }

    #[test]
    fn a_full_name_becomes_first_and_last_name() {
        let (whole, _) = read(r#"{"name":"Mary van der Berg"}"#);
        let (apart, _) = read(r#"{"fn":"Mary","ln":"van der Berg"}"#);
        assert_eq!(whole, apart);
    }

    #[test]
    fn what_cannot_be_used_is_named_and_never_quoted() {
        for (sent, code) in [
            (r#"{"email":"canary-at-nowhere"}"#, Code::UserFieldRefused),
            (r#"{"phone":"canary"}"#, Code::UserFieldRefused),
            (r#"{"email":{"canary":1}}"#, Code::UserFieldRefused),
            (r#"{"name":["canary"]}"#, Code::UserFieldRefused),
            (r#"{"client_ip_address":"10.0.0.1"}"#, Code::UserFieldRefused),
            (r#"{"fbc":"canary"}"#, Code::UserFieldRefused),
            (r#"{"emial":"canary@shop.example"}"#, Code::UserFieldUnknown),
            (r#"{"em":"0cc175b9c0f1b6a831c399e269772661"}"#, Code::UserFieldCaution),
            (r#"{"email":["a@b.io",{"canary":1}]}"#, Code::UserFieldRefused),
            (r#"{"external_id":1234567890123456789}"#, Code::UserFieldRefused),
            (r#"{"lead_id":"12345678901234"}"#, Code::UserFieldRefused),
            (r#"{"lead_id":"123456789012345678"}"#, Code::UserFieldRefused),
            (r#"{"anon_id":"canary@shop.example"}"#, Code::UserFieldRefused),
            (r#"{"subscription_id":" canary@shop.example "}"#, Code::UserFieldRefused),
            (r#"{"page_id":"canary@shop.example"}"#, Code::UserFieldRefused),
            (r#"{"fb_login_id":"canary@shop.example"}"#, Code::UserFieldRefused),
            (r#"{"client_user_agent":"canary@shop.example"}"#, Code::UserFieldRefused),
            (r#"{"fbp":"fb.1.1700000000000.canary@shop.example"}"#, Code::UserFieldRefused),
            (r#"{"canary@shop.example":1}"#, Code::UserFieldUnknown),
        ] {
            let (_, findings) = read(sent);
            let found: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
            assert_eq!(found, [code], "{sent}");
            assert!(!format!("{findings:?}").contains("canary"), "{findings:?}");
        }
    }

    #[test]
    fn two_names_of_one_field_should_agree() {
        // Vector 8 of reference/meta-capi.md 3.8 is the digest of mary@example.com.
        const MARY: &str = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79";
        for (sent, disagrees) in [
            (format!(r#"{{"email":" Mary@Example.com","em":"{MARY}"}}"#), false),
            (format!(r#"{{"em":["x@y.io","{MARY}"],"email":"mary@example.com"}}"#), false),
            (format!(r#"{{"email":"nonsense","em":"{MARY}"}}"#), false),
            (format!(r#"{{"email":"john@example.com","em":"{MARY}"}}"#), true),
            (r#"{"phone":"+1 650 555 1212","ph":"919876543210"}"#.to_owned(), true),
        ] {
            let (user_data, findings) = read(&sent);
            let found = findings.iter().find(|found| found.code == Code::UserFieldsDisagree);
            assert_eq!(found.is_some(), disagrees, "{sent}: {findings:?}");
            assert!(!user_data.is_empty());
        }
    }

    #[test]
    fn what_is_right_needs_no_word() {
        for sent in [
            r#"{"lead_id":"123456789012345"}"#,
            r#"{"lead_id":12345678901234567}"#,
            r#"{"email":[null,"a@b.io"]}"#,
            r#"{"anon_id":"XZ5F2A6C-1C35-D45F"}"#,
            r#"{"email":""}"#,
        ] {
            let (_, findings) = read(sent);
            assert!(findings.is_empty(), "{sent}: {findings:?}");
        }
    }

    #[test]
    fn a_misspelt_key_gets_a_suggestion_and_its_place() {
        for (sent, at, help) in [
            (r#"{"emial":"x"}"#, "/user_data/emial", Some("did you mean `email`?")),
            (r#"{"fbpp":"x"}"#, "/user_data/fbpp", Some("did you mean `fbp`?")),
            (r#"{"a/b~c":"x"}"#, "/user_data/a~1b~0c", None),
        ] {
            let (_, findings) = read(sent);
            let found: Vec<_> =
                findings.iter().map(|f| (f.at.clone(), f.help.as_deref())).collect();
            assert_eq!(found, [(At::Pointer(at.to_owned()), help)], "{sent}");
        }
    }

    #[test]
    fn values_beyond_the_tenth_are_mentioned() {
        for (count, notes) in [(VALUES_MAX, 0), (VALUES_MAX + 1, 1)] {
            let all: Vec<String> = (0..count).map(|n| format!("\"{n}@b.io\"")).collect();
            let (user_data, findings) = read(&format!(r#"{{"em":[{}]}}"#, all.join(",")));
            assert_eq!(findings.iter().count(), notes, "{count}: {findings:?}");
            assert!(!findings.has_error() && user_data.to_json().matches("\",\"").count() == 9);
        }
    }

    #[test]
    fn stored_hashes_are_read_back_as_they_are() {
        let (first, _) =
            read(r#"{"email":"a@b.io","phone":"+91 98765 43210","fbp":"fb.1.1700000000000.42"}"#);
        let (again, findings) = read(&first.to_json());
        assert_eq!((again, findings.is_empty()), (first, true));
    }

    #[test]
    fn a_payments_own_fields_complete_the_signups() {
        let (own, _) = read(r#"{"em":"new@shop.example","fbp":"fb.1.1700000000000.1"}"#);
        let (known, _) =
            read(r#"{"em":"old@shop.example","fbp":"fb.1.1700000000000.2","ph":"919876543210"}"#);
        let both = own.clone().completed_with(&known);
        assert_eq!(both.keys().collect::<Vec<_>>(), ["em", "ph", "fbp"]);
        assert!(both.to_json().contains("fb.1.1700000000000.1"), "the payment's own click id");
        assert_eq!(
            both.to_json().matches('"').count(),
            2 * (3 + 4),
            "two e-mails, one phone, one id"
        );
    }
}
