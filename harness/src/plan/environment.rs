//! Finds the environment variables that a plan needs.

use super::Plan;
use harness_rig::target::spec::{ContainerSpec, ImageSpec, Launch, ProcessSpec, Spec, Upstream};
use harness_rig::target::template::{Piece, Template, variable};

impl Plan {
    /// Lists the environment variables that builds and upstreams need and that are not set, without duplicates.
    pub fn unset_variables(&self) -> Vec<String> {
        let upstreams = self.stages.iter().filter_map(|stage| stage.upstream.as_ref()).flat_map(upstream_texts);
        let mut unset = Vec::new();
        for text in [&self.target].into_iter().chain(&self.base).flat_map(target_texts).chain(upstreams) {
            for piece in Template::parse(text).iter().flat_map(Template::pieces) {
                if let Piece::Variable { name, default } = piece
                    && variable(name, default.as_deref()).is_none()
                    && !unset.contains(name)
                {
                    unset.push(name.clone());
                }
            }
        }
        unset
    }
}

fn target_texts(target: &Spec) -> Vec<&str> {
    let mut texts = match &target.launch {
        Launch::Process(process) => process_texts(process),
        Launch::Container(container) => container_texts(container),
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
    }
}

fn container_texts(container: &ContainerSpec) -> Vec<&str> {
    let (ImageSpec::Image(named) | ImageSpec::Binary(named)) = &container.image;
    let values = container.env.iter().map(|(_, value)| value);
    [named].into_iter().chain(&container.command).chain(values).map(String::as_str).collect()
}

fn process_texts(process: &ProcessSpec) -> Vec<&str> {
    let values = process.env.iter().map(|(_, value)| value);
    process.command.iter().chain(values).map(String::as_str).collect()
}
