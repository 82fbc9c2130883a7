//! Messages through endpoints, notifications and reply capabilities.

use crate::{Badge, MessageInfo, Mrs, cap, sys};

/// A message that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Its description.
    pub info: MessageInfo,
    /// The badge of the capability through which it was sent.
    pub badge: Badge,
    /// Its first words. What [`MessageInfo::length`] does not cover is undefined.
    pub mrs: Mrs,
}

#[inline(always)]
fn received((badge, info, mrs): (Badge, sys::seL4_MessageInfo, Mrs)) -> Received {
    Received {
        info: MessageInfo::from_raw(info),
        badge,
        mrs,
    }
}

impl cap::Endpoint {
    /// Sends, and waits until somebody receives.
    #[inline(always)]
    pub fn send(self, info: MessageInfo, mrs: Mrs) {
        sys::seL4_SendWithMRs(self.bits(), info.raw(), mrs);
    }

    /// Sends if somebody waits to receive; else the message is lost.
    #[inline(always)]
    pub fn nb_send(self, info: MessageInfo, mrs: Mrs) {
        sys::seL4_NBSendWithMRs(self.bits(), info.raw(), mrs);
    }

    /// Sends, and waits for the answer. Where the capability is missing or of another kind, the
    /// kernel answers, with the label of an [`Error`](crate::Error).
    #[inline(always)]
    pub fn call(self, info: MessageInfo, mrs: Mrs) -> (MessageInfo, Mrs) {
        let (info, mrs) = sys::seL4_CallWithMRs(self.bits(), info.raw(), mrs);
        (MessageInfo::from_raw(info), mrs)
    }

    /// Waits for a message.
    #[inline(always)]
    #[must_use]
    pub fn recv(self) -> Received {
        received(sys::seL4_RecvWithMRs(self.bits()))
    }

    /// Takes a message if somebody waits to send one; else the badge is 0.
    #[inline(always)]
    #[must_use]
    pub fn nb_recv(self) -> Received {
        received(sys::seL4_NBRecvWithMRs(self.bits()))
    }

    /// Answers the last caller, and waits for the next message.
    #[inline(always)]
    #[must_use]
    pub fn reply_recv(self, info: MessageInfo, mrs: Mrs) -> Received {
        received(sys::seL4_ReplyRecvWithMRs(self.bits(), info.raw(), mrs))
    }
}

impl cap::Notification {
    /// Adds the capability's badge to the notification, or wakes who waits for it.
    #[inline(always)]
    pub fn signal(self) {
        sys::seL4_Signal(self.bits());
    }

    /// Waits until the notification holds badges, and takes them.
    #[inline(always)]
    pub fn wait(self) -> Badge {
        sys::seL4_RecvWithMRs(self.bits()).0
    }

    /// Takes the badges that the notification holds; 0 where there are none.
    #[inline(always)]
    pub fn poll(self) -> Badge {
        sys::seL4_NBRecvWithMRs(self.bits()).0
    }
}

impl cap::Reply {
    /// Answers the caller of which this is the reply capability. Used up by it.
    #[inline(always)]
    pub fn send(self, info: MessageInfo, mrs: Mrs) {
        sys::seL4_SendWithMRs(self.bits(), info.raw(), mrs);
    }
}

/// Answers the last caller. Does nothing where there is none.
#[inline(always)]
pub fn reply(info: MessageInfo, mrs: Mrs) {
    sys::seL4_ReplyWithMRs(info.raw(), mrs);
}

/// Gives the rest of the time slice to threads of the same priority.
#[inline(always)]
pub fn r#yield() {
    sys::seL4_Yield();
}
