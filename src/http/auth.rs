//! Who is calling: from a server's key, or an app's token, to its project.
//!
//! Keys are kept as SHA-256 digests and compared in constant time, every one of them on every
//! call, so that neither memory nor timing tells a key. A caller is known before its body is read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use governor::{Quota, RateLimiter};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::{Api, answer};
use crate::clock::Clock;
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
    /// Of servers: header `linkrunner-key`.
    keys: Vec<Key>,
    /// Of apps: `token` in the body.
    tokens: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    digest: [u8; 32],
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

impl Keyring {
    /// The digests of the projects' keys.
    pub(super) fn of(projects: &[Project], clock: &Clock) -> Self {
        let all = |of: fn(&Project) -> &[SecretString]| {
            let keys = projects.iter().enumerate().flat_map(move |(index, project)| {
                of(project).iter().map(move |key| Key::new(key, (index, project), clock))
            });
            keys.collect()
        };
        Self {
            clock: clock.clone(),
            keys: all(|project| &project.server_keys),
            tokens: all(|project| &project.client_tokens),
        }
    }

    /// The caller with this token of an app.
    ///
    /// # Errors
    /// The answer to a caller without a right token, or one who calls too often.
    pub(super) fn app(&self, token: Option<&str>) -> Result<Caller, Box<Response>> {
        let unauthorised = |msg| Box::new(answer::plain(StatusCode::UNAUTHORIZED, msg));
        let token = token.ok_or_else(|| unauthorised("Project token missing!"))?;
        let key = find(&self.tokens, &digest(token.as_bytes()));
        self.paced(key.ok_or_else(|| unauthorised("Project token invalid!"))?)
    }

    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Box<Response>> {
        let unauthorised = |msg| Box::new(answer::plain(StatusCode::UNAUTHORIZED, msg));
        let given = headers.get("linkrunner-key").map(|value| value.as_bytes().trim_ascii());
        let given = given.filter(|key| !key.is_empty());
        let given = given.ok_or_else(|| unauthorised("Server key missing!"))?;
        let key = find(&self.keys, &digest(given));
        self.paced(key.ok_or_else(|| unauthorised("Server key invalid!"))?)
    }

    /// The caller of this key, unless it calls too often.
    fn paced(&self, key: &Key) -> Result<Caller, Box<Response>> {
        if let Some(Err(early)) = key.limiter.as_ref().map(RateLimiter::check) {
            let wait = early.wait_time_from(governor::clock::Clock::now(&self.clock));
            return Err(Box::new(answer::too_many(wait.as_secs() + 1)));
        }
        Ok(Caller { project: key.project })
    }
}

impl Key {
    fn new(key: &SecretString, (index, project): (usize, &Project), clock: &Clock) -> Self {
        let rate = project.max_requests_per_second.and_then(std::num::NonZeroU32::new);
        let limiter =
            rate.map(|rate| RateLimiter::direct_with_clock(Quota::per_second(rate), clock.clone()));
        Self { digest: digest(key.expose_secret().as_bytes()), project: index, limiter }
    }
}

/// Looks at every key, whether or not an earlier one matched.
fn find<'k>(keys: &'k [Key], given: &[u8; 32]) -> Option<&'k Key> {
    let mut found = None;
    for key in keys {
        let equal: Choice = key.digest.ct_eq(given);
        if equal.into() {
            found = Some(key);
        }
    }
    found
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        api.shared.keyring.caller(&parts.headers).map_err(|response| *response)
    }
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}
