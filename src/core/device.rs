//! A person's device: what the apps' SDKs tell of it at signup, turned into Meta's `app_data`.
//!
//! In: `device_data` as Linkrunner's SDKs send it, or `app_data` in Meta's own form. Out: an
//! [`AppData`], the advertising id, and findings for what could not be used. A device whose
//! system's version is not said is none: Meta would refuse the event (2804043).
//!
//! Deliberately absent: the name its owner gave the device ("Mary's phone") and its network
//! address, which would be a person's data of the day of the signup.
//!
//! Source: reference/payment-apis.md 2.2 (the fields of both SDKs); Meta, "Conversions API /
//! Parameters / App data".

use super::customer;
use super::finding::{Code, Finding};
use super::json::{self, Fields, Json};
use super::meta::app_data::{AppData, DeviceFact, EXTINFO_LEN, Extinfo, OS_VERSION, Platform};
use super::names::closed_list;
use super::payment::reader::BodyReader;

closed_list! {
    /// What a person said about being followed by apps.
    pub enum Tracking {
        /// They may be.
        Allowed = "allowed",
        /// They are not to be: no advertising id leaves this program.
        Denied = "denied",
    }
}

/// What is known of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// As Meta receives it, if the version of its system is known.
    pub app_data: Option<AppData>,
    /// GAID or IDFA, for `user_data.madid`. None where tracking is denied.
    pub advertising_id: Option<String>,
    /// What the person said, which holds even where the rest of the device cannot be used.
    pub tracking: Option<Tracking>,
}

/// Longest fact about a device, in characters. Ours: no locale, model or version is longer.
const FACT_CHARS_MAX: usize = 256;

/// Most schemes of addresses that are kept. Ours: an app has one or two.
const URL_SCHEMES_MAX: usize = 20;

/// Where `extinfo` names the locale.
const LOCALE: usize = 6;

/// Which field tells which entry of `extinfo`: the first that is there. Screens are nested.
const ENTRIES: [(usize, &[&str]); 11] = [
    (1, &["bundle_id", "package_name"]),
    (2, &["app_version", "version"]),
    (3, &["build_number"]),
    (OS_VERSION, &["system_version", "os_version"]),
    (5, &["device", "model", "device_model"]),
    (LOCALE, &["locale"]),
    (7, &["timezone_abbreviation"]),
    (8, &["carrier"]),
    (12, &["cpu_cores"]),
    (13, &["storage_gb"]),
    (15, &["timezone"]),
];

/// The entries of `extinfo` that describe the screen, within `device_display`.
const SCREEN: [(usize, &str); 3] = [(9, "width"), (10, "height"), (11, "density")];

/// The device of a body: its `app_data`, else its `device_data`. A refusal to be followed counts
/// from either.
pub fn of_body(body: &mut BodyReader<'_, '_>) -> Device {
    let platform = body.get("platform").and_then(json::text);
    let mut found = Device::default();
    for (key, base) in [("app_data", "/app_data"), ("device_data", "/device_data")] {
        match body.get(key) {
            None => {}
            Some(Json::Object(fields)) if fields.is_empty() => {}
            Some(Json::Object(fields)) => {
                let mut reader = Reader { body: BodyReader::at(base, fields) };
                let device = if key == "app_data" {
                    reader.metas_form()
                } else {
                    reader.sdks_form(platform)
                };
                body.findings.extend(reader.body.findings);
                found = found.or(device);
            }
            Some(other) => {
                let says = format!("`{key}` must be an object, not {}", json::kind(other));
                let finding = Finding::in_body(Code::DeviceRefused, body.pointer(key), says);
                body.findings.push(finding);
            }
        }
    }
    found
}

impl Device {
    fn or(self, other: Self) -> Self {
        let tracking = match (self.tracking, other.tracking) {
            (Some(Tracking::Denied), _) | (_, Some(Tracking::Denied)) => Some(Tracking::Denied),
            (said, other) => said.or(other),
        };
        let id = self.advertising_id.or(other.advertising_id);
        Self {
            app_data: self.app_data.or(other.app_data),
            advertising_id: id.filter(|_| tracking != Some(Tracking::Denied)),
            tracking,
        }
    }
}

struct Reader<'f, 'a> {
    body: BodyReader<'f, 'a>,
}

