//! `when`: which payments a rule is for.
//!
//! In: the fields that a path may name. Out: the schema of a condition.

use super::path_pattern;
use crate::core::mapping::path::Root;
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::schema::{Key, Schema, meanings};

/// A table from paths to what is asked of them.
pub(super) fn when() -> Schema {
    let fields = Root::ALL.iter().filter(|root| **root != Root::EventData).map(|root| field(*root));
    Schema::open_table(fields)
        .with("propertyNames", Schema::anything().with("pattern", path_pattern(Root::ALL)))
        .others(&condition(&literal()).says(
            "A value of `event_data`: what it must be, or a table of questions. Write the path in quotes.",
        ))
        .says(
            "Which payments the rule is for; all parts must hold. Left a path (`amount`, `\"event_data.plan\"` \
             in quotes), right a value or questions: `{ one_of = […] }`, `{ at_least = 100 }`, `{ at_most = 500 }`, \
             `{ exists = true }`.",
        )
        .examples(vec![serde_json::json!({"amount": {"at_least": 100}, "event_data.trial": true})])
}

fn field(root: Root) -> Key {
    let values = match root {
        Root::Type => or_no_text(Schema::words(meanings!(PaymentType))),
        Root::Status => or_no_text(Schema::words(meanings!(PaymentStatus))),
        Root::Currency => any_code(),
        Root::Amount | Root::PaymentId | Root::UserId | Root::EventSourceUrl | Root::EventData => {
            literal()
        }
    };
    (
        root.as_str(),
        condition(&values).says(format!("{} A value, or a table of questions.", root.meaning())),
    )
}

/// The compiler knows the words of a text alone: a number beside them is no fault to it.
fn or_no_text(words: Schema) -> Schema {
    Schema::any_of([words, Schema::anything().with("type", ["number", "boolean"].as_slice())])
}

/// A text is a code.
fn any_code() -> Schema {
    literal().matching("^[A-Z]{3}$").examples(["INR", "USD", "EUR"].map(Into::into))
}

/// A text, a number or a flag.
fn literal() -> Schema {
    Schema::anything().with("type", ["string", "number", "boolean"].as_slice())
}

/// A value, or questions.
fn condition(value: &Schema) -> Schema {
    let questions = Schema::table([
        (
            "one_of",
            Schema::list(value.clone())
                .not_empty()
                .says("It is one of these: `[\"books\", \"games\"]`."),
        ),
        ("at_least", Schema::number().says("It is this number or more.")),
        ("at_most", Schema::number().says("It is this number or less.")),
        ("exists", Schema::flag().says("True: it is there and not empty. False: it is not.")),
    ]);
    Schema::any_of([value.clone(), questions.not_empty()])
}
