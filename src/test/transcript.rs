//! Test cases that boot the system: files `tests/guest/**/*.t`.
//!
//! The format is described in docs/TESTING.md.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::cli::parse_size;
use crate::machine::frame::Event;
use crate::step::quote;

/// Seconds that a case may take unless it says otherwise.
pub const DEFAULT_TIMEOUT: f64 = 600.0;

/// What a case needs of the machine. Cases with equal needs share a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    pub user: String,
    /// The one board that the case is for, if it is.
    pub board: Option<String>,
    /// The name of the board's machine, if not the usual.
    pub machine: Option<String>,
    /// Memory in bytes, if not the usual.
    pub memory: Option<u64>,
    /// The emulated processor, if not the usual.
    pub cpu: Option<String>,
    pub disks: Vec<DiskNeed>,
    /// Whether a byte of what the machine boots is wrong.
    pub damaged: bool,
    /// Whether there is no root disk: the boot image holds the root file system.
    pub ramdisk: bool,
    /// Whether there is no root disk, and no root file system in the boot image either.
    pub rootless: bool,
    /// Whether the case has a boot of its own.
    pub alone: bool,
    /// Whether the machine's clock counts instructions.
    pub counted: bool,
    /// Whether somebody sits at the machine's screen.
    pub screen: bool,
}

impl Default for Needs {
    fn default() -> Needs {
        Needs {
            user: "root".to_owned(),
            board: None,
            machine: None,
            memory: None,
            cpu: None,
            disks: Vec::new(),
            damaged: false,
            ramdisk: false,
            rootless: false,
            alone: false,
            counted: false,
            screen: false,
        }
    }
}

/// A fresh disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskNeed {
    pub bytes: u64,
    /// Whether it holds an empty file system.
    pub ext2: bool,
}

/// A case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub name: String,
    pub needs: Needs,
    /// Whether it runs only with `--long`.
    pub long: bool,
    /// Seconds.
    pub timeout: f64,
    pub body: Body,
}

/// What a case does.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Commands with what they shall print; a list a boot.
    Transcript(Vec<Vec<Step>>),
    /// A program that tells its results itself.
    Program(String),
    /// A conversation with the console.
    Console(Vec<Turn>),
}

/// A turn of a conversation with the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The console shall print this, sooner or later.
    Expect { line: usize, text: String },
    /// A person types this.
    Type(Vec<u8>),
    /// The system shall end so.
    End { line: usize, how: Event },
    /// From here on she sits at the screen with its keyboard, or at the console's line again.
    Screen(bool),
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its line in the file.
    pub line: usize,
    pub command: String,
    /// What it shall print, with the endings that make patterns.
    pub expected: Vec<String>,
    pub status: u8,
}

/// Reads all cases below a folder, in order of their names.
pub fn read_all(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    collect(folder, "", &mut cases)?;
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

fn collect(folder: &Path, prefix: &str, cases: &mut Vec<Case>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), cases)?;
        } else if let Some(stem) = name.strip_suffix(".t") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let name = format!("{prefix}{stem}");
            cases.push(parse(&name, &text).with_context(|| path.display().to_string())?);
        }
    }
    Ok(())
}

/// Reads a case.
pub fn parse(name: &str, text: &str) -> Result<Case> {
    let mut case = Case {
        name: name.to_owned(),
        needs: Needs::default(),
        long: false,
        timeout: DEFAULT_TIMEOUT,
        body: Body::Transcript(Vec::new()),
    };
    let mut boots: Vec<Vec<Step>> = vec![Vec::new()];
    let mut program = None;
    let mut turns: Option<Vec<Turn>> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let steps = boots.last_mut().expect("there is always one");
        if let Some(indented) = line.strip_prefix("  ") {
            match &mut turns {
                Some(turns) => turns.push(parse_turn(number, indented)?),
                None => add_line(steps, number, indented)?,
            }
        } else if let Some(directive) = line.strip_prefix('@') {
            match directive.split_once(' ').unwrap_or((directive, "")) {
                ("reboot", "") => {
                    case.needs.alone = true;
                    boots.push(Vec::new());
                }
                ("console", "") => {
                    case.needs.alone = true;
                    match &mut turns {
                        Some(turns) => turns.push(Turn::Screen(false)),
                        None => turns = Some(Vec::new()),
                    }
                }
                ("screen", "") => {
                    case.needs.alone = true;
                    case.needs.screen = true;
                    turns.get_or_insert_default().push(Turn::Screen(true));
                }
                (word @ ("halt" | "restart" | "dead"), "") => match &mut turns {
                    Some(turns) => turns.push(Turn::End {
                        line: number,
                        how: match word {
                            "halt" => Event::Halt,
                            "restart" => Event::Reboot,
                            _ => Event::Dead,
                        },
                    }),
                    None => bail!("line {number}: only a @console sees a @{word}"),
                },
                ("program", command) if !command.is_empty() => program = Some(command.to_owned()),
                (word, rest) => apply(&mut case, word, rest)
                    .with_context(|| format!("line {number}: `{line}`"))?,
            }
        }
    }
    let empty = boots.iter().any(Vec::is_empty);
    case.body = match (program, turns) {
        (None, Some(turns)) => {
            ensure!(
                boots.len() == 1 && empty,
                "a case has commands or a @console, not both"
            );
            Body::Console(turns)
        }
        (Some(command), turns) => {
            ensure!(
                turns.is_none(),
                "a case has a @program or a @console, not both"
            );
            ensure!(
                boots.len() == 1 && empty,
                "a case has a @program or commands, not both"
            );
            Body::Program(command)
        }
        (None, None) => {
            ensure!(!empty, "no commands (or none before or after a @reboot)");
            Body::Transcript(boots)
        }
    };
    Ok(case)
}

