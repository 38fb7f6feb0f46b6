//! Whose a capture is while nobody but an installation of an app is known.

use super::{ID_CHARS_MAX, UserId, id};

/// An installation of an app, as its SDK numbers it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstallId(String);

/// Whose a capture is while only its installation is known.
const OF_INSTALL: &str = "install_instance_id:";

impl InstallId {
    /// The id, if `text` is one: neither blank nor longer than 128 characters. Trimmed.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        id(text).filter(|id| id.chars().count() <= ID_CHARS_MAX / 2).map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who stands for its user until that is known.
    #[must_use]
    pub fn stand_in(&self) -> UserId {
        UserId(format!("{OF_INSTALL}{}", self.0))
    }
}

impl UserId {
    /// Whether this is nobody yet: the stand-in of an installation.
    #[must_use]
    pub fn is_stand_in(text: &str) -> bool {
        text.starts_with(OF_INSTALL)
    }
}
