//! The operations as one page for people: HTML and CSS, no scripts, nothing fetched.
//!
//! In: the operations. Out: the page, and the policy under which a browser may show it. Whatever
//! is written goes through [`escaped`].

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::curl::curl;
use super::document::{INTRODUCTION, document, recorded};
use super::operation::{Answer, Call, Family, Operation};
use super::operations;
use crate::core::payment::CAPTURE_FIELDS;

const STYLE: &str = include_str!("page.css");

/// The page as it is served.
#[derive(Debug)]
pub(super) struct Page {
    /// The whole file.
    pub(super) html: String,
    /// Its Content-Security-Policy.
    pub(super) policy: String,
}

/// Writes the page.
pub(super) fn page() -> Page {
    let style = BASE64.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let operations = operations();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta \
         name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Tillpost \
         API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    contents(&mut html, &operations);
    html.push_str("<main>\n");
    introduction(&mut html);
    let writer = Writer { components: document()["components"]["schemas"].take() };
    for family in Family::ALL {
        let (id, name) = (anchor(*family), family.as_str());
        let says = prose(family.meaning());
        let _ = write!(html, "<h2 id=\"{id}\">{name}</h2>\n{says}");
        for operation in operations.iter().filter(|operation| operation.family == *family) {
            writer.operation(&mut html, operation);
        }
    }
    html.push_str("</main>\n</body>\n</html>\n");
    Page { html, policy }
}

fn anchor(family: Family) -> String {
    family.as_str().to_lowercase().replace(' ', "-")
}

fn contents(html: &mut String, operations: &[Operation]) {
    html.push_str("<nav aria-label=\"Contents\">\n<p class=\"title\">Tillpost API</p>\n");
    for family in Family::ALL {
        let _ = write!(html, "<p><a href=\"#{}\">{family}</a></p>\n<ul>\n", anchor(*family));
        for operation in operations.iter().filter(|operation| operation.family == *family) {
            let Operation { id, method, summary, .. } = operation;
            let summary = escaped(summary);
            let _ = writeln!(
                html,
                "<li><a href=\"#{id}\"><span class=\"{method}\">{method}</span> {summary}</a></li>"
            );
        }
        html.push_str("</ul>\n");
    }
    html.push_str("</nav>\n");
}

fn introduction(html: &mut String) {
    let _ = write!(
        html,
        "<h1>Tillpost API</h1>\n{}<p>For programs the same stands in <a \
         href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1). The examples call \
         <code>http://127.0.0.1:8080</code>; each of them is run by a test, and the answers are \
         those that it got.</p>\n",
        prose(INTRODUCTION)
    );
}

/// Writes operations; knows what their schemas refer to.
struct Writer {
    components: Value,
}

impl Writer {
    fn operation(&self, html: &mut String, operation: &Operation) {
        let Operation { id, method, path, summary, says, .. } = operation;
        let path = escaped(path).replace('/', "<wbr>/");
        let _ = write!(
            html,
            "<section id=\"{id}\">\n<h3>{}</h3>\n<p class=\"call\"><span \
             class=\"{method}\">{method}</span> <code>{path}</code></p>\n{}",
            escaped(summary),
            prose(says)
        );
        let _ = writeln!(html, "<p class=\"key\">{}</p>", inline(who(operation.family)));
        html.push_str("<h4>Examples</h4>\n");
        for (index, call) in operation.calls.iter().enumerate() {
            example(html, operation, (call, index == 0));
        }
        if !operation.parameters.is_empty() {
            html.push_str("<h4>Parameters</h4>\n<dl>\n");
            for parameter in &operation.parameters {
                let schema = parameter.schema.clone().value();
                self.field(html, parameter.name, (&schema, parameter.in_path));
            }
            html.push_str("</dl>\n");
        }
        if let Some(body) = &operation.body {
            self.body(html, &body.schema.clone().value(), body.bytes_max);
        }
        html.push_str("<h4>Answers</h4>\n<dl class=\"answers\">\n");
        for answer in &operation.answers {
            let Answer { status, says, headers, .. } = answer;
            let headers = headers.iter().map(|name| format!(" Header <code>{name}</code>."));
            let headers: String = headers.collect();
            let class = if *status < 400 { "good" } else { "bad" };
            let says = inline(says);
            let _ = writeln!(html, "<dt class=\"{class}\">{status}</dt><dd>{says}{headers}</dd>");
        }
        html.push_str("</dl>\n");
        self.shape(html, operation);
        html.push_str("</section>\n");
    }

