//! Interfaces of the mach server, where rights are names in words.

use interface::interface;
use machuser::wire::Writer;
use machuser::{Disposition, Error, Name, Result, RightArg};

/// A sample.
#[interface(base = 2000, name = "sample", raw_rights)]
pub trait Sample {
    /// Four words at most.
    #[routine(1)]
    fn sample_allocate(task: SendRight, address: InOut<u64>, size: u64, anywhere: bool);
    /// A right of the caller's choice.
    #[routine(2)]
    fn sample_insert(name: u32, poly: AnyRight);
    /// Names out.
    #[routine(3)]
    fn sample_threads(threads: Out<[SendRight]>, first: Out<SendRight>);
    /// Bulk.
    #[routine(4)]
    fn sample_write(address: u64, data: Data, text: Str, counts: [i32], back: Out<Bytes>);
}

#[derive(Default)]
struct Server(Vec<String>);

impl Sample<u32> for Server {
    fn sample_allocate(
        &mut self,
        who: &mut u32,
        task: Name,
        address: u64,
        size: u64,
        anywhere: bool,
    ) -> Result<u64> {
        *who += 1;
        self.0.push(format!("{task} {address} {size} {anywhere}"));
        Ok(address + size)
    }
    fn sample_insert(&mut self, _: &mut u32, name: u32, poly: RightArg) -> Result<()> {
        self.0.push(format!("{name} {poly:?}"));
        Err(Error::KERN_NAME_EXISTS)
    }
    fn sample_threads(&mut self, _: &mut u32) -> Result<(Vec<Name>, Name)> {
        Ok((vec![17, 18], 19))
    }
    fn sample_write(
        &mut self,
        _: &mut u32,
        _address: u64,
        data: machuser::Data<'_>,
        text: &[u8],
        counts: Vec<i32>,
    ) -> Result<Vec<u8>> {
        Ok([
            data.to_vec(),
            text.to_vec(),
            counts.iter().map(|c| *c as u8).collect(),
        ]
        .concat())
    }
}

fn ask(server: &mut Server, number: u32, words: &[u64]) -> Option<Result<Vec<u64>>> {
    let mut reply = Writer::memory(0);
    let result = dispatch_words(server, &mut 0, number, words, &mut reply)?;
    Some(result.map(|()| reply.into_memory()))
}

#[test]
fn rights_are_names_in_words() {
    let mut server = Server::default();
    assert_eq!(
        ask(&mut server, 2001, &[33, 4096, 8192, 1]),
        Some(Ok(vec![12288]))
    );
    assert_eq!(server.0, ["33 4096 8192 true"]);
    let disposition = Disposition::MakeSend as u64;
    assert_eq!(
        ask(&mut server, 2002, &[5, 6, disposition]),
        Some(Err(Error::KERN_NAME_EXISTS))
    );
    assert_eq!(ask(&mut server, 2003, &[]), Some(Ok(vec![2, 17, 18, 19])));
}

#[test]
fn bulk_comes_and_goes() {
    let words = [0, 3, 0x636261, 1, 0x64, 2, 65, 66];
    let mut server = Server::default();
    let reply = ask(&mut server, 2004, &words).unwrap().unwrap();
    assert_eq!(reply, [6, u64::from_le_bytes(*b"abcdAB\0\0")]);
}

#[test]
fn what_is_malformed_or_unknown_is_refused() {
    let mut server = Server::default();
    assert_eq!(ask(&mut server, 2000, &[]), None);
    assert_eq!(
        ask(&mut server, 2001, &[33, 1, 1]),
        Some(Err(Error::MIG_BAD_ARGUMENTS))
    );
    assert_eq!(
        ask(&mut server, 2001, &[33, 1, 1, 2]),
        Some(Err(Error::MIG_BAD_ARGUMENTS))
    );
    assert_eq!(
        ask(&mut server, 2002, &[5, 6, 99]),
        Some(Err(Error::MACH_SEND_INVALID_RIGHT))
    );
    assert_eq!(
        ask(&mut server, 2004, &[0, 1 << 40]),
        Some(Err(Error::MIG_BAD_ARGUMENTS))
    );
    assert!(server.0.is_empty());
}
