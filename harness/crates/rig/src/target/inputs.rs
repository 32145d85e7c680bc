//! Generates the inputs of a command from the seed of the scenario.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::Error;
use super::spec::{Content, Input};

/// Bytes that are written at a time.
const CHUNK: usize = 64 * 1024;

/// The words of generated text.
const WORDS: [&str; 32] = [
    "the", "request", "server", "of", "header", "and", "client", "stream", "to", "buffer", "time", "in", "value",
    "byte", "is", "packet", "for", "name", "with", "error", "on", "index", "that", "message", "by", "window", "as",
    "table", "from", "count", "at", "queue",
];

/// Writes an input to `path`: a file, or a folder with files named `0000`, `0001` and so on.
///
/// # Errors
/// Returns [`Error::Input`].
pub(super) fn write(name: &str, input: &Input, path: &Path, seed: u64) -> Result<(), Error> {
    let written = match input.files {
        None => file(path, input, seed, name),
        Some(files) => folder(path, input, files, seed, name),
    };
    written.map_err(|(path, cause)| Error::Input { name: name.to_owned(), path, cause })
}

fn folder(path: &Path, input: &Input, files: u64, seed: u64, name: &str) -> Result<(), (PathBuf, io::Error)> {
    std::fs::create_dir(path).map_err(|cause| (path.to_owned(), cause))?;
    (0..files).try_for_each(|number| file(&path.join(format!("{number:04}")), input, seed, &format!("{name}/{number}")))
}

fn file(path: &Path, input: &Input, seed: u64, name: &str) -> Result<(), (PathBuf, io::Error)> {
    // Two files of one scenario differ.
    let seed = name.bytes().fold(seed, |seed, byte| Random(seed ^ u64::from(byte)).next());
    fill(path, input, Random(seed)).map_err(|cause| (path.to_owned(), cause))
}

fn fill(path: &Path, input: &Input, mut random: Random) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(CHUNK, File::create_new(path)?);
    let mut left = input.size.0;
    while left > 0 {
        let next = match input.content {
            Content::Random => random.next().to_le_bytes().to_vec(),
            Content::Text => line(&mut random).into_bytes(),
        };
        let part = &next[..next.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        file.write_all(part)?;
        left -= part.len() as u64;
    }
    file.flush()
}

fn line(random: &mut Random) -> String {
    let mut line = String::new();
    for _ in 0..10 {
        let index = random.next() % WORDS.len() as u64;
        line.push_str(usize::try_from(index).ok().and_then(|index| WORDS.get(index)).unwrap_or(&""));
        line.push(' ');
    }
    line.push_str(&(random.next() % 1_000_000).to_string());
    line.push('\n');
    line
}

/// The generator `SplitMix64` (G. L. Steele and others, *Fast Splittable Pseudorandom Number Generators*, 2014). The content of an input must
/// never change with the version of a library.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Bytes;

    #[test]
    fn an_input_depends_on_seed_and_name_only() {
        let folder = std::env::temp_dir().join(format!("harness-inputs-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let content = |place: &str, name: &str, seed, content| {
            let path = folder.join(place);
            write(name, &Input { size: Bytes(10_001), files: None, content }, &path, seed).unwrap();
            std::fs::read(path).unwrap()
        };
        let one = content("1", "app", 42, Content::Random);
        assert_eq!(one.len(), 10_001);
        assert_eq!(one, content("2", "app", 42, Content::Random));
        assert_ne!(one, content("3", "app", 43, Content::Random));
        assert_ne!(one, content("4", "other", 42, Content::Random));
        let text = String::from_utf8(content("5", "app", 42, Content::Text)).unwrap();
        assert!(text.len() == 10_001 && text.lines().all(|line| line.len() < 100), "{text:.200}");
        let many = Input { size: Bytes(100), files: Some(3), content: Content::Random };
        write("many", &many, &folder.join("many"), 42).unwrap();
        let files = ["0000", "0001", "0002"].map(|name| std::fs::read(folder.join("many").join(name)).unwrap());
        assert!(files.iter().all(|file| file.len() == 100) && files[0] != files[1] && files[1] != files[2]);
        assert!(write("many", &many, &folder.join("many"), 42).is_err(), "it exists");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // The first values for seed 1234567, as in the test of the reference implementation.
        let mut random = Random(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }
}
