//! Makes a scenario of a command on the command line.

use std::path::Path;

use serde_json::Value;

use super::args::OneCommandArgs;
use super::error::Error;
use crate::scenario::{Scenario, Setting};

/// The name of the scenario, and of its folder below the results.
const NAME: &str = "command";

/// The reason why a command cannot be measured without a scenario.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(
        "the argument {0:?} contains ${{, which a scenario reads as an environment variable; write a scenario with [target.command]"
    )]
    Variable(String),
    #[error("the current folder is not known: {0}")]
    Folder(std::io::Error),
}

/// Returns the scenario that measures the command in the current folder.
pub(super) fn scenario(args: &OneCommandArgs, settings: &[Setting]) -> Result<Scenario, Error> {
    if let Some(word) = args.command.iter().find(|word| word.contains("${")) {
        return Err(Error::input(&Refused::Variable(word.clone())));
    }
    let folder = std::env::current_dir().map_err(|error| Error::input(&Refused::Folder(error)))?;
    Scenario::parse(&text(args), Path::new(NAME), folder, settings).map_err(|error| Error::input(&error))
}

fn text(args: &OneCommandArgs) -> String {
    // A string of JSON is one of TOML; braces of an argument are not placeholders.
    let word = |word: &String| Value::from(word.replace('{', "{{").replace('}', "}}")).to_string();
    let words: Vec<String> = args.command.iter().map(word).collect();
    let number = |key: &str, value: Option<u64>| value.map_or_else(String::new, |value| format!("{key} = {value}\n"));
    let cold = if args.cold { "cache = \"cold\"\n" } else { "" };
    format!(
        "name = \"{NAME}\"\n[target.command]\nrun = [{}]\nfolder = \".\"\n[stage.{NAME}]\n{}{}{cold}",
        words.join(", "),
        number("runs", args.runs),
        number("warmup_runs", args.warmup),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_rig::target::spec::Launch;

    fn args(command: &[&str]) -> OneCommandArgs {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        OneCommandArgs { command, runs: Some(7), warmup: Some(0), cold: true }
    }

    #[test]
    fn words_reach_the_command_as_they_were_typed() {
        let found = scenario(&args(&["awk", "{ print \"a\\b\" }", "tab\there"]), &[]).unwrap();
        let Launch::Command(command) = &found.target.launch else { panic!("{:?}", found.target) };
        assert_eq!(command.run.command, ["awk", "{{ print \"a\\b\" }}", "tab\there"]);
        assert_eq!(command.folder, Some(std::env::current_dir().unwrap().join(".")));
        assert!(found.stages[0].work.planned().describe().starts_with("7 runs after 0 warm-up runs, page cache cold"));
        assert!(scenario(&args(&["echo", "${HOME}"]), &[]).is_err());
    }
}
