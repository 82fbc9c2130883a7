//! Messages that no stub would send: nothing makes a dispatcher panic, and what it hands to a server
//! is what the definition says.

use interface::{fs, io, socket};
use machuser::server::MessageBuffer;
use machuser::sys::{self, Incoming, Message};
use machuser::wire::{LABEL_WINDOW, REPLY_OK, REPLY_WINDOW_UNKNOWN, Reader};
use machuser::{
    Call, CarriedList, Data, DataOut, Error, Outcome, Request, Result, Right, SendRight,
};
use proptest::prelude::*;

/// Takes everything, and looks at every byte of it.
struct Everything;

impl io::Io for Everything {
    fn io_write(&self, _: &Call<'_>, data: Data<'_>, _offset: i64) -> Result<usize> {
        Ok(data.to_vec().len())
    }
    fn io_read(&self, _: &Call<'_>, _: i64, amount: usize, data: &mut DataOut<'_>) -> Result<()> {
        data.write_zeroes(amount);
        Ok(())
    }
    fn io_seek(&self, _: &Call<'_>, offset: i64, _whence: i32) -> Result<i64> {
        Ok(offset)
    }
    fn io_restrict_auth(
        &self,
        _: &Call<'_>,
        uids: Vec<u32>,
        gids: Vec<u32>,
    ) -> Result<Right<'static>> {
        assert!(uids.len() + gids.len() <= 120);
        Ok(Right::null())
    }
}

impl fs::Fs for Everything {
    fn dir_lookup(
        &self,
        _: &Call<'_>,
        file_name: &[u8],
        _flags: i32,
        _mode: u32,
    ) -> Result<(u32, Vec<u8>, Right<'static>)> {
        assert!(file_name.len() <= 1023 && !file_name.contains(&0));
        Ok((1, file_name.to_vec(), Right::null()))
    }
    fn file_exec(
        &self,
        _: &Call<'_>,
        _exec_task: Option<SendRight>,
        _flags: i32,
        argv: Vec<u8>,
        envp: Vec<u8>,
        fdarray: Vec<Option<SendRight>>,
        portarray: Vec<Option<SendRight>>,
        _intarray: Vec<i32>,
        _deallocnames: Vec<u32>,
        _destroynames: Vec<u32>,
    ) -> Result<()> {
        assert!(argv.len() + envp.len() <= 960 && fdarray.len() + portarray.len() <= 120);
        Ok(())
    }
}

impl socket::Socket for Everything {
    fn socket_recv(
        &self,
        _: &Call<'_>,
        _flags: i32,
        amount: usize,
        data: &mut DataOut<'_>,
    ) -> Result<(Right<'static>, Vec<Right<'static>>, Vec<u8>, i32)> {
        data.write_zeroes(amount);
        Ok((Right::null(), Vec::new(), vec![1; amount % 2000], 0))
    }
}

fn dispatch(request: &mut Request<'_>) -> Outcome {
    io::dispatch(&Everything, request)
        .or_else(|| fs::dispatch(&Everything, request))
        .or_else(|| socket::dispatch(&Everything, request))
        .or_else(|| request.dispatch_common())
}

/// The label, number of words and first words of the answer.
fn serve(label: u32, words: &[u64]) -> (u32, usize, [u64; 4]) {
    let mut mrs = [0; 4];
    let first = words.len().min(4);
    mrs[..first].copy_from_slice(&words[..first]);
    if words.len() > 4 {
        sys::buffer_write(4, &words[4..]);
    }
    let mut buffer = MessageBuffer::new(None);
    let incoming = Incoming {
        badge: 16,
        label,
        len: words.len(),
        mrs,
    };
    let mut request = buffer.request(&incoming);
    let _ = dispatch(&mut request);
    buffer.put_answer()
}

/// Words that are mostly small, so that lengths and counts are sometimes plausible.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..20,
        2 => 0u64..2000,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
        1 => Just(1 << 63),
    ]
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        20000u32..20040,
        21000u32..21035,
        26000u32..26020,
        0u32..30,
        any::<u32>()
    ]
}

