//! Accounts: what a task's memory, kernel objects and rights are charged to.
//!
//! Accounts nest: a charge to an account is a charge to every account above
//! it, and is refused when any of them would pass its limit. A refused charge
//! changes nothing, so exhausting one account harms nobody beside it. What
//! cannot be refused, a notification that was asked for before, may take an
//! account past its limit; that part stays its own and does not count above.

use crate::error::{Error, Result};
use crate::slab::{Id, Slab};

/// A handle to an [`Account`].
pub type AccountId = Id<Account>;

/// Amounts that an account counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that programs see (frames).
    pub memory: u64,
    /// Bytes of kernel objects: TCBs, CNodes, page tables, endpoints.
    pub objects: u64,
    /// Names in port spaces, rights in queues and tickets.
    pub rights: u64,
}

impl Limits {
    /// No limit but the machine's.
    pub const UNLIMITED: Limits = Limits {
        memory: u64::MAX,
        objects: u64::MAX,
        rights: u64::MAX,
    };

    /// Only memory, in bytes.
    pub const fn memory(bytes: u64) -> Limits {
        Limits {
            memory: bytes,
            objects: 0,
            rights: 0,
        }
    }

    /// Only kernel objects, in bytes.
    pub const fn objects(bytes: u64) -> Limits {
        Limits {
            memory: 0,
            objects: bytes,
            rights: 0,
        }
    }

    /// Only rights.
    #[inline]
    pub const fn rights(count: u64) -> Limits {
        Limits {
            memory: 0,
            objects: 0,
            rights: count,
        }
    }
}

/// Bytes of the mach server's own memory that things take, charged as kernel objects.
pub(crate) mod cost {
    /// A message, without its words and rights.
    pub(crate) const MESSAGE: u64 = 128;
    /// A right in a message.
    pub(crate) const CARRIED: u64 = 16;
    /// A region of a map.
    pub(crate) const REGION: u64 = 128;
    /// A memory object, without its pages.
    pub(crate) const OBJECT: u64 = 320;
    /// What a memory object with a pager takes more.
    pub(crate) const PAGER: u64 = 768;
    /// A page in a map.
    pub(crate) const MAPPING: u64 = 64;
    /// What the first page of near ones in a map takes more.
    pub(crate) const MAPPINGS: u64 = 640;
    /// A window, beside its memory: its entry, and what its two tasks know of it.
    pub(crate) const WINDOW: u64 = 256;
    /// A proxy, with its port.
    pub(crate) const PROXY: u64 = 320;
    /// The name that a task or a thread is given.
    pub(crate) const LABEL: u64 = 96;
    /// An account.
    pub(crate) const ACCOUNT: u64 = 192;
    /// The entry of a name that a task has from its start, in use or not.
    pub(crate) const NAME: u64 = 48;
    /// What a task's first name far behind its others takes beside its block: tables of blocks.
    pub(crate) const FAR_NAMES: u64 = 128 << 10;
    /// A block of such names: entries, and the kernel's slots for them.
    pub(crate) const FAR_BLOCK: u64 = 16 << 10;
}

/// How deep accounts nest: a charge is a charge to every account above.
pub(crate) const DEPTH: u32 = 32;

/// One account.
#[derive(Debug)]
pub struct Account {
    /// What it may use.
    pub limit: Limits,
    /// What it uses, with everything below it.
    pub used: Limits,
    /// The account above.
    pub parent: Option<AccountId>,
    /// Tasks, child accounts, objects and messages charged to it.
    pub(crate) users: u32,
    /// Accounts above it.
    depth: u32,
    /// Nothing more is charged to it.
    closed: bool,
}

impl Account {
    /// Whether it uses more than it may of something.
    #[inline]
    fn is_over(&self) -> bool {
        self.used.memory > self.limit.memory
            || self.used.objects > self.limit.objects
            || self.used.rights > self.limit.rights
    }

    /// Uses more or less, and answers by how much the account above then does.
    #[cold]
    fn change(&mut self, amount: Limits, change: impl Fn(u64, u64) -> u64) -> Limits {
        let apply = |used: &mut u64, limit: u64, amount: u64| {
            let before = (*used).min(limit);
            *used = change(*used, amount);
            before.abs_diff((*used).min(limit))
        };
        Limits {
            memory: apply(&mut self.used.memory, self.limit.memory, amount.memory),
            objects: apply(&mut self.used.objects, self.limit.objects, amount.objects),
            rights: apply(&mut self.used.rights, self.limit.rights, amount.rights),
        }
    }

    /// What it uses of the account above.
    pub(crate) fn passed_on(&self) -> Limits {
        Limits {
            memory: self.used.memory.min(self.limit.memory),
            objects: self.used.objects.min(self.limit.objects),
            rights: self.used.rights.min(self.limit.rights),
        }
    }
}

