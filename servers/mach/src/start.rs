//! The first program: `startup`, loaded from the boot modules.

use crate::arch;
use crate::kernel::Sel4;
use crate::log_line;
use crate::modules::{self, Module};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use elfload::block::{self, Contents, Place};
use elfload::image::{Image, Target};
use elfload::layout::Layout;
use mach::{Cache, Error, Kernel as _, Mach, Protection};
use sel4::BootInfo;
use sel4::vspace::PAGE_SIZE;

/// Name of the first program.
const FIRST: &str = "startup";

/// Name of the board's own device tree, for machines whose firmware gives none.
const DEVICE_TREE: &str = "device-tree";

/// Makes the boot modules known, and starts the first program.
pub fn start(mach: &mut Mach<Sel4>, boot: &BootInfo) {
    let image = sel4_root_task::image();
    let first_frame = boot.user_image_frames().start;
    // The object of bytes in the image that begin a page.
    let object_of = |mach: &mut Mach<Sel4>, data: &[u8]| {
        let page = (data.as_ptr() as usize - image.start) / PAGE_SIZE;
        let pages = data.len().div_ceil(PAGE_SIZE);
        let frames = mach.kernel().image_frames(first_frame + page as u64, pages);
        mach.object_of_frames(frames, Cache::Normal)
    };
    let firmware = sel4_root_task::device_tree().filter(|tree| (tree.as_ptr() as usize).is_multiple_of(PAGE_SIZE));
    if let Some(tree) = firmware {
        mach.kernel().mark_set(tree);
        let object = object_of(mach, tree);
        mach.device_tree_set(object, tree.len() as u64);
    }
    let mut first: Option<(Module, mach::ObjectId)> = None;
    for module in modules::modules() {
        let size = module.data.len() as u64;
        match module.name {
            DEVICE_TREE if firmware.is_some() => {}
            DEVICE_TREE => {
                let tree = arch::complete_tree(module.data).unwrap_or(module.data);
                mach.kernel().mark_set(tree);
                let object = object_of(mach, tree);
                mach.device_tree_set(object, tree.len() as u64);
            }
            name => {
                let object = object_of(mach, module.data);
                mach.boot_module_add(name, object, size);
                if name == FIRST {
                    first = Some((module, object));
                }
            }
        }
    }
    let Some((module, object)) = first else {
        log_line("<<hird:dead>> mach: the boot image holds no program 'startup': nothing to run");
        return;
    };
    if let Err(error) = run(mach, module, object) {
        let free = mach.kernel().memory_free() >> 10;
        log_line(&format!(
            "<<hird:dead>> mach: startup does not start: {error}; {free} K of memory are free"
        ));
    }
}

fn run(mach: &mut Mach<Sel4>, module: Module, object: mach::ObjectId) -> mach::Result<()> {
    let image = Image::parse(module.data, Target::NATIVE).map_err(|error| {
        log_line(&format!("mach: startup: {error}"));
        Error::KERN_INVALID_ARGUMENT
    })?;
    let account = mach.root_account();
    let task = mach.task_create(account)?;
    let (mut low, mut high) = (u64::MAX, 0);
    for segment in &image.segments {
        low = low.min(segment.start);
        high = high.max(segment.end);
        let protection = Protection(
            segment.protection.read as u32
                | (segment.protection.write as u32) << 1
                | (segment.protection.execute as u32) << 2,
        );
        if segment.file_pages() > 0 {
            mach.object_map(
                task,
                segment.start,
                object,
                segment.offset - segment.skip,
                segment.file_pages(),
                protection,
                !segment.shared(),
            )?;
            let filled = segment.start + segment.skip + segment.size;
            if !segment.shared() && filled < segment.file_end {
                let tail = vec![0; (segment.file_end - filled) as usize];
                mach.memory_write(task, filled, &tail)?;
            }
        }
        if segment.end > segment.file_end {
            mach.memory_map(task, segment.file_end, segment.end - segment.file_end)?;
        }
    }
    let host = mach.host_give(task)?;
    let mut argv: Vec<u8> = module.name.into();
    argv.push(0);
    let mut ports = [0; block::port::COUNT];
    ports[block::port::BOOTSTRAP] = host;
    let mut contents =
        Contents { argv: &argv, ports: &ports, ints: &[0; block::int::COUNT], ..Contents::default() };
    let size = contents.size() as u64;
    let layout = Layout::new(low, high, size, Target::NATIVE.highest)
        .ok_or(Error::KERN_NO_SPACE)?;
    contents.place = Place {
        stack: layout.stack,
        stack_size: layout.stack_size(),
        low,
        high,
        entry: image.entry,
        headers: image.headers.unwrap_or(0),
        headers_count: image.headers_count,
    };
    mach.memory_map(task, layout.stack, layout.size)?;
    mach.memory_write(task, layout.block, &contents.to_bytes())?;
    let thread = mach.thread_create(task, layout.thread_page)?;
    mach.thread_start(thread, image.entry, layout.block, layout.block)
}
