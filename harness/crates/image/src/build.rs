//! Builds a minimal image `FROM scratch` from an executable of this host, as an archive for `docker load`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::closure::{Closure, closure, with_name_service};
use super::digest::digest;
use super::error::{Error, unreadable};
use super::tree::{Tree, header};

/// The name of the only layer in the archive.
const LAYER: &str = "layer.tar";
const BLOCK: u64 = 512;
/// The CA bundles of Debian, Fedora, SUSE and Alpine.
const CERTIFICATES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const PASSWD: &str = "root:x:0:0:root:/root:/nonexistent\nnobody:x:65534:65534:nobody:/nonexistent:/nonexistent\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

/// An image to be built.
#[derive(Debug, Clone, Copy)]
pub struct BuildRequest<'a> {
    /// The program; it becomes the entrypoint, as `/app/<file name>`.
    pub executable: &'a Path,
    /// Files and folders of this host, with their absolute paths in the image.
    pub extra: &'a [(PathBuf, String)],
    /// Whether to add what most programs need besides libraries: CA certificates, passwd, group, nsswitch and its modules, `/tmp`.
    pub furnished: bool,
    pub labels: &'a BTreeMap<String, String>,
    /// The name of the image, with or without a tag.
    pub tag: Option<&'a str>,
    /// The archive to write. An existing file is replaced.
    pub out: &'a Path,
}

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// `sha256:…`, the same id that the engine shows after loading.
    pub id: String,
    /// The bytes of all files and links, as the engine counts them.
    pub size_bytes: u64,
    /// The name of the hardware in images: `amd64`, `arm64` …
    pub architecture: &'static str,
    pub entrypoint: String,
    /// Files that the program may need but that were not found.
    pub warnings: Vec<String>,
    /// The paths of the files and links in the image.
    pub files: Vec<String>,
}

/// Builds an image. The same files always give the same image.
///
/// # Errors
/// Returns an [`Error`] and leaves no archive behind.
pub fn build(request: &BuildRequest<'_>) -> Result<Built, Error> {
    let closure = match request.furnished {
        true => with_name_service(request.executable),
        false => closure(request.executable),
    }?;
    let name = request.executable.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let entrypoint = format!("/app/{name}");
    let mut warnings = Vec::new();
    let tree = gather(request, &closure, &entrypoint, &mut warnings)?;
    let written = write(request, &tree, &closure, &entrypoint);
    if written.is_err() {
        let _ = std::fs::remove_file(request.out);
    }
    let (id, size_bytes) = written?;
    let architecture = closure.architecture;
    Ok(Built { id, size_bytes, architecture, entrypoint, warnings, files: tree.files() })
}

fn gather(
    request: &BuildRequest<'_>,
    closure: &Closure,
    entrypoint: &str,
    warnings: &mut Vec<String>,
) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    // Libraries first: they bring links such as /lib, which all later paths go through.
    let libraries = closure.libraries.iter().map(|library| &library.path);
    for path in libraries.chain(&closure.interpreter).chain(&closure.settings) {
        tree.mirror(path)?;
    }
    link_strays(&mut tree, closure)?;
    tree.copy(&closure.executable, entrypoint)?;
    if request.furnished {
        certificates(&mut tree, warnings)?;
        tree.text("/etc/passwd", PASSWD)?;
        tree.text("/etc/group", GROUP)?;
        tree.text("/etc/nsswitch.conf", NSSWITCH)?;
        tree.folder("/tmp", 0o1777)?;
    }
    for (source, place) in request.extra {
        tree.copy(source, place)?;
    }
    Ok(tree)
}

/// Links libraries that the loader would not find in the image. The image has no index of libraries, and its program is in another
/// folder, so a library that was found through either gets a link beside the C library, where the loader looks last.
fn link_strays(tree: &mut Tree, closure: &Closure) -> Result<(), Error> {
    let is_c_library = |name: &str| name.starts_with("libc.so") || name.starts_with("libc.musl");
    let c_library = closure.libraries.iter().find(|library| is_c_library(&library.name)).map(|library| &library.path);
    let home = c_library.or(closure.interpreter.as_ref()).and_then(|path| path.parent());
    let Some(home) = home else { return Ok(()) };
    let real = |folder: Option<&Path>| folder.and_then(|folder| folder.canonicalize().ok());
    for library in closure.libraries.iter().filter(|library| !library.name.contains('/')) {
        if real(library.path.parent()) != real(Some(home)) {
            let file = library.path.canonicalize().map_err(unreadable(&library.path))?;
            tree.link(&home.join(&library.name).display().to_string(), &file)?;
        }
    }
    Ok(())
}

