//! Digests as images write them.

use harness_base::units::hexadecimal;
use sha2::{Digest, Sha256};

/// Returns `sha256:` and the digest in hexadecimal.
pub(super) fn digest(hash: Sha256) -> String {
    format!("sha256:{}", hexadecimal(&hash.finalize()))
}
