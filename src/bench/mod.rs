//! `hird bench`: costs in instructions and bytes, beside those of others.

mod baseline;
mod figures;
mod linux;
mod table;

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::cli::{BenchArgs, parse_size};
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
/// What the names of Linux's figures begin with in `--json`.
const LINUX_PREFIX: &str = "linux.";
/// Wall-clock limit: the emulator counts instructions, which makes it slow.
const TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Measures and prints.
pub fn command(workspace: &Workspace, arguments: &BenchArgs) -> Result<()> {
    let options = Options {
        platform: arguments.platform,
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
        figures.read(&measure(workspace, &system, arguments, filter)?);
    }
    figures.retain(|name| {
        let operation = figures::raw_operation(name);
        name.contains(filter) || operation.is_some_and(|operation| operation.contains(filter))
    });

    let qemu = system.kernel.platform.qemu.as_ref();
    ensure!(
        !arguments.linux || qemu.is_some_and(|qemu| !qemu.give_device_tree),
        "Linux is measured on boards of whose devices the emulator tells it, not on {}",
        arguments.platform.name()
    );
    let linux = if arguments.linux {
        Some(linux::measure(workspace, arguments.platform)?)
    } else {
        None
    };
    if arguments.json {
        for (name, value) in linux.iter().flat_map(Baseline::iter) {
            if name.contains(filter) {
                figures.set(&format!("{LINUX_PREFIX}{name}"), value, "");
            }
        }
        println!("{}", figures.json());
        return Ok(());
    }
    let board = workspace.platform(arguments.platform);
    // What others were measured at, for boards where they were.
    let mut columns: Vec<Baseline> = linux.into_iter().collect();
    let kept = ["linux-baseline.toml", "gnumach-baseline.toml"].map(|name| board.join(name));
    for path in kept.iter().skip(columns.len()).filter(|path| path.is_file()) {
        columns.push(Baseline::read(path)?);
    }
    print!("{}", table::table(&figures, &columns));
    Ok(())
}

/// Boots the system and runs its measuring program. Returns what that prints.
fn measure(
    workspace: &Workspace,
    system: &System,
    arguments: &BenchArgs,
    filter: &str,
) -> Result<String> {
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
    let machine = Machine {
        board,
        image: system.image.clone(),
        kernel: system.boot_kernel(),
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
    let log = workspace.output(arguments.platform)?.join("bench.log");
    step::say("measuring, with every instruction counted");
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
