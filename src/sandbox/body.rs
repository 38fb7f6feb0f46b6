//! The body of a request, down to text or to the fields of a form.
//!
//! In: the head and the bytes of a `POST`. Out: a [`Received`], or Meta's answer to a body that
//! cannot be read. Gzip is unpacked and `multipart/form-data` taken apart here, because they are
//! bytes and not text; the other forms are told apart where their text is read (`envelope.rs`).
//! Deliberately absent: JSON. Source: CAPI/using-the-api (curl samples with `-F`), the Java and PHP
//! SDKs, meta-capi.md 1.1. That Meta unpacks gzip is assumed: its pages name no encoding.

use std::io::Read as _;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;

use flate2::read::MultiGzDecoder;

use super::BODY_MAX_BYTES;
use super::answer::Refusal;

/// A body that came in whole.
#[derive(Debug)]
pub(crate) enum Received {
    /// JSON or an urlencoded form.
    Bytes(Bytes),
    /// A form whose parts were bytes.
    Form(Form),
}

/// The fields of a form that the sandbox knows; of repeated ones the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) token: Option<String>,
    pub(crate) test_event_code: Option<String>,
    /// The list of events, as text.
    pub(crate) data: Option<String>,
}

impl Form {
    /// Keeps a field, where it is one the sandbox knows.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        match name {
            "access_token" => self.token = Some(value),
            "test_event_code" => self.test_event_code = Some(value),
            "data" => self.data = Some(value),
            _ => {}
        }
    }
}

/// Reads what came in.
///
/// # Errors
/// Meta's answer to a body that broke off, is too long, or is not what its head says.
pub(crate) async fn receive(
    head: &Parts,
    body: Result<Bytes, BytesRejection>,
) -> Result<Received, Refusal> {
    let bytes = body.map_err(|rejection| {
        Refusal::new(rejection.status().as_u16(), 1, "The request body cannot be read")
    })?;
    let bytes = unpack(head, bytes)?;
    if is_multipart(head) {
        let request = Request::from_parts(head.clone(), Body::from(bytes));
        let form = read_parts(request).await.ok_or_else(not_multipart)?;
        return Ok(Received::Form(form));
    }
    Ok(Received::Bytes(bytes))
}

/// The bytes as they were before they were packed.
fn unpack(head: &Parts, bytes: Bytes) -> Result<Bytes, Refusal> {
    let encodings = head.headers.get_all(CONTENT_ENCODING).iter();
    let named: Vec<String> = encodings
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(|word| word.trim().to_ascii_lowercase())
        .filter(|word| !word.is_empty() && word != "identity")
        .collect();
    match named.as_slice() {
        [] => Ok(bytes),
        [one] if matches!(one.as_str(), "gzip" | "x-gzip") => inflate(&bytes),
        _ => Err(Refusal::new(
            415,
            100,
            "(#100) The sandbox reads the content encodings gzip and identity, and no other",
        )),
    }
}

/// Unpacks no more than a body may be long: a few bytes can stand for many.
fn inflate(packed: &[u8]) -> Result<Bytes, Refusal> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(BODY_MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(packed).take(limit).read_to_end(&mut bytes);
    if read.is_err() {
        return Err(Refusal::of_request("The request body is not valid gzip"));
    }
    if BODY_MAX_BYTES < bytes.len() {
        return Err(Refusal::new(413, 1, "The request body is too long once it is unpacked"));
    }
    Ok(bytes.into())
}

fn is_multipart(head: &Parts) -> bool {
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type
        .and_then(|value| value.get(.."multipart/".len()))
        .is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
}

/// The form; `None` where it is not well made or not text.
async fn read_parts(request: Request) -> Option<Form> {
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.ok()? {
        let name = part.name().unwrap_or_default().to_owned();
        // A field nobody knows may be a file; only what is read must be text.
        let bytes = part.bytes().await.ok()?;
        if matches!(name.as_str(), "access_token" | "test_event_code" | "data") {
            form.set(&name, String::from_utf8(bytes.into()).ok()?);
        }
    }
    Some(form)
}

