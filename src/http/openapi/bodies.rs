//! What may be sent: the fields of captures, signups and removals.
//!
//! In: the readers' own lists of fields, words and limits. Out: JSON Schemas (2020-12) with a
//! sentence for a backend developer at each field. Deliberately absent: the kinds of what stands
//! inside `event_data`, `user_data` and `device_data`, because a fault in there never costs a body;
//! and what a schema cannot see, such as the digits of an amount.

use serde_json::{Value, json};

use super::shapes::{or_null, part, schema_of, words};
use crate::core::customer::Field;
use crate::core::device::Tracking;
use crate::core::meta::event_fields::{CustomerSegmentation, MessagingChannel};
use crate::core::money::{AMOUNT_DIGITS_MAX, Currency};
use crate::core::payment::occasion::EVENT_NAME_CHARS_MAX;
use crate::core::payment::reader::TEXT_CHARS_MAX;
use crate::core::payment::{CAPTURE_FIELDS, ID_CHARS_MAX, PaymentStatus, PaymentType};
use crate::core::schema::{Key, Schema, meanings};
use crate::core::signup::BESIDE_REMOVAL;
use crate::core::time::LOOKS_LIKE_MILLIS;
use crate::core::user_data::ClearField;

/// What every body has in common, said once.
pub(super) const RULES: &str = "In every body `null`, `\"\"` and blanks mean the same as a field \
    that is not there, ids may be numbers, and fields that nobody knows are passed over, \
    except in removals: there they are a 400, because leaving one out could remove too much.";

/// An id that may be absent.
pub(super) fn id() -> Schema {
    Schema::anything()
        .with("type", json!(["string", "number", "null"]))
        .with("maxLength", ID_CHARS_MAX)
}

/// An id without which there is nothing.
pub(super) fn required_id() -> Schema {
    Schema::anything()
        .with("type", json!(["string", "number"]))
        .with("maxLength", ID_CHARS_MAX)
        .matching(r"\S")
}

/// A word of a closed list, or nothing.
fn word<'w>(says: &str, list: impl IntoIterator<Item = (&'w str, &'w str)>) -> Schema {
    let schema = or_null(words(says, list));
    let listed = schema.clone().value()["enum"].as_array().cloned().unwrap_or_default();
    schema.with("enum", [listed, vec!["".into()]].concat())
}

/// An amount, which may have come as text.
fn amount() -> Schema {
    let most = 10_u64.pow(u32::from(AMOUNT_DIGITS_MAX)) - 1;
    Schema::anything()
        .with("type", json!(["number", "string", "null"]))
        .with("minimum", 0)
        .with("maximum", most)
        .matching(r"^[0-9]{1,12}(\.[0-9]{1,6})?$")
        .examples([json!(2000), json!(250.5)])
        .says(format!(
            "How much was paid, in whole units of the currency (250.50, not 25050). At most \
             {AMOUNT_DIGITS_MAX} digits, which are kept exactly. A number as text is read, with a \
             warning (P201). Without it `event_data.value` counts."
        ))
}

/// A moment: text, or Unix seconds.
pub(super) fn moment(says: &str) -> Schema {
    Schema::anything()
        .with("type", json!(["string", "integer", "null"]))
        .with("minimum", 0)
        .with("maximum", LOOKS_LIKE_MILLIS - 1)
        .with("anyOf", [moments(), vec![json!({"const": ""})]].concat())
        .examples([json!("2026-02-28T12:00:00Z"), json!(1_772_280_000)])
        .says(format!("{says} RFC 3339, or Unix seconds."))
}

/// The shapes that stand among the components.
pub(super) fn components() -> Vec<Key> {
    let id = required_id().says("Your id of the person: the `user_id` of their payments.");
    let mut new = of_person().value();
    new["properties"]["id"] = id.value();
    new["required"] = json!(["id"]);
    // The days that every month has: which others there are, a pattern cannot say.
    let day = "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
    let time = "([ T]([01][0-9]|2[0-3])(:[0-5][0-9]){2})?$";
    let days = json!({"type": "string", "pattern": format!("{day}{time}")});
    let forms = [moments(), vec![days, json!({"const": ""})]].concat();
    let since = moment("When the person signed up, where `occurred_at` does not say it; also a day, or a day and a time in UTC. What is too old for Meta is not sent.")
        .with("anyOf", forms);
    new["properties"]["user_created_at"] = since.value();
    let first = Schema::anything()
        .with("anyOf", [json!({"type": ["boolean", "null"]}), json!({"const": ""})])
        .examples([json!(true)])
        .says("False: you know the person already, and the signup is no event.");
    new["properties"]["is_first_time_user"] = first.value();
    vec![
        ("Currency", currency()),
        ("EventData", event_data()),
        ("Person", of_person().says("What is known of a person.")),
        ("NewPerson", schema_of(new).says("A person, and your id of them.")),
    ]
}

