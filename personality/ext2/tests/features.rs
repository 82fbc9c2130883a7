//! What only some file systems have: refused features, device nodes, attributes, translators, and
//! the fields of the Hurd.

mod common;

use std::fs;

use common::{Image, contents, noise, resolve, workspace};
use ext2::{DeviceNumber, Error, FileKind, IncompatibleFeatures, Timestamp};

/// Where the features that must be known to read lie in an image, in bytes.
const INCOMPATIBLE: u64 = 1024 + 96;

fn empty_image(test: &str, arguments: &[&str]) -> Image {
    let workspace = workspace(test);
    let mut all = vec!["-t", "ext2", "-b", "1024"];
    all.extend(arguments);
    Image::make(workspace.join("image"), &all, None, "8M")
}

#[test]
fn a_feature_that_changes_the_format_is_refused_by_its_name() {
    let cases = [
        (vec!["-O", "extent"], "extent"),
        (vec!["-O", "flex_bg"], "flex_bg"),
        (vec!["-O", "extent,64bit"], "extent 64bit"),
        (vec!["-O", "meta_bg,^resize_inode"], "meta_bg"),
        (vec!["-O", "mmp"], "mmp"),
        (vec!["-O", "inline_data", "-I", "256"], "inline_data"),
        (vec!["-O", "encrypt"], "encrypt"),
        (vec!["-O", "large_dir"], "large_dir"),
        (vec!["-O", "ea_inode"], "ea_inode"),
        (vec!["-O", "casefold"], "casefold"),
        (
            vec!["-O", "extent,64bit,metadata_csum,metadata_csum_seed"],
            "extent 64bit metadata_csum_seed",
        ),
        (vec!["-O", "journal_dev"], "journal_dev"),
    ];
    for (arguments, names) in cases {
        let image = empty_image("refused", &arguments);
        let Err(error) = image.try_mount() else {
            panic!("{names} was mounted")
        };
        assert!(matches!(error, Error::Incompatible(_)), "{names}: {error}");
        assert_eq!(error.to_string(), format!("unsupported features: {names}"));
    }
}

#[test]
fn every_bit_that_is_not_known_is_refused() {
    let image = empty_image("bits", &[]);
    let supported = image.peek32(INCOMPATIBLE);
    assert_eq!(supported, IncompatibleFeatures::SUPPORTED.0);
    for bit in (0..32)
        .map(|bit| 1u32 << bit)
        .filter(|bit| bit & supported == 0)
    {
        image.poke(INCOMPATIBLE, &(supported | bit).to_le_bytes());
        let expected = Error::Incompatible(IncompatibleFeatures(bit));
        assert_eq!(image.try_mount().map(|_| ()), Err(expected));
    }
}

#[test]
fn features_that_matter_only_to_writers_are_named_and_read_past() {
    let image = empty_image("read_only", &["-O", "metadata_csum,huge_file,quota"]);
    image.debugfs("mkdir directory\nwrite /dev/null directory/file\n");
    let mut fs = image.mount();
    assert_eq!(
        fs.superblock().ignored_features().to_string(),
        "huge_file quota metadata_csum"
    );
    assert!(resolve(&mut fs, "directory/file").is_ok());
}

#[test]
fn an_unknown_revision_is_refused() {
    let image = empty_image("revision", &[]);
    image.poke(1024 + 76, &[2]);
    assert_eq!(image.try_mount().map(|_| ()), Err(Error::Revision(2)));
}

#[test]
fn an_image_without_its_end_is_refused_at_any_length() {
    let image = empty_image("truncated", &[]);
    let bytes = image.bytes();
    for length in [0, 1, 1023, 1024, 2047, 2048, 4096, 100_000, bytes.len() - 1] {
        let result = ext2::Fs::mount(&bytes[..length], &Default::default());
        match result.map(|_| ()) {
            Err(Error::Truncated { needed, size }) => {
                assert_eq!((needed, size), (8 << 20, length as u64));
            }
            Err(Error::Device { .. }) => assert!(length < 2048),
            other => panic!("{length}: {other:?}"),
        }
    }
}

#[test]
fn device_nodes_have_their_numbers_in_both_encodings() {
    let image = empty_image("devices", &[]);
    image.debugfs(
        "mknod null c 1 3\n\
         mknod disk b 253 200\n\
         mknod pipe p\n\
         mknod large b 0 0\n\
         sif large block[0] 0\n\
         sif large block[1] 0x11100370\n\
         sif large mode 060640\n",
    );
    let mut fs = image.mount();
    let mut device = |name: &str| {
        let ino = resolve(&mut fs, name).unwrap();
        assert_eq!(fs.read(ino, 0, 1, |_| ()), Err(Error::NotRegular));
        assert_eq!(fs.read_link(ino), Err(Error::NotSymlink));
        assert_eq!(fs.lookup(ino, b"x"), Err(Error::NotDirectory));
        let inode = fs.inode(ino).unwrap();
        (inode.kind, inode.device)
    };
    let number = |major, minor| DeviceNumber { major, minor };
    assert_eq!(device("null"), (FileKind::CharacterDevice, number(1, 3)));
    assert_eq!(device("disk"), (FileKind::BlockDevice, number(253, 200)));
    assert_eq!(device("large"), (FileKind::BlockDevice, number(3, 0x11170)));
    assert_eq!(device("pipe"), (FileKind::Fifo, number(0, 0)));
}

