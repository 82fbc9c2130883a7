//! Changes to a flattened device tree (Devicetree Specification 0.4, chapter 5).

/// Tokens of the structure block.
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;

/// Words of the header, by their place in bytes.
const TOTAL: usize = 4;
const STRUCTURE: usize = 8;
const STRINGS: usize = 12;
const STRINGS_BYTES: usize = 32;
const STRUCTURE_BYTES: usize = 36;

const NODE: &str = "chosen";
const NAME: &[u8] = b"bootargs\0";

/// Copies `tree`, as `dtc` writes it, to `out` and gives its node `/chosen` a command line of so many
/// bytes, which `fill` writes. Answers how many bytes the new tree has; `None` if `tree` is malformed
/// or has no such node, or `out` is too small.
pub fn with_command_line(
    tree: &[u8],
    length: usize,
    fill: impl FnOnce(&mut [u8]),
    out: &mut [u8],
) -> Option<usize> {
    let (strings, strings_bytes) = (word(tree, STRINGS)?, word(tree, STRINGS_BYTES)?);
    let place = inside(tree, &[NODE])?;
    let rest = tree.get(place..strings + strings_bytes)?;
    let value = length.checked_add(1)?;
    let added = 12 + value.next_multiple_of(4);
    let total = strings + strings_bytes + added + NAME.len();
    let out = out.get_mut(..total)?;
    out.fill(0);
    out[..place].copy_from_slice(&tree[..place]);
    set(out, place, PROPERTY)?;
    set(out, place + 4, value as u32)?;
    set(out, place + 8, strings_bytes as u32)?;
    fill(&mut out[place + 12..place + 12 + length]);
    out[place + added..total - NAME.len()].copy_from_slice(rest);
    out[total - NAME.len()..].copy_from_slice(NAME);
    set(out, TOTAL, total as u32)?;
    set(out, STRINGS, (strings + added) as u32)?;
    set(out, STRINGS_BYTES, (strings_bytes + NAME.len()) as u32)?;
    set(out, STRUCTURE_BYTES, (word(tree, STRUCTURE_BYTES)? + added) as u32)?;
    Some(total)
}

/// Overwrites the value of a property that a node has. A shorter one is filled up with NULs. `None` if
/// there is no such property, it has less room, or `tree` is malformed.
pub fn overwrite(tree: &mut [u8], path: &[&str], name: &str, value: &[u8]) -> Option<()> {
    let strings = word(tree, STRINGS)?;
    let mut at = inside(tree, path)?;
    loop {
        match word(tree, at)? as u32 {
            NOP => at += 4,
            PROPERTY => {
                let (bytes, place) = (word(tree, at + 4)?, strings + word(tree, at + 8)?);
                at += 12;
                let known = tree.get(place..place + name.len() + 1)?;
                if known.strip_suffix(b"\0") == Some(name.as_bytes()) {
                    let old = tree.get_mut(at..at + bytes)?;
                    let (new, rest) = old.split_at_mut_checked(value.len())?;
                    new.copy_from_slice(value);
                    rest.fill(0);
                    return Some(());
                }
                at += bytes.next_multiple_of(4);
            }
            _ => return None,
        }
    }
}

/// Where the first property of a node is, or would be. The path begins below the root.
fn inside(tree: &[u8], path: &[&str]) -> Option<usize> {
    // How many nodes are open, and how many of these, from the root on, are those of the path.
    let (mut at, mut depth, mut found) = (word(tree, STRUCTURE)?, 0, 0);
    loop {
        let token = word(tree, at)? as u32;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = tree.get(at..)?;
                let length = name.iter().position(|byte| *byte == 0)?;
                at += (length + 1).next_multiple_of(4);
                let wanted = match depth {
                    0 => Some(""),
                    depth => path.get(depth - 1).copied(),
                };
                if depth == found && wanted.map(str::as_bytes) == Some(&name[..length]) {
                    found += 1;
                    if found == path.len() + 1 {
                        return Some(at);
                    }
                }
                depth += 1;
            }
            // Nodes of one name have one place, so what is closed is not needed.
            END_NODE => {
                depth = usize::checked_sub(depth, 1)?;
                found = usize::min(found, depth);
            }
            PROPERTY => at += 8 + word(tree, at)?.next_multiple_of(4),
            NOP => {}
            _ => return None,
        }
    }
}

