//! Owned port rights.
//!
//! A name in the task's port space is a number; these types say which right it stands for and give
//! it back when dropped. Cloning and dropping a right is a call to the mach server: what a program
//! shares within itself it shares by reference or `Arc`.

use crate::sys;
use crate::wire::{Disposition, RightArg, RightType};
use crate::{Error, Result};
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// A port name. 0 is null, [`DEAD`] is the dead name.
pub type Name = u32;

/// The null name.
pub const NULL: Name = 0;
/// The dead name: what a right becomes that travels while its port dies.
pub const DEAD: Name = u32::MAX;

/// The kinds of right in a port space, by Mach's numbers (`mach_port_right_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PortRight {
    /// Send right.
    Send = 0,
    /// Receive right.
    Receive = 1,
    /// Send-once right.
    SendOnce = 2,
    /// Port set.
    PortSet = 3,
    /// Dead name.
    DeadName = 4,
}

/// Something that names a port to be called.
pub trait AsName {
    /// The name of the send right.
    fn as_name(&self) -> Name;
}

impl AsName for Name {
    #[inline(always)]
    fn as_name(&self) -> Name {
        *self
    }
}

impl<T: AsName + ?Sized> AsName for &T {
    #[inline(always)]
    fn as_name(&self) -> Name {
        (**self).as_name()
    }
}

impl<T: AsName + ?Sized> AsName for alloc::sync::Arc<T> {
    #[inline(always)]
    fn as_name(&self) -> Name {
        (**self).as_name()
    }
}

