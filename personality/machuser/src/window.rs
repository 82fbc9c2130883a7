//! Windows: memory shared by a client's task and a server's task.
//!
//! The other side may write at any time, so the accessors copy, and what has been copied is
//! checked afterwards. A client keeps a pool of windows for each server, because a window serves
//! one call at a time; a server keeps a table of those that it has been offered.

use crate::arch::copy_shared;
use crate::sync::Mutex;
use crate::sys::{self, RawWindow};
use crate::{Error, Name, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use hashbrown::HashMap;

/// Size of the largest window, in bytes.
pub const WINDOW_MAX: usize = mach::abi::WINDOW_MAX as usize;
/// Sizes that windows come in.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, WINDOW_MAX];
/// Unused windows that are kept for a server; further ones are given up.
const KEPT: usize = 8;
/// Unused windows that are kept for all servers, some of which may have ended: then the one that
/// was not used for the longest time is given up.
const KEPT_IN_ALL: usize = 32;

/// Shared memory, by copies only. Offsets are in bytes; an access beyond the end is cut short.
#[derive(Debug)]
pub struct SharedMemory {
    address: usize,
    bytes: usize,
}

impl SharedMemory {
    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Copies out from `offset` on; answers how many bytes there were.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> usize {
        let count = to.len().min(self.bytes.saturating_sub(offset));
        if count != 0 {
            let from = (self.address + offset) as *const u8;
            // SAFETY: offset + count lies within the window, which stays mapped while this value
            // exists; `to` is writable for count bytes and, being private, does not overlap it.
            unsafe { copy_shared(to.as_mut_ptr(), from, count) };
        }
        count
    }

    /// Copies in at `offset`; answers how many bytes there was room for.
    pub fn write(&self, offset: usize, from: &[u8]) -> usize {
        let count = from.len().min(self.bytes.saturating_sub(offset));
        if count != 0 {
            let to = (self.address + offset) as *mut u8;
            // SAFETY: as in `read`, with the roles exchanged.
            unsafe { copy_shared(to, from.as_ptr(), count) };
        }
        count
    }

    /// The word at word index `index`, if it lies inside.
    #[inline]
    pub fn word(&self, index: usize) -> Option<u64> {
        if index < self.bytes / 8 {
            // SAFETY: the index lies within the window, which is page-aligned and mapped while
            // this value exists; volatile, since the other side may write.
            Some(unsafe { (self.address as *const u64).add(index).read_volatile() })
        } else {
            None
        }
    }

    /// Writes the word at word index `index`; without effect outside.
    #[inline]
    pub fn set_word(&self, index: usize, word: u64) {
        if index < self.bytes / 8 {
            // SAFETY: as in `word`.
            unsafe { (self.address as *mut u64).add(index).write_volatile(word) };
        }
    }
}

// ---- client

/// A window that this program made.
#[derive(Debug)]
struct ClientWindow {
    token: u64,
    server: u32,
    memory: SharedMemory,
    /// When another one came back to the pool behind it, by [`Pool::clock`].
    used: u64,
}

impl ClientWindow {
    fn new(raw: RawWindow) -> ClientWindow {
        let memory = SharedMemory {
            address: raw.address,
            bytes: raw.bytes,
        };
        ClientWindow {
            token: raw.token,
            server: raw.peer,
            memory,
            used: 0,
        }
    }
}

impl Drop for ClientWindow {
    fn drop(&mut self) {
        if sys::window_destroy(self.token).is_err() {
            // The window went with its server; the memory stayed.
            let SharedMemory { address, bytes } = self.memory;
            let _ = crate::mach::vm_deallocate(crate::mach::SELF, address as u64, bytes as u64);
        }
    }
}

/// A window taken from the pool; goes back there when dropped.
#[derive(Debug)]
pub struct Borrowed(Option<Box<ClientWindow>>);

impl Borrowed {
    /// Its memory.
    pub fn memory(&self) -> &SharedMemory {
        &self.0.as_ref().expect("filled until dropped").memory
    }

    /// Its token.
    pub fn token(&self) -> u64 {
        self.0.as_ref().expect("filled until dropped").token
    }

    /// The server does not know it: it is not to be used again, nor what is remembered of the
    /// port's server.
    pub fn forget(mut self, port: Name) {
        let window = self.0.take().expect("filled until dropped");
        // Whatever else is pooled for that task number may be as stale.
        let stale = POOL.lock().take_all(window.server);
        forget_server(port);
        drop(stale);
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(window) = self.0.take() else { return };
        let surplus = POOL.lock().put(window);
        drop(surplus);
    }
}

struct Pool {
    /// The one that came back last: mostly the one that is wanted next.
    latest: Option<Box<ClientWindow>>,
    /// The others, by the server's task.
    free: HashMap<u32, Vec<ClientWindow>, core::hash::BuildHasherDefault<NumberHasher>>,
    /// How many others there are.
    count: usize,
    /// Counts what becomes one of the others.
    clock: u64,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

impl Pool {
    const fn new() -> Pool {
        Pool {
            latest: None,
            free: HashMap::with_hasher(core::hash::BuildHasherDefault::new()),
            count: 0,
            clock: 0,
        }
    }

    /// Takes a window back; answers one that is to be given up.
    #[inline]
    fn put(&mut self, window: Box<ClientWindow>) -> Option<ClientWindow> {
        match self.latest.replace(window) {
            Some(before) => self.put_behind(*before),
            None => None,
        }
    }

    #[inline(never)]
    fn put_behind(&mut self, mut window: ClientWindow) -> Option<ClientWindow> {
        self.clock += 1;
        window.used = self.clock;
        let latest = self.latest.as_ref().map(|latest| latest.server);
        let free = self.free.entry(window.server).or_default();
        if free.len() + usize::from(latest == Some(window.server)) >= KEPT {
            return Some(window);
        }
        free.push(window);
        self.count += 1;
        if self.count + usize::from(latest.is_some()) <= KEPT_IN_ALL {
            return None;
        }
        let oldest = |free: &Vec<ClientWindow>| free.iter().map(|window| window.used).min();
        let server = self
            .free
            .iter()
            .filter(|(_, free)| !free.is_empty())
            .min_by_key(|(_, free)| oldest(free))
            .map(|(server, _)| *server)?;
        let free = self.free.get_mut(&server)?;
        let at = (0..free.len()).min_by_key(|at| free[*at].used)?;
        let surplus = free.swap_remove(at);
        if free.is_empty() {
            self.free.remove(&server);
        }
        self.count -= 1;
        Some(surplus)
    }

    /// A free window towards a server with room for `bytes`.
    #[inline]
    fn take(&mut self, server: u32, bytes: usize) -> Option<Box<ClientWindow>> {
        let fits = |window: &mut Box<ClientWindow>| {
            window.server == server && window.memory.bytes >= bytes
        };
        match self.latest.take_if(fits) {
            Some(window) => Some(window),
            None => self.take_behind(server, bytes).map(Box::new),
        }
    }

    #[inline(never)]
    fn take_behind(&mut self, server: u32, bytes: usize) -> Option<ClientWindow> {
        let free = self.free.get_mut(&server)?;
        let at = free
            .iter()
            .rposition(|window| window.memory.bytes >= bytes)?;
        self.count -= 1;
        Some(free.swap_remove(at))
    }

    /// All free windows towards a server.
    fn take_all(&mut self, server: u32) -> Vec<ClientWindow> {
        let mut stale = self.free.remove(&server).unwrap_or_default();
        self.count -= stale.len();
        let latest = self.latest.take_if(|window| window.server == server);
        stale.extend(latest.map(|window| *window));
        stale
    }
}

/// Hashes numbers that the system made up, so that nobody can aim for collisions.
#[derive(Default)]
struct NumberHasher(u64);

impl core::hash::Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

const REMEMBERED: usize = 256;
/// Which task receives from a port: name in the upper half, task number in the lower.
static SERVERS: [AtomicU64; REMEMBERED] = [const { AtomicU64::new(0) }; REMEMBERED];

fn server_of(port: Name) -> Result<u32> {
    let slot = &SERVERS[port as usize % REMEMBERED];
    let known = slot.load(Ordering::Relaxed);
    if (known >> 32) as u32 == port {
        return Ok(known as u32);
    }
    let server = sys::port_server(port)?;
    slot.store(u64::from(port) << 32 | u64::from(server), Ordering::Relaxed);
    Ok(server)
}

fn forget_server(port: Name) {
    SERVERS[port as usize % REMEMBERED].store(0, Ordering::Relaxed);
}

/// A window towards the receiver of `port` with room for `bytes`.
///
/// Fails with `MACH_SEND_TOO_LARGE` above [`WINDOW_MAX`], and as the mach server refuses.
pub fn borrow(port: Name, bytes: usize) -> Result<Borrowed> {
    let size = SIZES
        .iter()
        .copied()
        .find(|size| *size >= bytes)
        .ok_or(Error::MACH_SEND_TOO_LARGE)?;
    let server = server_of(port)?;
    if let Some(window) = POOL.lock().take(server, bytes) {
        return Ok(Borrowed(Some(window)));
    }
    let raw = sys::window_create(port, size)?;
    Ok(Borrowed(Some(Box::new(ClientWindow::new(raw)))))
}

/// The server behind `port` is gone: its windows are given up.
pub fn server_died(port: Name) {
    let slot = &SERVERS[port as usize % REMEMBERED];
    let known = slot.load(Ordering::Relaxed);
    if (known >> 32) as u32 == port {
        slot.store(0, Ordering::Relaxed);
        let stale = POOL.lock().take_all(known as u32);
        drop(stale);
    }
}

// ---- server

/// A window that a client offers.
#[derive(Debug)]
pub struct ServerWindow {
    token: u64,
    memory: SharedMemory,
}

impl ServerWindow {
    /// Its memory.
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }
}

impl Drop for ServerWindow {
    fn drop(&mut self) {
        // Fails only when the mach server has taken the window back.
        let _ = sys::window_release(self.token);
    }
}

/// Windows of one client that a server keeps mapped. For a further one, the one that was not used
/// for the longest time is given back; the client does not notice.
const PER_CLIENT: usize = 32;
/// Windows of all clients that a server keeps mapped: room for them is address space, and page
/// tables at the server's cost.
const IN_ALL: usize = 1024;

struct Offer {
    window: Arc<ServerWindow>,
    /// Number of the client's task.
    client: u32,
    /// When it was used last, by [`Offered::clock`].
    used: u64,
}

struct Offered {
    offers: HashMap<u64, Offer, core::hash::BuildHasherDefault<NumberHasher>>,
    clock: u64,
}

static OFFERED: Mutex<Offered> = Mutex::new(Offered {
    offers: HashMap::with_hasher(core::hash::BuildHasherDefault::new()),
    clock: 0,
});

impl Offered {
    /// Takes out what has to go for another window of a client: one of its own if it has its
    /// share, else one of the client with the most. `None` if none has to go, or all are in use.
    fn surplus(&mut self, client: u32) -> Option<Arc<ServerWindow>> {
        let count = |client| self.offers.values().filter(|o| o.client == client).count();
        let loser = if count(client) >= PER_CLIENT {
            client
        } else if self.offers.len() >= IN_ALL {
            self.offers
                .values()
                .map(|offer| offer.client)
                .max_by_key(|client| count(*client))?
        } else {
            return None;
        };
        let (token, _) = self
            .offers
            .iter()
            .filter(|(_, offer)| offer.client == loser && Arc::strong_count(&offer.window) == 1)
            .min_by_key(|(_, offer)| offer.used)?;
        let token = *token;
        self.offers.remove(&token).map(|offer| offer.window)
    }
}

/// Keeps everybody out.
#[cfg(target_os = "none")]
pub(crate) fn hold() -> (impl Sized, impl Sized) {
    (POOL.lock(), OFFERED.lock())
}

/// Forgets all windows: they belong to the task that this one is a copy of.
#[cfg(target_os = "none")]
pub(crate) fn forget_all() {
    core::mem::forget(core::mem::replace(&mut *POOL.lock(), Pool::new()));
    core::mem::forget(core::mem::take(&mut OFFERED.lock().offers));
}

/// The window of a token that came with a request. Fails when there is none for this task.
pub fn accept(token: u64) -> Result<Arc<ServerWindow>> {
    // The lock is held over the question to the mach server, so that `gone`, which may come right
    // after the answer, finds the entry.
    let mut offered = OFFERED.lock();
    offered.clock += 1;
    let used = offered.clock;
    if let Some(offer) = offered.offers.get_mut(&token) {
        offer.used = used;
        return Ok(offer.window.clone());
    }
    let raw = sys::window_accept(token)?;
    let memory = SharedMemory {
        address: raw.address,
        bytes: raw.bytes,
    };
    let window = Arc::new(ServerWindow { token, memory });
    let surplus = offered.surplus(raw.peer);
    let offer = Offer {
        window: window.clone(),
        client: raw.peer,
        used,
    };
    offered.offers.insert(token, offer);
    // Under the lock: given back later it might have been accepted again meanwhile.
    drop(surplus);
    Ok(window)
}

/// The client gave the window up. It is released when the last request that uses it ends.
pub fn gone(token: u64) {
    let offer = OFFERED.lock().offers.remove(&token);
    drop(offer);
}
