//! Formats reasons, failures and warnings as sentences. No code parses these sentences.

use std::fmt;

use super::{Cause, Failure, Problem, Reason, Rejection, Scope, Selection, Warning, When};
use crate::measure::disturber::Disturber;
use crate::measure::trial::Build;
use harness_base::units::{Nanos, Ratio};

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build { build, program: Some(program) } => write!(out, "{} build {program}", build.name()),
            Self::Build { build, program: None } => write!(out, "{} build", build.name()),
            Self::Limits(limits) => write!(out, "within {limits}"),
            Self::Part(name) => out.write_str(name),
        }
    }
}

fn write_scope(out: &mut fmt::Formatter<'_>, scope: &[Scope]) -> fmt::Result {
    scope.iter().try_for_each(|scope| write!(out, "{scope}: "))
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scope(out, &self.scope)?;
        self.problem.fmt(out)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rounds < self.of {
            write!(out, "{} of {} rounds rejected: ", self.rounds, self.of)?;
        }
        self.check.fmt(out)?;
        if let Some(arm) = self.arm {
            write!(out, " ({} arm)", arm.name())?;
        }
        self.check.hint().map_or(Ok(()), |hint| write!(out, "; {hint}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(out),
            Self::Broken(check) => {
                check.fmt(out)?;
                check.hint().map_or(Ok(()), |hint| write!(out, "; {hint}"))
            }
            Self::Selection(selection) => selection.fmt(out),
            Self::Blank { base_ns, head_ns, p } => {
                let (base, head) = (Nanos(*base_ns), Nanos(*head_ns));
                write!(
                    out,
                    "the direct arms of the two builds differ, although no build is on that way: {base} beside the base, {head} \
                     beside the head (p {p:.1e}); repeat on a quieter host"
                )
            }
            Self::Disturber(found) => found.fmt(out),
            Self::Disturbed { check, launches, of } => {
                write!(out, "{launches} of {of} launches disturbed: {check}; {}", check.hint().unwrap_or_default())
            }
            Self::TooFewLaunches { counted, wanted, left_out } => {
                write!(
                    out,
                    "{counted} of {wanted} launches undisturbed, {left_out} disturbed: no more launches are tried"
                )
            }
            Self::TooFewRounds { valid, wanted, rejected } => {
                write!(out, "{valid} of {wanted} rounds valid, {rejected} rejected: no more rounds are tried")
            }
            Self::Preflight { request, arm, outcome, example } => {
                let of = request.as_ref().map_or_else(String::new, |name| format!(" of request {name}"));
                let (arm, outcome) = (arm.name(), outcome.words());
                let example = example.as_deref().unwrap_or("no answer");
                write!(
                    out,
                    "preflight{of} through the {arm} arm: {outcome}: {example}; correct the request, its `expect`, or the \
                     target's configuration"
                )
            }
            Self::TooFewWindows { whole, needed } => write!(
                out,
                "{whole} whole windows, {needed} are needed for a slope; lengthen `duration` or shorten `window`"
            ),
            Self::Described { stage } => {
                write!(out, "stage {stage}, over which the target reported this, is not valid or did not run")
            }
            Self::NodeLost { node, of, name, instance, after_ns, why } => {
                let (node, instance) = (node + 1, instance + 1);
                let when = after_ns.map_or_else(
                    || format!("before instance {instance} began"),
                    |after| format!("{:.1} s into instance {instance}", Nanos(after).as_secs_f64()),
                );
                write!(out, "node {node} of {of} ({name}) was lost {when}: {why}")
            }
            Self::Unread { quantity, missing, windows } => write!(
                out,
                "{quantity} of the target could not be read in {missing} of {windows} windows, so a leak cannot be \
                 detected; run as root or as the target's user"
            ),
        }
    }
}

