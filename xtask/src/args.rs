//! The command line: which task, with which options.
//!
//! Parsed by hand, because a parser crate would take longer to build than everything else here.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use crate::dist::{Arch, Dist};

/// A task with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Test {
        only: Vec<String>,
    },
    Demo {
        args: Vec<OsString>,
    },
    Simulate {
        args: Vec<OsString>,
    },
    Model,
    Bench {
        only: Vec<String>,
        write: bool,
    },
    Dist(Dist),
    Measure {
        argv: Vec<OsString>,
    },
    PlanMoov {
        file: PathBuf,
        count: u32,
    },
    /// Plan a tick of scale, for the benchmark.
    PlanScale,
    Audit,
    Fuzz {
        args: Vec<OsString>,
    },
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task> {
    let mut args = args.into_iter();
    let Some(task) = args.next() else {
        return Ok(Task::Help);
    };
    let args: Vec<OsString> = args.collect();
    match task.to_str() {
        Some("help" | "--help" | "-h") => Ok(Task::Help),
        Some("test") => Ok(Task::Test {
            only: parse_only(args)?,
        }),
        Some("demo") => Ok(Task::Demo { args }),
        Some("simulate") => Ok(Task::Simulate { args }),
        Some("model") => {
            ensure!(args.is_empty(), "`model` takes no arguments");
            Ok(Task::Model)
        }
        Some("fuzz") => Ok(Task::Fuzz { args }),
        Some("audit") => {
            ensure!(args.is_empty(), "`audit` takes no argument");
            Ok(Task::Audit)
        }
        Some("bench") => {
            let (write, args): (Vec<_>, Vec<_>) =
                args.into_iter().partition(|arg| arg == "--write");
            Ok(Task::Bench {
                only: parse_only(args)?,
                write: !write.is_empty(),
            })
        }
        Some("dist") => Ok(Task::Dist(parse_dist(args)?)),
        Some("measure") => {
            ensure!(!args.is_empty(), "`measure` needs a program to run");
            Ok(Task::Measure { argv: args })
        }
        Some("plan-scale") => Ok(Task::PlanScale),
        Some("plan-moov") => {
            let [file, count] = &args[..] else {
                bail!("`plan-moov` needs a file and a count");
            };
            let count = count.to_str().and_then(|count| count.parse().ok());
            Ok(Task::PlanMoov {
                file: file.into(),
                count: count.context("the count of `plan-moov` must be a number")?,
            })
        }
        _ => bail!(
            "there is no task `{}`; see `cargo xtask help`",
            task.display()
        ),
    }
}

/// Reads the options of `dist`.
fn parse_dist(args: Vec<OsString>) -> Result<Dist> {
    let mut dist = Dist {
        arch: Arch::X86,
        debug: false,
        output: None,
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--debug") => dist.debug = true,
            Some("--arch") => {
                let arch = args.next().context("`--arch` needs x86_64 or arm64")?;
                dist.arch = Arch::parse(&arch.to_string_lossy())?;
            }
            Some("--output") => {
                let folder = args.next().context("`--output` needs a folder")?;
                dist.output = Some(folder.into());
            }
            _ => bail!(
                "unexpected argument `{}`; see `cargo xtask help`",
                arg.display()
            ),
        }
    }
    Ok(dist)
}

/// Reads any number of `--only NAME`, and nothing else.
fn parse_only(args: Vec<OsString>) -> Result<Vec<String>> {
    let mut args = args.into_iter();
    let mut only = Vec::new();
    while let Some(arg) = args.next() {
        ensure!(
            arg == "--only",
            "unexpected argument `{}`; see `cargo xtask help`",
            arg.display()
        );
        let name = args.next().context("`--only` needs a name")?;
        only.push(name.to_string_lossy().into_owned());
    }
    Ok(only)
}

/// The items that `only` names, in the items' own order; all of them if it names none.
///
/// # Errors
/// A name that no item has.
pub(crate) fn select<'a, T>(
    items: &'a [T],
    name: fn(&T) -> &str,
    only: &[String],
) -> Result<Vec<&'a T>> {
    if let Some(unknown) = only
        .iter()
        .find(|only| !items.iter().any(|item| name(item) == *only))
    {
        let known: Vec<_> = items.iter().map(name).collect();
        bail!("`--only {unknown}` names none of {}", known.join(", "));
    }
    let wanted = |item: &&T| only.is_empty() || only.iter().any(|only| name(item) == only);
    Ok(items.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Task> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn no_argument_asks_for_help() {
        assert_eq!(parse_line("").unwrap(), Task::Help);
    }

    #[test]
    fn only_may_be_repeated() {
        let only = strings(&["fmt", "doc"]);
        assert_eq!(
            parse_line("test --only fmt --only doc").unwrap(),
            Task::Test { only }
        );
    }

    #[test]
    fn write_may_stand_anywhere() {
        for line in ["bench --write --only spawn", "bench --only spawn --write"] {
            let only = strings(&["spawn"]);
            assert_eq!(parse_line(line).unwrap(), Task::Bench { only, write: true });
        }
    }

    #[test]
    fn demo_passes_everything_on() {
        let args = ["clip.mov", "--once", "--only"]
            .map(OsString::from)
            .to_vec();
        assert_eq!(
            parse_line("demo clip.mov --once --only").unwrap(),
            Task::Demo { args }
        );
    }

    #[test]
    fn mistakes_name_the_argument() {
        for (line, named) in [
            ("tset", "`tset`"),
            ("test fmt", "`fmt`"),
            ("test --write", "`--write`"),
            ("bench --only", "`--only`"),
            ("measure", "`measure`"),
            ("dist --arch", "`--arch`"),
            ("dist all", "`all`"),
        ] {
            let message = parse_line(line).unwrap_err().to_string();
            assert!(message.contains(named), "{line}: {message}");
        }
    }

    #[test]
    fn selection_keeps_the_order_of_the_items() {
        let items = strings(&["tools", "fmt", "doc"]);
        let select = |only: &[&str]| select(&items, |item| item, &strings(only));
        assert_eq!(select(&["doc", "tools"]).unwrap(), ["tools", "doc"]);
        assert_eq!(select(&[]).unwrap().len(), 3);
        let message = select(&["docs"]).unwrap_err().to_string();
        assert_eq!(message, "`--only docs` names none of tools, fmt, doc");
    }
}
