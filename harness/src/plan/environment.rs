//! Finds the environment variables that a plan needs.

use super::Plan;
use harness_rig::target::spec::{
    CommandSpec, ContainerSpec, ImageSpec, Launch, PodSpec, ProcessSpec, Spec, StdioSpec, Upstream,
};
use harness_rig::target::template::{Piece, Template, variable};

impl Plan {
    /// Lists the environment variables that builds and upstreams need and that are not set, without duplicates.
    pub fn unset_variables(&self) -> Vec<String> {
        let mut unset = Vec::new();
        for (name, default) in self.references() {
            if variable(&name, default.as_deref()).is_none() && !unset.contains(&name) {
                unset.push(name);
            }
        }
        unset
    }

    /// Lists the environment variables that builds and upstreams may use.
    pub fn variables(&self) -> Vec<String> {
        self.references().into_iter().map(|(name, _)| name).collect()
    }

    /// Returns each reference to a variable, with its default.
    fn references(&self) -> Vec<(String, Option<String>)> {
        let upstreams = self.stages.iter().filter_map(|stage| stage.upstream.as_ref()).flat_map(upstream_texts);
        let targets = [&self.target].into_iter().chain(&self.base).chain(self.matrix.targets());
        let texts = targets.flat_map(target_texts).chain(upstreams);
        let templates: Vec<Template> = texts.filter_map(|text| Template::parse(text).ok()).collect();
        let references = templates.iter().flat_map(Template::pieces).filter_map(|piece| match piece {
            Piece::Variable { name, default } => Some((name.clone(), default.clone())),
            _ => None,
        });
        references.collect()
    }
}

fn target_texts(target: &Spec) -> Vec<&str> {
    let mut texts = match &target.launch {
        Launch::Process(process) => process_texts(process),
        Launch::Container(container) => container_texts(container),
        Launch::Command(command) => command_texts(command),
        Launch::Stdio(stdio) => stdio_texts(stdio),
        Launch::Pod(pod) => pod_texts(pod),
        Launch::External(_) => Vec::new(),
    };
    let endpoints = [Some(&target.endpoints.proxy), target.endpoints.health.as_ref(), target.endpoints.ready.as_ref()];
    texts.extend(endpoints.into_iter().flatten().map(String::as_str));
    texts
}

fn upstream_texts(upstream: &Upstream) -> Vec<&str> {
    match upstream {
        Upstream::Builtin(builtin) => builtin.args.iter().map(String::as_str).collect(),
        Upstream::Url(url) => vec![url],
        Upstream::Process { process, url } => {
            let mut texts = process_texts(process);
            texts.push(url);
            texts
        }
        Upstream::Stdio(stdio) => stdio_texts(stdio),
    }
}

fn container_texts(container: &ContainerSpec) -> Vec<&str> {
    let (ImageSpec::Image(named) | ImageSpec::Binary(named)) = &container.image;
    let values = container.env.iter().map(|(_, value)| value);
    [named].into_iter().chain(&container.command).chain(values).map(String::as_str).collect()
}

/// Returns the texts of a pod that the harness makes. In a manifest nothing is replaced.
fn pod_texts(pod: &PodSpec) -> Vec<&str> {
    let Some(made) = pod.made() else { return Vec::new() };
    let app = made.app.as_ref();
    let images = made.image.iter().chain(app.and_then(|app| app.image.as_ref()));
    let commands = made.command.iter().chain(app.into_iter().flat_map(|app| &app.command));
    let env = made.env.iter().chain(app.into_iter().flat_map(|app| &app.env)).map(|(_, value)| value);
    images.chain(commands).chain(env).map(String::as_str).collect()
}

fn command_texts(command: &CommandSpec) -> Vec<&str> {
    let beside = command.prepare.iter().chain(&command.cleanup).map(String::as_str);
    process_texts(&command.run).into_iter().chain(beside).collect()
}

fn stdio_texts(stdio: &StdioSpec) -> Vec<&str> {
    process_texts(&stdio.shim).into_iter().chain(stdio.server.iter().map(String::as_str)).collect()
}

fn process_texts(process: &ProcessSpec) -> Vec<&str> {
    let values = process.env.iter().map(|(_, value)| value);
    process.command.iter().chain(values).map(String::as_str).collect()
}