impl fmt::Display for Disturber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, name, cpu_ns, from_ns, until_ns } = self;
        let second = |ns: u64| Nanos(ns).as_secs_f64();
        write!(
            out,
            "{name} (pid {pid}) used {:.2} s of CPU time from second {:.1} to second {:.1} of the stage; stop it, then repeat",
            second(*cpu_ns),
            second(*from_ns),
            second(*until_ns)
        )
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: &f64| Ratio(*share).to_string();
        let shares = |out: &mut fmt::Formatter<'_>, of: &str, one: &f64, other: &f64, p: &f64| {
            let (one, other) = (percent(one), percent(other));
            write!(
                out,
                "the host disturbed {one} and {other} of the trials of {of} (p {p:.1e}), so the rounds that count are a selection; \
                 repeat on a quieter host"
            )
        };
        match self {
            Self::Arms { direct, proxied, p } => shares(out, "the direct and the proxied arm", direct, proxied, p),
            Self::Builds { base, head, p } => shares(out, "the base and the head", base, head, p),
            Self::Moved { without_ns, with_ns } => write!(
                out,
                "the dropped rounds move the median response time from {} to {}, so the rounds that count may be a selection; \
                 repeat on a quieter host",
                Nanos(*without_ns),
                Nanos(*with_ns)
            ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scope(out, &self.scope)?;
        if let Some(after) = self.after_ns {
            write!(out, "after {:.1} s of load ", Nanos(after).as_secs_f64())?;
        }
        self.cause.fmt(out)?;
        if let Some(advice) = &self.advice {
            write!(out, "; {advice}")?;
        }
        match self.log.as_deref() {
            None => Ok(()),
            Some([]) => out.write_str("; it printed nothing"),
            Some(lines) => write!(out, "; its last lines:\n    {}", lines.join("\n    ")),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TargetEnded { ending, when: When::Measured } => {
                write!(out, "the target {ending} while it was measured")
            }
            Self::TargetEnded { ending, when: When::Early } => {
                write!(out, "the target {ending} before it was asked to end")
            }
            Self::ProcessesKilled { ending, killed } => {
                write!(out, "a process of the target {ending} while it was measured ({killed} in one window)")
            }
            Self::MostlyErrors { outcomes, example } => {
                let share = Ratio(outcomes.errors() as f64 / outcomes.total().max(1) as f64);
                write!(out, "the target failed {share} of the requests ({})", outcomes.describe())?;
                example.as_ref().map_or(Ok(()), |example| write!(out, ", for example: {example}"))
            }
            Self::Error(causes) => out.write_str(&causes.join(": ")),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadOnly => out.write_str("this stage measured the head alone, not the base"),
            Self::FewDescriptors { pid, limit, connections } => {
                let needed = connections.saturating_mul(2);
                write!(
                    out,
                    "the target (pid {pid}) may open {limit} descriptors, and {connections} connections may need {needed} in \
                     it, one to it and one from it each; raise the limit before the run with: ulimit -n {}",
                    needed.next_power_of_two()
                )
            }
            Self::IgnoredSigterm { build, patience_ns } => {
                write!(out, "{} ignored SIGTERM for {} and was killed", called(*build), Nanos(*patience_ns))
            }
            Self::OtherTls { direct, proxied } => {
                let plain = "plain HTTP";
                let (direct, proxied) = (direct.as_deref().unwrap_or(plain), proxied.as_deref().unwrap_or(plain));
                write!(
                    out,
                    "the proxied arm speaks {proxied} and the direct arm {direct}, so the overhead contains this difference; with `tls = true` \
                     in [upstream.builtin] both speak TLS"
                )
            }
            Self::UndeclaredEgress { host, requests } => {
                let many = if *requests == 1 { "" } else { "s" };
                write!(
                    out,
                    "the target asked for {host}, which is not declared as egress ({requests} request{many}, refused with 403); if the \
                     target needs it, add [egress.NAME] with host = {host:?}"
                )
            }
            Self::UntrustedEgress { handshakes } => write!(
                out,
                "{handshakes} TLS handshakes of the target with the hosts of [egress] failed; it must trust the certificate in {{egress.ca}}, for \
                 example by SSL_CERT_FILE = \"{{egress.ca}}\" in its environment"
            ),
            Self::JournalIncomplete { folder, cause } => write!(
                out,
                "the journal in {folder} is incomplete: {cause}; the record itself is complete; check with: df -h \
                 {folder}"
            ),
        }
    }
}

fn called(build: Option<Build>) -> String {
    build.map_or_else(|| "the target".to_owned(), |build| format!("the {} build", build.name()))
}
