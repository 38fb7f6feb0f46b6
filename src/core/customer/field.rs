//! The fields of a person that Meta wants hashed, and their names.
//!
//! In: a key as a sender or a mapping writes it. Out: the [`Field`], and the key Meta reads.
//! Deliberately absent: fields that are never hashed (click ids, addresses, advertising ids; see
//! `network` and `device`) and the fields that only Meta's SDKs know (`dobd`, `doby`, `fi`,
//! `f5first` …), which Meta's page does not list.
//! Source: Meta, "Customer Information Parameters".

/// A field of `user_data` whose value is normalised and hashed.
///
/// # Source
/// Meta, "Customer Information Parameters".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `em`: e-mail address.
    Email,
    /// `ph`: phone number with its country code.
    Phone,
    /// `fn`: first name.
    FirstName,
    /// `ln`: last name.
    LastName,
    /// `db`: date of birth.
    DateOfBirth,
    /// `ge`: gender.
    Gender,
    /// `ct`: city.
    City,
    /// `st`: state, province or region.
    State,
    /// `zp`: postal code.
    Zip,
    /// `country`: ISO 3166-1 alpha-2.
    Country,
    /// `external_id`: the sender's own id of this person.
    ExternalId,
}

impl Field {
    /// Every field, in the order of Meta's page.
    pub const ALL: [Self; 11] = [
        Self::Email,
        Self::Phone,
        Self::FirstName,
        Self::LastName,
        Self::DateOfBirth,
        Self::Gender,
        Self::City,
        Self::State,
        Self::Zip,
        Self::Country,
        Self::ExternalId,
    ];

    /// The key in Meta's `user_data`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Email => "em",
            Self::Phone => "ph",
            Self::FirstName => "fn",
            Self::LastName => "ln",
            Self::DateOfBirth => "db",
            Self::Gender => "ge",
            Self::City => "ct",
            Self::State => "st",
            Self::Zip => "zp",
            Self::Country => "country",
            Self::ExternalId => "external_id",
        }
    }

    /// The field of exactly this key: Meta's, or a plain word such as `first_name`.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Some(match key {
            "em" | "email" => Self::Email,
            "ph" | "phone" => Self::Phone,
            "fn" | "first_name" => Self::FirstName,
            "ln" | "last_name" => Self::LastName,
            "db" | "date_of_birth" | "birthday" | "dob" => Self::DateOfBirth,
            "ge" | "gender" => Self::Gender,
            "ct" | "city" => Self::City,
            "st" | "state" => Self::State,
            "zp" | "zip" | "zip_code" | "postal_code" => Self::Zip,
            "country" | "country_code" => Self::Country,
            "external_id" => Self::ExternalId,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn every_key_leads_back_to_its_field() {
        for field in Field::ALL {
            assert_eq!(Field::from_key(field.key()), Some(field), "{field:?}");
        }
    }

    #[test]
    fn plain_words_name_fields() {
        for (word, expected) in [
            ("email", Some(Field::Email)),
            ("phone", Some(Field::Phone)),
            ("first_name", Some(Field::FirstName)),
            ("last_name", Some(Field::LastName)),
            ("date_of_birth", Some(Field::DateOfBirth)),
            ("birthday", Some(Field::DateOfBirth)),
            ("dob", Some(Field::DateOfBirth)),
            ("gender", Some(Field::Gender)),
            ("city", Some(Field::City)),
            ("state", Some(Field::State)),
            ("zip", Some(Field::Zip)),
            ("postal_code", Some(Field::Zip)),
            ("zip_code", Some(Field::Zip)),
            ("country_code", Some(Field::Country)),
            ("Email", None),
            ("fbc", None),
            ("dobd", None),
            ("", None),
        ] {
            assert_eq!(Field::from_key(word), expected, "{word:?}");
        }
    }
}
