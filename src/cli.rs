//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Builds, runs, tests and measures Hird, a Hurd on the seL4 microkernel.
#[derive(Debug, Parser)]
#[command(name = "./hird", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Show what is executed, the builds' output, and the guest's boot messages.
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Boot the system: an interactive console, or with --exec one set of commands.
    Run(RunArgs),
    /// Run the tests; the last line is `N passed, N failed`.
    Test(TestArgs),
    /// Measure the system, in instructions and bytes.
    Bench(BenchArgs),
    /// Make a file to flash or burn.
    Image(ImageArgs),
    /// Build the kernel, or verify its source.
    Kernel(KernelArgs),
    /// Install what the other commands need; says what it does.
    Setup,
}

/// A board that Hird knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// QEMU's `virt` board.
    QemuVirt,
    /// Raspberry Pi 3.
    Rpi3,
    /// 64-bit PC.
    Pc99,
    /// Xilinx's ZCU102.
    Zcu102,
}

impl Platform {
    /// The board's name, which is also its folder in `platforms/`.
    pub fn name(self) -> &'static str {
        match self {
            Platform::QemuVirt => "qemu-virt",
            Platform::Rpi3 => "rpi3",
            Platform::Pc99 => "pc99",
            Platform::Zcu102 => "zcu102",
        }
    }
}

/// The boards that are tested and measured unless others are named.
const TESTED: [&str; 3] = ["qemu-virt", "rpi3", "pc99"];

#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    #[arg(long, value_enum, default_value = "qemu-virt")]
    pub platform: Platform,

    /// Another machine that is this board, such as `sata` of pc99: `[qemu.variants]` of its
    /// platform.toml.
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,

    /// Memory of the machine, such as 512M or 2G, if not the board's usual.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,

    /// Root disk image to use instead of the one that the tool keeps.
    #[arg(long, value_name = "IMG")]
    pub root: Option<PathBuf>,

    /// Boot without a root disk: the boot image holds the root file system.
    #[arg(long, conflicts_with = "root")]
    pub ramdisk: bool,

    /// Another disk image; the first becomes /dev/vd1, the next /dev/vd2, ... (with virtio disks).
    #[arg(long = "disk", value_name = "IMG")]
    pub disks: Vec<PathBuf>,

    /// Leave every disk image as it was.
    #[arg(long)]
    pub snapshot: bool,

    /// Run COMMANDS in the shell; their output and exit status are the tool's.
    #[arg(long, value_name = "COMMANDS")]
    pub exec: Option<String>,

    /// Run the commands, or log in, as this user.
    #[arg(long, value_name = "NAME", default_value = "root", value_parser = parse_user)]
    pub user: String,

    /// End the run after this time with status 124.
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub timeout: Option<f64>,

    /// Write all that the console prints to FILE.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Count instructions: guest time advances one nanosecond each.
    #[arg(long)]
    pub icount: bool,

    /// Use a kernel with assertions and debug output.
    #[arg(long)]
    pub debug_kernel: bool,
}

#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Test this board, or, if given again, these.
    #[arg(long = "platform", value_name = "PLATFORM", value_enum, default_values = TESTED)]
    pub platforms: Vec<Platform>,

    /// Only the tests that run on the host.
    #[arg(long, conflicts_with = "guest")]
    pub host: bool,

    /// Only the tests that boot the system.
    #[arg(long)]
    pub guest: bool,

    /// Also the tests that take long.
    #[arg(long)]
    pub long: bool,

    /// Fuzz for so long in all; 0 for not at all.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub fuzz: u64,

    /// Use a kernel with assertions and debug output.
    #[arg(long)]
    pub debug_kernel: bool,

    /// Only tests whose name contains this.
    pub filter: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Measure this board, or, if given again, these.
    #[arg(long = "platform", value_name = "PLATFORM", value_enum, default_values = TESTED)]
    pub platforms: Vec<Platform>,

    /// Print one JSON object, name to number.
    #[arg(long)]
    pub json: bool,

    /// Boot Linux on the same emulated board and measure it too.
    #[arg(long)]
    pub linux: bool,

    /// Only measurements whose name contains this.
    pub filter: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct ImageArgs {
    #[arg(value_enum)]
    pub platform: Platform,

    /// Where to write the image.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Folder of the board's own firmware, where that has to be on the image.
    #[arg(long, value_name = "DIR")]
    pub firmware: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct KernelArgs {
    #[arg(value_enum)]
    pub platform: Platform,

    /// Compare every source file with the pinned package before the build.
    #[arg(long)]
    pub verify: bool,

    /// Build the kernel with assertions and debug output.
    #[arg(long)]
    pub debug_kernel: bool,
}

/// Parses a size in bytes with an optional suffix K, M or G (powers of 1024).
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "a size is a number with K, M or G behind it".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(0) | None => Err("the size is out of range".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(seconds),
        _ => Err("a time limit is a positive number of seconds".to_owned()),
    }
}

fn parse_user(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() || !text.chars().all(good) {
        return Err("a user's name has letters, digits, `.`, `_` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_take_binary_suffixes() {
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert!(parse_size("").is_err());
        assert!(parse_size("M").is_err());
        assert!(parse_size("0").is_err());
        assert!(parse_size("99999999999999G").is_err());
    }

    #[test]
    fn a_time_limit_is_positive() {
        assert_eq!(parse_seconds("1.5"), Ok(1.5));
        for bad in ["0", "-1", "nan", "inf", "x"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
