//! A server and its clients over the loopback system.

use interface::{fs, interrupt, io, socket};
use machuser::sync::{Condvar, Mutex};
use machuser::sys::Task;
use machuser::{Call, Data, DataOut, Error, Outcome, Request, Result, Right, SendRight};
use ports::{Object, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A file in memory, with a position.
struct File {
    server: Arc<Server>,
    bytes: Mutex<Vec<u8>>,
    position: Mutex<i64>,
    arrived: Condvar,
    gone: Arc<AtomicUsize>,
    client: u64,
}

impl Object for File {
    fn client(&self) -> u64 {
        self.client
    }
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        io::dispatch(self, request)
            .or_else(|| fs::dispatch(self, request))
            .or_else(|| socket::dispatch(self, request))
    }
    fn no_senders(&self) {
        self.gone.fetch_add(1, Ordering::SeqCst);
    }
}

impl io::Io for File {
    fn io_seek(&self, _: &Call<'_>, offset: i64, whence: i32) -> Result<i64> {
        if whence != io::SEEK_SET {
            return Err(Error::EINVAL);
        }
        *self.position.lock() = offset;
        Ok(offset)
    }
    fn io_read(
        &self,
        _: &Call<'_>,
        offset: i64,
        amount: usize,
        data: &mut DataOut<'_>,
    ) -> Result<()> {
        let bytes = self.bytes.lock();
        let start = (offset.max(0) as usize).min(bytes.len());
        let end = bytes.len().min(start.saturating_add(amount));
        data.write(&bytes[start..end]);
        Ok(())
    }
    fn io_write(&self, _: &Call<'_>, data: Data<'_>, offset: i64) -> Result<usize> {
        let mut bytes = self.bytes.lock();
        let start = offset as usize;
        let end = start + data.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        data.copy_to(0, &mut bytes[start..end]);
        Ok(data.len())
    }
    fn io_readsleep(&self, call: &Call<'_>) -> Result<()> {
        let mut bytes = self.bytes.lock();
        while bytes.is_empty() {
            bytes = self.arrived.wait_cancellable(bytes, call)?;
        }
        Ok(())
    }
    fn io_stat(&self, _: &Call<'_>) -> Result<io::StatBuf> {
        let size = self.bytes.lock().len() as i64;
        Ok(io::StatBuf {
            size,
            ..Default::default()
        })
    }
    fn io_select(&self, call: &Call<'_>, select_type: i32) -> Result<i32> {
        let _ = call;
        Ok(select_type & io::SELECT_READ)
    }
    fn io_server_version(&self, _: &Call<'_>) -> Result<(Vec<u8>, i32, i32, i32)> {
        Ok((b"file".to_vec(), 1, 2, 3))
    }
    fn io_duplicate(&self, call: &Call<'_>) -> Result<Right<'static>> {
        let copy = File {
            server: self.server.clone(),
            bytes: Mutex::new(self.bytes.lock().clone()),
            position: Mutex::new(0),
            arrived: Condvar::new(),
            gone: self.gone.clone(),
            client: self.client,
        };
        self.server.reply_port(call, Arc::new(copy))
    }
}

impl fs::Fs for File {
    fn dir_lookup(
        &self,
        _: &Call<'_>,
        file_name: &[u8],
        _flags: i32,
        _mode: u32,
    ) -> Result<(u32, Vec<u8>, Right<'static>)> {
        if file_name == b"missing" {
            return Err(Error::ENOENT);
        }
        Ok((fs::FS_RETRY_NORMAL, file_name.repeat(2), Right::null()))
    }
    fn dir_link(
        &self,
        _: &Call<'_>,
        file: Option<SendRight>,
        _name: &[u8],
        _excl: i32,
    ) -> Result<()> {
        let file = file.ok_or(Error::EINVAL)?;
        match self.server.object_of::<File>(&file) {
            Some(_) => Ok(()),
            None => Err(Error::EXDEV),
        }
    }
    fn file_get_fs_options(&self, _: &Call<'_>) -> Result<Vec<u8>> {
        Ok(self.bytes.lock().clone())
    }
}

impl socket::Socket for File {
    fn socket_recv(
        &self,
        _: &Call<'_>,
        _flags: i32,
        amount: usize,
        data: &mut DataOut<'_>,
    ) -> Result<(Right<'static>, Vec<Right<'static>>, Vec<u8>, i32)> {
        data.write(&self.bytes.lock()[..amount]);
        Ok((Right::null(), Vec::new(), vec![b'c'; 2000], 0))
    }
}

struct Fixture {
    task: Task,
    server: Arc<Server>,
    file: SendRight,
    gone: Arc<AtomicUsize>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.task.kill();
    }
}

