//! A port that is opened again when its server ends.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use machuser::sync::Mutex;
use machuser::{Error, Result, SendRight, clock, thread};

/// Opens the port again.
pub type Opener = Box<dyn Fn() -> Result<SendRight> + Send + Sync>;

/// How long a server that has ended is waited for to be there again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often one request is made: it may be what ends the server.
const TRIES: u32 = 20;
/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A port whose server, a driver for instance, may end and be started again: it is opened again
/// then, and the request repeated. Only for requests that do no harm twice.
pub struct Steady {
    state: Mutex<State>,
    opener: Option<Opener>,
}

struct State {
    port: Arc<SendRight>,
    /// How often it was opened.
    opened: u64,
    /// Its server did not come back.
    lost: bool,
}

impl Steady {
    /// A port, and how it is opened again, if it can be.
    pub fn new(port: SendRight, opener: Option<Opener>) -> Steady {
        let state = State {
            port: Arc::new(port),
            opened: 0,
            lost: false,
        };
        Steady {
            state: Mutex::new(state),
            opener,
        }
    }

    /// Asks the server, and if it has ended, the next one.
    ///
    /// # Errors
    /// What `ask` fails with; that the server has died, if no other comes within half a minute.
    pub fn ask<R>(&self, mut ask: impl FnMut(&SendRight) -> Result<R>) -> Result<R> {
        let mut tries = 0;
        loop {
            let (port, opened) = {
                let state = self.state.lock();
                (state.port.clone(), state.opened)
            };
            match ask(&port) {
                Err(error) if error.is_server_died() && tries < TRIES => {
                    self.open_again(opened, error)?;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// Opens the port again, unless somebody has since `opened`. Fails with `error` if it does not
    /// come back.
    fn open_again(&self, opened: u64, error: Error) -> Result<()> {
        let opener = self.opener.as_ref().ok_or(error)?;
        // Who else finds the server gone waits here.
        let mut state = self.state.lock();
        if state.opened != opened {
            return Ok(());
        }
        let patience = if state.lost { Duration::ZERO } else { PATIENCE };
        let end = clock::now() + patience;
        loop {
            match opener() {
                Ok(port) => {
                    state.port = Arc::new(port);
                    state.opened += 1;
                    state.lost = false;
                    return Ok(());
                }
                Err(_) if clock::now() >= end => {
                    state.lost = true;
                    return Err(error);
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }
}
