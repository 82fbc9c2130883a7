//! Costs of the system's operations, in guest instructions: run under `-icount shift=0`, where one
//! instruction takes one nanosecond of the guest's clock. One line each: name, value, unit.
//!
//! `bench [FILTER]` measures what contains FILTER.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use ::mach::abi::{self, memory_object};
use machuser::mach::{self, Place, inherit};
use machuser::wire::{Disposition, RightArg};
use machuser::{Call, Error, Outcome, ReceiveRight, Request, Result, Right, SendRight};
use machuser::{env, sys, thread};
use ports::{Object, Server};
use posix::fs::{self as files, O_CREAT, O_READ, O_WRITE};
use posix::process::Command;

posix::main!(program);

mod probe {
    //! The interface that is measured.
    use interface::interface;

    /// A server's cheapest routines.
    #[interface(base = 60000, name = "probe")]
    pub trait Probe {
        /// Nothing.
        #[routine(0)]
        fn probe_null();
        /// Four words each way.
        #[routine(1)]
        fn probe_words(a: u64, b: u64, c: u64, d: u64, e: Out<u64>, f: Out<u64>, g: Out<u64>, h: Out<u64>);
        /// A fresh right.
        #[routine(2)]
        fn probe_right(right: Out<SendRight>);
        /// Shows the server's port.
        #[simpleroutine(3)]
        fn probe_here(server: SendRight);
    }
}

struct Prober(Arc<Server>);

impl Object for Prober {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        probe::dispatch(self, request)
    }
}

impl probe::Probe for Prober {
    fn probe_null(&self, _: &Call<'_>) -> Result<()> {
        Ok(())
    }

    fn probe_words(
        &self,
        _: &Call<'_>,
        a: u64,
        b: u64,
        c: u64,
        d: u64,
    ) -> Result<(u64, u64, u64, u64)> {
        Ok((d, c, b, a))
    }

    fn probe_right(&self, call: &Call<'_>) -> Result<Right<'static>> {
        self.0.reply_port_passing(call, Arc::new(Prober(self.0.clone())))
    }
}

/// The other process of the measurements.
fn serve() -> Result<()> {
    let server = Server::new()?;
    let port = server.port(Arc::new(Prober(server.clone())))?;
    let starter = env::fd(3).ok_or(Error::EBADF)?;
    probe::probe_here(&*starter, port.right())?;
    Err(server.run())
}

/// Answers each byte of descriptor 3 on descriptor 4.
fn pong() -> i32 {
    let mut byte = [0];
    while let Ok(1) = files::read(3, &mut byte) {
        if files::write(4, &byte).is_err() {
            break;
        }
    }
    0
}

struct Bench {
    filter: Vec<u8>,
}

/// Waits until what ends in pieces, such as a task with many ports, has ended: the mach server goes
/// on with it between the requests of everybody else.
fn rest() {
    const PAUSE: Duration = Duration::from_millis(5);
    const PAUSES: usize = 1000;
    let now = || mach::vm_statistics().map(|now| (now.free, now.tasks, now.ports)).ok();
    let mut before = now();
    for _ in 0..PAUSES {
        thread::sleep(PAUSE);
        let after = now();
        if after == before {
            return;
        }
        before = after;
    }
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        self.filter.is_empty()
            || name.as_bytes().windows(self.filter.len()).any(|part| part == &self.filter[..])
    }

    fn show(&self, name: &str, value: u64, unit: &str) {
        if self.wants(name) {
            let line = alloc::format!("{name} {value} {unit}\n");
            let _ = files::write_all(1, line.as_bytes());
        }
    }

    /// The average of `rounds` runs, after two that are not counted.
    fn measure<E: core::fmt::Debug>(
        &self,
        name: &str,
        rounds: u64,
        mut operation: impl FnMut() -> core::result::Result<(), E>,
    ) {
        if !self.wants(name) {
            return;
        }
        let mut run = || -> core::result::Result<u64, E> {
            operation()?;
            operation()?;
            rest();
            let start = sys::now();
            for _ in 0..rounds {
                operation()?;
            }
            Ok((sys::now() - start).as_nanos() as u64 / rounds)
        };
        match run() {
            Ok(value) => self.show(name, value, "instructions"),
            Err(error) => {
                let line = alloc::format!("bench: {name}: {error:?}\n");
                let _ = files::write_all(2, line.as_bytes());
            }
        }
    }
}

