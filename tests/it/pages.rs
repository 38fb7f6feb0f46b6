//! `docs/api.md`, sent: each request on the page, in its order, and the answer printed below it.
//!
//! The comment at the top of the page says how it is written. What is written in tables is compared
//! with the closed lists and limits of the code, so that neither goes on without the other.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tillpost::config::{self, World};
use tillpost::core::decide::{Reason, Verdict};
use tillpost::core::finding::{Code, FINDINGS_MAX};
use tillpost::core::payment::misplaced::KNOWN;
use tillpost::core::payment::reader::TEXT_CHARS_MAX;
use tillpost::core::payment::{ID_CHARS_MAX, PaymentStatus, PaymentType};

use crate::engine::{Engine, KEY, Plan};

const PAGE: &str = include_str!("../../docs/api.md");
const MAPPING: &str = include_str!("../../mappings/commerce.toml");

/// A fenced block: its language, its text, and the line where it begins.
struct Block {
    language: &'static str,
    text: String,
    line: usize,
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in (1..).zip(PAGE.lines()) {
        match (&mut open, text.strip_prefix("```")) {
            (None, Some(language)) => open = Some(Block { language, text: String::new(), line }),
            (None, None) => {}
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(text);
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// A request of the page.
#[derive(Debug)]
struct Request {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    /// Of a `curl` in one line: words, quoted by `'` where they hold blanks.
    fn of_curl(text: &str) -> Self {
        let mut words = Vec::new();
        for (at, part) in text.trim().split('\'').enumerate() {
            if at % 2 == 1 {
                words.push(part);
            } else {
                words.extend(part.split_whitespace());
            }
        }
        let [curl, flags, url, rest @ ..] = words.as_slice() else { panic!("{text}") };
        assert_eq!((*curl, *flags), ("curl", "-sSi"), "{text}");
        let path = url.strip_prefix("http://127.0.0.1:8080").expect("the sandbox's address");
        let mut request = Self { path: path.to_owned(), headers: Vec::new(), body: String::new() };
        for pair in rest.chunks(2) {
            match pair {
                ["-H", header] => request.headers.extend(header_of(header)),
                ["-d", body] => (*body).clone_into(&mut request.body),
                _ => panic!("{pair:?}: {text}"),
            }
        }
        request
    }

    /// Of a request as it is sent: a line, headers, a blank line, the body.
    fn of_http(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").expect("a blank line before the body");
        let mut lines = head.lines();
        let path =
            lines.next().and_then(|line| line.strip_prefix("POST ")).expect("POST and a path");
        let headers = lines.filter_map(header_of).collect();
        Self { path: path.to_owned(), headers, body: body.to_owned() }
    }

    async fn send(&self, engine: &Engine) -> (u16, Value) {
        // The page has the keys of `serve --sandbox`, the harness has its own. A key that the program
        // does not have is left as it is, and refused.
        let ours = |text: &str| {
            let text = text.replace(built_in("SANDBOX_SERVER_KEY"), KEY);
            text.replace(built_in("SANDBOX_CLIENT_TOKEN"), "story-client-token")
        };
        let headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, value)| (name.clone(), ours(value))).collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = engine.post_with(&self.path, &ours(&self.body), &headers).await;
        (answer.status, answer.body)
    }
}

/// A key of `serve --sandbox`, as the program has it.
fn built_in(name: &str) -> &'static str {
    let source = include_str!("../../src/cli/setup.rs");
    let value = source.split_once(&format!("const {name}: &str = \""));
    value.and_then(|(_, rest)| rest.split('"').next()).expect("a constant of the program")
}

fn header_of(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(": ")?;
    Some((name.to_owned(), value.to_owned()))
}