fn fixture(contents: &[u8]) -> Fixture {
    let task = Task::new();
    let gone = Arc::new(AtomicUsize::new(0));
    let (server, file) = task.run(|| {
        let server = Server::new().unwrap();
        let file = File {
            server: server.clone(),
            bytes: Mutex::new(contents.to_vec()),
            position: Mutex::new(0),
            arrived: Condvar::new(),
            gone: gone.clone(),
            client: ports::TRUSTED,
        };
        let port = server.port(Arc::new(file)).unwrap();
        server.start().unwrap();
        (server, Task::first().give_send(port.right()).unwrap())
    });
    Fixture { task, server, file, gone }
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{what} did not come about");
}

#[test]
fn a_call_of_scalars_is_answered_by_its_object() {
    let f = fixture(b"");
    assert_eq!(io::io_seek(&f.file, 77, io::SEEK_SET), Ok(77));
    assert_eq!(io::io_seek(&f.file, 77, io::SEEK_END), Err(Error::EINVAL));
}

#[test]
fn what_a_server_does_not_implement_is_answered_so() {
    let f = fixture(b"");
    assert_eq!(io::io_revoke(&f.file), Err(Error::EOPNOTSUPP));
    assert_eq!(
        interface::term::term_get_bottom_type(&f.file),
        Err(Error::MIG_BAD_ID)
    );
}

#[test]
fn data_travels_in_registers_and_in_windows() {
    let f = fixture(b"");
    for size in [
        0usize,
        1,
        7,
        8,
        100,
        900,
        950,
        960,
        1000,
        20_000,
        300_000,
        machuser::MAX_BULK,
    ] {
        let bytes: Vec<u8> = (0..size).map(|i| (i * 7 + size) as u8).collect();
        assert_eq!(io::io_write(&f.file, &bytes, 0), Ok(size), "size {size}");
        let mut back = vec![0; size + 5];
        let back = if size == machuser::MAX_BULK {
            &mut back[..size]
        } else {
            &mut back[..]
        };
        let amount = back.len();
        assert_eq!(
            io::io_read(&f.file, 0, amount, back),
            Ok(size),
            "size {size}"
        );
        assert!(back[..size] == bytes[..], "size {size}");
    }
    let too_much = vec![0; machuser::window::WINDOW_MAX + 1];
    assert_eq!(
        io::io_write(&f.file, &too_much, 0),
        Err(Error::MACH_SEND_TOO_LARGE)
    );
}

#[test]
fn structures_strings_and_errors_arrive() {
    let f = fixture(b"12345");
    assert_eq!(io::io_stat(&f.file).unwrap().size, 5);
    assert_eq!(
        io::io_server_version(&f.file),
        Ok((b"file".to_vec(), 1, 2, 3))
    );
    let (retry, name, port) = fs::dir_lookup(&f.file, "ab/c", 0, 0).unwrap();
    assert_eq!((retry, name.as_slice(), port), (1, &b"ab/cab/c"[..], None));
    assert_eq!(fs::dir_lookup(&f.file, "missing", 0, 0), Err(Error::ENOENT));
    let long = [b'x'; 1024];
    assert_eq!(
        fs::dir_lookup(&f.file, long, 0, 0),
        Err(Error::MIG_BAD_ARGUMENTS)
    );
    assert_eq!(
        fs::dir_lookup(&f.file, b"a\0b", 0, 0),
        Err(Error::MIG_BAD_ARGUMENTS)
    );
}

#[test]
fn a_reply_that_does_not_fit_is_fetched() {
    let f = fixture(&[b'o'; 50_000]);
    assert_eq!(
        fs::file_get_fs_options(&f.file).unwrap(),
        vec![b'o'; 50_000]
    );
    let (_, name, _) = fs::dir_lookup(&f.file, [b'n'; 1000], 0, 0).unwrap();
    assert_eq!(name, [b'n'; 2000]);
    // Data that was to travel in registers goes with the rest.
    let mut data = [0; 13];
    let (_, count, _, control, _) = socket::socket_recv(&f.file, 0, 13, &mut data).unwrap();
    assert_eq!((count, &data, control), (13, &[b'o'; 13], vec![b'c'; 2000]));
}

