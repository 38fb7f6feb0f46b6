//! As much HTTP as a load needs: finding the end of a message, without taking anything.
//!
//! Both ends of a measurement read with this: the generator its answers, the empty server its
//! requests. Deliberately absent: whatever neither the service nor the stand-in sends (chunks,
//! trailers, a length that is missing).

use memchr::memmem;

/// A message that has arrived whole, as places in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    /// Where the body begins.
    pub(super) body: usize,
    /// Where the message ends.
    pub(super) end: usize,
}

/// The first message, if all of it has arrived. A head without a length has no body.
pub(super) fn message(bytes: &[u8]) -> Option<Message> {
    let message = announced(bytes)?;
    (message.end <= bytes.len()).then_some(message)
}

/// The first message, if its head has arrived.
pub(super) fn announced(bytes: &[u8]) -> Option<Message> {
    let body = memmem::find(bytes, b"\r\n\r\n")? + 4;
    Some(Message { body, end: body + length(&bytes[..body]) })
}

/// The length of the body, as the head says it.
fn length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let named = memchr::memchr_iter(b'\n', head).find_map(|end| {
        let line = head.get(end + 1..end + 1 + NAME.len())?;
        line.eq_ignore_ascii_case(NAME).then(|| &head[end + 1 + NAME.len()..])
    });
    let digits = named.unwrap_or_default().trim_ascii_start();
    let digits = digits.iter().take_while(|digit| digit.is_ascii_digit());
    digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}

/// The head of a request with a body of this length.
pub(super) fn head(path: &str, key: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nlinkrunner-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_its_head_says() {
        for (text, expected) in [
            ("", None),
            ("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n", None),
            ("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{", None),
            ("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}", Some((43, 45))),
            ("HTTP/1.1 201 Created\r\nContent-Length:2\r\ndate: x\r\n\r\n{}HTTP", Some((51, 53))),
            ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", Some((27, 27))),
        ] {
            let expected = expected.map(|(body, end)| Message { body, end });
            assert_eq!(message(text.as_bytes()), expected, "{text:?}");
        }
    }
}
