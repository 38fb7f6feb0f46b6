//! The sandbox's own table of Meta's rules: what makes Meta refuse a request because of an event.
//!
//! In: one event as a JSON tree, its place in the request and the time. Out: the first rule it
//! breaks, as Meta would answer it. To add a rule, write one row in the table of its part: a name,
//! what Meta answers, the source, and the check; the tests then ask for a broken event.
//! Deliberately absent: anything of the engine's checks. This is the second witness, and it would
//! be worthless if it asked the first one. Sources are named as in meta-capi.md; `[D]` documented,
//! `[S]` seen in Meta's code, `[R]` reported, `[A]` assumed by us where sources are silent.

mod advice;
mod app;
pub(crate) mod complaint;
mod contents;
mod custom_data;
mod event;
mod messaging;
mod privacy;
mod time;
mod user_data;
mod view;

use serde::Serialize;

use super::answer::Refusal;
use super::json::Json;

pub use complaint::Complaint;
pub(crate) use complaint::SCHEMA;
pub(crate) use view::{Event, unexpected};

/// How sure it is that Meta refuses what a rule forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Meta's pages demand it without exception, or Meta was seen to refuse.
    Known,
    /// The sources are silent, contradict each other, or say that Meta takes it all the same. Refused
    /// where the sandbox is strict, else a warning.
    Assumed,
}

/// Something about an event that Meta may take and that is wrong or unwise all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Index of the event in its request.
    pub event: usize,
    /// Name of the rule or the advice.
    pub rule: &'static str,
    /// What is wrong.
    pub says: String,
}

/// One row of the table: what Meta refuses, how it says so, and who says that it does.
pub struct Rule {
    /// Fixed name, `part.what`: what the request log shows.
    pub name: &'static str,
    /// How sure it is that Meta refuses.
    pub strength: Strength,
    /// What Meta answers when the rule is broken.
    pub answers: &'static Complaint,
    /// Where the rule stands: page and mark as in meta-capi.md.
    pub source: &'static str,
    /// What is wrong with the event, as `error_user_msg`; `None` for a right event.
    check: fn(&Event<'_>) -> Option<String>,
}

/// The parts of the table in the order an event is judged: its shape, its time, then the rest.
/// That a stale time is answered before a thin `user_data` is known from a live probe (B1).
const PARTS: [&[Rule]; 8] = [
    event::RULES,
    time::RULES,
    privacy::RULES,
    user_data::RULES,
    app::RULES,
    messaging::RULES,
    custom_data::RULES,
    contents::RULES,
];

/// Every rule, in the order an event is judged by.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    PARTS.into_iter().flatten()
}

/// Judges the event at `index` of a request, at `now` (Unix seconds), and says what else is wrong
/// with it. Being strict, an assumed rule counts as a known one.
///
/// # Errors
/// The first rule it breaks.
pub(crate) fn judge(
    event: &Json<'_>,
    index: usize,
    (now, strict): (i64, bool),
) -> Result<Vec<Warning>, Refusal> {
    let Some(body) = event.object() else {
        let says = format!("Param $['data'][{index}] must be an object");
        return Err(SCHEMA.refusal(says, "event.object"));
    };
    let event = Event::new(body, index, now);
    let mut warnings = Vec::new();
    for rule in rules() {
        let Some(says) = (rule.check)(&event) else { continue };
        if strict || rule.strength == Strength::Known {
            return Err(rule.answers.refusal(says, rule.name));
        }
        warnings.push(Warning { event: index, rule: rule.name, says });
    }
    for advice in advice::ADVICE {
        let says = (advice.check)(&event);
        warnings.extend(says.map(|says| Warning { event: index, rule: advice.name, says }));
    }
    Ok(warnings)
}

/// What the tables of the parts are tested with: right events, and the verdict on a changed one.
#[cfg(test)]
pub(crate) mod cases {
    use serde_json::{Value, json};

    use super::{Json, judge};

    /// The clock of all cases, in Unix seconds.
    pub(crate) const NOW: i64 = 1_790_000_000;

