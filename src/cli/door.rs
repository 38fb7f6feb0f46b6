//! Where commands that change the books go: to the service that has them open, or to the books.
//!
//! A database has one writer. If a service has it open, work goes to that service's admin
//! listener; if nobody has, this process opens it.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Ended, terminal};
use crate::app::{self, Desk};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::StoreError;

/// The way to the books.
pub(super) enum Door {
    /// A running service.
    Service(Service),
    /// The database, opened by this process.
    Here(Box<Desk>),
}

/// The admin API of a running service.
pub(super) struct Service {
    http: reqwest::Client,
    address: SocketAddr,
    token: Option<SecretString>,
}

impl Door {
    /// The way to the books of this configuration.
    pub(super) async fn open(config: &Config) -> Result<Self, Ended> {
        match Desk::open(config, &Clock::System).await {
            Ok(desk) => Ok(Self::Here(Box::new(desk))),
            Err(StoreError::InUse { .. }) => Service::of(config).map(Self::Service),
            Err(error) => Err(terminal::failed(&error)),
        }
    }
}

impl Service {
    fn of(config: &Config) -> Result<Self, Ended> {
        let file = app::address_file(&config.store);
        let address = std::fs::read_to_string(&file).ok();
        let Some(address) = address.and_then(|text| text.trim().parse().ok()) else {
            return Err(terminal::misused(
                "another tillpost has the database open, but does not say where it listens",
            ));
        };
        let http = reqwest::Client::builder()
            .timeout(Duration::from_mins(2))
            .no_proxy()
            .build()
            .map_err(|error| terminal::failed(&error))?;
        Ok(Self { http, address, token: config.http.admin_token.clone() })
    }

    /// Posts a body and gives back the text of a good answer.
    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<String, Ended> {
        let mut request = self.http.post(format!("http://{}{path}", self.address)).body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let failed = |error: reqwest::Error| terminal::failed(&error);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        if !status.is_success() {
            return Err(terminal::misused(&format!("the service answered {status}: {text}")));
        }
        Ok(text)
    }
}
