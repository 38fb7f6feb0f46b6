//! `tillpost trace`: the story of a payment, in order and in words.
//!
//! It reads the database directly, beside a running service or without one.

use serde_json::Value;
use serde_json::value::RawValue;

use super::{ConfigArgument, Ended, Format, setup, terminal};
use crate::clock::Clock;
use crate::config::Onlooker;
use crate::core::json;
use crate::core::meta::answer::Fault;
use crate::store::{
    self, AttemptStory, DeliveryStory, EndedLetter, Fate, PaymentState, PaymentStory,
};

/// Tells everything that happened to a payment.
///
/// Received, known, mapped, checked, and each attempt with Meta's answer.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Examples:\n  tillpost trace ABC --type FIRST_PAYMENT\n  tillpost trace FIRST_PAYMENT.ABC"
)]
pub(super) struct Arguments {
    /// The payment's id, or that of its event as Meta shows it.
    #[arg(value_name = "PAYMENT_ID")]
    id: String,

    /// Only the payment of this type.
    #[arg(long = "type", value_name = "TYPE")]
    payment_type: Option<String>,

    /// How the story is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    #[command(flatten)]
    config: ConfigArgument,

    /// The books of `serve --sandbox`, where there is a tillpost.toml as well.
    #[arg(long)]
    sandbox: bool,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    stories(arguments).unwrap_or_else(|ended| ended)
}

fn stories(arguments: &Arguments) -> Result<Ended, Ended> {
    let config = setup::config(&arguments.config, arguments.sandbox, &Onlooker)?;
    setup::books_exist(&config)?;
    let now = Clock::System.now();
    let stories = store::stories_of(&config.store, &arguments.id, now);
    let stories = match stories {
        Ok(none) if none.is_empty() => store::stories_of_event(&config.store, &arguments.id, now),
        stories => stories,
    };
    let mut stories = stories.map_err(|error| terminal::failed(&error))?;
    stories.retain(|story| {
        arguments.payment_type.as_ref().is_none_or(|wanted| *wanted == story.payment_type)
    });
    if arguments.format == Format::Json {
        let document = serde_json::json!({ "payments": stories });
        terminal::data(&document.to_string());
    } else {
        for story in &stories {
            terminal::data(&told(story));
        }
    }
    if stories.is_empty() {
        let id = &arguments.id;
        let says = format!(
            "no payment and no event with the id `{id}` is known: it never arrived here, was refused with a 4xx, or was removed or pruned"
        );
        terminal::say(&says);
        return Ok(Ended::WithErrors);
    }
    Ok(Ended::Well)
}

fn told(story: &PaymentStory) -> String {
    let payment_id = story.payment_id.as_deref().unwrap_or("a payment without an id");
    let mut lines =
        vec![format!("{payment_id} ({}) of project {}", story.payment_type, story.project)];
    lines.push(format!("  {}  received{}", story.received_at, captured(story)));
    if let Some(until) = story.until {
        lines.push(match story.state {
            PaymentState::Held => format!("  held until {until}: its user is not known yet"),
            PaymentState::Expired => {
                format!("  {until}  no longer held: nobody signed its user up in time")
            }
            PaymentState::Removed => format!("  {until}  removed, with the data of its person"),
            PaymentState::Recorded if until > story.received_at => {
                format!("  {until}  its user signed up; until then the payment was held")
            }
            PaymentState::Recorded => format!("  user known since {until}"),
        });
    }
    lines.extend(story.because.iter().map(|because| format!("  {because}")));
    for former in &story.former {
        lines.extend(decision(former.decision.as_deref()));
        lines.push(format!("  {}  decided anew by a replay", former.until));
    }
    lines.extend(decision(story.decision.as_deref()));
    lines.extend(story.deliveries.iter().flat_map(delivery));
    terminal::lined(&lines)
}

/// Amount and currency, status, user; the amount digit by digit as it was sent.
fn captured(story: &PaymentStory) -> String {
    let Some(capture) = &story.capture else { return String::new() };
    let Ok(capture) = json::read(capture.get().as_bytes()) else { return String::new() };
    let word = |key: &str| {
        let value = json::fields(&capture).and_then(|fields| json::get(fields, key));
        value.and_then(json::text_or_number).unwrap_or_default().to_owned()
    };
    let currency = parsed(story.decision.as_deref());
    let currency = currency.as_ref().and_then(|decision| decision["currency"].as_str());
    let currency = currency.map(|code| format!(" {code}")).unwrap_or_default();
    format!(": {}{currency}, {}, user {}", word("amount"), word("status"), word("user_id"))
}

