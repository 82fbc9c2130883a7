//! Translators, of which the host has none.

use alloc::vec::Vec;

use crate::translator::Settings;
use crate::{Errno, Result};

pub(crate) fn translator_set(_path: &[u8], _settings: &Settings) -> Result<()> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn translator_passive(_path: &[u8]) -> Result<Vec<Vec<u8>>> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn translator_go_away(_path: &[u8], _flags: u32) -> Result<()> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn translator_options(_path: &[u8]) -> Result<Vec<Vec<u8>>> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn translator_set_options(_: &[u8], _: &[Vec<u8>], _: bool) -> Result<()> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn translator_sync(_path: &[u8], _wait: bool, _recurse: bool) -> Result<()> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn translator_chroot(_path: &[u8], _argv: &[Vec<u8>]) -> Result<()> {
    Err(Errno::EOPNOTSUPP)
}
