//! The three sets of features that a file system declares.
//!
//! Names are those of e2fsprogs, so that a user can look a refused feature up in `ext4(5)`.

use core::fmt;

/// Defines a set of feature bits with their names.
macro_rules! features {
    (
        $(#[$meta:meta])*
        $set:ident, $unknown:literal {
            $($(#[$bit_meta:meta])* $constant:ident = $bit:literal, $name:literal;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct $set(pub u32);

        impl $set {
            $($(#[$bit_meta])* pub const $constant: $set = $set($bit);)*

            /// Whether every feature of `other` is in this set.
            pub const fn contains(self, other: $set) -> bool {
                self.0 & other.0 == other.0
            }

            /// The features of this set that are not in `other`.
            pub const fn without(self, other: $set) -> $set {
                $set(self.0 & !other.0)
            }

            /// Whether the set is empty.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            fn name(bit: u32) -> Option<&'static str> {
                match bit {
                    $($bit => Some($name),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $set {
            /// Names, separated by spaces; an unknown bit by its number.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut separator = "";
                for number in (0..32).filter(|number| self.0 & 1 << number != 0) {
                    f.write_str(separator)?;
                    separator = " ";
                    match Self::name(1 << number) {
                        Some(name) => f.write_str(name)?,
                        None => write!(f, concat!($unknown, "{}"), number)?,
                    }
                }
                Ok(())
            }
        }

        impl fmt::Debug for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($set), "({})"), self)
            }
        }
    };
}

features! {
    /// Features that one need not know, neither to read nor to write.
    CompatibleFeatures, "FEATURE_C" {
        /// Directories may be preallocated.
        DIR_PREALLOC = 0x1, "dir_prealloc";
        /// AFS server inodes.
        IMAGIC_INODES = 0x2, "imagic_inodes";
        /// There is a journal; while the file system is clean, it is empty.
        HAS_JOURNAL = 0x4, "has_journal";
        /// Inodes have extended attributes.
        EXT_ATTR = 0x8, "ext_attr";
        /// Blocks are reserved for more group descriptors.
        RESIZE_INODE = 0x10, "resize_inode";
        /// Directories may have a hash index.
        DIR_INDEX = 0x20, "dir_index";
        /// Block groups may be left uninitialised.
        LAZY_BG = 0x40, "lazy_bg";
        /// Two groups, named in the super block, have a copy of it.
        SPARSE_SUPER2 = 0x200, "sparse_super2";
        /// Fast commits in the journal.
        FAST_COMMIT = 0x400, "fast_commit";
        /// Inode numbers never change.
        STABLE_INODES = 0x800, "stable_inodes";
        /// Orphans are kept in a file.
        ORPHAN_FILE = 0x1000, "orphan_file";
    }
}

features! {
    /// Features without whose knowledge one may not even read.
    IncompatibleFeatures, "FEATURE_I" {
        /// Compressed files.
        COMPRESSION = 0x1, "compression";
        /// Directory entries tell the type of the file.
        FILETYPE = 0x2, "filetype";
        /// The journal has to be replayed first.
        RECOVER = 0x4, "needs_recovery";
        /// This is a journal, not a file system.
        JOURNAL_DEV = 0x8, "journal_dev";
        /// Group descriptors are spread over the groups.
        META_BG = 0x10, "meta_bg";
        /// Files may be mapped by extents.
        EXTENTS = 0x40, "extent";
        /// Block numbers of 64 bits.
        BITS64 = 0x80, "64bit";
        /// Protection against being mounted twice.
        MMP = 0x100, "mmp";
        /// Metadata of several groups lies together.
        FLEX_BG = 0x200, "flex_bg";
        /// Attribute values in inodes of their own.
        EA_INODE = 0x400, "ea_inode";
        /// Data in directory entries.
        DIRDATA = 0x1000, "dirdata";
        /// The seed of metadata checksums is in the super block.
        CSUM_SEED = 0x2000, "metadata_csum_seed";
        /// Directories above 2 GiB, and hash indices of three levels.
        LARGE_DIR = 0x4000, "large_dir";
        /// Small files lie in their inode.
        INLINE_DATA = 0x8000, "inline_data";
        /// Encrypted files.
        ENCRYPT = 0x10000, "encrypt";
        /// Directories that ignore case.
        CASEFOLD = 0x20000, "casefold";
    }
}

features! {
    /// Features that one must know to write, but not to read.
    ReadOnlyFeatures, "FEATURE_R" {
        /// Not every group has a copy of the super block.
        SPARSE_SUPER = 0x1, "sparse_super";
        /// Files of 2 GiB and more.
        LARGE_FILE = 0x2, "large_file";
        /// Directories as B-trees; never used.
        BTREE_DIR = 0x4, "btree_dir";
        /// Sizes of files above 2 TiB, counted in blocks.
        HUGE_FILE = 0x8, "huge_file";
        /// Checksums of group descriptors, and groups left uninitialised.
        GDT_CSUM = 0x10, "uninit_bg";
        /// Directories with more than 65,000 subdirectories.
        DIR_NLINK = 0x20, "dir_nlink";
        /// Inodes are guaranteed to have room for extra fields.
        EXTRA_ISIZE = 0x40, "extra_isize";
        /// Snapshots.
        HAS_SNAPSHOT = 0x80, "has_snapshot";
        /// Quota files are part of the metadata.
        QUOTA = 0x100, "quota";
        /// Blocks are allocated in clusters.
        BIGALLOC = 0x200, "bigalloc";
        /// Checksums of all metadata.
        METADATA_CSUM = 0x400, "metadata_csum";
        /// Replicas.
        REPLICA = 0x800, "replica";
        /// The file system shall not be written.
        READONLY = 0x1000, "read-only";
        /// Project quotas.
        PROJECT = 0x2000, "project";
        /// Files share blocks.
        SHARED_BLOCKS = 0x4000, "shared_blocks";
        /// Files protected by hash trees.
        VERITY = 0x8000, "verity";
        /// The orphan file is not empty.
        ORPHAN_PRESENT = 0x10000, "orphan_present";
    }
}

impl IncompatibleFeatures {
    /// What this library understands.
    pub const SUPPORTED: IncompatibleFeatures = IncompatibleFeatures::FILETYPE;
}

impl ReadOnlyFeatures {
    /// What ext2 itself has; every other one is named to the user, and read past.
    pub const EXT2: ReadOnlyFeatures =
        ReadOnlyFeatures(ReadOnlyFeatures::SPARSE_SUPER.0 | ReadOnlyFeatures::LARGE_FILE.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn features_are_printed_by_name_and_unknown_ones_by_number() {
        let set = IncompatibleFeatures(0x2 | 0x40 | 0x80 | 1 << 20);
        assert_eq!(format!("{set}"), "filetype extent 64bit FEATURE_I20");
        let left = set.without(IncompatibleFeatures::SUPPORTED);
        assert_eq!(format!("{left}"), "extent 64bit FEATURE_I20");
        assert_eq!(format!("{}", ReadOnlyFeatures(0)), "");
    }
}
