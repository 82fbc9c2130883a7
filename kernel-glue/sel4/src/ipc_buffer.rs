//! The memory that a thread shares with the kernel.

use crate::{AbsoluteCPtr, Badge, CPtr, MESSAGE_MAX_EXTRA_CAPS, MESSAGE_MAX_LENGTH, Word, sys};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// An IPC buffer. A handle that is copied freely; like a `Cell` it never lends out its contents.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct IpcBuffer {
    buffer: NonNull<sys::seL4_IPCBuffer>,
    /// Belongs to one thread.
    thread: PhantomData<*mut ()>,
}

/// The calling thread's IPC buffer.
///
/// # Panics
/// In a thread that was started without one.
#[inline(always)]
#[must_use]
pub fn ipc_buffer() -> IpcBuffer {
    let buffer = NonNull::new(sys::ipc_buffer()).expect("a thread has an IPC buffer");
    IpcBuffer {
        buffer,
        thread: PhantomData,
    }
}

impl IpcBuffer {
    /// Bytes of an IPC buffer, and its alignment.
    pub const SIZE: usize = size_of::<sys::seL4_IPCBuffer>();

    /// A handle for memory laid out as an IPC buffer.
    ///
    /// # Safety
    /// The memory is valid for reads and writes as long as a copy of the handle is used, and no
    /// reference to it exists meanwhile.
    #[inline]
    #[must_use]
    pub const unsafe fn from_ptr(buffer: NonNull<sys::seL4_IPCBuffer>) -> Self {
        Self {
            buffer,
            thread: PhantomData,
        }
    }

    /// Its address.
    #[inline(always)]
    #[must_use]
    pub const fn as_ptr(self) -> *mut sys::seL4_IPCBuffer {
        self.buffer.as_ptr()
    }

    #[inline(always)]
    fn words(self) -> *mut Word {
        // SAFETY: the address of a member of valid memory.
        unsafe { (&raw mut (*self.as_ptr()).msg).cast() }
    }

    /// Word `index` of the message. The kernel passes the first four in processor registers and
    /// leaves them here only for error details.
    ///
    /// # Panics
    /// Where `index` is not below [`MESSAGE_MAX_LENGTH`].
    #[inline(always)]
    #[must_use]
    pub fn msg(self, index: usize) -> Word {
        assert!(index < MESSAGE_MAX_LENGTH);
        // SAFETY: the buffer is valid, and the index lies in it.
        unsafe { self.words().add(index).read() }
    }

    /// Sets word `index` of the message.
    ///
    /// # Panics
    /// Where `index` is not below [`MESSAGE_MAX_LENGTH`].
    #[inline(always)]
    pub fn set_msg(self, index: usize, word: Word) {
        assert!(index < MESSAGE_MAX_LENGTH);
        // SAFETY: the buffer is valid, and the index lies in it.
        unsafe { self.words().add(index).write(word) }
    }

    /// Copies words of the message out, from word `first` on.
    ///
    /// # Panics
    /// Where the words do not lie in the message.
    #[inline]
    pub fn read_msgs(self, first: usize, words: &mut [Word]) {
        assert!(first <= MESSAGE_MAX_LENGTH && words.len() <= MESSAGE_MAX_LENGTH - first);
        // SAFETY: the buffer is valid, the words lie in it, and nothing borrows it.
        unsafe {
            self.words()
                .add(first)
                .copy_to_nonoverlapping(words.as_mut_ptr(), words.len());
        }
    }

    /// Copies words into the message, from word `first` on.
    ///
    /// # Panics
    /// Where the words do not lie in the message.
    #[inline]
    pub fn write_msgs(self, first: usize, words: &[Word]) {
        assert!(first <= MESSAGE_MAX_LENGTH && words.len() <= MESSAGE_MAX_LENGTH - first);
        // SAFETY: the buffer is valid, the words lie in it, and nothing borrows it.
        unsafe {
            self.words()
                .add(first)
                .copy_from_nonoverlapping(words.as_ptr(), words.len());
        }
    }

