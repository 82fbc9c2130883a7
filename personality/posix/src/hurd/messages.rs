//! The message port: signals, and what others may ask of a process.

use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::msg::{self, Msg};
use interface::{auth, process};
use machuser::env::{self, init_int, init_port};
use machuser::mach::{self, SpecialPort};
use machuser::sync::Mutex;
use machuser::{Call, Error, Outcome, Request, Right, SendRight};
use ports::{Object, Port};

use super::{descriptors, errno, identity, initial, signals};
use crate::signal::Signal;
use crate::{Fd, Result};

/// Keeps the message port alive.
static SERVICE: Mutex<Option<Port>> = Mutex::new(None);

/// Whether the process has a message port.
pub(super) fn started() -> bool {
    SERVICE.lock().is_some()
}

/// Keeps everybody out.
pub(super) fn hold() -> impl Sized {
    SERVICE.lock()
}

/// Forgets the message port of the process that this one is a copy of; whether it had one.
pub(super) fn forget() -> bool {
    let service = SERVICE.lock().take();
    let had = service.is_some();
    // Its names denote nothing here, and its threads are not there.
    core::mem::forget(service);
    had
}

/// Gives the process its message port, unless it has one.
pub(super) fn start() -> Result<()> {
    let mut service = SERVICE.lock();
    if service.is_some() {
        return Ok(());
    }
    let own_task = mach::task_get_special_port(mach::SELF, SpecialPort::Kernel).map_err(errno)?;
    let server = super::server()?;
    let port = server.port(Arc::new(Process { own_task })).map_err(errno)?;
    let proc = initial(init_port::PROC)?;
    process::proc_setmsgport(&*proc, port.right()).map_err(errno)?;
    *service = Some(port);
    Ok(())
}

struct Process {
    own_task: Option<SendRight>,
}

type Answer<T> = machuser::Result<T>;

impl Process {
    /// Whether the caller has shown the task port, or the auth handle, of this process.
    fn check(&self, reference: Option<SendRight>) -> Answer<()> {
        let reference = reference.ok_or(Error::EPERM)?;
        let is = |own: Option<u32>| own == Some(reference.as_raw());
        let auth = env::port(init_port::AUTH);
        if is(self.own_task.as_ref().map(SendRight::as_raw)) || is(auth.map(|a| a.as_raw())) {
            Ok(())
        } else {
            Err(Error::EPERM)
        }
    }
}

impl Object for Process {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        msg::dispatch(self, request)
    }
}

fn error(error: crate::Errno) -> Error {
    Error(error.to_wire())
}

fn index(which: i32) -> Answer<usize> {
    usize::try_from(which).map_err(|_| Error::EINVAL)
}

fn copy(port: Option<Arc<SendRight>>) -> Right<'static> {
    port.map_or(Right::null(), |port| (*port).clone().into())
}

impl Msg for Process {
    fn msg_sig_post(
        &self,
        _: &Call<'_>,
        signal: i32,
        _: u32,
        refport: Option<SendRight>,
    ) -> Answer<()> {
        let reference = refport.ok_or(Error::EPERM)?;
        let signal = u8::try_from(signal)
            .map(Signal)
            .map_err(|_| Error::EINVAL)?;
        let is = |own: Option<u32>| own == Some(reference.as_raw());
        // The terminal may send what the keyboard sends.
        let from_terminal = matches!(
            signal,
            Signal::INT
                | Signal::QUIT
                | Signal::TSTP
                | Signal::HUP
                | Signal::INFO
                | Signal::TTIN
                | Signal::TTOU
                | Signal::WINCH
        ) && is(env::port(init_port::CTTYID).map(|port| port.as_raw()));
        if !from_terminal && !is(self.own_task.as_ref().map(SendRight::as_raw)) {
            return Err(Error::EPERM);
        }
        signals::deliver(signal);
        Ok(())
    }

    fn msg_sig_post_untraced(
        &self,
        call: &Call<'_>,
        signal: i32,
        sigcode: u32,
        refport: Option<SendRight>,
    ) -> Answer<()> {
        self.msg_sig_post(call, signal, sigcode, refport)
    }

    fn msg_proc_newids(
        &self,
        _: &Call<'_>,
        task: Option<SendRight>,
        _: i32,
        _: i32,
        _: i32,
    ) -> Answer<()> {
        self.check(task)?;
        descriptors::forget_terminals();
        Ok(())
    }

    fn msg_add_auth(&self, _: &Call<'_>, handle: Option<SendRight>) -> Answer<()> {
        // The handle itself shows the right to its ids.
        let handle = handle.ok_or(Error::EINVAL)?;
        let own = env::port(init_port::AUTH).ok_or(Error::EACCES)?;
        let mut ids = auth::auth_getids(&*own)?;
        let more = auth::auth_getids(&handle)?;
        ids.0.extend(more.0);
        ids.1.extend(more.1);
        ids.2.extend(more.2);
        ids.3.extend(more.3);
        let others = Vec::from([Right::from(&handle)]);
        let new = auth::auth_makeauth(&*own, others, &ids.0, &ids.1, &ids.2, &ids.3)?;
        identity::adopt(new.ok_or(Error::EACCES)?).map_err(error)
    }