/// The status and the JSON of an answer on the page.
fn answer_of(text: &str) -> (u16, Value) {
    let (head, body) = text.split_once("\n\n").expect("a blank line before the body");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

/// Where an answer is not what the page says; nothing where it is.
fn difference(page: &Value, got: &Value, at: &str) -> Option<String> {
    let differs = || Some(format!("{at}: the page says {page}, the answer is {got}"));
    match (page, got) {
        (Value::String(text), _) if text == "…" => None,
        (Value::String(text), Value::String(got)) => match text.split_once('…') {
            Some((start, end)) if got.starts_with(start) && got.ends_with(end) => None,
            None if text == got => None,
            Some(_) | None => differs(),
        },
        (Value::Object(members), Value::Object(got)) => {
            let is_open = members.contains_key("…");
            if let Some(more) = got.keys().find(|key| !is_open && !members.contains_key(*key)) {
                return Some(format!("{at}: the page has no `{more}`"));
            }
            let mut named = members.iter().filter(|(key, _)| *key != "…");
            named.find_map(|(key, value)| {
                difference(value, got.get(key).unwrap_or(&Value::Null), &format!("{at}/{key}"))
                    .or_else(|| (!got.contains_key(key)).then(|| format!("{at}: no `{key}`")))
            })
        }
        (Value::Array(items), Value::Array(got)) => {
            let named = match items.split_last() {
                Some((Value::String(last), named)) if last == "…" => named,
                _ if items.len() != got.len() => return differs(),
                _ => items,
            };
            if named.len() > got.len() {
                return differs();
            }
            let mut pairs = named.iter().zip(got).enumerate();
            pairs.find_map(|(index, (page, got))| difference(page, got, &format!("{at}/{index}")))
        }
        _ if page == got => None,
        _ => differs(),
    }
}

#[tokio::test]
async fn every_request_of_the_page_is_answered_as_printed() {
    let lines = "client_token = { env = \"CLIENT\" }";
    let engine = Plan::default().project(lines).mapping(MAPPING).start().await;
    let mut asked: Option<(Request, usize)> = None;
    let mut answered = 0;
    for Block { language, text, line } in blocks() {
        let is_answer = text.starts_with("HTTP/1.1 ");
        if is_answer {
            let (request, _) = asked.take().unwrap_or_else(|| panic!("line {line}: no request"));
            let (status, page) = answer_of(&text);
            let (got_status, got) = request.send(&engine).await;
            assert_eq!(got_status, status, "line {line}: {got}");
            let found = difference(&page, &got, "");
            assert!(found.is_none(), "line {line}: {}\n{got:#}", found.unwrap_or_default());
            answered += 1;
            continue;
        }
        if let Some((_, line)) = asked {
            panic!("line {line}: the request has no answer");
        }
        match language {
            "sh" => asked = Some((Request::of_curl(&text), line)),
            "http" => asked = Some((Request::of_http(&text), line)),
            "toml" => loads(&text, line),
            _ => panic!("line {line}: nobody tries out a block of `{language}`"),
        }
    }
    assert!(asked.is_none() && answered > 10, "{answered}");
    // What the answers promise arrives, once each.
    engine.drain().await;
    let arrived = engine.arrived();
    let wanted = ["FIRST_PAYMENT.ABC-1", "WALLET_TOPUP.W-1", "reg-777", "WALLET_TOPUP.W-3"];
    assert!(
        wanted.iter().all(|id| arrived.iter().filter(|got| got == id).count() == 1),
        "{arrived:?}"
    );
    // And the signup of the first user.
    assert_eq!(arrived.len(), wanted.len() + 1, "{arrived:?}");
}

/// A file in memory, and every variable of the environment.
#[derive(Debug)]
struct OnThePage(HashMap<PathBuf, String>);

impl World for OnThePage {
    fn file(&self, path: &Path) -> io::Result<String> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        Some(format!("{}-of-the-page", name.to_lowercase()))
    }
}

/// A project of the page, beside the dataset that the shipped mapping names, is a configuration.
fn loads(project: &str, line: usize) {
    let dataset = "\n[datasets.storefront]\nid = \"1\"\naccess_token = { env = \"T\" }\n";
    let files = OnThePage(HashMap::from([
        ("/page/tillpost.toml".into(), format!("{project}{dataset}")),
        ("/page/mappings/commerce.toml".into(), MAPPING.to_owned()),
    ]));
    let (config, report) = config::load(Path::new("/page/tillpost.toml"), &files);
    let drawn = report.draw(tillpost::core::finding::render::Colour::Never);
    assert!(config.is_some() && drawn.is_empty(), "line {line}: {drawn}");
}

#[test]
fn the_page_names_every_word_field_and_limit() {
    let words = Verdict::words().chain(Reason::words());
    let words = words.chain(PaymentType::words()).chain(PaymentStatus::words()).chain(KNOWN);
    for word in words {
        assert!(PAGE.contains(&format!("`{word}`")), "{word}");
    }
    for limit in [
        format!("| ids | {ID_CHARS_MAX} characters |"),
        format!("| texts beside `event_data` | {TEXT_CHARS_MAX_SHOWN} characters |"),
        format!("| amounts | {} digits |", tillpost::core::money::AMOUNT_DIGITS_MAX),
        format!("| JSON | {} levels", tillpost::core::json::DEPTH_MAX),
        format!("| findings in an answer | {FINDINGS_MAX}, of one code "),
        format!("a list of up to {} values", tillpost::core::user_data::VALUES_MAX),
        format!(
            "up to {} characters |\n| `user_id`",
            tillpost::core::payment::occasion::EVENT_NAME_CHARS_MAX
        ),
    ] {
        assert!(PAGE.contains(&limit), "{limit}");
    }
    assert_eq!(TEXT_CHARS_MAX, 2_048);
    // A code that the page names exists.
    for word in PAGE.split(|c: char| !c.is_ascii_alphanumeric()) {
        let is_code = word.len() == 4
            && word.starts_with(['P', 'E', 'U', 'M', 'C'])
            && word[1..].bytes().all(|byte| byte.is_ascii_digit());
        assert!(!is_code || Code::read(word).is_some(), "{word}");
    }
}

/// With the comma of thousands.
const TEXT_CHARS_MAX_SHOWN: &str = "2,048";

#[test]
fn every_route_stands_on_a_page() {
    let routes = include_str!("../../src/http.rs");
    let routes = routes.split("pub fn admin").next().expect("the public routes");
    let pages =
        [PAGE, include_str!("../../docs/api-faurya.md"), include_str!("../../docs/webhooks.md")];
    let pages = pages.concat();
    let mut count = 0;
    for path in routes.split('"').filter(|text| text.starts_with("/api/")) {
        let name = path.split('/').nth(3).expect("a name behind /api/v1/");
        assert!(
            pages.contains(&format!("`{name}`")) || pages.contains(&format!("/{name}")),
            "{path}"
        );
        count += 1;
    }
    assert!(count > 10, "{count}");
}
