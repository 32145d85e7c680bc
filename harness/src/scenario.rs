//! Reads scenarios: composes the specs of all modules and checks them against each other.

mod claims;
pub mod compare;
mod egress;
mod fleet;
pub(crate) mod manifest;
mod matrix;
mod name;
pub(crate) mod network;
mod pod;
pub(crate) mod redact;
mod reported;
pub(crate) mod request;
mod requests;
mod schema;
pub(crate) mod stage;
mod target;
mod wire;
mod workload;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::name::check_name;
use self::target::Around;
use crate::measure::audit::Limits;
use crate::measure::record::ScenarioFacts;
use crate::report::Artifacts;
use crate::spec::{Document, Mistake, Section};
use crate::verdict::claim::Claim;
use crate::verdict::gate::{self, Gates};
use crate::work::Stage;
use crate::work::matrix::Matrix;
use harness_base::files;
use harness_base::units::hexadecimal;
use harness_fleet::spec::{FleetEngine, FleetSpec, Range};
use harness_load::spec::GeneratorSpec;
use harness_rig::target::spec::{EgressHost, ImageSpec, Launch, PodShape, PodSpec, Spec as TargetSpec, Upstream};

pub use compare::Compare;
pub use redact::Setting;
pub use schema::schema;

#[derive(Debug, Clone)]
pub struct Scenario {
    /// Name, text, digest, overrides and seed.
    pub facts: ScenarioFacts,
    /// The path of the file as given.
    pub path: PathBuf,
    /// Its folder, absolute; relative paths start here.
    pub folder: PathBuf,
    /// `[target]`.
    pub target: TargetSpec,
    /// `[egress.NAME]`: the foreign hosts that the harness plays.
    pub egress: Vec<EgressHost>,
    /// `[compare]`.
    pub compare: Compare,
    /// `[generator]`.
    pub generator: GeneratorSpec,
    /// `[fleet]`: the nodes that send the load; absent if a process of this machine does.
    pub fleet: Option<FleetSpec>,
    /// `[stage.NAME]`, in the order written; a stage that varies is replaced by its cells.
    pub stages: Vec<Stage>,
    /// `[matrix]`: which of the stages are cells.
    pub matrix: Matrix,
    /// `[targets]`.
    pub claims: Vec<Claim>,
    /// `[gate]`.
    pub gates: Gates,
    /// `artifacts`: the artifacts to write.
    pub artifacts: Artifacts,
    /// Warnings for the author.
    pub warnings: Vec<String>,
}

/// Errors of scenarios.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read {}: {error}\nhint: name a scenario file, for example scenarios/sidecar.toml", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    /// All mistakes, in the order of their lines.
    #[error("{}", listed(path, mistakes))]
    Mistakes { path: PathBuf, mistakes: Vec<Mistake> },
}

impl Scenario {
    /// Reads a scenario file; every setting is a `KEY=VALUE` with a dotted key.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or all mistakes in it at once.
    pub fn read(path: &Path, settings: &[Setting]) -> Result<Self, Error> {
        let unreadable = |error| Error::Unreadable { path: path.to_owned(), error };
        let text = files::read_text(path).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        Self::parse(&text, path, folder, settings)
    }

    /// Parses the text of a scenario as if it were in `folder`.
    ///
    /// # Errors
    /// Returns all mistakes at once.
    pub fn parse(text: &str, path: &Path, folder: PathBuf, settings: &[Setting]) -> Result<Self, Error> {
        let mut document = Document::parse(text);
        for setting in settings {
            apply(&mut document, &setting.argument);
        }
        let parts = compose(&document.root(), &folder);
        let mistakes = document.mistakes();
        if !mistakes.is_empty() {
            return Err(Error::Mistakes { path: path.to_owned(), mistakes });
        }
        let plan_sha256 = Some(digest(&parts, &folder));
        let facts = ScenarioFacts {
            name: parts.name,
            text: text.to_owned(),
            sha256: hexadecimal(&Sha256::digest(text.as_bytes())),
            plan_sha256,
            overrides: settings.iter().map(Setting::recorded).collect(),
            quick: false,
            seed: parts.seed,
        };
        let path = path.to_owned();
        let Parts {
            target, egress, compare, generator, fleet, stages, matrix, claims, gates, artifacts, warnings, ..
        } = parts;
        Ok(Self {
            facts,
            path,
            folder,
            target,
            egress,
            compare,
            generator,
            fleet,
            stages,
            matrix,
            claims,
            gates,
            artifacts,
            warnings,
        })
    }
}