    fn body(&self, html: &mut String, schema: &Value, bytes_max: usize) {
        let megabytes = bytes_max / 1024 / 1024;
        let _ = writeln!(html, "<h4>Body <span>JSON, at most {megabytes} MB</span></h4>");
        if let Some(says) = schema["description"].as_str() {
            html.push_str(&prose(says));
        }
        self.fields(html, schema);
    }

    /// What the good answers look like.
    fn shape(&self, html: &mut String, operation: &Operation) {
        for answer in operation.answers.iter().filter(|answer| answer.status < 400) {
            let schema = answer.schema.clone().value();
            if schema["properties"].as_object().is_none_or(serde_json::Map::is_empty) {
                continue;
            }
            let status = answer.status;
            let _ = writeln!(html, "<details><summary>Fields of the {status}</summary>");
            self.fields(html, &schema);
            html.push_str("</details>\n");
        }
    }

    /// The members of an object, what must be there first.
    fn fields(&self, html: &mut String, schema: &Value) {
        let schema = self.followed(schema);
        let Some(members) = schema["properties"].as_object() else { return };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut members: Vec<_> = members.iter().collect();
        // Fields of a capture go as its reader has them.
        let place = |name: &str| CAPTURE_FIELDS.iter().position(|known| *known == name);
        members.sort_by_key(|(name, _)| {
            (!required.contains(&name.as_str()), place(name).unwrap_or(usize::MAX))
        });
        if members.is_empty() {
            return;
        }
        html.push_str("<dl>\n");
        for (name, member) in members {
            self.field(html, name, (member, required.contains(&name.as_str())));
        }
        html.push_str("</dl>\n");
    }

    fn field(&self, html: &mut String, name: &str, (schema, required): (&Value, bool)) {
        let must = if required { " <b>required</b>" } else { "" };
        let kind = escaped(&self.kind(schema));
        let name = escaped(name);
        let _ = write!(html, "<dt><code>{name}</code> <i>{kind}</i>{must}</dt><dd>");
        let followed = self.followed(schema);
        let says = schema["description"].as_str().or(followed["description"].as_str());
        html.push_str(&prose(says.unwrap_or_default()));
        let examples: Vec<String> = schema["examples"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|example| format!("<code>{}</code>", escaped(&example.to_string())))
            .collect();
        if !examples.is_empty() {
            let _ = writeln!(html, "<p class=\"like\">Like {}</p>", examples.join(", "));
        }
        let inner = match followed["type"].as_str() {
            Some("array") => &followed["items"],
            _ => followed,
        };
        if self.followed(inner)["properties"].as_object().is_some_and(|fields| !fields.is_empty()) {
            let _ = writeln!(html, "<details><summary>Fields of <code>{name}</code></summary>");
            self.fields(html, inner);
            html.push_str("</details>\n");
        }
        html.push_str("</dd>\n");
    }

    /// What a schema refers to; of several choices the one that says most.
    fn followed<'s>(&'s self, schema: &'s Value) -> &'s Value {
        if let Some(choices) = schema["anyOf"].as_array() {
            let said = choices.iter().find(|choice| choice["$ref"].is_string());
            if let (Some(choice), true) = (said, schema["properties"].is_null()) {
                return self.followed(choice);
            }
        }
        let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) else {
            return schema;
        };
        &self.components[name]
    }

    /// The kind of a value, in the words of JSON.
    fn kind(&self, schema: &Value) -> String {
        let schema = self.followed(schema);
        if let Some(only) = schema.get("const") {
            return only.to_string();
        }
        match &schema["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
                kinds.collect::<Vec<_>>().join(" or ")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                match schema["examples"].get(0) {
                    Some(Value::Number(_)) => "number".to_owned(),
                    Some(Value::String(_)) => "string".to_owned(),
                    Some(Value::Array(_)) => "array".to_owned(),
                    _ => String::new(),
                }
            }
        }
    }
}