macro_rules! owned {
    ($(#[$meta:meta])* $name:ident, $drop:path) => {
        $(#[$meta])*
        #[derive(PartialEq, Eq, Hash)]
        pub struct $name(Name);

        impl $name {
            /// The name.
            #[inline(always)]
            pub fn as_raw(&self) -> Name {
                self.0
            }

            /// Gives up ownership: the caller must see to the right's release.
            pub fn into_raw(self) -> Name {
                ManuallyDrop::new(self).0
            }

            /// Takes ownership of one such right of this name. A wrong name does no harm beyond
            /// this program's own rights.
            pub const fn from_raw(name: Name) -> Self {
                Self(name)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if self.0 != NULL && self.0 != DEAD {
                    // Nobody could act on a failure: the name is no longer used here.
                    let _ = $drop(self.0);
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl AsName for $name {
            #[inline(always)]
            fn as_name(&self) -> Name {
                self.0
            }
        }
    };
}

owned!(
    /// One user reference of a send right (or of the dead name that it became).
    SendRight,
    sys::port_deallocate
);
owned!(
    /// A send-once right: the right to send one message, by which the receiver also learns when it
    /// dies unused.
    SendOnce,
    sys::port_deallocate
);
owned!(
    /// A receive right. Dropping it destroys the port.
    ReceiveRight,
    destroy_receive
);

fn destroy_receive(name: Name) -> Result<()> {
    sys::port_mod_refs(name, PortRight::Receive, -1)
}

impl RightOwner for SendRight {
    fn sent(&self) {}
}

impl SendRight {
    /// One more user reference of the same name. Fails with `KERN_INVALID_RIGHT` when the port is
    /// dead, and with `KERN_UREFS_OVERFLOW`.
    pub fn try_clone(&self) -> Result<SendRight> {
        if self.0 == NULL || self.0 == DEAD {
            return Ok(SendRight(self.0));
        }
        sys::port_mod_refs(self.0, PortRight::Send, 1)?;
        Ok(SendRight(self.0))
    }
}

impl Clone for SendRight {
    /// One more user reference; the dead name if the port is gone.
    fn clone(&self) -> SendRight {
        self.try_clone().unwrap_or(SendRight(DEAD))
    }
}

impl ReceiveRight {
    /// A new port.
    pub fn allocate() -> Result<ReceiveRight> {
        sys::port_allocate().map(ReceiveRight)
    }

    /// Makes a send right for this task itself.
    pub fn make_send(&self) -> Result<SendRight> {
        let argument = RightArg {
            name: self.0,
            disposition: Disposition::MakeSend,
        };
        sys::port_insert_right(sys::task_self(), self.0, argument)?;
        Ok(SendRight(self.0))
    }
}

/// A right of any kind, as it was received.
#[derive(Debug)]
pub enum AnyRight {
    /// A send right.
    Send(SendRight),
    /// A send-once right.
    SendOnce(SendOnce),
    /// A receive right.
    Receive(ReceiveRight),
    /// The only right to memory, which nobody else can change or take away.
    Memory(SendRight),
}

impl AnyRight {
    /// The name.
    pub fn as_raw(&self) -> Name {
        match self {
            AnyRight::Send(right) | AnyRight::Memory(right) => right.as_raw(),
            AnyRight::SendOnce(right) => right.as_raw(),
            AnyRight::Receive(right) => right.as_raw(),
        }
    }
}

/// A right that has arrived: the name in bits 0..28, its kind above.
///
/// As in the thread page's inbox: kind 0 is null, 1 send, 2 receive, 3 send-once, 4 memory that
/// moved; all bits set is a right whose port died on the way. Dropping it releases the right.
#[derive(PartialEq, Eq)]
#[repr(transparent)]
pub struct Carried(u32);

impl Carried {
    const NAME: u32 = 0x0fff_ffff;

    /// A carried send right, and so on for the others.
    pub const fn send(name: Name) -> Carried {
        Carried(name & Self::NAME | 1 << 28)
    }
    /// A carried receive right.
    pub const fn receive(name: Name) -> Carried {
        Carried(name & Self::NAME | 2 << 28)
    }
    /// A carried send-once right.
    pub const fn send_once(name: Name) -> Carried {
        Carried(name & Self::NAME | 3 << 28)
    }
    /// A null right.
    pub const fn null() -> Carried {
        Carried(0)
    }
    /// A right whose port died on the way.
    pub const fn dead() -> Carried {
        Carried(u32::MAX)
    }
    /// From the word of the inbox.
    pub const fn from_raw(word: u32) -> Carried {
        Carried(word)
    }
    /// The word; ownership goes to the caller.
    pub fn into_raw(self) -> u32 {
        ManuallyDrop::new(self).0
    }

    /// The right as an owned value; `None` for a null right. A right that died on the way is a
    /// send right of the dead name.
    pub fn take(self) -> Option<AnyRight> {
        let word = self.into_raw();
        let name = word & Self::NAME;
        match word >> 28 {
            1 => Some(AnyRight::Send(SendRight(name))),
            2 => Some(AnyRight::Receive(ReceiveRight(name))),
            3 => Some(AnyRight::SendOnce(SendOnce(name))),
            4 => Some(AnyRight::Memory(SendRight(name))),
            15 => Some(AnyRight::Send(SendRight(DEAD))),
            _ => None,
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if self.0 != 0 && self.0 != u32::MAX {
            drop(Carried(self.0).take());
        }
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Carried({:#x})", self.0)
    }
}

/// Rights that arrived with one message.
pub type CarriedList = smallvec::SmallVec<[Carried; 4]>;

/// What a parameter of a right's type accepts.
pub trait FromCarried: Sized {
    /// For the interface's table.
    const TYPE: RightType;
    /// Takes the right, or refuses it (and thereby releases it) with `MIG_BAD_ARGUMENTS` when it is
    /// of another kind. A null right is `None`.
    fn from_carried(carried: Carried) -> Result<Option<Self>>;
}

impl FromCarried for SendRight {
    const TYPE: RightType = RightType::Send;
    fn from_carried(carried: Carried) -> Result<Option<SendRight>> {
        match carried.take() {
            None => Ok(None),
            Some(AnyRight::Send(right) | AnyRight::Memory(right)) => Ok(Some(right)),
            Some(_) => Err(Error::MIG_BAD_ARGUMENTS),
        }
    }
}

impl FromCarried for SendOnce {
    const TYPE: RightType = RightType::SendOnce;
    fn from_carried(carried: Carried) -> Result<Option<SendOnce>> {
        match carried.take() {
            None => Ok(None),
            Some(AnyRight::SendOnce(right)) => Ok(Some(right)),
            // The port died on the way: a send-once right of the dead name.
            Some(AnyRight::Send(right)) if right.as_raw() == DEAD => Ok(Some(SendOnce(DEAD))),
            Some(_) => Err(Error::MIG_BAD_ARGUMENTS),
        }
    }
}

impl FromCarried for ReceiveRight {
    const TYPE: RightType = RightType::Receive;
    fn from_carried(carried: Carried) -> Result<Option<ReceiveRight>> {
        match carried.take() {
            None => Ok(None),
            Some(AnyRight::Receive(right)) => Ok(Some(right)),
            Some(_) => Err(Error::MIG_BAD_ARGUMENTS),
        }
    }
}

impl FromCarried for AnyRight {
    const TYPE: RightType = RightType::Any;
    fn from_carried(carried: Carried) -> Result<Option<AnyRight>> {
        Ok(carried.take())
    }
}

/// A right on its way into a message: the name, what becomes of it, and whether it is released
/// here when the message is not sent.
pub struct Right<'a> {
    argument: RightArg,
    owner: Option<Arc<dyn RightOwner>>,
    borrowed: PhantomData<&'a ()>,
}

/// Keeps the receive right alive until a send right made from it is sent, and is told then.
pub trait RightOwner: Send + Sync {
    /// The right has been made and sent.
    fn sent(&self);
}

impl fmt::Debug for Right<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Right({:?} {:#x})",
            self.argument.disposition, self.argument.name
        )
    }
}

impl<'a> Right<'a> {
    const fn new(name: Name, disposition: Disposition) -> Right<'a> {
        Right {
            argument: RightArg { name, disposition },
            owner: None,
            borrowed: PhantomData,
        }
    }

    /// No right.
    pub const fn null() -> Right<'static> {
        Right::new(NULL, Disposition::CopySend)
    }

    /// A right already given to the caller by [`sys::reply_new_port`]: takes its place in the
    /// reply without being sent again.
    pub const fn already_sent() -> Right<'static> {
        Right::new(DEAD, Disposition::MakeSend)
    }

    /// Whether [`Right::already_sent`] made it.
    pub fn is_already_sent(&self) -> bool {
        self.argument
            == RightArg {
                name: DEAD,
                disposition: Disposition::MakeSend,
            }
    }

    /// A send right made from a receive right.
    pub fn make_send(port: &'a (impl AsName + ?Sized)) -> Right<'a> {
        Right::new(port.as_name(), Disposition::MakeSend)
    }

    /// A send right made from a receive right that `owner` keeps alive.
    pub fn make_send_owned(name: Name, owner: Arc<dyn RightOwner>) -> Right<'static> {
        Right {
            owner: Some(owner),
            ..Right::new(name, Disposition::MakeSend)
        }
    }

    /// A copy of a send right, which is kept until the message is sent.
    pub fn copy_owned(right: Arc<SendRight>) -> Right<'static> {
        let name = right.as_raw();
        Right {
            owner: Some(right),
            ..Right::new(name, Disposition::CopySend)
        }
    }

    /// A send-once right made from a receive right.
    pub fn make_send_once(port: &'a (impl AsName + ?Sized)) -> Right<'a> {
        Right::new(port.as_name(), Disposition::MakeSendOnce)
    }

    /// A copy of a send right that this program holds under `name`, for instance the task's own
    /// port.
    pub fn copy_named(name: Name) -> Right<'static> {
        Right::new(name, Disposition::CopySend)
    }

    /// As it goes to the mach server.
    pub fn argument(&self) -> RightArg {
        self.argument
    }

    /// The message has been sent: what moved is no longer ours.
    pub fn sent(&mut self) {
        if let Some(owner) = self.owner.take() {
            owner.sent();
        }
        self.argument = RightArg::NULL;
    }
}

impl Drop for Right<'_> {
    fn drop(&mut self) {
        let RightArg { name, disposition } = self.argument;
        match disposition {
            Disposition::MoveSend | Disposition::MoveMemory => drop(SendRight(name)),
            Disposition::MoveSendOnce => drop(SendOnce(name)),
            Disposition::MoveReceive => drop(ReceiveRight(name)),
            Disposition::CopySend | Disposition::MakeSend | Disposition::MakeSendOnce => {}
        }
    }
}

impl<'a> From<&'a SendRight> for Right<'a> {
    fn from(right: &'a SendRight) -> Right<'a> {
        Right::new(right.0, Disposition::CopySend)
    }
}

impl<'a> From<Option<&'a SendRight>> for Right<'a> {
    fn from(right: Option<&'a SendRight>) -> Right<'a> {
        right.map_or(Right::null(), Right::from)
    }
}

impl From<SendRight> for Right<'_> {
    fn from(right: SendRight) -> Self {
        Right::new(right.into_raw(), Disposition::MoveSend)
    }
}