impl Reader<'_, '_> {
    fn say(&mut self, key: &str, says: String, help: &str) {
        // Keys are ours; one may be a path (`extinfo/4`).
        let slash = if key.is_empty() { "" } else { "/" };
        let at = format!("{}{slash}{key}", self.body.base());
        self.body.findings.push(Finding::in_body(Code::DeviceRefused, at, says).help(help));
    }

    /// `device_data` as the mobile SDKs send it.
    fn sdks_form(&mut self, platform: Option<&str>) -> Device {
        let fields = self.body.fields();
        let (advertising_id, declined) = self.advertising_id();
        let named = platform.and_then(platform_of).or_else(|| guessed_platform(fields));
        // iOS gives an id only to those apps that may follow; Android gives one unless told not to.
        // An Android device without any says nothing, and must not overrule an earlier refusal.
        let silent = match named {
            Some(Platform::Ios) if advertising_id.is_none() => Some(Tracking::Denied),
            _ if declined => Some(Tracking::Denied),
            _ => advertising_id.is_some().then_some(Tracking::Allowed),
        };
        let tracking = self.flag("advertiser_tracking_enabled").or(silent);
        let Some(platform) = named else {
            let help = "send `platform` (ANDROID or IOS) beside it, or a `gaid`, `idfa` or `idfv`";
            self.say("", "the device's platform is not said".to_owned(), help);
            return Device { app_data: None, advertising_id, tracking };
        };
        let mut facts = [const { String::new() }; EXTINFO_LEN];
        for (at, keys) in ENTRIES {
            facts[at] = keys.iter().find_map(|key| self.fact(fields, key)).unwrap_or_default();
        }
        if let Some(Json::Object(screen)) = json::get(fields, "device_display") {
            for (at, key) in SCREEN {
                facts[at] = self.fact(screen, key).unwrap_or_default();
            }
        }
        let parts = self.fact(fields, "language").zip(self.fact(fields, "country"));
        if let (true, Some((language, country))) = (facts[LOCALE].is_empty(), parts) {
            facts[LOCALE] = format!("{language}_{country}");
        }
        facts[LOCALE] = facts[LOCALE].replace('-', "_");
        let vendor = self.fact(fields, "idfv").filter(|id| !is_zeros(id));
        let referrer =
            self.fact(fields, "install_ref").or_else(|| self.fact(fields, "install_referrer"));
        let texts = [(DeviceFact::InstallReferrer, referrer), (DeviceFact::VendorId, vendor)];
        let own = self.flag("application_tracking_enabled");
        let app_data = self.extinfo(platform, facts, "system_version").map(|extinfo| AppData {
            advertiser_tracking_enabled: tracking != Some(Tracking::Denied),
            application_tracking_enabled: own != Some(Tracking::Denied),
            extinfo,
            facts: texts.into_iter().filter_map(|(key, text)| Some((key, text?))).collect(),
            url_schemes: Vec::new(),
        });
        Device { app_data, advertising_id, tracking }
    }

    /// `app_data` as Meta documents it.
    fn metas_form(&mut self) -> Device {
        let fields = self.body.fields();
        let (advertising_id, declined) = self.advertising_id();
        let said = self.flag("advertiser_tracking_enabled");
        let tracking = said.or(declined.then_some(Tracking::Denied));
        let unusable = Device { app_data: None, advertising_id: advertising_id.clone(), tracking };
        let entries = match json::get(fields, "extinfo") {
            Some(Json::Array(entries)) if entries.len() == EXTINFO_LEN => entries,
            _ => {
                let says = format!("`extinfo` must be a list of {EXTINFO_LEN} texts");
                self.say("extinfo", says, "write \"\" where a fact is not known");
                return unusable;
            }
        };
        let Some(platform) = json::text(&entries[0]).and_then(Platform::read) else {
            let says = "`extinfo` must begin with `a2` (Android) or `i2` (iOS)".to_owned();
            self.say("extinfo/0", says, "write the version of `extinfo` first");
            return unusable;
        };
        let Some(said) = said else {
            let says = "`advertiser_tracking_enabled` must be 0 or 1".to_owned();
            self.say("advertiser_tracking_enabled", says, "send what the person allowed");
            return unusable;
        };
        let mut facts = [const { String::new() }; EXTINFO_LEN];
        for (at, entry) in entries.iter().enumerate() {
            facts[at] = self.usable(&format!("extinfo/{at}"), entry).unwrap_or_default();
        }
        let mut texts = Vec::new();
        for key in DeviceFact::ALL {
            texts.extend(self.fact(fields, key.as_str()).map(|text| (*key, text)));
        }
        let schemes = match json::get(fields, "url_schemes") {
            Some(Json::Array(schemes)) => schemes.as_slice(),
            _ => &[],
        };
        let schemes = schemes.iter().take(URL_SCHEMES_MAX);
        let url_schemes = schemes.filter_map(|scheme| self.usable("url_schemes", scheme)).collect();
        let own = self.flag("application_tracking_enabled");
        let app_data = self.extinfo(platform, facts, "extinfo/4").map(|extinfo| AppData {
            advertiser_tracking_enabled: said == Tracking::Allowed,
            application_tracking_enabled: own != Some(Tracking::Denied),
            extinfo,
            facts: texts,
            url_schemes,
        });
        Device { app_data, advertising_id, tracking }
    }

