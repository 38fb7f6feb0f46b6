//! "Did you mean": the id of the catalogue that was probably meant by one it does not have.
//!
//! In: the ids of a catalogue, once; then an id as sent. Out: a [`Suggestion`], the id and what mends
//! it for every payment. The usual faults are found, each of them reported for real shops: a prefix
//! or suffix on one side only (`wc_post_id_123` for `123`), other letters, lost zeros, blanks. Two
//! products that may equally be meant are none: a wrong hint is worse than none. An edit distance
//! is deliberately absent: the neighbour of a number is another product.
//!
//! # Source
//! facebook/facebook-for-woocommerce, issues 113, 860, 2018 and 2750;
//! facebookarchive/facebook-for-magento, issue 78.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use crate::core::json;
use crate::core::mapping::shape::{LetterCase, Rewrite};
use crate::core::meta::ContentType;

/// What parts the pieces of an id.
const SEPARATORS: [char; 7] = ['_', '-', ':', '/', '.', '|', ' '];

/// Most pieces of an id that are tried. Ours: `shopify_IN_123_456` has four.
const PIECES_MAX: usize = 8;

/// Longest id for which another is looked for, in bytes. Ours: four times the longest id there is.
const BYTES_MAX: usize = 400;

/// An id that was probably meant, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The catalogue's id.
    pub id: Arc<str>,
    /// What mends it.
    pub mend: Mend,
}

/// What mends an id for every payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// `content_id` of the mapping file.
    Rewrite(Rewrite),
    /// `content_type` of the mapping file: the id is known as one of the other kind.
    Kind(ContentType),
    /// Only the sender can: what to do.
    Sender(&'static str),
}

impl Mend {
    /// The line of the mapping file.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        match self {
            Self::Rewrite(rewrite) => Some(format!("content_id = {}", table(rewrite))),
            Self::Kind(kind) => Some(format!("content_type = \"{kind}\"")),
            Self::Sender(_) => None,
        }
    }

    /// What the line makes of an id.
    pub(super) fn applied<'i>(
        &self,
        kind: Option<ContentType>,
        id: &'i str,
    ) -> (Option<ContentType>, Cow<'i, str>) {
        match self {
            Self::Rewrite(rewrite) => (kind, rewrite.apply(Cow::Borrowed(id))),
            Self::Kind(kind) => (Some(*kind), Cow::Borrowed(id)),
            Self::Sender(_) => (kind, Cow::Borrowed(id)),
        }
    }
}

impl Suggestion {
    /// The instruction, as a finding has it.
    #[must_use]
    pub fn help(&self) -> String {
        let id = json::shortened(&self.id);
        match &self.mend {
            Mend::Rewrite(_) => {
                let line = self.mend.line().unwrap_or_default();
                format!("did you mean `{id}`? `{line}` in the mapping file makes it of this id")
            }
            Mend::Kind(ContentType::ProductGroup) => "it is the id of a group of variants: set `content_type = \"product_group\"` in the mapping file, or send the id of the variant".to_owned(),
            Mend::Kind(ContentType::Product) => "it is the id of one product: set `content_type = \"product\"` in the mapping file, or send the id of its group".to_owned(),
            Mend::Sender(what) => format!("did you mean `{id}`? {what}"),
        }
    }
}

/// `{ strip_prefix = "wc_" }`, as a mapping file has it.
fn table(rewrite: &Rewrite) -> String {
    let Rewrite { strip_prefix, strip_suffix, prefix, suffix, case } = rewrite;
    let texts = [
        ("strip_prefix", strip_prefix),
        ("strip_suffix", strip_suffix),
        ("prefix", prefix),
        ("suffix", suffix),
    ];
    let case = case.map(|case| format!("case = \"{case}\""));
    let set = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let texts = set.map(|(key, text)| format!("{key} = {}", json::quoted(text)));
    format!("{{ {} }}", case.into_iter().chain(texts).collect::<Vec<_>>().join(", "))
}

/// Ids by what is left of them without letters' case, zeros in front, and pieces at either end.
#[derive(Clone, PartialEq)]
pub(super) struct Near {
    /// By the whole of each id.
    wholes: Keys,
    /// By each part of an id that no other id has.
    parts: Keys,
}

/// Ids by the hash of a text, sorted.
type Keys = Vec<(u64, Arc<str>)>;

impl Near {
    pub(super) fn of<'i>(ids: impl Iterator<Item = &'i Arc<str>>) -> Self {
        let (mut wholes, mut others) = (Keys::new(), Keys::new());
        for id in ids {
            wholes.push((key(id), Arc::clone(id)));
            others.extend(parts(id).skip(1).map(|part| (key(part), Arc::clone(id))));
        }
        // Two are enough to know that neither is the only one; a size that every id of a shop ends
        // in would be gone through for each id that is asked for.
        let wholes = sorted(wholes)
            .chunk_by(same_key)
            .flat_map(|ids| &ids[..ids.len().min(2)])
            .cloned()
            .collect();
        let parts = sorted(others)
            .chunk_by(same_key)
            .filter(|ids| ids.len() == 1)
            .flatten()
            .cloned()
            .collect();
        Self { wholes, parts }
    }

    /// The id that was probably meant; `known` finds an id in its exact spelling.
    pub(super) fn meant_by<'k>(
        &self,
        sent: &str,
        known: impl Fn(&str) -> Option<&'k Arc<str>>,
    ) -> Option<Suggestion> {
        // What may be an e-mail address is neither looked for nor repeated.
        if sent.len() > BYTES_MAX || sent.contains('@') {
            return None;
        }
        let suggest = |id: &Arc<str>| Some(Suggestion { id: Arc::clone(id), mend: mend(sent, id) });
        if let Some(id) = known(sent.trim()).or_else(|| self.only(sent)) {
            return suggest(id);
        }
        pieces(sent.trim())
            .find_map(|part| known(part).or_else(|| self.whole(part)))
            .and_then(suggest)
    }

    /// The only id that is this one but for case and zeros.
    fn whole(&self, sent: &str) -> Option<&Arc<str>> {
        let bare = bare(sent);
        only(of_key(&self.wholes, key(sent)).filter(|id| self::bare(id) == bare))
    }

    /// The same, else the only one that has this as a part.
    fn only(&self, sent: &str) -> Option<&Arc<str>> {
        let (bare, key) = (bare(sent), key(sent));
        let has = |id: &&Arc<str>| parts(id).any(|part| self::bare(part) == bare);
        let any = of_key(&self.wholes, key).chain(of_key(&self.parts, key));
        self.whole(sent).or_else(|| only(any.filter(has)))
    }
}