#[test]
fn nothing_of_an_earlier_answer_is_behind_the_data() {
    struct Noise;
    impl io::Io for Noise {
        fn io_read(
            &self,
            _: &Call<'_>,
            _: i64,
            amount: usize,
            data: &mut DataOut<'_>,
        ) -> Result<()> {
            data.write(&[0xff; 100][..amount]);
            Ok(())
        }
    }
    let mut buffer = machuser::server::MessageBuffer::new(None);
    for amount in [24, 13, 8, 1, 0] {
        let incoming = machuser::sys::Incoming {
            badge: 16,
            label: io::NUMBER_IO_READ,
            len: 2,
            mrs: [0, amount, 0, 0],
        };
        let mut request = buffer.request(&incoming);
        assert_ne!(io::dispatch(&Noise, &mut request), Outcome::Unknown);
        let (_, len, words) = buffer.put_answer();
        assert_eq!((len as u64, words[0]), (1 + amount.div_ceil(8), amount));
        let bytes = words[1..len].iter().flat_map(|word| word.to_le_bytes());
        assert!(bytes.enumerate().all(|(i, byte)| (i as u64) < amount || byte == 0));
    }
}

#[test]
fn rights_travel_both_ways_and_are_recognised() {
    let f = fixture(b"abc");
    let copy = io::io_duplicate(&f.file).unwrap().unwrap();
    let mut byte = [0; 1];
    assert_eq!(io::io_read(&copy, 1, 1, &mut byte), Ok(1));
    assert_eq!(&byte, b"b");
    assert_eq!(fs::dir_link(&f.file, &copy, "x", 0), Ok(()));
    assert_eq!(
        fs::dir_link(&f.file, Right::null(), "x", 0),
        Err(Error::EINVAL)
    );
    let other = fixture(b"");
    assert_eq!(
        fs::dir_link(&f.file, &other.file, "x", 0),
        Err(Error::EXDEV)
    );
}

#[test]
fn a_port_goes_with_its_last_send_right() {
    let f = fixture(b"");
    let copy = io::io_duplicate(&f.file).unwrap().unwrap();
    let again = copy.clone();
    drop(copy);
    assert_eq!(io::io_seek(&again, 1, 0), Ok(1));
    assert_eq!(f.gone.load(Ordering::SeqCst), 0);
    drop(again);
    eventually("the end of the copy", || f.gone.load(Ordering::SeqCst) == 1);
    assert_eq!(io::io_seek(&f.file, 1, 0), Ok(1));
}

#[test]
fn the_death_of_the_server_is_an_error_of_the_call() {
    let f = fixture(b"");
    let name = f.file.as_raw();
    let sleeper = std::thread::spawn(move || io::io_readsleep(name));
    std::thread::sleep(Duration::from_millis(20));
    f.task.kill();
    assert!(sleeper.join().unwrap().unwrap_err().is_server_died());
    assert!(io::io_seek(&f.file, 1, 0).unwrap_err().is_server_died());
    let mut buffer = [0; 5000];
    assert!(
        io::io_read(&f.file, 0, 5000, &mut buffer)
            .unwrap_err()
            .is_server_died()
    );
}

#[test]
fn an_interrupt_ends_waiting_requests_of_that_port() {
    let f = fixture(b"");
    let name = f.file.as_raw();
    let sleeper = std::thread::spawn(move || io::io_readsleep(name));
    std::thread::sleep(Duration::from_millis(20));
    interrupt::interrupt_operation(&f.file).unwrap();
    let error = sleeper.join().unwrap().unwrap_err();
    assert!(error.is_interrupted(), "{error}");
}

#[test]
fn blocked_clients_do_not_shut_others_out() {
    let task = Task::new();
    let file = task.run(|| {
        let server = Server::new().unwrap();
        server.set_thread_limit(3);
        let file = File {
            server: server.clone(),
            bytes: Mutex::new(Vec::new()),
            position: Mutex::new(0),
            arrived: Condvar::new(),
            gone: Arc::default(),
            client: ports::TRUSTED,
        };
        let port = server.port(Arc::new(file)).unwrap();
        server.start().unwrap();
        Task::first().give_send(port.right()).unwrap()
    });
    let name = file.as_raw();
    let sleepers: Vec<_> = (0..6)
        .map(|_| std::thread::spawn(move || io::io_readsleep(name)))
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(io::io_seek(&file, 5, 0), Ok(5));
    interrupt::interrupt_operation(&file).unwrap();
    for sleeper in sleepers {
        let error = sleeper.join().unwrap().unwrap_err();
        assert!(
            error.is_interrupted() || error == Error::KERN_RESOURCE_SHORTAGE,
            "{error}"
        );
    }
    task.kill();
}

