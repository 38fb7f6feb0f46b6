//! `/admin/v1/dead-letters`: the list, one of them, and what a person decides about some.
//!
//! In: a query or a body. Out: what `intake` answers, or a 400 that names every fault. A misspelt
//! filter is refused and not passed over: it would end letters that nobody meant.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::admin::{UNREADABLE, question};
use super::{Api, IMPORT_BYTES_MAX, answer, parameters};
use crate::core::json::shortened;
use crate::intake::dead::{Asked, NotAnswered};
use crate::store::Ending;

/// Every parameter of the list.
pub(super) const PARAMETERS: [&str; 12] = [
    "project",
    "dataset",
    "reason",
    "code",
    "subcode",
    "type",
    "payment_id",
    "event_name",
    "since",
    "until",
    "limit",
    "cursor",
];

/// `GET /admin/v1/dead-letters`: a page of the list.
pub(super) async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Response {
    match asked(query.as_deref().unwrap_or_default()) {
        Ok(asked) => answered(&api.shared.intake.dead_letters(&asked).await),
        Err(faults) => answer::plain(StatusCode::BAD_REQUEST, &faults.join("; ")),
    }
}

/// `GET /admin/v1/dead-letters/{id}`: one letter with everything that happened to it.
pub(super) async fn show(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(id)) = path else {
        return answer::plain(StatusCode::BAD_REQUEST, UNREADABLE);
    };
    let Ok(id) = id.parse() else {
        let says = format!("`{}` is not the number of a letter", shortened(&id));
        return answer::plain(StatusCode::BAD_REQUEST, &says);
    };
    match api.shared.intake.dead_letter(id).await {
        Ok(Some(letter)) => answer::json(StatusCode::OK, &letter),
        Ok(None) => {
            let says = format!(
                "there is no dead letter {id}; if there was one, its payment was removed or pruned"
            );
            answer::plain(StatusCode::NOT_FOUND, &says)
        }
        Err(_) => answer::unavailable("The store does not answer."),
    }
}

/// `POST /admin/v1/dead-letters/retry`: sends letters again.
pub(super) async fn retry(State(api): State<Api>, body: Result<Bytes, BytesRejection>) -> Response {
    end(&api, body, Ending::Retry).await
}

/// `POST /admin/v1/dead-letters/drop`: letters that are never sent.
pub(super) async fn discard(
    State(api): State<Api>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    end(&api, body, Ending::Drop { because: None }).await
}

async fn end(api: &Api, body: Result<Bytes, BytesRejection>, ending: Ending) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return answer::unread(&rejection, IMPORT_BYTES_MAX),
    };
    match question::<Asked>(&body) {
        Ok(asked) => answered(&api.shared.intake.end_dead_letters(&asked, ending).await),
        Err(says) => answer::plain(StatusCode::BAD_REQUEST, &says),
    }
}

fn answered<T: Serialize>(answer: &Result<T, NotAnswered>) -> Response {
    match answer {
        Ok(answer) => answer::json(StatusCode::OK, answer),
        Err(NotAnswered::Asked(faults)) => {
            answer::plain(StatusCode::BAD_REQUEST, &faults.join("; "))
        }
        Err(NotAnswered::Store(_)) => {
            answer::unavailable("The store does not answer; this call changed nothing.")
        }
    }
}

fn asked(query: &str) -> Result<Asked, Vec<String>> {
    let mut asked = Asked::default();
    parameters::each(query, PARAMETERS, |key, value| take(&mut asked, key, value))?;
    Ok(asked)
}

/// Takes one parameter.
fn take(asked: &mut Asked, known: &'static str, value: &str) -> Result<(), String> {
    let number = || {
        let says = || format!("`{known}` is a number, not `{}`", shortened(value));
        value.parse::<i64>().map_err(|_| says())
    };
    let text = Some(value.to_owned());
    match known {
        "project" => asked.project = text,
        "dataset" => asked.dataset = text,
        "reason" => asked.reason = text,
        "code" => asked.code = Some(number()?),
        "subcode" => asked.subcode = Some(number()?),
        "type" => asked.r#type = text,
        "payment_id" => asked.payment_id = text,
        "event_name" => asked.event_name = text,
        "since" => asked.since = text,
        "until" => asked.until = text,
        "cursor" => asked.cursor = text,
        // The list of parameters stands above, so this is `limit`. What is no size is out of range.
        _ => asked.limit = Some(usize::try_from(number()?).unwrap_or(usize::MAX)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_taken_and_every_fault_is_named() {
        let query = "project=shop&dataset=d&reason=refused&code=100&subcode=2804009&type=DEFAULT\
                     &payment_id=p%201&event_name=Purchase&since=7&until=9&limit=3&cursor=1-1";
        let text = |text: &str| Some(text.to_owned());
        let expected = Asked {
            project: text("shop"),
            dataset: text("d"),
            reason: text("refused"),
            code: Some(100),
            subcode: Some(2_804_009),
            r#type: text("DEFAULT"),
            payment_id: text("p 1"),
            event_name: text("Purchase"),
            since: text("7"),
            until: text("9"),
            limit: Some(3),
            cursor: text("1-1"),
            ..Asked::default()
        };
        assert_eq!(asked(query), Ok(expected));
        assert_eq!(asked("type=&limit="), Ok(Asked::default()));
        for (query, faults) in [
            ("paymentid=1", vec!["did you mean `payment_id`?"]),
            ("all=1", vec!["`all` is not a parameter; there are"]),
            ("code=x&code=1", vec!["`code` is a number, not `x`", "`code` stands twice"]),
        ] {
            let said = asked(query).expect_err(query);
            assert_eq!(said.len(), faults.len(), "{query}: {said:?}");
            for (said, part) in said.iter().zip(faults) {
                assert!(said.contains(part), "{query}: {said}");
            }
        }
    }
}
