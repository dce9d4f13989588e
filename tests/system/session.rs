//! `docs/session.md`, typed line by line into a shell: what a person would do, with what they would see.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{
    harness::{System, decodes, make_clip, nommer, repository},
    notifications::Receiver,
};

/// Ends what a command has printed.
const MARK: &str = "\u{1e}";

/// One command of the documentation, and what it prints.
struct Step {
    command: String,
    expected: Vec<String>,
}

/// The commands of the console blocks.
fn steps() -> Vec<Step> {
    let text = fs::read_to_string(repository().join("docs/session.md")).unwrap();
    let blocks = text.split("```console\n").skip(1);
    let mut steps: Vec<Step> = Vec::new();
    for line in blocks.flat_map(|rest| rest.split("```").next().unwrap().lines()) {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step {
                command: command.to_owned(),
                expected: Vec::new(),
            }),
            None => steps.last_mut().unwrap().expected.push(line.to_owned()),
        }
    }
    steps
}

/// A shell that is typed into.
struct Shell {
    child: Child,
    keys: ChildStdin,
    screen: BufReader<ChildStdout>,
}

impl Shell {
    fn start(folder: &Path, variables: &[(&str, String)], first: &str) -> Self {
        let bin = nommer().parent().unwrap().display().to_string();
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()))
            .env("no_proxy", "*")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let screen = BufReader::new(child.stdout.take().unwrap());
        let mut shell = Self {
            child,
            keys,
            screen,
        };
        shell.run("exec 2>&1");
        shell.run(first);
        shell
    }

    /// Types a line; what is printed until the next one can be typed.
    fn run(&mut self, line: &str) -> String {
        // The status of the command is what the next one sees.
        let typed = format!("{line}\n{{ s=$?; printf '%s%s\\n' '{MARK}' $s; (exit $s); }}\n");
        self.keys.write_all(typed.as_bytes()).unwrap();
        let mut told = String::new();
        loop {
            let mut next = String::new();
            assert!(self.screen.read_line(&mut next).unwrap() > 0, "{told}");
            // The last line of what is printed may lack its end.
            if let Some((before, _)) = next.split_once(MARK) {
                return told + before;
            }
            told += &next;
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Whether all words of a line stand in another, in their order.
fn is_like(expected: &str, line: &str) -> bool {
    let words = expected.split(['…', ' ']).filter(|word| !word.is_empty());
    let mut rest = line;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            return false;
        };
        rest = after;
    }
    true
}

/// Types all of the documentation. `first` prepares the shell.
pub(crate) fn type_all(folder: &Path, variables: &[(&str, String)], first: &str) {
    let mut shell = Shell::start(folder, variables, first);
    let steps = steps();
    assert!(
        steps.len() >= 15,
        "only {} commands were found",
        steps.len()
    );
    for Step { command, expected } in steps {
        let told = shell.run(&command);
        let mut lines = told.lines();
        for wanted in &expected {
            let found = lines.any(|line| is_like(wanted, line));
            assert!(found, "$ {command}\n{told}\nlacks: {wanted}");
        }
        assert!(
            !expected.is_empty()
                || told
                    .trim()
                    .lines()
                    .all(|line| line.starts_with("follow it")),
            "$ {command}\n{told}"
        );
    }
}

/// The films of the documentation: one of them was cut off, and lies whole in the folder where the shell is.
pub(crate) fn make_films(films: &Path, folder: &Path) {
    make_clip(&films.join("holiday.mov"), 2, "640x360");
    make_clip(&folder.join("whole.mov"), 2, "320x180");
    fs::write(films.join("interview.mov"), [0; 1_000]).unwrap();
}

#[test]
fn the_documented_session_works_on_one_machine() {
    let system = System::start();
    let receiver = Receiver::start(&[]);
    for folder in ["in", "out", "out/small"] {
        fs::create_dir(system.path(folder)).unwrap();
    }
    make_films(&system.path("in"), system.folder.path());
    let path = |name: &str| system.path(name).display().to_string();
    let variables = [
        ("NOMMER_API", system.api.clone()),
        (
            "NOMMER_LOCAL__DATA_DIR",
            system.data().display().to_string(),
        ),
        ("IN", path("in")),
        ("OUT", path("out")),
        ("HOOK", receiver.url.clone()),
    ];
    type_all(system.folder.path(), &variables, "");
    for made in [
        "holiday.mp4",
        "interview.mp4",
        "small/interview.mp4",
        "told.mp4",
    ] {
        assert!(decodes(&system.path("out").join(made)), "{made}");
    }
    let told = receiver.wait_for(1);
    assert!(told.iter().any(|one| one.body().contains("FINISHED")));
}