proptest! {
    #[test]
    fn any_words_are_answered(
        number in number(),
        window in any::<bool>(),
        words in proptest::collection::vec(word(), 0..=120),
    ) {
        let label = number & 0xf_ffff | if window { LABEL_WINDOW } else { 0 };
        let answer = serve(label, &words);
        prop_assert!(answer.1 <= 120);
        if window && (21000..21002).contains(&number) && !words.is_empty() {
            prop_assert_ne!(answer.0, REPLY_OK, "no such window exists");
        }
    }

    #[test]
    fn any_one_way_message_is_survived(
        number in number(),
        reply in any::<bool>(),
        words in proptest::collection::vec(word(), 0..=200),
    ) {
        let label = number & 0x3_ffff | if reply { LABEL_WINDOW } else { 0 };
        let message = Message { port: 16, label, words: words.into(), rights: CarriedList::new(), seqno: 0, payload: None };
        let mut buffer = MessageBuffer::new(None);
        let mut request = buffer.message(message);
        let _ = dispatch(&mut request);
    }

    #[test]
    fn any_words_can_be_printed(
        at in any::<proptest::sample::Index>(),
        words in proptest::collection::vec(word(), 0..=120),
    ) {
        let interface = interface::ALL[at.index(interface::ALL.len())];
        for routine in interface.routines {
            let mut text = String::new();
            routine.print_request(&words, &mut text).unwrap();
            routine.print_reply(&words, &mut text).unwrap();
            prop_assert!(text.len() < 100_000);
        }
    }

    #[test]
    fn a_reader_never_goes_beyond_its_words(
        words in proptest::collection::vec(word(), 0..40),
        steps in proptest::collection::vec(0..5, 0..20),
    ) {
        let mut reader = Reader::words(&words);
        for step in steps {
            let before = reader.remaining();
            let _ = match step {
                0 => machuser::Source::word(&mut reader).map(drop),
                1 => reader.bytes(usize::MAX).map(|bytes| assert!(bytes.len() <= before * 8)),
                2 => reader.string().map(drop),
                3 => reader.array::<u32>().map(|items| assert!(items.len() <= before)),
                _ => reader.data().map(|data| assert!(data.to_vec().len() <= before * 8)),
            };
            prop_assert!(reader.remaining() <= before);
        }
    }
}

#[test]
fn a_count_that_wraps_is_refused() {
    for count in [u64::MAX, 1 << 61, 1 << 62, 1 << 63, 121] {
        let answer = serve(21015, &[7, 9, count, 1, 2, 3]);
        assert_eq!(
            (answer.0, answer.2[0]),
            (0x80001, Error::MIG_BAD_ARGUMENTS.0.into())
        );
    }
}

#[test]
fn words_behind_the_arguments_are_refused() {
    assert_eq!(serve(21002, &[5, 0]).0, REPLY_OK);
    assert_eq!(
        serve(21002, &[5, 0, 0]).2[0],
        Error::MIG_BAD_ARGUMENTS.0.into()
    );
    assert_eq!(serve(21002, &[5]).2[0], Error::MIG_BAD_ARGUMENTS.0.into());
    assert_eq!(
        serve(21002, &[5, 1 << 32]).2[0],
        Error::MIG_BAD_ARGUMENTS.0.into()
    );
}

#[test]
fn an_unknown_window_is_refused_before_anything_is_done() {
    assert_eq!(
        serve(21001 | LABEL_WINDOW, &[4711, 0, 10]).0,
        REPLY_WINDOW_UNKNOWN
    );
    assert_eq!(
        serve(21000 | LABEL_WINDOW, &[4711 | 1 << 63, 10]).0,
        REPLY_WINDOW_UNKNOWN
    );
}

#[test]
fn a_message_is_printed_with_the_names_of_its_arguments() {
    let routine = interface::routine(20018).unwrap();
    let mut text = String::new();
    routine
        .print_request(
            &[u64::from_le_bytes(*b"hello\0\0\0"), 1, 0o644],
            &mut text,
        )
        .unwrap();
    assert_eq!(text, "file_name: \"hello\", flags: 1, mode: 420");
    text.clear();
    routine.print_reply(&[1, 0], &mut text).unwrap();
    assert_eq!(text, "do_retry: 1, retry_name: \"\", result: send right");
    text.clear();
    routine.print_request(&[u64::MAX], &mut text).unwrap();
    assert!(text.starts_with("file_name: <"), "{text}");
}
