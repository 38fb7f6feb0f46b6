//! Reading a fault script: JSON in, a [`Script`] or the list of all its mistakes out.
//!
//! A script is `{"faults": [{"do": "throttle", "times": 2}, …]}`. Every key is checked, and an
//! unknown one is a mistake, so that a misspelt `times` does not last for ever. Deliberately
//! absent: what the faults do (`faults.rs`).

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::answer::clip;
use super::codes::is_throttle;
use super::faults::{Act, Fault, Script, Words};
use super::manual;
use super::rules::complaint::{NO_VALUE, SCHEMA};

/// Longest wait a script may order, in milliseconds: an hour.
const STALL_MAX_MS: u64 = 3_600_000;
/// Most bytes that `cut` lets through: longer than every answer.
const CUT_MAX_BYTES: u64 = 1_000_000;
/// Longest time until an ad account's limit is free again.
const SECONDS_MAX: u64 = 6_000_000;
/// The largest code of an answer, on either side of 0.
const CODE_MAX: i64 = 99_999_999;
/// Most faults of one script.
const FAULTS_MAX: usize = 1_000;

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// Every mistake in it, each naming its place.
    pub fn read(text: &[u8]) -> Result<Self, Vec<String>> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| vec![format!("the script is not JSON: {error}")])?;
        let mut mistakes = Vec::new();
        let mut faults = Vec::new();
        for (number, fault) in listed(&value, &mut mistakes).iter().enumerate() {
            faults.extend(read_fault(fault, format!("faults[{number}]"), &mut mistakes));
        }
        if mistakes.is_empty() { Ok(Self { faults }) } else { Err(mistakes) }
    }
}

/// The list under `faults`, which is the only key of a script.
fn listed<'a>(value: &'a Value, mistakes: &mut Vec<String>) -> &'a [Value] {
    let Value::Object(members) = value else {
        mistakes.push("a script is an object with the key `faults`".to_owned());
        return &[];
    };
    for key in members.keys().filter(|key| *key != "faults") {
        mistakes.push(format!("`{}` is not a key of a script (known: faults)", clip(key)));
    }
    match members.get("faults") {
        Some(Value::Array(faults)) if faults.len() <= FAULTS_MAX => faults,
        Some(Value::Array(_)) => {
            mistakes.push(format!("`faults` holds more than {FAULTS_MAX}"));
            &[]
        }
        _ => {
            mistakes.push("`faults` is a list of objects".to_owned());
            &[]
        }
    }
}

fn read_fault(value: &Value, at: String, mistakes: &mut Vec<String>) -> Option<Fault> {
    let Value::Object(members) = value else {
        mistakes.push(format!("{at}: a fault is an object such as {{\"do\": \"throttle\"}}"));
        return None;
    };
    let before = mistakes.len();
    let mut reader = Reader { at, members, known: Vec::new(), mistakes };
    let act = read_act(&mut reader)?;
    let times = reader.number("times", 1..=u64::from(u32::MAX)).and_then(narrow);
    let dataset_id = reader.text("dataset_id");
    let holding = reader.text("holding");
    reader.finish();
    (mistakes.len() == before).then_some(Fault { act, times, dataset_id, holding })
}

/// What the fault does; `None`, with the mistake noted, where `do` names nothing.
fn read_act(reader: &mut Reader<'_>) -> Option<Act> {
    let name = reader.text("do");
    Some(match name.as_deref() {
        Some("throttle") => Act::Throttle {
            code: reader.throttle_code(),
            subcode: reader.subcode(),
            status: reader.status(400..=599).unwrap_or(400),
            retry_minutes: reader.minutes(),
        },
        Some("fail") => read_fail(reader),
        Some("stall") => Act::Stall {
            ms: reader.needed("ms", |reader| reader.number("ms", 0..=STALL_MAX_MS)),
            accepted: reader.flag("accepted").unwrap_or(true),
        },
        Some("reset") => Act::Reset { accepted: reader.flag("accepted").unwrap_or(false) },
        Some("drip") => {
            Act::Drip { ms: reader.needed("ms", |reader| reader.number("ms", 0..=STALL_MAX_MS)) }
        }
        Some("cut") => Act::Cut {
            bytes: reader
                .needed("bytes", |r| r.number("bytes", 0..=CUT_MAX_BYTES)?.try_into().ok()),
            accepted: reader.flag("accepted").unwrap_or(false),
        },
        Some("wrong_json") => Act::WrongJson {
            status: reader.status(200..=599).unwrap_or(200),
            accepted: reader.flag("accepted").unwrap_or(false),
        },
        Some("html") => Act::Html {
            status: reader.status(200..=599).unwrap_or(502),
            accepted: reader.flag("accepted").unwrap_or(false),
        },
        Some("refuse_event") => {
            let index =
                reader.needed("index", |reader| reader.number("index", 0..=999)?.try_into().ok());
            let (name_index, subcode) = read_complaint(reader);
            Act::RefuseEvent { index, name_index, subcode }
        }
        Some("refuse_event_id") => {
            let event_id = reader.needed("event_id", |reader| reader.text("event_id"));
            let (name_index, subcode) = read_complaint(reader);
            Act::RefuseEventId { event_id, name_index, subcode }
        }
        Some("token_revoked") => Act::TokenRevoked,
        Some("dataset_missing") => Act::DatasetMissing,
        Some("usage") => read_usage(reader),
        Some(_) | None => {
            let known: Vec<&str> = manual::names().collect();
            let guess = name.and_then(|name| manual::meant(&name, manual::names()));
            let guess = guess.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
            reader.mistake(&format!("{guess}`do` is one of: {}", known.join(", ")));
            return None;
        }
    })
}

