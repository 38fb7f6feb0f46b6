//! A person's fields, normalised and hashed for Meta's `user_data`.
//!
//! In: a field, text as somebody sent it, and a [`Context`] (country, current day). Out: a digest
//! ready for the wire, nothing where nothing was said, or a [`Refusal`] that names the reason and
//! never the value. A refused value costs its field, never the event. One file per family of
//! rules; the table of all of them is normalisation.md, and `golden` pins it to known digests.
//! Deliberately absent: findings, JSON, storage, and the judgement whether what is left suffices.
//! Source: Meta, "Customer Information Parameters" first, then the majority of Meta's own code.

mod birth_date;
mod country;
mod country_table;
mod device;
mod email;
mod external_id;
mod field;
mod gender;
#[cfg(test)]
mod golden;
mod hashed;
mod name;
mod network;
mod phone;
mod place;
mod refusal;
mod state_table;
mod text;

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::civil::Date;

pub use country::CountryCode;
pub use device::{advertising_id, click_id};
pub use field::Field;
pub use hashed::Hashed;
pub use name::split_name;
pub use network::public_address;
pub use refusal::{Caution, Refusal};
pub(super) use text::{is_absent, is_letter, trim};

/// What a rule needs to know besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The person's country, where it is known. Decides on states and postal codes.
    pub country: Option<CountryCode>,
    /// The country whose numbers are written without a country code, where a mapping names one.
    pub default_country: Option<CountryCode>,
    /// The current day. Its year is the last legal year of birth.
    pub today: Date,
}

/// A value that is sent, and what is doubtful about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The digest.
    pub hash: Hashed,
    /// A doubt that the sender should hear about.
    pub caution: Option<Caution>,
}

/// What became of a list of values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HashedValues {
    /// Digests in the order of their values, each once.
    pub kept: Vec<Hashed>,
    /// One entry per doubtful value, in order.
    pub cautions: Vec<Caution>,
    /// One entry per refused value, in order.
    pub refusals: Vec<Refusal>,
}

/// Normalises one value and hashes it: SHA-256 over UTF-8, 64 lower-case hex digits.
///
/// `None` where the text says nothing: it is blank, or a placeholder such as `null`. Text that
/// already is a digest passes unhashed, so hashing twice gives what hashing once gives.
///
/// # Errors
/// The [`Refusal`] that says which rule of the field the text breaks.
///
/// # Source
/// normalisation.md, the row of each field; Meta, "Customer Information Parameters".
pub fn hash(field: Field, text: &str, context: &Context) -> Result<Option<Kept>, Refusal> {
    let trimmed = trim(text);
    if is_absent(trimmed) {
        return Ok(None);
    }
    if let Some(hash) = Hashed::parse(trimmed) {
        if hash.is_of_nothing() {
            return Err(Refusal::HashOfNothing);
        }
        let caution = hash.is_md5().then_some(Caution::Md5);
        return Ok(Some(Kept { hash, caution }));
    }
    let (normalised, caution) = normalise(field, trimmed, context)?;
    if normalised.contains(char::is_control) {
        return Err(Refusal::ControlCharacter);
    }
    Ok(Some(Kept { hash: Hashed::of(&normalised), caution }))
}

/// Hashes every value of a list. Refused ones are dropped, and so are repeated digests.
///
/// # Source
/// normalisation.md, row "all"; Meta's Business SDKs, which remove duplicates after hashing.
pub fn hash_all<'a>(
    field: Field,
    values: impl IntoIterator<Item = &'a str>,
    context: &Context,
) -> HashedValues {
    let mut all = HashedValues::default();
    for value in values {
        match hash(field, value, context) {
            Ok(Some(Kept { hash, caution })) => {
                all.kept.push(hash);
                all.cautions.extend(caution);
            }
            Ok(None) => {}
            Err(refusal) => all.refusals.push(refusal),
        }
    }
    remove_duplicates(&mut all.kept);
    all
}

/// The clear text that is hashed, made of trimmed text. It must not leave this module.
fn normalise<'a>(
    field: Field,
    trimmed: &'a str,
    context: &Context,
) -> Result<(Cow<'a, str>, Option<Caution>), Refusal> {
    let text = text::fold(trimmed);
    let normalised = match field {
        Field::Email => email::normalise(text)?,
        Field::Phone => {
            // Where a mapping completes numbers, the person's own country knows better than it.
            let country = context.default_country.map(|general| context.country.unwrap_or(general));
            let (number, caution) = phone::normalise(&text, country)?;
            return Ok((number.into(), caution));
        }
        Field::FirstName | Field::LastName => name::normalise(text)?,
        Field::DateOfBirth => {
            let (date, caution) = birth_date::normalise(&text, context.today)?;
            return Ok((date.into(), caution));
        }
        Field::Gender => gender::normalise(text)?,
        Field::City => place::city(text)?,
        Field::State => place::state(text, context.country)?,
        Field::Zip => place::zip(text, context.country)?,
        Field::Country => country::normalise(&text)?,
        Field::ExternalId => external_id::normalise(text),
    };
    Ok((normalised, None))
}

