//! Every routine of Mach that the mach server has: its success, its errors, and what it does to
//! rights and references. A case's name begins with the routine's.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

#[cfg(target_os = "none")]
mod exceptions;
#[cfg(target_os = "none")]
mod threads;
#[cfg(target_os = "none")]
mod waits;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::{LIMIT, POLL, made, rest, right, run};

#[cfg(target_os = "none")]
mod guest {
    use alloc::format;
    use alloc::vec::Vec;
    use core::time::Duration;
    use guest_tests::effects::{self, Test};
    use guest_tests::get;
    use guest_tests::refusals::{self, Setting};
    use guest_tests::suite::Suite;
    use interface::process;
    use machuser::mach::request;
    use machuser::wire::{Disposition, RightArg};
    use machuser::{Error, Name, ReceiveRight, SendRight, env, sys};

    pub const LIMIT: Option<Duration> = Some(Duration::from_secs(20));
    pub const POLL: Option<Duration> = Some(Duration::ZERO);

    pub fn right(name: Name, disposition: Disposition) -> RightArg {
        RightArg { name, disposition }
    }

    /// A send right of one's own port.
    pub fn made(port: &ReceiveRight) -> RightArg {
        right(port.as_raw(), Disposition::MakeSend)
    }

    /// Lets the others run, also those of a lower priority.
    pub fn rest() {
        let port = ReceiveRight::allocate();
        if let Ok(port) = port {
            let _ = sys::msg_receive_from(port.as_raw(), Some(Duration::from_millis(30)));
        }
    }

    fn ask(routine: u32, words: &[u64]) -> Result<Vec<u64>, mach::Error> {
        request(routine, words).map_err(|error| mach::Error(error.0))
    }

    /// The privileged host port, which proc gives to root.
    fn host() -> machuser::Result<SendRight> {
        let proc = env::port(env::init_port::PROC).ok_or(Error::KERN_NO_ACCESS)?;
        process::proc_getprivports(&*proc)?.0.ok_or(Error::KERN_NO_ACCESS)
    }

    /// What is tested on the host as well.
    fn shared(suite: &mut Suite) {
        let (host, setting) = (host(), Setting::new(&mut ask));
        for (name, case) in effects::ALL.iter().copied().flatten() {
            suite.check(name, || {
                let host = get!(&host).as_raw() as u64;
                case(&mut Test { ask: &mut ask, host })
            });
        }
        for refused in refusals::ALL {
            let routine = mach::abi::routine::name(refused.routine).unwrap_or_default();
            let name = format!("{}, refuses what it should", routine.to_lowercase());
            suite.check(&name, || refusals::check(get!(&setting), refused, &mut ask));
        }
    }

    pub fn run(suite: &mut Suite) {
        shared(suite);
        crate::exceptions::run(suite);
        crate::threads::run(suite);
        crate::waits::run(suite);
    }
}
