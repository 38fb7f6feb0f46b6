//! The way of a decision: which rule was taken, why not the others, where each value came from.
//!
//! In: the case. Out: a [`Way`], for people who ask; no payment on its way to Meta pays for it. It
//! asks the rule in the same order as `decide` does, and a property test holds the two together:
//! every field of an event has its origin here, and every origin is of a field.

use serde::Serialize;

use super::parts::{self, action_source, custom_data, device, payment_currency, user_data};
use super::{Case, rule};
use crate::core::event_data::{self, EventData};
use crate::core::finding::Findings;
use crate::core::json::{self, Json};
use crate::core::mapping::path::{Found, Root, View};
use crate::core::mapping::shape::{Fill, Rewrite, Source};
use crate::core::mapping::{Action, ExternalId, Forward, Rule};
use crate::core::meta::{ActionSource, CustomData, DataProcessing};
use crate::core::names::closed_list;
use crate::core::payment::Occasion;
use crate::core::payment::personal::is_personal_name;
use crate::core::user::User;
use crate::core::user_data::UserData;

/// The way of one decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The rules of the payment's type, in the file's order.
    pub rules: Vec<TriedRule>,
    /// Where each value of the event came from, by its field: `value`, `custom_data.plan`.
    pub from: Vec<Origin>,
}

/// A rule, and whether it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TriedRule {
    /// The line of the mapping file where it stands.
    pub line: usize,
    /// The event that it makes; none if it keeps the payment here.
    pub event: Option<String>,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// The part of its condition that does not hold, and what the payment has instead.
    pub refuted_by: Option<String>,
}

closed_list! {
    /// What became of a rule.
    pub enum RuleOutcome {
        /// Its condition holds, and it decides.
        Taken = "taken",
        /// Its condition does not hold.
        Refuted = "refuted",
        /// A rule before it was taken.
        NotTried = "not_tried",
    }
}

/// Where a field of the event came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The field, as a path in the event.
    pub field: String,
    /// Where from, in words.
    pub from: String,
}

/// The way of a decision about this case.
#[must_use]
pub fn way(case: Case<'_>) -> Way {
    let view = View::of(case.payment);
    // Rules are asked once the user is known.
    let rules = if case.user.is_some() { tried(case, &view) } else { Vec::new() };
    let from = match rule(case, &view) {
        Ok((forward, user)) => Finder::of(case, &view, forward, user).origins(),
        Err(_) => Vec::new(),
    };
    Way { rules, from }
}

fn tried(case: Case<'_>, view: &View<'_>) -> Vec<TriedRule> {
    let mut is_taken = false;
    let mut try_rule = |rule: &Rule| {
        let event = match &rule.action {
            Action::Forward(forward) => Some(forward.event.as_str().to_owned()),
            Action::Withhold { .. } => None,
        };
        let refuted_by = if is_taken { None } else { rule.when.refuted_by(view) };
        let outcome = match (is_taken, refuted_by) {
            (true, _) => RuleOutcome::NotTried,
            (false, Some(_)) => RuleOutcome::Refuted,
            (false, None) => RuleOutcome::Taken,
        };
        is_taken |= outcome == RuleOutcome::Taken;
        let refuted_by = refuted_by.map(|part| {
            let found = part.path.find(view);
            let last = part.path.steps().last().map_or("", String::as_str);
            format!("{part} (the payment has {})", shown(part.path.root(), last, found))
        });
        TriedRule { line: rule.line, event, outcome, refuted_by }
    };
    case.mapping.rules_of(&case.payment.occasion).iter().map(&mut try_rule).collect()
}

/// A value as it may be shown: nothing that is a person's.
fn shown(root: Root, key: &str, found: Option<Found<'_>>) -> String {
    let Some(found) = found else { return "nothing there".to_owned() };
    let is_personal = match root {
        Root::UserId | Root::EventSourceUrl => true,
        Root::Type | Root::Status | Root::Amount | Root::Currency | Root::PaymentId => false,
        Root::EventData => is_personal_name(key),
    };
    let text = json::printed(&found.json());
    if is_personal || text.contains('@') {
        return "another value".to_owned();
    }
    json::shortened(&text).into()
}