    /// What a person said. A word that cannot be read is a no: nobody is followed by mistake.
    fn flag(&mut self, key: &str) -> Option<Tracking> {
        let value = self.body.get(key).filter(|value| !json::is_blank(value))?;
        let word = match (value, json::text_or_number(value).map(str::trim)) {
            (Json::Bool(flag), _) => Some(*flag),
            (_, Some("1" | "true")) => Some(true),
            (_, Some("0" | "false")) => Some(false),
            _ => None,
        };
        if word.is_none() {
            let says = format!("`{key}` is neither 0 nor 1; it was read as 0");
            self.say(key, says, "send what the person allowed: 0 or 1");
        }
        Some(if word == Some(true) { Tracking::Allowed } else { Tracking::Denied })
    }

    fn extinfo(
        &mut self,
        platform: Platform,
        mut facts: [String; EXTINFO_LEN],
        key: &str,
    ) -> Option<Extinfo> {
        // `iOS 17.5` names a version too.
        let words = facts[OS_VERSION].find(|c: char| c.is_ascii_digit());
        facts[OS_VERSION].drain(..words.unwrap_or(facts[OS_VERSION].len()));
        let extinfo = Extinfo::new(platform, facts);
        if extinfo.is_none() {
            let says =
                "the version of the device's system is not said; Meta refuses app events without";
            self.say(key, says.to_owned(), "send it as digits: \"17.5.1\"");
        }
        extinfo
    }

    /// The first advertising id that is one, and whether another one was of zeros: that is what a
    /// device gives whose owner declined.
    fn advertising_id(&mut self) -> (Option<String>, bool) {
        let (mut found, mut declined) = (None, false);
        for key in ["madid", "gaid", "idfa"] {
            let Some(text) = text_of(self.body.fields(), key) else { continue };
            declined |= is_zeros(text);
            match customer::advertising_id(text) {
                Ok(id) => found = found.or(id),
                Err(refusal) => {
                    let says = format!("`{key}` {}", refusal.says());
                    self.say(key, says, "send it as the device gives it");
                }
            }
        }
        (found.filter(|_| !declined), declined)
    }

    fn fact(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        self.usable(key, json::get(fields, key)?)
    }

    /// A fact as text: not blank, not too long, nobody's e-mail address.
    fn usable(&mut self, key: &str, value: &Json<'_>) -> Option<String> {
        let value = if let Json::Array(items) = value { items.first()? } else { value };
        let text = json::text_or_number(value)?.trim();
        if text.is_empty() {
            return None;
        }
        if text.contains('@') || text.chars().nth(FACT_CHARS_MAX).is_some() {
            let says = format!("`{key}` is no fact about a device; it was left out");
            self.say(key, says, "send what the device says of itself");
            return None;
        }
        Some(text.to_owned())
    }
}

fn platform_of(word: &str) -> Option<Platform> {
    match word.to_ascii_uppercase().as_str() {
        "ANDROID" => Some(Platform::Android),
        "IOS" | "IPADOS" => Some(Platform::Ios),
        _ => None,
    }
}

/// An Android device has a `gaid`, an iOS one an `idfa` or `idfv` (contract, section 8). Android's
/// SDK sends the other two empty.
fn guessed_platform(fields: &Fields<'_>) -> Option<Platform> {
    if let Some(said) = text_of(fields, "platform").and_then(platform_of) {
        return Some(said);
    }
    if text_of(fields, "gaid").is_some() {
        return Some(Platform::Android);
    }
    let apples = text_of(fields, "idfa").or_else(|| text_of(fields, "idfv"));
    apples.map(|_| Platform::Ios)
}

