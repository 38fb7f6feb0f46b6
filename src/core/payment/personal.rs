//! Keeps a person's fields out of `event_data`, which is stored as it was sent.
//!
//! In: the fields of `event_data`. Out: the same without the ones that are a person's, and a
//! warning for each. A field counts as a person's by its name, or because its text is an e-mail
//! address. Ids are not: `user_id` is opaque. The value itself never reaches a finding.
//!
//! Decision: privacy before fidelity. The payment API keeps `event_data` unchanged; we keep all of
//! it but what would put a clear e-mail address or phone number on the disk.

use std::borrow::Cow;

use crate::core::finding::{Code, Finding, Findings};
use crate::core::json::{self, Json};

/// Names of fields that are a person's: letters and digits alone, without capitals.
const NAMES: [&str; 39] = [
    "em",
    "email",
    "emailaddress",
    "useremail",
    "customeremail",
    "mail",
    "ph",
    "phone",
    "phonenumber",
    "userphone",
    "customerphone",
    "mobile",
    "mobilenumber",
    "fn",
    "firstname",
    "ln",
    "lastname",
    "fullname",
    "username",
    "customername",
    "db",
    "dob",
    "dateofbirth",
    "birthday",
    "ge",
    "gender",
    "ssn",
    "address",
    "shippingaddress",
    "billingaddress",
    "contact",
    "contactnumber",
    "contactphone",
    "contactemail",
    "whatsapp",
    "whatsappnumber",
    "telephone",
    "tel",
    "birthdate",
];

/// The length of the longest of them.
const NAME_BYTES_MAX: usize = {
    let (mut longest, mut at) = (0, 0);
    while at < NAMES.len() {
        if NAMES[at].len() > longest {
            longest = NAMES[at].len();
        }
        at += 1;
    }
    longest
};

/// The first letters of the names of each length, one bit each.
const FIRST_LETTERS: [u32; NAME_BYTES_MAX + 1] = {
    let (mut letters, mut at) = ([0; NAME_BYTES_MAX + 1], 0);
    while at < NAMES.len() {
        letters[NAMES[at].len()] |= 1 << (NAMES[at].as_bytes()[0] - b'a');
        at += 1;
    }
    letters
};

/// The length of the shortest name with this first and this last letter.
const SHORTEST: [[usize; 26]; 26] = {
    let (mut shortest, mut at) = ([[usize::MAX; 26]; 26], 0);
    while at < NAMES.len() {
        let name = NAMES[at].as_bytes();
        let (first, last) = (name[0] - b'a', name[name.len() - 1] - b'a');
        if name.len() < shortest[first as usize][last as usize] {
            shortest[first as usize][last as usize] = name.len();
        }
        at += 1;
    }
    shortest
};

/// Whether a key may be a name: one that begins and ends with a letter or digit must do so with those
/// of a name that is no longer, and hardly a key does. Anything else may be one.
fn may_be_name(key: &str) -> bool {
    let (Some(first), Some(last)) = (key.as_bytes().first(), key.as_bytes().last()) else {
        return false;
    };
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return true;
    }
    let letter = |byte: &u8| byte.to_ascii_lowercase().checked_sub(b'a').map(usize::from);
    match (letter(first), letter(last)) {
        (Some(first), Some(last)) => key.len() >= SHORTEST[first][last],
        // A digit is at neither end of a name.
        _ => false,
    }
}

/// The fields without those of a person, at every depth.
#[must_use]
pub fn leave_out<'a>(
    fields: Vec<(Cow<'a, str>, Json<'a>)>,
    findings: &mut Findings,
) -> Vec<(Cow<'a, str>, Json<'a>)> {
    object(fields, Place::EventData, findings)
}

/// Where in the body something stands; written only where there is something to say.
#[derive(Clone, Copy)]
enum Place<'p> {
    /// `event_data` itself.
    EventData,
    /// A field of an object.
    Field(&'p Place<'p>, &'p str),
    /// An item of a list.
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::EventData => "/event_data".to_owned(),
            Self::Field(object, key) => json::pointer(&object.pointer(), key),
            Self::Item(list, index) => format!("{}/{index}", list.pointer()),
        }
    }
}

