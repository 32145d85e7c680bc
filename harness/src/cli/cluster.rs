//! Asks a cluster of Kubernetes what it lacks, and removes what runs left there. Without the client of Kubernetes, both are errors.

use super::error::Error;
#[cfg(feature = "kubernetes")]
use harness_kube::objects::Owner;
#[cfg(feature = "kubernetes")]
use harness_kube::{Cluster, KubeError};

/// This program has no client of Kubernetes.
#[cfg(not(feature = "kubernetes"))]
#[derive(Debug, thiserror::Error)]
#[error("this harness was built without Kubernetes; install a release, or build with --features kubernetes")]
struct NoClient;

/// Lists what a run would lack, each with whether it could not run at all.
///
/// # Errors
/// Returns an error of tooling if the cluster does not answer.
#[cfg(feature = "kubernetes")]
pub(super) fn lacks(context: Option<&str>, namespace: Option<&str>) -> Result<Vec<(bool, String)>, Error> {
    let found = ask(async {
        let cluster = Cluster::connect(context, namespace).await?;
        cluster.check().await
    })?;
    Ok(found.iter().map(|lack| (lack.is_fatal(), lack.to_string())).collect())
}

/// Removes the runs of harness in a namespace, or only lists them.
///
/// # Errors
/// Returns an error of tooling if the cluster does not answer, or refuses.
#[cfg(feature = "kubernetes")]
pub(super) fn leftovers(context: Option<&str>, namespace: Option<&str>, dry_run: bool) -> Result<Vec<String>, Error> {
    ask(async {
        let cluster = Cluster::connect(context, namespace).await?;
        let mut lines = Vec::new();
        for left in cluster.leftovers().await? {
            lines.push(format!("job {} of run {} in namespace {}", left.job, left.run, cluster.namespace()));
            if !dry_run {
                cluster.remove(&Owner { name: left.job, uid: left.uid }).await?;
            }
        }
        Ok(lines)
    })
}

/// Waits for an answer of the cluster.
#[cfg(feature = "kubernetes")]
fn ask<T>(question: impl Future<Output = Result<T, KubeError>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::tooling(&error))?;
    runtime.block_on(question).map_err(|error| Error::tooling(&error))
}

/// Returns the error of a program without a client of Kubernetes.
#[cfg(not(feature = "kubernetes"))]
pub(super) fn lacks(_context: Option<&str>, _namespace: Option<&str>) -> Result<Vec<(bool, String)>, Error> {
    Err(Error::tooling(&NoClient))
}

/// Returns the error of a program without a client of Kubernetes.
#[cfg(not(feature = "kubernetes"))]
pub(super) fn leftovers(
    _context: Option<&str>,
    _namespace: Option<&str>,
    _dry_run: bool,
) -> Result<Vec<String>, Error> {
    Err(Error::tooling(&NoClient))
}
