//! What a board starts from that has a slot for memory cards: a partition with
//! what its firmware reads, and one with the root file system.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use fscommon::{BufStream, StreamSlice};
use sel4_kernel::{CardDescription, Platform};

use crate::rootfs::image::Place;
use crate::step;

/// Where the boot partition lies, and how many bytes it has: as many as make
/// it FAT32 with clusters of one sector.
const BOOT_START: u64 = 1 << 20;
const BOOT_BYTES: u64 = 64 << 20;
/// Where the root file system lies. The emulator takes cards of powers of two
/// alone.
pub const ROOT: Place = Place {
    file: CARD_BYTES,
    start: BOOT_START + BOOT_BYTES,
    bytes: CARD_BYTES - BOOT_START - BOOT_BYTES,
};
const CARD_BYTES: u64 = 512 << 20;

const SECTOR: u64 = 512;
/// Kinds of partitions: FAT32 that is addressed by sectors, and Linux's.
const KIND_FAT32: u8 = 0x0c;
const KIND_LINUX: u8 = 0x83;
/// Where the table's entries begin in the first sector, and how long each is.
const TABLE: usize = 446;
const ENTRY: usize = 16;
/// What an entry has for cylinder, head and sector where those are too small.
const NO_GEOMETRY: [u8; 3] = [0xfe, 0xff, 0xff];
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

type Boot = FileSystem<BufStream<StreamSlice<File>>>;

/// Makes the partition table and an empty boot partition.
fn format(file: &mut File) -> Result<()> {
    let mut sector = [0; SECTOR as usize];
    let partitions = [
        (KIND_FAT32, BOOT_START, BOOT_BYTES),
        (KIND_LINUX, ROOT.start, ROOT.bytes),
    ];
    for (entry, (kind, start, bytes)) in sector[TABLE..].chunks_mut(ENTRY).zip(partitions) {
        let number = |bytes| u32::try_from(bytes / SECTOR).map(u32::to_le_bytes);
        entry[1..4].copy_from_slice(&NO_GEOMETRY);
        entry[4] = kind;
        entry[5..8].copy_from_slice(&NO_GEOMETRY);
        entry[8..12].copy_from_slice(&number(start)?);
        entry[12..16].copy_from_slice(&number(bytes)?);
    }
    sector[510..].copy_from_slice(&SIGNATURE);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&sector)?;
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(SECTOR as u32)
        .volume_label(*b"HIRD-BOOT  ");
    fatfs::format_volume(&mut slice(file)?, options).context("cannot format the boot partition")
}

fn slice(file: &File) -> Result<BufStream<StreamSlice<File>>> {
    let slice = StreamSlice::new(file.try_clone()?, BOOT_START, BOOT_START + BOOT_BYTES)?;
    Ok(BufStream::new(slice))
}

/// Puts a file onto the boot partition, unless it is there already, in a folder
/// that is made if there is none.
fn put(boot: &Boot, name: &str, bytes: &[u8]) -> Result<()> {
    let mut folder = boot.root_dir();
    let mut parts: Vec<&str> = name.split('/').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        folder = folder.create_dir(part)?;
    }
    let mut file = folder.create_file(last)?;
    let mut old = Vec::new();
    file.read_to_end(&mut old)?;
    if old != bytes {
        file.seek(SeekFrom::Start(0))?;
        file.truncate()?;
        file.write_all(bytes)?;
    }
    Ok(())
}

/// Opens the boot partition of a card, which is made if there is none.
fn open(card: &Path) -> Result<Boot> {
    let shown = card.display();
    let opened = File::options().read(true).write(true).open(card);
    let mut file = opened.with_context(|| format!("cannot open the card image {shown}"))?;
    let mut sector = [0; SECTOR as usize];
    file.read_exact(&mut sector)?;
    if sector[510..] != SIGNATURE {
        format(&mut file)?;
    }
    FileSystem::new(slice(&file)?, FsOptions::new())
        .with_context(|| format!("the boot partition of {shown} is damaged"))
}

