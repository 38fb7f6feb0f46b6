//! Where a rule finds a value in a payment: a path such as `event_data.plan` or `amount`.
//!
//! In: the text of a mapping file, once. Out: a [`Path`], whose look-up walks the payment without
//! reading any text again. A path that no payment can have is refused when the file is compiled.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::core::json::{self, Json};
use crate::core::names::{closed_list, one_of, suggestion};
use crate::core::payment::Payment;

closed_list! {
    /// The fields of a payment that a path may name.
    pub enum Root {
        /// What was paid for.
        Type = "type",
        /// How far it got.
        Status = "status",
        /// How much.
        Amount = "amount",
        /// In which currency.
        Currency = "currency",
        /// The sender's id of the payment.
        PaymentId = "payment_id",
        /// The sender's id of the person.
        UserId = "user_id",
        /// The page of a website payment.
        EventSourceUrl = "event_source_url",
        /// The sender's commerce details, and what is in them.
        EventData = "event_data",
    }
}

/// A place in a payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    root: Root,
    /// Keys below the root; only `event_data` has any.
    steps: Vec<String>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPath {
    /// What is wrong, as a sentence.
    pub says: String,
    /// What to write instead.
    pub help: String,
}

/// A payment while rules look into it.
#[derive(Debug)]
pub struct View<'p> {
    /// The payment.
    pub payment: &'p Payment<'p>,
    /// The digits of its amount, once somebody asked.
    amount: OnceCell<String>,
}

/// A value that a path found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found<'v> {
    /// One that stands in `event_data`.
    Json(&'v Json<'v>),
    /// Text of the payment's own fields.
    Text(&'v str),
    /// A number of the payment's own fields, as its digits.
    Number(&'v str),
}

impl<'p> View<'p> {
    /// A view of this payment.
    #[must_use]
    pub fn of(payment: &'p Payment<'p>) -> Self {
        Self { payment, amount: OnceCell::new() }
    }
}

/// What stands in a calculation, and in no key that a sender would choose.
const SIGNS_OF_SUMS: [char; 8] = ['+', '*', '/', '(', ')', '=', '<', '>'];

impl Path {
    /// The path of this text.
    ///
    /// # Errors
    /// [`NotAPath`] if no payment can have a value there.
    pub fn read(text: &str) -> Result<Self, NotAPath> {
        let mut parts = text.split('.');
        let first = parts.next().unwrap_or_default();
        let steps: Vec<String> = parts.map(str::to_owned).collect();
        let not = |says: String, help: String| Err(NotAPath { says, help });
        let Some(root) = Root::read(first) else {
            let says = format!("`{text}` is a path that no payment has");
            let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
            let help = match (inner, suggestion(first, Root::words())) {
                (Some(inner), _) => format!("leave out the braces: \"{}\"", inner.trim()),
                (None, Some(near)) => {
                    let below = text.strip_prefix(first).unwrap_or_default();
                    format!("did you mean `{near}{below}`?")
                }
                (None, None) => format!(
                    "a path begins with {}; a field of event_data is event_data.plan",
                    one_of(Root::words())
                ),
            };
            return not(says, help);
        };
        if text.contains(['{', '}']) {
            let path = text.trim_matches(['{', '}', ' ']);
            let says = format!("a brace of `{text}` has no partner");
            return not(says, format!("write \"{path}\" for the value, or \"{{{path}}}\""));
        }
        if steps.iter().any(|step| step.contains(SIGNS_OF_SUMS)) {
            let says = format!("`{text}` is no path: a mapping file does not calculate");
            let help = "name one value; the sender can add up, and sum(contents) adds lines";
            return not(says, help.to_owned());
        }
        if steps.iter().any(String::is_empty) {
            return not(format!("`{text}` has an empty step"), "write event_data.plan".to_owned());
        }
        match (root, steps.is_empty()) {
            (Root::EventData, true) => not(
                "`event_data` is a whole object; a path names one value in it".to_owned(),
                "write event_data.plan".to_owned(),
            ),
            (Root::EventData, false) | (_, true) => Ok(Self { root, steps }),
            (_, false) => not(
                format!("`{root}` is one value; nothing is below it"),
                format!("write `{root}`, or a path that begins with event_data"),
            ),
        }
    }

    /// The field of the payment that the path begins with.
    #[must_use]
    pub fn root(&self) -> Root {
        self.root
    }

    /// The keys below `event_data`; empty for the other fields.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The JSON pointer of the place.
    #[must_use]
    pub fn pointer(&self) -> String {
        let base = format!("/{}", self.root);
        self.steps.iter().fold(base, |base, step| json::pointer(&base, step))
    }

    /// The value at the place. `null` and blank text are none.
    #[must_use]
    pub fn find<'v>(&self, view: &'v View<'_>) -> Option<Found<'v>> {
        let payment = view.payment;
        let text = |text: &'v str| Some(Found::Text(text));
        match self.root {
            Root::Type => text(payment.occasion.as_str()),
            Root::Status => text(payment.status.as_str()),
            Root::Amount => {
                let amount = payment.amount?;
                Some(Found::Number(view.amount.get_or_init(|| amount.to_string())))
            }
            Root::Currency => text(payment.currency?.code()),
            Root::PaymentId => text(payment.payment_id.as_ref()?.as_str()),
            Root::UserId => text(payment.user_id.as_str()),
            Root::EventSourceUrl => text(payment.event_fields.event_source_url.as_deref()?),
            Root::EventData => {
                let found =
                    self.steps.iter().try_fold(payment.event_data.as_ref()?, |at, step| {
                        json::get(json::fields(at)?, step)
                    })?;
                let says_something = !matches!(found, Json::Null) && !json::is_blank(found);
                says_something.then_some(Found::Json(found))
            }
        }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.root.as_str())?;
        self.steps.iter().try_for_each(|step| write!(formatter, ".{step}"))
    }
}

