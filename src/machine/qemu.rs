//! The emulator's command line.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, bail, ensure};
use sel4_kernel::{CommandLine, QemuDescription};

use super::bootargs::BootArguments;
use super::frame::Parser;
use crate::cli::parse_size;

/// Names another emulator program, for tests of this tool.
const EMULATOR_VARIABLE: &str = "HIRD_QEMU";
/// How a file in QEMU's own format begins.
const QCOW2_MAGIC: &[u8] = b"QFI\xfb";

/// A machine that can be started.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The board.
    pub board: QemuDescription,
    /// What the firmware starts.
    pub image: PathBuf,
    /// What the firmware loads beside it, each with a word for it.
    pub modules: Vec<(PathBuf, String)>,
    /// The board's device tree, unless the emulator makes one.
    pub device_tree: Option<PathBuf>,
    /// Memory in bytes.
    pub memory: u64,
    /// Disks in order; the first is the root disk.
    pub disks: Vec<Disk>,
    /// Whether one instruction takes one nanosecond of the guest's time.
    pub icount: bool,
    /// Whether its kernel prints messages.
    pub debug_kernel: bool,
    pub arguments: BootArguments,
}

/// A disk image of a machine.
#[derive(Clone, Debug)]
pub struct Disk {
    pub file: PathBuf,
    /// Whether what the guest writes is dropped.
    pub snapshot: bool,
}

/// What the machine's serial line is joined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// The person's terminal, with the emulator's keys: Ctrl-a x leaves.
    Terminal,
    /// This tool alone.
    Tool,
}

impl Machine {
    /// What takes its serial line apart.
    pub fn parser(&self) -> Parser {
        Parser::new(self.arguments.nonce).with_debug_kernel(self.debug_kernel)
    }

    /// The command that starts the machine.
    pub fn command(&self, console: Console) -> Result<Command> {
        let slots = self.board.disks.as_ref().map_or(0, |disks| disks.most);
        ensure!(
            self.disks.len() <= slots,
            "the board has room for {slots} disk{} and no more",
            if slots == 1 { "" } else { "s" }
        );
        let usual = parse_size(&self.board.memory).map_err(Error::msg)?;
        ensure!(
            !self.board.memory_fixed || self.memory == usual,
            "the board has {} of memory, no more and no less",
            self.board.memory
        );
        let emulator =
            env::var_os(EMULATOR_VARIABLE).unwrap_or_else(|| OsString::from(&self.board.binary));

        // The emulator must not outlive the tool, even if that is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(emulator);
        command.args(["-M", &self.board.machine, "-cpu", &self.board.cpu]);
        command
            .arg("-m")
            .arg(format!("{}k", self.memory.div_ceil(1024)));
        command.args(["-display", "none", "-no-reboot", "-nic", "none"]);
        match console {
            Console::Terminal => command.args(["-serial", "mon:stdio"]),
            Console::Tool => command.args(["-serial", "stdio", "-monitor", "none"]),
        };
        if self.icount {
            command.args(["-icount", "shift=0"]);
        }
        command.args(&self.board.arguments);
        let board = self.board.disks.iter().cycle();
        for (index, (disk, board)) in self.disks.iter().zip(board).enumerate() {
            let numbered = |text: &str| {
                text.replace("{index}", &index.to_string())
                    .replace("{slot}", &(slots - 1 - index).to_string())
            };
            let drive = numbered(&board.drive);
            command.arg("-drive").arg(disk.drive(&drive)?);
            if let Some(device) = &board.device {
                command.arg("-device").arg(numbered(device));
            }
        }
        if let Some(tree) = &self.device_tree {
            command.arg("-dtb").arg(tree);
        }
        let how = if self.board.starts_cd {
            "-cdrom"
        } else {
            "-kernel"
        };
        command.arg(how).arg(&self.image);
        if !self.modules.is_empty() {
            let modules = self.modules.iter();
            let modules: Result<Vec<String>> = modules
                .map(|(file, word)| Ok(format!("{} {word}", argument_of(file)?)))
                .collect();
            command.arg("-initrd").arg(modules?.join(","));
        }
        let line = self.arguments.line()?;
        match self.board.command_line {
            CommandLine::Append => command.arg("-append").arg(line),
            CommandLine::ConfigurationFile => command.arg("-fw_cfg").arg(format!(
                "name=opt/hird/bootargs,string={}",
                line.replace(',', ",,")
            )),
        };
        Ok(command)
    }
}