fn word(tree: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(*tree.get(at..)?.first_chunk()?) as usize)
}

fn set(tree: &mut [u8], at: usize, word: u32) -> Option<()> {
    tree.get_mut(at..at + 4)?.copy_from_slice(&word.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    /// `/ { model = "a"; chosen { }; }`
    fn tree() -> Vec<u8> {
        let structure: [u32; 11] = [1, 0, 3, 2, 0, 0x6100_0000, 1, 0x6368_6f73, 0x656e_0000, 2, 2];
        let words = [0xd00d_feed, 0, 56, 56 + 48, 40, 17, 16, 0, 6, 48, 0, 0, 0, 0];
        let mut bytes: Vec<u8> = words.iter().chain(&structure).chain(&[9])
            .flat_map(|word: &u32| word.to_be_bytes()).collect();
        bytes.extend_from_slice(b"model\0");
        let total = bytes.len() as u32;
        set(&mut bytes, TOTAL, total).unwrap();
        bytes
    }

    #[test]
    fn the_command_line_is_a_property_of_chosen() {
        let (tree, mut out) = (tree(), vec![0xff; 256]);
        let total = with_command_line(&tree, 5, |line| line.copy_from_slice(b"a=b c"), &mut out);
        let total = total.unwrap();
        assert_eq!(total, tree.len() + 12 + 8 + NAME.len());
        assert_eq!(word(&out, TOTAL), Some(total));
        let place = inside(&out, &[NODE]).unwrap();
        assert_eq!(word(&out, place), Some(3));
        assert_eq!(word(&out, place + 4), Some(6));
        let name = word(&out, STRINGS).unwrap() + word(&out, place + 8).unwrap();
        assert_eq!(&out[name..total], NAME);
        assert_eq!(&out[place + 12..place + 20], b"a=b c\0\0\0");
        let end = word(&out, STRUCTURE).unwrap() + word(&out, STRUCTURE_BYTES).unwrap();
        assert_eq!(word(&out, end - 4), Some(9));
    }

    #[test]
    fn a_property_is_overwritten_in_its_place() {
        let (tree, mut out) = (tree(), vec![0xff; 256]);
        let total = with_command_line(&tree, 5, |line| line.copy_from_slice(b"a=b c"), &mut out);
        let before = out.clone();
        assert_eq!(overwrite(&mut out, &["chosen"], "bootargs", b"xyz"), Some(()));
        let place = inside(&out, &[NODE]).unwrap();
        assert_eq!(&out[place + 12..place + 20], b"xyz\0\0\0\0\0");
        assert_eq!(overwrite(&mut out, &[], "model", b"b\0"), Some(()));
        for (path, name, value) in [
            (&["chosen"][..], "bootarg", &b"x"[..]),
            (&["chosen"], "bootargs", b"a=b c d"),
            (&["chosen", "chosen"], "bootargs", b"x"),
            (&["chosen"], "model", b"x"),
            (&[], "bootargs", b"x"),
        ] {
            assert_eq!(overwrite(&mut out, path, name, value), None, "{path:?} {name}");
        }
        assert_ne!(before, out);
        for end in 0..total.unwrap() {
            let _ = overwrite(&mut out[..end], &["chosen"], "nothing", b"");
        }
    }

    #[test]
    fn what_does_not_fit_or_is_no_tree_is_refused() {
        let (tree, mut out) = (tree(), vec![0; 64]);
        assert_eq!(with_command_line(&tree, 5, |_| (), &mut out), None);
        let mut out = vec![0; 256];
        for end in 0..tree.len() - 6 {
            assert_eq!(with_command_line(&tree[..end], 1, |_| (), &mut out), None, "{end}");
        }
        assert_eq!(with_command_line(&[0xff; 256], 1, |_| (), &mut out), None);
    }
}
