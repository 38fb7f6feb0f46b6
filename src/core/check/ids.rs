//! Which products: `content_ids` and `contents` must name the same ones, of the kind that
//! `content_type` says.
//!
//! Catalogue ads match ids byte for byte; two lists that disagree match by half. Ids of groups go
//! to Meta as `content_ids` with `product_group`, because Meta has no other field for them.
//!
//! Source: Meta, "Meta Pixel / Advantage+ catalog ads"; Linkrunner, "Meta Commerce Manager".

use std::collections::BTreeSet;

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::json::shortened;
use crate::core::meta::ContentType;
use crate::core::names::one_of;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let all = [agreement(evidence), groups(evidence), derived(evidence), joined(evidence)];
    all.into_iter().flatten().collect()
}

fn agreement(evidence: &Evidence<'_>) -> Option<Finding> {
    // A list that could be read only in part names other products than the sender meant.
    if evidence.sent.is_unreadable("contents") || evidence.sent.is_unreadable("content_ids") {
        return None;
    }
    let custom_data = evidence.custom_data;
    // Nearly every order lists its ids as its lines do.
    let in_lines = custom_data.contents.iter().map(|item| &item.id);
    if custom_data.content_ids.iter().eq(in_lines) {
        return None;
    }
    let listed: BTreeSet<&str> = custom_data.content_ids.iter().map(|id| &**id).collect();
    let ordered: BTreeSet<&str> = custom_data.contents.iter().map(|item| &*item.id).collect();
    // Where both kinds of ids came, the lines of the order may rightly name the other kind.
    let is_other_kind = evidence.sent.groups && evidence.sent.both_kinds;
    let key = if evidence.sent.groups { "item_group_ids" } else { "content_ids" };
    if listed.is_empty() || ordered.is_empty() || listed == ordered || is_other_kind {
        return None;
    }
    let some = |ids: Vec<&&str>| one_of(ids.into_iter().take(3).map(|id| &**id));
    let only_listed: Vec<&&str> = listed.difference(&ordered).collect();
    let says = if only_listed.is_empty() {
        let ids = some(ordered.difference(&listed).collect());
        format!("`contents` names {}, which `{key}` does not", shortened(&ids))
    } else {
        let ids = some(only_listed);
        format!("`{key}` names {}, which `contents` does not", shortened(&ids))
    };
    let finding = Finding::in_body(Code::IdsDisagree, place(evidence), says);
    Some(finding.help("list exactly the ids of `contents`, spelt as in the catalogue"))
}

/// Meta has one list of ids: where both kinds came and the type is that of products, groups stay.
fn beside_products(evidence: &Evidence<'_>) -> Option<Finding> {
    if !evidence.sent.both_kinds {
        return None;
    }
    let says = "`item_group_ids` beside ids of products were not sent: Meta takes one kind";
    let finding = Finding::in_body(Code::IdsDisagree, "/event_data/item_group_ids", says);
    Some(finding.help("send one kind, with the `content_type` of that kind"))
}

/// An id that holds a comma or a bracket was a list before somebody made one text of it.
fn joined(evidence: &Evidence<'_>) -> Option<Finding> {
    let ids = &evidence.sent.content_ids;
    let joined = ids.iter().position(|id| id.contains([',', '[', ']']))?;
    let says = format!("`{}` looks like a list, not like one id", shortened(&ids[joined]));
    let finding = Finding::in_body(Code::IdLooksLikeList, place(evidence), says);
    Some(finding.help(r#"send each id as a text of its own: ["sku1", "sku2"]"#))
}

/// Meta takes `content_ids` or `contents`; where only `contents` came, both go out.
fn derived(evidence: &Evidence<'_>) -> Option<Finding> {
    let Evidence { sent, custom_data, .. } = *evidence;
    if !sent.content_ids.is_empty() || custom_data.content_ids.is_empty() {
        return None;
    }
    let says = "`content_ids` were not sent; the ids of `contents` were taken";
    Some(Finding::in_body(Code::IdsFromContents, "/event_data/content_ids", says))
}

/// The field that the ids came in.
fn place(evidence: &Evidence<'_>) -> &'static str {
    if evidence.sent.groups { "/event_data/item_group_ids" } else { "/event_data/content_ids" }
}

fn groups(evidence: &Evidence<'_>) -> Option<Finding> {
    if !evidence.sent.groups {
        return beside_products(evidence);
    }
    let says = "`item_group_ids` were sent as `content_ids` of type `product_group`";
    let note = Finding::in_body(Code::GroupIds, "/event_data/item_group_ids", says);
    if evidence.sent.content_type == Some(ContentType::Product) {
        let says = "`content_type` is `product`, but only `item_group_ids` were sent; Meta gets `product_group`";
        let finding = Finding::in_body(Code::GroupsAsProducts, "/event_data/content_type", says);
        return Some(
            finding.help("send `product_group`, or the products' own ids in `content_ids`"),
        );
    }
    Some(note)
}
