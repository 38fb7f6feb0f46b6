//! The users of late, in memory: a capture should not wait for a look into the database.
//!
//! Only known users are kept, so a hold always asks the database. What is kept is never older than
//! the last signup that was answered: a signup counts the generation up, and a look that began
//! before it does not put back what it read.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::ProjectKey;
use crate::core::user::User;

/// Most users that are kept: some 20 MiB of hashes.
const USERS_MAX: NonZeroUsize = NonZeroUsize::new(32_768).unwrap();

type Key = (ProjectKey, String);

#[derive(Debug)]
pub(super) struct KnownUsers(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    users: LruCache<Key, Arc<User>>,
    generation: u64,
}

/// When a look into the database began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl Default for KnownUsers {
    fn default() -> Self {
        Self(Mutex::new(Kept { users: LruCache::new(USERS_MAX), generation: 0 }))
    }
}

impl KnownUsers {
    /// The user, if kept.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<User>> {
        self.lock().users.get(key).cloned()
    }

    /// To be taken before a look into the database.
    pub(super) fn generation(&self) -> Generation {
        Generation(self.lock().generation)
    }

    /// Keeps what a look found, unless somebody signed up since it began.
    pub(super) fn keep(&self, began: Generation, key: Key, user: Arc<User>) {
        let mut kept = self.lock();
        if kept.generation == began.0 {
            kept.users.put(key, user);
        }
    }

    /// Forgets a user whose signup was committed just now.
    pub(super) fn forget(&self, key: &Key) {
        let mut kept = self.lock();
        kept.generation += 1;
        kept.users.pop(key);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_began_before_a_signup_keeps_nothing() {
        let users = KnownUsers::default();
        let key = (ProjectKey(1), "666".to_owned());
        let began = users.generation();
        users.forget(&key);
        users.keep(began, key.clone(), Arc::default());
        assert_eq!(users.get(&key), None, "it may be what the signup replaced");
        users.keep(users.generation(), key.clone(), Arc::default());
        assert!(users.get(&key).is_some());
        users.forget(&key);
        assert_eq!(users.get(&key), None);
    }
}
