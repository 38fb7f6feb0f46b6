//! Limited data use: whether Meta may use an event for a person of certain American states.
//!
//! In: the options as a sender or a mapping file names them. Out: the three fields on the wire. A
//! choice that Meta does not know stays [`DataProcessing::Unknown`], so that it blocks its event:
//! sent without it, the event would be used against the person's wish.
//!
//! Source: Meta, "Marketing API / Data processing options" (the list of states is of 2026-02).

use std::ops::RangeInclusive;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// The option that limits the use.
pub const LIMITED: &str = "LDU";

/// Numbers of states: 0 (Meta finds out) and California (1000) to Rhode Island (1013).
pub const STATES: RangeInclusive<u16> = 1000..=1013;

/// What Meta may do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataProcessing {
    /// Said explicitly: no restriction.
    Unrestricted,
    /// Limited data use.
    Limited(Region),
    /// Something was chosen that Meta does not know.
    Unknown,
}

/// Where the person is, as far as limited data use asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    country: u8,
    state: u16,
}

impl Region {
    /// Meta finds out, by the person's address.
    pub const FOUND_BY_META: Self = Self { country: 0, state: 0 };

    /// Whether Meta has to find the state, which takes the person's network address.
    #[must_use]
    pub const fn is_found_by_meta(self) -> bool {
        self.state == 0
    }

    /// A region that Meta knows: 0 and 0, or the United States (1) and a state of its list or 0.
    #[must_use]
    pub fn read(country: u64, state: u64) -> Option<Self> {
        let (country, state) = (u8::try_from(country).ok()?, u16::try_from(state).ok()?);
        let known = match country {
            0 => state == 0,
            1 => state == 0 || STATES.contains(&state),
            _ => false,
        };
        known.then_some(Self { country, state })
    }
}

impl DataProcessing {
    /// Limited data use in a region, or unknown where the region is.
    #[must_use]
    pub fn limited(region: Option<Region>) -> Self {
        region.map_or(Self::Unknown, Self::Limited)
    }

    /// What holds of an event for which the sender chose `own` and the mapping file `general`. A
    /// limit is lifted by nobody: whoever asks for less use of a person's data is heard.
    #[must_use]
    pub const fn stricter(own: Option<Self>, general: Option<Self>) -> Option<Self> {
        match (own, general) {
            (Some(Self::Unrestricted), Some(Self::Limited(_))) | (None, _) => general,
            (Some(_), _) => own,
        }
    }

    /// The three fields on the wire: options, country, state.
    #[must_use]
    pub const fn wire(self) -> (&'static [&'static str], Option<(u8, u16)>) {
        match self {
            Self::Unrestricted => (&[], None),
            Self::Limited(Region { country, state }) => (&[LIMITED], Some((country, state))),
            Self::Unknown => (&["UNKNOWN"], None),
        }
    }
}

impl DataProcessing {
    /// The names on the wire of the members that are there.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        const KEYS: [&str; 3] = [
            "data_processing_options",
            "data_processing_options_country",
            "data_processing_options_state",
        ];
        let (_, region) = self.wire();
        KEYS.into_iter().take(if region.is_some() { 3 } else { 1 })
    }
}

/// Up to three members of the event: the options, the country, the state.
impl Serialize for DataProcessing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (options, region) = self.wire();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("data_processing_options", options)?;
        if let Some((country, state)) = region {
            map.serialize_entry("data_processing_options_country", &country)?;
            map.serialize_entry("data_processing_options_state", &state)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_those_of_metas_list() {
        for (country, state, known) in [
            (0, 0, true),
            (1, 0, true),
            (1, 1000, true),
            (1, 1013, true),
            (1, 1014, false),
            (1, 999, false),
            (0, 1000, false),
            (2, 0, false),
            (91, 0, false),
            (u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(Region::read(country, state).is_some(), known, "{country} {state}");
        }
    }
}
