//! What the mobile SDKs send, in the words of the server API.
//!
//! In: a body as an SDK writes it: the project's token inside, blanks for what it does not know,
//! the device under `data`, an installation instead of a user. Out: the body that the server API
//! takes, so that both share one reader, one key of deduplication, one way.
//!
//! Source: reference/payment-apis.md 2.1 to 2.4; rows SDK-1 to SDK-8.

pub mod signature;

use std::borrow::Cow;

use super::finding::{Code, Finding, Findings};
use super::json::{self, Json};
use super::payment::{InstallId, UserId};

/// Hex digits of SHA-256, with which the SDKs hash.
const DIGEST_DIGITS: usize = 64;

/// A body of an SDK.
#[derive(Debug)]
pub struct ClientBody<'a> {
    fields: Vec<(Cow<'a, str>, Json<'a>)>,
}

impl<'a> ClientBody<'a> {
    /// The body, if it is an object. A device that stands under `data` is lifted to where the
    /// server API has it.
    #[must_use]
    pub fn read(body: Json<'a>) -> Option<Self> {
        let Json::Object(mut fields) = body else { return None };
        let nested = match take(&mut fields, "data") {
            Some(Json::Object(mut data)) => take(&mut data, "device_data"),
            _ => None,
        };
        if let (None, Some(device)) = (json::get(&fields, "device_data"), nested) {
            fields.retain(|(key, _)| key != "device_data");
            fields.push((Cow::Borrowed("device_data"), device));
        }
        Some(Self { fields })
    }

    /// The project's token, wherever the request stands otherwise.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.text("token")
    }

    /// The installation that speaks.
    #[must_use]
    pub fn install(&self) -> Option<InstallId> {
        InstallId::read(self.text("install_instance_id")?)
    }

    /// Whether it says whose it is. Blanks say nothing.
    #[must_use]
    pub fn names_user(&self) -> bool {
        json::get(&self.fields, "user_id").is_some_and(|id| !json::is_blank(id))
    }

    /// The body for the server API, of this user where one is given.
    #[must_use]
    pub fn for_server(&self, user: Option<&UserId>) -> String {
        let kept = self.fields.iter().filter(|(key, _)| {
            let is_ours = key == "token" || (user.is_some() && key == "user_id");
            !is_ours
        });
        let mut members: Vec<String> = kept
            .map(|(key, value)| format!("{}:{}", json::quoted(key), json::printed(value)))
            .collect();
        members.extend(user.map(|user| format!("\"user_id\":{}", json::quoted(user.as_str()))));
        format!("{{{}}}", members.join(","))
    }

    /// What there is to doubt about the person: digests. The SDKs hash a text as it was written, and
    /// Meta one that was normalised, so that a capital or a missing country code makes another.
    #[must_use]
    pub fn doubts(&self) -> Findings {
        let person = json::get(&self.fields, "user_data").and_then(json::fields);
        let digest = |value: &Json<'_>| {
            let text = json::text(value).map(str::trim).unwrap_or_default();
            text.len() == DIGEST_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let hashed =
            person.into_iter().flatten().filter(|(key, value)| key != "id" && digest(value));
        hashed
            .map(|(key, _)| {
                let says =
                    format!("`{key}` came as a digest, which may be of a text as it was typed");
                Finding::in_body(Code::UserFieldCaution, format!("/user_data/{key}"), says)
                    .help("switch the SDK's hashing off: the value is normalised and hashed here")
            })
            .collect()
    }

    fn text(&self, key: &str) -> Option<&str> {
        json::get(&self.fields, key).and_then(json::text).map(str::trim).filter(|t| !t.is_empty())
    }
}

fn take<'a>(fields: &mut Vec<(Cow<'a, str>, Json<'a>)>, key: &str) -> Option<Json<'a>> {
    let at = fields.iter().position(|(name, _)| name == key)?;
    Some(fields.remove(at).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> ClientBody<'_> {
        ClientBody::read(json::read(text.as_bytes()).expect(text)).expect(text)
    }

    #[test]
    fn what_an_sdk_writes_becomes_what_the_server_api_takes() {
        let user = UserId::read("u1");
        for (sent, user, expected) in [
            (
                r#"{"token":"t","user_id":"u1","amount":5,"data":{"device_data":{"idfv":"x"}}}"#,
                None,
                r#"{"user_id":"u1","amount":5,"device_data":{"idfv":"x"}}"#,
            ),
            (
                r#"{"token":"t","user_id":"","event_data":null,"platform":"IOS"}"#,
                user.as_ref(),
                r#"{"event_data":null,"platform":"IOS","user_id":"u1"}"#,
            ),
            (
                r#"{"device_data":{"gaid":"a"},"data":{"device_data":{"gaid":"b"}}}"#,
                None,
                r#"{"device_data":{"gaid":"a"}}"#,
            ),
            (r#"{"device_data":null,"data":{}}"#, None, r#"{"device_data":null}"#),
        ] {
            assert_eq!(body(sent).for_server(user), expected, "{sent}");
        }
    }

    #[test]
    fn digests_of_a_person_are_doubted_and_not_quoted() {
        let digest = "aB".repeat(32);
        for (person, expected) in [
            (format!(r#"{{"id":"{digest}x","email":"{digest}","phone":" {digest} "}}"#), 2),
            (format!(r#"{{"email":"{}","name":"a","phone":7}}"#, &digest[1..]), 0),
            ("null".to_owned(), 0),
        ] {
            let found = body(&format!(r#"{{"user_data":{person}}}"#)).doubts();
            let codes = found.iter().filter(|finding| finding.code == Code::UserFieldCaution);
            assert_eq!(codes.count(), expected, "{person}");
            assert!(!format!("{found:?}").contains(&digest), "{found:?}");
        }
    }

    #[test]
    fn blanks_say_nothing() {
        let android = body(r#"{"token":" ","user_id":"","install_instance_id":""}"#);
        assert_eq!((android.token(), android.names_user()), (None, false));
        assert!(android.install().is_none());
        let named = body(r#"{"user_id":7,"install_instance_id":"i1"}"#);
        assert_eq!((named.names_user(), named.install()), (true, InstallId::read("i1")));
        assert!(ClientBody::read(json::read(b"[]").expect("JSON")).is_none());
    }
}
