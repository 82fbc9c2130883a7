//! `hird run`

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::cli::{RunArgs, parse_size};
use crate::machine::bootargs::{BootArguments, Nonce};
use crate::machine::frame::Event;
use crate::machine::qemu::{self, Console, Disk, Machine};
use crate::machine::session::{Next, Session};
use crate::step;
use crate::system::{Options, System};
use crate::workspace::Workspace;

/// Exit status when the time is up.
pub const STATUS_TIMEOUT: u8 = 124;
/// Exit status when the system dies, or could not be started.
pub const STATUS_DEAD: u8 = 125;

/// Runs the command; the tool's exit status.
pub fn command(workspace: &Workspace, arguments: &RunArgs) -> Result<u8> {
    let options = Options {
        platform: arguments.platform,
        debug_kernel: arguments.debug_kernel,
        tests: false,
        ramdisk: arguments.ramdisk,
    };
    let system = System::build(workspace, options)?;
    let (root, _lock) = match &arguments.root {
        Some(image) => (Some(qemu::absolute(image)?), None),
        None if system.ramdisk => (None, None),
        None => {
            let disk = system.persistent_root(arguments.snapshot)?;
            (Some(disk.path), Some(disk.lock))
        }
    };
    let mut disks = Vec::new();
    for image in root.iter().chain(&arguments.disks) {
        disks.push(Disk {
            file: qemu::absolute(image)?,
            snapshot: arguments.snapshot,
        });
    }
    let board = system.kernel.platform.qemu.clone();
    let mut board = board.context("this platform has no emulator")?;
    if let Some(name) = &arguments.machine {
        let variant = board.variant(name);
        board = variant.with_context(|| format!("this platform has no machine `{name}`"))?;
    }
    let usual = parse_size(&board.memory).map_err(anyhow::Error::msg)?;
    let (image, modules) = if board.starts_cd {
        ensure!(
            system.ramdisk,
            "this machine starts a CD, with the root file system on it: add --ramdisk"
        );
        (system.cd()?, Vec::new())
    } else {
        system.start.clone()
    };
    let machine = Machine {
        board,
        image,
        modules,
        device_tree: system.device_tree.clone(),
        memory: arguments.memory.unwrap_or(usual),
        disks,
        icount: arguments.icount,
        debug_kernel: arguments.debug_kernel,
        arguments: BootArguments {
            nonce: Nonce::random(),
            exec: arguments.exec.clone(),
            user: arguments.user.clone(),
            debug: step::verbose(),
        },
    };
    let log = Log::open(workspace, arguments)?;
    match &arguments.exec {
        Some(_) => execute(&machine, &log, arguments.timeout, &mut io::stdout().lock()),
        None => interact(&machine, &log, arguments.timeout),
    }
}

/// The file that keeps what the console prints.
struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn open(workspace: &Workspace, arguments: &RunArgs) -> Result<Log> {
        let path = match &arguments.log {
            Some(path) => qemu::absolute(path)?,
            None => workspace.output(arguments.platform)?.join("run.log"),
        };
        let file = File::create(&path)
            .with_context(|| format!("cannot write the log {}", path.display()))?;
        Ok(Log { path, file })
    }

    fn start(&self, machine: &Machine, console: Console) -> Result<Session> {
        let mut command = machine.command(console)?;
        if console == Console::Tool {
            command.stdin(Stdio::null());
        }
        if step::verbose() {
            step::say(&step::shown(&command));
        }
        Session::start(command, machine.parser(), Some(self.file.try_clone()?))
    }

    /// Tells how the run ended, with the last lines of the log.
    fn report(&self, what: &str, session: &mut Session) {
        let shown = Workspace::shown(&self.path);
        eprintln!("{}", session.last_lines());
        step::say(&format!("{what}; the whole log is {shown}"));
    }
}

fn deadline(timeout: Option<f64>) -> Option<Instant> {
    timeout.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds))
}

/// Runs commands: what they print is standard output, their status the tool's.
fn execute(
    machine: &Machine,
    log: &Log,
    timeout: Option<f64>,
    stdout: &mut impl Write,
) -> Result<u8> {
    let mut session = log.start(machine, Console::Tool)?;
    let deadline = deadline(timeout);
    loop {
        match session.next(deadline)? {
            Next::Event(Event::Output(bytes)) => {
                stdout
                    .write_all(&bytes)
                    .and_then(|()| stdout.flush())
                    .context("cannot write what the commands print")?;
            }
            Next::Event(Event::Log(bytes)) => {
                if step::verbose() {
                    io::stderr()
                        .write_all(&bytes)
                        .context("cannot write the log")?;
                }
            }
            Next::Event(Event::Begin) => {}
            Next::Event(Event::End(status)) => {
                session.stop()?;
                return Ok(status);
            }
            // The commands asked for it, so it is no failure.
            Next::Event(Event::Halt | Event::Reboot) => {
                session.stop()?;
                return Ok(0);
            }
            Next::Event(Event::Dead) => {
                // The reason follows on the same line.
                let soon = Instant::now() + Duration::from_millis(200);
                while let Next::Event(_) = session.next(Some(soon))? {}
                log.report("the system died", &mut session);
                return Ok(STATUS_DEAD);
            }
            Next::Closed => {
                log.report("the machine stopped", &mut session);
                return Ok(STATUS_DEAD);
            }
            Next::Timeout => {
                log.report("the time is up", &mut session);
                return Ok(STATUS_TIMEOUT);
            }
        }
    }
}

