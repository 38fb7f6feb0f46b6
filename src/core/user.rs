//! A person the project knows: hashed identifiers and the data of a device, nothing else.
//!
//! In: a signup, or a stored record. Out: a [`User`], which the store keeps as one JSON object and
//! which `decide` joins with what a payment brings along.

use jiff::civil::Date;

use super::customer::Context;
use super::device::{self, Tracking};
use super::json::{self, Json};
use super::meta::AppData;
use super::payment::reader::BodyReader;
use super::user_data::{self, ClearField, Unknown, UserData};

/// What is known of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The person's identifiers, hashed.
    pub user_data: UserData,
    /// The person's device.
    pub app_data: Option<AppData>,
    /// Whether the person lets apps follow them, as far as a device said.
    pub tracking: Option<Tracking>,
}

impl User {
    /// What is known now, with what `older` knew besides: a second signup corrects what it names
    /// and keeps the rest.
    #[must_use]
    pub fn correcting(self, older: Self) -> Self {
        let mut user_data = self.user_data.correcting(older.user_data);
        let tracking = self.tracking.or(older.tracking);
        if tracking == Some(Tracking::Denied) {
            user_data.remove(ClearField::Madid);
        }
        Self { user_data, app_data: self.app_data.or(older.app_data), tracking }
    }

    /// Reads back what [`User::to_stored`] wrote. Hashes pass as they are.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        let Ok(Json::Object(fields)) = json::read(text.as_bytes()) else { return Self::default() };
        let mut reader = BodyReader::new(&fields);
        let user_data = match reader.get("user_data") {
            Some(Json::Object(fields)) => {
                // Nothing that depends on a day or a country is left to decide in a digest.
                let context = Context { country: None, default_country: None, today: Date::MIN };
                let mut inner = BodyReader::at("/user_data", fields);
                user_data::of_person(&mut inner, context, Unknown::Ignore)
            }
            _ => UserData::default(),
        };
        let tracking = reader.get("tracking").and_then(json::text).and_then(Tracking::read);
        Self { user_data, app_data: device::of_body(&mut reader).app_data, tracking }
    }

    /// The JSON object, as the store keeps it.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let user_data = self.user_data.to_json();
        // Texts, lists of texts and digits: there is nothing that could fail to serialise.
        let device = self.app_data.as_ref().and_then(|device| serde_json::to_string(device).ok());
        let device = device.map(|device| format!(r#","app_data":{device}"#)).unwrap_or_default();
        let tracking = self.tracking.map(|said| format!(r#","tracking":"{said}""#));
        format!(r#"{{"user_data":{user_data}{device}{}}}"#, tracking.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = concat!(
        r#"{"user_data":{"em":["62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"],"#,
        r#""madid":"38400000-8cf0-11bd-b23e-10b96e40000d"},"#,
        r#""app_data":{"advertiser_tracking_enabled":1,"application_tracking_enabled":1,"#,
        r#""extinfo":["a2","","","","14","","","","","","","","","","",""]},"tracking":"allowed"}"#
    );

    #[test]
    fn a_record_is_read_back_as_it_was() {
        assert_eq!(User::from_stored(STORED).to_stored(), STORED);
        assert_eq!(User::from_stored("damaged"), User::default());
        assert_eq!(User::default().to_stored(), r#"{"user_data":{}}"#);
    }

    #[test]
    fn a_second_signup_keeps_what_it_does_not_name() {
        let known = User::from_stored(STORED);
        let again = User::from_stored(r#"{"user_data":{"fbp":"fb.1.1700000000000.42"}}"#);
        let both = again.correcting(known.clone());
        assert_eq!(both.app_data, known.app_data);
        assert_eq!(both.user_data.keys().collect::<Vec<_>>(), ["em", "fbp", "madid"]);
    }

    #[test]
    fn who_declines_once_is_not_followed_by_what_was_known_before() {
        let known = User::from_stored(STORED);
        let again = User::from_stored(r#"{"user_data":{},"tracking":"denied"}"#);
        let both = again.correcting(known);
        assert_eq!(both.tracking, Some(Tracking::Denied));
        assert_eq!(both.user_data.keys().collect::<Vec<_>>(), ["em"], "the advertising id is gone");
    }
}
