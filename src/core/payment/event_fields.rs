//! Reads what a payment says of its event: pages, opting out, limited data use, an earlier event.
//!
//! In: the fields of a capture. Out: [`EventFields`] and the choice of data processing. A value
//! that cannot be used is left out with a warning (P205); one of the wrong kind is a fault of the
//! body, like any other field's. A choice of data processing that cannot be read is neither: it is
//! kept as unknown and blocks the event (E239).
//!
//! Source: Meta, "Conversions API / Parameters / Server event".

use std::borrow::Cow;

use super::misplaced;
use super::personal::{self, is_address};
use super::reader::{BodyReader, TEXT_CHARS_MAX};
use crate::core::finding::{Code, Finding};
use crate::core::json::{self, Fields, Json};
use crate::core::meta::data_processing::{DataProcessing, LIMITED, Region};
use crate::core::meta::event_fields::{
    CustomerSegmentation, EventFields, MessagingChannel, OriginalEvent,
};
use crate::core::names::{one_of, suggestion};
use crate::core::time::Timestamp;

/// The keys of limited data use: options, country, state.
const DATA_PROCESSING: [&str; 3] =
    ["data_processing_options", "data_processing_options_country", "data_processing_options_state"];

/// Reads the fields.
pub fn read(reader: &mut BodyReader<'_, '_>) -> EventFields {
    let segments: List<_> =
        (CustomerSegmentation::read, || CustomerSegmentation::words().collect());
    let channels: List<_> = (MessagingChannel::read, || MessagingChannel::words().collect());
    EventFields {
        event_source_url: web_address("event_source_url", reader),
        referrer_url: web_address("referrer_url", reader),
        opt_out: opt_out(reader),
        original_event_data: original_event(reader),
        customer_segmentation: word("customer_segmentation", segments, reader),
        messaging_channel: word("messaging_channel", channels, reader),
    }
}

/// Reads the choice of data processing, if one was made.
#[must_use]
pub fn data_processing(
    reader: &BodyReader<'_, '_>,
    event_data: Option<&Json<'_>>,
) -> Option<DataProcessing> {
    // Somebody wants a person's data used less, at a place where nobody would hear it.
    let is_choice = |(key, _): &(Cow<'_, str>, Json<'_>)| {
        let is_almost = || misplaced::refusal(key).is_some_and(|meant| meant != misplaced::OPT_OUT);
        key.starts_with("data_processing") || is_almost()
    };
    let elsewhere = [event_data, reader.get("user_data")].into_iter().flatten();
    let unheard = elsewhere.filter_map(json::fields).any(|fields| fields.iter().any(is_choice));
    let mut own = reader.fields().iter().filter(|field| is_choice(field));
    let misspelt = own.any(|(key, _)| !DATA_PROCESSING.contains(&&**key));
    if unheard || misspelt {
        return Some(DataProcessing::Unknown);
    }
    let [options, country, state] = DATA_PROCESSING.map(|key| reader.get(key));
    let Some(options) = options else {
        // A place without the option itself: something was meant, and nobody knows what.
        return (country.is_some() || state.is_some()).then_some(DataProcessing::Unknown);
    };
    let Json::Array(options) = options else { return Some(DataProcessing::Unknown) };
    let number = |value: Option<&Json<'_>>| json::text_or_number(value?)?.parse::<u64>().ok();
    match options.as_slice() {
        [] => Some(DataProcessing::Unrestricted),
        [only] if json::text(only) == Some(LIMITED) => {
            let region = number(country).zip(number(state));
            let known = region.and_then(|(country, state)| Region::read(country, state));
            Some(DataProcessing::limited(known))
        }
        _ => Some(DataProcessing::Unknown),
    }
}

fn left_out(reader: &mut BodyReader<'_, '_>, key: &str, reason: &str, help: String) {
    let says = format!("`{key}` {reason}; it was left out");
    let finding = Finding::in_body(Code::EventFieldRefused, reader.pointer(key), says);
    reader.findings.push(finding.help(help));
}

