//! Measuring Linux on the same emulated board: Debian's kernel, unpacked and
//! not installed, with one C program as its whole user space.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sel4_kernel::Platform as Board;

use super::baseline::Baseline;
use super::figures::Figures;
use crate::boot::archive::Archive;
use crate::cli::Platform;
use crate::machine::bootargs::Nonce;
use crate::machine::frame::{Event, Parser};
use crate::machine::session::{Next, Session};
use crate::step;
use crate::workspace::Workspace;

const SOURCE: &str = "bench/linux/init.c";
const COMMAND_LINE: &str =
    "console=ttyAMA0 quiet rdinit=/init mitigations=off nokaslr kpti=off panic=-1";
/// What the program prints when it is done.
const DONE: &str = "done";
const TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// File type and permissions of the program in the initial file system.
const PROGRAM_MODE: usize = 0o100_755;
const DIRECTORY_MODE: usize = 0o040_755;

/// Boots Linux and returns what its program measured.
pub fn measure(workspace: &Workspace, platform: Platform) -> Result<Baseline> {
    let board = Board::load(&workspace.platform(platform))?;
    let folder = workspace.folder(&format!("hird/linux/{}", board.debian()))?;
    let kernel = kernel(&folder, board.debian())?;
    let initrd = initrd(workspace, &folder, &board)?;
    let qemu = board.qemu.context("this platform has no emulator")?;

    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", &qemu.binary]);
    command.args(["-M", &qemu.machine, "-cpu", &qemu.cpu, "-m", &qemu.memory]);
    command.args([
        "-display",
        "none",
        "-serial",
        "stdio",
        "-monitor",
        "none",
        "-no-reboot",
    ]);
    command.args([
        "-nic",
        "none",
        "-icount",
        "shift=0",
        "-append",
        COMMAND_LINE,
    ]);
    command
        .arg("-kernel")
        .arg(&kernel)
        .arg("-initrd")
        .arg(&initrd)
        .stdin(Stdio::null());
    step::say("measuring Linux, with every instruction counted");
    if step::verbose() {
        step::say(&step::shown(&command));
    }
    let mut session = Session::start(command, Parser::new(Nonce::random()), None)?;
    let deadline = Instant::now() + TIMEOUT;
    let mut output = String::new();
    loop {
        match session.next(Some(deadline))? {
            // Linux knows no marks, so all of its console is log.
            Next::Event(Event::Log(bytes)) => output += &String::from_utf8_lossy(&bytes),
            Next::Event(_) => {}
            Next::Closed | Next::Timeout => {
                bail!("Linux did not finish:\n{}", session.last_lines());
            }
        }
        if output.lines().any(|line| line == DONE) {
            break;
        }
    }
    session.stop()?;
    let mut figures = Figures::default();
    figures.read(&output);
    Ok(Baseline::live("Linux (live)", &figures))
}

/// Debian's kernel for an architecture, downloaded once.
fn kernel(folder: &Path, architecture: &str) -> Result<PathBuf> {
    let kernel = folder.join("vmlinuz");
    if kernel.is_file() {
        return Ok(kernel);
    }
    let apt = Apt::new(&folder.join("apt"), architecture)?;
    // It depends on the newest one.
    let newest = format!("linux-image-{architecture}");
    step::run(
        &format!("reading Debian's list of {architecture} packages"),
        apt.command("apt-get").arg("update"),
    )?;
    let depends = step::run(
        "looking for Debian's kernel",
        apt.command("apt-cache")
            .args(["depends", "--important", &newest]),
    )?;
    let depends = String::from_utf8_lossy(&depends.stdout).into_owned();
    let package = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with("linux-image-"))
        .with_context(|| format!("{newest} depends on no kernel:\n{depends}"))?
        .to_owned();

    let download = folder.join("download");
    fs::create_dir_all(&download)?;
    step::run(
        &format!("downloading {package}"),
        apt.command("apt-get")
            .args(["download", &package])
            .current_dir(&download),
    )?;
    let archive = only_file(&download, ".deb")?;
    let unpacked = folder.join("unpacked");
    step::run(
        "unpacking it",
        Command::new("dpkg-deb")
            .arg("-x")
            .arg(&archive)
            .arg(&unpacked),
    )?;
    let found = only_file(&unpacked.join("boot"), "vmlinuz-")?;
    fs::copy(&found, &kernel).context("cannot keep the kernel")?;
    Ok(kernel)
}

/// The file of a folder whose name contains `part`.
fn only_file(folder: &Path, part: &str) -> Result<PathBuf> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let has_part = |path: &PathBuf| path.to_string_lossy().contains(part);
    let found = entries.flatten().map(|entry| entry.path()).find(has_part);
    found.with_context(|| format!("no {part} in {}", folder.display()))
}

/// Debian's package tools with lists of their own, so that the host's are not
/// touched and need not know the board's architecture.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(folder: &Path, architecture: &str) -> Result<Apt> {
        for name in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let status = folder.join("status");
        fs::write(&status, "")?;
        let shown = folder.display();
        let options = [
            format!("Dir::State::Lists={shown}/lists"),
            format!("Dir::State::Status={}", status.display()),
            format!("Dir::Cache={shown}/cache"),
            format!("APT::Architecture={architecture}"),
            format!("APT::Architectures={architecture}"),
            "APT::Sandbox::User=".to_owned(),
        ];
        Ok(Apt {
            options: options.to_vec(),
        })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }
}

/// The initial file system: the program, and the folders that it uses.
fn initrd(workspace: &Workspace, folder: &Path, board: &Board) -> Result<PathBuf> {
    let program = folder.join("init");
    let mut gcc = Command::new(format!("{}gcc", board.cross()));
    gcc.args(["-static", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&program);
    gcc.arg(workspace.path(SOURCE));
    step::run("compiling Linux's measuring program", &mut gcc)?;

    let bytes = fs::read(&program)?;
    let mut archive = Archive::default();
    for name in ["proc", "tmp", "dev"] {
        archive.add_plain(name, DIRECTORY_MODE, b"")?;
    }
    archive.add_plain("init", PROGRAM_MODE, &bytes)?;
    let file = folder.join("initrd");
    fs::write(&file, archive.finish())?;
    Ok(file)
}