/// Finds the origins of one event.
struct Finder<'c> {
    case: Case<'c>,
    view: &'c View<'c>,
    forward: &'c Forward,
    user: &'c User,
    origins: Vec<Origin>,
}

impl<'c> Finder<'c> {
    fn of(case: Case<'c>, view: &'c View<'c>, forward: &'c Forward, user: &'c User) -> Self {
        Self { case, view, forward, user, origins: Vec::new() }
    }

    fn say(&mut self, field: &str, from: impl Into<String>) {
        self.origins.push(Origin { field: field.to_owned(), from: from.into() });
    }

    fn origins(mut self) -> Vec<Origin> {
        let shaped = self.forward.shape.before(self.view);
        let event_data = match &shaped {
            Some((event_data, _)) => Some(event_data),
            None => self.case.payment.event_data.as_ref(),
        };
        let (mut sent, mut findings) = event_data::read(event_data);
        self.forward.shape.after(&mut sent, &mut findings);
        let moving = &mut sent.clone();
        let custom_data = custom_data(self.case, self.forward, moving, &mut Findings::default());
        self.event(&sent);
        self.circumstances();
        self.person();
        self.money(&sent, &custom_data);
        self.products(&sent, &custom_data, event_data.and_then(json::fields));
        self.parameters(&custom_data);
        self.origins
    }

    /// Name, time, id and source of the event.
    fn event(&mut self, sent: &EventData<'_>) {
        let Case { payment, now, .. } = self.case;
        let line = self.case.mapping.rules_of(&payment.occasion).iter();
        let line = line.into_iter().find(|rule| rule.when.refuted_by(self.view).is_none());
        let line = line.map_or(0, |rule| rule.line);
        self.say("event_name", format!("the rule of line {line}"));
        let time = payment.time();
        let from = match (parts::event_time(time, now) == time, payment.occurred_at) {
            (false, _) => "now: the time sent is a moment ahead",
            (true, Some(_)) => "occurred_at",
            (true, None) => "when the payment arrived",
        };
        self.say("event_time", from);
        let template = self.forward.event_id.as_ref();
        let from = match (&sent.event_id, template.filter(|made| made.fill(self.view).is_some())) {
            (Some(_), _) => "event_data.event_id".to_owned(),
            (None, Some(template)) => template.to_string(),
            (None, None) if payment.payment_id.is_some() => match payment.occasion {
                Occasion::Payment(_) => "{type}.{payment_id}".to_owned(),
                Occasion::Event(_) => "event_id".to_owned(),
            },
            (None, None) => "{type} and an id of its own: the payment has none".to_owned(),
        };
        self.say("event_id", from);
        let app_data = device(payment, self.user);
        let source = action_source(self.forward, app_data);
        let is_own = source == self.forward.action_source;
        let from = if is_own {
            "the mapping file's `action_source`"
        } else {
            "without_device: no device is known"
        };
        self.say("action_source", from);
        if app_data.is_some() && source == ActionSource::App {
            let of_payment = payment.app_data.is_some();
            self.say(
                "app_data",
                if of_payment { "device_data" } else { "device_data of the signup" },
            );
        }
    }

    /// What the sender says of the event besides, and what Meta may do with it.
    fn circumstances(&mut self) {
        let payment = self.case.payment;
        for key in payment.event_fields.keys() {
            self.say(key, key);
        }
        let (own, general) = (payment.data_processing, self.forward.data_processing);
        let Some(chosen) = DataProcessing::stricter(own, general) else { return };
        let is_own = Some(chosen) == own;
        let from = if is_own { "data_processing_options" } else { "limited_data_use" };
        for key in chosen.keys() {
            self.say(key, from);
        }
    }

    fn person(&mut self) {
        let payment = self.case.payment;
        let known = user_data(payment, self.forward, self.user, self.case.now);
        for key in known.keys() {
            let of = |data: &UserData| data.keys().any(|own| own == key);
            let (own, signup) = (of(&payment.user_data), of(&self.user.user_data));
            let from = match (key, own, signup) {
                ("external_id", ..) => match self.forward.external_id {
                    ExternalId::Plain => "user_id",
                    ExternalId::Hashed if own || signup => "user_id, and the ids that were sent",
                    ExternalId::Hashed => "user_id, hashed",
                },
                (_, true, true) => "the payment and the signup",
                (_, true, false) => "the payment",
                (_, false, _) => "the signup",
            };
            self.say(&format!("user_data.{key}"), from);
        }
    }

