//! Advice for a container that ends before it is ready.

use crate::launch::Ending;

/// Derives advice from a container's last lines and its end.
pub(super) fn advice(ending: &Ending, tail: &[String], from_binary: bool) -> Option<String> {
    let message = |words: &[&str]| {
        let line = |line: &String| words.iter().any(|word| line.to_lowercase().contains(word));
        tail.iter().any(line)
    };
    let add = if from_binary {
        "its image has the program, its libraries, CA certificates and /tmp; add the rest with: \
         target.container.files = [\"/path/here:/path/there\"]"
    } else {
        "if the image lacks a file, mount it with: target.container.mounts = [\"/path/here:/path/there\"]"
    };
    match ending {
        Ending::OutOfMemory(_) => Some("its limit is too low to start in: raise limits.memory of the stage".to_owned()),
        _ if message(&["exec format error"]) => {
            Some("its program is for another architecture; compare: docker image inspect; uname -m".to_owned())
        }
        _ if message(&["no such file", "cannot open shared object file", "not found (os error 2)"]) => {
            Some(add.to_owned())
        }
        _ if message(&["operation not permitted", "permission denied"]) => Some(
            "it has no capabilities unless the scenario names them, for example to bind a port below 1024: \
             target.container.capabilities = [\"NET_BIND_SERVICE\"]"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_what_is_missing() {
        let message = |ending, line: &str, binary| advice(&ending, &[line.to_owned()], binary).unwrap_or_default();
        let missing = "error: /etc/app.yaml: No such file or directory (os error 2)";
        assert!(message(Ending::Code(1), missing, true).contains("target.container.files"));
        assert!(message(Ending::Code(1), missing, false).contains("target.container.mounts"));
        assert!(message(Ending::Code(1), "exec /app: exec format error", false).contains("uname -m"));
        assert!(message(Ending::OutOfMemory(None), "", false).contains("limits.memory"));
        let refused = "bind() to 0.0.0.0:80 failed (13: Permission denied)";
        assert!(message(Ending::Code(1), refused, false).contains("target.container.capabilities"));
        assert_eq!(message(Ending::Code(3), "no license", true), "");
    }
}
