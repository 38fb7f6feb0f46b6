//! Ids of clicks, browsers and devices: `fbc`, `fbp` and `madid`, sent in clear.
//!
//! In: text. Out: the id, nothing, or a refusal. Deliberately absent: hashing (Meta: never), and
//! building an `fbc` from an `fbclid`, which needs the time of the click.
//! Source: Meta, "`ClickID` and the fbp and fbc Parameters"; the fifth part is the suffix that
//! Meta's parameter builder appends.

use super::refusal::Refusal;
use super::text;

/// Hex digits in the five groups of an advertising id.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Checks a click id (`fbc`) or browser id (`fbp`) and returns it unchanged; `None` where there is
/// none.
///
/// Form: `fb.<digits>.<milliseconds>.<id>`, or the same with a fifth part. Case matters, so it is
/// never lower-cased, and white space at an end is not trimmed but refused.
///
/// # Errors
/// [`Refusal::NotAClickId`] for any other form.
///
/// # Source
/// Meta, "`ClickID` and the fbp and fbc Parameters".
pub fn click_id(text: &str) -> Result<Option<&str>, Refusal> {
    if text::is_absent(text::trim(text)) {
        return Ok(None);
    }
    if is_click_id(text) { Ok(Some(text)) } else { Err(Refusal::NotAClickId) }
}

/// Reads an advertising id (`madid`: GAID or IDFA); `None` where there is none.
///
/// Lower-cased, hyphens kept. An id of zeros is what a phone gives when its owner declined, and
/// counts as absent.
///
/// # Errors
/// [`Refusal::NotAnAdvertisingId`] unless the text is 8-4-4-4-12 hex digits. The field is sent in
/// clear, so nothing else may pass.
///
/// # Source
/// Meta, "Custom Audiences" (lower case, keep hyphens) and "Customer Information Parameters".
pub fn advertising_id(text: &str) -> Result<Option<String>, Refusal> {
    let text = text::trim(text);
    if text::is_absent(text) || text.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
        return Ok(None);
    }
    if is_uuid(text) {
        Ok(Some(text.to_ascii_lowercase()))
    } else {
        Err(Refusal::NotAnAdvertisingId)
    }
}

fn is_click_id(text: &str) -> bool {
    let mut parts = text.split('.');
    parts.next() == Some("fb")
        && parts.next().is_some_and(is_digits)
        && parts.next().is_some_and(is_digits)
        && parts.next().is_some_and(is_payload)
        && parts.next().is_none_or(is_payload)
        && parts.next().is_none()
}

fn is_digits(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_payload(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_uuid(text: &str) -> bool {
    let is_hex = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('-').map(str::len).eq(GROUPS) && text.split('-').all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::{advertising_id, click_id};
    use crate::core::customer::Refusal;

    #[test]
    fn click_ids_have_four_or_five_parts() {
        for (text, legal, source) in [
            ("fb.1.1554763741205.AbCdEfGhIjKlMnOpQrStUvWxYz1234567890", true, "Meta's page"),
            ("fb.1.1596403881668.1116446470", true, "fbp of Meta's page"),
            ("fb.2.1554763741205.IwAR2F4-dbP0l7_Mn1", true, "base64url"),
            ("fb.1.1554763741205.abc.AQQCAQIB", true, "five parts"),
            ("fb.1.1554763741205.abc.en", true, "five parts"),
            ("fb.1.1554763741205", false, "three parts"),
            ("fb.1.1554763741205.a.b.c", false, "six parts"),
            ("fb.1.1554763741205.", false, "empty id"),
            ("fb.1.1554763741205.abc.", false, "empty fifth part"),
            ("fb..1554763741205.abc", false, "empty index"),
            ("fb.1..abc", false, "empty time"),
            ("fb.x.1554763741205.abc", false, "index no number"),
            ("fb.1.yesterday.abc", false, "time no number"),
            ("fb.1.-1554763741205.abc", false, "negative time"),
            ("FB.1.1554763741205.abc", false, "never lower-cased"),
            ("fb.1.1554763741205.abc ", false, "white space"),
            (" fb.1.1554763741205.abc", false, "white space"),
            ("fb.１.1554763741205.abc", false, "full-width digit"),
            ("fb.1.1554763741205.a\0", false, "NUL"),
            ("fb.1.1554763741205.é", false, "not ASCII"),
            ("IwAR2F4-dbP0l7Mn1", false, "an fbclid alone"),
        ] {
            let expected = if legal { Ok(Some(text)) } else { Err(Refusal::NotAClickId) };
            assert_eq!(click_id(text), expected, "{text:?}: {source}");
        }
        for text in ["", "  ", "null", "undefined"] {
            assert_eq!(click_id(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn advertising_ids_are_lower_cased_and_never_hashed() {
        let refused = Err(Refusal::NotAnAdvertisingId);
        for (text, expected, source) in [
            (
                "38400000-8CF0-11BD-B23E-10B96E40000D",
                Ok(Some("38400000-8cf0-11bd-b23e-10b96e40000d")),
                "meta-capi.md 3.8",
            ),
            (
                " 38400000-8cf0-11bd-b23e-10b96e40000d\n",
                Ok(Some("38400000-8cf0-11bd-b23e-10b96e40000d")),
                "trimmed",
            ),
            ("00000000-0000-0000-0000-000000000000", Ok(None), "declined"),
            ("00000000000000000000000000000000", Ok(None), "declined, without hyphens"),
            ("", Ok(None), "empty"),
            ("null", Ok(None), "placeholder"),
            ("384000008cf011bdb23e10b96e40000d", refused, "without hyphens"),
            ("38400000-8cf0-11bd-b23e-10b96e40000", refused, "35 characters"),
            ("38400000-8cf0-11bd-b23e-10b96e40000d0", refused, "37 characters"),
            ("38400000-8cf0-11bd-b23e-10b96e40000g", refused, "no hex digit"),
            ("384000008-cf0-11bd-b23e-10b96e40000d", refused, "groups of other lengths"),
            ("mary@example.com", refused, "clear text must not pass"),
        ] {
            assert_eq!(advertising_id(text), expected.map(|id| id.map(str::to_owned)), "{source}");
        }
    }
}