fn object<'a>(
    mut fields: Vec<(Cow<'a, str>, Json<'a>)>,
    place: Place<'_>,
    findings: &mut Findings,
) -> Vec<(Cow<'a, str>, Json<'a>)> {
    fields.retain_mut(|(key, value)| {
        let field = Place::Field(&place, key);
        if is_address(key) {
            findings.push(left_out(&place.pointer(), "a key"));
            return false;
        }
        if is_personal_name(key) && has_content(value) || holds_address(value) {
            findings.push(left_out(&field.pointer(), key));
            return false;
        }
        nested(value, field, findings);
        true
    });
    fields
}

fn nested(value: &mut Json<'_>, place: Place<'_>, findings: &mut Findings) {
    match value {
        Json::Object(fields) => *fields = object(std::mem::take(fields), place, findings),
        Json::Array(items) => {
            let mut indices = 0..;
            items.retain_mut(|item| {
                let item_place = Place::Item(&place, indices.next().unwrap_or_default());
                if holds_address(item) {
                    let at = item_place.pointer();
                    findings.push(left_out(&at, &at.trim_start_matches('/').replace('/', ".")));
                    return false;
                }
                nested(item, item_place, findings);
                true
            });
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn left_out(pointer: &str, key: &str) -> Finding {
    let key = json::shortened(key);
    let says = format!("`{key}` is a person's data; it was neither stored nor sent");
    Finding::in_body(Code::PersonalData, pointer, says)
        .help("send a person's fields in `user_data` or with the signup: there they are hashed")
}

/// Whether a field of this name is a person's.
#[must_use]
pub fn is_personal_name(key: &str) -> bool {
    if !may_be_name(key) {
        return false;
    }
    let mut bare = [0_u8; NAME_BYTES_MAX];
    let mut length = 0;
    for letter in key.chars().filter(|c| c.is_alphanumeric()) {
        let Ok(byte) = u8::try_from(letter) else { return false };
        if length == NAME_BYTES_MAX || !byte.is_ascii() {
            return false;
        }
        bare[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let bare = &bare[..length];
    let Some(first) = bare.first().filter(|byte| byte.is_ascii_lowercase()) else { return false };
    // Hardly a key has the length and the first letter of a name.
    FIRST_LETTERS[length] >> (first - b'a') & 1 == 1
        && NAMES.iter().any(|name| name.as_bytes() == bare)
}

fn has_content(value: &Json<'_>) -> bool {
    match value {
        Json::Null | Json::Bool(_) => false,
        Json::String(text) => !text.trim().is_empty(),
        Json::Number(_) | Json::Array(_) | Json::Object(_) => true,
    }
}

/// Whether a text is, as a whole, an e-mail address. A sentence that contains one is not looked
/// into: guessing inside prose would leave out half of it and miss the other half.
fn holds_address(value: &Json<'_>) -> bool {
    json::text(value).is_some_and(is_address)
}

/// The address of a page without what is a person's in it: a user name before the host, and
/// parameters that are a person's by their name or whose value is an e-mail address. Tells whether
/// there was any.
#[must_use]
pub fn clean_address(url: &str) -> (String, bool) {
    let (start, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let bare_host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (path, fragment) = path.split_once('#').unwrap_or((path, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_personal = |part: &str| {
        form_urlencoded::parse(part.as_bytes())
            .any(|(key, value)| is_personal_name(&key) || value.contains('@') || key.contains('@'))
    };
    let parts: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    let kept: Vec<&str> = parts.iter().copied().filter(|part| !is_personal(part)).collect();
    let bare_fragment = if is_personal(fragment) { "" } else { fragment };
    let was_personal = kept.len() < parts.len()
        || bare_host.len() < host.len()
        || bare_fragment.len() < fragment.len();
    if !was_personal {
        return (url.to_owned(), false);
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    let hash = if bare_fragment.is_empty() { "" } else { "#" };
    (format!("{start}://{bare_host}{path}{query}{hash}{bare_fragment}"), true)
}

/// Whether a text is, as a whole, an e-mail address.
#[must_use]
pub fn is_address(text: &str) -> bool {
    if !json::has_at(text) {
        return false;
    }
    let text = text.trim();
    // `Mary Smith <mary@shop.example>`, as mail programs write it.
    let inner = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    let text = inner.map_or(text, |(_, address)| address);
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let labels: Vec<&str> = domain.split('.').collect();
    !local.is_empty()
        && !text.contains(char::is_whitespace)
        && labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> (String, Vec<String>) {
        let mut findings = Findings::default();
        let Ok(Json::Object(fields)) = json::read(text.as_bytes()) else {
            unreachable!("the rows are objects: {text}")
        };
        let left = Json::Object(leave_out(fields, &mut findings)).to_string();
        let places = findings.iter().map(|finding| format!("{:?}", finding.at)).collect();
        (left, places)
    }

    #[test]
    fn a_persons_fields_are_left_out_at_every_depth() {
        for (sent, left, count) in [
            (r#"{"order_id":"o1","plan":"starter"}"#, r#"{"order_id":"o1","plan":"starter"}"#, 0),
            (r#"{"email":"a@b.io","x":1}"#, r#"{"x":1}"#, 1),
            (r#"{"Phone-Number":"12345","x":1}"#, r#"{"x":1}"#, 1),
            (r#"{"customer":{"first_name":"Ann","tier":2}}"#, r#"{"customer":{"tier":2}}"#, 1),
            (r#"{"note":"me@shop.example"}"#, "{}", 1),
            (r#"{"cc":["me@shop.example","x"]}"#, r#"{"cc":["x"]}"#, 1),
            (
                r#"{"note":"write to me@shop.example please"}"#,
                r#"{"note":"write to me@shop.example please"}"#,
                0,
            ),
            (r#"{"by":{"me@shop.example":1}}"#, r#"{"by":{}}"#, 1),
            (r#"{"handle":"@shop"}"#, r#"{"handle":"@shop"}"#, 0),
            (r#"{"email":"","gender":null}"#, r#"{"email":"","gender":null}"#, 0),
            (r#"{"content_name":"Name of the rose"}"#, r#"{"content_name":"Name of the rose"}"#, 0),
        ] {
            let (text, places) = kept(sent);
            assert_eq!((text.as_str(), places.len()), (left, count), "{sent}");
        }
    }

    #[test]
    fn a_page_address_loses_what_is_a_persons() {
        for (sent, kept) in [
            ("https://shop.example/a?b=1&c=%20#top", "https://shop.example/a?b=1&c=%20#top"),
            ("https://shop.example/t?email=mary@x.io&o=1", "https://shop.example/t?o=1"),
            ("https://shop.example/t?phone=919876543210", "https://shop.example/t"),
            ("https://shop.example/t?u=mary%40x.io&o=1#s", "https://shop.example/t?o=1#s"),
            ("https://mary@shop.example/t", "https://shop.example/t"),
            ("https://mary:pw@shop.example:8080?x=1", "https://shop.example:8080?x=1"),
            ("https://shop.example/#mary@x.io", "https://shop.example/"),
            ("https://shop.example/@handle/item", "https://shop.example/@handle/item"),
        ] {
            assert_eq!(clean_address(sent), (kept.to_owned(), kept != sent), "{sent}");
        }
    }

    #[test]
    fn the_place_is_named_and_the_value_is_not() {
        let mut findings = Findings::default();
        let Ok(Json::Object(fields)) = json::read(br#"{"a/b":{"email":"canary@x.io"}}"#) else {
            unreachable!("an object")
        };
        let _ = leave_out(fields, &mut findings);
        let printed = format!("{findings:?}");
        assert!(printed.contains("/event_data/a~1b/email"), "{printed}");
        assert!(!printed.contains("canary"), "{printed}");
        assert!(printed.contains("PersonalData"), "P203: {printed}");
    }
}