fn text_of<'j>(fields: &'j Fields<'_>, key: &str) -> Option<&'j str> {
    let text = json::text(json::get(fields, key)?)?.trim();
    (!text.is_empty()).then_some(text)
}

fn is_zeros(id: &str) -> bool {
    id.bytes().all(|byte| matches!(byte, b'0' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finding::At;

    fn device(body: &str) -> (Device, Vec<(Code, At)>) {
        let Ok(Json::Object(fields)) = json::read(body.as_bytes()) else {
            unreachable!("the rows are objects: {body}")
        };
        let mut reader = BodyReader::new(&fields);
        let device = of_body(&mut reader);
        let said = reader.findings.iter().map(|found| (found.code, found.at.clone())).collect();
        (device, said)
    }

    const IOS: &str = r#"{"platform":"IOS","device_data":{"device":"iPhone16,1",
        "device_name":"Mary's phone","system_version":"17.5.1","bundle_id":"com.shop.app",
        "version":"3.2","build_number":"3201","locale":"en-IN","timezone":"Asia/Kolkata",
        "device_display":{"width":393,"height":852,"density":3},
        "idfa":"38400000-8CF0-11BD-B23E-10B96E40000D","idfv":"A1B2"}}"#;

    #[test]
    fn an_ios_device_fills_its_slots() {
        // The slots of reference/meta-capi.md 6.2, the fields of payment-apis.md 2.2.
        let (found, said) = device(IOS);
        assert_eq!(said, []);
        assert_eq!(found.advertising_id.as_deref(), Some("38400000-8cf0-11bd-b23e-10b96e40000d"));
        let app_data = found.app_data.expect("a device");
        let expected = [
            "i2",
            "com.shop.app",
            "3.2",
            "3201",
            "17.5.1",
            "iPhone16,1",
            "en_IN",
            "",
            "",
            "393",
            "852",
            "3",
            "",
            "",
            "",
            "Asia/Kolkata",
        ];
        assert_eq!(app_data.extinfo.entries(), &expected);
        assert!(app_data.advertiser_tracking_enabled, "its owner gave an advertising id");
        assert_eq!(app_data.facts, [(DeviceFact::VendorId, "A1B2".to_owned())]);
    }

    #[test]
    fn an_android_device_fills_its_slots() {
        let (found, said) = device(
            r#"{"device_data":{"gaid":"38400000-8cf0-11bd-b23e-10b96e40000d","idfa":"","idfv":"",
            "app_version":"5.0","build_number":50,"bundle_id":"com.shop","system_version":"14",
            "carrier":["Airtel"],"install_ref":"utm_source=x","device_ip":"8.8.8.8",
            "language":"hi","country":"IN"}}"#,
        );
        assert_eq!(said, []);
        let app_data = found.app_data.expect("a device");
        let entries = app_data.extinfo.entries();
        assert_eq!(&entries[..7], ["a2", "com.shop", "5.0", "50", "14", "", "hi_IN"]);
        assert_eq!(entries[8], "Airtel");
        assert!(!serde_json::to_string(&app_data).expect("JSON").contains("8.8.8.8"));
    }

    #[test]
    fn the_person_decides_about_tracking() {
        const ID: &str = "38400000-8cf0-11bd-b23e-10b96e40000d";
        const ZEROS: &str = "00000000-0000-0000-0000-000000000000";
        for (platform, fields, allowed) in [
            ("IOS", String::new(), false),
            ("IOS", format!(r#","idfa":"{ID}""#), true),
            ("IOS", format!(r#","idfa":"{ZEROS}""#), false),
            ("IOS", r#","advertiser_tracking_enabled":1"#.to_owned(), true),
            ("IOS", format!(r#","idfa":"{ID}","advertiser_tracking_enabled":false"#), false),
            ("ANDROID", String::new(), true),
            ("ANDROID", format!(r#","gaid":"{ID}""#), true),
            ("ANDROID", format!(r#","gaid":"{ZEROS}""#), false),
            ("ANDROID", format!(r#","madid":"{ZEROS}","gaid":"{ID}""#), false),
            ("ANDROID", format!(r#","gaid":"{ID}","advertiser_tracking_enabled":"false""#), false),
            ("ANDROID", format!(r#","gaid":"{ID}","advertiser_tracking_enabled":0"#), false),
        ] {
            let body = format!(
                r#"{{"platform":"{platform}","device_data":{{"system_version":"17"{fields}}}}}"#
            );
            let (found, said) = device(&body);
            assert_eq!(said, [], "{body}");
            let wanted = match (platform, fields.is_empty(), allowed) {
                ("ANDROID", true, _) => None,
                (_, _, true) => Some(Tracking::Allowed),
                (_, _, false) => Some(Tracking::Denied),
            };
            assert_eq!(found.tracking, wanted, "{body}");
            let app_data = found.app_data.expect(&body);
            assert_eq!(app_data.advertiser_tracking_enabled, allowed, "{body}");
            assert!(allowed || found.advertising_id.is_none(), "no id of who declined: {body}");
        }
    }

    #[test]
    fn a_refusal_outlives_a_device_that_cannot_be_used_and_is_never_read_as_consent() {
        for (body, tracking, said) in [
            (r#"{"device_data":{"advertiser_tracking_enabled":0}}"#, Tracking::Denied, 1),
            (r#"{"app_data":{"advertiser_tracking_enabled":0}}"#, Tracking::Denied, 1),
            (
                r#"{"platform":"ANDROID","device_data":{"system_version":"14","advertiser_tracking_enabled":"denied"}}"#,
                Tracking::Denied,
                1,
            ),
            (
                r#"{"platform":"ANDROID","app_data":{"advertiser_tracking_enabled":0},"device_data":{"system_version":"14","gaid":"38400000-8cf0-11bd-b23e-10b96e40000d"}}"#,
                Tracking::Denied,
                1,
            ),
        ] {
            let (found, findings) = device(body);
            assert_eq!((found.tracking, findings.len()), (Some(tracking), said), "{body}");
            assert_eq!(found.advertising_id, None, "{body}");
        }
    }

    #[test]
    fn what_is_no_device_is_said_with_its_place() {
        let at = |pointer: &str| vec![(Code::DeviceRefused, At::Pointer(pointer.to_owned()))];
        let long = "x".repeat(FACT_CHARS_MAX + 1);
        for (body, expected) in [
            (r#"{"device_data":"x"}"#.to_owned(), at("/device_data")),
            (r#"{"device_data":{}}"#.to_owned(), vec![]),
            (r#"{"device_data":null}"#.to_owned(), vec![]),
            (r#"{"device_data":{"system_version":"14"}}"#.to_owned(), at("/device_data")),
            (r#"{"platform":"IOS","device_data":{"device":"x"}}"#.to_owned(), at("/device_data/system_version")),
            (r#"{"platform":"IOS","device_data":{"system_version":"unknown"}}"#.to_owned(), at("/device_data/system_version")),
            (r#"{"platform":"IOS","device_data":{"system_version":"17","idfa":"mary"}}"#.to_owned(), at("/device_data/idfa")),
            (r#"{"platform":"IOS","device_data":{"system_version":"17","device":"canary@shop.example"}}"#.to_owned(), at("/device_data/device")),
            (format!(r#"{{"platform":"IOS","device_data":{{"system_version":"17","locale":"{long}"}}}}"#), at("/device_data/locale")),
            (r#"{"app_data":{"extinfo":["a2"]}}"#.to_owned(), at("/app_data/extinfo")),
            (r#"{"app_data":{"extinfo":["w1","","","","10","","","","","","","","","","",""]}}"#.to_owned(), at("/app_data/extinfo/0")),
            (r#"{"app_data":{"extinfo":["a2","","","","10","","","","","","","","","","",""]}}"#.to_owned(), at("/app_data/advertiser_tracking_enabled")),
            (r#"{"app_data":{"advertiser_tracking_enabled":1,"extinfo":["a2","","","","","","","","","","","","","","",""]}}"#.to_owned(), at("/app_data/extinfo/4")),
        ] {
            let (found, said) = device(&body);
            assert_eq!(said, expected, "{body}");
            assert!(!format!("{found:?}").contains("canary"), "{body}");
        }
    }

    #[test]
    fn what_was_written_for_meta_is_read_again() {
        let app_data = device(IOS).0.app_data.expect("a device");
        let written = serde_json::to_string(&app_data).expect("JSON");
        let (again, said) = device(&format!(r#"{{"app_data":{written}}}"#));
        assert_eq!((again.app_data, said), (Some(app_data), vec![]));
    }
}
