//! What Meta wants to know of the device of an app event: `app_data`.
//!
//! In: facts about a device. Out: JSON, with `extinfo` as a list of exactly sixteen texts. An
//! [`AppData`] always names its platform and the version of its operating system, because Meta
//! refuses an event without (2804043): there is no way to make one that does not.
//!
//! Source: Meta, "Conversions API / App events" and "/ Parameters / App data".

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::core::names::closed_list;

closed_list! {
    /// The system of a device, as the version of `extinfo` that describes it.
    pub enum Platform {
        /// Android.
        Android = "a2",
        /// iOS and its relatives.
        Ios = "i2",
    }
}

closed_list! {
    /// A fact about a device that is one text.
    pub enum DeviceFact {
        /// Where the installation came from.
        InstallReferrer = "install_referrer",
        /// Which program installed it.
        InstallerPackage = "installer_package",
        /// IDFV.
        VendorId = "vendor_id",
        /// Campaigns that led to the app, as one text.
        CampaignIds = "campaign_ids",
        /// Id of a Windows device.
        WindowsAttributionId = "windows_attribution_id",
    }
}

/// Entries of `extinfo`.
pub const EXTINFO_LEN: usize = 16;

/// Where `extinfo` names the version of the operating system.
pub const OS_VERSION: usize = 4;

/// The sixteen facts about a device, `""` where unknown.
///
/// 0 platform, 1 package or bundle id, 2 short and 3 long version of the app, 4 version of the
/// operating system, 5 model, 6 locale (`en_US`), 7 abbreviation of the time zone, 8 carrier, 9 to
/// 11 screen width, height and density, 12 cores, 13 and 14 storage and free storage in GB, 15 time
/// zone (`Asia/Kolkata`).
///
/// # Source
/// Meta, "Conversions API / Parameters / App data", `extinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extinfo([String; EXTINFO_LEN]);

impl Extinfo {
    /// The facts, if they name the version of the operating system. Entry 0 is the platform's.
    #[must_use]
    pub fn new(platform: Platform, mut facts: [String; EXTINFO_LEN]) -> Option<Self> {
        platform.as_str().clone_into(&mut facts[0]);
        facts[OS_VERSION].starts_with(|c: char| c.is_ascii_digit()).then_some(Self(facts))
    }

    /// The entries, in Meta's order.
    #[must_use]
    pub fn entries(&self) -> &[String; EXTINFO_LEN] {
        &self.0
    }
}

/// A device, as Meta receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppData {
    /// Whether the person lets apps follow them (iOS: App Tracking Transparency).
    pub advertiser_tracking_enabled: bool,
    /// Whether the person lets this app follow them.
    pub application_tracking_enabled: bool,
    /// The sixteen facts.
    pub extinfo: Extinfo,
    /// What else is known, in the order of [`DeviceFact`].
    pub facts: Vec<(DeviceFact, String)>,
    /// Schemes of addresses that open the app.
    pub url_schemes: Vec<String>,
}

/// The flags as `0` and `1`, as Meta documents them.
impl Serialize for AppData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let flags = [
            ("advertiser_tracking_enabled", self.advertiser_tracking_enabled),
            ("application_tracking_enabled", self.application_tracking_enabled),
        ];
        for (key, flag) in flags {
            map.serialize_entry(key, &u8::from(flag))?;
        }
        map.serialize_entry("extinfo", self.extinfo.entries())?;
        for (fact, text) in &self.facts {
            map.serialize_entry(fact.as_str(), text)?;
        }
        if !self.url_schemes.is_empty() {
            map.serialize_entry("url_schemes", &self.url_schemes)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_its_systems_version_is_none() {
        for (version, good) in
            [("14", true), ("17.5.1", true), ("", false), (" ", false), ("iOS", false)]
        {
            let mut facts = [const { String::new() }; EXTINFO_LEN];
            version.clone_into(&mut facts[OS_VERSION]);
            assert_eq!(Extinfo::new(Platform::Ios, facts).is_some(), good, "{version}");
        }
    }

    #[test]
    fn sixteen_texts_and_flags_as_digits() {
        let mut facts = [const { String::new() }; EXTINFO_LEN];
        "14".clone_into(&mut facts[OS_VERSION]);
        let app_data = AppData {
            advertiser_tracking_enabled: true,
            application_tracking_enabled: false,
            extinfo: Extinfo::new(Platform::Android, facts).expect("a version"),
            facts: vec![(DeviceFact::VendorId, "v".into())],
            url_schemes: vec!["shop".into()],
        };
        assert_eq!(
            serde_json::to_string(&app_data).expect("JSON"),
            concat!(
                r#"{"advertiser_tracking_enabled":1,"application_tracking_enabled":0,"#,
                r#""extinfo":["a2","","","","14","","","","","","","","","","",""],"#,
                r#""vendor_id":"v","url_schemes":["shop"]}"#
            )
        );
    }
}
