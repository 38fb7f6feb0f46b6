//! Why a value is left out, and what is doubtful about one that is kept.
//!
//! In: nothing but the choice of a variant. Out: one short sentence per variant, made to follow
//! the field's name in a finding ("`em` is not an e-mail address …"). Deliberately absent: the
//! value. No variant carries data, so no log line or answer can repeat what a person typed.
//! Source: normalisation.md, "Refuse".

/// Why a value is left out of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[error("{}", self.says())]
pub enum Refusal {
    /// `em` is no `local@domain.tld` in ASCII.
    NotAnEmail,
    /// `ph` ends in an extension, which is not part of the number.
    PhoneExtension,
    /// `ph` has fewer than 7 or more than 16 digits after its leading zeros.
    PhoneLength,
    /// `db` is neither one group of 8 digits nor three groups.
    NotADate,
    /// `db` lies before 1900 or after the current year.
    YearOutOfRange,
    /// `db` names a month or a day that no calendar has.
    NoSuchDay,
    /// `ge` is none of the four words that are known.
    NotAGender,
    /// `zp` has fewer than 2 characters left.
    ZipTooShort,
    /// `country` is no code and no English short name of ISO 3166-1.
    NotACountry,
    /// Nothing a name, place or code consists of is left.
    NothingLeft,
    /// The sender hashed an empty text.
    HashOfNothing,
    /// A control character would be part of the hash.
    ControlCharacter,
    /// `client_ip_address` is neither IPv4 nor IPv6.
    NotAnAddress,
    /// `client_ip_address` is no address on the public internet.
    NotPublic,
    /// `fbc` or `fbp` has not 4 or 5 parts of the right form.
    NotAClickId,
    /// `madid` is not 32 hex digits in five groups.
    NotAnAdvertisingId,
}

impl Refusal {
    /// The reason as the rest of a sentence that begins with the field. Never holds the value.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::NotAnEmail => "is not an e-mail address (local@domain.tld)",
            Self::PhoneExtension => "holds an extension; send the number alone",
            Self::PhoneLength => "must have 7 to 16 digits after its leading zeros",
            Self::NotADate => "is not a date (YYYYMMDD, or year, month and day as numbers)",
            Self::YearOutOfRange => "must lie between 1900 and the current year (4-digit year)",
            Self::NoSuchDay => "names a day that does not exist",
            Self::NotAGender => "is none of f, female, m, male",
            Self::ZipTooShort => "must keep at least 2 characters before its first hyphen",
            Self::NotACountry => "is not a code or English short name of ISO 3166-1",
            Self::NothingLeft => "has no letter or digit that counts",
            Self::HashOfNothing => "is the hash of an empty text",
            Self::ControlCharacter => "holds a control character",
            Self::NotAnAddress => "is neither an IPv4 nor an IPv6 address",
            Self::NotPublic => "is not a public address",
            Self::NotAClickId => "is not of the form fb.<digits>.<milliseconds>.<id>",
            Self::NotAnAdvertisingId => "is not an advertising id (8-4-4-4-12 hex digits)",
        }
    }
}

/// What is doubtful about a value that is sent all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caution {
    /// 32 hex digits were passed on as an MD5 hash.
    Md5,
    /// Day and month of a birth date could be the other way round.
    AmbiguousDate,
    /// A phone number names no country, and nothing says which it is.
    NoCountry,
    /// A phone number was completed, and could as well be one of another country.
    PerhapsAbroad,
}

impl Caution {
    /// The doubt as the rest of a sentence that begins with the field. Never holds the value.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Md5 => "looks like MD5 and is sent as it is; Meta documents SHA-256 only",
            Self::AmbiguousDate => "can be read two ways; the month was taken to come first",
            Self::NoCountry => {
                "names no country and will match nobody; send +91…, or set `default_country` in the mapping"
            }
            Self::PerhapsAbroad => {
                "was completed, but is a number of another country too; write + before a country code"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Caution, Refusal};

    #[test]
    fn an_error_prints_what_it_says() {
        assert_eq!(Refusal::NotPublic.to_string(), Refusal::NotPublic.says());
    }

    #[test]
    fn sentences_are_short_and_continue_a_sentence() {
        for says in [
            Refusal::NotAnEmail.says(),
            Refusal::YearOutOfRange.says(),
            Refusal::NothingLeft.says(),
            Caution::Md5.says(),
            Caution::AmbiguousDate.says(),
        ] {
            assert!(says.len() < 80 && says.starts_with(|c: char| c.is_lowercase()), "{says}");
        }
    }
}