impl Disk {
    /// The argument of `-drive`, which begins with `drive`.
    fn drive(&self, drive: &str) -> Result<OsString> {
        let format = self.format()?;
        let snapshot = if self.snapshot { "on" } else { "off" };
        let file = argument_of(&self.file)?;
        Ok(format!("{drive},format={format},snapshot={snapshot},file={file}").into())
    }

    /// The image's format, from its first bytes.
    fn format(&self) -> Result<&'static str> {
        let shown = self.file.display();
        let file = if self.snapshot {
            File::open(&self.file)
        } else {
            File::options().read(true).write(true).open(&self.file)
        };
        let file = file.with_context(|| format!("cannot open the disk image {shown}"))?;
        ensure!(
            !file.metadata()?.is_dir(),
            "the disk image {shown} is a folder"
        );
        let mut magic = Vec::new();
        file.take(QCOW2_MAGIC.len() as u64)
            .read_to_end(&mut magic)
            .with_context(|| format!("cannot read the disk image {shown}"))?;
        Ok(if magic == QCOW2_MAGIC { "qcow2" } else { "raw" })
    }
}

/// A file's name within an argument: the emulator reads a doubled comma as a comma.
fn argument_of(file: &Path) -> Result<String> {
    let Some(name) = file.to_str() else {
        bail!("{}: the emulator takes no such file name", file.display());
    };
    Ok(name.replace(',', ",,"))
}

/// An absolute path, since the emulator may run elsewhere.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("bad path {}", path.display()))
}

#[cfg(test)]
pub mod tests {
    use super::super::bootargs::Nonce;
    use super::*;
    use crate::step;

    /// The usual board with another emulator.
    pub fn board(binary: &str) -> QemuDescription {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("platforms/qemu-virt");
        let platform = sel4_kernel::Platform::load(&folder).expect("it is in the checkout");
        QemuDescription {
            binary: binary.into(),
            ..platform.qemu.expect("QEMU emulates it")
        }
    }

    fn machine(disks: Vec<Disk>) -> Machine {
        Machine {
            board: board("qemu"),
            image: "/image".into(),
            modules: Vec::new(),
            device_tree: None,
            memory: 1 << 30,
            disks,
            icount: true,
            debug_kernel: false,
            arguments: BootArguments {
                nonce: Nonce(1),
                exec: None,
                user: "root".into(),
                debug: false,
            },
        }
    }

    #[test]
    fn disks_stand_in_order_on_the_bus() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = |name: &str, bytes: &[u8], snapshot| {
            let file = folder.path().join(name);
            std::fs::write(&file, bytes).expect("a file");
            Disk { file, snapshot }
        };
        let disks = vec![disk("a,b", b"", true), disk("c", b"QFI\xfbxxxx", false)];
        let command = machine(disks).command(Console::Tool).expect("all is there");
        let line = step::shown(&command);
        assert!(
            line.contains("id=vd0,format=raw,snapshot=on,file="),
            "{line}"
        );
        assert!(line.contains("a,,b"), "{line}");
        assert!(line.contains("id=vd1,format=qcow2,snapshot=off"), "{line}");
        assert!(line.contains("drive=vd1,bus=virtio-mmio-bus.30"), "{line}");
        assert!(
            line.contains("-m 1048576k") && line.contains("-icount shift=0"),
            "{line}"
        );
    }

    #[test]
    fn a_board_that_starts_with_modules_gets_the_command_line_as_a_file() {
        let mut machine = machine(Vec::new());
        machine.modules = vec![
            ("/kernel".into(), "12".into()),
            ("/a,b".into(), "34".into()),
        ];
        machine.board.command_line = CommandLine::ConfigurationFile;
        machine.arguments.exec = Some("echo 1,2".into());
        let line = step::shown(&machine.command(Console::Tool).expect("all is there"));
        assert!(
            line.contains("-kernel /image -initrd '/kernel 12,/a,,b 34'") && line.contains("echo%201,,2"),
            "{line}"
        );
        assert!(!line.contains("-append"), "{line}");
    }

    #[test]
    fn a_missing_disk_is_named() {
        let disks = vec![Disk {
            file: "/no/such/disk".into(),
            snapshot: true,
        }];
        let error = machine(disks)
            .command(Console::Tool)
            .expect_err("there is no such file");
        assert!(error.to_string().contains("/no/such/disk"));
    }
}