/// Keeps the first of equal digests; a tree, because a hostile list may be long.
fn remove_duplicates(hashes: &mut Vec<Hashed>) {
    if hashes.len() < 2 {
        return;
    }
    let mut seen = BTreeSet::new();
    let mut is_first = hashes.iter().map(|hash| seen.insert(hash)).collect::<Vec<_>>().into_iter();
    hashes.retain(|_| is_first.next().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{
        Caution, Context, CountryCode, Field, Hashed, HashedValues, Refusal, hash, hash_all,
    };

    const CONTEXT: Context =
        Context { country: None, default_country: None, today: date(2026, 11, 21) };
    /// Digest of `mary@example.com`, vector 8 of meta-capi.md 3.8.
    const MARY: &str = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79";
    const MD5: &str = "0cc175b9c0f1b6a831c399e269772661";

    #[test]
    fn a_list_keeps_its_order_and_each_digest_once() {
        let values = ["x", "Mary@Example.com", "", MD5, "mary@example.com ", MARY, "a@b", "null"];
        let expected = HashedValues {
            kept: [MARY, MD5].into_iter().filter_map(Hashed::parse).collect(),
            cautions: vec![Caution::Md5],
            refusals: vec![Refusal::NotAnEmail, Refusal::NotAnEmail],
        };
        assert_eq!(hash_all(Field::Email, values, &CONTEXT), expected);
        assert_eq!(hash_all(Field::Email, [], &CONTEXT), HashedValues::default());
    }

    #[test]
    fn a_long_list_takes_no_quadratic_time() {
        let values: Vec<String> = (0..100_000).map(|n| (n % 50_000).to_string()).collect();
        let all = hash_all(Field::ExternalId, values.iter().map(String::as_str), &CONTEXT);
        assert_eq!(all.kept.len(), 50_000);
    }

    #[test]
    fn the_country_decides_on_states_and_postal_codes() {
        let digest = |field, text, country| {
            hash(field, text, &Context { country: CountryCode::read(country), ..CONTEXT })
        };
        for (field, text, country, same_as) in [
            (Field::State, "California", "us", "ca"),
            (Field::State, "California", "", "ca"),
            (Field::Zip, "981219431", "us", "98121"),
        ] {
            assert_eq!(digest(field, text, country), hash(field, same_as, &CONTEXT), "{text}");
            assert_ne!(digest(field, text, "mx"), hash(field, same_as, &CONTEXT), "{text}");
        }
    }

    #[test]
    fn no_hash_is_made_of_a_control_character() {
        let refused = Some(Refusal::ControlCharacter);
        for (field, text, expected) in [
            (Field::FirstName, "ma\0ry", refused),
            (Field::LastName, "smith\u{7f}", refused),
            (Field::Zip, "94\u{1b}035", refused),
            (Field::ExternalId, "user\u{9c}1", refused),
            (Field::Email, "mary\0@example.com", Some(Refusal::NotAnEmail)),
            (Field::City, "par\0is", None),
            (Field::Phone, "1650\x005551212", None),
            (Field::FirstName, "ma\nry", None), // white space
        ] {
            assert_eq!(hash(field, text, &CONTEXT).err(), expected, "{field:?} {text:?}");
        }
    }

    #[test]
    fn hostile_text_gives_a_digest_or_a_reason() {
        let long = |text: &str, bytes: usize| text.repeat(bytes / text.len());
        for text in [
            "\0".into(),
            "\u{301}".into(),
            "\u{202e}moc.elpmaxe@yram\u{202c}".into(),
            "١٢٣٤٥٦٧٨".into(),
            "１２３４５６７８".into(),
            "👩\u{200d}👩\u{200d}👧".into(),
            "\u{fffd}\u{10ffff}\u{e000}".into(),
            long("a", 1_000_000),
            long("\u{301}\u{323}", 1_000_000),
            long("A@b.co", 10_000),
            long("x1-", 10_000),
            long("É", 10_000),
            long("İ", 10_000),
            long("ﷺ", 10_000),
            long("f", 10_000),
        ] {
            for field in Field::ALL {
                let kept = hash(field, &text, &CONTEXT);
                if let Ok(Some(kept)) = kept {
                    let again = hash(field, kept.hash.as_str(), &CONTEXT);
                    assert_eq!(again.map(|kept| kept.map(|kept| kept.hash)), Ok(Some(kept.hash)));
                }
            }
        }
    }
}
