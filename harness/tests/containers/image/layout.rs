//! OCI layouts made byte by byte.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A layer as it is stored, and the digest of the archive in it.
#[derive(Clone)]
pub struct Layer {
    pub bytes: Vec<u8>,
    media_type: &'static str,
    content: String,
}

/// An image in the layout.
#[derive(Clone)]
pub struct Image {
    pub entry: Value,
    pub config_bytes: u64,
}

/// A layout in a folder.
pub struct Layout {
    folder: PathBuf,
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Returns a layer with these files, not compressed.
pub fn layer(files: &[(&str, &[u8])]) -> Layer {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, path, *content).unwrap();
    }
    let bytes = archive.into_inner().unwrap();
    let content = digest(&bytes);
    Layer { bytes, media_type: "application/vnd.oci.image.layer.v1.tar", content }
}

/// Returns the same layer, compressed.
pub fn packed(layer: &Layer) -> Layer {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&layer.bytes).unwrap();
    let bytes = gzip.finish().unwrap();
    Layer { bytes, media_type: "application/vnd.oci.image.layer.v1.tar+gzip", content: layer.content.clone() }
}

impl Layout {
    pub fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { folder: folder.to_owned() }
    }

    /// Returns the path of a stored layer.
    pub fn part(&self, layer: &Layer) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest(&layer.bytes).trim_start_matches("sha256:"))
    }

    fn put(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        let name = digest.trim_start_matches("sha256:");
        std::fs::write(self.folder.join("blobs/sha256").join(name), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    pub fn image(&mut self, architecture: &str, layers: &[Layer], base: Option<&str>) -> Image {
        self.image_for(architecture, None, layers, base)
    }

    pub fn image_for(&mut self, arch: &str, variant: Option<&str>, layers: &[Layer], base: Option<&str>) -> Image {
        let mut platform = json!({ "os": "linux", "architecture": arch });
        if let Some(variant) = variant {
            platform["variant"] = json!(variant);
        }
        let contents: Vec<&str> = layers.iter().map(|layer| layer.content.as_str()).collect();
        let mut config = platform.clone();
        config["rootfs"] = json!({ "type": "layers", "diff_ids": contents });
        config["history"] = json!([{ "created_by": "COPY", "empty_layer": false }, { "empty_layer": true }]);
        let config = config.to_string();
        let listed: Vec<Value> = layers.iter().map(|layer| self.put(layer.media_type, &layer.bytes)).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "config": self.put("application/vnd.oci.image.config.v1+json", config.as_bytes()),
            "layers": listed,
        });
        if let Some(base) = base {
            manifest["annotations"] = json!({ "org.opencontainers.image.base.name": base });
        }
        let mut entry = self.put("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
        entry["platform"] = platform;
        Image { entry, config_bytes: config.len() as u64 }
    }

    /// Provenance of an image, as builders attach it: large, and never pulled with it.
    pub fn attestation(&mut self, about: &Image) -> Value {
        let statement = self.put("application/vnd.in-toto+json", about.entry.to_string().repeat(100).as_bytes());
        let config =
            self.put("application/vnd.oci.image.config.v1+json", b"{\"architecture\":\"unknown\",\"os\":\"unknown\"}");
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [statement], "about": about.entry });
        let mut entry = self.put("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
        entry["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        entry["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
        entry
    }

    /// Lists a platform whose image is missing.
    pub fn absent(&self, architecture: &str) -> Value {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest(architecture.as_bytes()),
            "size": 500,
            "platform": { "os": "linux", "architecture": architecture },
        })
    }

    pub fn index(&mut self, entries: &[Value]) -> Value {
        let index = json!({ "schemaVersion": 2, "manifests": entries });
        self.put("application/vnd.oci.image.index.v1+json", index.to_string().as_bytes())
    }

    pub fn finish(&self, entries: &[Value]) {
        let index = json!({ "schemaVersion": 2, "manifests": entries });
        std::fs::write(self.folder.join("index.json"), index.to_string()).unwrap();
    }
}