    fn money(&mut self, sent: &EventData<'_>, custom_data: &CustomData<'_>) {
        let shape = &self.forward.shape;
        if custom_data.value.is_some() {
            let from = match Source::first(&shape.value, self.view) {
                Some(source) => source.shown("sum(contents)"),
                None if sent.value.is_some() => "event_data.value".to_owned(),
                None => "amount".to_owned(),
            };
            self.say("custom_data.value", from);
        }
        if custom_data.currency.is_some() {
            let from = self.currency(sent, custom_data);
            self.say("custom_data.currency", from);
        }
    }

    fn currency(&self, sent: &EventData<'_>, custom_data: &CustomData<'_>) -> String {
        let payment = self.case.payment;
        let place = self.forward.shape.currency.iter().find(|path| path.find(self.view).is_some());
        let inner = place.map_or_else(|| "event_data.currency".to_owned(), ToString::to_string);
        // Which of two that disagree was taken shows in the event itself.
        match (payment.currency, sent.currency) {
            (Some(own), _) if Some(own) == custom_data.currency => "currency".to_owned(),
            (_, Some(other)) if Some(other) == custom_data.currency => inner,
            _ if self.forward.currency == payment_currency(self.case, self.forward, sent) => {
                "the mapping file's `currency`".to_owned()
            }
            _ => "the project's `currency`".to_owned(),
        }
    }

    fn products(
        &mut self,
        sent: &EventData<'_>,
        custom_data: &CustomData<'_>,
        shaped: Option<&json::Fields<'_>>,
    ) {
        let shape = &self.forward.shape;
        let has = |key: &str| {
            let value = shaped.and_then(|fields| json::get(fields, key));
            value.is_some_and(|value| !matches!(value, Json::Null) && !json::is_blank(value))
        };
        let each = shape.contents.as_ref().filter(|lines| lines.each.find(self.view).is_some());
        let each = each.map(|lines| lines.each.to_string());
        let contents = each.unwrap_or_else(|| "event_data.contents".to_owned());
        let rewritten = if shape.content_id == Rewrite::default() { "" } else { ", rewritten" };
        let ids = match (sent.groups, sent.content_ids.is_empty()) {
            (_, true) => format!("the ids of {contents}"),
            (true, false) => "event_data.item_group_ids".to_owned(),
            (false, false) if has("content_ids") => "event_data.content_ids".to_owned(),
            (false, false) => "event_data.product_id".to_owned(),
        };
        let kind = match (shape.content_type, sent.groups) {
            (_, true) => "item_group_ids are of groups",
            (Some(_), false) => "the mapping file's `content_type`",
            (None, false) if has("content_type") => "event_data.content_type",
            (None, false) => "ids of products, where both kinds came",
        };
        let num_items = Source::first(&shape.num_items, self.view);
        let num_items = num_items.map(|source| source.shown("count(contents)"));
        for (is_there, field, from) in [
            (!custom_data.content_ids.is_empty(), "content_ids", ids + rewritten),
            (!custom_data.contents.is_empty(), "contents", contents + rewritten),
            (custom_data.content_type.is_some(), "content_type", kind.to_owned()),
            (
                custom_data.num_items.is_some(),
                "num_items",
                num_items.unwrap_or_else(|| "event_data.num_items".to_owned()),
            ),
        ] {
            if is_there {
                self.say(&format!("custom_data.{field}"), from);
            }
        }
    }

    /// Everything else: `order_id`, Meta's other parameters, the sender's own.
    fn parameters(&mut self, custom_data: &CustomData<'_>) {
        let order_id = custom_data.order_id.iter().map(|_| "order_id");
        let own = custom_data.properties.iter().map(|(key, _)| &**key);
        for key in order_id.chain(own) {
            let set = self.forward.shape.custom_data.iter().find(|(name, _)| name == key);
            let from = match set.map(|(_, fill)| fill) {
                None => format!("event_data.{key}"),
                Some(Fill::Literal(_)) => "the mapping file".to_owned(),
                Some(Fill::Path(path)) => path.to_string(),
                Some(Fill::Template(template)) => template.to_string(),
            };
            self.say(&format!("custom_data.{key}"), from);
        }
    }
}