/// How a moment may be written; a reader of captures takes `""` besides.
pub(super) fn moments() -> Vec<Value> {
    vec![
        json!({"type": "string", "format": "date-time"}),
        json!({"type": ["integer", "null"]}),
        json!({"type": "string", "pattern": "^[0-9]{1,11}$"}),
    ]
}

/// A value of this kind, or nothing: null, or text that says nothing.
fn or_blank(kind: &str) -> Schema {
    Schema::anything().with("type", json!([kind, "string", "null"])).with("maxLength", 0)
}

fn currency() -> Schema {
    let mut codes: Vec<Value> = Currency::all().map(|known| known.code().into()).collect();
    codes.extend([Value::Null, "".into()]);
    Schema::anything()
        .with("type", json!(["string", "null"]))
        .with("enum", codes)
        .says("A currency of ISO 4217.")
}

/// The body of a captured payment.
pub(super) fn payment() -> Schema {
    let with_amount = json!({
        "required": ["amount"], "properties": {"amount": {"type": ["number", "string"]}},
    });
    let with_value = json!({
        "required": ["event_data"],
        "properties": {"event_data": {"type": "object", "required": ["value"], "properties": {
            "value": {"type": "number", "minimum": 0, "maximum": 1_000_000},
        }}},
    });
    Schema::open_table(CAPTURE_FIELDS.map(|name| (name, field(name))))
        .required(&["user_id"])
        .with("anyOf", json!([with_amount, with_value]))
}

/// The body of a captured event.
pub(super) fn event() -> Schema {
    let unlike = ["type", "status", "payment_id"];
    let shared = CAPTURE_FIELDS.into_iter().filter(|name| !unlike.contains(name));
    let name = Schema::text()
        .with("maxLength", EVENT_NAME_CHARS_MAX)
        .with("allOf", json!([{"pattern": r"\S"}, {"pattern": r"^[^@\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]*$"}]))
        .examples([json!("add_to_cart")])
        .says("The name by which `[events]` of the mapping file binds it, as you chose it.");
    let own = [
        ("event_name", name),
        (
            "event_id",
            id().says(
                "Your id of the event. It makes a repetition recognisable, here and at Meta.",
            ),
        ),
    ];
    Schema::open_table(shared.map(|name| (name, field(name))).chain(own))
        .required(&["user_id", "event_name"])
}