fn not_multipart() -> Refusal {
    Refusal::of_request("The request body is not valid multipart/form-data")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>, (u16, i64)> {
        match received(headers, body) {
            Ok(Received::Bytes(bytes)) => Ok(bytes.into()),
            Ok(Received::Form(form)) => Ok(form.data.unwrap().into_bytes()),
            Err(refusal) => Err((refusal.status, refusal.code)),
        }
    }

    #[test]
    fn packed_bodies_are_unpacked() {
        let (text, encoding) = (b"{\"data\":[]}".to_vec(), "content-encoding");
        let gzip = packed(&text);
        let (front, back) = text.split_at(5);
        let in_two = [packed(front), packed(back)].concat();
        let parts = field("data", "", "[7]") + "--X--\r\n";
        let form = [("content-type", "multipart/form-data; boundary=X"), (encoding, "gzip")];
        assert_eq!(unpacked(&form, &packed(parts.as_bytes())), Ok(b"[7]".to_vec()));
        for (words, body, expect) in [
            (vec![], &text, Ok(text.clone())),
            (vec!["identity"], &text, Ok(text.clone())),
            (vec![""], &text, Ok(text.clone())),
            (vec!["gzip"], &gzip, Ok(text.clone())),
            (vec!["GZIP"], &gzip, Ok(text.clone())),
            (vec!["x-gzip"], &gzip, Ok(text.clone())),
            (vec!["identity, gzip"], &gzip, Ok(text.clone())),
            (vec!["gzip"], &in_two, Ok(text.clone())),
            (vec!["gzip"], &text, Err((400, 100))),
            (vec!["gzip"], &gzip[..gzip.len() - 1].to_vec(), Err((400, 100))),
            (vec!["gzip"], &Vec::new(), Err((400, 100))),
            (vec!["gzip", "gzip"], &gzip, Err((415, 100))),
            (vec!["br"], &gzip, Err((415, 100))),
            (vec!["deflate"], &gzip, Err((415, 100))),
        ] {
            let headers: Vec<_> = words.iter().map(|word| (encoding, *word)).collect();
            assert_eq!(unpacked(&headers, body), expect, "{words:?}");
        }
    }

    #[test]
    fn a_body_may_not_grow_beyond_its_limit() {
        let headers = [("content-encoding", "gzip")];
        let longest = vec![b' '; BODY_MAX_BYTES];
        assert_eq!(unpacked(&headers, &packed(&longest)).map(|b| b.len()), Ok(BODY_MAX_BYTES));
        let bomb = vec![b' '; BODY_MAX_BYTES + 1];
        assert_eq!(unpacked(&headers, &packed(&bomb)), Err((413, 1)));
    }

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn received(headers: &[(&str, &str)], body: &[u8]) -> Result<Received, Refusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(receive(&head(headers), Ok(Bytes::copy_from_slice(body))))
    }

    fn form(content_type: &str, body: &str) -> Option<Form> {
        match received(&[("content-type", content_type)], body.as_bytes()) {
            Ok(Received::Form(form)) => Some(form),
            Ok(Received::Bytes(_)) => unreachable!("{content_type} is taken for text"),
            Err(refusal) => {
                assert_eq!((refusal.status, refusal.code), (400, 100), "{body}");
                None
            }
        }
    }

    fn field(name: &str, head: &str, value: &str) -> String {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"{head}\r\n\r\n{value}\r\n")
    }

    #[test]
    fn a_form_in_parts_is_read_as_curl_and_the_sdks_write_it() {
        let text = |value: &str| Some(value.to_owned());
        // As Java's SDK: a type and a charset on each part, and a boundary in quotes.
        let java = field("data", "\r\nContent-Type: text/plain;charset=UTF-8", "[{\"a\":\"é\"}]");
        let file = field("data", "; filename=\"events.json\"", "[]");
        let mut twice = field("data", "", "[1]") + &field("data", "", "[2]");
        twice += &field("test_event_code", "", "T");
        let unknown = field("picture", "; filename=\"p\"", "x") + &field("access_token", "", "t");
        for (fields, expect) in [
            (field("access_token", "", "t\u{f6}k"), Form { token: text("tök"), ..Form::default() }),
            (java, Form { data: text("[{\"a\":\"é\"}]"), ..Form::default() }),
            (file, Form { data: text("[]"), ..Form::default() }),
            (twice, Form { data: text("[2]"), test_event_code: text("T"), token: None }),
            (unknown, Form { token: text("t"), ..Form::default() }),
        ] {
            for content_type in
                ["multipart/form-data; boundary=X", "Multipart/Form-Data; boundary=\"X\""]
            {
                let body = format!("{fields}--X--\r\n");
                assert_eq!(form(content_type, &body), Some(expect.clone()), "{body}");
            }
        }
    }

    #[test]
    fn parts_that_are_not_well_made_are_refused() {
        let right = "multipart/form-data; boundary=X";
        for (content_type, body) in [
            (right, "--x"),
            (right, ""),
            (right, "--X\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n[]"),
            ("multipart/form-data", "--X--"),
            ("multipart/mixed; boundary=X", "--X--"),
        ] {
            assert_eq!(form(content_type, body), None, "{content_type} {body}");
        }
        let mut body = field("data", "", "?").into_bytes();
        body.extend(b"--X--\r\n");
        let at = body.iter().position(|byte| *byte == b'?').unwrap();
        body[at] = 0xFF;
        assert!(received(&[("content-type", right)], &body).is_err(), "not text");
    }
}
