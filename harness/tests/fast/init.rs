//! `harness init --kind`, which starts nothing. Its work on programs is in `measuring`.

use crate::support::snapshot::matches_file;
use crate::support::{Scratch, harness};

/// Runs a command of the harness in a folder. Returns its exit code, stdout and stderr.
fn typed(folder: &Scratch, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = harness().current_dir(&folder.0).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn every_template_is_a_valid_scenario() {
    for kind in ["sidecar", "server", "mcp", "command"] {
        let folder = Scratch::new();
        let (code, said, _) = typed(&folder, &["init", "--kind", kind]);
        let file = format!("scenarios/my-{kind}.toml");
        assert!(code == Some(0) && said.contains(&format!("wrote    {file}\n")), "{said}");
        let (code, plan, mistakes) = typed(&folder, &["check", &file]);
        assert_eq!(code, Some(0), "{mistakes}");
        assert!(!plan.contains("warning"), "{plan}");
        let text = std::fs::read_to_string(folder.0.join(&file)).unwrap();
        matches_file(&format!("tests/snapshots/init/my-{kind}.toml"), &text);
        // The claims are examples in comments.
        std::fs::write(folder.0.join(&file), text.replace("# [targets]", "[targets]").replace("# \"", "\"")).unwrap();
        let claimed = typed(&folder, &["check", &file]).2;
        assert!(!claimed.contains("targets."), "{claimed}");
    }
}

#[test]
fn a_file_is_replaced_on_demand_only() {
    let folder = Scratch::new();
    let command = ["init", "--kind", "server", "--name", "mine", "--out", "bench/x.toml"];
    assert_eq!(typed(&folder, &command).0, Some(0));
    let path = folder.0.join("bench/x.toml");
    std::fs::write(&path, "mine").unwrap();
    let (code, _, error) = typed(&folder, &command);
    assert_eq!(code, Some(2));
    assert!(error.contains("bench/x.toml exists") && error.contains("--force"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(typed(&folder, &[&command[..], &["--force"]].concat()).0, Some(0));
    assert!(std::fs::read_to_string(&path).unwrap().contains("name = \"mine\""));
}

#[test]
fn a_command_or_a_kind_is_needed() {
    let folder = Scratch::new();
    for wrong in [
        &["init"][..],
        &["init", "--kind", "server", "--", "x"],
        &["init", "--name", "a b", "--", "x"],
        &["init", "--path", "api", "--", "x"],
    ] {
        assert_eq!(typed(&folder, wrong).0, Some(4), "{wrong:?}");
    }
}