/// One field of a capture.
fn field(name: &str) -> Schema {
    let any = |says: &str| Schema::anything().says(says);
    let address = |says: &str| {
        let says = format!("{says} An http or https address of up to {TEXT_CHARS_MAX} characters.");
        or_null(Schema::text()).says(says)
    };
    match name {
        "user_id" => required_id().examples([json!("666")]).says("Your id of the person who paid. A person whom no signup has made known holds the payment back until one does."),
        "payment_id" => id().examples([json!("ABC")]).says("Your id of the payment. With it a repetition changes nothing; without it every call is a payment of its own."),
        "type" => word("What was paid for; `DEFAULT` if absent. The mapping file says which event each type becomes.", meanings!(PaymentType)),
        "status" => word("How far the payment got; `PAYMENT_COMPLETED` if absent.", meanings!(PaymentStatus)),
        "amount" => amount(),
        "currency" => part("Currency").examples([json!("INR")]).says("The currency of `amount`, in ISO 4217. Without it: `event_data.currency`, else the mapping file's, else the project's."),
        "event_data" => part("EventData").says("The commerce details that Meta's ads learn from. A fault in here never refuses the payment."),
        "user_data" => or_null(part("Person")).says("What this call knows of the person, beside what the signup said. It is hashed before anything is stored."),
        "app_data" => device("The device as Meta's `app_data` describes it. Where it is there, `device_data` is not read."),
        "device_data" => device("The device as the mobile SDKs describe it: `system_version`, `gaid` or `idfa`, `bundle_id` and the like. An app event needs one, from here or from the signup."),
        "platform" => any("Whose device it is, if its ids do not say so: `ANDROID` or `IOS`."),
        "tracking" => any("What the person said about being followed by apps, as the books keep it.").examples(Tracking::words().map(Value::from).collect::<Vec<_>>()),
        "client_ip_address" => any("The person's network address. Meta receives it in clear.").examples([json!("203.0.113.7")]),
        "client_user_agent" => any("The person's browser. Meta receives it in clear.").examples([json!("Mozilla/5.0")]),
        "fbc" => any("The click id of Meta's cookie `_fbc`.").examples([json!("fb.1.1772279000000.IwAR2xyz")]),
        "fbp" => any("The browser id of Meta's cookie `_fbp`.").examples([json!("fb.1.1772279000000.1098115397")]),
        "event_source_url" => address("The page where it happened."),
        "referrer_url" => address("The page before it."),
        "opt_out" => or_blank("boolean").says("True: Meta may count the event, and not use it for showing ads."),
        "data_processing_options" => any("`[\"LDU\"]` limits what Meta may do with the event, `[]` says that nothing is limited. Anything else blocks the event: it may have been a refusal.").examples([json!(["LDU"])]),
        "data_processing_options_country" => any("0 (Meta finds out) or 1 (United States), beside `LDU`.").examples([json!(0)]),
        "data_processing_options_state" => any("0 (Meta finds out) or the number of the state, beside `LDU`.").examples([json!(0)]),
        "original_event_data" => or_blank("object").says("The earlier event that this one adds to: `event_name`, `event_time`, `order_id` or `event_id`."),
        "customer_segmentation" => or_null(Schema::text()).examples(list(CustomerSegmentation::words())).says("Whether the customer is new, and to what. Another word is left out, with a warning."),
        "messaging_channel" => or_null(Schema::text()).examples(list(MessagingChannel::words())).says("In which messages it happened. Another word is left out, with a warning."),
        "occurred_at" => moment("When it happened, if not now. Up to a minute in the future is taken as now; more than seven days ago Meta takes nothing."),
        // A field without its sentence fails the test below.
        _ => Schema::anything(),
    }
}

fn list(words: impl Iterator<Item = &'static str>) -> Vec<Value> {
    words.map(Value::from).collect()
}

fn device(says: &str) -> Schema {
    Schema::anything()
        .says(format!("{says} What is wrong with it costs the device, never the call."))
}

/// What Meta and its catalogue want to know of a purchase.
fn event_data() -> Schema {
    let any = |says: &str, example: Value| Schema::anything().says(says).examples([example]);
    let keys = [
        ("value", any("What the event is worth; `amount` if absent.", json!(2000))),
        ("currency", any("The currency of `value`, in ISO 4217.", json!("INR"))),
        (
            "content_ids",
            any("Ids of the products, as the catalogue has them.", json!(["whshct4mwc"])),
        ),
        (
            "item_group_ids",
            any("Ids of groups of products, instead of `content_ids`.", json!(["mugs"])),
        ),
        (
            "contents",
            any(
                "The lines of the order.",
                json!([{"id": "whshct4mwc", "quantity": 2, "item_price": 1000}]),
            ),
        ),
        (
            "content_type",
            any("What the ids are ids of: `product` or `product_group`.", json!("product")),
        ),
        ("num_items", any("How many pieces in all.", json!(2))),
        ("order_id", any("Your id of the order.", json!("ORDER-1"))),
        (
            "event_id",
            any(
                "The id that a copy of this event from a browser or an app has, so that Meta counts both once.",
                json!("purchase.ABC"),
            ),
        ),
        ("content_name", any("A name for what was bought.", json!("Mugs"))),
        ("content_category", any("A category for what was bought.", json!("Kitchen"))),
    ];
    Schema::open_table(keys).with("type", json!(["object", "null"])).says(
        "The commerce details that Meta's ads learn from, and whatever the mapping file asks for. A \
         fault in here never refuses the payment: it is recorded, and the answer says what was \
         left out or why the event is blocked. Fields of a person do not belong here and are left out.",
    )
}

