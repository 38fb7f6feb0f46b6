//! Who is calling: from the key of a server or a site, or the token of an app, to its project.
//!
//! Keys are known by their digests alone (`core::key`) and compared in constant time, every one of
//! them on every call, so that neither memory nor timing tells a key. A caller is known before its
//! body is read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use governor::{Quota, RateLimiter};

use super::{Api, answer, faurya};
use crate::clock::Clock;
use crate::core::key::KeyDigest;
use crate::intake::Project;

type Limiter = RateLimiter<
    governor::state::NotKeyed,
    governor::state::InMemoryState,
    Clock,
    governor::middleware::NoOpMiddleware<governor::nanos::Nanos>,
>;

/// The keys of all projects.
#[derive(Debug)]
pub(super) struct Keyring {
    clock: Clock,
    keys: Vec<Key>,
}

/// Which routes a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Those of servers, by the header `linkrunner-key`.
    Server,
    /// Faurya's, by `Authorization: Bearer`.
    Site,
    /// Those of apps, by `token` in the body.
    App,
}

#[derive(Debug)]
struct Key {
    door: Door,
    digest: KeyDigest,
    /// Index of the project.
    project: usize,
    limiter: Option<Limiter>,
}

/// A caller whose key is right and who does not call too often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// Index of the project.
    pub(super) project: usize,
}

/// The same by the key of a site.
#[derive(Debug, Clone, Copy)]
pub(super) struct SiteCaller {
    /// Index of the project.
    pub(super) project: usize,
}

/// Why a caller is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnedAway {
    /// No key was given.
    Missing,
    /// It is nobody's.
    Wrong,
    /// It comes too often, and may come again after so many seconds.
    TooOften(u64),
}

impl Keyring {
    /// The digests of the projects' keys. The server keys of a closed project open nothing; its
    /// site keys are known, so that its callers learn that the site is gone.
    pub(super) fn of(projects: &[Project], clock: &Clock) -> Self {
        let mut keys = Vec::new();
        for (index, project) in projects.iter().enumerate() {
            let of_servers = project.server_keys.iter().filter(|_| !project.site.closed);
            let of_servers = of_servers.map(|key| (Door::Server, key));
            let of_sites = project.site.keys.iter().map(|key| (Door::Site, key));
            let of_apps = project.client_tokens.iter().filter(|_| !project.site.closed);
            let of_apps = of_apps.map(|key| (Door::App, key));
            for (door, key) in of_servers.chain(of_sites).chain(of_apps) {
                let digest = *key;
                let rate = project.max_requests_per_second.and_then(std::num::NonZeroU32::new);
                let limiter = rate.map(|rate| {
                    RateLimiter::direct_with_clock(Quota::per_second(rate), clock.clone())
                });
                keys.push(Key { door, digest, project: index, limiter });
            }
        }
        Self { clock: clock.clone(), keys }
    }

    /// The project of a key that opens this door.
    fn let_in(&self, door: Door, given: Option<&[u8]>) -> Result<usize, TurnedAway> {
        let given = given.map(<[u8]>::trim_ascii).filter(|key| !key.is_empty());
        let given = given.ok_or(TurnedAway::Missing)?;
        let key = self.key(door, &KeyDigest::of(given)).ok_or(TurnedAway::Wrong)?;
        if let Some(Err(early)) = key.limiter.as_ref().map(RateLimiter::check) {
            let wait = early.wait_time_from(governor::clock::Clock::now(&self.clock));
            return Err(TurnedAway::TooOften(wait.as_secs() + 1));
        }
        Ok(key.project)
    }

    /// The caller with this token of an app.
    ///
    /// # Errors
    /// The answer to a caller without a right token, or one who calls too often.
    pub(super) fn app(&self, token: Option<&str>) -> Result<Caller, Box<Response>> {
        let unauthorised = |msg| Box::new(answer::plain(StatusCode::UNAUTHORIZED, msg));
        match self.let_in(Door::App, token.map(str::as_bytes)) {
            Ok(project) => Ok(Caller { project }),
            Err(TurnedAway::Missing) => Err(unauthorised("Project token missing!")),
            Err(TurnedAway::Wrong) => Err(unauthorised("Project token invalid!")),
            Err(TurnedAway::TooOften(seconds)) => Err(Box::new(answer::too_many(seconds))),
        }
    }

    /// Looks at every key, whether or not an earlier one matched.
    fn key(&self, door: Door, given: &KeyDigest) -> Option<&Key> {
        let mut found = None;
        for key in &self.keys {
            if key.digest.is(given) && key.door == door {
                found = Some(key);
            }
        }
        found
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let given = parts.headers.get("linkrunner-key").map(HeaderValue::as_bytes);
        let unauthorised = |msg| answer::plain(StatusCode::UNAUTHORIZED, msg);
        match api.shared.keyring.let_in(Door::Server, given) {
            Ok(project) => Ok(Self { project }),
            Err(TurnedAway::Missing) => Err(unauthorised("Server key missing!")),
            Err(TurnedAway::Wrong) => Err(unauthorised("Server key invalid!")),
            Err(TurnedAway::TooOften(seconds)) => Err(answer::too_many(seconds)),
        }
    }
}

impl FromRequestParts<Api> for SiteCaller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| bearer(value));
        let unauthorised = |message| faurya::error(StatusCode::UNAUTHORIZED, message);
        match api.shared.keyring.let_in(Door::Site, given) {
            Ok(project) => Ok(Self { project }),
            Err(TurnedAway::Missing) => {
                Err(unauthorised("API key missing; send Authorization: Bearer <API key>"))
            }
            Err(TurnedAway::Wrong) => Err(unauthorised("API key invalid")),
            Err(TurnedAway::TooOften(seconds)) => Err(faurya::too_often(seconds)),
        }
    }
}

/// What follows the word `Bearer`, in any case (RFC 9110, 11.1).
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, rest) = value.as_bytes().split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(rest)
}