/// Puts the boot image onto a card's boot partition, and with `all` what else
/// the board's description says.
pub fn update(card: &Path, platform: &Platform, image: &Path, all: bool) -> Result<()> {
    let description = platform.card.as_ref().context("the board has no card")?;
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let boot = open(card)?;
    put(&boot, &description.boot, &read(image)?)?;
    for name in description.files.iter().filter(|_| all) {
        put(&boot, name, &read(&platform.dir.join(name))?)?;
    }
    boot.unmount().context("cannot write the boot partition")
}

/// Copies the firmware's files from a folder onto a card's boot partition, or
/// tells where they can be had.
pub fn add_firmware(card: &Path, from: &CardDescription, folder: Option<&Path>) -> Result<()> {
    let Some(folder) = folder else {
        step::say(&format!(
            "the board's own firmware, which is not free, is not on the card: get {} from {}, \
             and give their folder with --firmware, or copy them onto the card's first partition",
            from.firmware.join(", "),
            from.firmware_source
        ));
        return Ok(());
    };
    let boot = open(card)?;
    for name in &from.firmware {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).with_context(|| {
            format!(
                "{} is no folder of the firmware, which can be had from {}: no {name}",
                folder.display(),
                from.firmware_source
            )
        })?;
        put(&boot, name, &bytes)?;
    }
    boot.unmount().context("cannot write the boot partition")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(folder: &Path) -> std::path::PathBuf {
        let card = folder.join("card");
        File::create(&card).unwrap().set_len(CARD_BYTES).unwrap();
        card
    }

    fn description() -> (Platform, CardDescription) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("platforms/rpi3");
        let platform = Platform::load(&folder).expect("it is in the checkout");
        let card = platform.card.clone().expect("it starts from a card");
        (platform, card)
    }

    fn content(card: &Path, name: &str) -> Vec<u8> {
        let boot = open(card).unwrap();
        let mut bytes = Vec::new();
        let mut file = boot.root_dir().open_file(name).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_card_has_what_the_firmware_reads() {
        let folder = tempfile::tempdir().unwrap();
        let card = card(folder.path());
        let (platform, _) = description();
        let image = folder.path().join("image");
        for bytes in [vec![7; 3_000_000], vec![9; 1_000_000]] {
            std::fs::write(&image, &bytes).unwrap();
            update(&card, &platform, &image, true).unwrap();
            assert!(content(&card, "kernel8.img") == bytes);
        }
        let settings = content(&card, "config.txt");
        assert!(String::from_utf8(settings).unwrap().contains("kernel8.img"));
        let boot = open(&card).unwrap();
        assert_eq!(boot.fat_type(), FatType::Fat32);
        let mut sector = [0; 512];
        File::open(&card).unwrap().read_exact(&mut sector).unwrap();
        assert_eq!(sector[TABLE + ENTRY + 4], KIND_LINUX);
        let first = sector[TABLE + ENTRY + 8..][..4].try_into().unwrap();
        assert_eq!(u64::from(u32::from_le_bytes(first)) * SECTOR, ROOT.start);
    }

    #[test]
    fn the_firmwares_files_are_copied_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let card = card(folder.path());
        let (_, description) = description();
        let firmware = folder.path().join("firmware");
        let (last, others) = description.firmware.split_last().unwrap();
        for name in others {
            std::fs::create_dir_all(firmware.join(name).parent().unwrap()).unwrap();
            std::fs::write(firmware.join(name), name).unwrap();
        }
        let error = add_firmware(&card, &description, Some(&firmware)).unwrap_err();
        assert!(error.to_string().contains(last), "{error}");
        std::fs::create_dir_all(firmware.join(last).parent().unwrap()).unwrap();
        std::fs::write(firmware.join(last), last).unwrap();
        add_firmware(&card, &description, Some(&firmware)).unwrap();
        for name in &description.firmware {
            assert_eq!(content(&card, name), name.as_bytes());
        }
        add_firmware(&card, &description, None).unwrap();
    }
}