/// Starts this program again, with a right to `starter` as descriptor 3; answers its server's port.
fn start_server() -> Result<SendRight> {
    let starter = ReceiveRight::allocate()?;
    let root = env::port(env::init_port::CRDIR).ok_or(Error::EINVAL)?;
    let flags = interface::fs::O_READ | interface::fs::O_EXEC;
    let (_, _, file) = interface::fs::dir_lookup(&*root, "bin/bench", flags, 0)?;
    let task = mach::task_create(mach::SELF)?;
    let own = |index: usize| match env::port(index) {
        Some(port) => Right::from((*port).clone()),
        None => Right::null(),
    };
    let ports = (0..env::init_port::MAX).map(own).collect();
    let fds = vec![own(6), own(6), own(6), Right::make_send(&starter)];
    interface::fs::file_exec_paths(
        &file.ok_or(Error::ENOENT)?,
        &task,
        0,
        "/bin/bench",
        "/bin/bench",
        b"bench\0--server\0",
        b"",
        fds,
        ports,
        &[0; env::init_int::MAX],
        &[],
        &[],
    )?;
    loop {
        let mut message = sys::msg_receive()?;
        if message.label == probe::NUMBER_PROBE_HERE && message.port == starter.as_raw() {
            let right = message.rights.pop().and_then(|right| right.take());
            return match right {
                Some(machuser::AnyRight::Send(right)) => Ok(right),
                _ => Err(Error::EINVAL),
            };
        }
    }
}

fn raw(bench: &Bench) -> Result<()> {
    let receive = ReceiveRight::allocate()?;
    let send = receive.make_send()?;
    thread::spawn(|| -> Result<()> {
        let mut next = sys::receive()?;
        loop {
            next = sys::reply_receive(0x8_0000, next.len, next.mrs)?;
        }
    });
    thread::yield_now();
    let call = |words: usize| {
        let (label, _, _) = sys::call(send.as_raw(), 60000, words, [0; 4]);
        if label == 0x8_0000 { Ok(()) } else { Err(label) }
    };
    bench.measure("sel4.call", 1000, || call(0));
    bench.measure("sel4.call.4words", 1000, || call(4));
    let to = RightArg { name: send.as_raw(), disposition: Disposition::CopySend };
    bench.measure("msg.oneway", 200, || {
        sys::msg_send(to, 60003, &[1, 2, 3, 4], &[], None)?;
        sys::msg_receive().map(drop)
    });
    Ok(())
}

fn rpc(bench: &Bench) -> Result<()> {
    let server = start_server()?;
    bench.measure("rpc.null", 1000, || probe::probe_null(&server));
    bench.measure("rpc.4words", 1000, || probe::probe_words(&server, 1, 2, 3, 4).map(drop));
    bench.measure("rpc.right", 300, || probe::probe_right(&server).map(drop));
    Ok(())
}

