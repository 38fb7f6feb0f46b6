//! E-mail addresses for `em`.
//!
//! In: folded text. Out: the same text, or a refusal. Deliberately absent: removal of dots or
//! `+tag` (Meta's page asks for trimming and lower case only), quoted local parts, address
//! literals, and internationalised domains, which Meta does not describe.
//! Source: Meta, "Customer Information Parameters", row `em`; the form is RFC 5321's dot-atom,
//! as Meta's Ruby SDK and parameter builder check it.

use std::borrow::Cow;

use super::refusal::Refusal;

/// Longest address. Source: RFC 5321, 4.5.3.1.3 (a path of 256 octets less its brackets).
const ADDRESS_BYTES_MAX: usize = 254;
/// Longest local part. Source: RFC 5321, 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// Longest label of a domain. Source: RFC 1035, 2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// Checks an address; nothing is changed.
pub(super) fn normalise(text: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    if is_address(&text) { Ok(text) } else { Err(Refusal::NotAnEmail) }
}

fn is_address(text: &str) -> bool {
    text.len() <= ADDRESS_BYTES_MAX
        && text.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain))
}

fn is_local(local: &str) -> bool {
    local.len() <= LOCAL_BYTES_MAX && local.split('.').all(is_atom)
}

fn is_atom(atom: &str) -> bool {
    !atom.is_empty() && atom.bytes().all(is_atom_byte)
}

fn is_atom_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(|(_, last)| is_top_level(last))
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_top_level(label: &str) -> bool {
    label.len() >= 2 && !label.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::normalise;
    use crate::core::customer::Refusal;

    #[test]
    fn addresses_have_a_local_part_and_a_domain() {
        let local = |length: usize| format!("{}@example.com", "a".repeat(length));
        let label = |length: usize| format!("a@{}.com", "b".repeat(length));
        let whole = |last: usize| {
            let label = "b".repeat(61);
            format!("{}@{label}.{label}.{}.com", "a".repeat(64), "b".repeat(last))
        };
        for (text, legal, source) in [
            ("foo.bar+tag@example.com".into(), true, "dots and tags stay"),
            ("mary.o'neil@example.co.uk".into(), true, "apostrophe"),
            ("!#$%&'*+/=?^_`{|}~-@example.com".into(), true, "every symbol of an atom"),
            ("a@b.co".into(), true, "shortest last label"),
            ("a@1-2.3com".into(), true, "digits and hyphens inside"),
            (local(64), true, "local part of 64"),
            (local(65), false, "local part of 65"),
            (label(63), true, "label of 63"),
            (label(64), false, "label of 64"),
            (whole(61), true, "254 in all"),
            (whole(62), false, "255 in all"),
            ("not-an-email".into(), false, "no @"),
            ("user@localhost".into(), false, "one label"),
            ("foo@@bar.com".into(), false, "two @"),
            ("a@b@example.com".into(), false, "two @"),
            ("a b@example.com".into(), false, "white space"),
            (".a@example.com".into(), false, "empty atom"),
            ("a..b@example.com".into(), false, "empty atom"),
            ("a.@example.com".into(), false, "empty atom"),
            ("@example.com".into(), false, "no local part"),
            ("a@".into(), false, "no domain"),
            ("a@.com".into(), false, "empty label"),
            ("a@example.com.".into(), false, "empty label"),
            ("a@-example.com".into(), false, "hyphen at an end"),
            ("a@example-.com".into(), false, "hyphen at an end"),
            ("a@example.c".into(), false, "last label of 1"),
            ("a@127.0.0.1".into(), false, "last label all digits"),
            ("a@exam_ple.com".into(), false, "underscore in the domain"),
            ("user@münchen.de".into(), false, "not ASCII"),
            ("josé@example.com".into(), false, "not ASCII"),
            ("\"a b\"@example.com".into(), false, "quoted local part"),
            ("a@[192.0.2.1]".into(), false, "address literal"),
            ("<mary@example.com>".into(), false, "brackets"),
            ("a\0@example.com".into(), false, "NUL"),
        ] {
            let text: String = text;
            let expected = if legal { Ok(text.clone().into()) } else { Err(Refusal::NotAnEmail) };
            assert_eq!(normalise(text.as_str().into()), expected, "{text}: {source}");
        }
        assert_eq!((whole(61).len(), whole(62).len()), (254, 255));
    }
}
