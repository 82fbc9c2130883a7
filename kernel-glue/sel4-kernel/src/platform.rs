//! What a board's `platform.toml` says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::arch::Arch;
use crate::autoconf::{Configuration, Value};
use crate::error::{Error, Result};

/// A board: what its kernel is made of, where its loader runs, how QEMU emulates it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Platform {
    /// The board's name, which its folder and the overlay's folders carry.
    pub name: String,
    /// The architecture.
    pub arch: Arch,
    /// The processor, as the C compiler's `-mcpu` (AArch64) or `-march` (x86_64) calls it.
    pub cpu: String,
    /// What the names of the C compiler and of binutils begin with.
    pub cross: String,
    /// Drivers that start before there is a file system, by the names of their programs.
    #[serde(default)]
    pub drivers: Vec<String>,
    /// What the kernel is made of.
    pub kernel: KernelDescription,
    /// Where the boot loader runs; `None` if the board's own firmware boots the kernel.
    pub loader: Option<LoaderDescription>,
    /// What goes onto a memory card, if the board starts from one.
    pub card: Option<CardDescription>,
    /// How QEMU emulates the board.
    pub qemu: Option<QemuDescription>,
    /// Whether GRUB boots the kernel, with the root task beside it.
    #[serde(default)]
    pub grub: bool,
    /// The folder of `platform.toml`.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// What a board adds to the kernel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KernelDescription {
    /// C files of the kernel source that not every board of the architecture needs.
    #[serde(default)]
    pub sources: Vec<String>,
    /// A folder of files that several boards add, relative to the board's. What the board's own
    /// folder `kernel/` does not have is looked for there.
    pub shared: Option<PathBuf>,
    /// C files that the board adds.
    #[serde(default)]
    pub overlay_sources: Vec<String>,
    /// Functions of the kernel before which the board's `__wrap_` functions of the same names come:
    /// the linker's `--wrap`. What calls them within their own file goes to them directly.
    #[serde(default)]
    pub wrapped: Vec<String>,
    /// The linker script, which the board adds; without one, the kernel source's own for the board.
    pub linker_script: Option<String>,
    /// Options that differ from what all boards share.
    #[serde(default)]
    pub config: Configuration,
}

/// Where the AArch64 boot loader runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LoaderDescription {
    /// Physical address of the loader, a multiple of 2 MiB above the kernel's image.
    pub base: u64,
    /// Physical start of the memory that the firmware counts `base` from.
    pub memory: u64,
    /// Physical address of a PL011 UART for messages.
    pub uart: u64,
    /// Offsets of its data and its status register, and the status bits that say that there is no
    /// room; a PL011's unless the description says otherwise.
    #[serde(default = "pl011")]
    pub uart_registers: [u32; 3],
    /// Registers to set before the UART is used: address, bits to change, value. Of 32 bits each.
    #[serde(default)]
    pub setup: Vec<(u64, u32, u32)>,
    /// Where the other cores wait for an address to go on from, if they do: words of 64 bits.
    #[serde(default)]
    pub cores: Vec<u64>,
    /// Address of two words of memory, which nobody else uses, where they go to sleep.
    #[serde(default)]
    pub sleep: u64,
}

/// What a board's firmware reads from the first partition of a memory card.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CardDescription {
    /// Name of the boot image.
    pub boot: String,
    /// Files of the board's folder.
    #[serde(default)]
    pub files: Vec<String>,
    /// Files that only the board's makers may give away, by their paths on the card.
    #[serde(default)]
    pub firmware: Vec<String>,
    /// Where a person gets them.
    #[serde(default)]
    pub firmware_source: String,
}

/// The registers of a PL011 (its manual, chapter 3).
fn pl011() -> [u32; 3] {
    [0x00, 0x18, 1 << 5]
}

/// How QEMU emulates a board.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct QemuDescription {
    /// The program.
    pub binary: String,
    /// Argument of `-M`.
    pub machine: String,
    /// Argument of `-cpu`.
    pub cpu: String,
    /// Argument of `-m`, unless the user gives one.
    pub memory: String,
    /// Whether the machine takes that much memory and no other.
    #[serde(default)]
    pub memory_fixed: bool,
    /// Whether the emulator is given the board's own device tree; else it makes one.
    #[serde(default)]
    pub give_device_tree: bool,
    /// Whether the machine switches itself off and restarts by itself when the system asks for it.
    #[serde(default)]
    pub ends_itself: bool,
    /// Arguments that do not change.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// How disks are given; `None` if Hird drives none of the machine's.
    pub disks: Option<DiskDescription>,
    /// Physical address of the memory of a screen in text mode, of 25 rows of 80 characters each
    /// followed by its colours, if the machine has one.
    pub text_screen: Option<u64>,
    /// How the command line gets to the guest.
    #[serde(default)]
    pub command_line: CommandLine,
    /// Of a variant: [`VariantDescription::starts_cd`].
    #[serde(skip)]
    pub starts_cd: bool,
    /// Other machines that are this board, by their names.
    #[serde(default)]
    pub variants: BTreeMap<String, VariantDescription>,
}