/// An address of a page. Meta takes http and https.
fn web_address(key: &str, reader: &mut BodyReader<'_, '_>) -> Option<String> {
    let value = reader.get(key)?;
    let Some(text) = json::text(value).map(str::trim) else {
        reader.kind(key, "text", value);
        return None;
    };
    if text.is_empty() {
        return None;
    }
    let (address, was_personal) = personal::clean_address(text);
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        let start = address.get(..scheme.len());
        let is_scheme = start.is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        is_scheme && address.len() > scheme.len()
    });
    if !is_web || text.chars().nth(TEXT_CHARS_MAX).is_some() {
        let reason =
            format!("is not an http or https address of up to {TEXT_CHARS_MAX} characters");
        left_out(reader, key, &reason, "send https://shop.example/thank-you".to_owned());
        return None;
    }
    if was_personal {
        let says = format!("`{key}` held a person's data; that part was neither stored nor sent");
        let finding = Finding::in_body(Code::PersonalData, reader.pointer(key), says);
        reader
            .findings
            .push(finding.help("leave e-mail addresses and phones out of page addresses"));
    }
    Some(address)
}

fn opt_out(reader: &mut BodyReader<'_, '_>) -> Option<bool> {
    let value = reader.get("opt_out").filter(|value| !json::is_blank(value))?;
    if let Json::Bool(flag) = value {
        return Some(*flag);
    }
    reader.kind("opt_out", "true or false", value);
    None
}

