//! Work for the writer, and the one who waits for it.

use tokio::sync::oneshot;

use super::Books;
use crate::store::StoreError;

/// One piece of work and the one who waits for it.
pub(super) trait Job: Send {
    /// Whether it takes something new, and so is turned away while the disk is full.
    fn appends(&self) -> bool;
    /// Does the work inside the open transaction.
    fn run(&mut self, books: &mut Books<'_>) -> Result<(), StoreError>;
    /// Answers: the result if the transaction was committed, the error otherwise.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Jobs in the order in which they arrived.
pub(super) type Jobs = Vec<Box<dyn Job>>;

/// What a job needs of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// It takes something new.
    Appends,
    /// It finishes or removes what was taken; room is kept for it.
    Finishes,
}

/// A job whose work is a closure.
pub(super) struct Pending<T, W> {
    pub(super) kind: Kind,
    pub(super) work: W,
    pub(super) result: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for Pending<T, W>
where
    T: Send,
    W: FnMut(&mut Books<'_>) -> Result<T, StoreError> + Send,
{
    fn appends(&self) -> bool {
        self.kind == Kind::Appends
    }

    fn run(&mut self, books: &mut Books<'_>) -> Result<(), StoreError> {
        self.result = Some((self.work)(books)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = self.result.ok_or(StoreError::Closed);
        // Whoever waited may have gone; the work is done all the same.
        let _ = self.reply.send(committed.and(result));
    }
}
