//! Implements `harness init`: writes a scenario for a program by looking at it, or a template.

use super::args::{InitArgs, InitKind};
use super::error::{Error, print_text};
use super::measuring::begin;
use super::run::alone;
use crate::init::{self, Order, TemplateKind};
use harness_base::exit::Exit;

/// Writes the scenario and prints what was found.
pub(super) fn init(args: &InitArgs) -> Result<Exit, Error> {
    let InitArgs { name, out, path, force, .. } = args;
    let order = Order { name: name.clone(), out: out.clone(), path: path.clone(), force: *force };
    let written = match args.kind {
        Some(kind) => init::template(template(kind), &order),
        None => {
            let _alone = alone()?;
            let (runtime, interrupt) = begin(Vec::new())?;
            runtime.block_on(init::init(&args.command, &order, &interrupt))
        }
    };
    print_text(written.map_err(|halt| Error::halted(&halt))?.to_string());
    Ok(Exit::Pass)
}

const fn template(kind: InitKind) -> TemplateKind {
    match kind {
        InitKind::Sidecar => TemplateKind::Sidecar,
        InitKind::Server => TemplateKind::Server,
        InitKind::Mcp => TemplateKind::Mcp,
        InitKind::Command => TemplateKind::Command,
    }
}