    /// A right event of one `action_source`, with a Purchase's custom data.
    pub(crate) fn right(action_source: &str) -> Value {
        let mut event = json!({
            "event_name": "Purchase",
            "event_time": NOW,
            "event_id": "DEFAULT.ABC",
            "action_source": action_source,
            "user_data": {"em": ["62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"]},
            "custom_data": {"value": 2000, "currency": "INR"},
        });
        if action_source == "website" {
            event["event_source_url"] = json!("https://shop.example/thanks");
        } else if action_source == "app" {
            let info = ["a2", "", "", "", "14", "", "", "", "", "", "", "", "", "", "", ""];
            event["app_data"] = json!({"advertiser_tracking_enabled": 1, "extinfo": info});
        } else if action_source == "business_messaging" {
            event["messaging_channel"] = json!("whatsapp");
        }
        event
    }

    /// `event` with the value at a JSON pointer replaced, added, or taken away (by JSON `null`).
    pub(crate) fn with(mut event: Value, pointer: &str, value: Value) -> Value {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap();
        match (parent, value) {
            (Value::Object(members), Value::Null) => drop(members.remove(key)),
            (Value::Object(members), value) => drop(members.insert(key.to_owned(), value)),
            (Value::Array(items), value) => items[key.parse::<usize>().unwrap()] = value,
            (other, _) => panic!("{pointer} leads into {other}"),
        }
        event
    }

    /// The rule an event breaks and the subcode Meta answers.
    pub(crate) fn verdict(event: &Value) -> Option<(&'static str, u32)> {
        let text = event.to_string();
        let refusal = judge(&Json::read(&text).unwrap(), 0, (NOW, true)).err()?;
        assert_eq!((refusal.status, refusal.code, refusal.transient), (400, 100, Some(false)));
        Some((refusal.rule.unwrap(), refusal.subcode.unwrap()))
    }

    /// The rules an event is warned by where the sandbox is not strict, or the one that refuses it.
    pub(crate) fn lenient(event: &Value) -> Result<Vec<&'static str>, &'static str> {
        let text = event.to_string();
        let judged = judge(&Json::read(&text).unwrap(), 0, (NOW, false));
        let warnings = judged.map_err(|refusal| refusal.rule.unwrap())?;
        Ok(warnings.iter().map(|warning| warning.rule).collect())
    }

    /// What the refusal says.
    pub(crate) fn says(event: &Value) -> String {
        let text = event.to_string();
        judge(&Json::read(&text).unwrap(), 0, (NOW, true)).unwrap_err().says.unwrap().into()
    }