/// A failure; without a status, 500 for the codes Meta says are temporary and 400 for others.
fn read_fail(reader: &mut Reader<'_>) -> Act {
    let code = reader.code().unwrap_or(2);
    let status = reader.status(400..=599).unwrap_or(if code <= 2 { 500 } else { 400 });
    let subcode = reader.subcode();
    let words = Words {
        message: reader.text("message"),
        title: reader.text("title"),
        user_msg: reader.text("user_msg"),
        kind: reader.text("type"),
        is_transient: reader.flag("is_transient"),
    };
    Act::Fail { status, code, subcode, empty: reader.flag("empty").unwrap_or(false), words }
}

/// Usage to be told: one percent for all three metrics, or one for each.
fn read_usage(reader: &mut Reader<'_>) -> Act {
    let all = reader.percent("percent");
    let metrics = ["call_count", "total_time", "total_cputime"].map(|key| reader.percent(key));
    let account_percent = reader.percent("account_percent");
    if all.or(account_percent).is_none() && metrics.iter().all(Option::is_none) {
        reader.mistake("`percent` is missing");
    }
    let [call_count, total_time, total_cputime] = metrics.map(|one| one.or(all).unwrap_or(0));
    let reset_seconds = reader.number("reset_seconds", 0..=SECONDS_MAX).and_then(narrow);
    if reset_seconds.is_some() && account_percent.is_none() {
        reader.mistake("`reset_seconds` goes with `account_percent`");
    }
    let retry_minutes = reader.minutes();
    Act::Usage {
        call_count,
        total_time,
        total_cputime,
        retry_minutes,
        account_percent,
        reset_seconds,
    }
}

/// Whether the answer names the event, and its subcode. Meta's schema fault names it, its business
/// rules do not; a script that does not say which gets a Purchase without a value for the latter.
fn read_complaint(reader: &mut Reader<'_>) -> (bool, u32) {
    let flag = reader.flag("name_index");
    let subcode = reader.subcode();
    let name_index = flag.unwrap_or(subcode.is_none_or(|subcode| subcode == SCHEMA.subcode));
    let usual = if name_index { SCHEMA.subcode } else { NO_VALUE.subcode };
    let subcode = subcode.unwrap_or(usual);
    if name_index && subcode != SCHEMA.subcode {
        reader
            .mistake("`name_index` goes with the subcode 2804019: no other answer names an event");
    }
    (name_index, subcode)
}