impl<'v> Found<'v> {
    /// The text, or the digits of a number; nothing for lists and objects.
    #[must_use]
    pub fn text(self) -> Option<&'v str> {
        match self {
            Self::Json(Json::Bool(true)) => Some("true"),
            Self::Json(Json::Bool(false)) => Some("false"),
            Self::Json(value) => json::text_or_number(value),
            Self::Text(text) | Self::Number(text) => Some(text),
        }
    }

    /// The value as JSON, of its own kind.
    #[must_use]
    pub fn json(self) -> Json<'v> {
        match self {
            Self::Json(value) => json::copy(value),
            Self::Text(text) => Json::String(Cow::Borrowed(text)),
            // The digits of an amount are a JSON number.
            Self::Number(digits) => json::read(digits.as_bytes()).unwrap_or(Json::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::payment;
    use crate::core::time::Timestamp;

    #[test]
    fn a_path_is_a_field_or_something_in_event_data() {
        for (text, good) in [
            ("amount", true),
            ("event_data.plan", true),
            ("event_data.order.total", true),
            ("event_data", false),
            ("event_data.", false),
            ("event_data..a", false),
            ("amount.x", false),
            ("evnt_data.plan", false),
            ("", false),
            ("Amount", false),
            ("event_data.a + event_data.b", false),
            ("event_data.order-total", true),
        ] {
            assert_eq!(Path::read(text).is_ok(), good, "{text}");
        }
        let wrong = Path::read("event_dta.plan").expect_err("misspelt");
        assert_eq!(wrong.help, "did you mean `event_data.plan`?");
    }

    #[test]
    fn what_is_found_keeps_its_kind() {
        let body = r#"{"user_id":"u","payment_id":"p","amount":10.50,"currency":"inr",
            "event_data":{"plan":"a","n":1.50,"no":null,"blank":" ","deep":{"list":[1]}}}"#;
        let json = json::read(body.as_bytes()).expect("JSON");
        let payment = payment::read(json, Timestamp::from_seconds(0)).value.expect("a payment");
        let view = View::of(&payment);
        for (path, expected) in [
            ("type", Some(r#""DEFAULT""#)),
            ("amount", Some("10.50")),
            ("currency", Some(r#""INR""#)),
            ("payment_id", Some(r#""p""#)),
            ("event_data.plan", Some(r#""a""#)),
            ("event_data.n", Some("1.50")),
            ("event_data.deep.list", Some("[1]")),
            ("event_data.no", None),
            ("event_data.blank", None),
            ("event_data.plan.x", None),
            ("event_source_url", None),
        ] {
            let found = Path::read(path).expect(path).find(&view);
            let found = found.map(|found| json::printed(&found.json()));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}