/// Returns the SHA-256 of everything that affects measured values. The program of the target is left out, because its version is what is
/// compared; the folder of the scenario is left out, because it is another one on each machine. Of the manifest of a pod, everything counts,
/// its images too: which of its containers are programs to compare is not known. Values from the environment are not resolved yet.
fn digest(parts: &Parts, folder: &Path) -> String {
    let target = without_program(&parts.target);
    let Parts { seed, generator, fleet, stages, egress, matrix, .. } = parts;
    let mut text = format!("{seed} {target:?} {generator:?} {stages:?}");
    // Digests of scenarios without foreign hosts are older than these.
    if !egress.is_empty() {
        text.push_str(&format!(" {egress:?}"));
    }
    if let Some(fleet) = fleet {
        text.push_str(&format!(" {:?} {} {:?}", fleet.engine, fleet.nodes, fleet.each));
        if fleet.engine == FleetEngine::Kubernetes {
            text.push_str(&format!(" {:?} {}", fleet.node_selector, fleet.co_located));
        }
    }
    if let Some(budget) = matrix.budget {
        text.push_str(&format!(" {budget:?}"));
    }
    text.extend(matrix.targets().map(|target| format!(" {:?}", without_program(target))));
    let folder = format!("{:?}", folder.display().to_string());
    hexadecimal(&Sha256::digest(text.replace(folder.trim_matches('"'), ".").as_bytes()))
}

fn without_program(target: &TargetSpec) -> TargetSpec {
    let mut target = target.clone();
    match &mut target.launch {
        Launch::Process(process) => drop(process.command.splice(..1.min(process.command.len()), [])),
        Launch::Container(container) => container.image = ImageSpec::Image(String::new()),
        Launch::Command(command) => drop(command.run.command.splice(..1.min(command.run.command.len()), [])),
        Launch::Stdio(stdio) => drop(stdio.shim.command.splice(..1.min(stdio.shim.command.len()), [])),
        Launch::Pod(pod) => without_image(pod),
        Launch::External(_) => {}
    }
    target
}

/// Removes the program from a pod that the harness makes: its image, or the word of the bundled one.
fn without_image(pod: &mut PodSpec) {
    let bundled = pod.is_bundled();
    if let PodShape::Made(made) = &mut pod.shape {
        made.image = None;
        drop(made.command.splice(..usize::from(bundled), []));
    }
}

/// Reads the claims of a scenario from its stored text. Its files may no longer exist, so other mistakes are ignored.
pub fn claims(text: &str, overrides: &[String]) -> Vec<Claim> {
    let mut document = Document::parse(text);
    for argument in overrides {
        apply(&mut document, argument);
    }
    compose(&document.root(), Path::new(".")).claims
}

/// Reads the artifacts of a scenario from its stored text.
pub fn artifacts(text: &str, overrides: &[String]) -> Artifacts {
    let mut document = Document::parse(text);
    for argument in overrides {
        apply(&mut document, argument);
    }
    read_artifacts(&document.root())
}

fn read_artifacts(root: &Section<'_>) -> Artifacts {
    let about = "artifacts to write beside the default ones, by the names of `harness report --format`, or all";
    let valid = |names: &Vec<String>| Artifacts::named(names).map(drop).map_err(|unknown| unknown.to_string());
    let names = root.field("artifacts", about).check(valid).default(Vec::new());
    Artifacts::named(&names).unwrap_or_default()
}

struct Parts {
    name: String,
    seed: u64,
    target: TargetSpec,
    egress: Vec<EgressHost>,
    compare: Compare,
    generator: GeneratorSpec,
    fleet: Option<FleetSpec>,
    stages: Vec<Stage>,
    matrix: Matrix,
    claims: Vec<Claim>,
    gates: Gates,
    artifacts: Artifacts,
    warnings: Vec<String>,
}