/// The fields of a person.
fn of_person() -> Schema {
    let hashed = Field::ALL.into_iter().flat_map(|field| {
        let (word, says, example) = person(field);
        let key = field.key();
        let short = Schema::anything().says(format!("The same as `{word}`, by Meta's name."));
        let plain = Schema::anything().examples([json!(example)]);
        let plain = plain.says(format!("{says} Plain, or a SHA-256 of the normalised text."));
        let same = (word != key).then_some((key, short));
        [Some((word, plain)), same].into_iter().flatten()
    });
    let clear = ClearField::ALL.iter().map(|field| -> Key {
        (field.as_str(), Schema::anything().says(format!("{} Sent in clear.", field.meaning())))
    });
    let own = [
        (
            "name",
            Schema::anything()
                .examples([json!("Mary Smith")])
                .says("Full name; the first word is the first name."),
        ),
        (
            "fbclid",
            Schema::anything()
                .says("The click id of the landing page's address, beside `fbclid_at`."),
        ),
        (
            "fbclid_at",
            Schema::anything().says("When it was clicked: RFC 3339, Unix seconds or milliseconds."),
        ),
    ];
    Schema::open_table(hashed.chain(clear).chain(own)).with("type", "object")
}

/// The plain word for a field, what it is, and an example.
fn person(field: Field) -> (&'static str, &'static str, &'static str) {
    match field {
        Field::Email => ("email", "E-mail address.", "mary@shop.example"),
        Field::Phone => ("phone", "Phone number, with its country code.", "+91 98765 43210"),
        Field::FirstName => ("first_name", "First name.", "Mary"),
        Field::LastName => ("last_name", "Last name.", "Smith"),
        Field::DateOfBirth => ("date_of_birth", "Date of birth.", "1990-12-31"),
        Field::Gender => ("gender", "Gender.", "f"),
        Field::City => ("city", "City.", "Mumbai"),
        Field::State => ("state", "State, province or region.", "Maharashtra"),
        Field::Zip => ("zip", "Postal code.", "400001"),
        Field::Country => ("country", "Country, in ISO 3166-1.", "IN"),
        Field::ExternalId => ("external_id", "Your other ids of the person.", "crm-17"),
    }
}

/// The body of a signup.
pub(super) fn signup() -> Schema {
    Schema::open_table([
        (
            "user_data",
            part("NewPerson").says("Who the person is. It is hashed before anything is stored."),
        ),
        ("device_data", field("device_data")),
        ("app_data", field("app_data")),
        ("platform", field("platform")),
        (
            "event_id",
            id().says("Your id of the event of a first signup, as the browser's copy has it."),
        ),
        ("occurred_at", moment("When the person signed up, if not now.")),
    ])
    .required(&["user_data"])
}

/// The body of a removal.
pub(super) fn removal() -> Schema {
    let named = |key: &str| json!({"required": [key], "properties": {key: {"type": ["string", "number"], "pattern": r"\S"}}});
    let own = [
        (
            "user_id",
            id().says("All payments of this person, or of those the ones with `payment_id`."),
        ),
        ("payment_id", id().says("All payments with this id, of whatever type.")),
    ];
    let passed_over =
        |name| (name, Schema::anything().says("Sent by the SDKs; it limits nothing."));
    Schema::table(own.into_iter().chain(BESIDE_REMOVAL.map(passed_over)))
        .with("anyOf", json!([named("user_id"), named("payment_id")]))
}

/// The same body as an app sends it.
pub(super) fn of_app(body: Schema, by_user: bool) -> Schema {
    let token = Schema::text()
        .matching(r"\S")
        .says("The project's client token.")
        .examples([json!("YOUR_CLIENT_TOKEN")]);
    let install = Schema::anything().says("The installation of the app, as its SDK numbers it. It stands for the person until a signup names both.");
    let mut value = body.value();
    value["properties"]["token"] = token.value();
    value["properties"]["install_instance_id"] = install.value();
    value["properties"]["data"] =
        Schema::anything().says("Holds `device_data`, as the SDKs nest it.").value();
    let mut required: Vec<Value> = value["required"].as_array().cloned().unwrap_or_default();
    required.push("token".into());
    if by_user {
        required.retain(|name| name != "user_id");
        value["properties"]["user_id"] =
            id().says("Your id of the person, where the app knows it.").value();
        value["allOf"] = json!([{"anyOf": [
            {"required": ["user_id"], "properties": {"user_id": {"type": ["string", "number"], "pattern": r"\S"}}},
            {"required": ["install_instance_id"], "properties": {"install_instance_id": {"type": "string", "pattern": r"\S", "maxLength": ID_CHARS_MAX / 2}}},
        ]}]);
    }
    value["required"] = required.into();
    schema_of(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_a_reader_knows_is_described() {
        for name in CAPTURE_FIELDS {
            assert!(field(name).value()["description"].is_string(), "{name} has no sentence");
        }
        for known in Field::ALL {
            let (word, _, _) = person(known);
            assert_eq!(Field::from_key(word), Some(known), "{word}");
        }
    }
}