    /// Asserts a table of changes to one right event: pointer, value, the rule broken or `""`.
    pub(crate) fn assert_all(base: &Value, rows: &[(&str, Value, &str)]) {
        for (pointer, value, rule) in rows {
            let event = with(base.clone(), pointer, value.clone());
            let broken = verdict(&event).map_or("", |(rule, _)| rule);
            assert_eq!(broken, *rule, "{pointer} = {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::cases::{NOW, lenient, right, verdict, with};
    use super::*;

    #[test]
    fn every_rule_has_its_own_name_and_a_source_with_a_mark() {
        let names: BTreeSet<&str> = rules().map(|rule| rule.name).collect();
        assert_eq!(names.len(), rules().count());
        for rule in rules() {
            let marked = ["[D]", "[S]", "[R]", "[A]"].iter().any(|m| rule.source.contains(m));
            assert!(marked, "{}: {}", rule.name, rule.source);
        }
    }

    #[test]
    fn a_right_event_of_each_source_passes() {
        for source in event::ACTION_SOURCES {
            assert_eq!(verdict(&right(source)), None, "{source}");
        }
    }

    #[test]
    fn what_the_live_probes_saw_accepted_is_accepted() {
        let website = right("website");
        for (pointer, value) in [
            ("/custom_data/currency", json!("chf")),
            ("/custom_data/compared_product", json!("banner-shoes")),
            ("/custom_data/value", json!(129.9)),
            ("/event_name", json!("PageView")),
        ] {
            assert_eq!(verdict(&with(website.clone(), pointer, value)), None, "{pointer}");
        }
    }

    #[test]
    fn an_event_that_is_no_object_is_refused() {
        for event in [json!(null), json!(7), json!("x"), json!([]), json!([{}])] {
            assert_eq!(verdict(&event), Some(("event.object", 2_804_019)), "{event}");
        }
    }

    #[test]
    fn the_time_is_judged_before_the_person() {
        let stale = with(right("other"), "/event_time", json!(NOW - 8 * 86_400));
        let stale = with(stale, "/user_data", json!({"client_user_agent": "curl"}));
        assert_eq!(verdict(&stale), Some(("event_time.too_old", 2_804_003)));
    }

    /// One broken event for every rule of the table, with the subcode Meta answers. A new rule
    /// without a row in [`broken_shapes`] or [`broken_parts`] fails.
    #[test]
    fn every_rule_refuses_its_broken_event() {
        let rows: Vec<Row> = broken_shapes().into_iter().chain(broken_parts()).collect();
        for (name, subcode, base, pointer, value) in &rows {
            let event = with(base.clone(), pointer, value.clone());
            assert_eq!(verdict(&event), Some((*name, *subcode)), "{event}");
        }
        let tested: BTreeSet<&str> = rows.iter().map(|(name, ..)| *name).collect();
        let missing: Vec<&str> = rules().map(|r| r.name).filter(|n| !tested.contains(n)).collect();
        assert!(missing.is_empty(), "rules without a broken event: {missing:?}");
    }

    #[test]
    fn an_assumed_rule_warns_unless_the_sandbox_is_strict() {
        for (name, _, base, pointer, value) in broken_shapes().into_iter().chain(broken_parts()) {
            let rule = rules().find(|rule| rule.name == name).unwrap();
            let event = with(base, pointer, value);
            let expect = match rule.strength {
                Strength::Known => Err(name),
                Strength::Assumed => Ok(Some(name)),
            };
            assert_eq!(lenient(&event).map(|rules| rules.first().copied()), expect, "{event}");
        }
    }

    #[test]
    fn what_the_sources_leave_open_is_assumed() {
        let item = with(right("other"), "/custom_data/contents", json!([{"id": "a"}]));
        let web = with(right("website"), "/user_data/client_user_agent", json!("Mozilla/5.0"));
        for (base, pointer, value, rule) in [
            (web, "/event_source_url", json!(null), "event_source_url.required"),
            (right("other"), "/event_time", json!("2026-09-21T14:13:20Z"), "event_time.whole"),
            (right("other"), "/custom_data/num_items", json!("2"), "num_items.whole"),
            (item, "/custom_data/contents/0/quantity", json!("2"), "contents.quantity"),
        ] {
            assert_eq!(lenient(&with(base, pointer, value)), Ok(vec![rule]));
        }
        let old = with(right("other"), "/event_time", json!("2026-09-01T00:00:00Z"));
        assert_eq!(lenient(&old), Err("event_time.too_old"), "a date is as old as a number");
        let two = with(right("other"), "/event_id", json!(7));
        let two = with(two, "/custom_data/num_items", json!("2"));
        assert_eq!(lenient(&two), Ok(vec!["event_id.text", "num_items.whole"]));
    }

    /// Rule, subcode, a right event, and the change that breaks it.
    type Row = (&'static str, u32, Value, &'static str, Value);

    fn broken_shapes() -> Vec<Row> {
        let web = || right("website");
        let chat = || right("business_messaging");
        let ldu = || with(right("other"), "/data_processing_options", json!(["LDU"]));
        let schema = |name, event: Value, pointer, value| (name, 2_804_019, event, pointer, value);
        let (country, state) =
            ("/data_processing_options_country", "/data_processing_options_state");
        vec![
            schema("event_name.required", web(), "/event_name", json!(null)),
            schema("event_name.text", web(), "/event_name", json!(7)),
            schema("event_name.length", web(), "/event_name", json!("x".repeat(51))),
            schema("event_time.required", web(), "/event_time", json!(null)),
            schema("event_time.kind", web(), "/event_time", json!(true)),
            schema("event_time.whole", web(), "/event_time", json!("2026-09-21")),
            schema("action_source.required", web(), "/action_source", json!(null)),
            schema("action_source.known", web(), "/action_source", json!("shop")),
            schema("user_data.required", web(), "/user_data", json!(null)),
            schema("user_data.object", web(), "/user_data", json!("x")),
            schema("custom_data.object", web(), "/custom_data", json!([])),
            schema("event.unknown_key", web(), "/advertiser_tracking_enabled", json!(1)),
            schema("event_id.text", web(), "/event_id", json!(7)),
            schema("opt_out.flag", web(), "/opt_out", json!("no")),
            schema("event_source_url.required", web(), "/event_source_url", json!(null)),
            schema("event_source_url.http", web(), "/event_source_url", json!("shop")),
            schema("referrer_url.text", web(), "/referrer_url", json!(7)),
            schema("customer_segmentation.known", web(), "/customer_segmentation", json!("vip")),
            ("event_time.too_old", 2_804_003, web(), "/event_time", json!(NOW - 604_801)),
            ("event_time.future", 2_804_004, web(), "/event_time", json!(NOW + 61)),
            schema("data_processing.options", web(), "/data_processing_options", json!("LDU")),
            schema("data_processing.country", ldu(), state, json!(0)),
            schema("data_processing.state", ldu(), country, json!(1)),
            schema("messaging.channel", chat(), "/messaging_channel", json!(null)),
            ("messaging.event_name", 2_804_066, chat(), "/event_name", json!("Lead")),
        ]
    }

    fn broken_parts() -> Vec<Row> {
        let web = || right("website");
        let app = || right("app");
        let lead = || with(right("other"), "/event_name", json!("Lead"));
        let item = || with(right("other"), "/custom_data/contents", json!([{"id": "a"}]));
        let schema = |name, event: Value, pointer, value| (name, 2_804_019, event, pointer, value);
        vec![
            ("user_data.lead_id", 2_804_036, web(), "/user_data/lead_id", json!(123)),
            ("user_data.hashed", 2_804_016, web(), "/user_data/ct", json!("paris")),
            ("user_data.fbc", 2_804_001, web(), "/user_data/fbc", json!("IwAR2F4")),
            ("user_data.too_broad", 2_804_050, web(), "/user_data", json!({})),
            schema("app_data.object", app(), "/app_data", json!([])),
            ("app_data.tracking", 2_804_043, app(), "/app_data", json!(null)),
            ("app_data.extinfo", 2_804_043, app(), "/app_data/extinfo/4", json!("")),
            schema("value.number", web(), "/custom_data/value", json!("2,000")),
            ("value.purchase", 2_804_009, web(), "/custom_data", json!(null)),
            ("currency.purchase", 2_804_010, web(), "/custom_data/currency", json!("")),
            ("currency.known", 2_804_011, web(), "/custom_data/currency", json!("RS.")),
            ("currency.other", 2_804_011, lead(), "/custom_data/currency", json!("RS.")),
            ("currency.with_value", 2_804_023, lead(), "/custom_data/currency", json!(null)),
            schema("content_ids.list", web(), "/custom_data/content_ids", json!("a,b")),
            schema("content_type.known", web(), "/custom_data/content_type", json!("x")),
            schema("content_category.text", web(), "/custom_data/content_category", json!([])),
            schema("custom_data.text", web(), "/custom_data/order_id", json!(7)),
            schema("custom_data.number", web(), "/custom_data/net_revenue", json!("x")),
            schema("num_items.whole", web(), "/custom_data/num_items", json!(1.5)),
            schema("delivery_category.known", web(), "/custom_data/delivery_category", json!("x")),
            ("contents.list", 2_804_008, web(), "/custom_data/contents", json!(["sku"])),
            schema("contents.unknown_key", item(), "/custom_data/contents/0/index", json!(1)),
            schema("contents.id", item(), "/custom_data/contents/0/id", json!(null)),
            schema("contents.quantity", item(), "/custom_data/contents/0/quantity", json!(0)),
            schema("contents.item_price", item(), "/custom_data/contents/0/item_price", json!("x")),
            schema("contents.text", item(), "/custom_data/contents/0/brand", json!(7)),
            schema(
                "contents.delivery_category",
                item(),
                "/custom_data/contents/0/delivery_category",
                json!("x"),
            ),
        ]
    }
}