/// How a caller of the family says who they are.
fn who(family: Family) -> &'static str {
    match family {
        Family::Linkrunner => "Key: header `linkrunner-key`, the project's `server_key`.",
        Family::Client => {
            "Key: `token` in the body, the project's `client_token`. Where the project has \
             `client_signing`, the headers `x-key-id`, `x-timestamp` and `x-signature` besides."
        }
        Family::Faurya => "Key: `Authorization: Bearer`, the project's `site_key`.",
        Family::Webhooks => "Key: the provider's signature over the body.",
        Family::Service => "No key.",
        Family::Admin => {
            "Admin listener. Key: `Authorization: Bearer`, `[http] admin_token`, where one is set."
        }
    }
}

/// An example; the first of an operation is open.
fn example(html: &mut String, operation: &Operation, (call, is_open): (&Call, bool)) {
    let Call { name, status, .. } = call;
    let class = if *status < 400 { "good" } else { "bad" };
    let before: Vec<String> = call
        .after
        .iter()
        .map(|(id, name)| format!("<a href=\"#{id}\">{}</a>", escaped(name)))
        .collect();
    let before = match before.as_slice() {
        [] => String::new(),
        names => {
            let then = if call.refused { ", once Meta has refused its event" } else { "" };
            format!("<p>after: {}{then}</p>\n", names.join(", "))
        }
    };
    let open = if is_open { " open" } else { "" };
    let curl = escaped(&curl(operation, call));
    let _ = write!(
        html,
        "<details class=\"example\"{open}><summary>{} <span \
         class=\"{class}\">{status}</span></summary>\n{before}<pre class=\"copy\"><code>{curl}</code></pre>\n",
        escaped(name)
    );
    if let Some(answer) = recorded(operation.id, name) {
        let answer = escaped(&format!("{answer:#}"));
        let _ = writeln!(html, "<p>is answered {status}</p>\n<pre><code>{answer}</code></pre>");
    }
    html.push_str("</details>\n");
}

/// Paragraphs and lists, as the descriptions write them.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for part in text.split("\n\n").filter(|part| !part.trim().is_empty()) {
        if part.starts_with("- ") {
            html.push_str("<ul>");
            for line in part.lines() {
                let _ = write!(html, "<li>{}</li>", inline(line.trim_start_matches("- ")));
            }
            html.push_str("</ul>\n");
        } else {
            let _ = writeln!(html, "<p>{}</p>", inline(part));
        }
    }
    html
}

/// Text whose words between backticks are code.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        let part = escaped(part);
        if index % 2 == 1 {
            let _ = write!(html, "<code>{part}</code>");
        } else {
            html.push_str(&part);
        }
    }
    html
}

/// Text that is no HTML, whatever it says.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_html() {
        for (text, html) in [
            ("a < b & c", "a &lt; b &amp; c"),
            ("`<script>`", "<code>&lt;script&gt;</code>"),
            ("\"it's\"", "&quot;it&#39;s&quot;"),
        ] {
            assert_eq!(inline(text), html, "{text}");
        }
    }

    #[test]
    fn the_page_runs_and_fetches_nothing() {
        let Page { html, policy } = page();
        for banned in ["<script", "javascript:", "src=", " on", "@import", "url("] {
            let tags: String = html.split('<').filter_map(|tag| tag.split('>').next()).collect();
            assert!(!tags.contains(banned), "{banned} in a tag");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        let digest = BASE64.encode(Sha256::digest(STYLE));
        assert!(policy.contains(&digest) && html.contains(STYLE));
        for operation in operations() {
            assert!(
                html.contains(&format!("<section id=\"{}\">", operation.id)),
                "{}",
                operation.id
            );
        }
    }
}
