use super::*;
use interface::fs::{O_READ, O_WRITE};
use interface::{fsys, io};
use machuser::SendRight;

fn hello() -> Hello {
    Hello(Mutex::new(b"Hello, world!\n".to_vec()))
}

fn read(file: &SendRight, amount: usize) -> Vec<u8> {
    let mut bytes = vec![0; amount];
    let count = io::io_read(file, -1, amount, &mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn each_open_reads_from_the_start() {
    let translator = trivfs::testing::start(hello());
    let (one, other) = (
        translator.open(O_READ).unwrap(),
        translator.open(O_READ).unwrap(),
    );
    assert_eq!(read(&one, 5), b"Hello");
    assert_eq!(read(&one, 100), b", world!\n");
    assert_eq!(read(&one, 100), b"");
    assert_eq!(read(&other, 100), b"Hello, world!\n");
    let mut byte = [0];
    assert_eq!(io::io_read(&one, i64::MAX, 1, &mut byte), Ok(0));
}

#[test]
fn it_is_a_regular_file_that_cannot_be_written() {
    let translator = trivfs::testing::start(hello());
    let stat = io::io_stat(translator.open(O_READ).unwrap()).unwrap();
    assert_eq!((stat.mode & S_IFMT, stat.size), (S_IFREG, 14));
    assert_eq!(translator.open(O_WRITE), Err(Error::EROFS));
}

#[test]
fn the_contents_are_an_option() {
    let translator = trivfs::testing::start(hello());
    let control = &translator.control;
    let file = translator.open(O_READ).unwrap();
    fsys::fsys_set_options(control, b"--contents=Salve\n\0", 0).unwrap();
    assert_eq!(read(&file, 100), b"Salve\n");
    let options = b"hello\0--contents=Salve\n\0";
    assert_eq!(fsys::fsys_get_options(control).unwrap(), options);
    for wrong in [&b"--color=red\0"[..], b"Salve\0", b"--contents=Vale\0\0"] {
        assert_eq!(
            fsys::fsys_set_options(control, wrong, 0),
            Err(Error::EINVAL)
        );
    }
}