#[test]
fn hard_links_are_one_file_with_several_names() {
    let image = empty_image("links", &[]);
    image.debugfs("mkdir d\nwrite /dev/null d/a\nln d/a b\nsif d/a links_count 2\n");
    let mut fs = image.mount();
    let (a, b) = (
        resolve(&mut fs, "d/a").unwrap(),
        resolve(&mut fs, "b").unwrap(),
    );
    assert_eq!(a, b);
    assert_eq!(fs.inode(a).unwrap().links, 2);
}

#[test]
fn attributes_are_found_in_the_inode_and_in_their_block() {
    for inode_size in ["128", "256", "512"] {
        let image = empty_image("attributes", &["-I", inode_size]);
        let value = image.path.with_file_name("value");
        let large = noise(3, 700);
        fs::write(&value, &large).unwrap();
        let value = value.to_str().unwrap();
        image.debugfs(&format!(
            "write /dev/null file\n\
             ea_set file user.small short\n\
             ea_set file user.empty \"\"\n\
             ea_set -f {value} file user.large\n\
             ea_set file trusted.t 1\n\
             ea_set file security.capability 12\n\
             ea_set file gnu.translator /hurd/null\n\
             ea_set file gnu.other x\n\
             write /dev/null plain\n\
             mkdir directory\n\
             ea_set directory gnu.translator /hurd/ftpfs\n"
        ));
        let mut fs = image.mount();
        let file = resolve(&mut fs, "file").unwrap();
        let mut get = |name: &str| fs.attribute(file, name.as_bytes()).unwrap();
        assert_eq!(get("user.small").as_deref(), Some(b"short".as_slice()));
        assert_eq!(get("user.large"), Some(large));
        assert_eq!(get("trusted.t").as_deref(), Some(b"1".as_slice()));
        assert_eq!(
            get("security.capability").as_deref(),
            Some(b"12".as_slice())
        );
        assert_eq!(
            get("gnu.translator").as_deref(),
            Some(b"/hurd/null".as_slice())
        );
        assert_eq!(get("gnu.other").as_deref(), Some(b"x".as_slice()));
        assert_eq!(get("user.smal"), None);
        assert_eq!(get("small"), None);
        assert_eq!(get(""), None);

        let mut names = Vec::new();
        fs.for_each_attribute(file, |attribute| {
            names.push([attribute.prefix.as_bytes(), attribute.name].concat());
        })
        .unwrap();
        names.sort();
        let names: Vec<_> = names
            .iter()
            .map(|name| String::from_utf8_lossy(name))
            .collect();
        let listed = image.debugfs("ea_list file\n");
        for name in &names {
            assert!(listed.contains(&**name), "{name} in {listed}");
        }
        assert_eq!(
            names.len(),
            listed.lines().filter(|line| line.starts_with("  ")).count()
        );

        assert!(fs.has_translator(file).unwrap());
        let directory = resolve(&mut fs, "directory").unwrap();
        assert_eq!(
            fs.translator(directory).unwrap().as_deref(),
            Some(b"/hurd/ftpfs".as_slice())
        );
        let plain = resolve(&mut fs, "plain").unwrap();
        assert!(!fs.has_translator(plain).unwrap());
        assert_eq!(fs.translator(plain), Ok(None));
        assert_eq!(fs.attribute(plain, b"user.small"), Ok(None));
    }
}

#[test]
fn the_hurds_fields_count_where_the_hurd_made_the_file_system() {
    // Where the inode's field "osd2" keeps the upper half of the mode.
    const MODE_HIGH: u64 = 118;
    for (os, is_hurd) in [("hurd", true), ("linux", false)] {
        let image = empty_image("hurd", &["-o", os]);
        image.debugfs(
            "write /dev/null file\n\
             sif file uid 70000\n\
             sif file gid 80000\n\
             write /dev/null other\n\
             sif other uid 5\n",
        );
        let located = image.debugfs("imap file\nimap other\n");
        let mut places = located
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("located at"))
            .map(|line| {
                let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
                let block: u64 = words.nth(3).unwrap().parse().unwrap();
                let offset = words.nth(1).unwrap().trim_start_matches("0x");
                block * 1024 + u64::from_str_radix(offset, 16).unwrap()
            });
        let (file, other) = (places.next().unwrap(), places.next().unwrap());
        image.poke(file + MODE_HIGH, &[0x21, 0x03]);
        image.poke(file + 124, &90_000u32.to_le_bytes());
        image.poke(other + 124, &[0xFF; 4]);

        let mut fs = image.mount();
        let ino = resolve(&mut fs, "file").unwrap();
        let inode = fs.inode(ino).unwrap();
        assert_eq!((inode.uid, inode.gid), (70_000, 80_000));
        assert_eq!(inode.mode >> 16, if is_hurd { 0x0321 } else { 0 });
        assert_eq!(inode.author, if is_hurd { 90_000 } else { 70_000 });
        let ino = resolve(&mut fs, "other").unwrap();
        assert_eq!(fs.inode(ino).unwrap().author, 5);
    }
}

