//! Makes the image of the nodes from the program itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use bollard::Docker;
use sha2::{Digest, Sha256};

use crate::aside::{self, aside};
use crate::target::container::error::{Error, is_absent};
use crate::target::container::load;
use harness_base::units::hexadecimal;
use harness_image as image;

/// The bytes of the program's digest in the name of its image.
const NAMED: usize = 8;

/// Returns the name of the image that is made from the program `exe`. Equal programs have equal names, so the image can be loaded into all engines
/// beforehand.
///
/// # Errors
/// Returns the I/O error when the program cannot be read.
pub fn own_image_name(exe: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(exe)?, &mut digest)?;
    let digest = digest.finalize();
    Ok(format!("harness-fleet:{}", hexadecimal(digest.get(..NAMED).unwrap_or_default())))
}

/// Returns the name of the image, after making it and loading it into this engine with these labels, unless the engine has it.
pub(super) async fn load(
    docker: &Docker,
    labels: BTreeMap<String, String>,
    exe: &Path,
    scratch: &Path,
) -> Result<String, Error> {
    let refused = |message: String| Error::Refused { doing: "make an image of harness".to_owned(), message };
    let no_thread = |error: aside::Error| refused(error.to_string());
    let program = exe.to_owned();
    let name = aside(move || own_image_name(&program)).await.map_err(no_thread)?;
    let name = name.map_err(|error| refused(format!("{}: {error}", exe.display())))?;
    match docker.inspect_image(&name).await {
        Ok(_) => return Ok(name),
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(Error::refused(&format!("look at image {name}"))(error)),
    }
    let archive = scratch.join("fleet-image.tar");
    let (program, out, tag) = (exe.to_owned(), archive.clone(), name.clone());
    let build = move || {
        image::build(&image::BuildRequest {
            executable: &program,
            extra: &[],
            furnished: true,
            labels: &labels,
            tag: Some(&tag),
            out: &out,
        })
    };
    aside(build).await.map_err(no_thread)??;
    load::load(docker, &archive).await?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_programs_have_equal_names() {
        let file = std::env::temp_dir().join(format!("harness-own-image-{}", std::process::id()));
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(own_image_name(&file).unwrap(), "harness-fleet:ba7816bf8f01cfea");
        std::fs::remove_file(&file).unwrap();
        assert!(own_image_name(&file).is_err());
    }
}