/// A word of one of Meta's closed lists: how it is read, and every word of it.
type List<W> = (fn(&str) -> Option<W>, fn() -> Vec<&'static str>);

fn word<W>(key: &str, list: List<W>, reader: &mut BodyReader<'_, '_>) -> Option<W> {
    let value = reader.get(key)?;
    let Some(text) = json::text(value) else {
        reader.kind(key, "text", value);
        return None;
    };
    if text.trim().is_empty() {
        return None;
    }
    let (named, words) = list;
    let found = named(text);
    if found.is_none() {
        let help = match suggestion(text, words()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("send {}", one_of(words())),
        };
        left_out(reader, key, "is not one of Meta's words", help);
    }
    found
}

fn original_event(reader: &mut BodyReader<'_, '_>) -> Option<OriginalEvent> {
    const KEY: &str = "original_event_data";
    let value = reader.get(KEY).filter(|value| !json::is_blank(value))?;
    let Some(fields) = json::fields(value) else {
        reader.kind(KEY, "an object", value);
        return None;
    };
    let found = original(fields);
    if found.is_none() {
        let help = r#"send {"event_name": "Purchase", "event_time": 1772280000, "event_id": "…"}"#;
        left_out(reader, KEY, "must name an event and its time in Unix seconds", help.to_owned());
    }
    found
}

fn original(fields: &Fields<'_>) -> Option<OriginalEvent> {
    let id = |key: &str| {
        let text = json::text_or_number(json::get(fields, key)?)?.trim();
        let usable = !text.is_empty() && !is_address(text) && text.len() <= TEXT_CHARS_MAX;
        usable.then(|| text.to_owned())
    };
    let time = json::text_or_number(json::get(fields, "event_time")?)?;
    let event_time = Timestamp::read(time).ok()?.seconds();
    // What is stored as seconds must be read as seconds again: not a year far beyond this.
    Timestamp::read(&event_time.to_string()).ok()?;
    Some(OriginalEvent {
        event_name: id("event_name")?,
        event_time,
        order_id: id("order_id"),
        event_id: id("event_id"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finding::At;

    fn fields(body: &str) -> (EventFields, Option<DataProcessing>, Vec<(Code, At)>) {
        let Ok(Json::Object(fields)) = json::read(body.as_bytes()) else {
            unreachable!("the rows are objects: {body}")
        };
        let mut reader = BodyReader::new(&fields);
        let choice = data_processing(&reader, reader.get("event_data"));
        let read = read(&mut reader);
        let said = reader.findings.iter().map(|found| (found.code, found.at.clone())).collect();
        (read, choice, said)
    }

    #[test]
    fn what_can_be_used_is_written_as_meta_reads_it() {
        let (read, _, said) = fields(
            r#"{"event_source_url":"https://shop.example/a","referrer_url":" HTTP://x.example ",
            "opt_out":true,"customer_segmentation":"new_customer_to_business",
            "messaging_channel":"","original_event_data":
            {"event_name":"Purchase","event_time":1772280000,"order_id":7,"event_id":null}}"#,
        );
        assert_eq!(said, []);
        assert_eq!(
            serde_json::to_string(&read).expect("JSON"),
            concat!(
                r#"{"event_source_url":"https://shop.example/a","referrer_url":"HTTP://x.example","#,
                r#""opt_out":true,"original_event_data":{"event_name":"Purchase","#,
                r#""event_time":1772280000,"order_id":"7"},"#,
                r#""customer_segmentation":"new_customer_to_business"}"#
            )
        );
    }

    #[test]
    fn what_cannot_be_used_costs_itself_only() {
        for (key, value) in [
            ("event_source_url", r#""app://shop""#.to_owned()),
            ("referrer_url", r#""https://""#.to_owned()),
            ("customer_segmentation", r#""new""#.to_owned()),
            ("messaging_channel", r#""sms""#.to_owned()),
            ("referrer_url", format!(r#""https://{}""#, "x".repeat(TEXT_CHARS_MAX))),
            (
                "original_event_data",
                r#"{"event_name":"P","event_time":"9999-01-01T00:00:00Z"}"#.to_owned(),
            ),
            ("original_event_data", r#"{"event_name":"Purchase"}"#.to_owned()),
            ("original_event_data", r#"{"event_time":1772280000}"#.to_owned()),
            ("original_event_data", r#"{"event_name":"P","event_time":1772280000000}"#.to_owned()),
        ] {
            let (read, _, said) = fields(&format!(r#"{{"{key}":{value}}}"#));
            let at = At::Pointer(format!("/{key}"));
            assert_eq!(said, [(Code::EventFieldRefused, at)], "{key}: {value}");
            assert_eq!(read, EventFields::default(), "{key}: {value}");
        }
        for (key, value) in [
            ("event_source_url", "7"),
            ("opt_out", r#""yes""#),
            ("customer_segmentation", "{}"),
            ("messaging_channel", "true"),
            ("original_event_data", r#""Purchase""#),
        ] {
            let (_, _, said) = fields(&format!(r#"{{"{key}":{value}}}"#));
            assert_eq!(said, [(Code::FieldKind, At::Pointer(format!("/{key}")))], "{key}");
        }
    }

    #[test]
    fn a_choice_of_data_processing_is_known_or_unknown_and_never_lost() {
        use DataProcessing::{Unknown, Unrestricted};
        let limited = |country, state| DataProcessing::limited(Region::read(country, state));
        for (body, expected) in [
            ("{}", None),
            (r#"{"dataProcessingOptions":["LDU"]}"#, Some(Unknown)),
            (r#"{"ldu":true}"#, Some(Unknown)),
            (r#"{"event_data":{"limitedDataUse":true}}"#, Some(Unknown)),
            (r#"{"data_processing_options":null}"#, None),
            (r#"{"data_processing_options":[]}"#, Some(Unrestricted)),
            (
                r#"{"data_processing_options":["LDU"],"data_processing_options_country":0,"data_processing_options_state":0}"#,
                Some(limited(0, 0)),
            ),
            (
                r#"{"data_processing_options":["LDU"],"data_processing_options_country":1,"data_processing_options_state":1000}"#,
                Some(limited(1, 1000)),
            ),
            (
                r#"{"data_processing_options":["LDU"],"data_processing_options_country":1,"data_processing_options_state":9}"#,
                Some(Unknown),
            ),
            (r#"{"data_processing_options":["LDU"]}"#, Some(Unknown)),
            (r#"{"data_processing_options":["ldu"]}"#, Some(Unknown)),
            (r#"{"data_processing_options":"LDU"}"#, Some(Unknown)),
            (r#"{"data_processing_options":["LDU","x"]}"#, Some(Unknown)),
            (r#"{"data_processing_options_country":1}"#, Some(Unknown)),
            (r#"{"data_processing_option":["LDU"]}"#, Some(Unknown)),
            (r#"{"limited_data_use":true}"#, Some(Unknown)),
            (r#"{"event_data":{"data_processing_options":["LDU"]}}"#, Some(Unknown)),
            (r#"{"user_data":{"data_processing_options":["LDU"]}}"#, Some(Unknown)),
        ] {
            let (_, choice, said) = fields(body);
            assert_eq!((choice, said), (expected, vec![]), "{body}");
        }
    }
}
