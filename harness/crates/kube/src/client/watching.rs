//! Follows pods by watch, and again after each end of a watch.

use std::pin::pin;

use futures_util::StreamExt as _;
use harness_base::units::Nanos;
use kube::api::{WatchEvent, WatchParams};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::cluster::{Cluster, Listed, Resource, Selector, malformed};
use super::error::{Call, KubeError, SLOW};

/// The pause before a watch is opened again.
const PAUSE: Nanos = Nanos::from_millis(200);

/// How long a watch may tell nothing: the API ends each after 290 s, so the connection is lost then.
const QUIET: Nanos = Nanos::from_secs(295);

/// What is seen of the selected pods.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    Is(&'a Value),
    Deleted(&'a Value),
    /// There is no such pod.
    Nothing,
}

/// How often the API ended a watch, and its last error.
#[derive(Debug, Default)]
struct Cuts {
    count: u64,
    last: Option<KubeError>,
}

impl Cluster {
    /// Shows `look` every state of the selected pods until it returns something, for at most `within`. A watch that ends, as every watch
    /// does after some minutes, is opened again.
    ///
    /// # Errors
    /// Returns what `look` returned, [`KubeError::Late`] about `pod` after `within`, or an error of the API that stays.
    pub(super) async fn awaited<T>(
        &self,
        (pod, until): (&str, &'static str),
        selector: &Selector,
        within: Nanos,
        look: impl FnMut(Seen<'_>) -> Option<Result<T, KubeError>> + Send,
    ) -> Result<T, KubeError> {
        let mut cuts = Cuts::default();
        let watched = timeout(within.duration(), self.watched(selector, &mut cuts, look)).await;
        match watched {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => {
                let Cuts { count, last } = cuts;
                let (pod, last) = (pod.to_owned(), last.map(|last| last.to_string()));
                Err(KubeError::Late { pod, until, within, reason: None, cuts: count, last })
            }
        }
    }

    /// Shows `look` every state of the selected pods until it returns something, however long it takes.
    ///
    /// # Errors
    /// Returns an error of the API that stays.
    pub(super) async fn seen<T>(
        &self,
        selector: &Selector,
        look: impl FnMut(Seen<'_>) -> Option<T> + Send,
    ) -> Result<T, KubeError> {
        self.watched(selector, &mut Cuts::default(), look).await
    }

    async fn watched<T>(
        &self,
        selector: &Selector,
        cuts: &mut Cuts,
        mut look: impl FnMut(Seen<'_>) -> Option<T> + Send,
    ) -> Result<T, KubeError> {
        loop {
            match self.watch_once(selector, &mut look).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => cuts.count += 1,
                Err(error) if error.passes() => {
                    cuts.count += 1;
                    cuts.last = Some(error);
                }
                Err(error) => return Err(error),
            }
            sleep(PAUSE.duration()).await;
        }
    }

    /// Lists the pods, and watches them from there. Returns nothing when the watch ends.
    async fn watch_once<T>(
        &self,
        selector: &Selector,
        look: &mut (impl FnMut(Seen<'_>) -> Option<T> + Send),
    ) -> Result<Option<T>, KubeError> {
        let Listed { items, version } = self.list(Resource::Pods, selector).await?;
        let listed =
            if items.is_empty() { look(Seen::Nothing) } else { items.iter().find_map(|pod| look(Seen::Is(pod))) };
        if listed.is_some() {
            return Ok(listed);
        }
        let call = Call::new("watch", Resource::Pods.word(), None);
        let request = self.requests(Resource::Pods).watch(&params(selector), &version);
        let request = request.map_err(|error| malformed(&call, &error))?;
        let client = self.client();
        let events = match timeout(SLOW.duration(), client.request_events::<Value>(request)).await {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => return Err(KubeError::of(call, self.namespace(), &error)),
            Err(_elapsed) => return Err(KubeError::Slow { call }),
        };
        let mut events = pin!(events);
        while let Ok(Some(event)) = timeout(QUIET.duration(), events.next()).await {
            let found = match event {
                Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod)) => look(Seen::Is(&pod)),
                Ok(WatchEvent::Deleted(pod)) => look(Seen::Deleted(&pod)),
                Ok(WatchEvent::Bookmark(_)) => None,
                // The version is too old, or the connection was cut: the next list has what was missed.
                Ok(WatchEvent::Error(_)) | Err(_) => return Ok(None),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

fn params(selector: &Selector) -> WatchParams {
    let (label_selector, field_selector) = (selector.labels.clone(), selector.fields.clone());
    WatchParams { label_selector, field_selector, ..WatchParams::default() }
}