#[test]
fn a_client_that_makes_all_wait_leaves_threads_for_others_to_wait_in() {
    let task = Task::new();
    let open = |server: &Arc<Server>, uid: u32| {
        let file = File {
            server: server.clone(),
            bytes: Mutex::new(Vec::new()),
            position: Mutex::new(0),
            arrived: Condvar::new(),
            gone: Arc::default(),
            client: ports::client_of(&[uid]),
        };
        let port = server.port(Arc::new(file)).unwrap();
        Task::first().give_send(port.right()).unwrap()
    };
    let (greedy, modest) = task.run(|| {
        let server = Server::new().unwrap();
        server.set_thread_limit(64);
        let files = (open(&server, 1), open(&server, 2));
        server.start().unwrap();
        files
    });
    let (greedy_name, modest_name) = (greedy.as_raw(), modest.as_raw());
    let wait = |name| std::thread::spawn(move || io::io_readsleep(name));
    let sleepers: Vec<_> = (0..100).map(|_| wait(greedy_name)).collect();
    eventually("a refusal", || sleepers.iter().any(|s| s.is_finished()));
    assert_eq!(
        io::io_seek(&greedy, 5, 0),
        Err(Error::KERN_RESOURCE_SHORTAGE)
    );
    let modest_sleepers: Vec<_> = (0..5).map(|_| wait(modest_name)).collect();
    assert_eq!(io::io_seek(&modest, 5, 0), Ok(5));
    std::thread::sleep(Duration::from_millis(50));
    assert!(modest_sleepers.iter().all(|s| !s.is_finished()));
    drop(greedy);
    drop(modest);
    task.kill();
    for sleeper in sleepers.into_iter().chain(modest_sleepers) {
        assert!(sleeper.join().unwrap().is_err());
    }
}

#[test]
fn threads_that_nobody_needs_any_more_end() {
    let f = fixture(b"");
    let name = f.file.as_raw();
    let sleepers: Vec<_> = (0..100)
        .map(|_| {
            // Short requests between the long ones: not each of these has the last free thread.
            assert_eq!(io::io_seek(name, 5, 0), Ok(5));
            let sleeper = std::thread::spawn(move || io::io_readsleep(name));
            std::thread::sleep(Duration::from_millis(1));
            sleeper
        })
        .collect();
    let threads = |server: &Server| -> usize {
        format!("{server:?}").trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    };
    eventually("a thread for each", || threads(&f.server) > 100);
    eventually("the end of all calls", || {
        // Some may have begun only now.
        interrupt::interrupt_operation(name).unwrap();
        sleepers.iter().all(|sleeper| sleeper.is_finished())
    });
    for sleeper in sleepers {
        assert!(sleeper.join().unwrap().is_err());
    }
    // Eight are kept, and those that were there when there were not many yet.
    eventually("the end of most", || threads(&f.server) < 20);
    assert_eq!(io::io_seek(name, 6, 0), Ok(6));
}

#[test]
fn a_request_may_be_sent_and_its_answer_received_as_messages() {
    let f = fixture(b"");
    let reply = machuser::ReceiveRight::allocate().unwrap();
    io::send_io_select(&f.file, 7, Right::make_send_once(&reply), None).unwrap();
    let answer =
        machuser::sys::msg_receive_from(reply.as_raw(), Some(Duration::from_secs(5))).unwrap();
    assert_eq!(io::answer_of_io_select(answer), Ok(io::SELECT_READ));
}

/// Ports that end while they are used: each request looks whether its object is still there.
struct Fleeting {
    alive: AtomicBool,
    ends: Arc<AtomicUsize>,
}

impl Object for Fleeting {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        io::dispatch(self, request)
    }
}

impl io::Io for Fleeting {
    fn io_seek(&self, _: &Call<'_>, offset: i64, _: i32) -> Result<i64> {
        for _ in 0..offset % 3 {
            std::thread::yield_now();
        }
        assert!(self.alive.load(Ordering::SeqCst));
        Ok(offset)
    }
}

