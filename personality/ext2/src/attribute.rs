//! Extended attributes, and the translator records that the Hurd keeps in one of them.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::error::{Corruption, Structure};
use crate::node::Node;
use crate::volume::Volume;
use crate::wire::attribute::{Attributes, RawAttribute};
use crate::wire::inode::extra_size;
use crate::wire::le16;
use crate::wire::superblock::GOOD_OLD_INODE_SIZE;
use crate::{BlockDevice, Error, Problem};

/// Prefixes of names, by the number that stands for them on the disk. Number 0 is no prefix.
const PREFIXES: [(u8, &str); 9] = [
    (1, "user."),
    (2, "system.posix_acl_access"),
    (3, "system.posix_acl_default"),
    (4, "trusted."),
    (5, "lustre."),
    (6, "security."),
    (7, "system."),
    (8, "system.richacl"),
    (10, "gnu."),
];

/// The attribute that holds a translator record.
const TRANSLATOR: &[u8] = b"gnu.translator";

/// An extended attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The first part of the name, often with the dot that ends it.
    pub prefix: &'static str,
    /// The rest of the name; empty for names that are a prefix.
    pub name: &'a [u8],
    /// The value, as it lies on the disk: access control lists in their disk format.
    pub value: &'a [u8],
}

impl Attribute<'_> {
    /// Whether prefix and name together are `name`.
    pub fn is_named(&self, name: &[u8]) -> bool {
        name.strip_prefix(self.prefix.as_bytes()) == Some(self.name)
    }
}

/// The attribute with its prefix spelt out, unless its number means nothing here.
fn with_prefix(raw: RawAttribute<'_>) -> Option<Attribute<'_>> {
    let prefix = match raw.index {
        0 => "",
        index => PREFIXES.iter().find(|(number, _)| *number == index)?.1,
    };
    Some(Attribute {
        prefix,
        name: raw.name,
        value: raw.value,
    })
}

/// Hands each attribute of an inode to `sink`, those in the inode first, until it breaks.
pub(crate) fn for_each<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &Node,
    mut sink: impl FnMut(Attribute<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let ino = node.inode.ino;
    let inode = volume.inode_bytes(ino)?;
    let area = match extra_size(inode) {
        0 => &[],
        size => &inode[usize::from(GOOD_OLD_INODE_SIZE) + size..],
    };
    if let Some(attributes) = Attributes::in_inode(area) {
        let corrupt = |problem| Corruption::new(Structure::Attributes, problem).inode(ino);
        if deliver(attributes, &mut sink).map_err(corrupt)?.is_break() {
            return Ok(());
        }
    }
    if node.attribute_block != 0 {
        let block = node.attribute_block;
        volume.check_block(block, Structure::Attributes, ino)?;
        let corrupt = |problem| {
            Corruption::new(Structure::Attributes, problem)
                .inode(ino)
                .block(block)
        };
        let attributes = Attributes::in_block(volume.block(block)?).map_err(corrupt)?;
        let _ = deliver(attributes, &mut sink).map_err(corrupt)?;
    }
    Ok(())
}

fn deliver(
    attributes: Attributes<'_>,
    sink: &mut impl FnMut(Attribute<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Problem> {
    for attribute in attributes {
        if let Some(attribute) = with_prefix(attribute?)
            && sink(attribute).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The value of the attribute `name`.
pub(crate) fn get<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &Node,
    name: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    let mut value = None;
    for_each(volume, node, |attribute| {
        if !attribute.is_named(name) {
            return ControlFlow::Continue(());
        }
        value = Some(attribute.value.to_vec());
        ControlFlow::Break(())
    })?;
    Ok(value)
}

/// The translator record: the attribute if there is one, otherwise the block that older Hurd
/// systems kept it in.
pub(crate) fn translator<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &Node,
) -> Result<Option<Vec<u8>>, Error> {
    let record = get(volume, node, TRANSLATOR)?;
    if record.is_some() || node.translator_block == 0 {
        return Ok(record);
    }
    let (ino, block) = (node.inode.ino, node.translator_block);
    volume.check_block(block, Structure::Translator, ino)?;
    let bytes = volume.block(block)?;
    let end = 2 + usize::from(le16(bytes, 0));
    let record = bytes.get(2..end).ok_or_else(|| {
        Corruption::new(Structure::Translator, Problem::Length)
            .inode(ino)
            .block(block)
    })?;
    Ok((!record.is_empty()).then(|| record.to_vec()))
}