fn memory(bench: &Bench) -> Result<()> {
    const PAGES: u64 = 500;
    let touch = |at: u64, pages: u64| {
        for page in (at..at + pages * 4096).step_by(4096) {
            // SAFETY: fresh memory of this task, which nothing else uses.
            unsafe { (page as *mut u8).write_volatile(0) };
        }
    };
    let mut at = 0;
    let mut left = 0;
    let mut first_touch = || -> Result<()> {
        if left == 0 {
            left = PAGES + 2;
            at = mach::vm_allocate(mach::SELF, Place::Anywhere, left * 4096)?;
        }
        touch(at, 1);
        at += 4096;
        left -= 1;
        Ok(())
    };
    // All that was freed is used up: what comes now is memory that was never used, or freed by
    // megabytes. The kernel has cleared its block, when it took the first page of it.
    const USED: u64 = 6 * PAGES;
    let at_once = || -> Result<u64> {
        let at = mach::vm_allocate(mach::SELF, Place::Anywhere, USED * 4096)?;
        touch(at, USED);
        Ok(at)
    };
    let fresh = at_once()?;
    bench.measure("fault.anon.fresh", PAGES, &mut first_touch);
    // What somebody has had before is cleared when it is given out: the second time with the mapping
    // that the mach server has of it from the first.
    mach::vm_deallocate(mach::SELF, fresh, USED * 4096)?;
    thread::sleep(Duration::from_millis(50));
    let again = at_once()?;
    mach::vm_deallocate(mach::SELF, again, USED * 4096)?;
    thread::sleep(Duration::from_millis(50));
    bench.measure("fault.anon", PAGES, &mut first_touch);
    bench.measure("vm.map.touch.unmap", 200, || -> Result<()> {
        let at = mach::vm_allocate(mach::SELF, Place::Anywhere, 4096)?;
        // SAFETY: fresh memory of this task, which nothing else uses.
        unsafe { (at as *mut u8).write_volatile(0) };
        mach::vm_deallocate(mach::SELF, at, 4096)
    });
    const LARGE: u64 = mach::LARGE_PAGE;
    let touched = |at: u64| -> Result<()> {
        for page in (at..at + LARGE).step_by(4096) {
            // SAFETY: fresh memory of this task, which nothing else uses.
            unsafe { (page as *mut u8).write_volatile(0) };
        }
        mach::vm_deallocate(mach::SELF, at, LARGE)
    };
    bench.measure("touch.2m", 10, || touched(mach::vm_allocate(mach::SELF, Place::Anywhere, LARGE)?));
    bench.measure("touch.2m.large", 10, || {
        touched(mach::vm_allocate_large(mach::SELF, Place::Anywhere, LARGE)?)
    });
    bench.measure("task.create.terminate", 50, || -> Result<()> {
        mach::task_terminate(&mach::task_create(mach::SELF)?)
    });
    let ballast = vec![1u8; 1 << 20];
    bench.measure("task.inherit.terminate", 20, || -> Result<()> {
        mach::task_terminate(&mach::task_create_from(mach::SELF, mach::SELF, inherit::MEMORY)?)
    });
    drop(ballast);
    bench.measure("port.create.destroy", 300, || ReceiveRight::allocate().map(drop));
    Ok(())
}

/// A send right to a new port of another task.
fn port_of(task: &SendRight) -> Result<SendRight> {
    let task = task.as_raw() as u64;
    let kind = abi::right::RECEIVE as u64;
    let (_, port) = sys::mach_call(abi::routine::MACH_PORT_ALLOCATE, 2, [task, kind, 0, 0])?;
    let words = [task, port[0], abi::disposition::MAKE_SEND as u64, 0];
    let (_, right) = sys::mach_call(abi::routine::MACH_PORT_EXTRACT_RIGHT, 3, words)?;
    Ok(SendRight::from_raw(right[0] as machuser::Name))
}

/// The cheap operations while there are many ports, with a right to each here, and many tasks.
fn scale(bench: &Bench) -> Result<()> {
    const PORTS: [usize; 3] = [10, 1000, 100_000];
    const TASKS: [usize; 2] = [10, 1000];
    let others = |names: &[&str]| names.iter().any(|name| bench.wants(name));
    let operations = ["rpc.null", "rpc.right", "msg.oneway", "port.create.destroy"];
    let name = |operation: &str, kind: &str, count: usize| alloc::format!("{operation}.{kind}.{count}");
    let all: Vec<_> = operations
        .iter()
        .flat_map(|one| {
            let ports = PORTS.map(|count| name(one, "ports", count));
            ports.into_iter().chain(TASKS.map(|count| name(one, "tasks", count)))
        })
        .collect();
    if !others(&all.iter().map(|name| &name[..]).collect::<Vec<_>>()) {
        return Ok(());
    }
    let server = start_server()?;
    let receive = ReceiveRight::allocate()?;
    let send = receive.make_send()?;
    let to = RightArg { name: send.as_raw(), disposition: Disposition::CopySend };
    let measure = |kind: &str, count: usize| {
        bench.measure(&name("rpc.null", kind, count), 1000, || probe::probe_null(&server));
        bench.measure(&name("rpc.right", kind, count), 300, || {
            probe::probe_right(&server).map(drop)
        });
        bench.measure(&name("msg.oneway", kind, count), 200, || {
            sys::msg_send(to, 60003, &[1, 2, 3, 4], &[], None)?;
            sys::msg_receive().map(drop)
        });
        bench.measure(&name("port.create.destroy", kind, count), 300, || {
            ReceiveRight::allocate().map(drop)
        });
    };
    let mut tasks = Vec::new();
    for count in TASKS {
        while tasks.len() < count {
            tasks.push(mach::task_create(mach::SELF)?);
        }
        measure("tasks", count);
    }
    for task in tasks.drain(..) {
        mach::task_terminate(&task)?;
    }
    let holder = mach::task_create(mach::SELF)?;
    let mut rights = Vec::new();
    for count in PORTS {
        while rights.len() < count {
            rights.push(port_of(&holder)?);
        }
        measure("ports", count);
    }
    drop(rights);
    mach::task_terminate(&holder)
}

