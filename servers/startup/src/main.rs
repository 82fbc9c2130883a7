//! The first program: starts the servers, gives each the rights that it needs, answers for the
//! essential ones, and ends the system.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod child;
mod driver;
mod launch;
mod pci;
mod power;
mod process;
mod root;
mod serve;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use child::Child;
use driver::Driver;
use interface::fs::{self, O_NOTRANS, O_READ, O_WRITE};
use interface::{exec, io, term, tioctl};
use launch::{Gifts, Modules};
use machuser::mach::{self, Mapping, Registers};
use machuser::{Error, Result, SendRight, env, thread};
use process::Program;
use serve::Startup;
use startup_plan::{Arguments, Device, Driven, Machine, Mode, Screen, mc146818};

machuser::program!(main);

/// First descriptor of a server that is a gift.
const GIFT: usize = 3;
/// The node of the terminal on the screen, from the root directory.
const SCREEN: &str = "dev/tty1";
/// Pins of the processor (BCM2835 ARM Peripherals, 6).
const PINS: u32 = 54;
/// How long a login that fails at once is left alone.
const LOGIN_PAUSE: Duration = Duration::from_secs(1);

/// What went wrong, and where.
type Failure = (String, Error);

/// Names a step for the log when it fails.
trait Step<T> {
    fn step(self, what: &str) -> core::result::Result<T, Failure>;
}

impl<T> Step<T> for Result<T> {
    fn step(self, what: &str) -> core::result::Result<T, Failure> {
        self.map_err(|error| (what.to_string(), error))
    }
}