fn decision(decision: Option<&RawValue>) -> Vec<String> {
    let Some(decision) = parsed(decision) else { return Vec::new() };
    let word = |key: &str| decision[key].as_str().unwrap_or_default().to_owned();
    let because = decision["because"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
    let mut lines =
        vec![format!("  decided under mapping {}: {}{because}", word("mapping"), word("verdict"))];
    for event in decision["events"].as_array().into_iter().flatten() {
        let part = |key: &str| event[key].as_str().unwrap_or_default();
        let (name, id, dataset) = (part("event_name"), part("event_id"), part("dataset"));
        lines.push(format!("    {name} {id} to {dataset}"));
    }
    for finding in decision["findings"].as_array().into_iter().flatten() {
        let part = |key: &str| finding[key].as_str().unwrap_or_default();
        let (severity, code, says, at) = (part("severity"), part("code"), part("says"), part("at"));
        lines.push(format!("    {severity}[{code}]: {says} (at {at})"));
    }
    lines
}

fn delivery(story: &DeliveryStory) -> Vec<String> {
    let dataset = &story.dataset;
    let attempts = story.attempts.iter().map(|attempt| (attempt.at, attempted(dataset, attempt)));
    let ended = story.ended.iter().map(|letter| (letter.ended_at, ended(dataset, letter)));
    let mut moments: Vec<_> = attempts.chain(ended).collect();
    moments.sort_by_key(|(at, _)| *at);
    let mut lines: Vec<String> = moments.into_iter().map(|(_, line)| line).collect();
    lines.push(match (story.fate, &story.because, story.due_at) {
        (Fate::Delivered, ..) => format!("  {dataset}: delivered"),
        (Fate::Pending, ..) => format!("  {dataset}: waits for its turn"),
        (Fate::Withheld, ..) => format!("  {dataset}: withheld, the payment was removed"),
        (Fate::Dropped, ..) => format!("  {dataset}: dropped, it is never sent"),
        (Fate::Dead, because, _) => {
            let because = because.as_deref().unwrap_or_default();
            format!("  {dataset}: dead letter, {because}")
        }
        (Fate::Retrying, _, due) => {
            let due = due.map(|due| format!(" at {due}")).unwrap_or_default();
            format!("  {dataset}: will be sent again{due}")
        }
    });
    if let (Fate::Pending | Fate::Retrying, Some(because)) = (story.fate, &story.because) {
        lines.push(format!("    because {because}"));
    }
    lines
}

/// What a person decided about a dead letter.
pub(super) fn ended(dataset: &str, letter: &EndedLetter) -> String {
    let EndedLetter { at, reason, says, ended_at, how, because, .. } = letter;
    let because = because.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!(
        "  {ended_at}  {dataset}: a dead letter since {at} ({reason}: {says}), {how} by hand{because}"
    )
}

pub(super) fn attempted(dataset: &str, attempt: &AttemptStory) -> String {
    let AttemptStory { at, millis, events, outcome, .. } = attempt;
    let events = if *events == 1 { "1 event".to_owned() } else { format!("{events} events") };
    let outcome = met(outcome);
    let code = match (attempt.code, attempt.subcode) {
        (Some(code), Some(subcode)) => format!(", code {code}/{subcode}"),
        (Some(code), None) => format!(", code {code}"),
        (None, _) => String::new(),
    };
    let says = match attempt.says.as_str() {
        "" => String::new(),
        says => format!(" ({says})"),
    };
    let trace = attempt.trace_id.as_ref().map(|id| format!(", fbtrace_id {id}"));
    let trace = trace.unwrap_or_default();
    format!(
        "  {at}  sent to {dataset} in a request of {events}: {outcome} after {millis} ms{code}{says}{trace}"
    )
}

/// What an attempt met, in words.
fn met(outcome: &str) -> &str {
    match Fault::read(outcome) {
        None => outcome,
        Some(Fault::Transient) => "Meta had trouble",
        Some(Fault::Throttled) => "throttled",
        Some(Fault::Event) => "refused for one of its events",
        Some(Fault::Setup) => "refused for the token, the permission or the dataset",
        Some(Fault::Unknown) => "refused with an unknown code",
    }
}

fn parsed(text: Option<&RawValue>) -> Option<Value> {
    serde_json::from_str(text?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;

    fn story(user_id: &str, fate: Fate) -> PaymentStory {
        let capture = serde_json::json!({ "amount": "5", "status": "ok", "user_id": user_id });
        PaymentStory {
            project: "shop".into(),
            payment_id: Some("P\u{202e}1".into()),
            state: PaymentState::Recorded,
            payment_type: "DEFAULT".into(),
            received_at: Timestamp::from_seconds(0),
            because: None,
            until: None,
            capture: RawValue::from_string(capture.to_string()).ok(),
            decision: None,
            former: Vec::new(),
            deliveries: vec![DeliveryStory {
                dataset: "storefront".into(),
                fate,
                because: None,
                due_at: None,
                attempts: Vec::new(),
                ended: Vec::new(),
            }],
        }
    }

    #[test]
    fn no_senders_text_makes_a_line_of_its_own() {
        let told = told(&story("u\n  storefront: delivered\u{1b}[2J", Fate::Pending));
        assert_eq!(told.lines().count(), 3, "{told}");
        assert!(told.contains("user u\\n  storefront: delivered\\u{1b}[2J"), "{told}");
        assert!(told.starts_with("P\\u{202e}1 (DEFAULT)"), "{told}");
    }

    #[test]
    fn a_waiting_event_says_why_its_dataset_stands_still() {
        for (fate, is_told) in [
            (Fate::Pending, true),
            (Fate::Retrying, true),
            (Fate::Delivered, false),
            (Fate::Withheld, false),
        ] {
            let mut story = story("u", fate);
            story.deliveries[0].because = Some("storefront is paused since noon".into());
            let told = told(&story);
            assert_eq!(told.contains("    because storefront is paused"), is_told, "{told}");
        }
        let told = told(&story("u", Fate::Pending));
        assert!(!told.contains("because"), "{told}");
    }

    #[test]
    fn one_that_waits_beside_another_says_what_becomes_of_it() {
        let mut story = story("u", Fate::Pending);
        story.state = PaymentState::Held;
        story.because = Some("whoever signs up first gets it".into());
        assert!(told(&story).contains("\n  whoever signs up first gets it\n"), "{}", told(&story));
    }
}
