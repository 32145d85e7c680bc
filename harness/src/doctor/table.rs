//! Renders an examination as text, 80 columns wide, with advice only for conditions that are not good.

use super::Examination;
use super::condition::{Condition, State};
use super::summary::{Ability, Answer};
use super::tuning::Tunable;
use crate::report::text::wrap;
use harness_base::units::Bytes;

const WIDTH: usize = 80;
/// Widths of the columns of state and name.
const STATE: usize = 8;
const NAME: usize = 16;

pub fn table(found: &Examination) -> String {
    let mut text = head(found);
    text.push_str("\nconditions\n");
    text.extend(found.conditions.iter().map(condition));
    text.push_str("\nwhat can be measured here\n");
    text.extend(found.abilities.iter().map(ability));
    text.push_str("\nwhat would disturb it\n");
    if found.spoilers.is_empty() {
        text.push_str("  no condition was found\n");
    }
    text.extend(found.spoilers.iter().map(|spoiler| wrap(spoiler, WIDTH, "  ", "    ")));
    text.push_str("\ncommands that tune this host (harness runs none of them)\n");
    if found.tuning.iter().all(|tunable| tunable.command.is_none()) {
        text.push_str("  every setting that this host shows is set\n");
    }
    text.extend(found.tuning.iter().filter_map(tunable));
    text
}

/// Formats a comment with the present state, and the command on a line of its own, ready to be pasted.
fn tunable(tunable: &Tunable) -> Option<String> {
    let state = tunable.state.as_deref().unwrap_or("not known");
    Some(format!("  # {}: {state}\n  {}\n", tunable.name, tunable.command.as_ref()?))
}

fn head(found: &Examination) -> String {
    let host = &found.host;
    let message = format!(
        "{}, {}, Linux {}, {}; measured for {} at {}",
        host.cpu_model,
        Bytes(host.memory_bytes),
        host.kernel,
        host.os,
        found.window_ns,
        found.taken_at
    );
    wrap(&message, WIDTH, "", "  ")
}

/// Formats the value and, unless it is good, its reason and advice.
fn condition(condition: &Condition) -> String {
    let Condition { name, state, value, why, improve, .. } = condition;
    let rest = " ".repeat(2 + STATE + NAME);
    let mut text = wrap(value, WIDTH, &format!("  {:<STATE$}{name:<NAME$}", state.word()), &rest);
    if *state != State::Good {
        text.push_str(&wrap(why, WIDTH, &rest, &rest));
        text.extend(improve.iter().map(|how| wrap(how, WIDTH, &format!("{rest}→ "), &format!("{rest}  "))));
    }
    text
}

fn ability(ability: &Ability) -> String {
    let Ability { name, answer, because } = ability;
    let (name, rest) = (format!("  {name:<20}"), " ".repeat(22 + STATE));
    let because = because.as_deref().filter(|_| *answer != Answer::Yes).unwrap_or_default();
    wrap(because, WIDTH, &format!("{name}{:<STATE$}", answer.word()), &rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{HostFacts, ToolFacts};
    use harness_base::units::Nanos;

    #[test]
    fn advice_stands_only_where_there_is_need_of_it() {
        let good = Condition::new("cpus", "they are shared", State::Good, "8 CPUs (4 cores)");
        let fair = Condition::new("turbo", "it ends", State::Fair, "on").improve("echo 1");
        let found = Examination {
            schema_version: 1,
            taken_at: "2026-11-21T20:00:00Z".to_owned(),
            tool: ToolFacts::default(),
            host: HostFacts { cpu_model: "Some CPU".to_owned(), ..HostFacts::default() },
            window_ns: Nanos::from_secs(3),
            conditions: vec![good, fair],
            abilities: vec![
                Ability { name: "overhead", answer: Answer::Yes, because: None },
                Ability { name: "containers", answer: Answer::No, because: Some("engine: none".to_owned()) },
            ],
            spoilers: vec!["turbo: on".to_owned()],
            tuning: vec![
                Tunable { name: "boost", state: Some("on".to_owned()), command: Some("echo 1".to_owned()) },
                Tunable { name: "SMT", state: Some("off".to_owned()), command: None },
            ],
        };
        let text = table(&found);
        let body = text.split_once('\n').unwrap().1;
        let expected = "
conditions
  good    cpus            8 CPUs (4 cores)
  fair    turbo           on
                          it ends
                          → echo 1

what can be measured here
  overhead            yes
  containers          no      engine: none

what would disturb it
  turbo: on

commands that tune this host (harness runs none of them)
  # boost: on
  echo 1
";
        assert!(text.starts_with("Some CPU, 0 B, Linux , ; measured for 3.00 s at 2026"), "{text}");
        assert!(body.ends_with(expected), "{text}");
    }
}
