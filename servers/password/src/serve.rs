//! The node.

use crate::accounts::{self, Account, Files, Reader};
use crate::{Limiter, crypt};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use interface::fs::O_READ;
use interface::io::{self, StatBuf};
use interface::{auth, password};
use machuser::env::{self, init_port};
use machuser::{Call, Error, Outcome, Request, Result, Right, clock};
use trivfs::{Node, Open};

/// Failures of a caller that are answered at once.
const FREE_FAILURES: u32 = 5;
/// What each further one costs.
const INTERVAL: Duration = Duration::from_secs(2);
/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// The files of the program's own root directory.
#[derive(Debug)]
pub struct RootFiles;

impl Files for RootFiles {
    fn open(&self, path: &str) -> Result<Reader> {
        let file = fshelp::lookup::open(path.as_bytes(), O_READ, 0)?;
        Ok(Box::new(move |to| io::io_read(&file, -1, to.len(), to)))
    }
}

/// `/servers/password`: gives whoever knows the password of a user or a group an auth handle of it.
/// The program must run as root, since it makes handles of any ids.
pub struct Password {
    files: Box<dyn Files>,
    limiter: Arc<Limiter>,
}

impl Password {
    /// With accounts from these files.
    pub fn new(files: impl Files) -> Password {
        Self::with_limiter(files, Limiter::new(FREE_FAILURES, INTERVAL))
    }

    /// With another limit for guessing.
    pub fn with_limiter(files: impl Files, limiter: Limiter) -> Password {
        Password {
            files: Box::new(files),
            limiter: Arc::new(limiter),
        }
    }

    /// A handle for the account that `find` finds, if `password` is its password.
    fn check(
        &self,
        call: &Call<'_>,
        uids: &[u32],
        password: &[u8],
        find: impl FnOnce(&dyn Files) -> Result<Option<Account>>,
    ) -> Result<Right<'static>> {
        let turn = self.limiter.enter(call, uids)?;
        let account = match find(&*self.files) {
            Ok(account) => account,
            Err(error) => {
                turn.succeeded();
                return Err(error);
            }
        };
        let today = clock::realtime().as_secs() / DAY;
        let open = |account: &Account| account.expires.is_none_or(|day| today < day);
        let Some(account) = account.filter(open) else {
            crypt::never(password);
            return Err(Error::EACCES);
        };
        if !crypt::opens(&account.password, password) {
            return Err(Error::EACCES);
        }
        turn.succeeded();
        handle(&account)
    }
}

/// An auth handle of the account's ids: each is effective, and available as the real and the saved
/// one.
fn handle(account: &Account) -> Result<Right<'static>> {
    let own = env::port(init_port::AUTH).ok_or(Error::EOPNOTSUPP)?;
    let twice = |ids: &[u32]| -> Vec<u32> { ids.iter().chain(ids).copied().take(2).collect() };
    let uids: Vec<u32> = account.uid.into_iter().collect();
    let gids = &account.gids;
    let mut available = Vec::from([gids[0], gids[0]]);
    available.extend_from_slice(&gids[1..]);
    available.truncate(accounts::MOST_GROUPS);
    let new = auth::auth_makeauth(&*own, Vec::new(), &uids, &twice(&uids), gids, &available)?;
    Ok(new.ok_or(Error::EIO)?.into())
}

impl Node for Password {
    type State = ();
    const ALLOW_OPEN: i32 = 0;

    fn stat(&self, _: &mut StatBuf) {}

    fn dispatch(&self, open: &Open<'_, Self>, request: &mut Request<'_>) -> Outcome {
        password::dispatch(
            &Caller {
                node: self,
                uids: open.user.uids(),
            },
            request,
        )
    }
}

/// The node, for one caller.
struct Caller<'a> {
    node: &'a Password,
    uids: &'a [u32],
}

impl password::Password for Caller<'_> {
    fn password_check_user(&self, call: &Call<'_>, user: u32, pw: &[u8]) -> Result<Right<'static>> {
        self.node
            .check(call, self.uids, pw, |files| accounts::user(files, user))
    }

    fn password_check_group(
        &self,
        call: &Call<'_>,
        group: u32,
        pw: &[u8],
    ) -> Result<Right<'static>> {
        self.node
            .check(call, self.uids, pw, |files| accounts::group(files, group))
    }
}
