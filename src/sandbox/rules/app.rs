//! Rules about app events: the tracking flag and the sixteen facts about the device.
//!
//! In: an [`Event`]. Out: 2804043, or the schema fault for an `app_data` of the wrong kind.
//! Deliberately absent: whether the dataset is linked to an app, which only Meta knows. Source:
//! CAPI/app-events, CAPI/parameters/app-data, meta-capi.md 6.2 and 6.4.

use super::complaint::{EXTINFO, NO_TRACKING_FLAG, SCHEMA};
use super::view::Kind;
use super::{Event, Rule, Strength};
use crate::sandbox::json::{Json, Object};

/// Entries of `extinfo`.
const EXTINFO_LEN: usize = 16;
/// Where `extinfo` names the version of the operating system.
const OS_VERSION: usize = 4;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "app_data.object",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/app-data [D]",
        check: |event| event.demands("app_data", Kind::Object),
    },
    Rule {
        name: "app_data.tracking",
        strength: Strength::Known,
        answers: &NO_TRACKING_FLAG,
        source: "CAPI/app-events [D]; facebook-nodejs-business-sdk#233, #251 [R]; subcode [A]",
        check: tracking_is_said,
    },
    Rule {
        name: "app_data.extinfo",
        strength: Strength::Known,
        answers: &EXTINFO,
        source: "CAPI/app-events [D]; several reports until 2026-08 [R]",
        check: device_is_said,
    },
];

fn tracking_is_said(event: &Event<'_>) -> Option<String> {
    let flag = app_data(event).and_then(|app| app.get("advertiser_tracking_enabled"));
    let said = flag.is_some_and(|flag| Kind::Flag.fits(flag));
    (is_app(event) && !said).then(|| NO_TRACKING_FLAG.says.to_owned())
}

fn device_is_said(event: &Event<'_>) -> Option<String> {
    if !is_app(event) {
        return None;
    }
    let entries = app_data(event).and_then(|app| entries(app.get("extinfo")?));
    let Some((platform, version)) = entries else {
        return Some("The extinfo parameter must be a list of 16 values".to_owned());
    };
    if !matches!(platform.text(), Some("a2" | "i2")) {
        return Some("The extinfo parameter must begin with its version, a2 or i2".to_owned());
    }
    let missing = version.text().is_none_or(|version| version.trim().is_empty());
    missing.then(|| EXTINFO.says.to_owned())
}

/// The platform and the system's version, of sixteen entries. Meta's Node SDK writes the list as an
/// object with the keys 0 to 15, which is one and the same to Meta's own language.
///
/// # Source
/// facebook-nodejs-business-sdk 24.0.1, `ExtendedDeviceInfo` `[S]`; that Meta takes it is assumed.
fn entries<'j, 'a>(extinfo: &'j Json<'a>) -> Option<(&'j Json<'a>, &'j Json<'a>)> {
    if let Some(entries) = extinfo.list() {
        return (entries.len() == EXTINFO_LEN).then(|| (&entries[0], &entries[OS_VERSION]));
    }
    let members = extinfo.object()?;
    let whole = (0..EXTINFO_LEN).all(|at| members.get(&at.to_string()).is_some());
    (whole && members.keys().count() == EXTINFO_LEN)
        .then(|| Some((members.get("0")?, members.get(&OS_VERSION.to_string())?)))?
}

fn app_data<'a>(event: &Event<'a>) -> Option<&'a Object<'a>> {
    event.body.get("app_data").and_then(Json::object)
}

/// Other events need no `app_data`.
fn is_app(event: &Event<'_>) -> bool {
    event.source == Some("app")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::rules::cases::{assert_all, right};

    #[test]
    fn an_app_event_says_its_device() {
        let short = json!(["a2", "", "", "", "14"]);
        let long = json!(vec!["a2"; 17]);
        let rows = [
            ("/app_data/advertiser_tracking_enabled", json!(0), ""),
            ("/app_data/advertiser_tracking_enabled", json!(false), ""),
            ("/app_data/advertiser_tracking_enabled", json!("1"), "app_data.tracking"),
            ("/app_data/advertiser_tracking_enabled", json!(null), "app_data.tracking"),
            ("/app_data/extinfo", json!(null), "app_data.extinfo"),
            ("/app_data/extinfo", json!("a2"), "app_data.extinfo"),
            ("/app_data/extinfo", short, "app_data.extinfo"),
            ("/app_data/extinfo", long, "app_data.extinfo"),
            ("/app_data/extinfo", as_object(16), ""),
            ("/app_data/extinfo", as_object(15), "app_data.extinfo"),
            ("/app_data/extinfo", as_object(17), "app_data.extinfo"),
            ("/app_data/extinfo/0", json!("i2"), ""),
            ("/app_data/extinfo/0", json!("w1"), "app_data.extinfo"),
            ("/app_data/extinfo/4", json!("17.5.1"), ""),
            ("/app_data/extinfo/4", json!("  "), "app_data.extinfo"),
            ("/app_data/extinfo/4", json!(null), "app_data.extinfo"),
            ("/app_data/extinfo/9", json!(1080), ""),
        ];
        assert_all(&right("app"), &rows);
    }

    /// As the Node SDK writes it.
    fn as_object(entries: usize) -> serde_json::Value {
        let entry = |at| if at == 0 { "a2" } else { "14" };
        (0..entries)
            .map(|at| (at.to_string(), entry(at).into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    #[test]
    fn other_events_need_no_device() {
        let rows = [
            ("/app_data", json!({}), ""),
            ("/app_data", json!("x"), "app_data.object"),
            ("/app_data", json!({"extinfo": []}), ""),
        ];
        assert_all(&right("system_generated"), &rows);
    }
}