    /// Names capability `index` of the next message.
    ///
    /// # Panics
    /// Where `index` is not below [`MESSAGE_MAX_EXTRA_CAPS`].
    #[inline(always)]
    pub fn set_cap(self, index: usize, cap: CPtr) {
        assert!(index < MESSAGE_MAX_EXTRA_CAPS);
        // SAFETY: the buffer is valid, and the index lies in it.
        unsafe {
            (&raw mut (*self.as_ptr()).caps_or_badges)
                .cast::<Word>()
                .add(index)
                .write(cap.bits());
        }
    }

    /// The badge of capability `index` of the message that arrived, where it was unwrapped.
    ///
    /// # Panics
    /// Where `index` is not below [`MESSAGE_MAX_EXTRA_CAPS`].
    #[inline(always)]
    #[must_use]
    pub fn badge(self, index: usize) -> Badge {
        assert!(index < MESSAGE_MAX_EXTRA_CAPS);
        // SAFETY: the buffer is valid, and the index lies in it.
        unsafe {
            (&raw const (*self.as_ptr()).caps_or_badges)
                .cast::<Word>()
                .add(index)
                .read()
        }
    }

    /// Says where the kernel puts a capability that arrives. The root is an address in the
    /// thread's own capability space.
    #[inline]
    pub fn set_receive_slot(self, slot: &AbsoluteCPtr) {
        // SAFETY: the buffer is valid.
        unsafe {
            let buffer = self.as_ptr();
            (&raw mut (*buffer).receiveCNode).write(slot.root().bits());
            (&raw mut (*buffer).receiveIndex).write(slot.index());
            (&raw mut (*buffer).receiveDepth).write(Word::from(slot.depth()));
        }
    }

    /// The word that the kernel leaves to the user. On x86_64 it holds the buffer's address.
    #[inline]
    #[must_use]
    pub fn user_data(self) -> Word {
        // SAFETY: the buffer is valid.
        unsafe { (&raw const (*self.as_ptr()).userData).read() }
    }

    /// Sets the word that the kernel leaves to the user.
    ///
    /// # Safety
    /// On x86_64 it must be the address at which the buffer's thread sees the buffer, before that
    /// thread asks for it.
    #[inline]
    pub unsafe fn set_user_data(self, word: Word) {
        // SAFETY: the buffer is valid.
        unsafe { (&raw mut (*self.as_ptr()).userData).write(word) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_buffer(test: impl FnOnce(IpcBuffer)) {
        // SAFETY: all members are integers.
        let mut buffer: sys::seL4_IPCBuffer = unsafe { core::mem::zeroed() };
        // SAFETY: the buffer outlives the test, which alone uses it.
        test(unsafe { IpcBuffer::from_ptr(NonNull::from(&mut buffer)) });
    }

    #[test]
    fn words_are_read_as_they_were_written() {
        with_buffer(|buffer| {
            buffer.write_msgs(4, &[1, 2, 3]);
            buffer.set_msg(119, 9);
            let mut words = [0; 116];
            buffer.read_msgs(4, &mut words);
            assert_eq!(words[..4], [1, 2, 3, 0]);
            assert_eq!((words[115], buffer.msg(5)), (9, 2));
        });
    }

    #[test]
    #[should_panic]
    fn a_message_ends_at_its_limit() {
        with_buffer(|buffer| buffer.set_msg(MESSAGE_MAX_LENGTH, 0));
    }

    #[test]
    fn the_layout_is_the_kernels() {
        assert_eq!(IpcBuffer::SIZE, 1024);
        assert_eq!(core::mem::offset_of!(sys::seL4_IPCBuffer, userData), 968);
        assert_eq!(
            core::mem::offset_of!(sys::seL4_IPCBuffer, receiveCNode),
            1000
        );
    }
}