fn sorted(mut keys: Keys) -> Keys {
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn same_key(one: &(u64, Arc<str>), other: &(u64, Arc<str>)) -> bool {
    one.0 == other.0
}

fn of_key(keys: &Keys, key: u64) -> impl Iterator<Item = &Arc<str>> {
    let start = keys.partition_point(|(other, _)| *other < key);
    keys[start..].iter().take_while(move |(other, _)| *other == key).map(|(_, id)| id)
}

/// The one item there is; none of several.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// An id without what is most often lost or changed.
fn bare(id: &str) -> String {
    let lower = id.trim().to_lowercase();
    let short = lower.trim_start_matches('0');
    if short.is_empty() { lower } else { short.to_owned() }
}

fn key(part: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bare(part).as_bytes());
    hasher.finish()
}

/// An id of the catalogue, and what senders make of it: up to three tails and a head.
fn parts(id: &str) -> impl Iterator<Item = &str> {
    let tails = id.rmatch_indices(SEPARATORS).take(3).map(|(at, sign)| &id[at + sign.len()..]);
    let head = id.rfind(SEPARATORS).map(|at| &id[..at]);
    let some = |part: &&str| !part.trim().is_empty();
    std::iter::once(id).chain(tails.chain(head).filter(some))
}

/// What a sent id may hold besides the catalogue's: runs of its pieces, the longest first, and of
/// one length the last first, because prefixes are more usual than suffixes.
fn pieces(sent: &str) -> impl Iterator<Item = &str> {
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    let mut start = 0;
    for (at, sign) in sent.match_indices(SEPARATORS) {
        cuts.push((start, at));
        start = at + sign.len();
    }
    cuts.push((start, sent.len()));
    cuts.drain(..cuts.len().saturating_sub(PIECES_MAX));
    let count = cuts.len();
    let runs = (1..count).rev().flat_map(move |length| {
        (0..=count - length).rev().map(move |first| (first, first + length - 1))
    });
    runs.map(move |(first, last)| (cuts[first].0, cuts[last].1))
        .filter(move |(from, to)| is_telling(sent, *from, *to))
        .map(|(from, to)| &sent[from..to])
}

/// A single character is an id only behind words: `wc_post_id_7`, not `2024_7`.
fn is_telling(sent: &str, from: usize, to: usize) -> bool {
    let digits_before = sent[..from].contains(|c: char| c.is_ascii_digit());
    to - from > 1 || to - from == 1 && to == sent.len() && !digits_before
}

/// What makes `id` of `sent`.
fn mend(sent: &str, id: &str) -> Mend {
    let trimmed = sent.trim();
    if trimmed == id {
        return Mend::Sender("send it without the blanks around it");
    }
    for case in [None, Some(LetterCase::Lower), Some(LetterCase::Upper)] {
        let cased = match case {
            None => Cow::Borrowed(sent),
            Some(LetterCase::Lower) => Cow::Owned(sent.to_lowercase()),
            Some(LetterCase::Upper) => Cow::Owned(sent.to_uppercase()),
        };
        let rewrite = Rewrite { case, ..around(&cased, id) };
        if rewrite != Rewrite::default() && rewrite.apply(Cow::Borrowed(sent)) == id {
            return Mend::Rewrite(rewrite);
        }
    }
    if trimmed.to_lowercase() == id.to_lowercase() {
        return Mend::Sender("the feed writes it in other letters; ids are case-sensitive");
    }
    if trimmed.to_lowercase().trim_start_matches('0') == id.to_lowercase().trim_start_matches('0') {
        return Mend::Sender("send ids as texts, with the zeros in front");
    }
    Mend::Sender("send it as the catalogue has it")
}

/// What stands around one of two ids in the other.
fn around(sent: &str, id: &str) -> Rewrite {
    let mut rewrite = Rewrite::default();
    if let Some((before, behind)) = split_around(sent, id) {
        before.clone_into(&mut rewrite.strip_prefix);
        behind.clone_into(&mut rewrite.strip_suffix);
    } else if let Some((before, behind)) = split_around(id, sent) {
        // Zeros that were lost are no prefix: the next id has another number of them.
        let zeros = !before.is_empty() && before.bytes().all(|byte| byte == b'0');
        if !zeros {
            before.clone_into(&mut rewrite.prefix);
            behind.clone_into(&mut rewrite.suffix);
        }
    }
    rewrite
}

fn split_around<'l>(long: &'l str, short: &str) -> Option<(&'l str, &'l str)> {
    if let Some(before) = long.strip_suffix(short) {
        return Some((before, ""));
    }
    long.split_once(short)
}