fn main() {
    let mut arguments = Arguments::default();
    if let Err((what, error)) = run(&mut arguments) {
        mach::log(&format!(
            "{} startup: {what}: {error}",
            arguments.marker("dead")
        ));
    }
    // The servers' starter stays: it answers for them.
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn machine(host: &SendRight) -> Result<Machine> {
    let (tree, bytes) = mach::device_tree(host)?;
    let mapping = Mapping::new(&tree, 0, bytes, false)?;
    Machine::parse(mapping.as_slice()).ok_or(Error::EINVAL)
}

/// The right to the pages or ports in which a device's registers are.
fn registers(host: &SendRight, device: Device) -> Result<SendRight> {
    if device.ports {
        return mach::device_ports(host, device.address as u16, device.bytes as u16);
    }
    let (start, bytes) = device.pages();
    mach::device_memory(host, start, bytes)
}

/// The rights to a device: its registers, and its interrupts.
fn device(host: &SendRight, device: Device) -> Result<(SendRight, Vec<SendRight>)> {
    let registers = registers(host, device)?;
    let lines = (device.line..device.line + device.lines)
        .map(|line| mach::device_interrupt(host, line))
        .collect::<Result<_>>()?;
    Ok((registers, lines))
}

/// Connects the pins of a device to it.
fn connect(host: &SendRight, machine: &Machine, driven: &Driven) -> Result<()> {
    let Some(at) = machine.pins.filter(|_| !driven.pins.is_empty()) else {
        return Ok(());
    };
    let registers = Registers::new(&registers(host, at)?, at.offset() as usize, at.bytes as usize)?;
    for &(pin, function) in &driven.pins {
        if pin >= PINS {
            return Err(Error::EINVAL);
        }
        // Ten pins of three bits in each register (BCM2835 ARM Peripherals, 6.1).
        let (register, shift) = (pin as usize / 10 * 4, pin % 10 * 3);
        let others = registers.read32(register) & !(7 << shift);
        registers.write32(register, others | (function & 7) << shift);
    }
    Ok(())
}

/// Sets the time of day from the board's clock.
fn set_time(host: &SendRight, clock: &Driven) -> Result<()> {
    let at = clock.device;
    let registers = Registers::new(&registers(host, at)?, at.offset() as usize, at.bytes as usize)?;
    let seconds = match clock.kind {
        // Its first register counts seconds since 1970 (PL031 manual, 3.3.1).
        "pl031" => u64::from(registers.read32(0)),
        // A register's number goes to the first port, what it holds comes from the second.
        _ => mc146818::seconds(|register| {
            registers.write8(0, register);
            registers.read8(1)
        })
        .ok_or(Error::ENODEV)?,
    };
    mach::host_set_time(host, seconds * 1_000_000_000)
}

fn descriptors(rights: impl IntoIterator<Item = SendRight>) -> Vec<Option<SendRight>> {
    let mut descriptors = Vec::new();
    descriptors.resize_with(GIFT, || None);
    descriptors.extend(rights.into_iter().map(Some));
    descriptors
}

/// A file of the root file system, which may be the root of a translator on it.
fn open(root: &SendRight, path: &str, flags: i32) -> Result<SendRight> {
    let (retry, rest, file) = fs::dir_lookup(root, path, flags, 0)?;
    match file {
        Some(file) if retry == fs::FS_RETRY_NORMAL && rest.is_empty() => Ok(file),
        _ => Err(Error::ENOENT),
    }
}

/// A driver of disks, and the node that shows them.
struct Disks {
    driver: Arc<Driver>,
    node: &'static str,
}

/// Starts the servers of the disks that the machine has.
fn start_disks(
    startup: &Arc<Startup>,
    modules: &Arc<Modules>,
    machine: &Machine,
) -> core::result::Result<Vec<Disks>, Failure> {
    let mut all = Vec::new();
    if let Some(at) = machine.virtio {
        let driver = start_disk(startup, modules, "virtio-blk", at, true)?;
        let node = "dev/disk";
        all.push(Disks { driver, node });
    }
    if let Some(bus) = machine.pci {
        for kind in pci::Kind::ALL {
            if let Some(driver) = start_pci_disks(startup, modules, bus, kind)? {
                let node = kind.node();
                all.push(Disks { driver, node });
            }
        }
    }
    if let Some(card) = machine.cards.first() {
        connect(startup.host(), machine, card).step("card's pins")?;
        let driver = start_disk(startup, modules, "sdcard", card.device, false)?;
        let node = "dev/card";
        all.push(Disks { driver, node });
    }
    Ok(all)
}

/// Starts a driver with the rights to its device, and to memory for DMA if it needs that.
fn start_disk(
    startup: &Arc<Startup>,
    modules: &Arc<Modules>,
    program: &str,
    at: Device,
    needs_dma: bool,
) -> core::result::Result<Arc<Driver>, Failure> {
    let host = startup.host();
    let (memory, lines) = device(host, at).step("disk's device")?;
    let mut argv = vec![
        program.to_string(),
        format!("--memory={GIFT}:{:#x}:{:#x}", at.offset(), at.bytes),
    ];
    let mut rights = vec![memory];
    if needs_dma {
        argv.push(format!("--dma={}", GIFT + rights.len()));
        rights.push(mach::dma_port(host).step("disk's memory")?);
    }
    let first = GIFT + rights.len();
    argv.push(format!("--interrupts={first}:{}:{}", at.line, at.lines));
    rights.extend(lines);
    Driver::start(startup, modules, argv, rights).step(program)
}

/// Makes a program the translator of a node.
fn settle(node: &SendRight, child: &Child) -> Result<()> {
    fs::file_set_translator(node, 0, fs::FS_TRANS_SET, 0, &[], child.control()?)
}

/// Starts a driver for the functions of a kind on a PCI bus, if there are any.
fn start_pci_disks(
    startup: &Arc<Startup>,
    modules: &Arc<Modules>,
    bus: Device,
    kind: pci::Kind,
) -> core::result::Result<Option<Arc<Driver>>, Failure> {
    let host = startup.host();
    let disks = pci::disks(host, bus, kind, GIFT + 1).step("PCI")?;
    if disks.words.is_empty() {
        return Ok(None);
    }
    let dma = mach::dma_port(host).step("disks' memory")?;
    let mut argv = vec![kind.program().to_string(), format!("--dma={GIFT}")];
    argv.extend(disks.words);
    let rights = [dma].into_iter().chain(disks.rights).collect();
    Driver::start(startup, modules, argv, rights).step(kind.program()).map(Some)
}

/// Starts the driver of the serial line.
fn start_console(
    startup: &Arc<Startup>,
    modules: &Arc<Modules>,
    machine: &Machine,
) -> core::result::Result<Arc<Driver>, Failure> {
    let console = machine.console.as_ref().ok_or(Error::ENODEV).step("console")?;
    connect(startup.host(), machine, console).step("console's pins")?;
    let at = console.device;
    let (registers, lines) = device(startup.host(), at).step("console's device")?;
    let argv = vec![
        "console".to_string(),
        format!("--kind={}", console.kind),
        format!("--memory={GIFT}:{:#x}:{:#x}", at.offset(), at.bytes),
        format!("--interrupts={}:{}:{}", GIFT + 1, at.line, at.lines),
    ];
    let rights = [registers].into_iter().chain(lines).collect();
    Driver::start(startup, modules, argv, rights).step("console")
}

/// Starts the driver of the screen.
fn start_screen(
    startup: &Arc<Startup>,
    modules: &Arc<Modules>,
    screen: &Screen,
) -> core::result::Result<Arc<Driver>, Failure> {
    let host = startup.host();
    let (display, keyboard) = (&screen.display, &screen.keyboard);
    let mut argv = vec!["screen".to_string()];
    let mut rights = vec![registers(host, display.device).step("display")?];
    let mut word = format!(
        "={GIFT}:{:#x}:{:#x}",
        display.device.offset(),
        display.device.bytes
    );
    match &screen.mode {
        Some(Mode { size: [width, height, stride], format }) => {
            argv.push(format!("--framebuffer{word}:{width}:{height}:{stride}"));
            argv.push(format!("--format={format}"));
        }
        None => {
            for ports in &display.others {
                word += &format!(":{}", GIFT + rights.len());
                rights.push(registers(host, *ports).step("display's ports")?);
            }
            argv.push(format!("--text{word}"));
        }
    }
    let (data, lines) = device(host, keyboard.device).step("keyboard")?;
    let first = GIFT + rights.len();
    rights.push(data);
    for ports in &keyboard.others {
        rights.push(registers(host, *ports).step("keyboard")?);
    }
    rights.extend(lines);
    let numbers: Vec<String> = (first..GIFT + rights.len()).map(|n| n.to_string()).collect();
    argv.push(format!("--keyboard={}", numbers.join(":")));
    Driver::start(startup, modules, argv, rights).step("screen")
}

fn run(arguments: &mut Arguments) -> core::result::Result<(), Failure> {
    let host = SendRight::clone(&*env::bootstrap().ok_or(Error::EINVAL).step("host port")?);
    // Nobody answers for this program but the mach server.
    mach::task_set_name(mach::SELF, b"startup").step("name")?;
    mach::task_set_essential(&host, mach::SELF, true).step("host port")?;
    let machine = machine(&host).step("device tree")?;
    *arguments = Arguments::parse(&machine.command_line);
    let modules = Arc::new(Modules::load(&host).step("boot modules")?);
    let startup = Startup::new(host, arguments.clone(), machine.acpi).step("startup port")?;
    startup.server().start().step("threads")?;
    if let Err((what, error)) = bring_up(&startup, &modules, &machine, arguments) {
        startup.dead(&format!("startup: {what}: {error}"));
    }
    Ok(())
}

/// Starts the system, and runs what it is for.
fn bring_up(
    startup: &Arc<Startup>,
    modules: &Arc<Modules>,
    machine: &Machine,
    arguments: &Arguments,
) -> core::result::Result<(), Failure> {
    let server = startup.server();
    if let Some(clock) = &machine.clock
        && let Err(error) = set_time(startup.host(), clock)
    {
        mach::log(&format!("startup: the clock does not tell the time of day: {error}"));
    }

    // The line comes first, so that there is somewhere to write to.
    let console = start_console(startup, modules, machine)?;
    if let Some(screen) = &machine.screen {
        match start_screen(startup, modules, screen) {
            Ok(driver) => startup.set_screen(driver),
            // The serial line is there to say so, and serves without it.
            Err((what, error)) => mach::log(&format!("startup: no screen: {what}: {error}")),
        }
    }

    // Auth and proc meet at this program.
    let bootstrap = startup.right().step("startup port")?;
    let auth = modules
        .launch(server, &["auth"], Gifts::default(), Some(bootstrap))
        .step("auth")?;
    let bootstrap = startup.right().step("startup port")?;
    let gifts = Gifts {
        descriptors: descriptors([startup.task()]),
        ..Gifts::default()
    };
    let proc = modules
        .launch(server, &["proc"], gifts, Some(bootstrap))
        .step("proc")?;
    startup.introduce(&auth, &proc).step("auth and proc")?;
    let handle = startup.auth().step("auth")?;

    // The disks, and the root file system.
    let disks = start_disks(startup, modules, machine)?;
    let found = root::find(&disks, modules, GIFT).step("disks")?;
    let found = found.ok_or(Error::ENODEV).step(
        "no disk holds an ext2 file system, and the boot image holds none either; \
         attach a disk with a root file system, or boot an image of `./hird image`",
    )?;
    let gifts = Gifts {
        descriptors: descriptors([found.right]),
        ..Gifts::default()
    };
    let argv = ["ext2fs", "--readonly", &found.store];
    let file_system = modules.launch(server, &argv, gifts, None).step("ext2fs")?;
    let root = file_system.root(O_READ).step("the root file system")?;

    // What was started before them learns of auth and proc.
    startup.initialise(&file_system).step("the root file system")?;
    console.introduce().step("console")?;
    for disks in &disks {
        disks.driver.introduce().step(disks.node)?;
    }

    let adopt = |child: &Child| startup.adopt(child);
    let node = |path: &str| open(&root, path, O_NOTRANS | O_READ).step(path);
    let gifts = |place: &SendRight| Gifts {
        auth: Some(handle.clone()),
        root: Some(root.clone()),
        node: Some(place.clone()),
        adopt: Some(&adopt),
        ..Gifts::default()
    };

    let place = node("servers/exec")?;
    let executor = modules
        .launch(server, &["exec"], gifts(&place), None)
        .step("exec")?;
    let executor_port = executor.root(O_READ).step("exec")?;
    settle(&place, &executor).step("/servers/exec")?;
    let process = startup.adopt(&executor).step("exec")?;
    exec::exec_init(&executor_port, &handle, process).step("exec")?;
    startup.set_defaults(&root).step("proc")?;
    startup
        .place(&node("servers/startup")?)
        .step("/servers/startup")?;

    for disks in &disks {
        disks.driver.settle(node(disks.node)?).step(disks.node)?;
    }

    // A root file system may have no place for what is not needed to run.
    if let Some(at) = machine.pins
        && let Ok(place) = node("dev/gpio")
    {
        let memory = registers(startup.host(), at).step("pins")?;
        let memory_word = format!("--memory={GIFT}:{:#x}:{:#x}", at.offset(), at.bytes);
        let argv = vec!["gpio".to_string(), memory_word];
        let pins = Driver::start(startup, modules, argv, vec![memory]).step("gpio")?;
        pins.introduce().step("gpio")?;
        pins.settle(place).step("/dev/gpio")?;
    }

    let mut terminals = Vec::new();
    if let Some(screen) = startup.screen() {
        screen.introduce().step("screen")?;
        if let Ok(place) = node(SCREEN) {
            let gifts = Gifts {
                descriptors: descriptors([screen.directory().step("screen")?]),
                ..gifts(&place)
            };
            let argv = ["term", &format!("--name=/{SCREEN}"), &format!("dir:{GIFT}:")];
            let child = modules.launch(server, &argv, gifts, None).step("term")?;
            settle(&place, &child).step(SCREEN)?;
            terminals.push(Terminal { child, kind: "linux", session: None });
        }
    }

    let place = node("dev/console")?;
    let gifts = Gifts {
        descriptors: descriptors([console.directory().step("console")?]),
        ..gifts(&place)
    };
    let argv = ["term", "--name=/dev/console", &format!("dir:{GIFT}:")];
    let terminal = modules.launch(server, &argv, gifts, None).step("term")?;
    settle(&place, &terminal).step("/dev/console")?;

    for child in [&auth, &proc, &file_system, &executor, &terminal] {
        startup.essential(child).step(&child.path)?;
    }
    match &arguments.commands {
        Some(commands) => {
            // They have the bare line, which ends with its driver.
            let (driver, line) = console.open(O_READ | O_WRITE).step("console")?;
            startup.essential(&driver).step("console")?;
            run_commands(startup, arguments, commands, &executor_port, &root, &line)
        }
        None => {
            terminals.push(Terminal { child: terminal.clone(), kind: "vt100", session: None });
            run_logins(startup, &executor_port, &root, terminals, &terminal)
        }
    }
}

/// Runs the commands of the command line on the bare line, with the marks that the host tool
/// waits for.
fn run_commands(
    startup: &Startup,
    arguments: &Arguments,
    commands: &[u8],
    executor: &SendRight,
    root: &SendRight,
    line: &SendRight,
) -> core::result::Result<(), Failure> {
    let (path, argv) = match &arguments.user {
        Some(user) => {
            let words: [&[u8]; 5] = [b"login", b"-f", b"-c", commands, user.as_bytes()];
            ("bin/login", words.map(<[u8]>::to_vec).to_vec())
        }
        None => {
            let words: [&[u8]; 3] = [b"sh", b"-c", commands];
            ("bin/sh", words.map(<[u8]>::to_vec).to_vec())
        }
    };
    let input = open(root, "dev/null", O_READ).step("/dev/null")?;
    let program = Program {
        path,
        argv: &argv,
        root,
        descriptors: [&input, line, line],
        terminal: None,
        kind: "vt100",
    };
    write(line, &format!("{}\n", arguments.marker("begin")));
    let pid = startup.start(executor, &program).step(path)?;
    let status = loop {
        let (ended, status) = startup.wait().step(path)?;
        if ended == pid {
            break status;
        }
    };
    startup.sync(root);
    let code = status.exit_code();
    write(
        line,
        &format!("{}\n", arguments.marker(&format!("end:{code}"))),
    );
    Ok(())
}

/// A terminal at which one can log in.
struct Terminal {
    child: Arc<Child>,
    /// As `TERM` says.
    kind: &'static str,
    /// The login's process, and when it was started.
    session: Option<(i32, Duration)>,
}

/// Runs logins on all terminals, on each one after the other, for ever. A terminal that fails is
/// given up, unless it is the essential one.
fn run_logins(
    startup: &Startup,
    executor: &SendRight,
    root: &SendRight,
    mut terminals: Vec<Terminal>,
    essential: &Arc<Child>,
) -> core::result::Result<(), Failure> {
    let argv = [b"login".to_vec()];
    let start = |terminal: &Terminal| {
        let right = terminal.child.root(O_READ | O_WRITE)?;
        startup.start(executor, &Program {
            path: "bin/login",
            argv: &argv,
            root,
            descriptors: [&right, &right, &right],
            terminal: Some(&right),
            kind: terminal.kind,
        })
    };
    loop {
        let mut failed = None;
        terminals.retain_mut(|terminal| {
            if terminal.session.is_some() {
                return true;
            }
            match start(terminal) {
                Ok(pid) => terminal.session = Some((pid, machuser::clock::now())),
                Err(error) if Arc::ptr_eq(&terminal.child, essential) => failed = Some(error),
                Err(error) => {
                    mach::log(&format!("startup: no login at /{SCREEN}: {error}"));
                    return false;
                }
            }
            true
        });
        if let Some(error) = failed {
            return Err(error).step("/bin/login");
        }
        let (ended, _) = startup.wait().step("/bin/login")?;
        for terminal in &mut terminals {
            if let Some((pid, began)) = terminal.session
                && pid == ended
            {
                terminal.session = None;
                if machuser::clock::now() - began < LOGIN_PAUSE {
                    thread::sleep(LOGIN_PAUSE);
                }
            }
        }
    }
}

/// The identity of a terminal as a controlling one, with `group` in its foreground.
fn control(terminal: &SendRight, group: i32) -> Result<SendRight> {
    tioctl::tioctl_tiocspgrp(terminal, group)?;
    term::term_getctty(terminal)?.ok_or(Error::ENOTTY)
}

/// Writes all of a text to the line.
fn write(line: &SendRight, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match io::io_write(line, rest, -1) {
            Ok(count) if count > 0 => rest = &rest[count..],
            _ => return,
        }
    }
}
