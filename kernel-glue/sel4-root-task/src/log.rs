//! Where messages go.

use core::fmt;
use core::sync::atomic::{AtomicPtr, Ordering};

type Sink = fn(&str);

static SINK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

struct Writer(Sink);

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0)(text);
        Ok(())
    }
}

/// Names the function that prints text. Until then text is dropped.
pub fn set_log_sink(sink: Sink) {
    SINK.store(sink as *mut (), Ordering::Release);
}

/// Prints text. Does not allocate.
pub fn log(text: fmt::Arguments<'_>) {
    let sink = SINK.load(Ordering::Acquire);
    if sink.is_null() {
        return;
    }
    // SAFETY: only `set_log_sink` stores here, and it stores a function of this type.
    let sink = unsafe { core::mem::transmute::<*mut (), Sink>(sink) };
    // The sink does not fail; a value's own formatting may, and then its text is cut short.
    let _ = fmt::write(&mut Writer(sink), text);
}
