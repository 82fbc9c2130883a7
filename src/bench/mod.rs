//! `hird bench`: costs in instructions and bytes, beside those of others.

mod baseline;
mod figures;
mod linux;
mod table;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::cli::{BenchArgs, Platform, parse_size};
use crate::kernel;
use crate::machine::bootargs::{BootArguments, Nonce};
use crate::machine::frame::Event;
use crate::machine::qemu::{Console, Disk, Machine};
use crate::machine::session::{Next, Session};
use crate::step;
use crate::system::{Options, System};
use crate::workspace::Workspace;
use baseline::Baseline;
use figures::Figures;

/// The guest's program that measures.
const PROGRAM: &str = "/bin/bench";
/// Figures that others were measured at, in the folder of a board where they were.
const LINUX: &str = "linux-baseline.toml";
const GNU_MACH: &str = "gnumach-baseline.toml";
/// What the names of Linux's figures begin with in `--json`.
const LINUX_PREFIX: &str = "linux.";
/// Wall-clock limit: the emulator counts instructions, which makes it slow.
const TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// A board, what was measured on it, and what others were measured at there.
struct Measured {
    platform: Platform,
    figures: Figures,
    others: Vec<Baseline>,
}

/// Measures and prints.
pub fn command(workspace: &Workspace, arguments: &BenchArgs) -> Result<()> {
    let has_linux = |platform: &Platform| workspace.platform(*platform).join(LINUX).is_file();
    ensure!(
        !arguments.linux || arguments.platforms.iter().any(has_linux),
        "Linux is measured on {}",
        Platform::QemuVirt.name()
    );
    let boards: Vec<Measured> = arguments
        .platforms
        .iter()
        .map(|platform| measure_board(workspace, arguments, *platform))
        .collect::<Result<_>>()?;
    if arguments.json {
        println!("{}", json(&boards, arguments.linux));
        return Ok(());
    }
    print!("{}", table::table(&boards));
    Ok(())
}

/// One JSON object, name to number: the first board's figures, Linux's if it was measured there, and
/// those of other boards, whose names begin with the board's.
fn json(boards: &[Measured], linux: bool) -> String {
    let mut all = Figures::default();
    for (index, board) in boards.iter().enumerate() {
        let of = |name: &str| match index {
            0 => name.to_owned(),
            _ => format!("{}.{name}", board.platform.name()),
        };
        for (name, figure) in board.figures.iter() {
            all.set(&of(name), figure.value, &figure.unit);
        }
        for (name, value) in board.others.iter().take(usize::from(linux)).flat_map(Baseline::iter) {
            all.set(&of(&format!("{LINUX_PREFIX}{name}")), value, "");
        }
    }
    all.json()
}

/// Measures one board.
fn measure_board(
    workspace: &Workspace,
    arguments: &BenchArgs,
    platform: Platform,
) -> Result<Measured> {
    let options = Options {
        platform,
        debug_kernel: false,
        tests: false,
        ramdisk: false,
    };
    let system = System::build(workspace, options)?;
    let filter = arguments.filter.as_deref().unwrap_or_default();

    let mut figures = Figures::default();
    figures.set(
        "kernel.bytes",
        kernel::loaded_bytes(&system.kernel.elf)? as f64,
        "bytes",
    );
    figures.set("image.bytes", system.image_bytes()? as f64, "bytes");
    let sizes_only = !filter.is_empty() && figures.iter().any(|(name, _)| name == filter);
    if !sizes_only {
        let log = workspace.output(platform)?.join("bench.log");
        figures.read(&measure(&system, filter, &log)?);
    }
    figures.retain(|name| {
        let operation = figures::raw_operation(name);
        name.contains(filter) || operation.is_some_and(|operation| operation.contains(filter))
    });

    // What others were measured at, for boards where they were.
    let board = workspace.platform(platform);
    let mut others = Vec::new();
    for path in [LINUX, GNU_MACH].map(|name| board.join(name)) {
        if path.is_file() {
            others.push(Baseline::read(&path)?);
        }
    }
    if arguments.linux && board.join(LINUX).is_file() {
        others[0] = linux::measure(workspace, platform)?;
        others[0].retain(|name| name.contains(filter));
    }
    Ok(Measured {
        platform,
        figures,
        others,
    })
}

/// Boots the system and runs its measuring program. Returns what that prints.
fn measure(system: &System, filter: &str, log: &Path) -> Result<String> {
    let board = system
        .kernel
        .platform
        .qemu
        .clone()
        .context("this platform has no emulator")?;
    let memory = parse_size(&board.memory).map_err(anyhow::Error::msg)?;
    let root = (!system.ramdisk).then(|| Disk {
        file: system.root.clone(),
        snapshot: true,
    });
    let (image, modules) = system.start.clone();
    let machine = Machine {
        board,
        image,
        modules,
        device_tree: system.device_tree.clone(),
        memory,
        disks: root.into_iter().collect(),
        icount: true,
        debug_kernel: false,
        arguments: BootArguments {
            nonce: Nonce::random(),
            exec: Some(format!("{PROGRAM} {}", step::quote(filter))),
            user: "root".to_owned(),
            debug: false,
        },
    };
    let platform = &system.kernel.platform.name;
    step::say(&format!("measuring on {platform}, with every instruction counted"));
    run(&machine, std::fs::File::create(log)?)
}

fn run(machine: &Machine, log: std::fs::File) -> Result<String> {
    let mut command = machine.command(Console::Tool)?;
    command.stdin(Stdio::null());
    let mut session = Session::start(command, machine.parser(), Some(log))?;
    let deadline = Instant::now() + TIMEOUT;
    let mut output = Vec::new();
    let problem = loop {
        match session.next(Some(deadline))? {
            Next::Event(Event::Output(bytes)) => output.extend(bytes),
            Next::Event(Event::End(0)) => {
                session.stop()?;
                return Ok(String::from_utf8_lossy(&output).into_owned());
            }
            Next::Event(Event::End(status)) => break format!("{PROGRAM} failed: status {status}"),
            Next::Event(Event::Log(_) | Event::Begin) => {}
            Next::Event(Event::Dead | Event::Halt | Event::Reboot) => {
                break "the system died".to_owned();
            }
            Next::Closed => break "the machine stopped".to_owned(),
            Next::Timeout => break "the time is up".to_owned(),
        }
    };
    session.stop()?;
    bail!(
        "{problem}; the console's last lines:\n{}",
        session.last_lines()
    );
}
