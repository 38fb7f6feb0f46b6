//! `GET /admin/v1/mapping`: which table is in force, and what stands in the file instead.
//!
//! For marketing engineers after an edit and for whoever is called when events look wrong.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{Api, answer};
use crate::core::mapping::{EffectiveTable, MappingVersion};
use crate::core::time::Timestamp;
use crate::intake::{InForce, Project, RefusedFile};

#[derive(Serialize)]
struct Mappings<'m> {
    projects: Vec<ProjectMapping<'m>>,
}

#[derive(Serialize)]
struct ProjectMapping<'m> {
    project: &'m str,
    file: String,
    version: &'m MappingVersion,
    in_force_since: Timestamp,
    /// How often a changed file was taken since the start.
    reloads: u64,
    /// What stands in the file instead, if it was refused.
    refused: Option<&'m RefusedFile>,
    #[serde(flatten)]
    table: EffectiveTable<'m>,
}

/// The effective table of each project.
pub(super) async fn mapping(State(api): State<Api>) -> Response {
    let looked: Vec<(&Project, InForce)> =
        api.shared.projects.iter().map(|project| (project, project.mapping.look())).collect();
    let projects = looked.iter().map(|(project, in_force)| ProjectMapping {
        project: &project.name,
        file: project.mapping.path().display().to_string(),
        version: in_force.mapping.version(),
        in_force_since: in_force.since,
        reloads: in_force.taken,
        refused: in_force.refused.as_deref(),
        table: EffectiveTable(&in_force.mapping),
    });
    answer::json(StatusCode::OK, &Mappings { projects: projects.collect() })
}
