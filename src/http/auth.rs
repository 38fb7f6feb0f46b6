//! Who is calling: from a server key to its project.
//!
//! Keys are kept as SHA-256 digests and compared in constant time, every one of them on every
//! call, so that neither memory nor timing tells a key. A caller is known before its body is read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use governor::{Quota, RateLimiter};
use secrecy::ExposeSecret as _;
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
    keys: Vec<Key>,
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
        let mut keys = Vec::new();
        for (index, project) in projects.iter().enumerate() {
            for key in &project.server_keys {
                let digest = digest(key.expose_secret().as_bytes());
                let rate = project.max_requests_per_second.and_then(std::num::NonZeroU32::new);
                let limiter = rate.map(|rate| {
                    RateLimiter::direct_with_clock(Quota::per_second(rate), clock.clone())
                });
                keys.push(Key { digest, project: index, limiter });
            }
        }
        Self { clock: clock.clone(), keys }
    }

    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Box<Response>> {
        let unauthorised = |msg| Box::new(answer::plain(StatusCode::UNAUTHORIZED, msg));
        let given = headers.get("linkrunner-key").map(|value| value.as_bytes().trim_ascii());
        let given = given.filter(|key| !key.is_empty());
        let given = given.ok_or_else(|| unauthorised("Server key missing!"))?;
        let key = self.key(&digest(given)).ok_or_else(|| unauthorised("Server key invalid!"))?;
        if let Some(Err(early)) = key.limiter.as_ref().map(RateLimiter::check) {
            let wait = early.wait_time_from(governor::clock::Clock::now(&self.clock));
            return Err(Box::new(answer::too_many(wait.as_secs() + 1)));
        }
        Ok(Caller { project: key.project })
    }

    /// Looks at every key, whether or not an earlier one matched.
    fn key(&self, given: &[u8; 32]) -> Option<&Key> {
        let mut found = None;
        for key in &self.keys {
            let equal: Choice = key.digest.ct_eq(given);
            if equal.into() {
                found = Some(key);
            }
        }
        found
    }
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
