//! Completions and the manual page.

use super::{stderr, stdout, support};

fn printed(arguments: &[&str]) -> String {
    let output = support::harness().args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

#[test]
fn completions_know_the_commands_and_their_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        assert!(["compare", "comment", "fail-on", "dry-run"].iter().all(|word| script.contains(word)), "{shell}");
        assert!(!script.contains("__keeper"), "{shell}: the internal programs are hidden");
    }
    let unknown = support::harness().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(4));
}

#[test]
fn bash_takes_its_completions() {
    let script = printed(&["completions", "bash"]);
    let check = format!(
        "{script}\nCOMP_WORDS=(harness com) COMP_CWORD=1\n_harness harness com harness\necho \"${{COMPREPLY[*]}}\""
    );
    let output = std::process::Command::new("bash").args(["--norc", "-c", &check]).output().unwrap();
    assert_eq!(stdout(&output).trim(), "compare comment completions", "{}", stderr(&output));
}

#[test]
fn the_manual_page_has_every_command_and_the_exit_codes() {
    let page = printed(&["man"]);
    assert!(page.contains(".TH harness 1"), "{page}");
    for words in ["HARNESS RUN", "HARNESS COMMENT", "Exit codes", "\\-\\-fail\\-on", "on\\-alert"] {
        assert!(page.contains(words), "{words} is missing in\n{page}");
    }
}

#[test]
fn every_command_with_arguments_shows_an_example() {
    for command in ["run", "check", "report", "compare", "comment"] {
        let help = printed(&[command, "--help"]);
        assert!(help.contains(&format!("Examples:\n  harness {command} ")), "{help}");
    }
}