impl Drop for Fleeting {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::SeqCst);
        self.ends.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_port_that_ends_while_many_call_it_harms_nobody() {
    const ROUNDS: usize = 300;
    let task = Task::new();
    let server = task.run(|| {
        let server = Server::new().unwrap();
        server.start().unwrap();
        server
    });
    let ends = Arc::new(AtomicUsize::new(0));
    for round in 0..ROUNDS {
        let (port, right) = task.run(|| {
            let object = Arc::new(Fleeting {
                alive: AtomicBool::new(true),
                ends: ends.clone(),
            });
            let port = server.port(object).unwrap();
            let right = Task::first().give_send(port.right()).unwrap();
            (port, right)
        });
        let name = right.as_raw();
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                std::thread::spawn(move || {
                    for offset in caller.. {
                        match io::io_seek(name, offset, io::SEEK_SET) {
                            Ok(same) => assert_eq!(same, offset),
                            // There for a moment without an object, then dead.
                            Err(Error::EOPNOTSUPP) => {}
                            Err(error) => return error,
                        }
                    }
                    unreachable!("the port ends")
                })
            })
            .collect();
        for _ in 0..round % 50 {
            std::thread::yield_now();
        }
        task.run(|| {
            server.destroy(&port);
            drop(port);
        });
        for caller in callers {
            let error = caller.join().unwrap();
            assert!(error.is_server_died(), "{error}");
        }
    }
    eventually("the end of all objects", || {
        ends.load(Ordering::SeqCst) == ROUNDS
    });
    task.kill();
}

/// Of class 1: waits for ever in `io_readsleep`. Of class 2: keeps class 1 out in `io_seek`.
struct Classed {
    server: Arc<Server>,
    class: u32,
    served: Arc<AtomicUsize>,
    go_on: Arc<AtomicBool>,
}

impl Object for Classed {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        io::dispatch(self, request)
    }
    fn class(&self) -> u32 {
        self.class
    }
}

impl io::Io for Classed {
    fn io_readsleep(&self, call: &Call<'_>) -> Result<()> {
        let (nothing, never) = (Mutex::new(()), Condvar::new());
        let mut guard = nothing.lock();
        loop {
            guard = never.wait_cancellable(guard, call)?;
        }
    }
    fn io_seek(&self, call: &Call<'_>, offset: i64, _: i32) -> Result<i64> {
        self.served.fetch_add(1, Ordering::SeqCst);
        if self.class == 2 {
            let _inhibited = self.server.inhibit(1, call)?;
            assert_eq!(self.server.inhibit(1, call).err(), Some(Error::EBUSY));
            while !self.go_on.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        Ok(offset)
    }
    fn io_select(&self, _: &Call<'_>, select_type: i32) -> Result<i32> {
        Ok(select_type)
    }
}

#[test]
fn an_inhibited_class_waits_while_others_are_served() {
    let task = Task::new();
    let (served, go_on) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let rights = task.run(|| {
        let server = Server::new().unwrap();
        let rights = [1, 2].map(|class| {
            let object = Classed {
                server: server.clone(),
                class,
                served: served.clone(),
                go_on: go_on.clone(),
            };
            let port = server.port(Arc::new(object)).unwrap();
            Task::first().give_send(port.right()).unwrap()
        });
        server.start().unwrap();
        rights
    });
    let [kept_out, control] = [&rights[0], &rights[1]].map(|right| right.as_raw());
    let sleeper = std::thread::spawn(move || io::io_readsleep(kept_out));
    std::thread::sleep(Duration::from_millis(20));
    let inhibitor = std::thread::spawn(move || io::io_seek(control, 5, 0));
    // What was in progress is cancelled.
    assert!(sleeper.join().unwrap().unwrap_err().is_interrupted());
    eventually("the inhibition", || served.load(Ordering::SeqCst) == 1);
    let waiting: Vec<_> = (0..5)
        .map(|i| std::thread::spawn(move || io::io_seek(kept_out, i, 0)))
        .collect();
    for _ in 0..20 {
        assert_eq!(io::io_select(control, io::SELECT_READ), Ok(io::SELECT_READ));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(interrupt::interrupt_operation(kept_out), Ok(()));
    assert_eq!(served.load(Ordering::SeqCst), 1);
    go_on.store(true, Ordering::SeqCst);
    assert_eq!(inhibitor.join().unwrap(), Ok(5));
    for (i, waiter) in waiting.into_iter().enumerate() {
        assert_eq!(waiter.join().unwrap(), Ok(i as i64));
    }
    assert_eq!(served.load(Ordering::SeqCst), 6);
    task.kill();
}

#[test]
fn a_badge_of_no_port_is_refused() {
    let f = fixture(b"");
    let name = f
        .task
        .run(|| machuser::ReceiveRight::allocate().unwrap().into_raw());
    let right = f
        .task
        .run(|| Task::first().give_send(Right::make_send(&name)).unwrap());
    assert_eq!(io::io_seek(&right, 1, 0), Err(Error::EOPNOTSUPP));
    assert_eq!(
        interrupt::interrupt_operation(&right),
        Err(Error::EOPNOTSUPP)
    );
    assert_eq!(io::io_seek(&f.file, 1, 0), Ok(1));
}
