//! Finds the files that an executable needs to start, as its loader would.

use std::path::{Path, PathBuf};

use super::elf::Elf;
use super::error::{Error, NoProgram, unreadable};
use super::search::Search;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The executable, symbolic links resolved.
    pub executable: PathBuf,
    /// The name of its hardware in images: `amd64`, `arm64` …
    pub architecture: &'static str,
    /// The loader; absent for a static executable.
    pub interpreter: Option<PathBuf>,
    /// Its libraries and their libraries, sorted by path.
    pub libraries: Vec<Library>,
    /// The file with the search path of the loader, if it has one.
    pub settings: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// The name in the dependency list.
    pub name: String,
    /// The path at which the loader finds it; this may be a symbolic link.
    pub path: PathBuf,
    pub needed_by: PathBuf,
}

/// The modules that glibc loads by itself for names and addresses. Most are part of glibc since 2.34.
const NAME_SERVICE: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/// Finds the loader and all libraries of `executable`; none for a static one.
///
/// # Errors
/// Returns an [`Error`] when the file is not a program for this host, or a library is not found.
pub fn closure(executable: &Path) -> Result<Closure, Error> {
    Ok(Walk::complete(executable)?.into_closure())
}

/// Finds the same, and the name service modules of glibc that exist as files.
pub(super) fn with_name_service(executable: &Path) -> Result<Closure, Error> {
    let mut walk = Walk::complete(executable)?;
    if walk.interpreter.is_some() && walk.search.is_glibc() {
        for name in NAME_SERVICE {
            match walk.need(name, 0) {
                Ok(()) | Err(Error::NoLibrary { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        walk.finish()?;
    }
    Ok(walk.into_closure())
}

/// The executable, its loader or a library.
struct Object {
    name: String,
    path: PathBuf,
    elf: Elf,
    /// The index of the object that needed it first; the executable has its own index.
    by: usize,
}

/// The search from the executable to all its dependencies, breadth first like that of the loader.
struct Walk {
    objects: Vec<Object>,
    interpreter: Option<Object>,
    search: Search,
    /// The number of objects whose dependencies were found.
    done: usize,
}

impl Walk {
    fn complete(executable: &Path) -> Result<Self, Error> {
        let path = executable.canonicalize().map_err(unreadable(executable))?;
        let elf = Elf::read(&path)?;
        let (mut search, mut interpreter) = (Search::default(), None);
        match &elf.interpreter {
            Some(loader) => {
                search = Search::of(loader, elf.machine);
                interpreter = Some(self::loader(loader, &path)?);
            }
            None if elf.is_static() => {}
            None => {
                return Err(Error::NoProgram { path, reason: NoProgram::Library });
            }
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut walk = Self { objects: vec![Object { name, path, elf, by: 0 }], interpreter, search, done: 0 };
        walk.finish()?;
        Ok(walk)
    }

    fn finish(&mut self) -> Result<(), Error> {
        while let Some(object) = self.objects.get(self.done) {
            for name in object.elf.needed.clone() {
                self.need(&name, self.done)?;
            }
            self.done += 1;
        }
        Ok(())
    }

    /// Finds `name` for the object `by`, unless it was found before.
    fn need(&mut self, name: &str, by: usize) -> Result<(), Error> {
        let known = |object: &Object| object.name == name || object.elf.soname.as_deref() == Some(name);
        let loader = self.interpreter.as_ref().is_some_and(known) || self.search.is_loader(name);
        if loader || self.objects.iter().skip(1).any(known) {
            return Ok(());
        }
        let machine = self.objects[by].elf.machine;
        for path in self.places(name, by) {
            // Libraries of another class or machine are skipped, as the loader does.
            let fits = Elf::read(&path).ok().filter(|elf| elf.machine == machine);
            if let Some(elf) = fits {
                self.objects.push(Object { name: name.to_owned(), path, elf, by });
                return Ok(());
            }
        }
        let mut looked: Vec<PathBuf> = self.named_folders(by);
        looked.extend(self.search.folders().iter().cloned());
        Err(Error::NoLibrary { name: name.to_owned(), by: self.objects[by].path.clone(), looked })
    }

    /// Returns the paths at which `name` may be, in the loader's order.
    fn places(&self, name: &str, by: usize) -> Vec<PathBuf> {
        if name.contains('/') {
            // A relative path would depend on the working folder of the program.
            return Some(PathBuf::from(name)).filter(|path| path.is_absolute()).into_iter().collect();
        }
        let named = self.named_folders(by).into_iter().map(|folder| folder.join(name));
        named.chain(self.search.places(name)).collect()
    }

    /// Returns the folders that an object names; without a `runpath` also those of the objects that needed it.
    fn named_folders(&self, by: usize) -> Vec<PathBuf> {
        let object = &self.objects[by];
        if let Some(runpath) = &object.elf.runpath {
            return runpath.iter().flat_map(|text| expanded(text, object)).collect();
        }
        let (mut folders, mut at) = (Vec::new(), by);
        loop {
            let object = &self.objects[at];
            folders.extend(object.elf.rpath.iter().flat_map(|text| expanded(text, object)));
            if at == 0 {
                return folders;
            }
            at = object.by;
        }
    }

    fn into_closure(self) -> Closure {
        let executable = &self.objects[0];
        let libraries = self.objects.iter().skip(1).map(|object| Library {
            name: object.name.clone(),
            path: object.path.clone(),
            needed_by: self.objects[object.by].path.clone(),
        });
        let mut libraries: Vec<Library> = libraries.collect();
        libraries.sort_by(|one, other| one.path.cmp(&other.path));
        Closure {
            executable: executable.path.clone(),
            architecture: executable.elf.machine.docker,
            interpreter: self.interpreter.map(|loader| loader.path),
            libraries,
            settings: self.search.settings,
        }
    }
}

/// Reads the loader that a program names.
fn loader(path: &Path, by: &Path) -> Result<Object, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !path.exists() {
        let looked = path.parent().map(Path::to_path_buf).into_iter().collect();
        return Err(Error::NoLibrary { name, by: by.to_owned(), looked });
    }
    Ok(Object { name, path: path.to_owned(), elf: Elf::read(path)?, by: 0 })
}

/// Expands `$ORIGIN`, `$LIB` and `$PLATFORM` in a folder that a program names. `$LIB` differs between distributions.
fn expanded(text: &str, object: &Object) -> Vec<PathBuf> {
    let fill = |text: &str, name: &str, value: &str| {
        text.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value)
    };
    let origin = object.path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let machine = object.elf.machine;
    let text = fill(&fill(text, "ORIGIN", &origin), "PLATFORM", machine.platform);
    let libs = [format!("lib/{}", machine.triplet), "lib64".to_owned(), "lib".to_owned()];
    let mut folders: Vec<PathBuf> = libs.iter().map(|lib| PathBuf::from(fill(&text, "LIB", lib))).collect();
    folders.dedup();
    folders
}