/// Faults on memory whose pages another thread of this program supplies.
fn pager(bench: &Bench) -> Result<()> {
    const PAGES: u64 = 200;
    const SIZE: u64 = (PAGES + 2) * 4096;
    if !bench.wants("pager.fault") {
        return Ok(());
    }
    let port = ReceiveRight::allocate()?;
    let object = port.make_send()?;
    let pages = mach::vm_allocate(mach::SELF, Place::Anywhere, SIZE)?;
    // SAFETY: fresh memory of this task, which nothing else uses.
    unsafe { core::slice::from_raw_parts_mut(pages as *mut u8, SIZE as usize) }.fill(1);
    thread::spawn(move || -> Result<()> {
        let mut control = None;
        loop {
            let mut message = sys::msg_receive_from(port.as_raw(), None)?;
            if message.label == memory_object::INIT {
                let right = message.rights.remove(0).take();
                let Some(machuser::AnyRight::Send(right)) = right else { return Err(Error::EINVAL) };
                mach::memory_object_ready(&right, false, 2)?;
                control = Some(right);
            }
            let Some(control) = &control else { continue };
            if message.label == memory_object::DATA_REQUEST {
                let offset = message.words[0];
                let none = mach::Protection::NONE;
                let from = pages + offset;
                mach::memory_object_data_supply(control, offset, from, 4096, none, false, false)?;
            }
        }
    });
    let access = mach::Protection::DEFAULT;
    let mut at =
        mach::vm_map(mach::SELF, Place::Anywhere, SIZE, &object, 0, false, access, access)?;
    bench.measure("pager.fault", PAGES, || -> Result<()> {
        // SAFETY: just mapped; the pager supplies what is missing.
        unsafe { (at as *const u8).read_volatile() };
        at += 4096;
        Ok(())
    });
    Ok(())
}

fn file_system(bench: &Bench) -> posix::Result<()> {
    for folder in [&b"/tmp/a"[..], b"/tmp/a/b"] {
        files::mkdir(folder, 0o755)?;
    }
    let path = b"/tmp/a/b/f";
    let fd = files::open(path, O_READ | O_WRITE | O_CREAT, 0o644)?;
    let mut buffer = vec![0x5a; 1 << 20];
    let mut done = 0;
    while done < buffer.len() {
        done += files::pwrite(fd, &buffer[done..], done as u64)?;
    }
    // From the root, which is another file system, and from a folder of the same one.
    bench.measure("lookup.close", 200, || files::close(files::open(path, O_READ, 0)?));
    files::chdir(b"/tmp")?;
    bench.measure("lookup.close.near", 200, || files::close(files::open(b"a/b/f", O_READ, 0)?));
    files::chdir(b"/")?;
    bench.measure("stat", 200, || files::stat(path).map(drop));
    for (name, bytes, rounds) in
        [("read.1", 1, 500), ("read.4k", 4096, 300), ("read.64k", 65536, 50), ("read.1m", 1 << 20, 20)]
    {
        bench.measure(name, rounds, || read_all(fd, &mut buffer[..bytes], 1 << 20));
    }
    bench.measure("write.4k", 300, || files::pwrite(fd, &buffer[..4096], 0).map(drop));
    files::close(fd)?;
    files::unlink(path)?;
    for folder in [&b"/tmp/a/b"[..], b"/tmp/a"] {
        files::rmdir(folder)?;
    }

    // A program of the root file system, read again and again to the full mebibyte.
    let fd = files::open(b"/hurd/ext2fs", O_READ, 0)?;
    let size = files::fstat(fd)?.size as usize;
    bench.measure("ext2.read.1m.cached", 5, || read_all(fd, &mut buffer[..], size));
    files::close(fd)
}