/// Joins the console to the terminal.
fn interact(machine: &Machine, log: &Log, timeout: Option<f64>) -> Result<u8> {
    step::say("Ctrl-a x leaves");
    let deadline = deadline(timeout);
    loop {
        let mut session = log.start(machine, Console::Terminal)?;
        loop {
            match session.next(deadline)? {
                Next::Event(Event::Output(bytes) | Event::Log(bytes)) => {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(&bytes).and_then(|()| stdout.flush())?;
                }
                Next::Event(Event::Halt) => {
                    session.stop()?;
                    return Ok(0);
                }
                Next::Event(Event::Reboot) => {
                    session.stop()?;
                    break;
                }
                // It stays on the screen until the person leaves.
                Next::Event(Event::Dead) => step::say("the system died; Ctrl-a x leaves"),
                Next::Event(Event::Begin | Event::End(_)) => {}
                Next::Closed => {
                    let status = session.stop()?;
                    if !status.success() {
                        log.report("the machine stopped", &mut session);
                        return Ok(STATUS_DEAD);
                    }
                    return Ok(0);
                }
                Next::Timeout => {
                    session.stop()?;
                    log.report("the time is up", &mut session);
                    return Ok(STATUS_TIMEOUT);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Runs commands on an emulator that is a shell script. In it, NONCE is the
    /// run's number. Returns the tool's status and standard output.
    fn run(script: &str, timeout: Option<f64>) -> (u8, Vec<u8>) {
        let folder = tempfile::tempdir().expect("a folder");
        let nonce = Nonce::random();
        let emulator = folder.path().join("emulator");
        let script = script.replace("NONCE", &nonce.to_string());
        // A program must not be open for writing when it starts, which other
        // tests' children could otherwise cause.
        let unfinished = folder.path().join("unfinished");
        std::fs::write(&unfinished, format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(&unfinished, PermissionsExt::from_mode(0o755))
            .expect("it is ours");
        let copied = std::process::Command::new("cp")
            .arg(&unfinished)
            .arg(&emulator)
            .status();
        assert!(copied.expect("cp starts").success());

        let machine = Machine {
            board: qemu::tests::board(emulator.to_str().expect("it is ASCII")),
            image: "/image".into(),
            modules: Vec::new(),
            device_tree: None,
            memory: 1 << 29,
            disks: Vec::new(),
            icount: false,
            debug_kernel: false,
            arguments: BootArguments {
                nonce,
                exec: Some("true".into()),
                user: "root".into(),
                debug: false,
            },
        };
        let path = folder.path().join("log");
        let log = Log {
            file: File::create(&path).expect("a file"),
            path,
        };
        let mut output = Vec::new();
        let status = execute(&machine, &log, timeout, &mut output).expect("nothing fails");
        (status, output)
    }

    #[test]
    fn what_the_commands_print_and_nothing_else_is_the_output() {
        let script = "echo boot; echo '<<hird:NONCE:begin>>'; printf 'a\\nb'; \
                      echo '<<hird:NONCE:end:3>>'; exec sleep 60";
        assert_eq!(run(script, None), (3, b"a\nb".to_vec()));
    }

    #[test]
    fn a_system_that_dies_gives_its_own_status() {
        let script =
            "echo '<<hird:NONCE:begin>>'; echo '<<hird:NONCE:dead>> no memory'; exec sleep 60";
        assert_eq!(run(script, None), (STATUS_DEAD, Vec::new()));
        assert_eq!(run("exit 1", None), (STATUS_DEAD, Vec::new()));
    }

    #[test]
    fn a_run_ends_when_its_time_is_up() {
        let script = "echo '<<hird:NONCE:begin>>'; echo first; exec sleep 60";
        assert_eq!(
            run(script, Some(0.5)),
            (STATUS_TIMEOUT, b"first\n".to_vec())
        );
    }

    #[test]
    fn commands_may_switch_the_system_off() {
        let script = "echo '<<hird:NONCE:begin>>'; echo '<<hird:NONCE:halt>>'; exec sleep 60";
        assert_eq!(run(script, None).0, 0);
    }
}