/// Reads the keys of one fault and notes every mistake.
struct Reader<'a> {
    at: String,
    members: &'a Map<String, Value>,
    known: Vec<&'static str>,
    mistakes: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.mistake(&format!("`{key}` is a whole number from {low} to {high}"));
        }
        number
    }

    fn flag(&mut self, key: &'static str) -> Option<bool> {
        let flag = self.value(key)?.as_bool();
        if flag.is_none() {
            self.mistake(&format!("`{key}` is true or false"));
        }
        flag
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        let text = self.value(key)?.as_str().map(str::to_owned);
        if text.is_none() {
            self.mistake(&format!("`{key}` is text"));
        }
        text
    }

    /// Any code but 0. Meta's internal ones are negative.
    fn code(&mut self) -> Option<i64> {
        let code = self.value("code")?.as_i64();
        let code = code.filter(|code| *code != 0 && (-CODE_MAX..=CODE_MAX).contains(code));
        if code.is_none() {
            self.mistake(&format!("`code` is a whole number up to {CODE_MAX}, but not 0"));
        }
        code
    }

    /// The code of a rate limit, 4 unless another is given.
    fn throttle_code(&mut self) -> i64 {
        let Some(code) = self.code() else { return 4 };
        if !is_throttle(code) {
            self.mistake("`code` is one of Meta's rate limits: 4, 17, 32, 613, 80000 to 80014");
        }
        code
    }

    fn percent(&mut self, key: &'static str) -> Option<u8> {
        self.number(key, 0..=100).and_then(|percent| percent.try_into().ok())
    }

    fn subcode(&mut self) -> Option<u32> {
        self.number("subcode", 1..=u64::from(u32::MAX)).and_then(narrow)
    }

    fn status(&mut self, range: RangeInclusive<u64>) -> Option<u16> {
        self.number("status", range).and_then(|status| status.try_into().ok())
    }

    fn minutes(&mut self) -> Option<u32> {
        self.number("retry_minutes", 0..=100_000).and_then(narrow)
    }

    /// A key that must be there. The default stands in only where a mistake is noted.
    fn needed<T: Default>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> T {
        if !self.members.contains_key(key) {
            self.mistake(&format!("`{key}` is missing"));
        }
        read(self).unwrap_or_default()
    }

    fn value(&mut self, key: &'static str) -> Option<&Value> {
        self.known.push(key);
        self.members.get(key)
    }

    fn mistake(&mut self, says: &str) {
        self.mistakes.push(format!("{}: {says}", self.at));
    }

    /// Notes the keys nobody asked for.
    fn finish(self) {
        let known = self.known.join(", ");
        for key in self.members.keys().filter(|key| !self.known.contains(&key.as_str())) {
            let guess = manual::meant(key, self.known.iter().copied());
            let guess = guess.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            let (at, key) = (&self.at, clip(key));
            self.mistakes
                .push(format!("{at}: `{key}` is not a key of this fault{guess} (known: {known})"));
        }
    }
}

