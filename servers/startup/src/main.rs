//! The first program: starts the servers, gives each the rights that it needs, answers for the
//! essential ones, and ends the system.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod child;
mod launch;
mod process;
mod serve;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use child::Child;
use interface::{exec, fs, fsys, io};
use launch::{Gifts, Modules};
use machuser::mach::{self, Mapping};
use machuser::{Error, Result, SendRight, env};
use process::Program;
use serve::{Essential, Startup};
use startup_plan::{Arguments, Machine};

machuser::program!(main);

/// First descriptor of a server that is a gift.
const GIFT: usize = 3;
/// Opening flags.
const READ_WRITE: i32 = fs::O_READ | fs::O_WRITE;

fn main() {
    if let Err((what, error)) = run() {
        mach::log(&format!("<<hird:dead>> startup: {what}: {error}"));
    }
    loop {
        machuser::thread::sleep(core::time::Duration::from_secs(3600));
    }
}

/// Names a step for the log when it fails.
trait Step<T> {
    fn step(self, what: &str) -> core::result::Result<T, (String, Error)>;
}

impl<T> Step<T> for Result<T> {
    fn step(self, what: &str) -> core::result::Result<T, (String, Error)> {
        self.map_err(|error| (what.to_string(), error))
    }
}

fn machine(host: &SendRight) -> Result<Machine> {
    let (tree, bytes) = mach::device_tree(host)?;
    let mapping = Mapping::new(&tree, 0, bytes, false)?;
    Machine::parse(mapping.as_slice()).ok_or(Error::EINVAL)
}

/// The rights to a device: its registers, and its interrupts.
fn device(host: &SendRight, device: startup_plan::Device) -> Result<(SendRight, Vec<SendRight>)> {
    let (start, bytes) = device.pages();
    let memory = mach::device_memory(host, start, bytes)?;
    let lines = (device.line..device.line + device.lines)
        .map(|line| mach::device_interrupt(host, line))
        .collect::<Result<_>>()?;
    Ok((memory, lines))
}

fn descriptors(rights: impl IntoIterator<Item = SendRight>) -> Vec<Option<SendRight>> {
    let mut descriptors = Vec::new();
    descriptors.resize_with(GIFT, || None);
    descriptors.extend(rights.into_iter().map(Some));
    descriptors
}