    fn msg_del_auth(
        &self,
        _: &Call<'_>,
        task: Option<SendRight>,
        uids: Vec<i32>,
        gids: Vec<i32>,
    ) -> Answer<()> {
        self.check(task)?;
        let own = env::port(init_port::AUTH).ok_or(Error::EACCES)?;
        let mut ids = auth::auth_getids(&*own)?;
        ids.0.retain(|&id| !uids.contains(&(id as i32)));
        ids.1.retain(|&id| !uids.contains(&(id as i32)));
        ids.2.retain(|&id| !gids.contains(&(id as i32)));
        ids.3.retain(|&id| !gids.contains(&(id as i32)));
        let new = auth::auth_makeauth(&*own, Vec::new(), &ids.0, &ids.1, &ids.2, &ids.3)?;
        identity::adopt(new.ok_or(Error::EACCES)?).map_err(error)
    }

    fn msg_get_init_port(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
        which: i32,
    ) -> Answer<Right<'static>> {
        self.check(refport)?;
        let which = index(which)?;
        if which >= init_port::MAX {
            return Err(Error::EINVAL);
        }
        Ok(copy(env::port(which)))
    }

    fn msg_set_init_port(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
        which: i32,
        port: Option<SendRight>,
    ) -> Answer<()> {
        self.check(refport)?;
        match index(which)? {
            init_port::AUTH => identity::adopt(port.ok_or(Error::EINVAL)?).map_err(error),
            which => env::set_port(which, port),
        }
    }

    fn msg_get_init_ports(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
    ) -> Answer<Vec<Right<'static>>> {
        self.check(refport)?;
        Ok((0..init_port::MAX)
            .map(|which| copy(env::port(which)))
            .collect())
    }

    fn msg_set_init_ports(
        &self,
        call: &Call<'_>,
        refport: Option<SendRight>,
        ports: Vec<Option<SendRight>>,
    ) -> Answer<()> {
        self.check(refport.clone())?;
        for (which, port) in ports.into_iter().enumerate() {
            self.msg_set_init_port(call, refport.clone(), which as i32, port)?;
        }
        Ok(())
    }

    fn msg_get_init_int(
        &self,
        call: &Call<'_>,
        refport: Option<SendRight>,
        which: i32,
    ) -> Answer<i32> {
        let values = self.msg_get_init_ints(call, refport)?;
        values.get(index(which)?).copied().ok_or(Error::EINVAL)
    }

    fn msg_set_init_int(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
        which: i32,
        value: i32,
    ) -> Answer<()> {
        self.check(refport)?;
        match index(which)? {
            init_int::UMASK => {
                super::umask(value as u32);
                Ok(())
            }
            _ => Err(Error::EINVAL),
        }
    }

    fn msg_get_init_ints(&self, _: &Call<'_>, refport: Option<SendRight>) -> Answer<Vec<i32>> {
        self.check(refport)?;
        let mut values = alloc::vec![0; init_int::MAX];
        values[init_int::UMASK] = super::files::current_umask() as i32;
        values[init_int::SIGIGN] = signals::ignored_mask() as i32;
        Ok(values)
    }

    fn msg_get_dtable(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
    ) -> Answer<Vec<Right<'static>>> {
        self.check(refport)?;
        Ok(descriptors::all()
            .into_iter()
            .map(|open| copy(open.map(|o| o.port.clone())))
            .collect())
    }

    fn msg_set_dtable(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
        dtable: Vec<Option<SendRight>>,
    ) -> Answer<()> {
        self.check(refport)?;
        for (fd, port) in dtable.into_iter().enumerate() {
            set_descriptor(fd as Fd, port)?;
        }
        Ok(())
    }

    fn msg_get_fd(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
        fd: i32,
    ) -> Answer<Right<'static>> {
        self.check(refport)?;
        Ok(copy(Some(
            descriptors::get(fd).map_err(error)?.port.clone(),
        )))
    }

    fn msg_set_fd(
        &self,
        _: &Call<'_>,
        refport: Option<SendRight>,
        fd: i32,
        port: Option<SendRight>,
    ) -> Answer<()> {
        self.check(refport)?;
        set_descriptor(fd, port)
    }

    fn msg_get_environment(&self, _: &Call<'_>) -> Answer<Vec<u8>> {
        Ok(super::join_strings(&env::vars()))
    }

    fn msg_get_env_variable(&self, _: &Call<'_>, variable: &[u8]) -> Answer<Vec<u8>> {
        env::var(variable).ok_or(Error::ENOENT)
    }
}

fn set_descriptor(fd: Fd, port: Option<SendRight>) -> Answer<()> {
    descriptors::replace(fd, port.map(descriptors::Open::new))
        .map(drop)
        .map_err(error)
}