fn narrow(number: u64) -> Option<u32> {
    number.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fault as it is written, and as it is understood.
    fn written() -> Vec<(&'static str, Act)> {
        let mut rows = failures();
        rows.extend(refusals());
        rows.extend([
            (r#"{"do":"stall","ms":250,"times":1}"#, Act::Stall { ms: 250, accepted: true }),
            (r#"{"do":"reset"}"#, Act::Reset { accepted: false }),
            (r#"{"do":"drip","ms":500}"#, Act::Drip { ms: 500 }),
            (r#"{"do":"cut","bytes":10,"accepted":true}"#, Act::Cut { bytes: 10, accepted: true }),
            (r#"{"do":"wrong_json"}"#, Act::WrongJson { status: 200, accepted: false }),
            (r#"{"do":"html","accepted":true}"#, Act::Html { status: 502, accepted: true }),
            (r#"{"do":"token_revoked"}"#, Act::TokenRevoked),
            (r#"{"do":"dataset_missing"}"#, Act::DatasetMissing),
            (r#"{"do":"usage","percent":80}"#, usage([80, 80, 80], None)),
            (
                r#"{"do":"usage","percent":5,"total_time":70,"account_percent":90,
                    "reset_seconds":30}"#,
                usage([5, 70, 5], Some((90, 30))),
            ),
        ]);
        rows
    }

    fn failures() -> Vec<(&'static str, Act)> {
        let throttle = |code, subcode, status, retry_minutes| Act::Throttle {
            code,
            subcode,
            status,
            retry_minutes,
        };
        let fail = |status, code, subcode, empty| Act::Fail {
            status,
            code,
            subcode,
            empty,
            words: Words::default(),
        };
        let text = |text: &str| Some(text.to_owned());
        let words = Words {
            message: text("m"),
            title: text("t"),
            user_msg: text("u"),
            kind: text("k"),
            is_transient: Some(false),
        };
        vec![
            (r#"{"do":"throttle"}"#, throttle(4, None, 400, None)),
            (r#"{"do":"throttle","code":17,"retry_minutes":1}"#, throttle(17, None, 400, Some(1))),
            (
                r#"{"do":"throttle","status":429,"subcode":1504022}"#,
                throttle(4, Some(1_504_022), 429, None),
            ),
            (r#"{"do":"fail","times":3}"#, fail(500, 2, None, false)),
            (r#"{"do":"fail","code":190,"subcode":463}"#, fail(400, 190, Some(463), false)),
            (r#"{"do":"fail","status":503,"empty":true}"#, fail(503, 2, None, true)),
            (
                r#"{"do":"fail","code":-3,"message":"m","title":"t","user_msg":"u","type":"k",
                    "is_transient":false}"#,
                Act::Fail { status: 500, code: -3, subcode: None, empty: false, words },
            ),
        ]
    }

    fn refusals() -> Vec<(&'static str, Act)> {
        let refuse = |index, name_index, subcode| Act::RefuseEvent { index, name_index, subcode };
        let event_id = "a".to_owned();
        vec![
            (r#"{"do":"refuse_event","index":7}"#, refuse(7, true, 2_804_019)),
            (r#"{"do":"refuse_event","index":0,"subcode":2804003}"#, refuse(0, false, 2_804_003)),
            (
                r#"{"do":"refuse_event_id","event_id":"a","name_index":false}"#,
                Act::RefuseEventId { event_id, name_index: false, subcode: 2_804_009 },
            ),
        ]
    }

    fn usage(metrics: [u8; 3], account: Option<(u8, u32)>) -> Act {
        let [call_count, total_time, total_cputime] = metrics;
        let (account_percent, reset_seconds) = account.unzip();
        let retry_minutes = None;
        Act::Usage {
            call_count,
            total_time,
            total_cputime,
            retry_minutes,
            account_percent,
            reset_seconds,
        }
    }

    fn script(fault: &str) -> Result<Script, Vec<String>> {
        Script::read(format!("{{\"faults\":[{fault}]}}").as_bytes())
    }

    #[test]
    fn every_fault_can_be_written_and_is_shown_so_that_it_can_be_read_again() {
        for (text, act) in written() {
            let read = script(text).unwrap();
            assert_eq!(read.faults[0].act, act, "{text}");
            let shown = serde_json::to_vec(&read).unwrap();
            assert_eq!(Script::read(&shown), Ok(read), "{text}");
        }
    }

    #[test]
    fn how_long_a_fault_lasts_and_whom_it_concerns() {
        let text = r#"{"do":"fail","times":3,"dataset_id":"7"},{"do":"html","holding":"a"}"#;
        let faults = script(text).unwrap().faults;
        let seven = Some("7".to_owned());
        assert_eq!((faults[0].times, &faults[0].dataset_id), (Some(3), &seven));
        assert_eq!((faults[1].times, faults[1].holding.as_deref()), (None, Some("a")));
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let text = br#"{"fault":1,"faults":[
            {"do":"throtle"},
            {"do":"fail","tims":3,"status":200,"code":"x"},
            7,
            {"do":"stall"},
            {"do":"stall","ms":-1},
            {"do":"cut"},
            {"do":"refuse_event_id","event_id":5,"times":0},
            {"do":"reset","ms":1,"accepted":"yes"},
            {},
            {"do":"refuse_event","index":0,"name_index":true,"subcode":2804003},
            {"do":"throttle","code":2},
            {"do":"usage"},
            {"do":"usage","call_count":101,"reset_seconds":5}
        ]}"#;
        let mistakes = Script::read(text).unwrap_err();
        let expect = [
            "`fault` is not a key of a script (known: faults)",
            "faults[0]: did you mean `throttle`? `do` is one of: throttle, fail",
            "faults[1]: `code` is a whole number up to",
            "faults[1]: `status` is a whole number from 400 to 599",
            "faults[1]: `tims` is not a key of this fault; did you mean `times`? (known: do, code, status, subcode, message, title, user_msg, type, is_transient, empty, times, dataset_id, holding)",
            "faults[2]: a fault is an object",
            "faults[3]: `ms` is missing",
            "faults[4]: `ms` is a whole number from 0 to 3600000",
            "faults[5]: `bytes` is missing",
            "faults[6]: `event_id` is text",
            "faults[6]: `times` is a whole number from 1",
            "faults[7]: `accepted` is true or false",
            "faults[7]: `ms` is not a key of this fault",
            "faults[8]: `do` is one of",
            "faults[9]: `name_index` goes with the subcode 2804019",
            "faults[10]: `code` is one of Meta's rate limits",
            "faults[11]: `percent` is missing",
            "faults[12]: `call_count` is a whole number from 0 to 100",
            "faults[12]: `percent` is missing",
            "faults[12]: `reset_seconds` goes with `account_percent`",
        ];
        assert_eq!(mistakes.len(), expect.len(), "{mistakes:#?}");
        for (mistake, begins) in mistakes.iter().zip(expect) {
            assert!(mistake.starts_with(begins), "{mistake}");
        }
    }

    #[test]
    fn what_is_no_script_at_all() {
        for (text, begins) in [
            ("", "the script is not JSON"),
            ("[]", "a script is an object"),
            ("{}", "`faults` is a list"),
            (r#"{"faults":{}}"#, "`faults` is a list"),
        ] {
            let mistakes = Script::read(text.as_bytes()).unwrap_err();
            assert!(mistakes.len() == 1 && mistakes[0].starts_with(begins), "{mistakes:?}");
        }
        assert_eq!(Script::read(br#"{"faults":[]}"#), Ok(Script::default()));
    }
}