/// What another machine has that the usual one has not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VariantDescription {
    /// Another argument of `-M`.
    pub machine: Option<String>,
    /// More arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Another way in which disks are given.
    pub disks: Option<DiskDescription>,
    /// Whether its firmware starts what `hird image` makes, from a CD: then the root file system lies
    /// in it.
    #[serde(default)]
    pub starts_cd: bool,
}

impl QemuDescription {
    /// The machine that is this board by another name; `None` if there is no such.
    #[must_use]
    pub fn variant(mut self, name: &str) -> Option<QemuDescription> {
        let variant = self.variants.remove(name)?;
        self.machine = variant.machine.unwrap_or(self.machine);
        self.arguments.extend(variant.arguments);
        self.disks = variant.disks.or(self.disks);
        self.starts_cd = variant.starts_cd;
        Some(self)
    }
}

/// How the emulator is told the guest's command line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum CommandLine {
    /// By `-append`: it writes it into the device tree.
    #[default]
    Append,
    /// As the file `opt/hird/bootargs` of its configuration device.
    ConfigurationFile,
}

/// How an emulator is given disks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiskDescription {
    /// How many disks the machine has room for.
    pub most: usize,
    /// The path in the system of what the root file system lies on.
    pub root: String,
    /// The server that it is a file of.
    pub server: String,
    /// What `-drive` begins with: for a disk's number, `{index}`.
    pub drive: String,
    /// Argument of `-device` for each disk, if there is one; in it, `{index}` is a disk's number,
    /// and `{slot}` is `most` - 1 for the first disk and one less for each other.
    pub device: Option<String>,
}

impl Platform {
    /// Reads `dir/platform.toml`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Platform`] if it is not a platform
    /// description.
    pub fn load(dir: &Path) -> Result<Platform> {
        let path = dir.join("platform.toml");
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let mut platform: Platform = toml::from_str(&text).map_err(|cause| Error::Platform {
            path: path.clone(),
            message: cause.to_string(),
        })?;
        platform.dir = dir.canonicalize().map_err(Error::io(dir))?;
        if let Some(loader) = &platform.loader
            && (loader.base % 0x20_0000 != 0 || loader.base <= loader.memory)
        {
            return Err(Error::Platform {
                path,
                message: "loader.base is not a multiple of 2 MiB above loader.memory".into(),
            });
        }
        Ok(platform)
    }

    /// The folders of the files that the board adds to the kernel, its own first.
    pub fn overlays(&self) -> Vec<PathBuf> {
        let shared = self.kernel.shared.iter();
        std::iter::once(self.dir.join("kernel"))
            .chain(shared.map(|shared| self.dir.join(shared)))
            .collect()
    }

    /// Where a file lies that the board adds to the kernel. One of the architecture's headers has
    /// `@` for the folder of headers.
    pub(crate) fn overlay_file(&self, path: &str) -> PathBuf {
        let places = self.overlays().into_iter().zip(self.overlay_headers());
        let mut files = places.map(|(folder, headers)| match path.strip_prefix("@/") {
            Some(header) => headers.join(header),
            None => folder.join(path),
        });
        let own = files.next().unwrap_or_default();
        if own.exists() { own } else { files.find(|file| file.exists()).unwrap_or(own) }
    }

    /// The folders of headers among [`overlays`](Self::overlays).
    pub(crate) fn overlay_headers(&self) -> Vec<PathBuf> {
        let mut folders = self.overlays();
        let own = folders[0].join(format!("include/plat/{}", self.name));
        for folder in &mut folders {
            folder.push("include");
        }
        folders[0] = own;
        folders
    }

    /// The kernel's configuration on this board.
    pub fn configuration(&self, debug: bool) -> Configuration {
        let mut configuration = Configuration::common(debug);
        configuration.extend(self.arch.recipe().configuration());
        let name = self.name.to_uppercase().replace('-', "_");
        configuration.set(&format!("PLAT_{name}"), Value::Bool(true));
        configuration.extend(self.kernel.config.clone());
        configuration
    }

    /// Target triple of the boot loader and of the programs of the booted system.
    pub fn target(&self) -> &'static str {
        self.arch.recipe().target
    }

    /// What Debian calls the architecture.
    pub fn debian(&self) -> &'static str {
        self.arch.recipe().debian
    }

    /// Prefix of the cross tools' names: `CROSS_COMPILE`, else what the description says.
    pub fn cross(&self) -> String {
        std::env::var("CROSS_COMPILE").unwrap_or_else(|_| self.cross.clone())
    }
}