#[test]
fn a_translator_block_counts_where_the_hurd_made_the_file_system() {
    const RECORD: &[u8] = b"/hurd/firmlink\0/somewhere\0";
    for (os, is_hurd) in [("hurd", true), ("linux", false)] {
        let image = empty_image("translator_block", &["-o", os]);
        let block = image.debugfs("ffb 1 2000\n");
        let block: u64 = block
            .rsplit(' ')
            .find_map(|word| word.trim().parse().ok())
            .unwrap();
        image.debugfs(&format!(
            "setb {block}\n\
             write /dev/null file\n\
             sif file {} {block}\n\
             write /dev/null both\n\
             sif both {} {block}\n\
             ea_set both gnu.translator newer\n",
            if is_hurd { "translator" } else { "version" },
            if is_hurd { "translator" } else { "version" },
        ));
        image.poke(block * 1024, &(RECORD.len() as u16).to_le_bytes());
        image.poke(block * 1024 + 2, RECORD);

        let mut fs = image.mount();
        let file = resolve(&mut fs, "file").unwrap();
        let expected = is_hurd.then_some(RECORD);
        assert_eq!(fs.has_translator(file), Ok(is_hurd));
        assert_eq!(fs.translator(file).unwrap().as_deref(), expected);
        let both = resolve(&mut fs, "both").unwrap();
        assert_eq!(
            fs.translator(both).unwrap().as_deref(),
            Some(b"newer".as_slice())
        );

        // A length that leads out of the block.
        image.poke(block * 1024, &1023u16.to_le_bytes());
        let mut fs = image.mount();
        assert_eq!(
            matches!(fs.translator(file), Err(Error::Corrupt(_))),
            is_hurd
        );
    }
}

#[test]
fn times_of_large_inodes_have_nanoseconds_and_go_beyond_2038() {
    let image = empty_image("times", &["-I", "256"]);
    image.debugfs(
        "write /dev/null file\n\
         sif file mtime @0x80000000\n\
         sif file mtime_extra 1\n\
         sif file atime @1000\n\
         sif file atime_extra 0x1dcd6500\n\
         sif file crtime @77\n\
         write /dev/null old\n\
         sif old mtime_lo 0xffffffff\n\
         sif old mtime_extra 0\n",
    );
    let mut fs = image.mount();
    let ino = resolve(&mut fs, "file").unwrap();
    let inode = fs.inode(ino).unwrap();
    let time = |seconds, nanoseconds| Timestamp {
        seconds,
        nanoseconds,
    };
    assert_eq!(inode.modify, time(0x8000_0000, 0));
    assert_eq!(inode.access, time(1000, 125_000_000));
    assert_eq!(inode.birth, Some(time(77, 0)));
    let ino = resolve(&mut fs, "old").unwrap();
    assert_eq!(fs.inode(ino).unwrap().modify, time(-1, 0));
}

#[test]
fn a_file_reads_the_same_in_any_pieces() {
    let workspace = workspace("pieces");
    let source = workspace.join("source");
    fs::create_dir(&source).unwrap();
    let bytes = noise(11, 400_000);
    fs::write(source.join("file"), &bytes).unwrap();
    let arguments = ["-t", "ext2", "-b", "1024"];
    let image = Image::make(workspace.join("image"), &arguments, Some(&source), "2M");
    let mut fs = image.mount();
    let ino = resolve(&mut fs, "file").unwrap();
    assert!(contents(&mut fs, ino).unwrap() == bytes);
    let mut random = ext2::testing::Random::new(5);
    for _ in 0..2000 {
        let offset = random.below(410_000);
        let limit = random.pick(&[10, 5000, 200_000]);
        let mut buffer = vec![0; random.below(limit)];
        let length = fs.read_into(ino, offset as u64, &mut buffer).unwrap();
        let expected = bytes.get(offset..).unwrap_or(&[]);
        let expected = &expected[..expected.len().min(buffer.len())];
        assert!(&buffer[..length] == expected, "{length} at {offset}");
    }
}
