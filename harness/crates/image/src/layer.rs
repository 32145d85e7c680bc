//! Measures one layer: its bytes as stored and as a pull would download them. Also looks for the base of the image.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::digest::digest;
use super::look::Look;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) stored: u64,
    /// The digest of the stored bytes.
    pub(super) digest: String,
    /// The digest of the uncompressed archive; absent when it could not be decompressed.
    pub(super) content: Option<String>,
    /// The compressed length; absent when it is stored compressed.
    pub(super) compressed: Option<u64>,
}

/// Reads a layer to its end, with any compression.
///
/// # Errors
/// Returns an error when the layer cannot be read or its compression is broken.
pub(super) fn weigh(from: impl Read, look: &mut Look) -> Result<Weight> {
    let mut from = BufReader::with_capacity(1 << 16, from);
    let magic = from.fill_buf()?;
    let (gzip, zstd) = (magic.starts_with(&[0x1f, 0x8b]), magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    if gzip {
        return unpacked(from, look);
    }
    let mut stored = Tee { also: (!zstd).then(compressor), ..Tee::new(from) };
    if zstd {
        look.unread("a layer is compressed with zstd, which is not decompressed");
    } else {
        look.at(&mut stored);
    }
    stored.drain()?;
    let compressed = stored.also.map(|also| also.finish().map(|counted| counted.0)).transpose()?;
    let digest = digest(stored.hash);
    Ok(Weight { stored: stored.passed, content: compressed.map(|_| digest.clone()), digest, compressed })
}

fn unpacked(from: impl Read, look: &mut Look) -> Result<Weight> {
    let mut content = Tee::new(MultiGzDecoder::new(Tee::new(from)));
    look.at(&mut content);
    content.drain()?;
    let mut stored = content.from.into_inner();
    stored.drain()?;
    let (digest, content) = (digest(stored.hash), Some(digest(content.hash)));
    Ok(Weight { stored: stored.passed, digest, content, compressed: None })
}

/// Compresses as engines do when they push: gzip at its default level.
fn compressor() -> GzEncoder<Counted> {
    GzEncoder::new(Counted(0), Compression::default())
}

/// Counts bytes and discards them.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Hashes the bytes that are read through it, and optionally compresses them.
struct Tee<R> {
    from: R,
    hash: Sha256,
    passed: u64,
    also: Option<GzEncoder<Counted>>,
    /// The last error. The caller may have ignored it, and a decoder does not repeat it.
    failed: Option<Error>,
}

impl<R: Read> Tee<R> {
    fn new(from: R) -> Self {
        Self { from, hash: Sha256::new(), passed: 0, also: None, failed: None }
    }

    fn drain(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), Err)?;
        std::io::copy(self, &mut std::io::sink()).map(drop)
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let length = match self.from.read(into) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.failed = Some(Error::new(error.kind(), error.to_string()));
                return Err(error);
            }
            other => other?,
        };
        self.hash.update(&into[..length]);
        self.passed += length as u64;
        if let Some(also) = &mut self.also {
            also.write_all(&into[..length])?;
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_counted_without_being_held() {
        const UNPACKED: u64 = 256 << 20;
        let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::copy(&mut std::io::repeat(0).take(UNPACKED), &mut bomb).unwrap();
        let bomb = bomb.finish().unwrap();
        let before = peak();
        let weight = weigh(&bomb[..], &mut Look::default()).unwrap();
        assert_eq!(weight.stored, bomb.len() as u64);
        assert_eq!(weight.compressed, None);
        // Other tests of this process also use memory. The kernel adds up its counters of threads late, so a later peak can even be smaller.
        let more = peak().saturating_sub(before);
        assert!(more < UNPACKED / 2, "{more} bytes more");
    }

    /// Largest resident memory of this process so far, in bytes.
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    #[test]
    fn a_plain_layer_is_compressed_to_count_it() {
        let weight = weigh(&[7; 100_000][..], &mut Look::default()).unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&[7; 100_000]).unwrap();
        assert_eq!(weight.stored, 100_000);
        assert_eq!(weight.compressed, Some(packed.finish().unwrap().len() as u64));
        assert_eq!(weight.content.as_ref(), Some(&weight.digest));
    }

    #[test]
    fn a_broken_compression_is_an_error() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&[7; 100_000]).unwrap();
        let packed = packed.finish().unwrap();
        for cut in [3, 20, packed.len() - 1] {
            assert!(weigh(&packed[..cut], &mut Look::default()).is_err(), "{cut}");
        }
    }
}
