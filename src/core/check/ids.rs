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

pub(super) fn check(evidence: Evidence<'_>) -> Vec<Finding> {
    let all = [agreement(evidence), groups(evidence), derived(evidence)];
    all.into_iter().flatten().collect()
}

fn agreement(evidence: Evidence<'_>) -> Option<Finding> {
    // A list that could be read only in part names other products than the sender meant.
    if evidence.sent.is_unreadable("contents") || evidence.sent.is_unreadable("content_ids") {
        return None;
    }
    let custom_data = evidence.custom_data;
    let listed: BTreeSet<&str> = custom_data.content_ids.iter().map(|id| &**id).collect();
    let ordered: BTreeSet<&str> = custom_data.contents.iter().map(|item| &*item.id).collect();
    // Where both kinds of ids came, the lines of the order may rightly name the other kind.
    let is_other_kind = evidence.sent.groups && evidence.sent.both_kinds;
    if listed.is_empty() || ordered.is_empty() || listed == ordered || is_other_kind {
        return None;
    }
    let some = |ids: Vec<&&str>| one_of(ids.into_iter().take(3).map(|id| &**id));
    let only_listed: Vec<&&str> = listed.difference(&ordered).collect();
    let says = if only_listed.is_empty() {
        let ids = some(ordered.difference(&listed).collect());
        format!("`contents` names {}, which `content_ids` does not", shortened(&ids))
    } else {
        let ids = some(only_listed);
        format!("`content_ids` names {}, which `contents` does not", shortened(&ids))
    };
    let finding = Finding::in_body(Code::IdsDisagree, "/event_data/content_ids", says);
    Some(finding.help("list exactly the ids of `contents`, spelt as in the catalogue"))
}

/// Meta takes `content_ids` or `contents`; where only `contents` came, both go out.
fn derived(evidence: Evidence<'_>) -> Option<Finding> {
    let Evidence { sent, custom_data, .. } = evidence;
    if !sent.content_ids.is_empty() || custom_data.content_ids.is_empty() {
        return None;
    }
    let says = "`content_ids` were not sent; the ids of `contents` were taken";
    Some(Finding::in_body(Code::IdsFromContents, "/event_data/content_ids", says))
}

fn groups(evidence: Evidence<'_>) -> Option<Finding> {
    if !evidence.sent.groups {
        return None;
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