/// Reads a turn: `< TEXT` is waited for, `> TEXT` is typed and sent with the
/// return key, `> ^C` is the key C with the control key.
fn parse_turn(line: usize, text: &str) -> Result<Turn> {
    if let Some(text) = text.strip_prefix("< ") {
        return Ok(Turn::Expect {
            line,
            text: text.to_owned(),
        });
    }
    let Some(text) = text.strip_prefix("> ").or((text == ">").then_some("")) else {
        bail!("line {line}: a turn starts with `< ` or `> `");
    };
    let key = text
        .strip_prefix('^')
        .and_then(|key| key.parse::<char>().ok());
    Ok(Turn::Type(
        match key.filter(|key| ('@'..='_').contains(key)) {
            Some(key) => vec![key as u8 & 0x1f],
            None => [text.as_bytes(), b"\r"].concat(),
        },
    ))
}

/// Takes an indented line: a command, more of it, its status, or its output.
fn add_line(steps: &mut Vec<Step>, line: usize, text: &str) -> Result<()> {
    if let Some(command) = text.strip_prefix("$ ") {
        let command = command.to_owned();
        steps.push(Step {
            line,
            command,
            expected: Vec::new(),
            status: 0,
        });
        return Ok(());
    }
    let Some(step) = steps.last_mut() else {
        bail!("line {line}: output before the first command");
    };
    if step.expected.is_empty()
        && let Some(more) = text.strip_prefix("> ").or((text == ">").then_some(""))
    {
        step.command.push('\n');
        step.command.push_str(more);
        return Ok(());
    }
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(status) = bracketed.and_then(|digits| digits.parse().ok()) {
        step.status = status;
        return Ok(());
    }
    step.expected.push(text.to_owned());
    Ok(())
}

fn apply(case: &mut Case, word: &str, rest: &str) -> Result<()> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match (word, words.as_slice()) {
        ("user", [name]) => case.needs.user = (*name).to_owned(),
        ("board", [name]) => case.needs.board = Some((*name).to_owned()),
        ("machine", [name]) => case.needs.machine = Some((*name).to_owned()),
        ("memory", [size]) => {
            case.needs.memory = Some(parse_size(size).map_err(anyhow::Error::msg)?);
        }
        ("cpu", [name]) => case.needs.cpu = Some((*name).to_owned()),
        ("disk", [size, rest @ ..]) => {
            let ext2 = match rest {
                [] => false,
                ["ext2"] => true,
                _ => bail!("a disk holds nothing, or `ext2`"),
            };
            let bytes = parse_size(size).map_err(anyhow::Error::msg)?;
            case.needs.disks.push(DiskNeed { bytes, ext2 });
            case.needs.alone = true;
        }
        ("boot", []) => case.needs.alone = true,
        ("ramdisk", []) => case.needs.ramdisk = true,
        ("rootless", []) => {
            case.needs.rootless = true;
            case.needs.alone = true;
        }
        ("damaged", []) => {
            case.needs.damaged = true;
            case.needs.alone = true;
        }
        ("counted", []) => case.needs.counted = true,
        ("long", []) => case.long = true,
        ("timeout", [seconds]) => {
            case.timeout = seconds.parse().context("a number of seconds")?;
            ensure!(case.timeout > 0.0 && case.timeout < 1e6, "an absurd time");
        }
        _ => bail!("unknown directive, or it lacks or has too many words"),
    }
    Ok(())
}

impl Case {
    /// How many boots the case takes.
    pub fn boots(&self) -> usize {
        match &self.body {
            Body::Transcript(boots) => boots.len(),
            Body::Program(_) | Body::Console(_) => 1,
        }
    }