/// Returns what the target and its stages need to know of the upstream and of the foreign hosts.
fn surroundings<'a>(
    root: &Section<'_>,
    folder: &'a Path,
    upstream: Option<&Upstream>,
    egress: &[EgressHost],
    reach: &'a [Range],
) -> Around<'a> {
    let upstream_on_loopback = match upstream {
        None => false,
        Some(Upstream::Builtin(builtin)) => builtin.address.is_some(),
        Some(Upstream::Process { .. } | Upstream::Url(_)) => true,
        Some(Upstream::Stdio(_)) => false,
    };
    let upstream_at_socket = match upstream {
        None => false,
        Some(Upstream::Builtin(builtin)) => builtin.unix,
        Some(Upstream::Process { url, .. } | Upstream::Url(url)) => url.starts_with("unix:"),
        Some(Upstream::Stdio(_)) => false,
    };
    let (has_upstream, has_egress) = (root.has("upstream"), !egress.is_empty());
    Around { folder, has_upstream, upstream_on_loopback, upstream_at_socket, has_egress, reach }
}

fn compose(root: &Section<'_>, folder: &Path) -> Parts {
    let name =
        root.field("name", "name of the scenario, and of its folder below results/").check(check_name).required();
    let seed = root.field("seed", "seed of all random values").default(42);
    let artifacts = read_artifacts(root);
    let fleet = fleet::read(root);
    let reach = fleet.as_ref().map(|fleet| fleet.reach.as_slice()).unwrap_or_default();
    let in_pod = root.writes("target.pod");
    let upstream = target::read_upstream(&root.table("upstream", "server behind the target"), reach, in_pod);
    let upstream = fleet::placed(upstream, fleet.as_ref());
    let egress = egress::read_all(root);
    let around_target = surroundings(root, folder, upstream.as_ref(), &egress, reach);
    let mut target = target::read_target(&root.table("target", "what is measured"), around_target);
    egress::check(root, &egress, &target);
    let network = network::read(root, network::Ends { target: &target, upstream: upstream.as_ref() });
    let own = stage::read_own_tables(root);
    target.endpoints.others = own.endpoints;
    let counts_hits = matches!(upstream, Some(Upstream::Builtin(_)));
    let around = self::request::Around { folder, counts_hits };
    let requests = requests::read_all(root, around);
    let agents = workload::read(root, around);
    let mut warnings: Vec<String> = requests.iter().flat_map(request::warnings).collect();
    let audit = Limits::read(&root.table("audit", "limits of the audit of every trial"), Limits::default());
    let generator = root.table("generator", "process that sends the requests");
    let generator = request::read_generator(&generator, folder, &target.endpoints.proxy);
    let base = stage::base::Base {
        target: &target,
        upstream: upstream.as_ref(),
        egress: &egress,
        network,
        generator: &generator,
        requests: &requests,
        agents: agents.as_ref(),
        audit,
        around,
    };
    // Imports run first, so that an unreadable file does not waste a whole run.
    let mut stages = stage::own_stages(own.stages, &base);
    stages.extend(stage::read_all(root, &base, &mut warnings));
    let (stages, matrix) = matrix::expand(root, matrix::read(root), (stages, &target), &|variant| {
        let Parts { stages, target, compare, .. } = compose(variant, folder);
        matrix::Composed { stages, target, base: compare.base }
    });
    let stages = reported::attach(root, stages, own.on_launch);
    network::check_used(root, network, &stages);
    let rest = compare::Rest { target: &target, upstream: upstream.as_ref(), stages: &stages, around: around_target };
    let compare = compare::read(root, &rest);
    let compares = compare.base.is_some();
    let rest = fleet::Rest { target: &target, upstream: upstream.as_ref(), stages: &stages, compares };
    fleet::check(root, fleet.as_ref(), &rest);
    pod::check(root, fleet.as_ref(), &rest);
    let claims = claims::read_all(root, &stages, &mut warnings);
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    let gates = gate::read(root, Some(&names));
    Parts { name, seed, target, egress, compare, generator, fleet, stages, matrix, claims, gates, artifacts, warnings }
}

fn apply(document: &mut Document, argument: &str) {
    match argument.split_once('=') {
        Some((key, value)) => document.set(key, value.trim()),
        None => document.mistake(Mistake {
            key: argument.to_owned(),
            line: None,
            message: "has no =".to_owned(),
            hint: Some("write --set KEY=VALUE, for example --set stage.overhead.rate=500/s".to_owned()),
        }),
    }
}

fn listed(path: &Path, mistakes: &[Mistake]) -> String {
    let plural = if mistakes.len() == 1 { "" } else { "s" };
    let mut text = format!("{} has {} mistake{plural}\n", path.display(), mistakes.len());
    for mistake in mistakes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {mistake}");
    }
    let _ = write!(text, "hint: `harness check {}` validates without starting anything", path.display());
    text
}
