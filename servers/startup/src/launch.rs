//! Starting programs: from the boot modules, and from the file system through exec.

use crate::child::Child;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use elfload::block;
use elfload::image::Target;
use exec_load::program::{self, Executable, File};
use exec_load::serve::{Filled, Objects};
use exec_load::start::{self, Arguments};
use machuser::mach::{self, BootModule, Mapping};
use machuser::{Error, Result, SendRight};
use ports::Server;

/// The programs of the boot image.
pub struct Modules(BTreeMap<String, BootModule>);

/// A boot module as a file.
struct Bytes(Mapping, u64);

impl File for Bytes {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let left = self.1.saturating_sub(offset);
        let most = (into.len() as u64).min(left) as usize;
        Ok(self.0.read(offset as usize, &mut into[..most]))
    }
}

/// Makes a child a process, and answers its port.
pub type Adopt<'a> = &'a dyn Fn(&Child) -> Result<SendRight>;

/// What a program is started with, besides its arguments.
#[derive(Default)]
pub struct Gifts<'a> {
    /// Descriptors by number.
    pub descriptors: Vec<Option<SendRight>>,
    /// The auth handle.
    pub auth: Option<SendRight>,
    /// The root directory, which is the working directory, too.
    pub root: Option<SendRight>,
    /// The node that it will sit on.
    pub node: Option<SendRight>,
    /// The program whose device it takes over.
    pub earlier: Option<&'a Child>,
    /// Makes its task a process, and answers the process port.
    pub adopt: Option<Adopt<'a>>,
}

impl Modules {
    /// Asks the mach server for all of them.
    pub fn load(host: &SendRight) -> Result<Modules> {
        let mut modules = BTreeMap::new();
        for index in 0.. {
            match mach::boot_module(host, index) {
                Ok(module) => {
                    modules.insert(module.name.clone(), module);
                }
                Err(Error::KERN_INVALID_ARGUMENT) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Modules(modules))
    }

    /// The module of a name.
    pub fn get(&self, name: &str) -> Option<&BootModule> {
        self.0.get(name)
    }

    /// Starts a program with a new bootstrap port; `ENOENT` if the image does not hold it.
    pub fn launch(
        &self,
        server: &Arc<Server>,
        argv: &[&str],
        gifts: Gifts<'_>,
        bootstrap: Option<SendRight>,
    ) -> Result<Arc<Child>> {
        let name = argv.first().ok_or(Error::EINVAL)?;
        let module = self.get(name).ok_or(Error::ENOENT)?;
        let file = Bytes(
            Mapping::new(&module.object, 0, module.bytes, false)?,
            module.bytes,
        );
        let executable = program::read(&file, module.bytes, &Objects, Target::NATIVE)?;
        let Executable::Program(program) = executable else {
            return Err(Error::ENOEXEC);
        };
        let task = mach::task_create(mach::SELF)?;
        let path = format!("/hurd/{name}");
        let child = Child::new(server, task.clone(), path, gifts.node)?;
        if let Some(earlier) = gifts.earlier {
            child.inherit(earlier);
        }
        child.watch(server)?;
        let bootstrap = match bootstrap {
            Some(right) => right,
            None => child.bootstrap()?,
        };
        let mut ports = Vec::new();
        ports.resize_with(block::port::COUNT, || None);
        ports[block::port::BOOTSTRAP] = Some(bootstrap);
        ports[block::port::AUTH] = gifts.auth;
        ports[block::port::PROC] = match gifts.adopt {
            Some(adopt) => Some(adopt(&child)?),
            None => None,
        };
        ports[block::port::CWDIR] = gifts.root.clone();
        ports[block::port::CRDIR] = gifts.root;
        let mut words = Vec::new();
        for word in argv {
            words.extend_from_slice(word.as_bytes());
            words.push(0);
        }
        let arguments = Arguments {
            flags: 0,
            argv: &words,
            envp: &[],
            descriptors: gifts.descriptors,
            ports,
            ints: &[0o22, 0, 0, 0, 0],
        };
        let ready = start::prepare(&Filled(&task), &program, &file, arguments, Target::NATIVE)
            .inspect_err(|_| {
                let _ = mach::task_terminate(&task);
            })?;
        child.block.store(ready.block, Ordering::Relaxed);
        mach::thread_start(&ready.thread.port, ready.entry, ready.block, ready.block)?;
        Ok(child)
    }
}