    /// A shell script that does the case's part of the `boot`th boot, with
    /// marks around it and behind each command.
    pub fn script(&self, index: usize, boot: usize, marks: &Marks) -> String {
        let inner = match &self.body {
            Body::Program(command) => command.clone(),
            // A person types, no script runs.
            Body::Console(_) => String::new(),
            Body::Transcript(boots) => {
                let folder = quote(&format!("/tmp/t/{}", self.name));
                let step_end = format!("\necho \"{}\"\n", marks.step("$?"));
                let mut inner = format!("mkdir -p {folder} && cd {folder}{step_end}");
                for step in &boots[boot] {
                    inner += &step.command;
                    inner += &step_end;
                }
                inner
            }
        };
        format!(
            "echo '{}'\nsh -c {}\necho \"{}\"\n",
            marks.begin(index),
            always_quoted(&inner),
            marks.end(index, "$?"),
        )
    }
}

fn always_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What the scripts print around commands. The number makes them unlike
/// anything else that is printed.
pub struct Marks(pub String);

impl Marks {
    pub fn begin(&self, index: usize) -> String {
        format!("<<case:{}:{index}>>", self.0)
    }

    pub fn step(&self, status: &str) -> String {
        format!("<<step:{}:{status}>>", self.0)
    }

    pub fn end(&self, index: usize, status: &str) -> String {
        format!("<<done:{}:{index}:{status}>>", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Pipes join programs.
@user alice
@timeout 5
Prose.

  $ echo hi |
  > tr a-z A-Z
  HI
  $ false
  [1]
";

    #[test]
    fn a_transcript_is_read() {
        let case = parse("pipe", TEXT).expect("it is good");
        assert_eq!((case.needs.user.as_str(), case.timeout), ("alice", 5.0));
        let Body::Transcript(boots) = &case.body else {
            panic!("it is one")
        };
        assert_eq!(boots[0].len(), 2);
        assert_eq!(boots[0][0].command, "echo hi |\ntr a-z A-Z");
        assert_eq!(boots[0][0].expected, ["HI"]);
        assert_eq!(boots[0][1].status, 1);
    }

    #[test]
    fn disks_and_reboots_need_a_boot_of_their_own() {
        let case = parse("x", "@disk 8M ext2\n  $ a\n@reboot\n  $ b\n").expect("it is good");
        assert!(case.needs.alone);
        assert_eq!(case.boots(), 2);
        assert_eq!(
            case.needs.disks,
            [DiskNeed {
                bytes: 8 << 20,
                ext2: true
            }]
        );
    }

    #[test]
    fn a_conversation_with_the_console_is_read() {
        let case = parse("x", "@console\n  < login:\n  > root\n  > ^C\n@halt\n");
        let expected = [
            Turn::Expect {
                line: 2,
                text: "login:".to_owned(),
            },
            Turn::Type(b"root\r".to_vec()),
            Turn::Type(vec![3]),
            Turn::End {
                line: 5,
                how: Event::Halt,
            },
        ];
        assert_eq!(
            case.expect("it is good").body,
            Body::Console(expected.to_vec())
        );
    }

    #[test]
    fn a_conversation_may_change_to_the_screen_and_back() {
        let case = parse("x", "@screen\n  > a\n@console\n  > b\n").expect("it is good");
        assert!(case.needs.screen);
        let expected = [
            Turn::Screen(true),
            Turn::Type(b"a\r".to_vec()),
            Turn::Screen(false),
            Turn::Type(b"b\r".to_vec()),
        ];
        assert_eq!(case.body, Body::Console(expected.to_vec()));
        assert!(!parse("x", "@console\n  > a\n").expect("it is good").needs.screen);
    }

    #[test]
    fn bad_cases_are_refused() {
        for bad in [
            "",
            "  out\n",
            "@nothing\n  $ a\n",
            "@memory x\n  $ a\n",
            "@disk 1M fat\n  $ a\n",
            "@program /a\n  $ a\n",
            "@timeout -1\n  $ a\n",
            "  $ a\n@reboot\n",
            "@halt\n  $ a\n",
            "@console\n  $ a\n",
            "  $ a\n@console\n  < a\n",
        ] {
            assert!(parse("x", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_script_of_a_case_runs_in_a_shell() {
        let case = parse("it's", "  $ echo \"a'b\"\n  $ exit 4\n").expect("it is good");
        let script = case
            .script(3, 0, &Marks("n".into()))
            .replace("/tmp/t/", "/tmp/hird-test-t/");
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(script)
            .output();
        let text = String::from_utf8(output.expect("sh starts").stdout).expect("it is ASCII");
        let _ = fs::remove_dir_all("/tmp/hird-test-t");
        assert_eq!(
            text,
            "<<case:n:3>>\n<<step:n:0>>\na'b\n<<step:n:0>>\n<<done:n:3:4>>\n"
        );
    }
}