/// Fills `buffer` from a file of `size` bytes, which begins anew at its end.
fn read_all(fd: posix::Fd, buffer: &mut [u8], size: usize) -> posix::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        let count = files::pread(fd, &mut buffer[done..], (done % size) as u64)?;
        if count == 0 {
            return Err(posix::Errno::EIO);
        }
        done += count;
    }
    Ok(())
}

fn processes(bench: &Bench) -> posix::Result<()> {
    if bench.wants("pipe.pingpong") {
        let (there_read, there_write) = files::pipe()?;
        let (back_read, back_write) = files::pipe()?;
        let argv = vec![b"bench".to_vec(), b"--pong".to_vec()];
        let child = Command::new(b"/bin/bench", argv)
            .fd(3, Some(there_read))
            .fd(4, Some(back_write))
            .spawn()?;
        files::close(there_read)?;
        files::close(back_write)?;
        let mut byte = [1];
        bench.measure("pipe.pingpong", 200, || {
            files::write(there_write, &byte)?;
            files::read(back_read, &mut byte).map(drop)
        });
        files::close(there_write)?;
        files::close(back_read)?;
        posix::process::wait_for(child)?;
    }
    if bench.wants("fork") {
        let ballast = vec![1u8; 1 << 20];
        bench.measure("fork", 20, || match posix::process::fork()? {
            None => posix::process::exit(0),
            Some(child) => posix::process::wait_for(child).map(drop),
        });
        drop(ballast);
    }
    if bench.wants("spawn.wait") {
        // What was changed a moment ago is read anew for each start.
        const SETTLED: Duration = Duration::from_secs(2);
        let file = files::stat(b"/bin/true")?;
        let changed = Duration::from_secs(file.mtime.sec.max(file.ctime.sec).max(0) as u64);
        let left = (changed + SETTLED).saturating_sub(machuser::clock::realtime());
        thread::sleep(left.min(SETTLED));
    }
    let argv = vec![b"true".to_vec()];
    bench.measure("spawn.wait", 20, || {
        let child = Command::new(b"/bin/true", argv.clone()).spawn()?;
        posix::process::wait_for(child).map(drop)
    });
    Ok(())
}

fn program() -> i32 {
    let started = sys::now().as_nanos() as u64;
    let arguments = posix::env::args();
    let first = arguments.get(1).cloned().unwrap_or_default();
    match &first[..] {
        b"--server" => return serve().is_err() as i32,
        b"--pong" => return pong(),
        b"--raw" => {
            let bench = Bench { filter: arguments.get(2).cloned().unwrap_or_default() };
            let Err(error) = raw(&bench) else { return 0 };
            let _ = files::write_all(2, alloc::format!("bench: {error}\n").as_bytes());
            return 1;
        }
        _ => {}
    }
    let bench = Bench { filter: first.clone() };
    bench.show("boot.prompt", started, "instructions");
    if let Ok(statistics) = mach::vm_statistics() {
        // What the kernel and the boot image keep is in no account: it is the machine's memory,
        // which comes in whole banks of 16 MiB, less what is free.
        let memory = statistics.memory.next_multiple_of(16 << 20);
        bench.show("mem.idle", memory - statistics.free, "bytes");
    }
    let mut status = 0;
    let mut check = |what: &str, error: Option<alloc::string::String>| {
        if let Some(error) = error {
            let line = alloc::format!("bench: {what}: {error}\n");
            let _ = files::write_all(2, line.as_bytes());
            status = 1;
        }
    };
    check("rpc", rpc(&bench).err().map(|error| alloc::format!("{error}")));
    check("memory", memory(&bench).err().map(|error| alloc::format!("{error}")));
    check("pager", pager(&bench).err().map(|error| alloc::format!("{error}")));
    check("files", file_system(&bench).err().map(|error| alloc::format!("{error:?}")));
    check("processes", processes(&bench).err().map(|error| alloc::format!("{error:?}")));
    check("scale", scale(&bench).err().map(|error| alloc::format!("{error}")));
    // In a program of its own: its thread takes the calls of its task for ever, and the many names of
    // this task lie deep.
    let argv = vec![b"bench".to_vec(), b"--raw".to_vec(), first];
    let raw = Command::new(b"/bin/bench", argv).spawn().and_then(posix::process::wait_for);
    let failed = raw != Ok(posix::process::Status::Exited(0));
    check("kernel", failed.then(|| alloc::format!("{raw:?}")));
    status
}