fn certificates(tree: &mut Tree, warnings: &mut Vec<String>) -> Result<(), Error> {
    let Some(bundle) = CERTIFICATES.iter().map(Path::new).find(|path| path.is_file()) else {
        let message =
            "this host has no CA certificates, so a program that uses TLS may not start; install ca-certificates";
        warnings.push(message.to_owned());
        return Ok(());
    };
    let [first, others @ ..] = CERTIFICATES;
    tree.copy(bundle, first)?;
    others.iter().chain(&["/usr/lib/ssl/cert.pem"]).try_for_each(|place| tree.link(place, Path::new(first)))
}

/// Writes the archive. Returns the image's id and the bytes of its files.
fn write(request: &BuildRequest<'_>, tree: &Tree, closure: &Closure, entrypoint: &str) -> Result<(String, u64), Error> {
    let unwritable = |cause| Error::Unwritable { path: request.out.to_owned(), cause };
    let mut out = BufWriter::new(File::create(request.out).map_err(unwritable)?);
    // The layer's length is known only after it is written, so its header is filled in at the end.
    out.write_all(&[0; BLOCK as usize]).map_err(unwritable)?;
    let mut layer = Hashing { out: &mut out, hash: Sha256::new(), written: 0 };
    let bytes = tree.write(&mut layer, unwritable)?;
    let (diff_id, length) = (digest(layer.hash), layer.written);
    let config = config(request, closure, entrypoint, &diff_id).to_string();
    let mut config_hash = Sha256::new();
    config_hash.update(&config);
    let id = digest(config_hash);
    let finish = |mut out: BufWriter<File>| {
        out.write_all(&vec![0; (length.next_multiple_of(BLOCK) - length) as usize])?;
        let mut archive = tar::Builder::new(out);
        let name = format!("{}.json", id.trim_start_matches("sha256:"));
        append(&mut archive, &name, &config)?;
        append(&mut archive, "manifest.json", &manifest(request.tag, &name))?;
        let mut out = archive.into_inner()?;
        let mut header = header(tar::EntryType::Regular, 0o644, length);
        header.set_path(LAYER)?;
        header.set_cksum();
        out.seek(SeekFrom::Start(0))?;
        out.write_all(header.as_bytes())?;
        out.flush()
    };
    finish(out).map_err(unwritable)?;
    Ok((id, bytes))
}

fn append<W: Write>(archive: &mut tar::Builder<W>, name: &str, text: &str) -> std::io::Result<()> {
    archive.append_data(&mut header(tar::EntryType::Regular, 0o644, text.len() as u64), name, text.as_bytes())
}

fn config(request: &BuildRequest<'_>, closure: &Closure, entrypoint: &str, diff_id: &str) -> serde_json::Value {
    const BEFORE_ALL: &str = "1970-01-01T00:00:00Z";
    json!({
        "architecture": closure.architecture,
        "os": "linux",
        "created": BEFORE_ALL,
        "config": { "Entrypoint": [entrypoint], "Labels": request.labels, "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": BEFORE_ALL, "created_by": format!("harness: {entrypoint} and what it needs") }],
    })
}

fn manifest(tag: Option<&str>, config: &str) -> String {
    let full = |tag: &str| {
        let tagged = tag.rsplit('/').next().is_some_and(|name| name.contains(':'));
        if tagged { tag.to_owned() } else { format!("{tag}:latest") }
    };
    json!([{ "Config": config, "RepoTags": tag.map(|tag| vec![full(tag)]), "Layers": [LAYER] }]).to_string()
}

/// Forwards bytes and hashes them.
struct Hashing<W> {
    out: W,
    hash: Sha256,
    written: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