/// All accounts.
#[derive(Default)]
pub(crate) struct Accounts {
    pub(crate) slab: Slab<Account>,
}

impl Accounts {
    /// The account above all others, with one user.
    pub(crate) fn create_root(&mut self) -> AccountId {
        self.insert(None, Limits::UNLIMITED, 0)
    }

    /// A new account below `parent`, which pays for it, with one user.
    pub(crate) fn create(&mut self, parent: AccountId, limit: Limits) -> Result<AccountId> {
        let above = self.slab.get(parent).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let depth = above.depth + 1;
        if depth > DEPTH {
            return Err(Error::KERN_RESOURCE_SHORTAGE);
        }
        self.charge(parent, Limits::objects(cost::ACCOUNT))?;
        self.retain(parent);
        Ok(self.insert(Some(parent), limit, depth))
    }

    fn insert(&mut self, parent: Option<AccountId>, limit: Limits, depth: u32) -> AccountId {
        self.slab.insert(Account {
            limit,
            used: Limits::default(),
            parent,
            users: 1,
            depth,
            closed: false,
        })
    }

    #[inline]
    pub(crate) fn retain(&mut self, id: AccountId) {
        if let Some(account) = self.slab.get_mut(id) {
            account.users += 1;
        }
    }

    /// One user fewer; the account goes with its last one.
    #[inline]
    pub(crate) fn release(&mut self, id: AccountId) {
        if let Some(account) = self.slab.get_mut(id) {
            account.users -= 1;
            if account.users == 0 {
                self.end(id);
            }
        }
    }

    #[cold]
    fn end(&mut self, id: AccountId) {
        if let Some(parent) = self.slab.remove(id).and_then(|account| account.parent) {
            self.refund(parent, Limits::objects(cost::ACCOUNT));
            self.release(parent);
        }
    }

    /// Whether `amount` could be charged.
    #[inline(always)]
    pub(crate) fn check(&self, id: AccountId, amount: Limits) -> Result<()> {
        let mut next = Some(id);
        while let Some(account) = next.and_then(|id| self.slab.get(id)) {
            let fits = |used: u64, more: u64, limit: u64| {
                more == 0 || used.checked_add(more).is_some_and(|sum| sum <= limit)
            };
            if account.closed
                || !fits(account.used.memory, amount.memory, account.limit.memory)
                || !fits(account.used.objects, amount.objects, account.limit.objects)
                || !fits(account.used.rights, amount.rights, account.limit.rights)
            {
                return Err(Error::KERN_RESOURCE_SHORTAGE);
            }
            next = account.parent;
        }
        Ok(())
    }

    /// Charges all of `amount`, or nothing.
    #[inline(always)]
    pub(crate) fn charge(&mut self, id: AccountId, amount: Limits) -> Result<()> {
        self.check(id, amount)?;
        let mut next = Some(id);
        while let Some(account) = next.and_then(|id| self.slab.get_mut(id)) {
            account.used.memory += amount.memory;
            account.used.objects += amount.objects;
            account.used.rights += amount.rights;
            next = account.parent;
        }
        Ok(())
    }

    /// Charges `amount` even past the limit: what cannot be refused any more is refused the next time.
    pub(crate) fn force(&mut self, id: AccountId, amount: Limits) {
        let (mut next, mut amount) = (Some(id), amount);
        while let Some(account) = next.and_then(|id| self.slab.get_mut(id)) {
            amount = account.change(amount, |used, more| used + more);
            next = account.parent;
        }
    }

    /// Gives back what was charged.
    #[inline(always)]
    pub(crate) fn refund(&mut self, id: AccountId, amount: Limits) {
        let (mut next, mut amount) = (Some(id), amount);
        while let Some(account) = next.and_then(|id| self.slab.get_mut(id)) {
            if account.is_over() {
                amount = account.change(amount, |used, less| used - less);
            } else {
                account.used.memory -= amount.memory;
                account.used.objects -= amount.objects;
                account.used.rights -= amount.rights;
            }
            next = account.parent;
        }
    }

    /// Nothing more can be charged to an account and those below it.
    pub(crate) fn close(&mut self, id: AccountId) {
        if let Some(account) = self.slab.get_mut(id) {
            account.closed = true;
        }
    }

    /// Whether an account is another one, or below it.
    pub(crate) fn is_within(&self, id: AccountId, outer: AccountId) -> bool {
        let mut next = Some(id);
        while let Some(id) = next {
            if id == outer {
                return true;
            }
            next = self.slab.get(id).and_then(|account| account.parent);
        }
        false
    }
}
