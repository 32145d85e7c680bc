//! Runs work that blocks beside the event loop.

use std::thread::Builder;

use tokio::sync::oneshot;

/// The reason why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thread could not be started.
    #[error("a thread could not be started: {0}; check the limits of processes and memory (ulimit -u)")]
    Thread(std::io::Error),
    #[error("a thread ended before its work was done")]
    Ended,
}

/// Runs `work` on a thread of its own, for which nothing waits if the future is dropped. Tokio's pool would panic on a host that has no
/// thread left.
///
/// # Errors
/// Returns [`Error::Thread`] when the host has no thread left.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let (sender, receiver) = oneshot::channel();
    Builder::new().spawn(move || drop(sender.send(work()))).map_err(Error::Thread)?;
    receiver.await.map_err(|_| Error::Ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_returns_its_result_and_a_panic_of_it_is_an_error() {
        assert_eq!(aside(|| 3).await.unwrap(), 3);
        assert!(matches!(aside(|| panic!("of this test")).await, Err::<(), _>(Error::Ended)));
    }
}
