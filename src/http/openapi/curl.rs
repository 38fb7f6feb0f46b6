//! An example as a command that a person can paste into a shell.
//!
//! In: an operation and one of its calls. Out: a line for `curl`, with a placeholder for each key.

use std::fmt::Write as _;

use super::operation::{Call, Family, Method, Operation};
use super::webhooks;
use crate::core::webhook::Provider;

/// The call as a line for a shell.
pub(super) fn curl(operation: &Operation, call: &Call) -> String {
    let host = if operation.family == Family::Admin { "127.0.0.1:8081" } else { "127.0.0.1:8080" };
    let mut path = operation.path.to_owned();
    let mut query = String::new();
    for (name, value) in &call.with {
        let place = format!("{{{name}}}");
        if path.contains(&place) {
            path = path.replace(&place, value);
        } else {
            let gap = if query.is_empty() { '?' } else { '&' };
            let _ = write!(query, "{gap}{name}={value}");
        }
    }
    let method = match operation.method {
        Method::Get | Method::Post => String::new(),
        Method::Delete => " -X DELETE".to_owned(),
    };
    let empty_post = operation.method == Method::Post && call.body.is_empty();
    let method = if empty_post { " -X POST".to_owned() } else { method };
    let mut line = format!("curl -sS{method} {}", quoted(&format!("http://{host}{path}{query}")));
    for header in keys(operation.family, call) {
        let _ = write!(line, " \\\n  -H {}", quoted(&header));
    }
    if !call.body.is_empty() {
        let _ = write!(
            line,
            " \\\n  -H 'content-type: application/json' \\\n  --data-binary {}",
            quoted(call.body)
        );
    }
    line
}

/// A word of a shell, where it needs quotation marks.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:.-_".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn keys(family: Family, call: &Call) -> Vec<String> {
    let of_provider = || {
        let named = call.with.iter().find(|(name, _)| *name == "provider");
        let provider = named.and_then(|(_, value)| Provider::read(value));
        let headers = webhooks::signatures().into_iter();
        let own = headers.filter(|(known, _, _)| Some(*known) == provider);
        own.map(|(_, header, holds)| format!("{header}: {holds}")).collect()
    };
    match family {
        _ if !call.keyed => Vec::new(),
        Family::Linkrunner => vec!["linkrunner-key: YOUR_SERVER_KEY".to_owned()],
        Family::Faurya => vec!["Authorization: Bearer YOUR_SITE_KEY".to_owned()],
        Family::Webhooks => of_provider(),
        Family::Client | Family::Service | Family::Admin => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_command_of_a_shell() {
        let operation = Operation::new(Family::Faurya, Method::Delete, "/a/{id}", "a");
        let call = Call::new("a", 200, r#"{"a": "it's"}"#).with("id", "x y").with("q", "1");
        assert_eq!(
            curl(&operation, &call),
            "curl -sS -X DELETE 'http://127.0.0.1:8080/a/x y?q=1' \\\n  -H 'Authorization: Bearer \
             YOUR_SITE_KEY' \\\n  -H 'content-type: application/json' \\\n  --data-binary \
             '{\"a\": \"it'\\''s\"}'"
        );
    }
}
