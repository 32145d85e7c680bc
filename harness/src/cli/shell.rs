//! Implements `harness completions` and `harness man`, both generated from the argument definitions.

use clap::CommandFactory;
use clap_complete::generate;
use clap_mangen::Man;

use super::args::{Cli, CompletionsArgs};
use super::error::{Error, print_text};
use harness_base::exit::Exit;
use harness_base::printable::Printable;

/// Prints the completions of one shell.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, Error> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "harness", &mut script);
    print_text(Printable::own(String::from_utf8_lossy(&script).into_owned()));
    Ok(Exit::Pass)
}

/// Prints the manual page: the program, then each command.
pub(super) fn man() -> Result<Exit, Error> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    Man::new(command.clone()).render(&mut page).map_err(|error| Error::tooling(&error))?;
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        let name = inner.get_display_name().unwrap_or(inner.get_name()).replace(' ', "-");
        let inner = Man::new(inner.clone().bin_name(name.replace('-', " ")));
        page.extend_from_slice(format!(".SH \"{}\"\n", name.to_uppercase().replace('-', " ")).as_bytes());
        let sections = [Man::render_synopsis_section, Man::render_description_section, Man::render_options_section];
        for section in sections {
            section(&inner, &mut page).map_err(|error| Error::tooling(&error))?;
        }
        inner.render_extra_section(&mut page).map_err(|error| Error::tooling(&error))?;
    }
    print_text(Printable::own(String::from_utf8_lossy(&page).into_owned()));
    Ok(Exit::Pass)
}
