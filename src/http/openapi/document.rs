//! The operations as an OpenAPI 3.1 document.
//!
//! In: the operations, and the answers that the examples got (`answers.json`, written and compared
//! by `tests/it/openapi.rs`). Out: one JSON value. Keys are in alphabetical order, so that an edit
//! shows as an edit.
//!
//! Source: OpenAPI Initiative, "OpenAPI Specification v3.1.1".

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::operation::{Answer, Body, Call, Family, Operation, Parameter};
use super::{bodies, client, operations, shapes, webhooks};
use crate::core::decide::Verdict;

/// The answers of the examples: by operation, by name.
static RECORDED: LazyLock<Value> = LazyLock::new(|| {
    // The file is part of the program, and a test reads it.
    serde_json::from_str(include_str!("answers.json")).unwrap_or_default()
});

/// What the example of this name was answered.
pub(super) fn recorded(id: &str, name: &str) -> Option<&'static Value> {
    RECORDED.get(id)?.get(name)
}

/// The text of the document, as it is printed, served and committed.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        if operation.family == Family::Admin {
            item["servers"] = json!([{
                "url": "http://127.0.0.1:8081",
                "description": "The admin listener (`[http] admin_listen`).",
            }]);
        }
        item[operation.method.as_str()] = described(&operation);
    }
    let tags = Family::ALL
        .iter()
        .map(|family| json!({"name": family.as_str(), "description": family.meaning()}));
    let schemas = shapes::components().into_iter().chain(bodies::components());
    let schemas: Map<String, Value> =
        schemas.map(|(name, schema)| (name.to_owned(), schema.value())).collect();
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Tillpost",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Payments in, Meta conversions out",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "servers": [{
            "url": "http://127.0.0.1:8080",
            "description": "The public listener (`[http] listen`).",
        }],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers(),
            "securitySchemes": security_schemes(),
        },
    })
}

/// What holds for all of it.
pub(super) const INTRODUCTION: &str = "Tillpost takes payments from backends, apps and payment \
    providers and forwards them to Meta's Conversions API.\n\nA good answer means that what it \
    says is on stable storage. No answer is silent: it says what will happen, what will not, and \
    why. A call that was answered 429 or 503, or not at all, may be repeated as it is.\n\nA path \
    that leads nowhere is a 404, a method that a path does not have is a 405, both in the shape of \
    the family. Numbers are kept digit by digit.";

fn described(operation: &Operation) -> Value {
    let mut value = json!({
        "operationId": operation.id,
        "tags": [operation.family.as_str()],
        "summary": operation.summary,
        "description": operation.says,
        "responses": responses(operation),
        "security": security(operation.family),
    });
    if !operation.parameters.is_empty() {
        let parameters = operation.parameters.iter().map(|one| parameter(one, operation));
        value["parameters"] = parameters.collect();
    }
    if let Some(body) = &operation.body {
        value["requestBody"] = request(body, &operation.calls);
    }
    value
}

fn parameter(parameter: &Parameter, operation: &Operation) -> Value {
    let mut schema = parameter.schema.clone().value();
    let says = schema.as_object_mut().and_then(|words| words.remove("description"));
    let value = |call: &Call| call.with.iter().find(|(name, _)| *name == parameter.name).copied();
    // What stands here is taken for good by programs that read it.
    let good = operation.calls.iter().filter(|call| call.status < 400);
    let examples = good.filter_map(|call| {
        let (_, value) = value(call)?;
        Some((call.name.to_owned(), json!({"value": value})))
    });
    let examples: Map<String, Value> = examples.collect();
    let place = if parameter.in_path { "path" } else { "query" };
    let mut value = json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.in_path,
        "description": says,
        "schema": schema,
    });
    if !examples.is_empty() {
        value["examples"] = examples.into();
    }
    value
}

