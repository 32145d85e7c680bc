//! Repeats a request whose failure may be temporary, within a time limit.

use std::time::{Duration, Instant};

use super::github::{Github, Trouble};

/// Number of attempts if the cause may be temporary.
const TRIES: u32 = 3;

/// Runs `attempt`, which is given the time limit, until it succeeds or there is no use in trying again.
///
/// # Errors
/// Returns what failed, in one sentence without the token.
pub(super) fn tries<T>(github: &Github, attempt: impl AsyncFnMut(Instant) -> Result<T, Trouble>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the HTTP client cannot be started: {error}"))?;
    let done = runtime.block_on(repeated(github, attempt));
    // A name server that does not answer must not delay the end.
    runtime.shutdown_background();
    done
}

async fn repeated<T>(
    github: &Github,
    mut attempt: impl AsyncFnMut(Instant) -> Result<T, Trouble>,
) -> Result<T, String> {
    let deadline = Instant::now() + github.patience_in_all();
    let mut tried = 0;
    loop {
        tried += 1;
        let trouble = match attempt(deadline).await {
            Ok(done) => return Ok(done),
            Err(trouble) => trouble,
        };
        let pause = Duration::from_millis(250) * tried;
        let in_time = Instant::now() + pause < deadline;
        if !(matches!(trouble, Trouble::Passing(_)) && tried < TRIES && in_time) {
            let times = if tried > 1 { format!(" ({tried} tries)") } else { String::new() };
            return Err(github.redacted(&format!("{}{times}", trouble.message())));
        }
        tokio::time::sleep(pause).await;
    }
}