fn run() -> core::result::Result<(), (String, Error)> {
    let host = SendRight::clone(&*env::bootstrap().ok_or(Error::EINVAL).step("host port")?);
    let machine = machine(&host).step("device tree")?;
    let arguments = Arguments::parse(&machine.command_line);
    let modules = Modules::load(&host).step("boot modules")?;
    let server = ports::Server::new().step("ports")?;
    let startup = Startup::new(&server, host.clone(), arguments.clone()).step("startup port")?;
    server.start().step("threads")?;

    // The console, so that there is somewhere to write to.
    let console = match machine.console {
        Some(at) => {
            let (memory, lines) = device(&host, at).step("console's device")?;
            let (start, bytes) = at.pages();
            let argv = [
                "console",
                &format!("--memory={GIFT}:{start:#x}:{bytes:#x}"),
                &format!("--interrupts={}:{}:{}", GIFT + 1, at.line, at.lines),
            ];
            let gifts = Gifts {
                descriptors: descriptors([memory].into_iter().chain(lines)),
                ..Gifts::default()
            };
            Some(modules.launch(&server, &argv, gifts, None).step("console")?)
        }
        None => None,
    };

    // Auth and proc meet at this program.
    let own = SendRight::from_raw(machuser::sys::task_self());
    let bootstrap = startup.right().step("startup port")?;
    let auth = modules
        .launch(&server, &["auth"], Gifts::default(), Some(bootstrap))
        .step("auth")?;
    let bootstrap = startup.right().step("startup port")?;
    let gifts = Gifts { descriptors: descriptors([own.clone()]), ..Gifts::default() };
    let proc = modules.launch(&server, &["proc"], gifts, Some(bootstrap)).step("proc")?;
    core::mem::forget(own);
    startup.introduce(&auth.task, &proc.task).step("auth and proc")?;

    // The disk, and the root file system on it.
    let mut parts: Vec<(&str, Arc<Child>)> = Vec::new();
    parts.push(("auth", auth));
    parts.push(("proc", proc));
    let disk = match machine.virtio {
        Some(at) => {
            let (memory, lines) = device(&host, at).step("disk's device")?;
            let dma = mach::dma_port(&host).step("disk's memory")?;
            let (start, bytes) = at.pages();
            let argv = [
                "virtio-blk",
                &format!("--memory={GIFT}:{start:#x}:{bytes:#x}"),
                &format!("--dma={}", GIFT + 1),
                &format!("--interrupts={}:{}:{}", GIFT + 2, at.line, at.lines),
            ];
            let gifts = Gifts {
                descriptors: descriptors([memory, dma].into_iter().chain(lines)),
                ..Gifts::default()
            };
            modules.launch(&server, &argv, gifts, None).step("virtio-blk")?
        }
        None => return Err(("no disk".to_string(), Error::ENODEV)),
    };
    let disks = disk.root(fs::O_READ).step("virtio-blk")?;
    let (_, _, store) = fs::dir_lookup(&disks, "vd0", READ_WRITE, 0).step("the root disk vd0")?;
    let store = store.ok_or(Error::ENODEV).step("the root disk vd0")?;
    let gifts = Gifts { descriptors: descriptors([store]), ..Gifts::default() };
    let file_system = modules
        .launch(&server, &["ext2fs", "--readonly", &format!("fd:{GIFT}")], gifts, None)
        .step("ext2fs")?;
    let root = file_system.root(fs::O_READ).step("the root file system")?;
    let executor =
        modules.launch(&server, &["exec"], Gifts::default(), None).step("exec")?;
    let executor_port = executor.root(fs::O_READ | fs::O_EXEC).step("exec")?;

    // Everybody learns of everybody.
    for (name, child) in [
        ("console", console.as_ref()),
        ("virtio-blk", Some(&disk)),
        ("ext2fs", Some(&file_system)),
    ] {
        if let Some(child) = child {
            let process = startup.adopt(&child.task).step(name)?;
            let control = child.control().step(name)?;
            let auth = startup.auth().step(name)?;
            match fsys::fsys_init(&control, process, auth) {
                Ok(()) | Err(Error::EOPNOTSUPP | Error::MIG_BAD_ID) => {}
                Err(error) => return Err((name.to_string(), error)),
            }
        }
    }
    let process = startup.adopt(&executor.task).step("exec")?;
    let auth = startup.auth().step("exec")?;
    exec::exec_init(&executor_port, auth, process).step("exec")?;
    startup.set_defaults(&root).step("proc")?;
    let place = |path: &str, child: &Child| -> Result<()> {
        let flags = fs::O_NOTRANS;
        let (_, _, node) = fs::dir_lookup(&root, path, flags, 0)?;
        let node = node.ok_or(Error::ENOENT)?;
        let control = child.control()?;
        fs::file_set_translator(&node, 0, fs::FS_TRANS_SET, 0, &[], control)
    };
    place("servers/exec", &executor).step("/servers/exec")?;
    place("dev/disk", &disk).step("/dev/disk")?;
    if let Some(console) = &console {
        place("dev/console", console).step("/dev/console")?;
    }
    startup.place(&root).step("/servers/startup")?;
    for (name, child) in parts
        .iter()
        .map(|(name, child)| (*name, child))
        .chain([("exec", &executor), ("ext2fs", &file_system), ("virtio-blk", &disk)])
    {
        startup.essential(Essential::new(name), &child.task).step(name)?;
    }

    let line = match &console {
        Some(console) => console.root(READ_WRITE).step("console")?,
        None => return Err(("no console".to_string(), Error::ENODEV)),
    };
    match &arguments.commands {
        Some(commands) => {
            let mut argv: Vec<Vec<u8>> = Vec::new();
            match &arguments.user {
                Some(user) => {
                    let words: [&[u8]; 5] = [b"login", b"-f", user.as_bytes(), b"-c", commands];
                    argv.extend(words.iter().map(|word| word.to_vec()));
                }
                None => {
                    let words: [&[u8]; 3] = [b"sh", b"-c", commands];
                    argv.extend(words.iter().map(|word| word.to_vec()));
                }
            }
            let path = if arguments.user.is_some() { "bin/login" } else { "bin/sh" };
            let program = Program { path, argv: &argv, root: &root, line: &line, terminal: false };
            write(&line, &format!("{}\n", arguments.marker("begin")));
            let status = startup.run(&executor_port, &program).step(path)?;
            startup.sync(&root);
            let code = status.exit_code();
            write(&line, &format!("{}\n", arguments.marker(&format!("end:{code}"))));
        }
        None => loop {
            let argv = [b"login".to_vec()];
            let program =
                Program { path: "bin/login", argv: &argv, root: &root, line: &line, terminal: true };
            startup.run(&executor_port, &program).step("bin/login")?;
        },
    }
    Ok(())
}

/// Writes all of a text to the console.
fn write(line: &SendRight, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match io::io_write(line, rest, -1) {
            Ok(count) if count > 0 => rest = &rest[count..],
            _ => return,
        }
    }
}

