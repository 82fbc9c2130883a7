//! Checks the kernel crates on the kernel itself, on the board `qemu-virt`.
//!
//! Boots as the root task, prints `ok` or `not ok` for each statement, and at the end how many
//! there were and what IPC costs. Counts are instructions where QEMU runs with
//! `-icount shift=0`.
#![cfg_attr(target_os = "none", no_std, no_main)]

/// The program only makes sense on the kernel.
#[cfg(not(all(target_os = "none", target_arch = "aarch64")))]
mod check {
    #[cfg(target_os = "none")]
    sel4_root_task::entry!(main, stack = 0x1000, heap = 0x1000);

    #[cfg(target_os = "none")]
    fn main(_: &'static sel4::BootInfo) -> ! {
        sel4_root_task::halt()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod check {
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::arch::{asm, naked_asm};
    use core::fmt::{self, Write};
    use core::ptr::NonNull;
    use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use sel4::fault::Fault;
    use sel4::init_thread::{ASID_POOL, CNODE, IRQ_CONTROL, TCB, VSPACE};
    use sel4::vspace::{self, MapError, PAGE_SIZE, TRANSLATION_LEVELS};
    use sel4::{
        AbsoluteCPtr, BootInfo, CPtr, CapData, CapRights, Error, IpcBuffer, LookupFailure,
        MessageInfo, ObjectBlueprint, PrioProps, UserContext, VmAttributes, Word, cap, ipc_buffer,
    };

    sel4_root_task::entry!(main, stack = 0x1_0000, heap = 0x4_0000);

    const UART_ADDRESS: usize = 0x0900_0000;
    /// Where this program maps what it makes.
    const WINDOW: usize = 0x10_0000_0000;
    const ROUNDS: u64 = 100_000;

    static UART: AtomicUsize = AtomicUsize::new(0);
    static CHECKS: AtomicUsize = AtomicUsize::new(0);
    static FAILURES: AtomicUsize = AtomicUsize::new(0);

    struct Uart;

    impl Write for Uart {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            print(text);
            Ok(())
        }
    }

    fn print(text: &str) {
        let base = UART.load(Ordering::Relaxed) as *mut u32;
        if base.is_null() {
            return;
        }
        for byte in text.bytes() {
            // SAFETY: the UART's page is mapped there; 0x18 is the flag register, bit 5 of which
            // says that the queue is full.
            unsafe {
                while base.byte_add(0x18).read_volatile() & 1 << 5 != 0 {}
                base.write_volatile(u32::from(byte));
            }
        }
    }

    macro_rules! say {
        ($($text:tt)*) => { let _ = writeln!(Uart, $($text)*); };
    }

    fn check(what: &str, holds: bool) {
        CHECKS.fetch_add(1, Ordering::Relaxed);
        if !holds {
            FAILURES.fetch_add(1, Ordering::Relaxed);
        }
        say!("{} {what}", if holds { "ok" } else { "not ok" });
    }

    fn counter() -> u64 {
        let ticks: u64;
        // SAFETY: reads a counter.
        unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
        ticks
    }

    /// Nanoseconds, which are instructions where the emulator counts them.
    fn nanoseconds(ticks: u64) -> u64 {
        let frequency: u64;
        // SAFETY: reads a constant.
        unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack)) };
        ticks * 1_000_000_000 / frequency
    }

    /// Makes objects out of the boot info's memory.
    struct Maker {
        untyped: Vec<cap::Untyped>,
        next_slot: u64,
        next_page: usize,
    }

    impl Maker {
        fn slot(&mut self) -> AbsoluteCPtr {
            self.next_slot += 1;
            CNODE.absolute_cptr(CPtr::from_bits(self.next_slot - 1))
        }

        fn make<T>(&mut self, blueprint: ObjectBlueprint) -> sel4::Cap<T> {
            let slot = self.slot();
            for untyped in &self.untyped {
                let into = CNODE.absolute_self();
                match untyped.retype(&blueprint, &into, slot.index() as usize, 1) {
                    Ok(()) => return CPtr::from_bits(slot.index()).cast(),
                    Err(Error::NotEnoughMemory) => {}
                    Err(error) => panic!("retype of {blueprint:?}: {error}"),
                }
            }
            panic!("no memory for {blueprint:?}");
        }

        fn map(&mut self, page: cap::Page, vaddr: usize, rights: CapRights, kind: VmAttributes) {
            loop {
                match vspace::map_page(VSPACE, page, vaddr, rights, kind) {
                    Ok(()) => return,
                    Err(MapError::MissingTable(level)) => {
                        let table: cap::Null = self.make(TRANSLATION_LEVELS[level].blueprint);
                        let attributes = VmAttributes::default();
                        vspace::map_table(level, table.cptr(), VSPACE, vaddr, attributes)
                            .expect("the level above is there");
                    }
                    Err(error) => panic!("map: {error}"),
                }
            }
        }

        fn address(&mut self) -> usize {
            self.next_page += 1;
            WINDOW + self.next_page * PAGE_SIZE
        }

        fn memory(&mut self) -> (cap::Page, usize) {
            let page = self.make(ObjectBlueprint::SmallPage);
            let vaddr = self.address();
            self.map(page, vaddr, CapRights::READ_WRITE, VmAttributes::default());
            (page, vaddr)
        }

        /// A thread in this program's own spaces, not yet running.
        fn thread(
            &mut self,
            priority: u8,
            fault: CPtr,
            code: fn(Word) -> !,
            word: Word,
        ) -> cap::Tcb {
            let tcb: cap::Tcb = self.make(ObjectBlueprint::Tcb);
            let (page, buffer) = self.memory();
            tcb.configure(
                fault,
                PrioProps {
                    max_controlled: 254,
                    priority,
                },
                CNODE,
                CapData::skip_guard(CNODE_BITS.load(Ordering::Relaxed)),
                VSPACE,
                buffer as Word,
                page,
            )
            .expect("all arguments are right");
            let stack = Box::leak(Box::new([0u8; 0x4000])).as_mut_ptr_range().end;
            let mut context = UserContext::default();
            context.set_pc(start_thread as *const () as Word);
            context.set_sp(stack as Word & !0xf);
            context.set_argument(0, word);
            context.set_argument(1, buffer as Word);
            context.set_argument(2, code as *const () as Word);
            tcb.write_all_registers(false, &context)
                .expect("the thread does not run");
            tcb
        }
    }

    static CNODE_BITS: AtomicUsize = AtomicUsize::new(0);

    /// Enters a thread: argument, thread page, code.
    #[unsafe(naked)]
    unsafe extern "C" fn start_thread() -> ! {
        naked_asm!("msr tpidr_el0, x1", "mov x29, xzr", "mov x30, xzr", "br x2")
    }

    fn main(boot: &'static BootInfo) -> ! {
        sel4_root_task::set_log_sink(print);
        CNODE_BITS.store(boot.cnode_size_bits(), Ordering::Relaxed);
        let mut maker = Maker {
            untyped: boot
                .untyped_list()
                .filter(|u| !u.is_device)
                .map(|u| u.cap)
                .collect(),
            next_slot: boot.empty().start,
            next_page: 0,
        };
        let uart = boot
            .untyped_list()
            .find(|desc| desc.is_device && desc.paddr == UART_ADDRESS && desc.size_bits == 12)
            .expect("the board has a UART");
        let slot = maker.slot();
        uart.cap
            .retype(
                &ObjectBlueprint::SmallPage,
                &CNODE.absolute_self(),
                slot.index() as usize,
                1,
            )
            .expect("device memory becomes a page");
        let vaddr = maker.address();
        let page = cap::Page::from_bits(slot.index());
        maker.map(page, vaddr, CapRights::READ_WRITE, VmAttributes::device());
        UART.store(vaddr, Ordering::Relaxed);
        say!(
            "kernel-check: {} untyped objects",
            boot.untyped_list().len()
        );

        check(
            "a page knows its physical address",
            page.get_address() == Ok(UART_ADDRESS),
        );
        boot_information(boot);
        heap(&mut maker);
        capabilities(&mut maker);
        messages(&mut maker);
        replies(&mut maker);
        faults(&mut maker);
        interrupts(&mut maker);
        registers(&mut maker);
        costs(&mut maker);

        say!(
            "done {} checks, {} failed",
            CHECKS.load(Ordering::Relaxed),
            FAILURES.load(Ordering::Relaxed)
        );
        panic!("a panic is printed");
    }

    fn boot_information(boot: &'static BootInfo) {
        let image = sel4_root_task::image();
        check(
            "code lies in the image",
            image.contains(&(main as *const () as usize)),
        );
        check(
            "the IPC buffer lies behind the image",
            image.end == boot.ipc_buffer(),
        );
        check(
            "the IPC buffer is the boot info's",
            ipc_buffer().as_ptr() as usize == boot.ipc_buffer(),
        );
        let tree = sel4_root_task::device_tree();
        check(
            "there is a device tree",
            tree.is_some_and(|tree| tree[..4] == [0xd0, 0x0d, 0xfe, 0xed]),
        );
        let memory: usize = boot
            .untyped_list()
            .filter(|u| !u.is_device)
            .map(|u| 1 << u.size_bits)
            .sum();
        say!("image {image:#x?}, {} MiB untyped", memory >> 20);
    }

    static REFILL: AtomicUsize = AtomicUsize::new(0);

    fn heap(maker: &mut Maker) {
        // Pages in a row, taken when the first heap is full.
        let start = WINDOW + 0x1000_0000;
        for at in 0..128 {
            let page = maker.make(ObjectBlueprint::SmallPage);
            maker.map(
                page,
                start + at * PAGE_SIZE,
                CapRights::READ_WRITE,
                VmAttributes::default(),
            );
        }
        REFILL.store(start, Ordering::Relaxed);
        fn refill(_: core::alloc::Layout) -> Option<NonNull<[u8]>> {
            let start = REFILL.swap(0, Ordering::Relaxed);
            NonNull::new(start as *mut u8)
                .map(|s| NonNull::slice_from_raw_parts(s, 128 * PAGE_SIZE))
        }
        // SAFETY: the function does not allocate, and the pages are used by nothing else.
        unsafe { sel4_root_task::set_refill(refill) };
        let large: Vec<u64> = (0..40_000).collect();
        check(
            "the heap grows when it is full",
            large.iter().sum::<u64>() == 40_000 * 39_999 / 2,
        );
        check(
            "the heap says when there is no more",
            Vec::<u8>::new().try_reserve(1 << 30).is_err(),
        );
    }

    fn capabilities(maker: &mut Maker) {
        let endpoint: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        let at = CNODE.absolute_cptr(endpoint.cptr());
        let (a, b, c) = (maker.slot(), maker.slot(), maker.slot());
        check(
            "an endpoint is copied",
            a.copy(&at, CapRights::READ) == Ok(()),
        );
        check(
            "a slot is taken once",
            a.copy(&at, CapRights::ALL) == Err(Error::DeleteFirst),
        );
        check(
            "a badge is minted",
            b.mint_badge(&at, CapRights::ALL, 7) == Ok(()),
        );
        check(
            "a badge is given once",
            c.mint_badge(&b, CapRights::ALL, 8) == Err(Error::IllegalOperation),
        );
        check(
            "a capability moves",
            c.move_(&b) == Ok(()) && b.copy(&c, CapRights::ALL) == Ok(()),
        );
        let refused = a.rotate(CapData::NONE, &c, CapData::NONE, &a);
        check(
            "endpoints do not rotate",
            refused == Err(Error::IllegalOperation),
        );
        check(
            "a slot is emptied",
            c.delete() == Ok(()) && b.delete() == Ok(()) && a.delete() == Ok(()),
        );
        let error = a.move_(&b).expect_err("the source is empty");
        let lookup = error.lookup_failure(ipc_buffer());
        check(
            "a failed lookup says where",
            error == Error::FailedLookup
                && lookup == Some((true, LookupFailure::MissingCapability { bits_left: 64 })),
        );
        check(
            "a whole object goes by revocation",
            at.revoke() == Ok(()) && at.delete() == Ok(()),
        );

        let small: cap::Untyped = maker.make(ObjectBlueprint::Untyped { size_bits: 12 });
        let node: cap::CNode = maker.make(ObjectBlueprint::CNode { size_bits: 4 });
        let tcbs = small.retype(&ObjectBlueprint::Tcb, &node.absolute_self(), 0, 3);
        check("memory ends", tcbs == Err(Error::NotEnoughMemory));
        let left = Error::NotEnoughMemory.memory_left(ipc_buffer());
        check("what is left is told", left == Some(4096));
        let two = small.retype(&ObjectBlueprint::Tcb, &node.absolute_self(), 0, 2);
        check("objects fill a CNode", two == Ok(()));
        let beyond = small.retype(&ObjectBlueprint::Endpoint, &node.absolute_self(), 16, 1);
        check("a CNode ends", beyond == Err(Error::RangeError));
        check(
            "its range is told",
            Error::RangeError.range(ipc_buffer()) == Some((0, 15)),
        );
        let inner = node.absolute_cptr_with_depth(1, 4);
        let first = node.absolute_cptr_with_depth(0, 4);
        let third = node.absolute_cptr_with_depth(2, 4);
        let exchanged = inner.rotate(CapData::NONE, &first, CapData::NONE, &inner);
        check("two capabilities change places", exchanged == Ok(()));
        let moved = third.rotate(CapData::NONE, &first, CapData::NONE, &inner);
        check(
            "two capabilities move on",
            moved == Ok(()) && inner.copy(&third, CapRights::ALL) == Ok(()),
        );
        check(
            "a slot of another CNode is reached",
            inner.delete() == Ok(()),
        );
        let wrong: cap::Tcb = small.cast();
        check(
            "another kind of object is refused",
            wrong.resume() == Err(Error::IllegalOperation),
        );
        let none: cap::Tcb = CNODE.cast();
        check(
            "a CNode is no thread",
            none.suspend() == Err(Error::IllegalOperation),
        );
        let missing = cap::Tcb::from_bits(maker.slot().index());
        check(
            "an empty slot is refused",
            missing.suspend() == Err(Error::InvalidCapability),
        );

        let root: cap::VSpace = maker.make(vspace::VSPACE_BLUEPRINT);
        let page: cap::Page = maker.make(ObjectBlueprint::SmallPage);
        let map =
            |vaddr| vspace::map_page(root, page, vaddr, CapRights::ALL, VmAttributes::default());
        check(
            "a space needs an identifier",
            map(0x1000) == Err(MapError::Kernel(Error::InvalidCapability)),
        );
        check("a pool gives one", ASID_POOL.assign(root) == Ok(()));
        for (level, kind) in TRANSLATION_LEVELS.iter().enumerate() {
            check(
                "the topmost missing table is told",
                map(0x1000) == Err(MapError::MissingTable(level)),
            );
            let table: cap::Null = maker.make(kind.blueprint);
            let attributes = VmAttributes::default();
            let mapped = vspace::map_table(level, table.cptr(), root, 0x1000, attributes);
            check("a table is mapped", mapped == Ok(()));
        }
        check("a page is mapped", map(0x1000) == Ok(()));
        check(
            "its rights change",
            page.remap(root, CapRights::READ, VmAttributes::default()) == Ok(()),
        );
        check(
            "it is mapped once",
            map(0x2000) == Err(MapError::Kernel(Error::InvalidCapability)),
        );
        check(
            "it is unmapped",
            page.unmap() == Ok(()) && map(0x2000) == Ok(()),
        );
        let large: cap::Page = maker.make(ObjectBlueprint::LargePage);
        let high = 0x4000_0000;
        let mapped = vspace::map_page(root, large, high, CapRights::ALL, VmAttributes::default());
        check(
            "a large page needs a page directory",
            mapped == Err(MapError::MissingTable(1)),
        );
    }

    static SEEN: AtomicU64 = AtomicU64::new(0);

    fn messages(maker: &mut Maker) {
        let endpoint: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        let badged = maker.slot();
        let rights = CapRights::WRITE_GRANT;
        badged
            .mint_badge(&CNODE.absolute_cptr(endpoint.cptr()), rights, 0x0fed_cba9)
            .expect("the endpoint is new");
        // Answers with the badge, the label, and all words plus one.
        fn server(endpoint: Word) -> ! {
            let endpoint = cap::Endpoint::from_bits(endpoint);
            let buffer = ipc_buffer();
            let mut message = endpoint.recv();
            loop {
                let length = message.info.length();
                for at in 4..length {
                    buffer.set_msg(at, buffer.msg(at) + 1);
                }
                let mrs = [
                    message.badge,
                    message.info.label(),
                    length as Word,
                    message.mrs[3] + 1,
                ];
                let info = MessageInfo::new(message.info.label() + 1, 0, 0, length as Word);
                message = endpoint.reply_recv(info, mrs);
            }
        }
        let thread = maker.thread(255 - 1, CPtr::NULL, server, endpoint.bits());
        thread.resume().expect("the thread is complete");
        let client = cap::Endpoint::from_bits(badged.index());
        let (info, mrs) = client.call(MessageInfo::new(100, 0, 0, 4), [1, 2, 3, 4]);
        check(
            "a call brings badge, label and words",
            info.label() == 101 && info.length() == 4 && mrs == [0x0fed_cba9, 100, 4, 5],
        );
        let buffer = ipc_buffer();
        let words: Vec<Word> = (0..116).map(|word| word * 3).collect();
        buffer.write_msgs(4, &words);
        let (info, _) = client.call(MessageInfo::new(0xffffe, 0, 0, 120), [1, 2, 3, 4]);
        let mut answer = [0; 116];
        buffer.read_msgs(4, &mut answer);
        check(
            "a message has 120 words",
            info.length() == 120 && answer.iter().zip(&words).all(|(a, w)| *a == w + 1),
        );
        check(
            "a label has 20 bits",
            info.label() == MessageInfo::MAX_LABEL,
        );
        fn echo(endpoint: Word) -> ! {
            let endpoint = cap::Endpoint::from_bits(endpoint);
            let mut message = endpoint.recv();
            loop {
                let words = [message.info.into_word(), 0, 0, 0];
                message =
                    endpoint.reply_recv(MessageInfo::from_word(message.info.into_word()), words);
            }
        }
        let echoing: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        maker
            .thread(254, CPtr::NULL, echo, echoing.bits())
            .resume()
            .expect("complete");
        for length in [4, 5] {
            let sent = MessageInfo::new(1, 0, 0, length).with_user_bits(0xdead_beef);
            let (info, mrs) = echoing.call(sent, [0; 4]);
            let arrived = MessageInfo::from_word(mrs[0]);
            check("user bits go both ways", arrived == sent && info == sent);
        }
        let (info, _) = cap::Endpoint::from_bits(maker.slot().index())
            .call(MessageInfo::new(5, 0, 0, 0), [0; 4]);
        check(
            "a call of nothing is answered by the kernel",
            Error::from_label(info.label()) == Some(Error::InvalidCapability),
        );

        // An endpoint's own capability comes back as its badge.
        fn unwrapper(endpoint: Word) -> ! {
            let endpoint = cap::Endpoint::from_bits(endpoint);
            let message = endpoint.recv();
            let unwrapped = message.info.caps_unwrapped();
            let badge = ipc_buffer().badge(0);
            sel4::reply(
                MessageInfo::new(0, 0, 0, 3),
                [unwrapped, badge, message.info.extra_caps(), 0],
            );
            park(0)
        }
        let other: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        let handle = maker.slot();
        handle
            .mint_badge(&CNODE.absolute_cptr(other.cptr()), CapRights::ALL, 77)
            .expect("new");
        maker
            .thread(254, CPtr::NULL, unwrapper, other.bits())
            .resume()
            .expect("complete");
        buffer.set_cap(0, CPtr::from_bits(handle.index()));
        let (_, mrs) = other.call(MessageInfo::new(0, 0, 1, 0), [0; 4]);
        check("an own capability is unwrapped", mrs[..3] == [1, 77, 1]);

        // A capability of another kind goes into the receive slot.
        fn receiver(word: Word) -> ! {
            let endpoint = cap::Endpoint::from_bits(word & 0xffff_ffff);
            let slot = CNODE.absolute_cptr(CPtr::from_bits(word >> 32));
            ipc_buffer().set_receive_slot(&slot);
            let message = endpoint.recv();
            sel4::reply(
                MessageInfo::new(0, 0, 0, 1),
                [message.info.extra_caps(), 0, 0, 0],
            );
            park(0)
        }
        let third: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        let into = maker.slot();
        maker
            .thread(254, CPtr::NULL, receiver, third.bits() | into.index() << 32)
            .resume()
            .expect("complete");
        buffer.set_cap(0, CPtr::from_bits(handle.index()));
        let (_, mrs) = third.call(MessageInfo::new(0, 0, 1, 0), [0; 4]);
        check(
            "another's capability is received",
            mrs[0] == 1 && into.delete() == Ok(()),
        );

        let notification: cap::Notification = maker.make(ObjectBlueprint::Notification);
        let (one, two) = (maker.slot(), maker.slot());
        for (slot, badge) in [(&one, 1), (&two, 2)] {
            slot.mint_badge(
                &CNODE.absolute_cptr(notification.cptr()),
                CapRights::ALL,
                badge,
            )
            .expect("the notification is new");
        }
        check(
            "an idle notification has no badge",
            notification.poll() == 0,
        );
        cap::Notification::from_bits(one.index()).signal();
        cap::Notification::from_bits(two.index()).signal();
        check("badges add up", notification.wait() == 3);
        check(
            "a notification is bound",
            TCB.bind_notification(notification) == Ok(()),
        );
        cap::Notification::from_bits(two.index()).signal();
        let message = third.recv();
        check("a bound one ends a receive", message.badge == 2);
        check("it is unbound", TCB.unbind_notification() == Ok(()));
        check("nothing waits to send", third.nb_recv().badge == 0);
        thread.suspend().expect("it is a thread");
    }

    fn park(_: Word) -> ! {
        loop {
            let _ = cap::Notification::from_bits(PARKING.load(Ordering::Relaxed)).wait();
        }
    }

    static PARKING: AtomicU64 = AtomicU64::new(0);

    fn replies(maker: &mut Maker) {
        let endpoint: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        fn caller(endpoint: Word) -> ! {
            let endpoint = cap::Endpoint::from_bits(endpoint);
            loop {
                let (info, mrs) = endpoint.call(MessageInfo::new(1, 0, 0, 1), [5, 0, 0, 0]);
                SEEN.store(info.label() << 32 | mrs[0], Ordering::Relaxed);
            }
        }
        SEEN.store(0, Ordering::Relaxed);
        let thread = maker.thread(254, CPtr::NULL, caller, endpoint.bits());
        thread.resume().expect("complete");
        let _ = endpoint.recv();
        let saved = maker.slot();
        check("a caller is saved", saved.save_caller() == Ok(()));
        let reply = cap::Reply::from_bits(saved.index());
        reply.send(MessageInfo::new(9, 0, 0, 1), [6, 0, 0, 0]);
        let message = endpoint.recv();
        check(
            "a saved caller is answered",
            SEEN.load(Ordering::Relaxed) == 9 << 32 | 6 && message.info.label() == 1,
        );
        check(
            "its capability is gone",
            saved.delete() == Ok(()) && saved.save_caller() == Ok(()),
        );
        // The caller dies while its reply capability is kept.
        CNODE
            .absolute_cptr(thread.cptr())
            .delete()
            .expect("it is a thread");
        let gone = maker.slot().move_(&saved);
        check(
            "a dead caller's reply capability vanishes",
            gone == Err(Error::FailedLookup),
        );
        reply.send(MessageInfo::new(9, 0, 0, 1), [6, 0, 0, 0]);
        check("sending on it does nothing", true);

        // A server dies while it owes a reply.
        fn server(endpoint: Word) -> ! {
            let _ = cap::Endpoint::from_bits(endpoint).recv();
            park(0)
        }
        let parking: cap::Notification = maker.make(ObjectBlueprint::Notification);
        PARKING.store(parking.bits(), Ordering::Relaxed);
        SEEN.store(0, Ordering::Relaxed);
        let server = maker.thread(253, CPtr::NULL, server, endpoint.bits());
        server.resume().expect("complete");
        let thread = maker.thread(252, CPtr::NULL, caller, endpoint.bits());
        thread.resume().expect("complete");
        TCB.set_priority(250).expect("lower");
        sel4::r#yield();
        CNODE
            .absolute_cptr(server.cptr())
            .delete()
            .expect("it is a thread");
        sel4::r#yield();
        check(
            "the caller of a dead server waits on",
            SEEN.load(Ordering::Relaxed) == 0,
        );
        let before = thread.read_all_registers(false).expect("another thread");
        let mut context = thread.read_all_registers(true).expect("another thread");
        check(
            "a waiting caller is at its system call",
            before.pc() == context.pc(),
        );
        check(
            "it still shows what it calls",
            context.badge() == endpoint.bits(),
        );
        context.set_message_info(MessageInfo::new(77, 0, 0, 1));
        context.set_mrs([88, 0, 0, 0]);
        context.set_pc(context.pc() + 4);
        thread
            .write_all_registers(true, &context)
            .expect("another thread");
        check(
            "it is freed by writing its registers",
            SEEN.load(Ordering::Relaxed) == 77 << 32 | 88,
        );
        thread.suspend().expect("it is a thread");
        TCB.set_priority(255).expect("allowed");
    }

    /// Instructions that fault, each followed by storing `x0`.
    #[unsafe(naked)]
    unsafe extern "C" fn faulter(_word: Word) -> ! {
        naked_asm!(
            "mov x8, #64",
            "mov x7, #0",
            "mov x9, #99",
            "svc #0",          // unknown system call
            "brk #5",          // user exception
            "mov x1, #0x7000",
            "str x0, [x1]",    // write to nothing
            "ldr x0, [x1]",    // read of nothing
            "adrp x1, {code}",
            "mov x7, #-1",
            "mov x0, #0x77770000",
            "mov x1, #0",
            "svc #0",          // system call beyond the CNode
            "br x3",           // fetch from nothing
            code = sym faulter,
        )
    }

    fn faults(maker: &mut Maker) {
        let endpoint: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        let badged = maker.slot();
        badged
            .mint_badge(&CNODE.absolute_cptr(endpoint.cptr()), CapRights::ALL, 500)
            .expect("new");
        let tcb = maker.thread(254, CPtr::from_bits(badged.index()), park, 3);
        let start = faulter as *const () as Word;
        let mut context = tcb.read_all_registers(false).expect("another thread");
        context.set_argument(2, start);
        tcb.write_all_registers(true, &context)
            .expect("another thread");
        let buffer: IpcBuffer = ipc_buffer();

        let message = endpoint.recv();
        let Some(Fault::UnknownSyscall(mut fault)) =
            Fault::decode(message.info, message.mrs, buffer)
        else {
            panic!("{message:?}");
        };
        check("a fault carries the endpoint's badge", message.badge == 500);
        check(
            "an unknown system call is told",
            fault.x0() == 3 && fault.pc() == start + 12,
        );
        check("it goes on behind the svc", fault.resume_pc() == start + 16);
        let registers = tcb
            .read_registers(false, UserContext::MESSAGE_WORDS)
            .expect("another thread");
        check(
            "x8 is read from the thread",
            registers.x(8) == 64 && registers.pc() == fault.pc(),
        );
        fault.set_x0(11);
        fault.set_pc(fault.resume_pc());
        let (info, mrs) = fault.reply(buffer);

        let message = endpoint.reply_recv(info, mrs);
        let Some(Fault::UserException(mut fault)) =
            Fault::decode(message.info, message.mrs, buffer)
        else {
            panic!("{message:?}");
        };
        check("an exception is told", fault.pc() == start + 16);
        let registers = tcb.read_all_registers(false).expect("another thread");
        check(
            "an answer changes a register",
            registers.x(0) == 11 && registers.x(9) == 99,
        );
        fault.set_pc(fault.pc() + 4);
        let (info, mrs) = fault.reply(buffer);

        let message = endpoint.reply_recv(info, mrs);
        let Some(Fault::Vm(fault)) = Fault::decode(message.info, message.mrs, buffer) else {
            panic!("{message:?}");
        };
        check(
            "a write to nothing is told",
            fault.address() == 0x7000
                && fault.is_write()
                && !fault.is_fetch()
                && !fault.is_permission(),
        );
        let page: cap::Page = maker.make(ObjectBlueprint::SmallPage);
        maker.map(
            page,
            0x7000,
            CapRights::READ,
            VmAttributes::default().execute_never(),
        );
        let (info, mrs) = fault.reply(buffer);

        let message = endpoint.reply_recv(info, mrs);
        let Some(Fault::Vm(fault)) = Fault::decode(message.info, message.mrs, buffer) else {
            panic!("{message:?}");
        };
        check(
            "a write to read-only memory is told",
            fault.is_write() && fault.is_permission(),
        );
        page.remap(
            VSPACE,
            CapRights::READ_WRITE,
            VmAttributes::default().execute_never(),
        )
        .expect("it is mapped");
        let (info, mrs) = fault.reply(buffer);

        let message = endpoint.reply_recv(info, mrs);
        let Some(Fault::Cap(fault)) = Fault::decode(message.info, message.mrs, buffer) else {
            panic!("{message:?}");
        };
        check(
            "a system call beyond the CNode is told",
            fault.address() == 0x7777_0000 && fault.in_receive_phase() == 0,
        );
        let lookup = fault.lookup_failure();
        check(
            "the guard that it met is told",
            matches!(lookup, LookupFailure::GuardMismatch { .. }),
        );
        let mut registers = tcb.read_all_registers(false).expect("another thread");
        registers.set_pc(fault.pc() + 4);
        registers.set_x(3, 0x7000);
        tcb.write_all_registers(true, &registers)
            .expect("another thread");

        let message = endpoint.recv();
        let Some(Fault::Vm(fault)) = Fault::decode(message.info, message.mrs, buffer) else {
            panic!("{message:?}");
        };
        check(
            "a fetch from unexecutable memory is told",
            fault.is_fetch() && fault.pc() == 0x7000 && fault.is_permission(),
        );
        tcb.suspend().expect("it is a thread");
        check(
            "the stack's guard is not mapped",
            guard_faults(maker, &endpoint, badged.index()),
        );
    }

    fn guard_faults(maker: &mut Maker, endpoint: &cap::Endpoint, fault: u64) -> bool {
        let here = 0u8;
        fn toucher(word: Word) -> ! {
            let mut at = word as usize;
            loop {
                // SAFETY: reads of this program's own image; the one that is not mapped faults.
                unsafe { (at as *const u8).read_volatile() };
                at -= PAGE_SIZE;
            }
        }
        let tcb = maker.thread(
            254,
            CPtr::from_bits(fault),
            toucher,
            &raw const here as Word,
        );
        tcb.resume().expect("complete");
        let message = endpoint.recv();
        let decoded = Fault::decode(message.info, message.mrs, ipc_buffer());
        tcb.suspend().expect("it is a thread");
        matches!(decoded, Some(Fault::Vm(fault)) if sel4_root_task::image().contains(&(fault.address() as usize)))
    }

    fn interrupts(maker: &mut Maker) {
        let slot = maker.slot();
        let notification: cap::Notification = maker.make(ObjectBlueprint::Notification);
        let badged = maker.slot();
        badged
            .mint_badge(&CNODE.absolute_cptr(notification.cptr()), CapRights::ALL, 4)
            .expect("new");
        check(
            "an interrupt has a handler",
            IRQ_CONTROL.get(30, &slot) == Ok(()),
        );
        check(
            "it has one",
            IRQ_CONTROL.get(30, &maker.slot()) == Err(Error::RevokeFirst),
        );
        let handler = cap::IrqHandler::from_bits(slot.index());
        handler
            .set_notification(cap::Notification::from_bits(badged.index()))
            .expect("both are there");
        for _ in 0..2 {
            // SAFETY: the physical timer is the user's: a millisecond's shot.
            unsafe {
                asm!("msr cntp_tval_el0, {0}", "msr cntp_ctl_el0, {1}", in(reg) 62_500u64, in(reg) 1u64)
            };
            check("the timer interrupts", notification.wait() == 4);
            // SAFETY: stops the timer.
            unsafe { asm!("msr cntp_ctl_el0, {0}", in(reg) 0u64) };
            check("the interrupt is acknowledged", handler.ack() == Ok(()));
        }
        check("the handler is cleared", handler.clear() == Ok(()));
    }

    static SPIN: AtomicU64 = AtomicU64::new(0);

    /// What a thread's registers say in each state, and what resuming it does.
    fn registers(maker: &mut Maker) {
        let endpoint: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        TCB.set_priority(250).expect("lower");

        // Calls once, counts the answers, spins.
        #[unsafe(naked)]
        unsafe extern "C" fn calls(_endpoint: Word) -> ! {
            naked_asm!(
                "mov x20, x0",
                "mov x7, #-1",
                "mov x1, #1",
                "svc #0",
                "adrp x21, {seen}",
                "str x1, [x21, :lo12:{seen}]",
                "adrp x21, {spin}",
                "add x21, x21, :lo12:{spin}",
                "1: ldr x22, [x21]",
                "add x22, x22, #1",
                "str x22, [x21]",
                "b 1b",
                seen = sym SEEN,
                spin = sym SPIN,
            )
        }
        let svc = calls as *const () as Word + 12;
        let start = |maker: &mut Maker, priority| {
            let tcb = maker.thread(priority, CPtr::NULL, park, endpoint.bits());
            let mut context = tcb.read_all_registers(false).expect("another thread");
            context.set_argument(2, calls as *const () as Word);
            tcb.write_all_registers(true, &context)
                .expect("another thread");
            tcb
        };
        let at = |tcb: cap::Tcb, suspend| {
            tcb.read_all_registers(suspend).expect("another").pc() as i64 - svc as i64
        };

        // 1. Waiting to send.
        let tcb = start(maker, 254);
        check(
            "a waiting sender is at its system call",
            at(tcb, false) == 0,
        );
        check("also when it is suspended", at(tcb, true) == 0);
        tcb.resume().expect("thread");
        let message = endpoint.nb_recv();
        check("a resumed sender sends again", message.info.length() == 1);
        // 2. Waiting for the reply.
        check("a caller is at its system call", at(tcb, false) == 0);
        check("also when it is suspended", at(tcb, true) == 0);
        tcb.resume().expect("thread");
        check(
            "a resumed caller calls again",
            endpoint.nb_recv().info.length() == 1,
        );
        // 3. Just answered, with a lower priority: it has not run since.
        tcb.set_priority(240).expect("thread");
        sel4::reply(MessageInfo::new(0, 0, 0, 1), [1, 0, 0, 0]);
        check(
            "one that was answered and has not run is too",
            at(tcb, false) == 0,
        );
        let context = tcb.read_all_registers(true).expect("another");
        check(
            "only its registers show the answer",
            context.badge() == 0 && context.mrs()[0] == 1,
        );
        SEEN.store(u64::MAX, Ordering::Relaxed);
        tcb.resume().expect("thread");
        tcb.set_priority(250).expect("thread");
        sel4::r#yield();
        sel4::r#yield();
        let seen = MessageInfo::from_word(SEEN.load(Ordering::Relaxed));
        check(
            "suspended and resumed, it repeats the call on the null capability",
            Error::from_label(seen.label()) == Some(Error::InvalidCapability),
        );
        tcb.suspend().expect("thread");
        CNODE.absolute_cptr(tcb.cptr()).delete().expect("thread");

        // 3b. The same, but its registers are written in between.
        let tcb = start(maker, 254);
        let _ = endpoint.nb_recv();
        tcb.set_priority(240).expect("thread");
        sel4::reply(MessageInfo::new(5, 0, 0, 1), [1, 0, 0, 0]);
        let mut context = tcb.read_all_registers(true).expect("another");
        context.set_pc(svc + 4);
        SEEN.store(u64::MAX, Ordering::Relaxed);
        tcb.write_all_registers(true, &context).expect("another");
        tcb.set_priority(250).expect("thread");
        sel4::r#yield();
        let seen = MessageInfo::from_word(SEEN.load(Ordering::Relaxed));
        check(
            "writing the program counter behind the svc keeps the answer",
            seen.label() == 5,
        );
        tcb.suspend().expect("thread");
        // 3c. Written without a suspend: the state stays running.
        let tcb = start(maker, 254);
        let _ = endpoint.nb_recv();
        tcb.set_priority(240).expect("thread");
        sel4::reply(MessageInfo::new(6, 0, 0, 1), [1, 0, 0, 0]);
        let mut context = tcb.read_all_registers(false).expect("another");
        context.set_pc(svc);
        SEEN.store(u64::MAX, Ordering::Relaxed);
        tcb.write_all_registers(false, &context).expect("another");
        tcb.set_priority(250).expect("thread");
        sel4::r#yield();
        let seen = MessageInfo::from_word(SEEN.load(Ordering::Relaxed));
        check(
            "writing its registers back repeats the call, too",
            Error::from_label(seen.label()) == Some(Error::InvalidCapability),
        );
        tcb.suspend().expect("thread");

        // 4. Preempted in user mode.
        SPIN.store(0, Ordering::Relaxed);
        TCB.set_priority(250).expect("still");
        let tcb = start(maker, 250);
        while endpoint.nb_recv().info.length() != 1 || SPIN.load(Ordering::Relaxed) != 0 {
            sel4::r#yield();
        }
        sel4::reply(MessageInfo::new(0, 0, 0, 1), [1, 0, 0, 0]);
        while SPIN.load(Ordering::Relaxed) == 0 {
            sel4::r#yield();
        }
        let place = at(tcb, false);
        check("a preempted thread is behind its system call", place > 0);
        check("also when it is suspended", at(tcb, true) == place);
        let before = SPIN.load(Ordering::Relaxed);
        tcb.resume().expect("thread");
        for _ in 0..3 {
            sel4::r#yield();
        }
        check(
            "a preempted thread goes on after suspend and resume",
            SPIN.load(Ordering::Relaxed) > before,
        );
        tcb.suspend().expect("thread");
        TCB.set_priority(255).expect("allowed");
    }

    fn costs(maker: &mut Maker) {
        let endpoint: cap::Endpoint = maker.make(ObjectBlueprint::Endpoint);
        fn server(endpoint: Word) -> ! {
            let endpoint = cap::Endpoint::from_bits(endpoint);
            let mut message = endpoint.recv();
            loop {
                message = endpoint.reply_recv(MessageInfo::new(0, 0, 0, 1), message.mrs);
            }
        }
        let thread = maker.thread(255 - 1, CPtr::NULL, server, endpoint.bits());
        thread.resume().expect("complete");
        TCB.set_priority(254).expect("lower");
        let info = MessageInfo::new(1, 0, 0, 1);
        for (server, client) in [(254, 254), (254, 253), (253, 254)] {
            TCB.set_priority(255).expect("allowed");
            thread.set_priority(server).expect("allowed");
            TCB.set_priority(client).expect("allowed");
            let start = counter();
            for round in 0..ROUNDS {
                let _ = endpoint.call(info, [round, 0, 0, 0]);
            }
            let passed = nanoseconds(counter() - start);
            say!(
                "call and reply, priorities {server} and {client}: {} instructions",
                passed / ROUNDS
            );
        }
        let start = counter();
        for _ in 0..ROUNDS {
            let _ = thread.set_priority(254);
        }
        say!(
            "set priority: {} instructions",
            nanoseconds(counter() - start) / ROUNDS
        );
        TCB.set_priority(255).expect("allowed");
        let start = counter();
        for _ in 0..1000 {
            let _ = thread.read_all_registers(false);
        }
        say!(
            "read all registers: {} instructions",
            nanoseconds(counter() - start) / 1000
        );
        let start = counter();
        for _ in 0..1000 {
            let _ = thread.read_registers(false, UserContext::MESSAGE_WORDS);
        }
        say!(
            "read message registers: {} instructions",
            nanoseconds(counter() - start) / 1000
        );
    }
}