impl From<SendOnce> for Right<'_> {
    fn from(right: SendOnce) -> Self {
        Right::new(right.into_raw(), Disposition::MoveSendOnce)
    }
}

impl From<ReceiveRight> for Right<'_> {
    fn from(right: ReceiveRight) -> Self {
        Right::new(right.into_raw(), Disposition::MoveReceive)
    }
}

impl From<AnyRight> for Right<'_> {
    fn from(right: AnyRight) -> Self {
        match right {
            AnyRight::Send(right) | AnyRight::Memory(right) => right.into(),
            AnyRight::SendOnce(right) => right.into(),
            AnyRight::Receive(right) => right.into(),
        }
    }
}

macro_rules! optional {
    ($($type:ty),*) => {$(
        impl From<Option<$type>> for Right<'_> {
            fn from(right: Option<$type>) -> Self {
                right.map_or(Right::null(), Into::into)
            }
        }
    )*};
}
optional!(SendRight, SendOnce, ReceiveRight, AnyRight);

/// The arguments of `rights`, in order.
pub fn arguments(rights: &[Right<'_>]) -> smallvec::SmallVec<[RightArg; 8]> {
    rights.iter().map(Right::argument).collect()
}

/// Marks every one of `rights` as sent.
pub fn all_sent(rights: &mut [Right<'_>]) {
    rights.iter_mut().for_each(Right::sent);
}