fn request(body: &Body, calls: &[Call]) -> Value {
    let with_body = calls.iter().filter(|call| !call.body.is_empty());
    // What is no JSON cannot be shown as a value.
    let (values, texts): (Vec<_>, Vec<_>) = with_body
        .map(|call| (call.name, serde_json::from_str::<Value>(call.body).ok(), call.body))
        .partition(|(_, value, _)| value.is_some());
    let values: Map<String, Value> = values
        .into_iter()
        .map(|(name, value, _)| (name.to_owned(), json!({"value": value})))
        .collect();
    let texts: Map<String, Value> = texts
        .into_iter()
        .map(|(name, _, text)| (name.to_owned(), json!({"value": text})))
        .collect();
    let schema = body.schema.clone().value();
    let mut content = json!({});
    // A body of lines alone is described as text.
    if schema["type"] != "string" {
        content["application/json"] = json!({"schema": schema, "examples": values});
    }
    if body.lines {
        // A batch is never empty; a file may be.
        let least = if schema["type"] == "array" { json!(r"\S") } else { json!("") };
        let lines = json!({"type": "string", "pattern": least});
        content["application/x-ndjson"] = json!({"schema": lines, "examples": texts});
    }
    let megabytes = body.bytes_max / 1024 / 1024;
    json!({
        "required": true,
        "description": format!("At most {megabytes} MB. Its Content-Type is not looked at."),
        "content": content,
    })
}

fn responses(operation: &Operation) -> Value {
    let responses = operation
        .answers
        .iter()
        .map(|answer| (answer.status.to_string(), response(answer, operation)));
    Value::Object(responses.collect())
}

fn response(answer: &Answer, operation: &Operation) -> Value {
    let calls = operation.calls.iter().filter(|call| call.status == answer.status);
    let examples: Map<String, Value> = calls
        .filter_map(|call| {
            let value = recorded(operation.id, call.name)?;
            Some((call.name.to_owned(), json!({"value": value})))
        })
        .collect();
    let mut content = json!({"schema": answer.schema.clone().value()});
    if !examples.is_empty() {
        content["examples"] = examples.into();
    }
    let mut response = json!({
        "description": answer.says,
        "content": {answer.media: content},
    });
    for name in &answer.headers {
        response["headers"][*name] = json!({"$ref": format!("#/components/headers/{name}")});
    }
    response
}

fn headers() -> Value {
    json!({
        "Retry-After": {
            "description": "Seconds after which the call may be repeated.",
            "schema": {"type": "integer", "minimum": 1},
        },
        "tillpost-verdict": {
            "description": "What becomes of the payment.",
            "schema": {"type": "string", "enum": Verdict::words().collect::<Vec<_>>()},
        },
    })
}

fn security_schemes() -> Value {
    let mut schemes = json!({
        "serverKey": {
            "type": "apiKey",
            "in": "header",
            "name": "linkrunner-key",
            "description": "`server_key` of the project.",
        },
        "siteKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "`site_key` of the project.",
        },
        "adminToken": {
            "type": "http",
            "scheme": "bearer",
            "description": "`[http] admin_token`, where one is set: always beyond the loopback.",
        },
    });
    for (name, scheme) in webhooks::schemes().into_iter().chain(client::schemes()) {
        schemes[name] = scheme;
    }
    schemes
}

/// Who may call; one of the list is enough.
fn security(family: Family) -> Value {
    match family {
        Family::Linkrunner => json!([{"serverKey": []}]),
        Family::Faurya => json!([{"siteKey": []}]),
        Family::Admin => json!([{"adminToken": []}, {}]),
        // A token in the body is no scheme that OpenAPI knows: the body's schema demands it. A
        // signature is all of its headers, where the project demands one.
        Family::Client => {
            let signed =
                client::schemes().into_iter().map(|(name, _)| (name.to_owned(), json!([])));
            json!([{}, Value::Object(signed.collect())])
        }
        Family::Service => json!([]),
        Family::Webhooks => {
            webhooks::schemes().into_iter().map(|(name, _)| json!({name: []})).collect()
        }
    }
}
