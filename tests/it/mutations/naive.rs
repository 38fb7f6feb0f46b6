//! The event that a forwarder without any checks would make of a payment.
//!
//! In: a document of the corpus and the bytes of its body. Out: the event, or nothing where no
//! program could make one. Fields of a person in plain words are trimmed, lower-cased and hashed
//! whatever they hold; everything else is copied. The rules stand in the corpus's README.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tillpost::core::time::Timestamp;

use crate::engine::BEGINNING;

/// Plain words for fields of a person, and Meta's keys.
const WORDS: [(&str, &str); 12] = [
    ("email", "em"),
    ("phone", "ph"),
    ("first_name", "fn"),
    ("last_name", "ln"),
    ("date_of_birth", "db"),
    ("gender", "ge"),
    ("city", "ct"),
    ("state", "st"),
    ("zip", "zp"),
    ("zip_code", "zp"),
    ("postal_code", "zp"),
    ("country", "country"),
];

/// Members of a payment that are copied into the event.
const COPIED: [&str; 9] = [
    "event_source_url",
    "referrer_url",
    "opt_out",
    "original_event_data",
    "customer_segmentation",
    "messaging_channel",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
];

/// The event.
pub(super) fn event(document: &Value, body: &str) -> Option<Value> {
    let payment: Value = serde_json::from_str(body).ok()?;
    let payment = payment.as_object()?;
    let mapping: toml::Table = document["mapping"].as_str()?.parse().ok()?;
    let rule = mapping["payments"].as_table()?.values().next()?;
    let name = rule.as_str().or_else(|| rule.get("event")?.as_str())?;
    let mut event = Map::new();
    event.insert("event_name".into(), name.into());
    event.insert("event_time".into(), time(payment.get("occurred_at")));
    let source = mapping["defaults"].get("action_source")?.as_str()?;
    event.insert("action_source".into(), source.into());
    if let Some(id) = payment.get("payment_id").filter(|id| !id.is_null()) {
        event.insert("event_id".into(), id.clone());
    }
    for key in COPIED {
        if let Some(value) = payment.get(key) {
            event.insert(key.into(), value.clone());
        }
    }
    event.insert("user_data".into(), user_data(&document["signup"], payment));
    event.insert("custom_data".into(), custom_data(payment));
    if let Some(device) = document["signup"].get("device_data").and_then(Value::as_object) {
        event.insert("app_data".into(), app_data(device));
    }
    Some(Value::Object(event))
}

fn time(sent: Option<&Value>) -> Value {
    match sent {
        None => json!(BEGINNING),
        Some(Value::String(text)) => match Timestamp::read(text) {
            Ok(time) if text.contains(['T', 't']) => json!(time.seconds()),
            _ => json!(text),
        },
        Some(other) => other.clone(),
    }
}

fn user_data(signup: &Value, payment: &Map<String, Value>) -> Value {
    let mut all = Map::new();
    if let Some(person) = signup.get("user_data").and_then(Value::as_object) {
        known(person, &mut all);
    }
    match payment.get("user_data") {
        Some(Value::Object(person)) => known(person, &mut all),
        None | Some(Value::Null) => {}
        Some(other) => return other.clone(),
    }
    for key in ["client_ip_address", "client_user_agent", "fbc", "fbp"] {
        if let Some(value) = payment.get(key) {
            all.insert(key.into(), value.clone());
        }
    }
    let device = signup.get("device_data");
    let advertising = ["gaid", "idfa"]
        .iter()
        .find_map(|key| device?.get(key).filter(|id| id.as_str().is_some_and(|id| !id.is_empty())));
    if let Some(id) = advertising {
        all.insert("madid".into(), id.clone());
    }
    let nobody = |id: &Value| id.as_str().is_some_and(|id| id.trim().is_empty() || id == "unknown");
    if let Some(id) = payment.get("user_id").filter(|id| !id.is_null() && !nobody(id)) {
        all.insert("external_id".into(), id.clone());
    }
    Value::Object(all)
}

fn known(person: &Map<String, Value>, all: &mut Map<String, Value>) {
    for (key, value) in person {
        match WORDS.iter().find(|(word, _)| word == key) {
            Some((_, metas)) => {
                all.insert((*metas).to_owned(), hashed(value));
            }
            None if key == "id" || key == "name" => {}
            None => {
                all.insert(key.clone(), value.clone());
            }
        }
    }
}

fn hashed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(hashed).collect(),
        Value::String(text) if text.is_empty() => value.clone(),
        Value::String(text) => hex(&text.trim().to_lowercase()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            hex(&value.to_string())
        }
    }
}

fn hex(text: &str) -> Value {
    const_hex::encode(Sha256::digest(text.as_bytes())).into()
}

fn custom_data(payment: &Map<String, Value>) -> Value {
    let sent = payment.get("event_data").filter(|sent| !sent.is_null());
    let mut data = match sent {
        None => Map::new(),
        Some(Value::Object(fields)) => fields.clone(),
        Some(other) => return other.clone(),
    };
    for (key, source) in [("value", "amount"), ("currency", "currency")] {
        let lacking = data.get(key).is_none_or(Value::is_null);
        if let (true, Some(value)) = (lacking, payment.get(source)) {
            data.insert(key.into(), value.clone());
        }
    }
    Value::Object(data)
}

fn app_data(device: &Map<String, Value>) -> Value {
    let text = |key: &str| device.get(key).cloned().unwrap_or_else(|| "".into());
    let has = |key: &str| device.get(key).and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    let platform = match (has("gaid"), has("idfa") || has("idfv")) {
        (true, _) => "a2",
        (false, true) => "i2",
        (false, false) => "",
    };
    let mut extinfo = vec![Value::from(platform)];
    extinfo.extend(["bundle_id", "version", "build_number", "system_version"].map(text));
    extinfo.resize(16, "".into());
    json!({"advertiser_tracking_enabled": 1, "application_tracking_enabled": 1, "extinfo": extinfo})
}
