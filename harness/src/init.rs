//! Writes scenarios: looks at a program and describes it, or fills a template.
//!
//! The program is started once as it was typed (`look`), a scenario is drafted from what was seen (`draft`), and the draft is tried
//! before it is written (`trial`). Everything that is started belongs to a keeper, so nothing remains afterwards.

mod address;
mod command;
mod draft;
mod error;
mod found;
mod hint;
mod kind;
mod look;
mod mock;
mod request;
mod rewrite;
mod say;
mod send;
mod slots;
mod stand;
mod trial;

use std::path::{Path, PathBuf};

use command::Command;
use draft::{Draft, Goal, Variant};
pub use error::Error;
use found::{Found, Roles, Speech};
pub use kind::TemplateKind;
pub use say::Written;
use stand::Stand;
use trial::{Outcome, trial};

use crate::run::Interrupt;
use crate::run::halt::Halt;
use harness_base::exit::Exit;
use harness_base::files;

/// What to write, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Name of the scenario; that of the program if absent.
    pub name: Option<String>,
    /// The file; `scenarios/NAME.toml` if absent.
    pub out: Option<PathBuf>,
    /// Whether existing files are replaced.
    pub force: bool,
    /// The path of the request; the usual ones are tried if absent.
    pub path: Option<String>,
}

/// The drafts in the order in which they are tried.
const VARIANTS: [Variant; 4] = [
    Variant { free_ports: true, length: true },
    Variant { free_ports: true, length: false },
    Variant { free_ports: false, length: true },
    Variant { free_ports: false, length: false },
];

/// Writes a template without starting anything.
///
/// # Errors
/// Returns [`Halt::Failed`] if a file exists or cannot be written.
pub fn template(kind: TemplateKind, order: &Order) -> Result<Written, Halt> {
    let name = order.name.clone().unwrap_or_else(|| format!("my-{}", kind.word()));
    let goal = goal(order, name)?;
    check_absent(order, [goal.shown.as_path()])?;
    let files = vec![(goal.shown.clone(), kind.scenario(&goal.name, &goal.shown))];
    let missing = vec!["the command, the endpoints and the request of your program: edit the file".to_owned()];
    Ok(Written { found: String::new(), files: write(&files)?, missing })
}

/// Looks at the program that `words` start, and writes a scenario for it. When this returns, everything that was started has ended.
///
/// # Errors
/// Returns [`Halt::Interrupted`], or why no scenario could be written.
pub async fn init(words: &[String], order: &Order, interrupt: &Interrupt) -> Result<Written, Halt> {
    let folder = current_folder()?;
    let command = Command::read(words, &folder);
    let goal = goal(order, order.name.clone().unwrap_or_else(|| command.name()))?;
    check_absent(order, [goal.shown.as_path()])?;
    let stand = Stand::open(&folder, interrupt)?;
    let found = drafted(&stand, &command, order, &goal).await;
    stand.close().await?;
    let (found, roles, draft) = found?;
    let beside = goal.shown.parent().unwrap_or(Path::new(""));
    let mut files: Vec<(PathBuf, String)> = vec![(goal.shown.clone(), draft.text.clone())];
    files.extend(draft.files.iter().map(|(path, text)| (beside.join(path), text.clone())));
    check_absent(order, files.iter().map(|(path, _)| path.as_path()))?;
    let missing = say::missing(&roles, &draft, &goal.shown, &folder);
    Ok(Written { found: say::found(&found, &roles, &draft), files: write(&files)?, missing })
}

/// Looks at the program, and tries drafts until one works.
async fn drafted(stand: &Stand, command: &Command, order: &Order, goal: &Goal) -> Result<(Found, Roles, Draft), Halt> {
    let program = || command.argv.first().cloned().unwrap_or_default();
    let failed = |error: &Error| Halt::failed(Exit::TargetFailed, error);
    let found = look::look(stand, command, order.path.as_deref()).await?;
    let Some(roles) = Roles::of(&found) else {
        return Err(failed(&Error::NoAnswer { program: program(), tried: tried(&found) }));
    };
    if roles.tls {
        return Err(failed(&Error::Tls { program: program() }));
    }
    let mut why = String::new();
    let mut variants = VARIANTS.into_iter();
    while let Some(variant) = variants.next() {
        let draft = Draft::new(command, &roles, goal, variant);
        match trial(stand, &draft, &roles, goal).await? {
            Outcome::Works => return Ok((found, roles, draft)),
            Outcome::OtherLength if !variant.length => return Ok((found, roles, draft)),
            Outcome::OtherLength => {}
            Outcome::Fails(reason) => {
                why = reason;
                // Whether the length counts makes no difference.
                variants.next();
            }
        }
    }
    Err(failed(&Error::NotWorking { program: program(), why }))
}

/// Lists the requests and their answers.
fn tried(found: &Found) -> String {
    let silent = found.ports.iter().filter(|port| matches!(port.speech, Speech::Other | Speech::Elsewhere));
    let silent = silent.map(|port| format!("  {} speaks no HTTP at loopback", port.address));
    let attempts = found.attempts.iter().map(|attempt| {
        let answer = attempt.answer.as_ref().map_or_else(Clone::clone, |answer| format!("status {}", answer.status));
        format!("  {} at {}: {answer}", attempt.request, attempt.port)
    });
    silent.chain(attempts).collect::<Vec<_>>().join("\n")
}

fn current_folder() -> Result<PathBuf, Halt> {
    std::env::current_dir().map_err(|cause| Halt::failed(Exit::Usage, &Error::NoFolder(cause)))
}

fn goal(order: &Order, name: String) -> Result<Goal, Halt> {
    let shown = order.out.clone().unwrap_or_else(|| Path::new("scenarios").join(format!("{name}.toml")));
    let typed_in = current_folder()?;
    let folder = typed_in.join(&shown).parent().map_or_else(|| typed_in.clone(), Path::to_owned);
    // Without symbolic links, because `..` in the path of the program goes up from the real folder.
    let folder = folder.canonicalize().or_else(|_| std::path::absolute(&folder)).unwrap_or(folder);
    Ok(Goal { name, shown, folder, typed_in })
}

/// Checks that nothing is overwritten without `--force`.
fn check_absent<'a>(order: &Order, paths: impl IntoIterator<Item = &'a Path>) -> Result<(), Halt> {
    match paths.into_iter().find(|path| !order.force && path.exists()) {
        Some(path) => Err(Halt::failed(Exit::InvalidInput, &Error::Exists { path: path.to_owned() })),
        None => Ok(()),
    }
}

/// Writes the files, the scenario last, because it refers to the others.
fn write(texts: &[(PathBuf, String)]) -> Result<Vec<PathBuf>, Halt> {
    for (path, text) in texts.iter().rev() {
        let written = files::make_room(path).and_then(|()| files::write_whole(path, text.as_bytes()));
        written.map_err(|cause| Halt::failed(Exit::Usage, &Error::Unwritable { path: path.clone(), cause }))?;
    }
    Ok(texts.iter().map(|(path, _)| path.clone()).collect())
}
